"""Puts received RTP back into order.

The rule of this module: pure; it knows numbers and times, not sockets. A packet waits for its predecessors, 120 ms or
five packets long at most; then the hole is told and the stream goes on. pyVoIP itself keeps every packet of a call for
good and returns silence for "nothing came", which cannot be told from a silent person.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 5
PATIENCE_S = 0.12
JUMP = 100  # two seconds: a number further away is a new start, not a loss (RFC 3550 appendix A.1)


class JitterBuffer(Generic[T]):
    """Sequence numbers in any order in, the packets in order out, each with the number that was lost before it."""

    def __init__(self) -> None:
        self.lost = 0
        self._expected: int | None = None
        self._waiting: dict[int, tuple[float, T]] = {}

    def put(self, sequence: int, packet: T, now: float) -> list[tuple[int, T]]:
        """Take one packet; what can be heard now is returned. A packet that comes too late, or again, is dropped."""
        started: list[tuple[int, T]] = []
        distance = 0 if self._expected is None else _distance(sequence, self._expected)
        if self._expected is None or abs(distance) > JUMP:
            started = self._drain()
            self._expected = sequence
        elif distance < 0:
            return []
        self._waiting.setdefault(sequence, (now, packet))
        return started + self.due(now)

    def due(self, now: float) -> list[tuple[int, T]]:
        """What can be heard now although nothing more came."""
        heard: list[tuple[int, T]] = []
        while self._waiting and self._expected is not None:
            if self._expected not in self._waiting and not self._impatient(now):
                break
            heard.append(self._next())
        return heard

    def _impatient(self, now: float) -> bool:
        oldest = min(arrived for arrived, _ in self._waiting.values())
        return len(self._waiting) > DEPTH or now - oldest > PATIENCE_S

    def _next(self) -> tuple[int, T]:
        expected = self._expected or 0
        nearest = min(self._waiting, key=lambda sequence: _distance(sequence, expected))
        gone = _distance(nearest, expected)
        self.lost += gone
        self._expected = (nearest + 1) & 0xFFFF
        return gone, self._waiting.pop(nearest)[1]

    def _drain(self) -> list[tuple[int, T]]:
        heard = []
        while self._waiting:
            heard.append(self._next())
        return heard


def _distance(sequence: int, from_: int) -> int:
    """How far ``sequence`` is ahead of ``from_`` on the circle of 16 bits; negative: behind."""
    return ((sequence - from_ + 0x8000) & 0xFFFF) - 0x8000
