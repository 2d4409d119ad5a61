"""When a client may be called: the pack's windows met with the client's own wish, on real calendars.

The rule of this module: intervals are half open, aware, Chinese time; an unknown calendar raises, it never says yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from core.calendars import DAY, Calendars
from core.clock import CHINA, china
from dialer.programmes.facts import Preference, Span
from dialer.programmes.model import DayKind, Windows

Interval = tuple[datetime, datetime]
"""From (included) to (not included)."""

DAY_PARTS = (time(0), time(12), time(18))
"""Morning, afternoon and evening begin here: what "another part of the day" means."""

ALL_PARTS = frozenset(range(len(DAY_PARTS)))


def day_counts(kind: DayKind, day: date, calendars: Calendars) -> bool:
    """Whether windows exist on that date at all; CalendarUnknown outside the calendars' data."""
    if kind is DayKind.WORKING_DAY:
        return calendars.is_working_day(day)
    return kind is DayKind.EVERY_DAY or calendars.is_trading_day(day)


def windows_on(windows: Windows, preference: Preference, day: date, calendars: Calendars) -> tuple[Interval, ...]:
    """The client's windows on ``day``, earliest first (B-01, B-02, B-07, B-09)."""
    if preference.weekdays and day.weekday() not in preference.weekdays:
        return ()
    if not day_counts(windows.days, day, calendars):
        return ()
    return tuple(_interval(day, span) for span in _meet(windows.spans(day.weekday()), preference.spans))


def open_at(windows: Windows, preference: Preference, moment: datetime, calendars: Calendars) -> bool:
    """Whether ``moment`` lies in one of the client's windows."""
    day = china(moment).date()
    return any(start <= moment < end for start, end in windows_on(windows, preference, day, calendars))


def first_moment(
    windows: Windows,
    preference: Preference,
    calendars: Calendars,
    *,
    after: datetime,
    until: date,
    parts: frozenset[int] = ALL_PARTS,
) -> datetime | None:
    """The first instant from ``after`` on, no later than the day ``until``, that lies in a window.

    Only the given ``parts`` of the day (``day_part``) are looked at. None when there is no such instant.
    """
    for start, end in _intervals(windows, preference, calendars, after, until):
        for part_start, part_end in _parts(max(start, after), end):
            if part_start < part_end and day_part(part_start) in parts:
                return part_start
    return None


def day_part(moment: datetime) -> int:
    """0 in the morning, 1 in the afternoon, 2 in the evening, Chinese time."""
    clock = china(moment).time()
    return sum(clock >= begin for begin in DAY_PARTS) - 1


def _intervals(
    windows: Windows, preference: Preference, calendars: Calendars, after: datetime, until: date
) -> Iterator[Interval]:
    day = china(after).date()
    while day <= until:
        yield from windows_on(windows, preference, day, calendars)
        day += DAY


def _parts(start: datetime, end: datetime) -> Iterator[Interval]:
    """The interval cut where a part of the day begins."""
    cuts = [datetime.combine(china(start).date(), begin, CHINA) for begin in DAY_PARTS]
    inside = [start, *(cut for cut in cuts if start < cut < end), end]
    return pairwise(inside)


def _interval(day: date, span: Span) -> Interval:
    return datetime.combine(day, span.start, CHINA), datetime.combine(day, span.end, CHINA)


def _meet(allowed: tuple[Span, ...], wished: tuple[Span, ...]) -> Iterator[Span]:
    """The parts of ``allowed`` that lie in ``wished``; all of it when there is no wish."""
    for span in sorted(allowed):
        for wish in sorted(wished) or (span,):
            start, end = max(span.start, wish.start), min(span.end, wish.end)
            if start < end:
                yield Span(start, end)


def whole_seconds(moment: datetime) -> datetime:
    """``moment`` rounded up to the next whole second, so that a rounding never lands before a window."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)
