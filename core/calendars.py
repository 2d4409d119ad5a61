"""Working days and trading days of mainland China and Hong Kong; an unknown year is refused, never guessed.

Working days come from ``chinesecalendar`` (State Council notices, 调休 included), trading days from
``exchange_calendars`` (XSHG, XHKG). Units of deadlines are those the rules use (B-08).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

import chinese_calendar

from core.errors import CalendarUnknown

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

Exchange = Literal["XSHG", "XHKG"]
DAY = timedelta(days=1)


class Calendars(Protocol):
    """What planning and the gate ask of a calendar."""

    def is_working_day(self, day: date) -> bool:
        """True on a Chinese working day, make-up Saturdays and Sundays (调休) included."""
        ...

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        """True when the exchange holds a session on that day."""
        ...


class ChinaCalendars:
    """The real calendars; raises ``CalendarUnknown`` outside their data, so that callers fail closed."""

    def is_working_day(self, day: date) -> bool:
        """See ``Calendars.is_working_day``."""
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError as error:
            raise CalendarUnknown(
                f"no Chinese holiday notice for {day.year} is installed; update the package chinesecalendar"
            ) from error

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        """See ``Calendars.is_trading_day``."""
        sessions = _exchange(exchange)
        if not sessions.first_session.date() <= day <= sessions.last_session.date():
            raise CalendarUnknown(
                f"{exchange} has no sessions for {day.isoformat()}; update the package exchange-calendars"
            )
        return bool(sessions.is_session(day.isoformat()))


@cache
def _exchange(name: Exchange) -> ExchangeCalendar:
    # Building one calendar takes about a second, so it is done on first use only.
    import exchange_calendars  # noqa: PLC0415

    return exchange_calendars.get_calendar(name)


def add_working_days(calendars: Calendars, start: date, count: int) -> date:
    """The ``count``-th working day after ``start`` (count >= 0; 0 is ``start`` itself)."""
    day = start
    while count > 0:
        day += DAY
        count -= calendars.is_working_day(day)
    return day


def add_trading_days(calendars: Calendars, start: date, count: int, exchange: Exchange = "XSHG") -> date:
    """The ``count``-th trading day of ``exchange`` after ``start`` (count >= 0)."""
    day = start
    while count > 0:
        day += DAY
        count -= calendars.is_trading_day(day, exchange)
    return day


def add_months(start: date, count: int) -> date:
    """The same day ``count`` months later; the month's last day where that day does not exist."""
    years, month0 = divmod(start.month - 1 + count, 12)
    first = date(start.year + years, month0 + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - DAY
    return first.replace(day=min(start.day, last.day))
