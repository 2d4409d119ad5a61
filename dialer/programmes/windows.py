"""When a client may be called: the pack's windows met with the client's own wish, on real calendars.

The rule of this module: intervals are half open, aware, Chinese time; an unknown calendar raises, it never says yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from core.calendars import DAY, Calendars
from core.clock import CHINA, china
from dialer.programmes.facts import ClientFacts, Preference, Span, scope_facts
from dialer.programmes.model import DayKind, Hours, Windows

Interval = tuple[datetime, datetime]
"""From (included) to (not included)."""

DAY_PARTS = (time(0), time(12), time(18))
"""Morning, afternoon and evening begin here: what "another part of the day" means."""

ALL_PARTS = frozenset(range(len(DAY_PARTS)))


@dataclass(frozen=True, slots=True)
class Times:
    """When one client may be called: any of ``hours``, within his wish, at his branch.

    Two hours stand there for an appointment, which may also take those the pack keeps for appointments (B-04, B-06).
    """

    hours: tuple[Hours, ...]
    wish: Preference = field(default_factory=Preference)
    branch: str = ""


def times_of(windows: Windows, client: ClientFacts, day: date, *, appointment: bool = False) -> Times:
    """The times of ``client`` on and after ``day``; BadPreference when his wish cannot be read.

    An appointment is the client's own wish, so what he generally prefers does not narrow it (B-20, B-21).
    """
    hours = (hours_for(windows, client, day),)
    if not appointment:
        return Times(hours, Preference.of(client.prefers), client.branch)
    return Times((*hours, *((windows.appointments,) if windows.appointments else ())), Preference(), client.branch)


def hours_for(windows: Windows, client: ClientFacts, day: date) -> Hours:
    """The hours of the first segment that the client belongs to, or the ordinary ones (B-05)."""
    if windows.segments:
        facts = scope_facts(client, day)
        for segment in windows.segments:
            if segment.when(facts):
                return segment.hours
    return windows.hours


def day_counts(kind: DayKind, day: date, calendars: Calendars, branch: str = "") -> bool:
    """Whether windows exist on that date at all; CalendarUnknown outside the calendars' data."""
    if kind is DayKind.EVERY_DAY:
        return True
    if branch and calendars.is_branch_holiday(branch, day):
        return False
    return calendars.is_working_day(day) if kind is DayKind.WORKING_DAY else calendars.is_trading_day(day)


def windows_on(times: Times, day: date, calendars: Calendars) -> tuple[Interval, ...]:
    """The client's windows on ``day``, earliest first (B-01, B-02, B-07, B-09)."""
    if times.wish.weekdays and day.weekday() not in times.wish.weekdays:
        return ()
    spans: list[Span] = []
    for hours in times.hours:
        if day_counts(hours.days, day, calendars, times.branch):
            spans += _meet(hours.spans(day.weekday()), times.wish.spans)
    return tuple(_interval(day, span) for span in _joined(spans))


def open_at(times: Times, moment: datetime, calendars: Calendars) -> bool:
    """Whether ``moment`` lies in one of the client's windows."""
    local = china(moment)
    clock, day = local.time(), local.date()
    if times.wish.weekdays and day.weekday() not in times.wish.weekdays:
        return False
    if times.wish.spans and not any(span.start <= clock < span.end for span in times.wish.spans):
        return False
    return any(
        span.start <= clock < span.end and day_counts(hours.days, day, calendars, times.branch)
        for hours in times.hours
        for span in hours.spans(day.weekday())
    )


def first_moment(
    times: Times, calendars: Calendars, *, after: datetime, until: date, parts: frozenset[int] = ALL_PARTS
) -> datetime | None:
    """The first instant from ``after`` on, no later than the day ``until``, that lies in a window.

    Only the given ``parts`` of the day (``day_part``) are looked at. None when there is no such instant.
    """
    for start, end in _intervals(times, calendars, after, until):
        for part_start, part_end in _parts(max(start, after), end):
            if part_start < part_end and day_part(part_start) in parts:
                return part_start
    return None


def day_part(moment: datetime) -> int:
    """0 in the morning, 1 in the afternoon, 2 in the evening, Chinese time."""
    clock = china(moment).time()
    return sum(clock >= begin for begin in DAY_PARTS) - 1


def part_end(moment: datetime) -> datetime:
    """Where the part of the day ends that ``moment`` lies in, Chinese time."""
    day, part = china(moment).date(), day_part(moment)
    last = part + 1 == len(DAY_PARTS)
    return datetime.combine(day + DAY if last else day, DAY_PARTS[0 if last else part + 1], CHINA)


def _intervals(times: Times, calendars: Calendars, after: datetime, until: date) -> Iterator[Interval]:
    day = china(after).date()
    while day <= until:
        yield from windows_on(times, day, calendars)
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


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Overlapping and touching spans as one, earliest first."""
    waiting: Span | None = None
    for span in sorted(spans):
        if waiting is not None and span.start <= waiting.end:
            waiting = Span(waiting.start, max(waiting.end, span.end))
            continue
        if waiting is not None:
            yield waiting
        waiting = span
    if waiting is not None:
        yield waiting


def whole_seconds(moment: datetime) -> datetime:
    """``moment`` rounded up to the next whole second, so that a rounding never lands before a window."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)
