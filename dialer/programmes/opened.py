"""What each open value of a pack means, and the shape in which a firm sets it.

The rule of this module: a shape holds placeholders in < >, never a value; nobody invents what the source leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.yaml import Value, Where
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.programmes import words_tables as tables
from dialer.programmes.layers import OPEN, WHOLE
from dialer.programmes.model import CapPer, DayKind, Pack, Per, Unit
from dialer.programmes.said import Said, say, word

NUMBER, TIME, SHARE = "<number>", "<time such as 10min>", "<share such as 100%>"
SPAN, EXPRESSION, NAME = "<span such as 09:00-12:00>", "<expression>", "<name>"
AS_A_WHOLE = WHOLE | {"within"}
RULE: dict[str, Value] = {"rule": "firm"}

MEANINGS = tables.table("""
    windows | 可以致电客户的日期和时段 | the days and hours at which clients may be called
    segments | 某一类客户的可拨时段 | the hours of some clients
    appointments | 仅供客户预约的时段 | the hours for appointments only
    caps | 同一客户在一段时期内最多致电几次 | how often one client may be called in a period
    interval | 对同一客户两次致电的最短间隔 | the least time between two calls to one client
    ring_limit | 振铃多久无人接听即挂断 | how long a phone rings before we hang up
    retries | 未接通后何时重拨、共拨几次 | when and how often an attempt is repeated
    follow_ups | 承诺回电和预约回访的时间与次数 | when and how often promised and agreed calls are made
    automatic | 客户对机器的回答是否视为有效确认 | whether what a client answers to the machine confirms
    universe | 制度适用于哪些客户 | which clients the whole pack concerns
    refusal | 客户不愿接电话时发送什么信息 | the message to a client who wants no call
    scope | 回访对象 | whom the programme concerns
    trigger | 由什么触发、或按什么周期 | what makes it due, or in which period
    deadline | 回访期限 | by when the call-back is made
    within | 办理期限 | the time limit
    inactive | 多久没有交易 | how long without a trade
    amount | 期限的数量 | the amount of the time limit
    unit | 期限的单位 | the unit of the time limit
    day_type | “日”指自然日、工作日还是交易日 | whether a day is a calendar, a working or a trading day
    exchange | 以哪个交易所的交易日计算 | whose trading days are counted
    coverage | 回访比例 | the share of clients that is called
    share | 回访比例 | the share of clients that is called
    top | 名单取前多少名 | how many clients a list takes
    most | 名单取前多少名 | how many clients a list takes
    any_of | 条件的具体标准 | what the test is exactly
    exempt | 免予回访的具体标准 | what the exemption is exactly
    when | 条件的具体标准 | what the condition is exactly
    executor | 由谁执行回访 | who makes the calls
    channels | 以什么方式回访 | by which channels
    flow | 使用哪份话术 | which script is used
    recording | 是否必须录音 | whether a recording is required
    passes | 什么情况视为回访通过 | when the call-back is passed
    outcomes | 各结果的后续处理 | what follows an outcome
    every | 多久一次 | how often
    period | 按什么周期 | in which period
    series | 哪些序列的人员可以执行 | staff of which series may call
    retention | 保存年限 | how long records are kept
    title | 公司自己的制度名称 | the firm's name for its rules
    title_en | 制度的英文名称 | the same in English
