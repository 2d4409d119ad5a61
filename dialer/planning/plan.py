"""What a run of the planner makes: call-backs, messages, cancellations, draws, and everybody who was left out, and why.

The rule of this module: values only. Every client in the scope of a programme ends in one of these lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from dialer.planning.sampling import Draw
from dialer.programmes.windows import Interval

REASONS: Mapping[str, tuple[str, str]] = {
    "exempt": ("豁免", "exempt"),
    "suppressed": ("已有回访，无需重复", "an earlier call-back makes it unnecessary"),
    "closed": ("客户已销户", "the client's account is closed"),
    "opted_out": ("客户不愿接受电话回访，改用短信（B-23）", "the client wants no calls; use SMS (B-23)"),
    "no_phone": ("没有有效的电话号码", "no valid phone number"),
    "preference_unreadable": ("客户偏好时段无法识别", "the client's preferred times cannot be read"),
    "cap_reached": ("期限前已达次数上限", "the cap of calls is reached until after the deadline"),
    "last_day": ("今天是期限前最后一个可拨日", "the last calling day before the deadline has come"),
    "no_window": ("期限前没有可拨时段", "no permitted window before the deadline"),
    "deadline_passed": ("期限已过", "the deadline has passed"),
    "unknown_client": ("客户资料缺失", "the client is not in the imported data"),
    "before_client": ("业务事件早于开户日", "the event lies before the client's opening day"),
    "event_date_missing": ("指令中没有期限", "the instruction carries no date"),
    "collapsed": ("同一事项已合并", "part of an event that is planned already"),
    "undone": ("事由已撤销", "a later event undid the reason"),
    "message_late": ("信息发送期限已过", "too late for the message"),
}
"""Why a client in scope gets no callback, or why somebody must act: code -> Chinese, English."""

NOT_IN_BASE = frozenset({"exempt", "closed", "suppressed"})
"""Reasons that take a client out of the base of a quota (A-39: dormant and suspended do not count)."""

MISSED = frozenset({"cap_reached", "no_window", "deadline_passed"})
"""Reasons for which somebody must act: they are escalated."""


def reason_of(code: str, detail: str) -> tuple[str, str]:
    """A reason of REASONS with its detail, in Chinese and in English."""
    chinese, english = REASONS[code]
    return (f"{chinese}：{detail}", f"{english}: {detail}") if detail else (chinese, english)


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One programme's part; ``trigger_key`` is planned once, ever.

    ``due_at`` is the instant by which it must be finished, ``due_on`` its last day. ``ground`` says which test or list
    brought the client in. ``provisional``: its deadline rests on plain weekdays, because no calendar covers it yet; it
    is counted again, under the same key, by every full run until the calendar's data have come.
    """

    pack: str
    programme: str
    title: str
    title_en: str
    rule_ids: tuple[str, ...]
    trigger: str
    trigger_key: str
    due_on: date
    due_at: datetime
    deadline_unit: str
    flow: str
    ground: str = ""
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class PlannedCallback:
    """One contact owed to one client.

    ``windows`` are those of the day of ``next_attempt_at``; ``priority`` is the client's last calling day before the
    deadline as YYYYMMDD, smaller first, so that plans of different nights compare; ``joins`` is the client's open
    callback that the items are added to. ``flow`` is that of the most urgent item. ``provisional``: the day of
    ``next_attempt_at`` rests on plain weekdays, so nobody dials before the calendar's data have come; a call-back that
    can be made on a day the calendars know is not provisional, whatever its deadline.
    """

    client_id: str
    branch: str
    language: str
    items: tuple[PlannedItem, ...]
    not_before: date
    due_on: date
    due_at: datetime
    windows: tuple[Interval, ...]
    next_attempt_at: datetime
    executor: str
    automatic: bool
    priority: int
    reason: str
    reason_en: str
    provisional: bool = False
    joins: str | None = None

    @property
    def flow(self) -> str:
        """The script of the most urgent item."""
        return self.items[0].flow


@dataclass(frozen=True, slots=True)
class PlannedNotice:
    """A message that goes out instead of a call (B-13, B-23) or beside one (A-36)."""

    client_id: str
    programme: str
    key: str
    contents: tuple[str, ...]
    channels: tuple[str, ...]
    due_at: datetime
    rule: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An item of an earlier plan whose reason is gone."""

    trigger_key: str
    callback_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A client in scope who gets no callback, and why."""

    client_id: str
    programme: str
    trigger_key: str
    code: str
    detail: str = ""
    due_on: date | None = None
    branch: str = ""

    @property
    def reason(self) -> str:
        """The reason in Chinese."""
        return reason_of(self.code, self.detail)[0]

    @property
    def reason_en(self) -> str:
        """The reason in English."""
        return reason_of(self.code, self.detail)[1]


@dataclass(frozen=True, slots=True)
class Refused:
    """A programme that did not run, because the firm has not set what the source leaves open."""

    programme: str
    open_values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of one run, most urgent first. ``looked_at`` are the clients of an incremental run; None: all."""

    day: date
    pack: str
    callbacks: tuple[PlannedCallback, ...]
    skipped: tuple[Skipped, ...]
    notices: tuple[PlannedNotice, ...] = ()
    cancelled: tuple[Cancelled, ...] = ()
    refused: tuple[Refused, ...] = ()
    draws: tuple[Draw, ...] = ()
    looked_at: frozenset[str] | None = field(default=None, repr=False)
