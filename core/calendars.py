"""Working days and trading days of mainland China and Hong Kong; an unknown year is refused, never guessed.

Working days come from ``chinesecalendar`` (State Council notices, 调休 included), trading days from
``exchange_calendars`` (XSHG, XHKG); a firm's own notices are laid over both (``core.notices``). What is known goes by
whole years and does not depend on today's date. ``ProvisionalCalendars`` alone guesses, for plans that nobody dials.
Units of deadlines are those the rules use (B-08).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, Protocol

import chinese_calendar

from core.errors import CalendarUnknown

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

Exchange = Literal["XSHG", "XHKG"]
DAY = timedelta(days=1)
FESTIVALS = ("new_year", "spring_festival", "labour_day", "mid_autumn", "national_day")
_FIXED = {"new_year": (1, 1), "labour_day": (5, 1), "national_day": (10, 1)}
_FIRST_EXCHANGE_YEAR = 1991  # the first whole year of the Shanghai exchange
_NO_DAYS: frozenset[int] = frozenset()


class Calendars(Protocol):
    """What planning and the gate ask of a calendar."""

    @property
    def digest(self) -> str:
        """A hash that changes whenever any answer could have changed."""
        ...

    def is_working_day(self, day: date) -> bool:
        """True on a Chinese working day, make-up Saturdays and Sundays (调休) included."""
        ...

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        """True when the exchange holds a session on that day."""
        ...

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        """True when that branch alone is closed on that day; False for a branch nobody has written about."""
        ...

    def festival(self, name: str, year: int) -> date:
        """The festival day itself, not the days off around it; ``name`` is one of ``FESTIVALS``."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """What a firm's file says about one year (``core.notices``).

    ``holidays`` None leaves working days to the library; otherwise they and ``makeup`` decide the whole year.
    ``exchanges`` and ``branches`` hold closed days.
    """

    year: int
    holidays: frozenset[date] | None = None
    makeup: frozenset[date] = frozenset()
    festivals: Mapping[str, date] = field(default_factory=dict)
    exchanges: Mapping[Exchange, frozenset[date]] = field(default_factory=dict)
    branches: Mapping[str, frozenset[date]] = field(default_factory=dict)
    title: str = ""
    source: str = ""


class ChinaCalendars:
    """The real calendars; raises ``CalendarUnknown`` outside their data, so that callers fail closed."""

    def __init__(self) -> None:
        # Asked millions of times a night: the days of a year are looked up once, as ordinal numbers.
        self._working: dict[int, frozenset[int]] = {}
        self._trading: dict[tuple[Exchange, int], frozenset[int]] = {}

    @property
    def digest(self) -> str:
        """See ``Calendars.digest``."""
        return _digest(())

    def is_working_day(self, day: date) -> bool:
        """See ``Calendars.is_working_day``."""
        year = self._working.get(day.year)
        if year is None:
            year = self._working[day.year] = self._working_year(day.year)
        return day.toordinal() in year

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        """See ``Calendars.is_trading_day``."""
        key = exchange, day.year
        year = self._trading.get(key)
        if year is None:
            year = self._trading[key] = self._trading_year(*key)
        return day.toordinal() in year

    def is_branch_holiday(self, branch: str, day: date) -> bool:  # noqa: ARG002 - the libraries know no branches
        """See ``Calendars.is_branch_holiday``."""
        return False

    def festival(self, name: str, year: int) -> date:
        """See ``Calendars.festival``."""
        if name in _FIXED:
            return date(year, *_FIXED[name])
        days = _lunar(name)
        if year not in days:
            raise CalendarUnknown(f"no date of {name} in {year} is known; write it into the firm's holiday notice")
        return days[year]

    def _working_year(self, year: int) -> frozenset[int]:
        """Ordinals of the working days of ``year``."""
        days = _working_days(year)
        if days is None:
            raise CalendarUnknown(
                f"no Chinese holiday notice for {year} is installed; update the package chinesecalendar or load the "
                "State Council's notice from a file (setting firm.calendar)"
            )
        return days

    def _trading_year(self, exchange: Exchange, year: int) -> frozenset[int]:
        """Ordinals of the trading days of ``year``."""
        years = _sessions(exchange)
        if year not in years:
            raise CalendarUnknown(
                f"{exchange} has no sessions for {year}; update the package exchange-calendars or load the exchange's "
                "closed days from a file (setting firm.calendar)"
            )
        return years[year]


class FirmCalendars(ChinaCalendars):
    """The real calendars with the firm's notices laid over, one notice a year.

    A notice that lists holidays decides that year's working days. Closed days of an exchange make the sessions of a
    year the library does not know (Monday to Friday, because exchanges do not work on 调休 weekends) and close more
    days of a year it does know; they never open one.
    """

    def __init__(self, notices: Sequence[Notice]) -> None:
        super().__init__()
        self._notices = {notice.year: notice for notice in notices}
        self._branches = {
            branch: _ordinals(day for notice in notices for day in notice.branches.get(branch, ()))
            for branch in {branch for notice in notices for branch in notice.branches}
        }

    @property
    def digest(self) -> str:
        """See ``Calendars.digest``; titles and sources of notices do not change it."""
        return _digest(self._notices[year] for year in sorted(self._notices))

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        """See ``Calendars.is_branch_holiday``."""
        return day.toordinal() in self._branches.get(branch, _NO_DAYS)

    def festival(self, name: str, year: int) -> date:
        """See ``Calendars.festival``; a notice that names the day is believed."""
        notice = self._notices.get(year)
        return notice.festivals[name] if notice and name in notice.festivals else super().festival(name, year)

    def _working_year(self, year: int) -> frozenset[int]:
        notice = self._notices.get(year)
        if notice is None or notice.holidays is None:
            return super()._working_year(year)
        return _weekdays(year) - _ordinals(notice.holidays) | _ordinals(notice.makeup)

    def _trading_year(self, exchange: Exchange, year: int) -> frozenset[int]:
        notice = self._notices.get(year)
        if notice is None or exchange not in notice.exchanges:
            return super()._trading_year(exchange, year)
        return _sessions(exchange).get(year, _weekdays(year)) - _ordinals(notice.exchanges[exchange])


class ProvisionalCalendars:
    """``inner``, and plain weekdays where ``inner`` knows nothing: for provisional plans, never for dialing.

    Festivals are not guessed. Who must tell a guess from knowledge asks ``inner`` first (``periods.due``).
    """

    def __init__(self, inner: Calendars) -> None:
        self.inner = inner

    @property
    def digest(self) -> str:
        """See ``Calendars.digest``."""
        return f"provisional-{self.inner.digest}"

    def knows(self, day: date) -> bool:
        """Whether the working-day data cover ``day``."""
        try:
            self.inner.is_working_day(day)
        except CalendarUnknown:
            return False
        return True

    def is_working_day(self, day: date) -> bool:
        """See ``Calendars.is_working_day``; Monday to Friday where nothing is known."""
        try:
            return self.inner.is_working_day(day)
        except CalendarUnknown:
            return day.weekday() < 5

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        """See ``Calendars.is_trading_day``; Monday to Friday where nothing is known."""
        try:
            return self.inner.is_trading_day(day, exchange)
        except CalendarUnknown:
            return day.weekday() < 5

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        """See ``Calendars.is_branch_holiday``."""
        return self.inner.is_branch_holiday(branch, day)

    def festival(self, name: str, year: int) -> date:
        """See ``Calendars.festival``."""
        return self.inner.festival(name, year)


def branch_works(calendars: Calendars, day: date, branch: str = "") -> bool:
    """True on a working day on which ``branch`` is not closed; an empty ``branch`` is the firm as a whole."""
    return calendars.is_working_day(day) and not (branch and calendars.is_branch_holiday(branch, day))


def add_working_days(calendars: Calendars, start: date, count: int, branch: str = "") -> date:
    """The ``count``-th working day of ``branch`` after ``start`` (count >= 0; 0 is ``start`` itself)."""
    day = start
    while count > 0:
        day += DAY
        count -= branch_works(calendars, day, branch)
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


def days_of(year: int) -> Iterator[date]:
    """Every day of ``year``, in order."""
    for number in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1):
        yield date.fromordinal(number)


def _ordinals(days: Iterable[date]) -> frozenset[int]:
    return frozenset(day.toordinal() for day in days)


def _weekdays(year: int) -> frozenset[int]:
    return _ordinals(day for day in days_of(year) if day.weekday() < 5)


@cache
def _working_days(year: int) -> frozenset[int] | None:
    """Ordinals of the working days of ``year``; None when no notice for it is installed."""
    try:
        return _ordinals(day for day in days_of(year) if chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


@cache
def _sessions(name: Exchange) -> Mapping[int, frozenset[int]]:
    """Ordinals of the sessions, by year.

    The Hong Kong calendar computes its future and would end a year from today. It is cut where Shanghai's published
    holidays end, so that no exchange guesses and no answer depends on the day of asking.
    """
    # Importing the library takes over a second, so it is done on first use only.
    from exchange_calendars.exchange_calendar_xhkg import XHKGExchangeCalendar  # noqa: PLC0415
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar  # noqa: PLC0415

    published = XSHGExchangeCalendar.bound_max().date()
    kind: type[ExchangeCalendar] = {"XSHG": XSHGExchangeCalendar, "XHKG": XHKGExchangeCalendar}[name]
    found = kind(start=f"{_FIRST_EXCHANGE_YEAR}-01-01", end=published.isoformat())
    years = range(_FIRST_EXCHANGE_YEAR, (published + DAY).year)  # whole years only
    return _by_year(frozenset(found.sessions.date), years)


def _by_year(days: Collection[date], years: Iterable[int]) -> Mapping[int, frozenset[int]]:
    return {year: _ordinals(day for day in days if day.year == year) for year in years}


@cache
def _lunar(name: str) -> Mapping[int, date]:
    """Dates of a lunar festival by year: chinesecalendar knows only the days off, which often begin on the eve."""
    from exchange_calendars import lunisolar_holidays  # noqa: PLC0415 - as above

    tables = {
        "spring_festival": lunisolar_holidays.chinese_lunar_new_year_dates,
        "mid_autumn": lunisolar_holidays.mid_autumn_festival_dates,
    }
    if name not in tables:
        raise CalendarUnknown(f"no festival is called {name}; known: {', '.join(FESTIVALS)}")
    return {day.year: day for day in tables[name].date}


def _digest(notices: Iterable[Notice]) -> str:
    facts = [version("chinesecalendar"), version("exchange-calendars"), [_facts(notice) for notice in notices]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(notice: Notice) -> list[object]:
    """What of a notice decides answers, in one spelling."""
    return [
        notice.year,
        None if notice.holidays is None else _spelled(notice.holidays),
        _spelled(notice.makeup),
        {name: day.isoformat() for name, day in notice.festivals.items()},
        {name: _spelled(days) for name, days in notice.exchanges.items()},
        {name: _spelled(days) for name, days in notice.branches.items()},
    ]


def _spelled(days: Iterable[date]) -> list[str]:
    return sorted(day.isoformat() for day in days)
