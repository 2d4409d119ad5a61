"""Deadlines in the unit the rule is written in, and calendar periods; dates are Chinese."""

from __future__ import annotations

from datetime import date, timedelta

from core.calendars import DAY, Calendars, add_months, add_trading_days, add_working_days
from dialer.programmes.model import DayKind, Deadline, Per, Unit

_MONTHS = {Unit.MONTH: 1, Unit.HALF_YEAR: 6, Unit.YEAR: 12}
_PERIOD_MONTHS = {Per.MONTH: 1, Per.QUARTER: 3, Per.HALF_YEAR: 6, Per.YEAR: 12}


def due_on(deadline: Deadline, start: date, calendars: Calendars) -> date:
    """The last day on which the item is in time (B-08); CalendarUnknown beyond the calendars' data."""
    if deadline.unit in _MONTHS:
        return add_months(start, deadline.amount * _MONTHS[deadline.unit])
    if deadline.unit is Unit.WEEK:
        return start + timedelta(weeks=deadline.amount)
    if deadline.unit == Unit.WORKING_DAY or deadline.day_type is DayKind.WORKING_DAY:
        return add_working_days(calendars, start, deadline.amount)
    if deadline.unit == Unit.TRADING_DAY or deadline.day_type is DayKind.TRADING_DAY:
        return add_trading_days(calendars, start, deadline.amount)
    return start + deadline.amount * DAY


def period_of(per: Per, day: date) -> tuple[date, date]:
    """First and last day of the period that contains ``day``."""
    if per is Per.DAY:
        return day, day
    if per is Per.WEEK:
        monday = day - day.weekday() * DAY
        return monday, monday + 6 * DAY
    months = _PERIOD_MONTHS[per]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, add_months(first, months) - DAY


def period_name(per: Per, day: date) -> str:
    """A short name of that period, unique for its length: ``2026``, ``2026-Q4``, ``2026-11``, ``2026-11-23``."""
    first, _ = period_of(per, day)
    if per is Per.YEAR:
        return f"{first:%Y}"
    if per in (Per.QUARTER, Per.HALF_YEAR):
        months = _PERIOD_MONTHS[per]
        return f"{first:%Y}-{'Q' if per is Per.QUARTER else 'H'}{(first.month - 1) // months + 1}"
    return f"{first:%Y-%m}" if per is Per.MONTH else first.isoformat()
