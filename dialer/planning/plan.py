"""Who must be called, why, by when and in which windows: pure, reproducible, nobody left out in silence.

The rule of this module: every client in the scope of a programme ends in ``callbacks`` or in ``skipped``. One client
gets one callback for everything that is due (B-14), unless different people must make the calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from core.calendars import Calendars
from core.clock import CHINA, china
from core.errors import CalendarUnknown
from dialer.gate import dialable
from dialer.planning.sampling import Population, drawn_today
from dialer.programmes.facts import BadPreference, ClientFacts, EventFacts, History, Preference
from dialer.programmes.model import ContactRules, Pack, Per, Programme
from dialer.programmes.periods import due_on, period_name, period_of
from dialer.programmes.scope import Facts
from dialer.programmes.windows import Interval, first_moment, windows_on

REASONS: Mapping[str, tuple[str, str]] = {
    "exempt": ("豁免", "exempt"),
    "closed": ("客户已销户", "the client's account is closed"),
    "opted_out": ("客户不愿接受电话回访，改用短信（B-23）", "the client wants no calls; use SMS (B-23)"),
    "no_phone": ("没有有效的电话号码", "no valid phone number"),
    "preference_unreadable": ("客户偏好时段无法识别", "the client's preferred times cannot be read"),
    "no_window": ("期限前没有可拨时段", "no permitted window before the deadline"),
    "deadline_passed": ("期限已过", "the deadline has passed"),
    "calendar_unknown": ("日历未知", "no calendar covers the dates"),
    "unknown_client": ("客户资料缺失", "the client is not in the imported data"),
    "already_planned": ("已安排过", "planned before"),
    "not_drawn": ("未抽中（按配额均匀抽样）", "not drawn today (quota sample)"),
}
"""Why a client in scope gets no callback: code -> Chinese, English."""

NOT_IN_BASE = frozenset({"exempt", "closed"})
"""Reasons that take a client out of the base of a quota (A-39: dormant and suspended do not count)."""

QUIET = frozenset({"already_planned", "not_drawn"})
"""Reasons that are the ordinary course of every night; stored as counts only."""


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One programme's part; ``trigger_key`` is planned once, ever."""

    pack: str
    programme: str
    title: str
    title_en: str
    rule_ids: tuple[str, ...]
    trigger: str
    trigger_key: str
    due_on: date
    deadline_unit: str
    flow: str


@dataclass(frozen=True, slots=True)
class PlannedCallback:
    """One contact owed to one client.

    ``windows`` are those of the day of ``next_attempt_at``; ``priority`` is the deadline as YYYYMMDD, smaller first,
    so that plans of different nights compare; ``joins`` is the client's open callback that the items are added to.
    ``flow`` is that of the most urgent item.
    """

    client_id: str
    language: str
    items: tuple[PlannedItem, ...]
    not_before: date
    due_on: date
    windows: tuple[Interval, ...]
    next_attempt_at: datetime
    executor: str
    priority: int
    reason: str
    reason_en: str
    joins: str | None = None

    @property
    def flow(self) -> str:
        """The script of the most urgent item."""
        return self.items[0].flow


@dataclass(frozen=True, slots=True)
class Skipped:
    """A client in scope who gets no callback, and why."""

    client_id: str
    programme: str
    code: str
    detail: str = ""

    @property
    def reason(self) -> str:
        """The reason in Chinese."""
        return REASONS[self.code][0] + (f"：{self.detail}" if self.detail else "")

    @property
    def reason_en(self) -> str:
        """The reason in English."""
        return REASONS[self.code][1] + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of one run, most urgent first."""

    day: date
    pack: str
    seed: str
    callbacks: tuple[PlannedCallback, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why a client cannot be called: a key of REASONS."""

    code: str
    detail: str = ""


_ALREADY = _Obstacle("already_planned")


@dataclass(frozen=True, slots=True)
class _Due:
    client: ClientFacts
    programme: Programme
    item: PlannedItem
    first: datetime  # when he can be called first


@dataclass(frozen=True, slots=True)
class _Run:
    """What every step of one run looks at."""

    pack: Pack
    rules: ContactRules
    clients: Mapping[str, ClientFacts]
    events: Sequence[EventFacts]
    history: History
    planned: frozenset[str]
    open_callbacks: Mapping[str, str]
    day: date
    calendars: Calendars
    seed: str


