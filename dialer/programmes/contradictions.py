"""What in a pack contradicts itself, found before a client is called because of it.

The rule of this module: pure; a finding is impossible when a programme cannot be done at all as the pack stands, and a
warning otherwise. Nothing is guessed about a value that is open. What weakens the pack below is refused when the pack
is loaded (``strictness``) and does not come here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from itertools import combinations

from core.calendars import Calendars, ProvisionalCalendars
from dialer.programmes import deadline_checks, scope_checks
from dialer.programmes import words_tables as tables
from dialer.programmes.amount_words import amount, duration, rounds, spans
from dialer.programmes.deadline_checks import Setting
from dialer.programmes.facts import WEEKDAYS
from dialer.programmes.finding import Finding, found
from dialer.programmes.model import (
    Avoidance,
    Cap,
    CapPer,
    DayKind,
    Executor,
    Hours,
    Pack,
    Per,
    Programme,
    Retention,
    Trigger,
    Unit,
)
from dialer.programmes.programme_words import person
from dialer.programmes.said import Said, listed, say, word

PER_YEAR: Mapping[str, int] = {
    CapPer.ROLLING_24H: 365,
    Per.DAY: 365,
    Per.WEEK: 52,
    Per.TWO_WEEKS: 26,
    Per.MONTH: 12,
    Per.QUARTER: 4,
    Per.HALF_YEAR: 2,
    Per.YEAR: 1,
}
"""Whole periods in a year: facts of the calendar."""

DAYS: Mapping[Unit, int] = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30, Unit.HALF_YEAR: 182, Unit.YEAR: 365}


def find(pack: Pack, calendars: Calendars, *, first: date | None = None) -> tuple[Finding, ...]:
    """Every contradiction of ``pack``; deadlines are tried from each day of the year that begins on ``first``.

    ``first`` None is the last year that the calendars know; where they end, plain weekdays are taken.
    """
    whole = ProvisionalCalendars(calendars.inner if isinstance(calendars, ProvisionalCalendars) else calendars)
    setting = Setting(pack, whole, first or date(_last_year(whole), 1, 1))
    return (
        *_frequencies(pack),
        *_weekends(pack),
        *deadline_checks.find(setting),
        *_short_spans(pack),
        *_attempts(pack),
        *_retention(pack),
        *_callers(pack),
        *scope_checks.find(pack),
        *_names(pack),
        *_gates(pack),
    )


def _last_year(calendars: ProvisionalCalendars) -> int:
    """The last year of which the calendars know the working days."""
    return max((year for year in _YEARS if calendars.knows(date(year, 1, 1))), default=_YEARS.start)


_YEARS = range(2004, 2100)
"""Where calendars are looked for: from the first notice that is kept to farther than any notice reaches."""


# --- frequencies and caps (B-17, M-16) -------------------------------------------------------------------------------


def _frequencies(pack: Pack) -> Iterator[Finding]:
    calls = [one for one in pack.programmes.values() if one.by_voice and _rate(one)]
    for number, cap in enumerate(pack.caps):
        place, most = f"caps.{number}", Fraction(cap.most * PER_YEAR[cap.per])
        under = [one for one in calls if one.key not in cap.exempt]
        for one in under:
            if _rate(one) > most:
                yield _above(place, cap, one)
        for one, other in combinations(under, 2):
            alone = max(_rate(one), _rate(other))
            if alone <= most < _rate(one) + _rate(other) and not pack.merging.together(one.key, other.key):
                yield _together(place, cap, one, other)


def _rate(programme: Programme) -> Fraction:
    """How many calls a year one client gets; a sample reaches him in that share of the rounds only."""
    due = programme.due
    if due.kind is not Trigger.PERIOD or due.period is None:
        return Fraction(0)
    share = Fraction(1) if programme.tops else max((quota.share for quota in programme.quotas), default=Fraction(0))
    return due.times * PER_YEAR[due.period] * share


def _above(place: str, cap: Cap, one: Programme) -> Finding:
    said = say(
        "“{title}”要求{often}，上限只允许每{per} {most} 次",
        "“{title}” asks for a call {often}, the cap allows {most} per {per}",
        title=Said(one.title, one.title_en),
        often=rounds(one.due.times, one.due.period or Per.YEAR),
        per=word(tables.PERIODS, cap.per),
        most=cap.most,
    )
    # A cap for some clients only may spare those whom the programme concerns.
    impossible = cap.when is None
    return found("cap_below_frequency", place, said, "B-17", "M-16", cap.rule, *one.rules, impossible=impossible)


def _together(place: str, cap: Cap, one: Programme, other: Programme) -> Finding:
    said = say(
        "“{one}”和“{other}”不得合并，合计次数超过上限（每{per} {most} 次）",
        "“{one}” and “{other}” are never one call, and together they exceed the cap of {most} per {per}",
        one=Said(one.title, one.title_en),
        other=Said(other.title, other.title_en),
        per=word(tables.PERIODS, cap.per),
        most=cap.most,
    )
    return found("cap_below_frequency", place, said, "B-17", "B-14", cap.rule)


# --- windows ---------------------------------------------------------------------------------------------------------


def _weekends(pack: Pack) -> Iterator[Finding]:
    for place, hours in _all_hours(pack):
        for weekday, name in ((5, WEEKDAYS[5]), (6, WEEKDAYS[6])):
            if hours.weekdays.get(weekday) and hours.days is not DayKind.EVERY_DAY:
                yield _shut(f"{place}.{name}", hours, weekday)


def _shut(place: str, hours: Hours, weekday: int) -> Finding:
    said = say(
        "{day} {spans} 只在{days}开放，平常的周末不会拨打",
        "{day} {spans} exists on {days} only, so on ordinary weekends nobody is called",
        day=tables.WEEKDAYS[weekday],
        spans=spans(hours.weekdays[weekday]),
        days=word(tables.DAY_KINDS, hours.days),
    )
    return found("weekend_window_shut", place, said, "B-09", "M-17", hours.rule)


def _all_hours(pack: Pack) -> Iterator[tuple[str, Hours]]:
    if pack.windows is None:
        return
    yield "windows", pack.windows.hours
    for number, segment in enumerate(pack.windows.segments):
        yield f"windows.segments.{number}", segment.hours
    if pack.windows.appointments is not None:
        yield "windows.appointments", pack.windows.appointments


def _short_spans(pack: Pack) -> Iterator[Finding]:
    if pack.contact is None:
        return
    limits = (
        ("ring_limit", Said("振铃时长", "the ring limit"), pack.contact.ring_limit),
        ("interval", Said("两次致电的间隔", "the interval between two calls"), pack.contact.interval),
    )
    for place, hours in _all_hours(pack):
        shortest = deadline_checks.shortest(hours)
        for key, name, limit in limits:
            if limit > shortest:
                said = say(
                    "{name} {limit}，比最短的可拨时段（{span}）还长",
                    "{name} of {limit} is longer than the shortest window ({span})",
                    name=name, limit=duration(limit), span=duration(shortest),
                )  # fmt: skip
                yield found(f"{key}_above_window", place, said, "B-18", hours.rule)


def _attempts(pack: Pack) -> Iterator[Finding]:
    if pack.contact is None:
        return
    total = pack.contact.retries.total
    for number, cap in enumerate(pack.caps):
        if not cap.answered_only and cap.per not in (CapPer.ROLLING_24H, CapPer.DAY) and cap.most < total:
            said = say(
                "重拨共 {total} 次，而上限为每{per}拨打 {most} 次，重拨在一期内用不完",
                "the ladder has {total} attempts, the cap allows {most} per {per}: one period cannot hold them",
                total=total, per=word(tables.PERIODS, cap.per), most=cap.most,
            )  # fmt: skip
            yield found("cap_below_retries", f"caps.{number}", said, "M-01", cap.rule)


# --- retention (F-02 to F-06) ----------------------------------------------------------------------------------------


def _retention(pack: Pack) -> Iterator[Finding]:
    yield from _transcripts("retention", pack.retention)
    for key, one in pack.programmes.items():
        place = f"programmes.{key}.retention"
        yield from _transcripts(place, one.retention, pack.retention)
        for kind, term in one.retention.items():
            floor = pack.retention.get(kind)
            if floor is not None and _days(term) < _days(floor):
                yield _shorter(f"{place}.{kind}", Said(one.title, one.title_en), kind, term, floor)


def _shorter(place: str, title: Said, kind: str, term: Retention, floor: Retention) -> Finding:
    said = say(
        "“{title}”的{kind}只保存 {term}，低于制度的 {floor}；按最长者执行",
        "“{title}” keeps its {kind} {term}, less than the {floor} of the pack; the longest one wins",
        title=title,
        kind=word(tables.RECORDS, kind),
        term=amount(term.amount, term.unit),
        floor=amount(floor.amount, floor.unit),
    )
    return found("retention_below_floor", place, said, "F-06", floor.rule, term.rule)


def _transcripts(
    place: str, terms: Mapping[str, Retention], floor: Mapping[str, Retention] | None = None
) -> Iterator[Finding]:
    mine, recording = terms.get("transcript"), terms.get("recording") or (floor or {}).get("recording")
    if mine is not None and recording is not None and _days(mine) < _days(recording):
        said = say(
            "转写文本保存 {mine}，短于录音的 {recording}",
            "transcripts are kept {mine}, recordings {recording}",
            mine=amount(mine.amount, mine.unit),
            recording=amount(recording.amount, recording.unit),
        )
        yield found("transcript_below_recording", f"{place}.transcript", said, "M-04", mine.rule, recording.rule)


def _days(term: Retention) -> int:
    return term.amount * DAYS[term.unit]


# --- who calls (E-01 to E-07, M-15) ----------------------------------------------------------------------------------


def _callers(pack: Pack) -> Iterator[Finding]:
    for key, one in pack.programmes.items():
        executor = pack.executors.get(one.executor)
        rules = [rule for rule in pack.avoidance if not rule.programmes or key in rule.programmes]
        if executor is not None:
            yield from _nobody(f"programmes.{key}.executor", one, executor, rules, pack)
            yield from _own_staff(f"programmes.{key}.executor", one, executor, rules)


def _nobody(place: str, one: Programme, executor: Executor, rules: list[Avoidance], pack: Pack) -> Iterator[Finding]:
    may = executor.series or frozenset(tables.SERIES)
    avoided = may & {series for rule in rules for series in rule.series}
    left = may - avoided
    if not avoided or (left and not executor.series):
        return
    said = say(
        "“{title}”由{executor}执行，其{series}人员却须回避{left}",
        "“{title}” is for {executor}, whose staff of the series {series} must not call{left}",
        title=Said(one.title, one.title_en),
        executor=person(one.executor, pack),
        series=listed([word(tables.SERIES, series) for series in sorted(avoided)]),
        left=Said("", "") if left else Said("，无人可以执行", ", so nobody is left"),
    )
    ids = [rule.rule for rule in rules if rule.series & avoided]
    code = "executor_avoided" if left else "nobody_may_call"
    yield found(code, place, said, "M-15", executor.rule, *ids, impossible=not left and one.by_voice)


def _own_staff(place: str, one: Programme, executor: Executor, rules: list[Avoidance]) -> Iterator[Finding]:
    """The client's own member of staff is often his introducer (E-07)."""
    ids = [rule.rule for rule in rules if rule.introducer]
    if executor.level == "staff" and ids:
        said = say(
            "“{title}”由客户自己的服务人员执行，而制度要求开发人员回避",
            "“{title}” is for the client's own member of staff, and the pack keeps introducers away",
            title=Said(one.title, one.title_en),
        )
        yield found("own_staff_avoided", place, said, "M-15", "E-04", "E-07", *ids)


