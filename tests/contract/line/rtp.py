"""A far end's audio: RTP with the faults that a test asks for (RFC 3550, RFC 4733), encrypted if asked (RFC 3711)."""

from __future__ import annotations

import asyncio
import audioop
import base64
import random
import secrets
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.contract.line.srtp import CRYPTO_SUITE, SecureStream

PCMU, PCMA = 0, 8
KEYS = "0123456789*#ABCD"
BOUND_S = 12.0


@dataclass(frozen=True)
class Road:
    """What the network does to our packets: ``lost`` of 1 are dropped, every ``swapped``-th comes after its follower,
    and each is late by up to ``late_ms``."""

    lost: float = 0.0
    swapped: int = 0
    late_ms: float = 0.0
    seed: int = 7

    def journey(self, packets: Iterable[bytes]) -> Iterator[tuple[float, bytes]]:
        """When each packet arrives, in seconds from the start, in the order of arrival."""
        chance = random.Random(self.seed)
        arrivals = []
        for number, packet in enumerate(packets):
            late = chance.uniform(0, self.late_ms) / 1000
            late += 0.03 if self.swapped and number % self.swapped == self.swapped - 1 else 0.0
            if chance.random() >= self.lost:
                arrivals.append((number * 0.02 + late, packet))
        return iter(sorted(arrivals))


class Audio:
    """An RTP port: sends audio and keys, keeps what it hears. Learns its peer by listening."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[bytes] = []
        self.ssrc = 0x48F1
        self.key = secrets.token_bytes(30)
        self._peer: tuple[str, int] | None = None
        self._profile = "RTP/AVP"
        self._sequence = 0
        self._timestamp = 0
        self._outward: SecureStream | None = None
        self._inward: SecureStream | None = None

    def close(self) -> None:
        """Give back the port."""
        self._socket.close()

    def description(self, codec: int, way: str = "") -> str:
        """The session description that leads here."""
        name = {PCMA: "PCMA", PCMU: "PCMU"}[codec]
        crypto = f"a=crypto:1 {CRYPTO_SUITE} inline:{base64.b64encode(self.key).decode()}\n" if self._outward else ""
        return (
            f"v=0\no=far 1 [call_number] IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
            f"m=audio {self.port} {self._profile} {codec} 101\n"
            f"a=rtpmap:{codec} {name}/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n{crypto}"
            + (f"a={way}\n" if way else "")
        )

    def encrypt(self, profile: str = "RTP/SAVP") -> None:
        """Send SRTP with our own key; ``profile`` is what the description calls it."""
        self._profile = profile
        self._outward = SecureStream(self.key)

    def decrypt(self, key: bytes) -> None:
        """Expect SRTP with the peer's key (30 bytes: key and salt)."""
        self._inward = SecureStream(key)

    def restart(self, *, ssrc: int) -> None:
        """Go on as another source, with sequence numbers and timestamps of its own."""
        self.ssrc, self._sequence, self._timestamp = ssrc, 40000, 0x10000000

    def join(self, other: Audio, *, ssrc: int) -> None:
        """Send from the port of ``other`` to its peer, as another source."""
        self._socket.close()
        self._socket, self._peer = other._socket.dup(), other._peer
        self.restart(ssrc=ssrc)

    async def listen(self, seconds: float) -> None:
        """Keep every packet that arrives within ``seconds``."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    packet, self._peer = await loop.sock_recvfrom(self._socket, 2048)
                    self.packets.append(self._inward.open(packet) if self._inward else packet)
        except TimeoutError:
            pass

    async def meet(self) -> None:
        """Wait for the peer's first packet."""
        async with asyncio.timeout(BOUND_S):
            while self._peer is None:
                await self.listen(0.05)

    async def play(self, pcm: bytes, codec: int, road: Road = Road()) -> None:
        """Send 8 kHz PCM in packets of 20 ms over ``road``."""
        await self.meet()
        loop = asyncio.get_running_loop()
        start = loop.time()
        for due, packet in road.journey(self._audio(pcm, codec)):
            await asyncio.sleep(max(0.0, start + due - loop.time()))
            self._out(packet)

    async def press(self, keys: str, *, ends: int = 3) -> None:
        """Send telephone-events: 100 ms a key, the end packet ``ends`` times (0: all were lost)."""
        await self.meet()
        for key in keys:
            event = KEYS.index(key)
            for step in range(1, 6):
                self._out(self._packet(101, struct.pack("!BBH", event, 10, step * 160), marker=step == 1))
                await asyncio.sleep(0.02)
            for _ in range(ends):
                self._out(self._packet(101, struct.pack("!BBH", event, 0x80 | 10, 800)))
            self._timestamp += 1600
            await asyncio.sleep(0.1)

    def heard(self, codec: int) -> bytes:
        """The PCM of all packets of ``codec``."""
        return b"".join(_decode(packet[12:], codec) for packet in self.packets if packet[1] & 0x7F == codec)

    def keys(self) -> str:
        """The telephone-events received: one key per event timestamp."""
        events = {packet[4:8]: packet[12] for packet in self.packets if packet[1] & 0x7F == 101}
        return "".join(KEYS[event] for event in events.values())

    def _audio(self, pcm: bytes, codec: int) -> Iterator[bytes]:
        for start in range(0, len(pcm) - 319, 320):
            yield self._packet(codec, _encode(pcm[start : start + 320], codec))
            self._timestamp += 160

    def _packet(self, payload_type: int, payload: bytes, *, marker: bool = False) -> bytes:
        self._sequence += 1
        head = struct.pack("!BBHII", 0x80, payload_type | marker << 7, self._sequence, self._timestamp, self.ssrc)
        return head + payload

    def _out(self, packet: bytes) -> None:
        self._socket.sendto(self._outward.seal(packet) if self._outward else packet, self._peer)


def _encode(pcm: bytes, codec: int) -> bytes:
    return audioop.lin2alaw(pcm, 2) if codec == PCMA else audioop.lin2ulaw(pcm, 2)


def _decode(payload: bytes, codec: int) -> bytes:
    return audioop.alaw2lin(payload, 2) if codec == PCMA else audioop.ulaw2lin(payload, 2)
