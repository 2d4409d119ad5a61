"""Time is injected: nothing outside this module reads the machine's clock.

``now()`` is an aware UTC datetime (what is stored); ``monotonic()`` is seconds that never run backwards (what is
measured). ``SimulatedClock`` stands still until it is advanced, so a 30-day campaign runs in seconds;
``ShiftedClock`` runs at real speed on another date, so that the demo day is always a working day.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, never running backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` of this clock's time pass."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        await asyncio.sleep(max(0.0, seconds))


class ShiftedClock(SystemClock):
    """The machine's clock moved by ``shift``; it runs at real speed, and alike in every process."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def now(self) -> datetime:
        """The shifted time, aware, UTC."""
        return super().now() + self._shift


class SimulatedClock:
    """A clock that moves only when ``advance`` is called; sleepers wake in the order of their time."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The simulated time, aware, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has moved the clock past ``seconds`` from now."""
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), waker))
        await waker

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake every sleeper whose time has come."""
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed + 1e-9:
            _, _, waker = heapq.heappop(self._sleepers)
            if not waker.done():
                waker.set_result(None)


def china(moment: datetime) -> datetime:
    """``moment`` as Chinese wall-clock time: windows and deadlines are read in it."""
    return moment.astimezone(CHINA)