# --- names and gates -------------------------------------------------------------------------------------------------


def _names(pack: Pack) -> Iterator[Finding]:
    """Rules about programmes that the firm has switched off."""
    for place, keys in _named(pack):
        for key in sorted(keys - pack.programmes.keys()):
            said = say("提到已停用的回访项目 {key}", "names the programme {key}, which is switched off", key=key)
            yield found("names_disabled_programme", place, said)


def _named(pack: Pack) -> Iterator[tuple[str, frozenset[str]]]:
    for key, one in pack.programmes.items():
        for number, rule in enumerate(one.suppressions):
            yield f"programmes.{key}.suppress.{number}", rule.programmes
    for number, apart in enumerate(pack.merging.apart):
        yield f"merge.apart.{number}", apart
    for number, cap in enumerate(pack.caps):
        yield f"caps.{number}.exempt", cap.exempt
    for number, avoidance in enumerate(pack.avoidance):
        yield f"avoidance.{number}.programmes", avoidance.programmes


def _gates(pack: Pack) -> Iterator[Finding]:
    for key, one in pack.programmes.items():
        if "activation" in one.gates and not one.outcomes.get("refused"):
            said = say(
                "“{title}”完成前账户不得开通，而拒绝回访的客户没有出路，须由公司规定",
                "the account waits for “{title}”, and nothing says what becomes of a client who refuses it",
                title=Said(one.title, one.title_en),
            )
            yield found("gate_without_way_out", f"programmes.{key}.gates", said, "M-25", "A-23")
