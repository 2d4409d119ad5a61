"""The gate: may this client be dialed this instant? One function for every INVITE, fail-closed (design rule 1).

The rule of this module: every reason is told, not only the first, and what cannot be known means no. It is pure;
``dialer.planning.lookup`` reads what it needs from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

import phonenumbers

from core.calendars import DAY, Calendars
from core.clock import CHINA, china
from core.errors import CalendarUnknown
from dialer.programmes.errors import OpenValue
from dialer.programmes.facts import BadPreference, ClientFacts, PastAttempt, Preference
from dialer.programmes.model import Cap, ContactRules, Pack
from dialer.programmes.periods import period_of
from dialer.programmes.windows import day_counts, open_at

CALLABLE = frozenset({"active", "dormant", "suspended"})
"""A closed account has nobody to call; whether dormant and suspended clients are due is the programme's business."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against dialing: a stable code, the words in two languages, the rule behind it."""

    code: str
    text: str
    text_en: str
    rule: str = ""

    def as_json(self) -> dict[str, str]:
        """The reason as stored with attempts and refusals."""
        return {"code": self.code, "text": self.text, "text_en": self.text_en, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call may leave, and every reason against it."""

    at: datetime
    reasons: tuple[Reason, ...]

    @property
    def allowed(self) -> bool:
        """True when nothing speaks against it."""
        return not self.reasons

    def as_json(self) -> dict[str, object]:
        """``{"allowed", "at", "reasons"}``: what ``attempt.gate`` keeps and ``huifang gate --json`` prints."""
        reasons = [reason.as_json() for reason in self.reasons]
        return {"allowed": self.allowed, "at": china(self.at).isoformat(), "reasons": reasons}


@dataclass(frozen=True, slots=True)
class CallbackFacts:
    """The callback to be dialed."""

    callback_id: str
    open: bool
    due_on: date
    not_before: datetime
    programmes: frozenset[str]


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The machine's side."""

    recorder_ready: bool
    line_ready: bool
    draining: bool


@dataclass(frozen=True, slots=True)
class GateInput:
    """Everything the gate looks at.

    ``attempts`` are the client's earlier attempts of this year, of every callback; ``callback`` None means that
    nothing is owed to the client; ``pack`` None means that the pack could not be read; ``node`` None leaves the
    machine's side out (questions of people, never an INVITE).
    """

    now: datetime
    client: ClientFacts
    phone: str | None
    callback: CallbackFacts | None
    attempts: tuple[PastAttempt, ...]
    pack: Pack | None
    calendars: Calendars
    node: NodeFacts | None


Check = Callable[[GateInput, ContactRules], Iterator[Reason]]


def judge(asked: GateInput) -> Verdict:
    """May this call leave at ``asked.now``? All reasons against it; none means yes."""
    reasons = [*_client(asked), *_callback(asked), *_node(asked), *_by_rules(asked)]
    return Verdict(asked.now, tuple(reasons))


def _client(asked: GateInput) -> Iterator[Reason]:
    client = asked.client
    if client.status not in CALLABLE:
        yield Reason("client_closed", "客户已销户", f"the client is {client.status}")
    if client.phone_opt_out:
        yield Reason("opted_out", "客户不愿接受电话回访，应改用短信", "the client wants no calls; use SMS", "B-23")
    if asked.phone is None or asked.phone not in client.phones or not dialable(asked.phone):
        yield Reason("no_phone", "没有可拨打的有效号码", "no valid number of this client to dial")


def _callback(asked: GateInput) -> Iterator[Reason]:
    callback = asked.callback
    if callback is None or not callback.open:
        yield Reason("nothing_owed", "没有待执行的回访任务", "no open call-back is owed to this client")
        return
    if china(asked.now).date() > callback.due_on:
        yield Reason("expired", f"已过期限 {callback.due_on}", f"its deadline was {callback.due_on}", "B-08")
    if asked.now < callback.not_before:
        when = f"{china(callback.not_before):%Y-%m-%d %H:%M:%S}"
        yield Reason("too_early", f"{when} 之前不再拨打", f"not before {when}", "B-19")


def _node(asked: GateInput) -> Iterator[Reason]:
    node = asked.node
    if node is None:
        return
    if not node.recorder_ready:
        yield Reason(
            "recorder_not_ready", "录音未就绪，禁止拨打", "the recorder is not ready: no recording, no call", "F-01"
        )
    if not node.line_ready:
        yield Reason("line_not_ready", "线路不可用", "the line to the trunk is not ready")
    if node.draining:
        yield Reason("draining", "节点正在停机，不再发起呼叫", "this node is shutting down")


def _by_rules(asked: GateInput) -> Iterator[Reason]:
    """What the pack says; a pack that cannot be read or leaves values open forbids every call (M-01)."""
    if asked.pack is None:
        yield Reason("pack_unreadable", "制度包无法读取", "the policy pack cannot be read")
        return
    try:
        rules = asked.pack.runnable()
    except OpenValue as error:
        names = ", ".join(error.names)
        yield Reason("open_values", f"制度包尚有未设定的值：{names}", f"the pack leaves open: {names}", "M-01")
        return
    for check in (_window, _interval, _attempts_left, _caps):
        yield from check(asked, rules)


def _window(asked: GateInput, rules: ContactRules) -> Iterator[Reason]:
    day = china(asked.now).date()
    try:
        preference = Preference.of(asked.client.prefers)
        if not day_counts(rules.windows.days, day, asked.calendars):
            yield Reason("not_a_calling_day", f"{day} 不是可拨日", f"{day} is no {rules.windows.days}", "B-01")
        elif not open_at(rules.windows, Preference(), asked.now, asked.calendars):
            yield Reason("outside_window", "不在可拨时段", "outside the permitted windows", rules.windows.rule)
        yield from _against_wish(preference, asked.now)
    except CalendarUnknown as error:
        yield Reason("calendar_unknown", "日历未知，无法判断是否可拨", str(error), "B-08")
    except BadPreference as error:
        yield Reason("preference_unreadable", "客户偏好时段无法识别", str(error), "B-07")


def _against_wish(preference: Preference, now: datetime) -> Iterator[Reason]:
    local = china(now)
    wrong_day = bool(preference.weekdays) and local.weekday() not in preference.weekdays
    wrong_time = bool(preference.spans) and not any(span.start <= local.time() < span.end for span in preference.spans)
    if wrong_day or wrong_time:
        yield Reason("against_wish", "不在客户希望的时段", "outside the times the client asked for", "B-07")


def _interval(asked: GateInput, rules: ContactRules) -> Iterator[Reason]:
    last = max((past.started_at for past in asked.attempts if past.counts), default=None)
    if last is not None and asked.now < last + rules.interval:
        when = f"{china(last + rules.interval):%Y-%m-%d %H:%M:%S}"
        yield Reason(
            "too_soon", f"距上次拨打过近，{when} 后再拨", f"too soon after the last call; not before {when}", "B-18"
        )


def _attempts_left(asked: GateInput, rules: ContactRules) -> Iterator[Reason]:
    if asked.callback is None:
        return
    made = sum(past.counts and past.callback_id == asked.callback.callback_id for past in asked.attempts)
    if made >= rules.retries.total:
        yield Reason("attempts_used_up", f"已拨打 {made} 次，达到上限", f"all {made} attempts are used up", "M-01")


def _caps(asked: GateInput, rules: ContactRules) -> Iterator[Reason]:
    for cap in rules.caps:
        made = sum(_under(cap, past, asked.now) for past in asked.attempts)
        if _reached(cap, asked):
            what = f"{made} of {cap.most} calls per {cap.per} are made"
            yield Reason("cap_reached", f"本周期（{cap.per}）已拨 {made} 次，上限 {cap.most} 次", what, cap.rule)


def _reached(cap: Cap, asked: GateInput) -> bool:
    made = sum(_under(cap, past, asked.now) for past in asked.attempts)
    return made >= cap.most and not _exempt(cap, asked.callback)


def cap_free_on(cap: Cap, asked: GateInput) -> datetime:
    """When ``cap`` stops forbidding this call: now, or the beginning of the next period."""
    if not _reached(cap, asked):
        return asked.now
    _, last = period_of(cap.per, china(asked.now).date())
    return datetime.combine(last + DAY, time(0), CHINA)


def _under(cap: Cap, past: PastAttempt, now: datetime) -> bool:
    first, last = period_of(cap.per, china(now).date())
    counted = past.disposition == "answered" if cap.answered_only else past.counts
    exempt = bool(past.programmes) and past.programmes <= cap.exempt
    return counted and not exempt and first <= china(past.started_at).date() <= last


def _exempt(cap: Cap, callback: CallbackFacts | None) -> bool:
    return callback is not None and bool(callback.programmes) and callback.programmes <= cap.exempt


def dialable(phone: str) -> bool:
    """Whether ``phone`` (E.164 or Chinese national form) is a valid number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(phone, "CN"))
    except phonenumbers.NumberParseException:
        return False
