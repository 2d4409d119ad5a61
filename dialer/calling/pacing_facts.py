"""What pacing knows of the line at one moment: the agents, the calls on the line over all nodes, and their history.

The rule of this module: it reads, and ``may_dial`` decides. A node looks at the line before it claims a call-back, and
again in the transaction of the lease, one node at a time, so that two nodes never count the same agent for two calls.
What was learned from the books is kept and read anew by the caller's clock; what is older than ``STALE`` is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from core.clock import china
from core.errors import HuifangError
from dialer.calling.abandonment import Tally
from dialer.calling.dispatch import wanted_flow
from dialer.calling.forecasts import NO_HISTORY, FlowHistory, Needs, chance_of, forecast, needs_of
from dialer.calling.pacing import CallNeed, LiveCall, PacingRules, PacingState, PacingVerdict, may_dial
from dialer.calling.pacing_history import flow_histories, ledger, window
from dialer.tables import LIVING, Agent, AgentState, Attempt, Callback, Client, Handoff, Item, Staff
from ivr_flows.model import Flow

REFRESH = timedelta(seconds=60)
"""How old what was learned may be before it is read anew."""

STALE = timedelta(minutes=10)
"""How old the ledger may be and still be believed."""

_POSTGRES_LOCK = 0x48465041  # "HFPA": of the transactions that count agents for a new call

Flows = Callable[[str, str], Flow]
"""(name, language) to the approved script; HuifangError when it has a fault."""

Avoided = Callable[[frozenset[str]], frozenset[str]]
"""Programmes to the series of staff that may not speak with a client about them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was learned from the books at ``at``: history by script, the ledger by programme."""

    at: datetime | None = None
    histories: Mapping[str, FlowHistory] = field(default_factory=dict)
    ledger: Mapping[str, Tally] | None = None


@dataclass(frozen=True, slots=True)
class OnDuty:
    """An agent on duty, as far as pacing is concerned."""

    staff_id: str
    at_hand: bool
    series: str
    languages: frozenset[str]


class Duty:
    """The agents on duty at one moment."""

    def __init__(self, agents: Sequence[OnDuty]) -> None:
        self.agents = agents
        self.at_hand = frozenset(agent.staff_id for agent in agents if agent.at_hand)
        self._ids = frozenset(agent.staff_id for agent in agents)
        self._serving: dict[tuple[str, str | None, frozenset[str]], frozenset[str]] = {}

    def who_serves(self, language: str, introducer: str | None, excluded: frozenset[str]) -> frozenset[str]:
        """Who may take a client's call: the conditions of ``dialer.desk.agents.take_free``."""
        key = (language, introducer if introducer in self._ids else None, excluded)
        if key not in self._serving:
            self._serving[key] = frozenset(
                agent.staff_id
                for agent in self.agents
                if (not agent.languages or language in agent.languages)
                and agent.series not in excluded
                and agent.staff_id != introducer
            )
        return self._serving[key]