""")
"""By the key of the value."""

CHOICES: Mapping[str, Sequence[str]] = {
    "unit": tuple(Unit),
    "day_type": tuple(DayKind),
    "days": tuple(DayKind),
    "exchange": ("XSHG", "XHKG"),
    "every": tuple(Per),
    "period": tuple(Per),
    "automatic": ("yes", "no"),
    "recording": tuple(key for key in tables.RECORDING if key != OPEN),
}
LEAVES: Mapping[str, str] = {
    "amount": NUMBER,
    "most": NUMBER,
    "share": SHARE,
    "when": EXPRESSION,
    "scope": EXPRESSION,
    "flow": "<script>",
    "title": "<words>",
    "title_en": "<words>",
}


def one_of(*choices: str) -> str:
    """The placeholder of a choice."""
    return f"<{' | '.join(choices)}>"


def share_up_to(most: str) -> str:
    """The placeholder of a share that has an upper bound."""
    return f"<share such as {most}>"


def place_of(name: str) -> Where:
    """``programmes.special.any_of.2.when`` as a place."""
    return tuple(int(step) if step.isdigit() else step for step in name.split("."))


def meaning(pack: Pack, name: str) -> Said:
    """What the open value ``name`` (as ``Pack.everything_open`` tells it) is, in words."""
    place = place_of(name)
    said = what_is(place)
    owner = pack.programmes.get(str(place[1])) if place[0] == "programmes" else None
    if owner is not None:
        return say("“{title}”：{said}", "“{title}”: {said}", title=Said(owner.title, owner.title_en), said=said)
    limit = {**pack.limits, **pack.reports}.get(str(place[1])) if len(place) > 1 else None
    if limit is not None:
        return say("“{title}”：{said}", "“{title}”: {said}", title=Said(limit.title, limit.title_en), said=said)
    return said


def what_is(place: Where) -> Said:
    """What a value at that place is, in words, without its owner."""
    keys = [step for step in place if isinstance(step, str)]
    if keys[0] == "windows" and len(keys) > 1:
        return word(MEANINGS, keys[1])
    if "retention" in keys[:-1]:
        return say("{kind}的保存年限", "how long {kind} are kept", kind=word(tables.RECORDS, keys[-1]))
    return word(MEANINGS, keys[-1])


def shape(place: Where, programme: Mapping[str, Value] | None, executors: Sequence[str]) -> Value:
    """The shape of the open value at ``place``; ``programme`` is what else the pack says about its programme."""
    key = str(place[-1])
    if key == "trigger" and programme is not None:
        return _trigger(programme)
    if key == "executor":
        return one_of(*executors) if executors else NAME
    if key in ("automatic", "recording") and programme is not None and "retention" not in place:
        return {"value": one_of(*CHOICES[key]), **RULE}
    return _inside(place) or LEAVES.get(key) or _blocks().get(key, NAME)


def _inside(place: Where) -> Value:
    """The shape of what means something else inside windows and retention, and of choices; empty for others."""
    key = str(place[-1])
    if place[0] == "windows" and len(place) > 1:
        return [SPAN] if key == "every" else {"days": one_of(*DayKind), "every": [SPAN], **RULE}
    if "retention" in place[:-1]:
        return {"amount": NUMBER, "unit": one_of("year", "month", "day"), **RULE}
    return one_of(*CHOICES[key]) if key in CHOICES else ""


def _trigger(programme: Mapping[str, Value]) -> Value:
    """An event where the programme has a deadline, which a programme per period cannot have; else a period."""
    period = one_of(*Per)
    if "deadline" not in programme:
        return {"period": period, **RULE}
    coverage = programme.get("coverage")
    shares = [str(one.get("share")) for one in coverage if isinstance(one, dict)] if isinstance(coverage, list) else []
    sampled = any(share != "100%" for share in shares)
    return {"event": "<event type>", **({"period": period} if sampled else {}), **RULE}


def _blocks() -> dict[str, Value]:
    """The shapes of values that are open as a whole."""
    limit: dict[str, Value] = {"amount": NUMBER, "unit": one_of(*Unit), **RULE}
    ruled_time: dict[str, Value] = {"time": TIME, **RULE}
    follow_up: dict[str, Value] = {"delay": TIME, "most": NUMBER}
    return {
        "windows": {**RULE, "days": one_of(*DayKind), "every": [SPAN]},
        "caps": [{"most": NUMBER, "per": one_of(*CapPer), "count": one_of("attempts", "talks"), **RULE}],
        "interval": ruled_time,
        "ring_limit": ruled_time,
        "retries": {**RULE, "total": NUMBER, "after": {one.value: _rung(one) for one in Disposition}},
        "follow_ups": {**RULE, "promised_callback": follow_up, "appointment": follow_up},
        "universe": {"when": EXPRESSION, "text": "<words>", **RULE},
        "refusal": {"contents": [NAME], "channels": [one_of(*tables.CHANNELS)], "sender": NAME, **RULE},
        "deadline": limit,
        "within": limit,
        "inactive": limit,
        "coverage": [{"share": SHARE, **RULE}],
        "passes": {"when": one_of("all", "expression over the answers"), **RULE},
        "channels": [one_of(*tables.CHANNELS)],
        "series": [one_of(*tables.SERIES)],
    }


def _rung(disposition: Disposition) -> Value:
    return {"delay": TIME} if disposition in NOT_THE_CLIENTS else {"delay": TIME, "most": NUMBER}
