"""A far end for line engines: SIPp speaks SIP, our own few lines of RTP speak audio, neither knows the engine.

A scenario is written beside the test that needs it, as steps of the ``Carrier``; SIPp runs it and its exit code tells
whether the engine sent what the scenario expects.
"""

from __future__ import annotations

import asyncio
import audioop
import inspect
import select
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine, Trunk
from dialer.lines.base import Call, CallEvent, Line

BOUND_S = 12.0  # no step of any test waits longer
PCMU, PCMA = 0, 8
LINES: dict[str, Callable[..., Line]] = {
    "baresip": lambda listen="127.0.0.1:0", **trunk: BaresipLine(
        SystemClock(), listen=listen, caller_id="4008001234", trunk=Trunk(**trunk)
    ),
}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})

    asyncio.run(bounded())
    return True


@pytest.fixture(params=sorted(LINES))
def engine(request: pytest.FixtureRequest) -> Callable[..., Line]:
    """``engine(**settings)``: a line of each engine in turn, not started."""
    return LINES[request.param]


@pytest.fixture
def open_line(engine: Callable[..., Line]):
    """``async with open_line() as line``: a started line of each engine in turn."""
    return _opener(engine)


@pytest.fixture
def open_baresip():
    """The same for baresip alone, where a test looks into it."""
    return _opener(LINES["baresip"])


def _opener(engine: Callable[..., Line]):
    @asynccontextmanager
    async def opened(**settings):
        line = engine(**settings)
        await line.start()
        try:
            yield line
        finally:
            async with asyncio.timeout(BOUND_S):
                await line.close()

    return opened


@pytest.fixture
def watch() -> Callable[[Call], Watcher]:
    """``watch(call)`` collects the call's events."""
    return Watcher


class Watcher:
    """The events of one call, in order."""

    def __init__(self, call: Call) -> None:
        self.events: list[CallEvent] = []
        self._news = asyncio.Event()
        call.subscribe(self._take)

    def _take(self, event: CallEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type | tuple[type, ...], seconds: float = BOUND_S, count: int = 1):
        """The ``count``-th event of ``kind``, waiting for it at most ``seconds``."""
        async with asyncio.timeout(seconds):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    @property
    def names(self) -> list[str]:
        """The kinds of the events so far."""
        return [type(event).__name__ for event in self.events]


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    """A far end; whatever it started is stopped by its own pid."""
    far_end = Carrier(tmp_path)
    yield far_end
    far_end.stop()