def plan(
    pack: Pack,
    clients: Iterable[ClientFacts],
    events: Iterable[EventFacts],
    history: History,
    *,
    day: date,
    calendars: Calendars,
    seed: str,
) -> Plan:
    """The callbacks to be planned on ``day`` (Chinese date), given what was planned before.

    The same arguments give the same plan (A-13). OpenValue when the pack leaves open what planning needs.
    """
    known = {client.client_id: client for client in clients}
    planned = frozenset(item.trigger_key for item in history.items)
    rules = pack.runnable()
    joinable = {one.client_id: one.callback_id for one in history.open_callbacks}
    run = _Run(pack, rules, known, tuple(events), history, planned, joinable, day, calendars, seed)
    found = [one for programme in pack.programmes.values() for one in _found(run, programme)]
    due = [one for one in found if isinstance(one, _Due)]
    skipped = [one for one in found if isinstance(one, Skipped)]
    callbacks = [_callback(run, group) for group in _by_client(due)]
    return Plan(
        day,
        pack.name,
        seed,
        tuple(sorted(callbacks, key=lambda callback: (callback.priority, callback.client_id))),
        tuple(sorted(skipped, key=lambda left: (left.client_id, left.programme, left.code))),
    )


def _found(run: _Run, programme: Programme) -> Iterator[_Due | Skipped]:
    return _from_events(run, programme) if programme.event else _from_period(run, programme)


def _from_events(run: _Run, programme: Programme) -> Iterator[_Due | Skipped]:
    """Every event of the programme's type owes one item (A-20)."""
    for event in run.events:
        if event.type == programme.event and event.on <= run.day:
            yield from _from_event(run, programme, event)


def _from_event(run: _Run, programme: Programme, event: EventFacts) -> Iterator[_Due | Skipped]:
    client = run.clients.get(event.client_id)
    if client is None:
        yield Skipped(event.client_id, programme.key, "unknown_client")
        return
    facts = _facts(client, run.day, event_on=event.on)
    if not programme.scope(facts):
        return
    key = f"{programme.key}:{event.event_id}"
    try:
        due = _event_deadline(programme, event, run.calendars)
    except CalendarUnknown as error:
        yield Skipped(client.client_id, programme.key, "calendar_unknown", str(error))
        return
    reached = _ALREADY if key in run.planned else _reach(run, client, programme, facts, due)
    if isinstance(reached, _Obstacle):
        yield Skipped(client.client_id, programme.key, reached.code, reached.detail)
    else:
        yield _Due(client, programme, _item(run, programme, f"{event.type}:{event.event_id}", key, due), reached)


def _event_deadline(programme: Programme, event: EventFacts, calendars: Calendars) -> date:
    if programme.deadline is None:
        raise CalendarUnknown(f"programme {programme.key} has no deadline")
    return due_on(programme.deadline, event.on, calendars)


def _from_period(run: _Run, programme: Programme) -> Iterator[_Due | Skipped]:
    """A share of the population per period, drawn evenly over its working days (A-39, A-40)."""
    if programme.period is None:
        return
    _, last = period_of(programme.period, run.day)
    period = period_name(programme.period, run.day)
    prefix = f"{programme.key}:{period}:"
    population, reachable, skipped = _population(run, programme, prefix)
    yield from skipped
    drawn = drawn_today(
        programme.quotas, population, day=run.day, last=last, calendars=run.calendars, seed=f"{run.seed}:{prefix}"
    )
    for client_id, first in reachable.items():
        if client_id in drawn:
            item = _item(run, programme, f"{programme.period}:{period}", f"{prefix}{client_id}", last)
            yield _Due(run.clients[client_id], programme, item, first)
        else:
            yield Skipped(client_id, programme.key, "not_drawn")


def _population(run: _Run, programme: Programme, prefix: str) -> tuple[Population, dict[str, datetime], list[Skipped]]:
    """The base of the quotas, when those can be called who can be drawn, and those of the scope who cannot.

    Exempt and closed clients are not in the base; a client who cannot be called for another reason is, so that
    somebody else is drawn in his place.
    """
    first, last = period_of(programme.period or Per.YEAR, run.day)
    members: dict[str, Facts] = {}
    reachable: dict[str, datetime] = {}
    skipped: list[Skipped] = []
    for client in run.clients.values():
        facts = _facts(client, run.day, period_start=first)
        if not programme.scope(facts):
            continue
        reached = _reach(run, client, programme, facts, last)
        if isinstance(reached, datetime) or reached.code not in NOT_IN_BASE:
            members[client.client_id] = facts
        if f"{prefix}{client.client_id}" in run.planned:
            reached = _ALREADY
        if isinstance(reached, _Obstacle):
            skipped.append(Skipped(client.client_id, programme.key, reached.code, reached.detail))
        else:
            reachable[client.client_id] = reached
    population = Population(members, frozenset(reachable), _covered(run, prefix, members))
    return population, reachable, skipped


