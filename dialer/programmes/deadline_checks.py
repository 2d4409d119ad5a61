"""Deadlines that no window can meet, and ladders of retries that a deadline cuts short: tried day by day.

The rule of this module: from each day of a year an event is taken that is known at the end of the day, as the nightly
plan knows it, and a phone that nobody answers; windows, intervals, ladder and caps on attempts are the pack's. Hours
run from the last window of the day, their worst case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from core.calendars import DAY, ProvisionalCalendars
from core.clock import CHINA, china
from dialer.calling.dispositions import Disposition
from dialer.calling.retries import Case, RetryAt, next_step
from dialer.programmes import words_tables as tables
from dialer.programmes.amount_words import within
from dialer.programmes.finding import Finding, found
from dialer.programmes.model import Cap, CapPer, ContactRules, Deadline, Hours, Pack, Per, Programme, Unit
from dialer.programmes.periods import due, period_of
from dialer.programmes.said import Said, say
from dialer.programmes.windows import Times, first_moment, windows_on

YEAR = 365
TRIED = Disposition.NO_ANSWER


@dataclass(frozen=True, slots=True)
class Setting:
    """What deadlines are tried against: the pack, the calendars and the first day of the year."""

    pack: Pack
    calendars: ProvisionalCalendars
    first: date

    @property
    def days(self) -> Iterator[date]:
        """The days from which deadlines are tried."""
        return (self.first + number * DAY for number in range(YEAR))


@dataclass(frozen=True, slots=True)
class Tried:
    """How one deadline went: days without any window, days on which the ladder was cut short, attempts that fitted."""

    without: tuple[date, ...]
    cut_short: tuple[date, ...]
    fewest: int
    wanted: int


def find(setting: Setting) -> Iterator[Finding]:
    """What is wrong with the deadlines of the programmes that call, in the ordinary windows and in each segment's."""
    windows = setting.pack.windows
    if windows is None:
        return
    calls = [one for one in setting.pack.programmes.values() if one.by_voice and _counts(one.deadline)]
    every = [("windows", windows.hours), *((f"windows.segments.{n}", s.hours) for n, s in enumerate(windows.segments))]
    for place, hours in every:
        results: dict[Deadline, Tried] = {}
        for one in calls:
            if one.deadline is not None:
                tried = results.get(one.deadline) or _tried(setting, one.deadline, hours)
                results[one.deadline] = tried
                yield from _findings(one, one.deadline, tried, place)


def shortest(hours: Hours) -> timedelta:
    """The length of the shortest window of a week."""
    day = date.min
    spans = [span for weekday in range(7) for span in hours.spans(weekday)]
    return min(datetime.combine(day, span.end) - datetime.combine(day, span.start) for span in spans)


def _counts(deadline: Deadline | None) -> bool:
    return deadline is not None and deadline.amount > 0


def _tried(setting: Setting, deadline: Deadline, hours: Hours) -> Tried:
    times, contact = Times((hours,)), setting.pack.contact
    wanted = _wanted(contact)
    without, cut_short, fewest = [], [], wanted
    for day in setting.days:
        start = _start(deadline, day, times, setting.calendars)
        made = _attempts(setting, times, start, due(deadline, _trigger(deadline, day, start), setting.calendars).at)
        fewest = min(fewest, made) if made else fewest
        if made == 0:
            without.append(day)
        elif made < wanted:
            cut_short.append(day)
    return Tried(tuple(without), tuple(cut_short), fewest, wanted)


def _wanted(contact: ContactRules | None) -> int:
    """How many attempts a phone gets that nobody answers; one when the ladder is open."""
    if contact is None:
        return 1
    most = contact.retries.rungs[TRIED].most
    return contact.retries.total if not most else min(most, contact.retries.total)


def _start(deadline: Deadline, day: date, times: Times, calendars: ProvisionalCalendars) -> datetime:
    """From when the first call is looked for."""
    if deadline.unit is not Unit.HOUR:
        return datetime.combine(day + DAY, time(), CHINA)
    open_then = windows_on(times, day, calendars)
    return open_then[-1][1] if open_then else datetime.combine(day, time(), CHINA)