class Carrier:
    """Builds SIPp scenarios out of steps and plays them."""

    TAG = ";tag=[pid]FarEnd[call_number]"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    # -- steps -----------------------------------------------------------------------------------------------------

    def reply(self, line: str, *, audio: Audio | None = None, codec: int = PCMA, extra: str = "", way: str = "") -> str:
        """Answer the last request; ``audio`` adds a session description, ``way`` its direction, ``extra`` headers."""
        retransmit = ' retrans="500"' if audio and line.startswith("200") else ""
        return self._send(
            f"SIP/2.0 {line}\n[last_Via:]\n[last_From:]\n[last_To:]{self.TAG}\n[last_Call-ID:]\n[last_CSeq:]\n"
            f"Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n" + (extra + "\n" if extra else ""),
            _sdp(audio.port, codec, way) if audio else "",
            retransmit,
        )

    def request(self, method: str, number: int, *, audio: Audio | None = None, way: str = "", extra: str = "") -> str:
        """Send a request of our own inside the dialog, with CSeq ``number``."""
        return self._send(
            f"{method} [$contact] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            f"From: [$to]{self.TAG}\nTo: [$from]\nCall-ID: [call_id]\nCSeq: {number} {method}\nMax-Forwards: 70\n"
            f"Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n" + (extra + "\n" if extra else ""),
            _sdp(audio.port, PCMA, way) if audio else "",
            "" if method == "ACK" else ' retrans="500"',
        )

    def info(self, number: int, key: str) -> str:
        """Press a key by SIP INFO (application/dtmf-relay)."""
        step = self.request("INFO", number, extra="Content-Type: application/dtmf-relay")
        return step.replace("Content-Length: 0\n\n", f"Content-Length: [len]\n\nSignal={key}\nDuration=160\n")

    def expect(self, message: str, containing: str = "") -> str:
        """Wait for a request, or a response when it is a number; ``containing`` must match its body."""
        kind = "response" if message.isdigit() else "request"
        check = f'<ereg regexp="{containing}" search_in="body" check_it="true" assign_to="body"/>' if containing else ""
        return f'<recv {kind}="{message}"><action>{check}</action></recv>' if check else f'<recv {kind}="{message}"/>'

    def expect_header(self, request: str, text: str) -> str:
        """Wait for a request that contains ``text``."""
        check = f'<ereg regexp="{text.replace(chr(34), "&quot;")}" search_in="msg" check_it="true" assign_to="body"/>'
        return f'<recv request="{request}"><action>{check}</action></recv>'

    def pause(self, milliseconds: int) -> str:
        """Wait."""
        return f'<pause milliseconds="{milliseconds}"/>'

    def request_terminated(self) -> str:
        """Answer 487 to the INVITE, after a CANCEL was confirmed."""
        return self.reply("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [$cseq] INVITE")

    def late_answer(self, audio: Audio) -> str:
        """Answer 200 to the INVITE although a CANCEL came."""
        return self.reply("200 OK", audio=audio).replace("[last_CSeq:]", "CSeq: [$cseq] INVITE")

    # -- play ------------------------------------------------------------------------------------------------------

    def play(self, *steps: str, calls: int = 1, transport: str = "udp") -> Playing:
        """Start SIPp with these steps after the INVITE, for so many calls."""
        return self.play_if("INVITE", *steps, calls=calls, transport=transport)

    def play_if(self, required: str, *steps: str, calls: int = 1, transport: str = "udp") -> Playing:
        """The same, when the first INVITE contains ``required``."""
        sipp = shutil.which("sipp")
        assert sipp, "SIPp is missing: apt-get install -y sip-tester"
        port, scenario = free_port(), self._folder / f"scenario{len(self._running)}.xml"
        scenario.write_text(_document(steps, required), encoding="utf-8")
        command = [sipp, "-sf", scenario.name, "-i", "127.0.0.1", "-p", str(port), "-m", str(calls), "-nostdin"]
        command += ["-t", {"udp": "u1", "tcp": "t1"}[transport]]
        log = (self._folder / "sipp.log").open("wb")
        process = subprocess.Popen(
            [*command, "-timeout", "60s", "-trace_err", "-error_file", "errors.log"],
            cwd=self._folder,
            stdout=log,
            stderr=log,
        )
        log.close()
        self._running.append(process)
        _await_bound(port, transport)
        return Playing(process, f"sip:13800138000@127.0.0.1:{port}", self._folder / "errors.log")

    def stop(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _send(self, head: str, sdp: str, attributes: str) -> str:
        tail = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}" if sdp else "Content-Length: 0\n\n"
        return f"<send{attributes}><![CDATA[\n\n{head}{tail}\n]]></send>"


class Playing:
    """A running scenario."""

    def __init__(self, process: subprocess.Popen[bytes], uri: str, errors: Path) -> None:
        self.uri = uri
        self._process = process
        self._errors = errors

    async def finished(self) -> None:
        """The scenario ran to its end: the engine sent everything that it expects."""
        async with asyncio.timeout(BOUND_S):
            code = await asyncio.to_thread(self._process.wait)
        assert code == 0, self._errors.read_text() if self._errors.exists() else f"SIPp ended with {code}"


@pytest.fixture
def audio() -> Iterator[Audio]:
    """A far end's RTP port."""
    port = Audio()
    yield port
    port.close()


