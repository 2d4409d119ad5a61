"""One call's RTP in both directions, without a socket: packets in, packets out, one per 20 ms tick.

Out: clip frames, RFC 4733 keys (120 ms, the end packet three times), silence otherwise. In: loudness and keys.
A lost packet uses up its sequence number like on a real line; which ones are lost is decided by the call's chance.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from aiortp import DtmfEvent, DtmfReceiver, RtpPacket, get_codec
from aiortp.dtmf import DTMF_EVENTS

from simulator.reports import Reports
from simulator.sounds import FRAME

KEY_FRAMES = 6
END_COPIES = 3
GAP_FRAMES = 4
LOUD_RMS = 150.0
"""Of 32768, about -47 dBFS: below it a 20 ms frame counts as quiet."""

SILENCE = {pt: get_codec(pt).encode(bytes(FRAME * 2)) for pt in (0, 8)}
_ALL_BYTES = bytes(range(256))
_POWER = {pt: np.frombuffer(get_codec(pt).decode(_ALL_BYTES), dtype="<i2").astype(np.float64) ** 2 for pt in (0, 8)}


@dataclass(frozen=True, slots=True)
class Codec:
    """What was negotiated: payload types of the audio (0 or 8) and of telephone-event (None: not offered)."""

    audio: int
    keys: int | None


@dataclass(slots=True)
class Counts:
    """Packets of one call; ``dropped`` were lost on purpose and are not in ``sent``."""

    sent: int = 0
    dropped: int = 0
    received: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class _Frame:
    """One packet to come: audio when ``event`` is None, else a step of a key."""

    payload: bytes
    event: bool = False
    starts: bool = False


class RtpStream:
    """Both directions of one call. ``on_key`` is told every received digit once."""

    def __init__(self, codec: Codec, chance: random.Random, loss: float, on_key: Callable[[str], None]) -> None:
        self.codec = codec
        self.counts = Counts()
        self._chance = chance
        self._loss = loss
        self._queue: deque[_Frame] = deque()
        self._sequence = chance.getrandbits(16)
        self._timestamp = chance.getrandbits(32)
        self._event_timestamp = self._timestamp
        self.reports = Reports(chance.getrandbits(32))
        self._first = True
        self._levels: list[float] = []
        self._keys_in = DtmfReceiver(lambda digit, _duration: on_key(digit))

    @property
    def busy(self) -> bool:
        """Whether audio or keys are still to be sent."""
        return bool(self._queue)

    def play(self, frames: tuple[bytes, ...]) -> None:
        """Queue G.711 frames of the negotiated codec."""
        self._queue.extend(_Frame(frame) for frame in frames)

    def pause(self, seconds: float) -> None:
        """Queue silence."""
        self.play((SILENCE[self.codec.audio],) * max(1, round(seconds / 0.02)))

    def press(self, digit: str) -> None:
        """Queue one key as RFC 4733 section 2.5 events, and the silence after it; silence only when not negotiated."""
        if self.codec.keys is not None:
            self._queue.extend(_key_frames(DTMF_EVENTS[digit]))
        self.pause(GAP_FRAMES * 0.02)

    def tick(self) -> bytes | None:
        """The packet of this 20 ms, or None when it is lost."""
        frame = self._queue.popleft() if self._queue else _Frame(SILENCE[self.codec.audio])
        packet = self._packet(frame)
        if self._loss and self._chance.random() < self._loss:
            self.counts.dropped += 1
            return None
        self.counts.sent += 1
        return packet

    def skip(self) -> None:
        """Let 20 ms pass without sending (on hold): the media clock goes on."""
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if self._queue:
            self._queue.popleft()

    def receive(self, data: bytes) -> None:
        """Take one datagram; anything that is not RTP is counted and forgotten."""
        try:
            packet = RtpPacket.parse(data)
            self.counts.received += 1
            self.reports.heard(packet)
            self._hear(packet)
        except ValueError:
            self.counts.malformed += 1

    def receive_report(self, data: bytes, now: datetime) -> None:
        """Take one RTCP datagram."""
        try:
            self.reports.take(data, now)
        except ValueError:
            self.counts.malformed += 1

    def report(self, now: datetime) -> bytes:
        """Our RTCP sender report. Lost packets count as sent: the sender does not know better."""
        sent = self.counts.sent + self.counts.dropped
        return self.reports.build(now, self._timestamp, sent & 0xFFFFFFFF, sent * FRAME & 0xFFFFFFFF)

    def take_levels(self) -> list[float]:
        """The loudness (RMS of 32768) of every packet of audio received since the last call."""
        levels, self._levels = self._levels, []
        return levels

    def _hear(self, packet: RtpPacket) -> None:
        if packet.payload_type == self.codec.keys:
            self._keys_in.handle_packet(packet)
        elif packet.payload_type in _POWER and packet.payload:
            heard = _POWER[packet.payload_type].take(np.frombuffer(packet.payload, dtype=np.uint8))
            self._levels.append(float(heard.mean()) ** 0.5)

    def _packet(self, frame: _Frame) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if frame.starts:
            self._event_timestamp = self._timestamp
        marker, self._first = int(frame.starts or self._first), False
        return RtpPacket(
            payload_type=(self.codec.keys or 0) if frame.event else self.codec.audio,
            marker=marker,
            sequence_number=self._sequence,
            timestamp=self._event_timestamp if frame.event else self._timestamp,
            ssrc=self.reports.ssrc,
            payload=frame.payload,
        ).serialize()


def _key_frames(event: int) -> list[_Frame]:
    steps = [
        _Frame(DtmfEvent(event, False, 10, FRAME * step).serialize(), event=True, starts=step == 1)
        for step in range(1, KEY_FRAMES + 1)
    ]
    last = DtmfEvent(event, True, 10, FRAME * KEY_FRAMES).serialize()
    return steps + [_Frame(last, event=True)] * END_COPIES