class Pacer:
    """Answers whether a call-back may be dialed now; one for each node, in the node's thread for the database."""

    def __init__(self, rules: PacingRules, *, flows: Flows, avoided: Avoided) -> None:
        self.known = Known()
        self.rules = rules
        self.avoided = avoided
        self._flows = flows
        self._needs: dict[tuple[str, str], Needs] = {}

    def due(self, now: datetime) -> bool:
        """Whether it is time to read the books anew."""
        return self.known.at is None or abs(now - self.known.at) >= REFRESH

    def refresh(self, session: Session, now: datetime) -> None:
        """Read history and ledger anew; until this succeeds nothing is known and pacing is at its most careful."""
        rules = self.rules
        since, until = window(now, rules.abandonment_days)
        self._needs.clear()  # somebody may have approved another version of a script
        self.known = Known(
            now,
            flow_histories(session, now, calls=rules.history_calls, days=rules.history_days),
            ledger(session, since, until, now=now, limit_s=rules.answer_to_agent_s),
        )

    def look(self, session: Session, now: datetime, *, lock: bool = False) -> Look:
        """The line at this moment; with ``lock`` no other node looks so until this transaction has ended."""
        if lock and session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        duty = Duty(_on_duty(session, now))
        lines = _on_the_line(session) if duty.agents else []
        programmes = _programmes(session) if lines else {}
        live = tuple(self._live(line, duty, programmes, now) for line in lines)
        return Look(self, duty, PacingState(duty.at_hand, live, self._ledger(now)))

    def _ledger(self, now: datetime) -> Mapping[str, Tally] | None:
        fresh = self.known.at is not None and abs(now - self.known.at) <= STALE
        return self.known.ledger if fresh else None

    def needs(self, flow: str, language: str, *, broken: Needs) -> Needs:
        """Whether the script leads to an agent; ``broken`` when it cannot be read."""
        key = (flow, language)
        try:
            return self._needs.get(key) or self._needs.setdefault(key, needs_of(self._flows(flow, language)))
        except HuifangError:
            return broken

    def _live(self, line: _Line, duty: Duty, programmes: Mapping[str, frozenset[str]], now: datetime) -> LiveCall:
        excluded = self.avoided(programmes.get(line.callback_id, frozenset()))
        needs = self.needs(line.flow, line.language, broken=Needs.ALWAYS)
        history = self.known.histories.get(line.flow, NO_HISTORY)
        age = max(0.0, (now - line.answered_at).total_seconds()) if line.answered_at else 0.0
        return LiveCall(
            chance=1.0 if line.waits else chance_of(needs, history, age),
            agents=duty.who_serves(line.language, line.introducer, excluded),
            answered=line.answered_at is not None or now >= line.started_at + timedelta(seconds=line.ring_limit_s or 0),
            reserves=line.reserves,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """The line at one moment."""

    pacer: Pacer
    duty: Duty
    state: PacingState

    def need(self, flow: str, language: str, programmes: frozenset[str], introducer: str | None = None) -> CallNeed:
        """What a call with that script to such a client would need.

        A script that cannot be read needs nobody: no call comes of it, and whoever makes it ready says why.
        """
        needs = self.pacer.needs(flow, language, broken=Needs.NEVER)
        history = self.pacer.known.histories.get(flow, NO_HISTORY)
        agents = self.duty.who_serves(language, introducer, self.pacer.avoided(programmes))
        return CallNeed(forecast(flow, needs, history), agents, programmes)

    def verdict(self, callback: Callback) -> PacingVerdict:
        """Whether ``callback`` may be dialed now."""
        programmes, client = frozenset(item.programme for item in callback.items), callback.client
        need = self.need(wanted_flow(callback), client.language, programmes, client.introducer_id)
        return may_dial(self.state, self.pacer.rules, need)


@dataclass(frozen=True, slots=True)
class _Line:
    """A live attempt of any node that may still ask for an agent."""

    callback_id: str
    flow: str
    language: str
    introducer: str | None
    started_at: datetime
    ring_limit_s: float | None
    answered_at: datetime | None
    reserves: bool
    handoff_id: str | None
    result: str | None

    @property
    def waits(self) -> bool:
        """Whether it has asked and is waiting."""
        return self.handoff_id is not None


def _on_duty(session: Session, now: datetime) -> list[OnDuty]:
    wanted = (
        select(Agent.staff_id, Agent.state, Staff.series, Staff.languages)
        .join(Staff)
        .where(
            Agent.state != AgentState.OFFLINE,
            or_(Staff.left_on.is_(None), Staff.left_on >= china(now).date()),
        )
    )
    return [
        OnDuty(staff_id, state in (AgentState.FREE, AgentState.RINGING), series, frozenset(languages))
        for staff_id, state, series, languages in session.execute(wanted)
    ]


def _on_the_line(session: Session) -> list[_Line]:
    """Live calls without an agent; one whose request was met or given up asks for nobody any more."""
    wanted = (
        select(
            Attempt.callback_id,
            Attempt.flow,
            Client.language,
            Client.introducer_id,
            Attempt.started_at,
            Attempt.ring_limit_s,
            Attempt.answered_at,
            Attempt.reserves_agent,
            Handoff.handoff_id,
            Handoff.result,
        )
        .join(Client, Client.client_id == Attempt.client_id)
        .outerjoin(Handoff, Handoff.attempt_id == Attempt.attempt_id)
        .where(Attempt.state.in_(LIVING), Attempt.caller.is_(None))
    )
    lines = (_Line(*row) for row in session.execute(wanted).tuples())
    return [line for line in lines if line.result is None]


def _programmes(session: Session) -> dict[str, frozenset[str]]:
    """What the call-backs on the line are about."""
    wanted = select(Item.callback_id, Item.programme).join(Attempt, Attempt.callback_id == Item.callback_id)
    found: dict[str, set[str]] = defaultdict(set)
    for callback_id, programme in session.execute(wanted.where(Attempt.state.in_(LIVING))):
        found[callback_id].add(programme)
    return {callback_id: frozenset(programmes) for callback_id, programmes in found.items()}