class Audio:
    """Some RTP: sends a tone and keys, keeps what it hears (RFC 3550, RFC 4733). Learns its peer by listening."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[bytes] = []
        self._peer: tuple[str, int] | None = None
        self._sequence = 0
        self._timestamp = 0

    def close(self) -> None:
        """Give back the port."""
        self._socket.close()

    async def listen(self, seconds: float) -> None:
        """Keep every packet that arrives within ``seconds``."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    packet, self._peer = await loop.sock_recvfrom(self._socket, 2048)
                    self.packets.append(packet)
        except TimeoutError:
            pass

    async def meet(self) -> None:
        """Wait for the peer's first packet."""
        async with asyncio.timeout(BOUND_S):
            while self._peer is None:
                await self.listen(0.05)

    async def play(self, pcm: bytes, codec: int) -> None:
        """Send 8 kHz PCM in packets of 20 ms."""
        await self.meet()
        for start in range(0, len(pcm) - 319, 320):
            self._packet(codec, _encode(pcm[start : start + 320], codec))
            self._timestamp += 160
            await asyncio.sleep(0.02)

    async def press(self, keys: str) -> None:
        """Send telephone-events: 100 ms a key, the end packet three times."""
        await self.meet()
        for key in keys:
            event = "0123456789*#ABCD".index(key)
            for step in range(1, 6):
                self._packet(101, struct.pack("!BBH", event, 10, step * 160), marker=step == 1)
                await asyncio.sleep(0.02)
            for _ in range(3):
                self._packet(101, struct.pack("!BBH", event, 0x80 | 10, 800))
            self._timestamp += 1600
            await asyncio.sleep(0.1)

    def heard(self, codec: int) -> bytes:
        """The PCM of all packets of ``codec``."""
        return b"".join(_decode(packet[12:], codec) for packet in self.packets if packet[1] & 0x7F == codec)

    def keys(self) -> str:
        """The telephone-events received: one key per event timestamp."""
        events = {packet[4:8]: packet[12] for packet in self.packets if packet[1] & 0x7F == 101}
        return "".join("0123456789*#ABCD"[event] for event in events.values())

    def _packet(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        self._sequence += 1
        head = struct.pack("!BBHII", 0x80, payload_type | marker << 7, self._sequence, self._timestamp, 0x48F1)
        self._socket.sendto(head + payload, self._peer)


@pytest.fixture
def unused_port() -> int:
    """A loopback UDP port on which nobody listens."""
    return free_port()


@pytest.fixture
def tone() -> Callable[[int, float], bytes]:
    """``tone(hertz, seconds)``: a sine at a quarter of full scale."""

    def sine(hertz: int, seconds: float) -> bytes:
        time = np.arange(int(8000 * seconds)) / 8000
        return (8192 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()

    return sine


@pytest.fixture
def pitch() -> Callable[[bytes], tuple[float, float]]:
    """``pitch(pcm)``: the strongest frequency in Hz and the level (RMS) of the loudest second-half of the audio."""

    def measure(pcm: bytes) -> tuple[float, float]:
        samples = np.frombuffer(pcm, "<i2").astype(float)
        assert samples.size >= 4000, "less than half a second of audio came"
        voiced = samples[np.flatnonzero(abs(samples) > 500)[0] :] if (abs(samples) > 500).any() else samples
        voiced = voiced[: voiced.size // 2 * 2]
        spectrum = abs(np.fft.rfft(voiced * np.hanning(voiced.size)))
        return float(spectrum.argmax() * 8000 / voiced.size), float(np.sqrt((voiced**2).mean()))

    return measure


def free_port() -> int:
    """A loopback UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_bound(port: int, transport: str) -> None:
    """Until SIPp owns its port, seen from outside: a trial bind of ours could take the port from under it."""
    sockets, mine = Path(f"/proc/net/{transport}"), f":{port:04X} "
    for _ in range(1000):
        if mine in sockets.read_text(encoding="ascii"):
            return
        select.select([], [], [], 0.01)
    raise AssertionError("SIPp did not open its port within 10 s")


def _encode(pcm: bytes, codec: int) -> bytes:
    return audioop.lin2alaw(pcm, 2) if codec == PCMA else audioop.lin2ulaw(pcm, 2)


def _decode(payload: bytes, codec: int) -> bytes:
    return audioop.alaw2lin(payload, 2) if codec == PCMA else audioop.ulaw2lin(payload, 2)


def _sdp(port: int, codec: int, way: str) -> str:
    name = {PCMA: "PCMA", PCMU: "PCMU"}[codec]
    return (
        f"v=0\no=far 1 [call_number] IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {port} RTP/AVP {codec} 101\n"
        f"a=rtpmap:{codec} {name}/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"
        + (f"a={way}\n" if way else "")
    )


def _document(steps: tuple[str, ...], required: str) -> str:
    parts = {
        "from": ("From", ".*"),
        "to": ("To", ".*"),
        "contact": ("Contact", "sip:[^&gt;]*"),
        "cseq": ("CSeq", "[0-9]+"),
    }
    learn = "".join(
        f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" assign_to="{name}"/>'
        for name, (header, pattern) in parts.items()
    )
    learn += f'<ereg regexp="{required.replace(chr(34), "&quot;")}" search_in="msg" check_it="true" assign_to="seen"/>'
    used = "from,to,contact,cseq,seen" + (",body" if any('assign_to="body"' in step for step in steps) else "")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="far end">\n'
        f'<recv request="INVITE"><action>{learn}</action></recv>\n'
        + "\n".join(steps)
        + f'\n<Reference variables="{used}"/>\n</scenario>\n'
    )
