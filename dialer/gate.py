"""The gate: may this client be dialed this instant? One function for every INVITE, fail-closed (design rule 1).

First calls, retries, appointments and calls by hand all pass here. The rule of this module: every reason is told, not
only the first, and what cannot be known means no. It is pure; ``dialer.planning.lookup`` reads what it needs from the
database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from core.clock import china
from dialer.calling.numbers import dialable
from dialer.gate_caps import budget_reasons, cap_begins, cap_free_on, cap_reasons, interval_free_at, interval_reasons
from dialer.gate_facts import CallbackFacts, GateInput, NodeFacts, Question, Reason, Verdict
from dialer.gate_rules import caller_reasons, earliest, early_reasons, programme_reasons, window_reasons
from dialer.programmes.errors import OpenValue
from dialer.programmes.model import ContactRules

__all__ = [
    "CALLABLE",
    "CallbackFacts",
    "GateInput",
    "NodeFacts",
    "Reason",
    "Verdict",
    "cap_begins",
    "cap_free_on",
    "dialable",
    "earliest",
    "interval_free_at",
    "judge",
]

CALLABLE = frozenset({"active", "dormant", "suspended"})
"""A closed account is called about its closing only; dormant and suspended ones are the programme's business."""

OPTED_OUT = Reason("opted_out", "客户不愿接受电话回访，应改用短信", "the client wants no calls; use SMS", "B-23")
NO_PHONE = Reason("no_phone", "没有可拨打的有效号码", "no valid number of this client is left to dial")
IN_A_CALL = Reason(
    "client_in_a_call", "该客户正在通话中或正被拨打", "a call to this client is on the line already", "B-19"
)
NOTHING_OWED = Reason("nothing_owed", "没有待执行的回访任务", "no open call-back is owed to this client")
PROVISIONAL = Reason(
    "provisional", "节假日安排尚未公布，仅为暂定计划", "planned provisionally, beyond the published holidays", "B-08"
)
FLOW_NOT_APPROVED = Reason(
    "flow_not_approved", "话术未经批准，不得使用", "the script to be followed is not the approved one", "C-08"
)
NO_AGENT = Reason("no_agent_at_hand", "没有空闲坐席", "the script needs an agent and none is known to be free")
NO_RECORDER = Reason(
    "recorder_not_ready", "录音未就绪，禁止拨打", "the recorder is not ready: no recording, no call", "F-01"
)
NO_LINE = Reason("line_not_ready", "线路不可用", "the line to the trunk is not ready")
DRAINING = Reason("draining", "节点正在停机，不再发起呼叫", "this node is shutting down")
NO_PACK = Reason("pack_unreadable", "制度包无法读取", "the policy pack cannot be read")

BY_RULES = (
    window_reasons,
    interval_reasons,
    budget_reasons,
    cap_reasons,
    programme_reasons,
    caller_reasons,
)


def judge(asked: GateInput) -> Verdict:
    """May this call leave at ``asked.now``? All reasons against it; none means yes."""
    local = china(asked.now)
    rules, reasons = _rules(asked)
    reasons += _client(asked)
    reasons += _callback(asked, local, rules)
    reasons += _node(asked)
    if rules is not None and asked.pack is not None:
        question = Question(asked, asked.pack, rules, local.date(), local.time())
        for check in BY_RULES:
            reasons += check(question)
    return Verdict(asked.now, tuple(reasons))


def _rules(asked: GateInput) -> tuple[ContactRules | None, list[Reason]]:
    """What the pack says; one that cannot be read or leaves values open forbids every call (M-01)."""
    if asked.pack is None:
        return None, [NO_PACK]
    try:
        return asked.pack.runnable(), []
    except OpenValue as error:
        names = ", ".join(error.names)
        return None, [Reason("open_values", f"制度包尚有未设定的值：{names}", f"the pack leaves open: {names}", "M-01")]


def _client(asked: GateInput) -> Iterator[Reason]:
    client = asked.client
    if client.status not in CALLABLE and not _about_the_closing(asked):
        yield Reason("client_closed", "客户已销户", f"the client is {client.status}")
    if client.phone_opt_out:
        yield OPTED_OUT
    if asked.phone is None or asked.phone not in client.phones or not dialable(asked.phone):
        yield NO_PHONE
    if asked.in_a_call:
        yield IN_A_CALL


def _about_the_closing(asked: GateInput) -> bool:
    """Whether the call is about nothing but the closing of the account (A-100)."""
    programmes = asked.pack.programmes if asked.pack else {}
    return bool(asked.programmes) and all(
        key in programmes and programmes[key].calls_closed for key in asked.programmes
    )


def _callback(asked: GateInput, local: datetime, rules: ContactRules | None) -> Iterator[Reason]:
    callback = asked.callback
    if callback is None or not callback.open:
        yield NOTHING_OWED
        return
    if local.date() > callback.due_on or (callback.due_at is not None and asked.now >= callback.due_at):
        yield Reason("expired", f"已过期限 {callback.due_on}", f"its deadline was {callback.due_on}", "B-08")
    yield from early_reasons(callback, rules, asked.now)
    if callback.provisional:
        yield PROVISIONAL
    if not callback.flow_approved:
        yield FLOW_NOT_APPROVED


def _node(asked: GateInput) -> Iterator[Reason]:
    node, callback = asked.node, asked.callback
    if node is None:
        return
    if not node.recorder_ready:
        yield NO_RECORDER
    if not node.line_ready:
        text, text_en = node.line_fault or (NO_LINE.text, NO_LINE.text_en)
        yield Reason(NO_LINE.code, text, text_en)
    if node.draining:
        yield DRAINING
    if callback is not None and callback.needs_agent and not node.agents_free:
        yield NO_AGENT
