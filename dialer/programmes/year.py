"""A pack's year as a table: what is owed in each month, by programme, and when its reports are due.

The rule of this module: pure; dates come from the calendars. A date beyond their data is counted on plain weekdays and
marked provisional, and a festival of which no date is known is told to be unknown, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from core.calendars import DAY, Calendars, ProvisionalCalendars, days_of
from core.errors import CalendarUnknown
from dialer.programmes import words_tables as tables
from dialer.programmes.model import Pack, Per, Programme, TimeLimit, Trigger, Unit
from dialer.programmes.periods import due_on, parts_of, period_of
from dialer.programmes.said import Said, rule_ids, say, word
from dialer.programmes.windows import Times, windows_on

MONTHS = range(1, 13)
Kind = Literal["windows", "continuous", "running", "ends", "festival", "due", "open", "unknown"]
EntryAt = tuple[int, "Entry"]

CONTINUOUS = Said("随时", "as events come")
RUNNING = Said("进行中", "running")
NOT_SET = Said("未定", "open")
PROVISIONAL = Said("{said}（暂定）", "{said} (provisional)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is owed in one month: ``on`` is its last day, ``count`` how many rounds end in the month."""

    kind: Kind
    text: str
    text_en: str
    on: date | None = None
    count: int = 0
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a programme, a report, or the windows; ``months`` are January to December."""

    key: str
    title: str
    title_en: str
    months: tuple[tuple[Entry, ...], ...]
    rules: tuple[str, ...] = ()


def table(pack: Pack, year: int, calendars: Calendars) -> tuple[Row, ...]:
    """The rows of ``year``: the windows, then the programmes, then the reports that are owed per period."""
    whole = ProvisionalCalendars(calendars.inner if isinstance(calendars, ProvisionalCalendars) else calendars)
    programmes = (
        Row(f"programme.{key}", one.title, one.title_en, _by_month(_owed(one, year, whole)), one.rules)
        for key, one in pack.programmes.items()
    )
    reports = (
        Row(f"report.{key}", one.title, one.title_en, _by_month(_reports(one, year, whole)), rule_ids(one.rule))
        for key, one in pack.reports.items()
        if one.every is not None
    )
    return (*_windows(pack, year, whole), *programmes, *reports)


def _by_month(entries: Iterator[EntryAt]) -> tuple[tuple[Entry, ...], ...]:
    every = list(entries)
    return tuple(tuple(entry for month, entry in every if month == wanted) for wanted in MONTHS)


def _entry(kind: Kind, said: Said, *, on: date | None = None, count: int = 0, provisional: bool = False) -> Entry:
    told = say(PROVISIONAL.zh, PROVISIONAL.en, said=said) if provisional else said
    return Entry(kind, told.zh, told.en, on, count, provisional)


# --- windows ---------------------------------------------------------------------------------------------------------


def _windows(pack: Pack, year: int, calendars: ProvisionalCalendars) -> Iterator[Row]:
    if pack.windows is None:
        months = tuple((_entry("open", NOT_SET),) for _ in MONTHS)
    else:
        times = Times((pack.windows.hours,))
        months = tuple((_open_in(times, year, month, calendars),) for month in MONTHS)
    rules = rule_ids(pack.windows.hours.rule) if pack.windows else ()
    yield Row("windows", "可拨天数与小时数", "Days and hours to call", months, rules)


def _open_in(times: Times, year: int, month: int, calendars: ProvisionalCalendars) -> Entry:
    days = [windows_on(times, day, calendars) for day in days_of(year) if day.month == month]
    opened = [day for day in days if day]
    total = sum((end - start for day in opened for start, end in day), timedelta())
    said = say(
        "{days} 天 {hours} 小时",
        "{days} days, {hours} hours",
        days=len(opened),
        hours=f"{total / timedelta(hours=1):g}",
    )
    return _entry("windows", said, count=len(opened), provisional=not calendars.knows(date(year, month, 1)))


# --- programmes ------------------------------------------------------------------------------------------------------


def _owed(programme: Programme, year: int, calendars: ProvisionalCalendars) -> Iterator[EntryAt]:
    due, start = programme.due, f"programmes.{programme.key}.trigger"
    if any(name == start or name.startswith(f"{start}.") for name in programme.open_values):
        yield from ((month, _entry("open", NOT_SET)) for month in MONTHS)
    elif due.kind is Trigger.FESTIVAL:
        yield from _festivals(due.festivals, year, calendars)
    elif due.period is not None:
        yield from _rounds(due.period, due.times, year)
    else:
        yield from ((month, _entry("continuous", CONTINUOUS)) for month in MONTHS)


def _rounds(per: Per, times: int, year: int) -> Iterator[EntryAt]:
    """The rounds that end in each month; months in which one only goes on say so."""
    ends = [last for last in _ends(per, times, year) if last.year == year]
    for month in MONTHS:
        mine = [last for last in ends if last.month == month]
        if not mine:
            yield month, _entry("running", RUNNING)
        elif len(mine) == 1:
            said = say("{day} 前完成", "by {day}", day=f"{mine[0]:%m-%d}")
            yield month, _entry("ends", said, on=mine[0], count=1)
        else:
            said = say(
                "{count} 轮，末轮 {day} 前",
                "{count} rounds, the last by {day}",
                count=len(mine),
                day=f"{mine[-1]:%m-%d}",
            )
            yield month, _entry("ends", said, on=mine[-1], count=len(mine))


def _ends(per: Per, times: int, year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        _, last, _ = parts_of(per, day, times)
        yield last
        day = last + DAY


def _festivals(names: tuple[str, ...], year: int, calendars: ProvisionalCalendars) -> Iterator[EntryAt]:
    for name in names:
        festival = word(tables.FESTIVALS, name)
        try:
            day = calendars.festival(name, year)
        except CalendarUnknown:
            said = say("{festival}日期未知", "the date of {festival} is not known", festival=festival)
            yield MONTHS.start, _entry("unknown", said)
            continue
        yield (
            day.month,
            _entry(
                "festival", say("{festival} {day}", "{festival} {day}", festival=festival, day=f"{day:%m-%d}"), on=day
            ),
        )


# --- reports ---------------------------------------------------------------------------------------------------------


def _reports(limit: TimeLimit, year: int, calendars: ProvisionalCalendars) -> Iterator[EntryAt]:
    """When the report about each period is due: its time limit runs from the last day of the period."""
    dues = [day for day in _due_days(limit, year, calendars) if day.year == year]
    for month in MONTHS:
        mine = [day for day in dues if day.month == month]
        if mine:
            several = "" if len(mine) == 1 else f"{len(mine)} × "
            said = say("{several}{day} 前", "{several}by {day}", several=several, day=f"{mine[-1]:%m-%d}")
            yield month, _entry("due", said, on=mine[-1], count=len(mine), provisional=not calendars.knows(mine[-1]))


def _due_days(limit: TimeLimit, year: int, calendars: ProvisionalCalendars) -> Iterator[date]:
    per = limit.every or Per.YEAR
    first, last = period_of(per, date(year - 1, 12, 31))
    while first.year <= year:
        counted = limit.within is not None and limit.within.unit is not Unit.HOUR and limit.within.amount > 0
        yield due_on(limit.within, last, calendars) if counted and limit.within is not None else last
        first, last = period_of(per, last + DAY)
