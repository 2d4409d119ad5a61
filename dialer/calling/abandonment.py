"""The ledger of abandoned calls: what counts as abandoned, of how many, and how much is left below the limit.

The rule of this module: pure, and every doubt counts against us. docs/pacing.md tells the formula and its sources: a
client who wanted an agent and did not have him on the line within ``answer_to_agent_s`` was abandoned, whatever played
meanwhile. Two shares are taken, of all persons who answered and of those who were to be connected; the greater counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PERSONS = ("person", "unknown")
"""Who is a live person in the ledger, beside everybody of whom nobody decided anything."""


class Fate(StrEnum):
    """What became of a request for an agent."""

    JOINED = "joined"  # within the limit
    LATE = "late"  # an agent came, too late: abandoned
    LOST = "lost"  # none came: abandoned
    GONE = "gone"  # the client hung up within the limit: neither connected nor abandoned
    PENDING = "pending"  # still within the limit


ABANDONED = frozenset({Fate.LATE, Fate.LOST})


@dataclass(frozen=True, slots=True)
class Request:
    """One request for an agent, as the books have it.

    ``result`` is that of the handoff (None while it goes on), ``over`` whether the client's call has ended, ``over_at``
    when, as far as it is known.
    """

    requested_at: datetime
    joined_at: datetime | None
    result: str | None
    over: bool
    over_at: datetime | None


def fate(request: Request, *, now: datetime, limit_s: float) -> Fate:
    """What became of ``request`` by ``now``; the clock runs from the request, through every prompt and music."""
    limit = request.requested_at + timedelta(seconds=limit_s)
    if request.result == "client_gone":
        return Fate.GONE if request.over_at is not None and request.over_at <= limit else Fate.LOST
    if request.joined_at is not None:
        return Fate.JOINED if request.joined_at <= limit else Fate.LATE
    if request.result is None and not request.over and now <= limit:
        return Fate.PENDING
    return Fate.LOST


@dataclass(frozen=True, slots=True)
class Tally:
    """The calls of one programme in one period: persons who ``answered``, and what became of requests for agents."""

    answered: int = 0
    joined: int = 0
    late: int = 0
    lost: int = 0
    gone: int = 0

    @property
    def abandoned(self) -> int:
        """The numerator: an agent came too late, or never."""
        return self.late + self.lost

    @property
    def asked(self) -> int:
        """Who was to be connected: abandoned or connected (the denominator of the British formula)."""
        return self.joined + self.abandoned

    @property
    def persons(self) -> int:
        """Persons who answered (the denominator of the American formula); whoever asked had answered."""
        return max(self.answered, self.asked + self.gone)

    @property
    def of_persons(self) -> float | None:
        """The share of abandoned calls among the calls that a person answered; None without any."""
        return self.abandoned / self.persons if self.persons else None

    @property
    def of_asked(self) -> float | None:
        """The share of abandoned calls among those to be connected; None without any. Never the smaller one."""
        return self.abandoned / self.asked if self.asked else None

    def worst(self, more: int = 0) -> float | None:
        """The greater share, if ``more`` calls were all abandoned on top; None without any call."""
        asked = self.asked + more
        return (self.abandoned + more) / asked if asked else None

    def __add__(self, other: Tally) -> Tally:
        """Both periods together."""
        return Tally(
            self.answered + other.answered,
            self.joined + other.joined,
            self.late + other.late,
            self.lost + other.lost,
            self.gone + other.gone,
        )


def tally(answered: int, fates: Iterable[Fate]) -> Tally:
    """Count one programme's calls; what is pending is not counted yet."""
    found = list(fates)
    parts = (Fate.JOINED, Fate.LATE, Fate.LOST, Fate.GONE)
    return Tally(answered, *(found.count(part) for part in parts))


def within(ledger: Mapping[str, Tally] | None, programme: str, *, limit: float, sample: int, more: int) -> bool | None:
    """Whether ``more`` abandoned calls would still leave the programme at or below ``limit``.

    None when that cannot be said: no ledger, or fewer than ``sample`` calls to be connected.
    """
    known = ledger.get(programme) if ledger is not None else None
    if known is None or known.asked < max(sample, 1):
        return None
    worst = known.worst(more)
    return worst is not None and worst <= limit
