"""Real programs at the other end: Kamailio, SIPp, baresip and linphone, each stopped by its own pid.

The modules here are called check_*.py, so that the default run does not collect them: they need packages that nothing
else needs. `make interop` installs those and names the modules.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Call, CallEvent, CallState, Digit, EndedBy, Trunk

from .pages import block

HOST, BOUND_S = "127.0.0.1", 30.0
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


class Programs:
    """Starts programs in a folder of their own and stops them again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *arguments: object, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """Run a program; what it says goes to NAME.log."""
        found = shutil.which(name, path=PATH)
        assert found, f"{name} is missing: run tools/interop-packages.sh"
        where = folder or self.folder
        with (where / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [found, *map(str, arguments)],
                cwd=where,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(where)},
            )
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ask, wait, insist."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        self._running.remove(process)

    def stop_all(self) -> None:
        """Stop what runs."""
        for process in list(self._running):
            self.stop(process)


class Kamailio:
    """The proxy and registrar of docs/interop/kamailio.md."""

    def __init__(self, programs: Programs, carrier_port: int) -> None:
        self.port = free_port()
        self._programs = programs
        text = block(
            "kamailio.md",
            "kamailio.cfg",
            **{
                "192.0.2.10:5060": f"{HOST}:{self.port}",
                '$si != "192.0.2.40" || $sp != 5060': f'$si != "{HOST}" || $sp != {carrier_port}',
                "sip:192.0.2.40:5060": f"sip:{HOST}:{carrier_port}",
            },
        )
        (programs.folder / "kamailio.cfg").write_text(text, encoding="utf-8")
        self._process = self._start()

    def restart(self) -> None:
        """Stop and start again: every registration is forgotten."""
        self._programs.stop(self._process)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        folder = self._programs.folder
        run = folder / "run"
        run.mkdir(exist_ok=True)
        process = self._programs.start("kamailio", "-DD", "-E", "-f", folder / "kamailio.cfg", "-Y", run, "-w", folder)
        await_udp(self.port, process, folder / "kamailio.log")
        return process


class Talk:
    """One call of ours: plays a tone, keeps what it hears and the keys."""

    def __init__(self, call: Call, hertz: int) -> None:
        self.call = call
        self.keys = ""
        self._hertz = hertz
        self._heard = b""
        self._played = 0
        call.subscribe(self._take)

    def _take(self, event: CallEvent) -> None:
        if isinstance(event, Digit):
            self.keys += event.key

    def tick(self) -> None:
        """Keep 200 ms queued; take what came."""
        while self.call.queued_bytes < 3200:
            time_ = (self._played + np.arange(160)) / 8000
            if not self.call.write((8192 * np.sin(2 * np.pi * self._hertz * time_)).astype("<i2").tobytes()):
                break
            self._played += 160
        self._heard = (self._heard + self.call.read())[-8000:]

    def hears(self, hertz: int) -> bool:
        """Whether the last half second was this tone."""
        samples = np.frombuffer(self._heard, "<i2").astype(float)
        return samples.size == 4000 and abs(pitch(samples, 8000) - hertz) < 20

    async def until(self, wanted: Callable[[], bool], what: str) -> None:
        """Play and listen until ``wanted``."""
        deadline = time.monotonic() + BOUND_S
        while not wanted():
            assert time.monotonic() < deadline, f"not seen within {BOUND_S} s: {what}; {self.call.ending}"
            self.tick()
            await asyncio.sleep(0.02)

    async def answered(self) -> None:
        """The far end took the call."""
        await self.until(lambda: self.call.state is CallState.ANSWERED, "the call is answered")

    async def ended_by(self, who: EndedBy) -> None:
        """The call is over, and ``who`` ended it."""
        await self.until(lambda: self.call.ending is not None, "the call ends")
        assert self.call.ending is not None
        assert self.call.ending.by is who


@asynccontextmanager
async def line_through(kamailio: Kamailio):
    """Our line with the trunk of docs/interop/kamailio.md, registered."""
    trunk = Trunk(
        "main",
        f"{HOST}:{kamailio.port}",
        domain="pbx.example.com",
        user="node1",
        password="change-me-1",
        register_s=10,
        options_s=2,
    )
    line = BaresipLine(
        SystemClock(),
        listen=f"{HOST}:{free_port()}",
        caller_id="4008001234",
        trunks=[trunk],
        rtp_ports=(rtp := free_rtp_range(), rtp + 100),
    )
    await line.start()
    try:
        await until(lambda: line.health()[0].registered is True, "the line is registered")
        yield line
    finally:
        await line.close()


async def until(wanted: Callable[[], bool], what: str) -> None:
    """Look until ``wanted``."""
    deadline = time.monotonic() + BOUND_S
    while not wanted():
        assert time.monotonic() < deadline, f"not seen within {BOUND_S} s: {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Programs of one test."""
    running = Programs(tmp_path)
    yield running
    running.stop_all()


@pytest.fixture
def carrier_port() -> int:
    """Where SIPp will stand."""
    return free_port()


@pytest.fixture
def kamailio(programs: Programs, carrier_port: int) -> Kamailio:
    """A running Kamailio that knows the carrier."""
    return Kamailio(programs, carrier_port)


def sipp(programs: Programs, scenario: str, port: int, *arguments: object) -> subprocess.Popen[bytes]:
    """SIPp with a scenario of docs/interop/sipp.md on ``port``."""
    path = programs.folder / scenario
    path.write_text(block("sipp.md", scenario), encoding="utf-8")
    media = ("-rtp_echo", "-mi", HOST, "-mp", free_rtp_range())
    return programs.start("sipp", "-sf", path, "-i", HOST, "-p", port, "-nostdin", *media, *arguments)


