"""The media loop: one 20 ms tick serves every live call of the node.

Nothing in a tick waits: disk, recognition and the database are somebody else's thread. A tick that comes late is made
up for at once and counted; after a stall longer than ``MAX_CATCH_UP`` the missed ticks are dropped and counted too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.clock import Clock
from dialer.lines.base import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, Call

logger = logging.getLogger(__name__)

SILENCE = bytes(FRAME_BYTES)
TICK_S = FRAME_MS / 1000
MAX_CATCH_UP = 100  # ticks, two seconds
LATE_S = 0.010  # a tick this much behind its time counts as late
VERY_LATE_S = 0.100  # ... and this much: the far end hears it
_BACKLOG_BYTES = FRAME_BYTES * 50  # one second of received audio nobody consumed: something stalled
_KEEP_BYTES = FRAME_BYTES * 5

Tick = Callable[[], None]


@dataclass(slots=True)
class LoopFigures:
    """What the loop has done so far."""

    ticks: int = 0
    late: int = 0
    late_100ms: int = 0
    dropped: int = 0
    worst_ms: float = 0.0

    def log(self) -> None:
        """Tell them in one line."""
        logger.info(
            "ticks %d, late %d, over 100 ms %d, dropped %d, worst %d ms",
            self.ticks,
            self.late,
            self.late_100ms,
            self.dropped,
            self.worst_ms,
        )


class MediaLoop:
    """Calls every registered tick function each 20 ms of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.figures = LoopFigures()
        self.due_at = clock.now()  # the instant for which the ticks of now are, however late they come
        self._clock = clock
        self._ticks: dict[Tick, None] = {}

    def add(self, tick: Tick) -> None:
        """Serve ``tick`` from the next tick on."""
        self._ticks[tick] = None

    def remove(self, tick: Tick) -> None:
        """Stop serving ``tick``; unknown ones are ignored."""
        self._ticks.pop(tick, None)

    async def run(self) -> None:
        """Tick until cancelled."""
        due = self._clock.monotonic()
        while True:
            due = self._on_time(due + TICK_S)
            await self._clock.sleep(due - self._clock.monotonic())
            self._tick(self._clock.monotonic() - due)

    def _on_time(self, due: float) -> float:
        behind = int((self._clock.monotonic() - due) / TICK_S)
        if behind <= MAX_CATCH_UP:
            return due
        self.figures.dropped += behind
        logger.warning("the media loop stalled for %d ms", behind * FRAME_MS)
        return due + behind * TICK_S

    def _tick(self, lateness: float) -> None:
        self.due_at = self._clock.now() - timedelta(seconds=lateness)
        self.figures.ticks += 1
        self.figures.late += lateness > LATE_S
        self.figures.late_100ms += lateness > VERY_LATE_S
        self.figures.worst_ms = max(self.figures.worst_ms, lateness * 1000)
        for tick in tuple(self._ticks):
            tick()


class Ear:
    """Cuts what a call delivers into frames of 20 ms; silence where nothing came."""

    def __init__(self, call: Call) -> None:
        self.bytes_dropped = 0
        self._call = call
        self._buffer = bytearray()

    def frame(self) -> bytes:
        """The next 320 bytes; zeros when less than a frame has arrived."""
        self._buffer += self._call.read()
        self._trim()
        if len(self._buffer) < FRAME_BYTES:
            return SILENCE
        frame = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        return frame

    def _trim(self) -> None:
        if len(self._buffer) > _BACKLOG_BYTES:
            surplus = len(self._buffer) - _KEEP_BYTES
            self.bytes_dropped += surplus
            del self._buffer[:surplus]


@dataclass(frozen=True, slots=True)
class Clip:
    """One prompt ready to be played: its id, the hash of its audio, 8 kHz 16-bit PCM."""

    prompt: str
    hash: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Played:
    """Proof of play-out: which prompt, between which milliseconds of the recording, and whether to its end."""

    prompt: str
    hash: str
    start_ms: int
    end_ms: int
    complete: bool


class Mouth:
    """Plays clips frame by frame and keeps the proof of what was played."""

    def __init__(self) -> None:
        self.played: list[Played] = []
        self._queue: list[Clip] = []
        self._offset = 0
        self._start_ms = 0

    @property
    def busy(self) -> bool:
        """True while something is left to play."""
        return bool(self._queue)

    def play(self, clips: list[Clip]) -> None:
        """Queue clips behind what is playing."""
        self._queue += clips

    def stop(self, now_ms: int) -> Played | None:
        """Stop at once; returns the proof of the clip that was cut, None when nothing was playing."""
        cut = self._finish(now_ms, complete=False) if self._queue and self._offset else None
        self._queue.clear()
        self._offset = 0
        return cut

    def frame(self, now_ms: int) -> tuple[bytes | None, Played | None]:
        """The next frame (None: silent) and the proof of a clip that ended with it."""
        if not self._queue:
            return None, None
        if self._offset == 0:
            self._start_ms = now_ms
        clip = self._queue[0]
        piece = clip.pcm[self._offset : self._offset + FRAME_BYTES]
        self._offset += FRAME_BYTES
        ended = self._finish(now_ms + FRAME_MS, complete=True) if self._offset >= len(clip.pcm) else None
        return piece.ljust(FRAME_BYTES, b"\0"), ended

    def _finish(self, now_ms: int, *, complete: bool) -> Played:
        clip = self._queue.pop(0)
        self._offset = 0
        proof = Played(clip.prompt, clip.hash, self._start_ms, now_ms, complete)
        self.played.append(proof)
        return proof


def clip_ms(pcm: bytes) -> int:
    """Milliseconds of 8 kHz 16-bit mono PCM."""
    return len(pcm) * 1000 // (SAMPLE_RATE * 2)
