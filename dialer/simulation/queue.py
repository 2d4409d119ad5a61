"""Call-backs on their way to a channel: those whose time has not come, and those that wait for a free one.

The rule of this module: a call-back has one place; moving it makes its old one void (``Callback.version``). What waits
in an open window is counted in ``Usage``, to the moment.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

from dialer.calling.dispatch import Urgency, urgency
from dialer.simulation.books import Callback
from dialer.simulation.usage import Usage

Happening = Callable[[datetime], None]


class Agenda:
    """What will happen, by time; what is due at the same moment happens in the order in which it was put in."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._order = count()
        self._waiting: list[tuple[datetime, int, Happening]] = []

    def put(self, moment: datetime, happening: Happening) -> None:
        """Let ``happening`` come at ``moment``."""
        heapq.heappush(self._waiting, (moment.astimezone(UTC), next(self._order), happening))

    def first(self) -> datetime | None:
        """When the next thing happens."""
        return self._waiting[0][0] if self._waiting else None

    def happen(self, until: datetime) -> None:
        """Let everything happen up to and at ``until``, each at its moment."""
        while self._waiting and self._waiting[0][0] <= until:
            moment, _, happening = heapq.heappop(self._waiting)
            self._usage.pass_to(max(moment, self._usage.moment))
            happening(self._usage.moment)
        self._usage.pass_to(max(until, self._usage.moment))


class Queue:
    """Call-backs whose time has come, the most pressing first."""

    def __init__(
        self, agenda: Agenda, usage: Usage, open_until: Callable[[Callback, datetime], datetime | None]
    ) -> None:
        """``open_until`` tells until when a call-back's window is open, None when it is closed at that moment."""
        self._agenda = agenda
        self._usage = usage
        self._open_until = open_until
        self._ready: list[tuple[Urgency, int, Callback]] = []

    def place(self, callback: Callback) -> None:
        """Let it come when its ``next_attempt_at`` is there; an earlier place is void."""
        self.remove(callback)
        callback.next_attempt_at = callback.next_attempt_at.astimezone(UTC)
        version = callback.version
        self._agenda.put(callback.next_attempt_at, lambda moment: self._arrive(callback, version, moment))

    def remove(self, callback: Callback) -> None:
        """Take it out, wherever it is."""
        callback.version += 1
        self._wait(callback, waits=False)

    def _arrive(self, callback: Callback, version: int, moment: datetime) -> None:
        if callback.version != version:
            return
        heapq.heappush(self._ready, (urgency(callback), version, callback))
        until = self._open_until(callback, moment)
        if until is not None:
            self._wait(callback, waits=True)
            self._agenda.put(until, lambda _: self._close(callback, version))

    def _close(self, callback: Callback, version: int) -> None:
        """Its window ends; the gate will tell it so."""
        if callback.version == version:
            self._wait(callback, waits=False)

    def _wait(self, callback: Callback, *, waits: bool) -> None:
        self._usage.waiting += waits - callback.waits
        callback.waits = waits

    def empty(self) -> bool:
        """Whether nobody's time has come."""
        while self._ready and self._ready[0][2].version != self._ready[0][1]:
            heapq.heappop(self._ready)
        return not self._ready

    def take(self, most: int) -> Iterator[Callback]:
        """Up to ``most`` of the most pressing ones, in order; each must be removed or placed before the next."""
        for _ in range(most):
            if self.empty():
                return
            yield self._ready[0][2]
