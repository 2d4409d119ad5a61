"""What follows an attempt that did not finish the callback: another time inside the windows, or giving up.

The rule of this module: a time it names lies inside the client's windows and before the deadline, and it says why it
is that time; the gate decides again when it comes. A callback has one budget of attempts over all its numbers,
dispositions and appointments (``Retries.total``); an attempt that never reached the client's phone uses nothing up.
Numbers come from the pack's ladder (M-01), never from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.calendars import Calendars
from core.clock import china
from core.errors import CalendarUnknown
from dialer.calling import whys
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.calling.whys import Why
from dialer.programmes.model import ContactRules, FollowUp, Rung
from dialer.programmes.windows import ALL_PARTS, Times, day_part, first_moment, whole_seconds

DayPart = Literal["morning", "afternoon", "evening"]
FollowUpName = Literal["promised_callback", "appointment"]
_PARTS: dict[DayPart, int] = {"morning": 0, "afternoon": 1, "evening": 2}


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at ``at``, an instant inside the client's windows; ``why`` explains it."""

    at: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt: the callback ends as unreachable (D-01), and why."""

    why: Why

    @property
    def reason(self) -> str:
        """What is stored as the reason of closing: the explanation's code."""
        return self.why.code


Next = RetryAt | GiveUp


@dataclass(frozen=True, slots=True)
class Case:
    """The client's side of the question: when he may be called, and the instant by which it must be finished."""

    times: Times
    calendars: Calendars
    due_at: datetime


def counted(dispositions: Iterable[Disposition]) -> int:
    """How many of these attempts use up the budget: those that reached the client's phone."""
    return sum(disposition not in NOT_THE_CLIENTS for disposition in dispositions)


def next_step(
    rules: ContactRules,
    disposition: Disposition,
    earlier: Sequence[Disposition],
    *,
    now: datetime,
    case: Case,
    numbers_left: bool = False,
) -> Next:
    """What to do after an attempt ended as ``disposition``.

    ``earlier`` are the dispositions of the callback's attempts before this one, ``numbers_left`` says whether the
    client has another number that may still be dialed. CalendarUnknown when no calendar covers the days to come.
    """
    rung = rules.retries.rungs[disposition]
    ended_so = [*earlier, disposition].count(disposition)
    if counted([*earlier, disposition]) >= rules.retries.total:
        return GiveUp(whys.NOT_RETRIED if rung.most == 0 and not numbers_left else whys.USED_UP)
    if rung.most is not None and ended_so >= rung.most:
        if numbers_left:
            return _first(now, now + rules.interval, case, whys.next_number(disposition))
        return GiveUp(whys.USED_UP if rung.most else whys.NOT_RETRIED)
    return _again(rules, rung, disposition, now, case)


def _again(rules: ContactRules, rung: Rung, disposition: Disposition, now: datetime, case: Case) -> Next:
    wait = rung.delay if disposition in NOT_THE_CLIENTS else max(rung.delay, rules.interval)
    if not rung.other_day_part:
        return _first(now, now + wait, case, whys.after_delay(disposition, wait))
    others = _find(now + wait, case, ALL_PARTS - {day_part(now)})
    if others is not None:
        return RetryAt(others, whys.other_day_part(disposition))
    same = _find(now + wait, case, ALL_PARTS)
    return GiveUp(whys.NO_WINDOW) if same is None else RetryAt(same, whys.same_day_part(disposition))


def over_another_trunk(*, now: datetime, case: Case) -> Next:
    """After a fault of the trunk while another one may take the call: at once, it cost the client nothing."""
    return _first(now, now, case, whys.OTHER_TRUNK)


def next_follow_up(
    rules: ContactRules,
    follow_up: FollowUpName,
    earlier: int,
    *,
    made: int,
    now: datetime,
    case: Case,
    part: DayPart | None = None,
    agreed: datetime | None = None,
) -> Next:
    """When to call again after a talk in which that was agreed (B-20, B-24, D-06).

    ``earlier`` is how often this callback was moved so before, ``made`` how many attempts it has used up. ``part`` is
    the part of the day the client chose; ``agreed`` the very time he named: it comes in place of the pack's delay.
    """
    rung: FollowUp = rules.promised_callback if follow_up == "promised_callback" else rules.appointment
    why = whys.PROMISED if follow_up == "promised_callback" else whys.APPOINTMENT
    if made >= rules.retries.total:
        return GiveUp(whys.USED_UP)
    if earlier >= rung.most:
        return GiveUp(whys.MOVED_TOO_OFTEN)
    if agreed is not None:
        return _first(now, max(agreed, now + rules.interval), case, why)
    after = now + max(rung.delay, rules.interval)
    chosen = None if part is None else _find(after, case, frozenset({_PARTS[part]}))
    return RetryAt(chosen, why) if chosen is not None else _first(now, after, case, why)


def next_script(rules: ContactRules, *, made: int, now: datetime, case: Case) -> Next:
    """When to ask the next script of a merged callback; it costs an attempt of the same budget."""
    if made >= rules.retries.total:
        return GiveUp(whys.USED_UP)
    return _first(now, now + rules.interval, case, whys.NEXT_SCRIPT)


def _first(now: datetime, after: datetime, case: Case, why: Why) -> Next:
    """The first instant from ``after`` on; the explanation tells when windows moved it."""
    found = _find(after, case, ALL_PARTS)
    if found is None:
        return GiveUp(whys.NO_WINDOW)
    return RetryAt(found, why if found <= whole_seconds(max(after, now)) else why.moved())


def _find(after: datetime, case: Case, parts: frozenset[int]) -> datetime | None:
    """The first instant in ``parts`` of a day before the deadline.

    A wish for some parts only is not worth an error: where the calendar ends, so does the search for it.
    """
    until = china(case.due_at).date()
    try:
        found = first_moment(case.times, case.calendars, after=whole_seconds(after), until=until, parts=parts)
    except CalendarUnknown:
        if parts == ALL_PARTS:
            raise
        return None
    return found if found is not None and found < case.due_at else None
