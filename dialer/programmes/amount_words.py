"""Times, deadlines, windows and shares of a pack in words.

The rule of this module: the unit is said as the source writes it (B-08), and the source's own words are quoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from itertools import groupby

from dialer.programmes import words_tables as tables
from dialer.programmes.facts import Span
from dialer.programmes.model import Deadline, Hours, Per, Retention, Unit
from dialer.programmes.said import NOTHING, Said, listed, quoted, ruled, say, word

WEEK = range(7)


def amount(number: int, unit: str) -> Said:
    """``3`` ``working_day`` as 3 个工作日 / 3 working days; ``unit`` a ``Unit``, a ``DayKind`` or a part of a time."""
    name = tables.AMOUNTS_ONE[unit]
    plural = name.en if number == 1 else f"{name.en}s"
    return say("{number} {zh}", "{number} {en}", number=number, zh=name.zh, en=plural)


def duration(time: timedelta) -> Said:
    """A time of the pack in the largest units that say it exactly."""
    seconds = int(time.total_seconds())
    parts = {
        "days": seconds // 86400,
        "hours": seconds % 86400 // 3600,
        "minutes": seconds % 3600 // 60,
        "seconds": seconds % 60,
    }
    said = [amount(number, unit) for unit, number in parts.items() if number]
    if not said:
        return amount(0, "seconds")
    return Said(" ".join(part.zh for part in said), " ".join(part.en for part in said))


def kept(retention: Retention) -> Said:
    """How long records are kept, with the rule."""
    said = amount(retention.amount, retention.unit)
    return ruled(say("至少 {time}", "at least {time}", time=said), retention.rule)


def share(part: Fraction) -> Said:
    """A share as a percentage."""
    text = f"{float(part * 100):g}%"
    return Said(text, text)


def within(deadline: Deadline) -> Said:
    """A deadline with its unit, the source's own words and its rule."""
    said = _within(deadline)
    if deadline.words:
        said = say(
            "{said}，原文{words}", "{said}, in the source's words {words}", said=said, words=quoted(deadline.words)
        )
    return ruled(said, deadline.rule)


def _within(deadline: Deadline) -> Said:
    if not deadline.amount:
        return word(tables.BEFORE, deadline.before)
    said = amount(deadline.amount, deadline.day_type or deadline.unit)
    if deadline.unit is Unit.TRADING_DAY or deadline.day_type == "trading_day":
        said = say("{said}（{exchange}）", "{said} ({exchange})", said=said, exchange=deadline.exchange)
    if deadline.before:
        before = word(tables.BEFORE, deadline.before)
        return say("{before}，自定目标 {said}内", "{before}, our own aim is {said}", before=before, said=said)
    return say("{said}内", "within {said}", said=said)


def rounds(times: int, per: Per) -> Said:
    """How often in a calendar period."""
    period = word(tables.PERIODS, per)
    if times == 1:
        return say("每{period}一次", "once a {period}" if per is not Per.TWO_WEEKS else "every {period}", period=period)
    return say("每{period} {times} 次", "{times} times a {period}", period=period, times=times)


def hours(open_on: Hours) -> Said:
    """The windows of a week: which days exist at all, then the spans, weekdays with the same ones together."""
    days = word(tables.DAY_KINDS, open_on.days)
    said = say("只在{days}：{week}", "only on {days}: {week}", days=days, week=listed(_week(open_on)))
    return ruled(said, open_on.rule)


def _week(open_on: Hours) -> Iterator[Said]:
    if len({open_on.spans(weekday) for weekday in WEEK}) == 1:
        yield say("每天 {spans}", "daily {spans}", spans=spans(open_on.spans(0)))
        return
    for shared, run in groupby(WEEK, open_on.spans):
        if shared:
            yield say("{days} {spans}", "{days} {spans}", days=_run([*run]), spans=spans(shared))


def _run(weekdays: list[int]) -> Said:
    """Weekdays that follow one another."""
    first, last = tables.WEEKDAYS[weekdays[0]], tables.WEEKDAYS[weekdays[-1]]
    if len(weekdays) == 1:
        return first
    return say("{first}至{last}", "{first} to {last}", first=first, last=last)


def spans(every: tuple[Span, ...]) -> Said:
    """The windows of a day."""
    return listed((Said(str(span), str(span)) for span in every), last=Said("和", " and ")) if every else NOTHING