def _covered(run: _Run, prefix: str, members: Mapping[str, Facts]) -> dict[str, date]:
    items = [item for item in run.history.items if item.trigger_key.startswith(prefix) and not item.missed]
    return {item.client_id: item.planned_on for item in items if item.client_id in members}


def _reach(run: _Run, client: ClientFacts, programme: Programme, facts: Facts, due: date) -> datetime | _Obstacle:
    """When the client can be called first, or the first thing that forbids it."""
    for exemption in programme.exemptions:
        if exemption.when(facts):
            return _Obstacle("exempt", f"{exemption.reason} ({exemption.rule})")
    if client.status == "closed":
        return _Obstacle("closed")
    if client.phone_opt_out:
        return _Obstacle("opted_out")
    if not any(dialable(phone) for phone in client.phones):
        return _Obstacle("no_phone")
    if due < run.day:
        return _Obstacle("deadline_passed", due.isoformat())
    return _first(run, client, due)


def _first(run: _Run, client: ClientFacts, due: date) -> datetime | _Obstacle:
    midnight = datetime.combine(run.day, time(0), CHINA)
    try:
        wish = Preference.of(client.prefers)
        found = first_moment(run.rules.windows, wish, run.calendars, after=midnight, until=due)
    except BadPreference as error:
        return _Obstacle("preference_unreadable", str(error))
    except CalendarUnknown as error:
        return _Obstacle("calendar_unknown", str(error))
    return found or _Obstacle("no_window")


def _facts(client: ClientFacts, day: date, **more: date) -> Facts:
    facts: Facts = {
        "client_id": client.client_id,
        "kind": client.kind,
        "branch": client.branch,
        "status": client.status,
        "introducer_id": client.introducer_id,
        "developed_by": client.developed_by,
        "language": client.language,
        "asset_total": client.asset_total,
        "asset_avg_daily": client.asset_avg_daily,
        "volume_month_avg": client.volume_month_avg,
        "commission_year": client.commission_year,
        "pnl_rate_6m": client.pnl_rate_6m,
        "turnover": client.turnover,
        "opened_on": client.opened_on,
        "last_trade_on": client.last_trade_on,
        "tags": client.tags,
        "day": day,
        **more,
    }
    return facts


def _item(run: _Run, programme: Programme, trigger: str, key: str, due: date) -> PlannedItem:
    unit = programme.deadline.unit if programme.deadline else programme.period
    return PlannedItem(
        pack=run.pack.name,
        programme=programme.key,
        title=programme.title,
        title_en=programme.title_en,
        rule_ids=programme.rules,
        trigger=trigger,
        trigger_key=key,
        due_on=due,
        deadline_unit=str(unit),
        flow=programme.flow,
    )


def _by_client(due: Iterable[_Due]) -> Iterator[list[_Due]]:
    """Everything due to one client by one executor (B-14), most urgent first."""
    groups: dict[tuple[str, str], list[_Due]] = defaultdict(list)
    for one in due:
        groups[one.client.client_id, one.programme.executor].append(one)
    for group in groups.values():
        yield sorted(group, key=lambda one: (one.item.due_on, one.item.trigger_key))


def _callback(run: _Run, group: Sequence[_Due]) -> PlannedCallback:
    client, urgent, first = group[0].client, group[0].item.due_on, group[0].first
    wish = Preference.of(client.prefers)
    return PlannedCallback(
        client_id=client.client_id,
        language=client.language,
        items=tuple(one.item for one in group),
        not_before=run.day,
        due_on=urgent,
        windows=windows_on(run.rules.windows, wish, china(first).date(), run.calendars),
        next_attempt_at=first,
        executor=group[0].programme.executor,
        priority=int(f"{urgent:%Y%m%d}"),
        reason="；".join(_why(one.item) for one in group),
        reason_en="; ".join(_why_en(one.item) for one in group),
        joins=run.open_callbacks.get(client.client_id),
    )


def _why(item: PlannedItem) -> str:
    return f"{item.title}（{'、'.join(item.rule_ids)}），须于 {item.due_on} 前完成"


def _why_en(item: PlannedItem) -> str:
    return f"{item.title_en} ({', '.join(item.rule_ids)}), due on {item.due_on}"
