"""One month of the calendar as the planner and the gate see it: kind of day, windows, appointments, festivals.

The rule of this module: what no calendar covers is shown on plain weekdays and marked provisional; such a day is never
dialed (B-08).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from core.calendars import DAY, FESTIVALS, Calendars, Exchange, ProvisionalCalendars, add_months
from core.errors import CalendarUnknown
from dialer.programmes.model import Hours, Windows
from dialer.programmes.windows import Interval, Times, windows_on


@dataclass(frozen=True, slots=True)
class Day:
    """One day: ``marks`` are labelled by ``day``, ``festivals`` are names, ``appointments`` the additional windows."""

    on: date
    marks: tuple[str, ...]
    windows: tuple[Interval, ...]
    appointments: tuple[Interval, ...]
    festivals: tuple[str, ...]

    @property
    def provisional(self) -> bool:
        """Whether the published calendars do not cover the day."""
        return "provisional" in self.marks

    @property
    def works(self) -> bool:
        """Whether the firm works on that day, as far as is known."""
        return bool({"working", "makeup"}.intersection(self.marks))


@dataclass(frozen=True, slots=True)
class Month:
    """A month in weeks from Monday to Sunday; None where a week reaches into another month."""

    first: date
    weeks: Sequence[Sequence[Day | None]]

    @property
    def days(self) -> list[Day]:
        """The days of the month, in order."""
        return [day for week in self.weeks for day in week if day is not None]


def month_of(
    first: date, calendars: Calendars, windows: Windows | None, *, segment: int | None = None, branch: str = ""
) -> Month:
    """The month that begins on ``first``; ``windows`` None: the pack leaves them open or cannot be read.

    ``segment`` chooses the clients of that segment of the pack, None the ordinary ones; ``branch`` lays that branch's
    holidays over the calendar.
    """
    days = [_day(day, calendars, windows, segment, branch) for day in _days(first)]
    padded: list[Day | None] = [*[None] * first.weekday(), *days]
    padded += [None] * (-len(padded) % 7)
    return Month(first, [padded[begin : begin + 7] for begin in range(0, len(padded), 7)])


def _days(first: date) -> Iterator[date]:
    after = add_months(first, 1)
    return (date.fromordinal(number) for number in range(first.toordinal(), after.toordinal()))


def _day(day: date, calendars: Calendars, windows: Windows | None, segment: int | None, branch: str) -> Day:
    hours = _hours(windows, segment) if windows else None
    extra = windows.appointments if windows else None
    return Day(
        on=day,
        marks=tuple(_marks(day, calendars, branch)),
        windows=_open(hours, day, calendars, branch),
        appointments=_open(extra, day, calendars, branch),
        festivals=tuple(_festivals(day, calendars)),
    )


def _hours(windows: Windows, segment: int | None) -> Hours:
    known = segment is not None and segment < len(windows.segments)
    return windows.segments[segment].hours if known and segment is not None else windows.hours


def _open(hours: Hours | None, day: date, calendars: Calendars, branch: str) -> tuple[Interval, ...]:
    return windows_on(Times((hours,), branch=branch), day, ProvisionalCalendars(calendars)) if hours else ()


def _marks(day: date, calendars: Calendars, branch: str) -> Iterator[str]:
    known = ProvisionalCalendars(calendars)
    if known.is_working_day(day):
        yield "working" if day.weekday() < 5 else "makeup"
    else:
        yield "holiday" if day.weekday() < 5 else "weekend"
    yield from _trading(day, calendars)
    if branch and calendars.is_branch_holiday(branch, day):
        yield "branch_holiday"
    if not known.knows(day):
        yield "provisional"


def _trading(day: date, calendars: Calendars) -> Iterator[str]:
    shanghai, hong_kong = _trades(day, calendars, "XSHG"), _trades(day, calendars, "XHKG")
    if shanghai:
        yield "trading"
    if hong_kong is not None and shanghai is not None and shanghai != hong_kong:
        yield "hk_trading" if hong_kong else "hk_closed"


def _trades(day: date, calendars: Calendars, exchange: Exchange) -> bool | None:
    """Whether the exchange trades; None when nobody has published it."""
    try:
        return calendars.is_trading_day(day, exchange)
    except CalendarUnknown:
        return None


def _festivals(day: date, calendars: Calendars) -> Iterator[str]:
    for name in FESTIVALS:
        try:
            if calendars.festival(name, day.year) == day:
                yield name
        except CalendarUnknown:
            continue


def month_before(first: date) -> date:
    """The first day of the month before."""
    return (first - DAY).replace(day=1)
