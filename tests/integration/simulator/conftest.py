"""A carrier in its own process, a baresip phone (the node's stack) and a bare UDP client that can misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from aiosipua import SipMessage, SipResponse
from baresip import AudioNotActive, AudioRestarted, Call, Config, Event, Runtime, StackEvent, UserAgent

from simulator.process import Launch, SimulatorProcess
from simulator.sounds import ClipStore

EXAMPLE = Path(__file__).parents[3] / "simulator" / "example.yaml"
LOOPBACK = Config(net_interface="127.0.0.1", max_concurrent_calls=None, extra_config_text="sip_listen 127.0.0.1:0\n")
FRAME_S = 0.02


@pytest.fixture(scope="session")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    log = tmp_path_factory.mktemp("carrier") / "log.jsonl"
    with SimulatorProcess(Launch(EXAMPLE, log, rtp_ports=(23000, 23999))) as running:
        yield running
        assert "Traceback" not in running.stderr()


@dataclass
class Talk:
    """One call of the phone: its events, the keys and the audio it heard."""

    call: Call
    events: list[Event] = field(default_factory=list)
    digits: list[str] = field(default_factory=list)
    heard: list[tuple[bool, np.ndarray]] = field(default_factory=list)
    close_reason: str = ""
    established: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    listener: asyncio.Task[None] | None = None

    def on_event(self, event: StackEvent) -> None:
        self.events.append(event.event)
        if event.event is Event.CALL_ESTABLISHED:
            self.established.set()
        elif event.event is Event.CALL_CLOSED:
            self.close_reason = event.text or ""
            self.closed.set()

    async def listen(self) -> None:
        """Read what arrives until the call is over."""
        while not self.closed.is_set():
            try:
                pcm = np.frombuffer(self.call.audio.read(3200), dtype="<i2")
                if pcm.size:
                    self.heard.append((self.established.is_set(), pcm))
            except (AudioNotActive, AudioRestarted):
                pass
            await asyncio.sleep(FRAME_S)

    async def play(self, clip: str, seconds: float) -> None:
        """Play the beginning of a clip, then 1.2 s of quiet: one prompt. The stack paces what it has been given."""
        pcm = ClipStore().samples(clip)[: int(seconds * 8000)].astype("<i2").tobytes()
        while pcm and not self.closed.is_set():
            with suppress(AudioRestarted):  # raised once after a re-INVITE
                pcm = pcm[self.call.audio.write(pcm) :]
            await asyncio.sleep(FRAME_S)
        await self.until(lambda: self.closed.is_set() or self.call.audio.info().tx_buffered == 0)
        await asyncio.sleep(1.2)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
        """Wait until ``condition`` holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 -- the condition is the library's state, it has no event
                await asyncio.sleep(FRAME_S)

    def loudness(self, *, early: bool) -> float:
        """RMS of what was heard before (early) or after the answer."""
        parts = [pcm for established, pcm in self.heard if established is not early]
        return float(np.sqrt(np.mean(np.concatenate(parts).astype(np.float64) ** 2))) if parts else 0.0


class Phone:
    """The node's SIP stack, without the node.

    A quick answer is reported before ``dial`` returns the call, so events are taken from the stack, not from the call.
    """

    def __init__(self, carrier: SimulatorProcess, runtime: Runtime, agent: UserAgent) -> None:
        self._carrier = carrier
        self._agent = agent
        self._talks: dict[int, Talk] = {}
        self._early: list[StackEvent] = []
        runtime.subscribe(self._on_event)

    def _on_event(self, event: StackEvent) -> None:
        talk = self._talks.get(event.call)
        if talk is None:
            self._early.append(event)
        else:
            talk.on_event(event)

    async def dial(self, number: str) -> Talk:
        """Dial a number; the returned talk listens by itself."""
        talk = Talk(await self._agent.dial(self._carrier.uri(number)))
        talk.call.on_dtmf(lambda digit: talk.digits.append(digit.digit))
        self._talks[talk.call.handle] = talk
        for event in self._early:
            if event.call == talk.call.handle:
                talk.on_event(event)
        talk.listener = asyncio.create_task(talk.listen())
        return talk

    async def connect(self, number: str) -> Talk:
        """Dial and wait for the answer."""
        talk = await self.dial(number)
        await asyncio.wait_for(talk.established.wait(), 30)
        return talk


@pytest.fixture(scope="session")
def phone(carrier: SimulatorProcess) -> Callable[[], object]:
    @asynccontextmanager
    async def open_phone() -> AsyncIterator[Phone]:
        runtime = Runtime()
        await runtime.start(LOOPBACK)
        try:
            agent = await UserAgent.create(runtime, "<sip:huifang@127.0.0.1>;regint=0")
            yield Phone(carrier, runtime, agent)
        finally:
            await runtime.close()

    return open_phone


class BareClient:
    """A UDP socket that writes SIP by hand: repeats, crosses, forgets, sends nonsense."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.port: int = self._socket.getsockname()[1]

    def request(self, method: str, number: str, *, ident: str, to_tag: str = "", cseq: int = 1, **extra: str) -> bytes:
        """A request of the dialog ``ident``; ``extra``: branch, body."""
        body = extra.get("body", "")
        tag = f";tag={to_tag}" if to_tag else ""
        lines = [
            f"{method} sip:{number}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{extra.get('branch', ident)};rport",
            f"From: <sip:node@127.0.0.1>;tag=from-{ident}",
            f"To: <sip:{number}@127.0.0.1>{tag}",
            f"Call-ID: {ident}",
            f"CSeq: {cseq} {'INVITE' if method == 'ACK' else method}",
            f"Contact: <sip:node@127.0.0.1:{self.port}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def offer(self, direction: str = "sendrecv", codecs: str = "8 0 101") -> str:
        """An SDP offer whose RTP goes to this socket's port + 0 (nobody reads it)."""
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio 9 RTP/AVP {codecs}\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self._target)

    def receive(self) -> SipMessage:
        return SipMessage.parse(self._socket.recv(4096))

    def until(self, status: int, method: str = "") -> SipResponse:
        """The next response of this status (to this method)."""
        while True:
            message = self.receive()
            if isinstance(message, SipResponse) and message.status_code == status and method in str(message.cseq):
                return message

    def statuses_within(self, seconds: float) -> list[int]:
        """Every status that arrives until ``seconds`` of quiet have passed."""
        seen: list[int] = []
        self._socket.settimeout(seconds)
        try:
            while True:
                message = self.receive()
                if isinstance(message, SipResponse):
                    seen.append(message.status_code)
        except TimeoutError:
            return seen
        finally:
            self._socket.settimeout(5)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def client(carrier: SimulatorProcess) -> Iterator[BareClient]:
    bare = BareClient(carrier.port)
    yield bare
    bare.close()
