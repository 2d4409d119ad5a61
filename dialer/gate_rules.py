"""The gate's checks by what a complete pack says: the times, the programmes, and who makes the call.

The rule of this module: a check yields every reason it finds, and what it cannot know is a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from core.errors import CalendarUnknown
from dialer.gate_facts import CallbackFacts, Question, Reason, second
from dialer.programmes.facts import BadPreference, Preference, StaffFacts
from dialer.programmes.model import Avoidance, ContactRules, Executor, Programme
from dialer.programmes.windows import Times, day_counts, times_of

LEFT = Reason("caller_left", "该员工已离职，不得执行回访", "this member of staff has left the firm")
SERIES_UNKNOWN = Reason(
    "series_unknown",
    "该员工序列不明，无法判断是否应回避",
    "the caller's series is not known, so it may be avoided",
    "E-03",
)
BY_HAND = Reason("not_by_machine", "该回访须由人工执行", "this call-back is made by people", "M-03")


# --- when ------------------------------------------------------------------------------------------------------------


def window_reasons(question: Question) -> Iterator[Reason]:
    """The day, the windows, and the client's own wish (B-01 to B-07, B-21)."""
    windows, client, day = question.rules.windows, question.asked.client, question.day
    agreed = question.asked.callback is not None and question.asked.callback.appointment_at is not None
    try:
        times = times_of(windows, client, day, appointment=agreed)
    except BadPreference as error:
        yield Reason("preference_unreadable", "客户偏好时段无法识别", str(error), "B-07")
        times = times_of(windows, replace(client, prefers={}), day, appointment=agreed)
    try:
        yield from _closed(question, times)
    except CalendarUnknown as error:
        yield Reason("calendar_unknown", "日历未知，无法判断是否可拨", str(error), "B-08")
    yield from _against_wish(question, times.wish)


def _closed(question: Question, times: Times) -> Iterator[Reason]:
    day, clock, calendars = question.day, question.clock, question.asked.calendars
    today = [hours for hours in times.hours if day_counts(hours.days, day, calendars, times.branch)]
    if not today:
        text_en = f"{day} is no {times.hours[0].days}, or a holiday of the client's branch"
        yield Reason("not_a_calling_day", f"{day} 不是可拨日", text_en, "B-01")
    elif not any(span.start <= clock < span.end for hours in today for span in hours.spans(day.weekday())):
        yield Reason("outside_window", "不在可拨时段", "outside the permitted windows", times.hours[0].rule)


def _against_wish(question: Question, wish: Preference) -> Iterator[Reason]:
    wrong_day = bool(wish.weekdays) and question.day.weekday() not in wish.weekdays
    wrong_time = bool(wish.spans) and not any(span.start <= question.clock < span.end for span in wish.spans)
    if wrong_day or wrong_time:
        yield Reason("against_wish", "不在客户希望的时段", "outside the times the client asked for", "B-07")


def earliest(callback: CallbackFacts, rules: ContactRules | None) -> datetime:
    """The first instant at which the callback may be dialed.

    That is its ``not_before``; for an appointment that was not tried yet it is the agreed time, or as much earlier as
    the pack allows (B-20). ``rules`` None: the pack allows nothing.
    """
    agreed = callback.appointment_at
    if agreed is None or callback.not_before > agreed:
        return callback.not_before
    return agreed - rules.appointment_early if rules else agreed


def early_reasons(callback: CallbackFacts, rules: ContactRules | None, now: datetime) -> Iterator[Reason]:
    """Before the time that was set for the call, or agreed with the client."""
    first = earliest(callback, rules)
    if now < first:
        rule = "B-19" if callback.appointment_at is None else "B-20"
        yield Reason("too_early", f"{second(first)} 之前不再拨打", f"not before {second(first)}", rule)


# --- what for --------------------------------------------------------------------------------------------------------


def programme_reasons(question: Question) -> Iterator[Reason]:
    """What the pack says today about the programmes of the callback; they may have changed since it was planned."""
    known = question.pack.programmes
    for key in sorted(question.asked.programmes):
        if key in known:
            yield from _programme(known[key])
        else:
            yield Reason("programme_gone", f"制度包已无回访项目 {key}", f"the pack has no programme {key} any more")
    if question.asked.caller is None and _by_hand(question):
        yield BY_HAND


def _programme(programme: Programme) -> Iterator[Reason]:
    if programme.open_values:
        names = ", ".join(programme.open_values)
        text = f"回访项目 {programme.key} 尚有未设定的值：{names}"
        yield Reason("programme_open", text, f"programme {programme.key} leaves open: {names}", "M-01")
    if not programme.by_voice:
        text = f"回访项目 {programme.key} 不使用电话"
        yield Reason("not_by_voice", text, f"programme {programme.key} does not use the telephone", "B-13")


def _by_hand(question: Question) -> bool:
    callback, known = question.asked.callback, question.pack.programmes
    if callback is None:
        return False
    return callback.mode != "automatic" or any(key in known and not known[key].automatic for key in callback.programmes)


# --- by whom ---------------------------------------------------------------------------------------------------------


def caller_reasons(question: Question) -> Iterator[Reason]:
    """Who must not make this call: the introducer, avoided series, wrong executors, those who left (E-01 to E-07)."""
    caller = question.asked.caller
    if caller is None:
        return
    if caller.left_on is not None and caller.left_on < question.day:
        yield LEFT
    yield from _introducer(question, caller)
    yield from _avoided(question, caller)
    for executor in _executors(question):
        if executor.series and caller.series not in executor.series:
            text = f"应由{executor.title}执行"
            yield Reason("not_this_executor", text, f"this is for {executor.title_en}", executor.rule or "E-07")


def _introducer(question: Question, caller: StaffFacts) -> Iterator[Reason]:
    """E-04 holds in every pack, unless the pack itself gives the call to the client's own member of staff (E-07)."""
    if caller.staff_id != question.asked.client.introducer_id:
        return
    rule = next((rule.rule for rule in _applying(question) if rule.introducer), None)
    if rule is not None or not _to_own_staff(question):
        yield Reason("introducer", "不得回访本人介绍开户的客户", "the caller introduced this client", rule or "E-04")


def _avoided(question: Question, caller: StaffFacts) -> Iterator[Reason]:
    rules = [rule for rule in _applying(question) if rule.series]
    if rules and not caller.series:
        yield SERIES_UNKNOWN
    for rule in rules:
        if caller.series in rule.series:
            text = f"{caller.series} 序列人员不得执行该回访"
            yield Reason("series_avoided", text, f"staff of the series {caller.series} must not call", rule.rule)


def _applying(question: Question) -> Iterator[Avoidance]:
    """The pack's avoidance rules for this call; all of them when its programmes are not known."""
    programmes = question.asked.programmes
    for rule in question.pack.avoidance:
        if not rule.programmes or not programmes or rule.programmes & programmes:
            yield rule


def _to_own_staff(question: Question) -> bool:
    executors = _executors(question)
    return bool(executors) and all(executor.level == "staff" for executor in executors)


def _executors(question: Question) -> list[Executor]:
    """Who makes calls for the callback's programmes, as far as the pack describes them."""
    callback, pack = question.asked.callback, question.pack
    if callback is None:
        return []
    keys = {pack.programmes[key].executor for key in callback.programmes if key in pack.programmes}
    return [pack.executors[key] for key in sorted(keys or {callback.executor}) if key in pack.executors]
