"""What follows an attempt that did not finish the callback: another time inside the windows, or giving up.

The rule of this module: a time it names lies inside the client's windows and before the deadline; the gate decides
again when that time comes. Numbers come from the pack's ladder (M-01), never from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from core.calendars import Calendars
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.programmes.facts import Preference
from dialer.programmes.model import ContactRules, FollowUp, Rung
from dialer.programmes.windows import ALL_PARTS, day_part, first_moment, whole_seconds

GiveUpReason = Literal["not_retried", "retries_used_up", "no_window_before_deadline", "follow_ups_used_up"]
DayPart = Literal["morning", "afternoon", "evening"]
_PARTS: dict[DayPart, int] = {"morning": 0, "afternoon": 1, "evening": 2}


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at ``at``, an instant inside the client's windows."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt: the callback ends as unreachable (D-01) for this reason."""

    reason: GiveUpReason


Next = RetryAt | GiveUp


@dataclass(frozen=True, slots=True)
class Case:
    """The client's side of the question: when he may be called, and until when."""

    preference: Preference
    calendars: Calendars
    due_on: date


def next_step(
    rules: ContactRules, disposition: Disposition, earlier: Sequence[Disposition], *, now: datetime, case: Case
) -> Next:
    """What to do after an attempt ended as ``disposition``.

    ``earlier`` are the dispositions of the callback's attempts before this one. Attempts that never reached the
    client's phone use nothing up. CalendarUnknown when no calendar covers the days to come.
    """
    rung = rules.retries.rungs[disposition]
    counted = disposition not in NOT_THE_CLIENTS
    made = [past for past in (*earlier, disposition) if past not in NOT_THE_CLIENTS]
    if rung.most == 0:
        return GiveUp("not_retried")
    if counted and (len(made) >= rules.retries.total or _used_up(rung, made.count(disposition))):
        return GiveUp("retries_used_up")
    wait = max(rung.delay, rules.interval) if counted else rung.delay
    parts = ALL_PARTS - {day_part(now)} if rung.other_day_part else ALL_PARTS
    return _first(rules, now + wait, case, parts)


def _used_up(rung: Rung, made: int) -> bool:
    return rung.most is not None and made >= rung.most


def next_follow_up(
    rules: ContactRules,
    follow_up: Literal["promised_callback", "appointment"],
    earlier: int,
    *,
    now: datetime,
    case: Case,
    part: DayPart | None = None,
    earliest: datetime | None = None,
) -> Next:
    """When to call again after a talk in which that was agreed (B-20, B-24, D-06).

    ``earlier`` is how often this callback was moved so before; ``part`` and ``earliest`` are the part of the
    day the client chose and the time before which he was not to be called again.
    """
    rung: FollowUp = rules.promised_callback if follow_up == "promised_callback" else rules.appointment
    if earlier >= rung.most:
        return GiveUp("follow_ups_used_up")
    after = max(now + max(rung.delay, rules.interval), earliest or now)
    return _first(rules, after, case, ALL_PARTS if part is None else frozenset({_PARTS[part]}))


def _first(rules: ContactRules, after: datetime, case: Case, parts: frozenset[int]) -> Next:
    """The first instant in one of ``parts``; in any part when the deadline leaves none of them."""
    for wanted in (parts, ALL_PARTS):
        found = first_moment(
            rules.windows,
            case.preference,
            case.calendars,
            after=whole_seconds(after),
            until=case.due_on,
            parts=wanted,
        )
        if found is not None:
            return RetryAt(found)
    return GiveUp("no_window_before_deadline")
