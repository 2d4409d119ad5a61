"""Seeded samples: reproducible, at least the quota, spread evenly over the working days that are left.

The rule of this module: the seed fixes the order in which clients are drawn; how many are drawn today follows from
what is owed by now and from the days left, so a missed night is made up for and a quota is met at the period's end.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from math import ceil

from dialer.programmes.model import Quota

RESERVE = 3
"""Of a share, so many times the target is kept of the order: those behind stand in for whom cannot be reached."""

SPARE = 50
"""Kept beyond that, so that small samples have reserves too."""


class MemberState(StrEnum):
    """Where a member of a sample is."""

    WAITING = "waiting"
    PLANNED = "planned"
    MISSED = "missed"  # called in vain: not covered
    PASSED_OVER = "passed_over"  # could not be called when his turn came; the next one stands in
    LATE = "late"  # his turn came after his deadline and nobody else was left: told, and made up for by nobody
    OUT = "out"  # no longer in scope, or exempt


TAKEN = frozenset({MemberState.PLANNED, MemberState.LATE})
"""States in which a member counts as one of those that the quota asks for."""


@dataclass(slots=True)
class Member:
    """One client at his place; ``strata`` has a bit for each quota that he counts for."""

    client_id: str
    trigger_key: str
    strata: int
    state: MemberState = MemberState.WAITING
    on: date | None = None


@dataclass(slots=True)
class Draw:
    """The sample of one programme for one period (or one of its parts).

    ``base`` counts the clients over whom the quotas are taken, by branch and strata; ``members`` stand in the seeded
    order. ``at_once``: a sample of events, which has no days to spread over.
    """

    sample_id: str
    programme: str
    period: str
    first: date
    last: date
    seed: str
    drawn_on: date
    quotas: tuple[Quota, ...]
    base: dict[str, Counter[int]] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    members: list[Member] = field(default_factory=list)
    complete: bool = True
    at_once: bool = False
    known: dict[str, Member] = field(default_factory=dict, repr=False)  # the members by trigger key

    def add(self, member: Member) -> None:
        """Put ``member`` at the end of the order."""
        self.members.append(member)
        self.known[member.trigger_key] = member

    def count(self, branch: str, strata: int) -> None:
        """One more in the base."""
        counts = self.base.get(branch)
        if counts is None:
            counts = self.base[branch] = Counter()
        counts[strata] += 1

    def in_base(self, number: int) -> int:
        """How many of the base the quota of that number is taken over."""
        return sum(n for counts in self.base.values() for strata, n in counts.items() if strata >> number & 1)

    def target(self, number: int) -> int:
        """How many members the quota of that number asks for."""
        if self.quotas[number].share == 1:
            counted = {MemberState.WAITING, *TAKEN}  # nobody can stand in for the others
            return sum(member.strata >> number & 1 and member.state in counted for member in self.members)
        return owed(self.quotas[number].share, self.in_base(number))

    def covered(self, number: int, day: date) -> tuple[int, int]:
        """How many members of that quota were planned before ``day``, and how many on it."""
        planned = [m for m in self.members if m.strata >> number & 1 and m.state is MemberState.PLANNED]
        today = sum(member.on == day for member in planned)
        return len(planned) - today, today


def seed_of(key: str, sample_id: str) -> str:
    """The seed of a sample: nobody without the firm's secret ``key`` can foresee it, everybody can repeat the draw."""
    return hmac.new(key.encode(), sample_id.encode(), hashlib.sha256).hexdigest()


def lot(seed: str, member: str) -> int:
    """The member's place in the order of ``seed``, smaller first."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{member}".encode(), digest_size=8).digest())


def owed(share: Fraction, members: int) -> int:
    """How many of ``members`` clients the quota asks for: the share, rounded up."""
    return ceil(share * members)


def copied(draw: Draw) -> Draw:
    """A draw of its own with the same content, so that looking at a kept sample changes nothing."""
    again = replace(
        draw,
        base={branch: counts.copy() for branch, counts in draw.base.items()},
        excluded=draw.excluded.copy(),
        members=[],
        known={},
    )
    for member in draw.members:
        again.add(Member(member.client_id, member.trigger_key, member.strata, member.state, member.on))
    return again


class Reserves:
    """Whom of the whole order a sample keeps: everybody who may have to be called, and those who stand in.

    With ``keep_all`` (the reserves were used up) nobody is left out.
    """

    def __init__(self, draw: Draw, *, keep_all: bool) -> None:
        self._wanted = [
            None if keep_all or quota.share == 1 else RESERVE * owed(quota.share, draw.in_base(number)) + SPARE
            for number, quota in enumerate(draw.quotas)
        ]
        self._seen = [0] * len(self._wanted)
        self._numbers: dict[int, list[int]] = {}

    def keeps(self, strata: int) -> bool:
        """Whether the next in the order, who counts for those quotas, is kept."""
        numbers = self._numbers.get(strata)
        if numbers is None:
            numbers = [number for number in range(len(self._wanted)) if strata >> number & 1]
            self._numbers[strata] = numbers
        found = False
        for number in numbers:
            self._seen[number] += 1
            wanted = self._wanted[number]
            found = found or wanted is None or self._seen[number] <= wanted
        return found


@dataclass(frozen=True, slots=True)
class Pace:
    """The working days of a sample: how many have ``gone`` by since it was drawn, and are ``left``, today included."""

    gone: int
    left: int


Take = Callable[[Sequence[Member], bool], Iterator[Member]]
"""Gets waiting members in their order and yields those that count as taken. Only when nobody else is left (the second
argument) those whose deadline has passed count too."""


def portion(
    draw: Draw, *, day: date, pace: Pace, numbers: Collection[int], take: Take, order: Sequence[Member]
) -> bool:
    """Draw today's part for the quotas of those ``numbers``: members of ``order`` go to ``take``, as many as are owed.

    What is owed to everybody is served first, then narrow quotas, and both count towards the wide ones (A-40 lies
    inside A-39). False when the order is used up and a share is still not met.
    """
    enough = True
    for number in sorted(numbers, key=lambda n: (draw.quotas[n].share < 1, draw.quotas[n].of is None)):
        missing = _missing(draw, number, day, pace)
        for nobody_else in (False, True):
            waiting = (m for m in order if m.strata >> number & 1 and m.state is MemberState.WAITING)
            while missing > 0 and (some := list(islice(waiting, missing))):
                missing -= sum(1 for _ in take(some, nobody_else))
        enough = enough and (missing <= 0 or draw.quotas[number].share == 1)
    return enough


def _missing(draw: Draw, number: int, day: date, pace: Pace) -> int:
    """How many are owed today: as many as keep an even pace, and never more than what is left asks for each day."""
    taken = [m.on == day for m in draw.members if m.strata >> number & 1 and m.state in TAKEN]
    today = sum(taken)
    before, target = len(taken) - today, draw.target(number)
    if draw.at_once or pace.left == 0:
        return target - before - today
    by_now = ceil(Fraction(target * (pace.gone + 1), pace.gone + pace.left)) - before
    return min(by_now, ceil(Fraction(target - before, pace.left))) - today