class BaresipPhone:
    """Debian's baresip as docs/interop/phones.md has it; answers by itself and plays a file of 700 Hz."""

    plays = 700

    def __init__(self, programs: Programs, kamailio: Kamailio) -> None:
        self._folder = programs.folder / "baresip"
        self._folder.mkdir()
        self._port, control, rtp = free_port(), free_port(), free_rtp_range()
        account = block("phones.md", "baresip-accounts", **{"192.0.2.10:5060": f"{HOST}:{kamailio.port}"})
        config = block(
            "phones.md",
            "baresip-config",
            **{
                "192.0.2.21:5060": f"{HOST}:{self._port}",
                "20000-20100": f"{rtp}-{rtp + 100}",
                "127.0.0.1:4444": f"{HOST}:{control}",
                "hold.wav": str(self._folder / "hold.wav"),
                "snd_path heard": f"snd_path {self._folder / 'heard'}",
            },
        )
        write_tone(self._folder / "hold.wav", self.plays)
        (self._folder / "heard").mkdir()
        (self._folder / "accounts").write_text(account, encoding="utf-8")
        (self._folder / "config").write_text(f"{config}net_interface {HOST}\n", encoding="utf-8")
        self._control = (HOST, control)
        programs.start("baresip", "-f", self._folder, "-4", folder=self._folder)

    def registered(self) -> bool:
        """Whether it says so."""
        return "200 OK" in (self._folder / "baresip.log").read_text(errors="replace")

    def hang_up(self) -> None:
        """Through its control port: a netstring of JSON."""
        order = json.dumps({"command": "hangup"}).encode()
        with socket.create_connection(self._control, timeout=5) as control:
            control.sendall(b"%d:%s," % (len(order), order))
            control.recv(1000)

    def heard(self, hertz: int) -> bool:
        """Whether its last second of ``heard.wav`` was this tone."""
        return wav_pitch(self._folder, hertz)


class LinphonePhone:
    """Debian's linphonec as docs/interop/phones.md has it; answers by itself and plays a file of 900 Hz."""

    plays = 900

    def __init__(self, programs: Programs, kamailio: Kamailio) -> None:
        self._folder = programs.folder / "linphone"
        (self._folder / ".local" / "share" / "linphone").mkdir(parents=True)
        rtp = free_rtp_range()
        text = block(
            "phones.md",
            "linphonerc",
            **{
                "192.0.2.10:5060": f"{HOST}:{kamailio.port}",
                "sip_port=5060": f"sip_port={free_port()}",
                "192.0.2.22": HOST,
                "20200-20300": f"{rtp}-{rtp + 100}",
            },
        )
        (self._folder / "linphonerc").write_text(text, encoding="utf-8")
        write_tone(self._folder / "hold.wav", self.plays)
        self._process = programs.start(
            "linphonec", "-c", "linphonerc", "-a", "-d", "6", "-l", "messages.log", folder=self._folder
        )
        self._type("soundcard use files")
        self._type(f"play {self._folder / 'hold.wav'}")
        self._type(f"record {self._folder / 'heard.wav'}")

    def registered(self) -> bool:
        """Whether it says so."""
        log = self._folder / "messages.log"
        return log.exists() and "LinphoneRegistrationOk" in log.read_text(errors="replace")

    def hang_up(self) -> None:
        """By its command."""
        self._type("terminate")

    def heard(self, hertz: int) -> bool:
        """Whether the last second of its recording was this tone."""
        return wav_pitch(self._folder, hertz)

    def _type(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()


def write_tone(path: Path, hertz: int) -> None:
    """Twenty seconds of 8 kHz mono."""
    samples = (8192 * np.sin(2 * np.pi * hertz * np.arange(160_000) / 8000)).astype("<i2").tobytes()
    with path.open("wb") as file:
        head = (16, 1, 1, 8000, 16000, 2, 16)
        file.write(b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + head[0].to_bytes(4, "little"))
        file.write(b"".join(value.to_bytes(2, "little") for value in head[1:3]))
        file.write(b"".join(value.to_bytes(4, "little") for value in head[3:5]))
        file.write(b"".join(value.to_bytes(2, "little") for value in head[5:]))
        file.write(b"data" + len(samples).to_bytes(4, "little") + samples)


def wav_pitch(folder: Path, hertz: int) -> bool:
    """Whether a recording in ``folder`` (8 kHz, mono; its header may be empty yet) ends with a second of this tone."""
    for path in (*folder.glob("heard.wav"), *folder.glob("heard/*dec.wav")):
        octets = path.read_bytes()[44:]
        samples = np.frombuffer(octets[: len(octets) // 2 * 2][-16000:], "<i2").astype(float)
        if samples.size == 8000 and abs(pitch(samples, 8000) - hertz) < 20:
            return True
    return False


def pitch(samples: np.ndarray, rate: int) -> float:
    """The strongest frequency in Hz; 0 for silence."""
    if np.sqrt((samples**2).mean()) < 300:
        return 0.0
    return float(abs(np.fft.rfft(samples * np.hanning(samples.size))).argmax() * rate / samples.size)


def free_port() -> int:
    """A loopback port that was free for UDP and TCP a moment ago."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((HOST, 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


def free_rtp_range() -> int:
    """The even start of a hundred ports, none of which was in use a moment ago."""
    taken = Path("/proc/net/udp").read_text(encoding="ascii")
    for low in random.sample(range(16384, 32000, 102), 150):
        if not any(f":{port:04X} " in taken for port in range(low, low + 101)):
            return low
    raise AssertionError("no free range of ports")


def await_udp(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody owns the port."""
    deadline = time.monotonic() + BOUND_S
    while f":{port:04X} " not in Path("/proc/net/udp").read_text(encoding="ascii"):
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.02)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """One coroutine, two minutes at most."""

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await test()

    asyncio.run(bounded())