def _trigger(deadline: Deadline, day: date, start: datetime) -> datetime:
    return start if deadline.unit is Unit.HOUR else datetime.combine(day, time(), CHINA)


def _attempts(setting: Setting, times: Times, start: datetime, due_at: datetime) -> int:
    """How many calls that nobody answers fit before the deadline."""
    contact, made, after = setting.pack.contact, list[datetime](), start
    caps = [cap for cap in setting.pack.caps if not cap.answered_only and cap.when is None]
    case = Case(times, setting.calendars, due_at)
    while (moment := _free(case, caps, made, after)) is not None:
        made.append(moment)
        if contact is None or len(made) >= _wanted(contact):
            break
        following = next_step(contact, TRIED, [TRIED] * (len(made) - 1), now=moment, case=case)
        if not isinstance(following, RetryAt):
            break
        after = following.at
    return len(made)


def _free(case: Case, caps: list[Cap], made: list[datetime], after: datetime) -> datetime | None:
    """The first moment before the deadline at which a window is open and no cap on attempts is reached."""
    until = china(case.due_at).date()
    while True:
        moment = first_moment(case.times, case.calendars, after=after, until=until)
        if moment is None or moment >= case.due_at:
            return None
        after = max((_freed(cap, made, moment) for cap in caps), default=moment)
        if after <= moment:
            return moment


def _freed(cap: Cap, made: list[datetime], moment: datetime) -> datetime:
    """When the cap allows a further attempt: now, or at the end of what it counts over."""
    if cap.per is CapPer.ROLLING_24H:
        inside = [one for one in made if one > moment - DAY]
        return inside[-cap.most] + DAY if len(inside) >= cap.most else moment
    first, last = period_of(Per(cap.per.value), china(moment).date())
    inside = [one for one in made if first <= china(one).date() <= last]
    return datetime.combine(last + DAY, time(), CHINA) if len(inside) >= cap.most else moment


def _findings(one: Programme, deadline: Deadline, tried: Tried, windows: str) -> Iterator[Finding]:
    if tried.without:
        yield _without(one, deadline, tried, windows)
    if tried.cut_short:
        said = say(
            "“{title}”的期限（{deadline}）内有时只能拨打 {fewest} 次，少于重拨规定的 {wanted} 次（{days}，{windows}）",
            "the deadline of “{title}” ({deadline}) sometimes holds {fewest} of the {wanted} attempts of the ladder "
            "({days}, {windows})",
            **_told(one, deadline, tried.cut_short, windows),
            fewest=tried.fewest,
            wanted=tried.wanted,
        )
        yield found("ladder_cut_short", f"programmes.{one.key}.deadline", said, "M-01", deadline.rule)


def _without(one: Programme, deadline: Deadline, tried: Tried, windows: str) -> Finding:
    never = len(tried.without) == YEAR
    said = say(
        "“{title}”的期限（{deadline}）内没有可拨时段（{days}，{windows}）",
        "the deadline of “{title}” ({deadline}) holds no window ({days}, {windows})",
        **_told(one, deadline, tried.without, windows),
    )
    rules = ("B-08", "M-17", deadline.rule)
    return found("deadline_without_window", f"programmes.{one.key}.deadline", said, *rules, impossible=never)


def _told(one: Programme, deadline: Deadline, days: tuple[date, ...], windows: str) -> dict[str, Said | str]:
    example = say(
        "{day}（{weekday}）", "{day} ({weekday})", day=days[0].isoformat(), weekday=tables.WEEKDAYS[days[0].weekday()]
    )
    count = say(
        "一年 365 天中的 {number} 天，例如 {example}",
        "from {number} of the 365 days of the year, such as {example}",
        number=len(days),
        example=example,
    )
    return {
        "title": Said(one.title, one.title_en),
        "deadline": within(deadline),
        "days": count,
        "windows": windows,
    }
