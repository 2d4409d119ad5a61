"""Deadlines in the unit the rule is written in, and calendar periods; dates are Chinese.

Counting excludes the day of the trigger. ``hour`` counts real hours from the instant; every other unit gives a last
day, which ends at midnight Chinese time:

* ``day``: the days after the trigger, of the kind that ``day_type`` says (M-27): "next day" is amount 1;
* ``working_day``, ``trading_day``: only such days after the trigger; a branch's own holidays are not its working days;
* ``week``: 7 days each, the same weekday;
* ``month``, ``half_year``, ``year``: the same day of a later month, or that month's last day where it does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.calendars import DAY, Calendars, ProvisionalCalendars, add_months, add_trading_days, add_working_days
from core.clock import CHINA, china
from core.errors import CalendarUnknown
from dialer.programmes.errors import PackError
from dialer.programmes.model import DayKind, Deadline, Per, Unit

_MONTHS = {Unit.MONTH: 1, Unit.HALF_YEAR: 6, Unit.YEAR: 12}
_PERIOD_MONTHS = {Per.MONTH: 1, Per.QUARTER: 3, Per.HALF_YEAR: 6, Per.YEAR: 12}
_TWO_WEEKS_FROM = date(1970, 1, 5)  # a Monday


@dataclass(frozen=True, slots=True)
class Due:
    """By when: before the instant ``at`` (aware, Chinese time), at the latest on the day ``on``.

    ``provisional`` dates were counted on plain weekdays because a calendar does not reach so far; they are planned,
    never dialed, and counted anew when the calendar's data come.
    """

    at: datetime
    on: date
    provisional: bool = False


def due(deadline: Deadline, start: datetime, calendars: Calendars, *, branch: str = "") -> Due:
    """When ``deadline`` ends that runs from the instant ``start`` (aware) for a client of ``branch`` (B-08, M-27)."""
    if deadline.unit is Unit.HOUR:
        at = china(start.astimezone(UTC) + timedelta(hours=deadline.amount))
        return Due(at, at.date())
    real = calendars.inner if isinstance(calendars, ProvisionalCalendars) else calendars
    first = china(start).date()
    try:
        return _due_with(due_on(deadline, first, real, branch=branch))
    except CalendarUnknown:
        guess = due_on(deadline, first, ProvisionalCalendars(real), branch=branch)
        return _due_with(guess, provisional=True)


def due_on(deadline: Deadline, start: date, calendars: Calendars, *, branch: str = "") -> date:
    """The last day on which the item is in time (B-08); CalendarUnknown beyond the calendars' data.

    Hours are counted from the start of ``start``, because a date tells no more.
    """
    if deadline.unit in _MONTHS:
        return add_months(start, deadline.amount * _MONTHS[deadline.unit])
    if deadline.unit is Unit.WEEK:
        return start + timedelta(weeks=deadline.amount)
    if deadline.unit is Unit.HOUR:
        return start + timedelta(hours=deadline.amount)  # a date takes the whole days of it
    if deadline.unit is Unit.WORKING_DAY or _bare_day_is(DayKind.WORKING_DAY, deadline):
        return add_working_days(calendars, start, deadline.amount, branch)
    if deadline.unit is Unit.TRADING_DAY or _bare_day_is(DayKind.TRADING_DAY, deadline):
        return add_trading_days(calendars, start, deadline.amount, deadline.exchange)
    return start + deadline.amount * DAY


def period_of(per: Per, day: date) -> tuple[date, date]:
    """First and last day of the period that contains ``day``; two weeks lie on a fixed grid of Mondays."""
    if per is Per.DAY:
        return day, day
    if per is Per.WEEK:
        monday = day - day.weekday() * DAY
        return monday, monday + 6 * DAY
    if per is Per.TWO_WEEKS:
        monday = day - (day - _TWO_WEEKS_FROM).days % 14 * DAY
        return monday, monday + 13 * DAY
    months = _PERIOD_MONTHS[per]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, add_months(first, months) - DAY


def period_name(per: Per, day: date) -> str:
    """A short name of that period, unique for its length.

    ``2026``, ``2026-H2``, ``2026-Q4``, ``2026-11``, ``2026-W48`` (ISO week), ``2026-F24`` (two weeks), ``2026-11-23``.
    """
    first, _ = period_of(per, day)
    if per is Per.DAY:
        return first.isoformat()
    if per in (Per.WEEK, Per.TWO_WEEKS):
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}" if per is Per.WEEK else f"{year}-F{(week + 1) // 2:02}"
    if per in (Per.QUARTER, Per.HALF_YEAR):
        number = (first.month - 1) // _PERIOD_MONTHS[per] + 1
        return f"{first.year}-{'Q' if per is Per.QUARTER else 'H'}{number}"
    return f"{first.year}-{first.month:02}" if per is Per.MONTH else f"{first.year}"


def parts_of(per: Per, day: date, times: int) -> tuple[date, date, int]:
    """First day, last day and number (from 1) of the part that contains ``day`` when a period is cut into ``times``.

    Parts differ by one day at most, the shorter ones come first. PackError when there are more parts than days.
    """
    start, end = period_of(per, day)
    length, longer = divmod((end - start).days + 1, times) if times > 0 else (0, 0)
    if length < 1:
        raise PackError(f"{times} times a {per}: there are not so many days in it; mend `times` of the programme")
    shorter = times - longer
    offset = (day - start).days
    number = offset // length if offset < shorter * length else (offset + shorter) // (length + 1)
    first = start + (number * length + max(0, number - shorter)) * DAY
    return first, first + (length - (number < shorter)) * DAY, number + 1


def _bare_day_is(kind: DayKind, deadline: Deadline) -> bool:
    return deadline.unit is Unit.DAY and deadline.day_type is kind


def _due_with(on: date, *, provisional: bool = False) -> Due:
    return Due(datetime.combine(on + DAY, time(), CHINA), on, provisional)
