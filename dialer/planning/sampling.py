"""Seeded samples: reproducible, at least the quota, spread evenly over the working days that are left.

The rule of this module: the seed fixes the order in which clients are drawn; how many are drawn today follows from
what is still owed and from the days left, so a missed night is made up for and a quota is met at the period's end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from core.calendars import DAY, Calendars
from dialer.programmes.model import Quota
from dialer.programmes.scope import Facts


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a quota is counted over.

    ``members`` are the clients of the base with their facts; ``callable_ids`` those that can be drawn now;
    ``covered`` those drawn earlier in the period and not missed, with the day.
    """

    members: Mapping[str, Facts]
    callable_ids: frozenset[str]
    covered: Mapping[str, date]


def drawn_today(
    quotas: Sequence[Quota], population: Population, *, day: date, last: date, calendars: Calendars, seed: str
) -> frozenset[str]:
    """The clients to be drawn on ``day`` of a period that ends on ``last``; nobody on a day off.

    Narrow quotas are served first and count towards the wide ones (A-40 lies inside A-39).
    """
    if not population.callable_ids or not calendars.is_working_day(day):
        return frozenset()
    left = _working_days(day, last, calendars)
    order = sorted(population.callable_ids, key=lambda client_id: _lot(seed, client_id))
    drawn: set[str] = set()
    for quota in sorted(quotas, key=lambda quota: quota.of is None):
        inside = _inside(quota, population)
        missing = _target(quota, inside, population.covered, day, left) - len(drawn & inside)
        drawn.update(_take(missing, (one for one in order if one in inside and one not in drawn)))
    return frozenset(drawn)


def owed(quota: Quota, members: int) -> int:
    """How many of ``members`` clients the quota asks for: the share, rounded up."""
    return ceil(quota.share * members)


def _target(quota: Quota, inside: frozenset[str], covered: Mapping[str, date], day: date, left: int) -> int:
    """How many of this quota are still to be drawn today."""
    before = sum(client_id in inside and planned < day for client_id, planned in covered.items())
    today = sum(client_id in inside and planned == day for client_id, planned in covered.items())
    return ceil((owed(quota, len(inside)) - before) / left) - today


def _inside(quota: Quota, population: Population) -> frozenset[str]:
    chosen = quota.of
    return frozenset(one for one, facts in population.members.items() if chosen is None or chosen(facts))


def _take(count: int, order: Iterator[str]) -> Iterator[str]:
    yield from (one for _, one in zip(range(count), order, strict=False))


def _working_days(day: date, last: date, calendars: Calendars) -> int:
    return sum(calendars.is_working_day(day + number * DAY) for number in range((last - day).days + 1))


def _lot(seed: str, client_id: str) -> str:
    return hashlib.sha256(f"{seed}:{client_id}".encode()).hexdigest()
