"""The dialer's tables: clients and events as imported, callbacks as planned, attempts as made, answers as given.

Only the dialer writes them. Words of design.md section 2; states are the string values of the enums below.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base
from dialer.programmes.facts import ItemState


class CallbackState(StrEnum):
    """Where a callback is in its life."""

    PLANNED = "planned"  # waits for its window, its retry time or a free channel
    CALLING = "calling"  # an attempt is live
    WRAP_UP = "wrap_up"  # an agent spoke with the client and has not set the outcome yet
    CLOSED = "closed"  # has an outcome, or cannot be called any more (``closed_reason``)


class CallbackMode(StrEnum):
    """Who calls: the dialer, or people (M-03)."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Outcome(StrEnum):
    """How a callback ended (D-01)."""

    PASSED = "passed"
    NOT_PASSED = "not_passed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class AttemptState(StrEnum):
    """Where an attempt is; the row exists before the INVITE leaves."""

    LEASED = "leased"
    LIVE = "live"
    ENDED = "ended"
    INTERRUPTED = "interrupted"  # the node died; counts against the caps


LIVING = (AttemptState.LEASED, AttemptState.LIVE)
"""Attempts that are under way: they hold a channel, and their client is in a call."""


class AgentState(StrEnum):
    """What an agent is doing."""

    OFFLINE = "offline"
    FREE = "free"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class Client(Base):
    """A person or institution, counted once however many accounts (A-18); columns of design.md 5.3."""

    __tablename__ = "client"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    phones: Mapped[list[Any]]
    branch: Mapped[str] = mapped_column(index=True)
    opened_on: Mapped[date]
    status: Mapped[str]
    introducer_id: Mapped[str | None] = mapped_column(index=True)
    developed_by: Mapped[str]
    asset_total: Mapped[float | None]
    asset_avg_daily: Mapped[float | None]
    volume_month_avg: Mapped[float | None]
    commission_year: Mapped[float | None]
    pnl_rate_6m: Mapped[float | None]
    turnover: Mapped[float | None]
    last_trade_on: Mapped[date | None]
    tags: Mapped[list[Any]]
    prefers: Mapped[dict[str, Any]]
    phone_opt_out: Mapped[bool]
    language: Mapped[str]
    id_last4: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)  # when an import last changed the row


class Event(Base):
    """Something that happened to a client (业务事件)."""

    __tablename__ = "event"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    type: Mapped[str] = mapped_column(index=True)
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    imported_at: Mapped[datetime] = mapped_column(index=True)  # when an import brought or last changed it


class Figure(Base):
    """A figure of the market that expressions compare with, such as ``index_rate_6m``, by the day it holds from."""

    __tablename__ = "figure"

    figure_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    holds_from: Mapped[date]
    value: Mapped[float]


class Staff(Base):
    """A member of the firm's staff."""

    __tablename__ = "staff"

    staff_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    branch: Mapped[str]
    series: Mapped[str]
    left_on: Mapped[date | None]
    languages: Mapped[list[Any]]


class Agent(Base):
    """A member of staff who takes transferred calls on a SIP phone."""

    __tablename__ = "agent"

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.staff_id"), primary_key=True)
    sip_uri: Mapped[str]
    state: Mapped[str] = mapped_column(default=AgentState.OFFLINE)
    state_since: Mapped[datetime]
    node: Mapped[str | None]  # the node that holds his call

    staff: Mapped[Staff] = relationship()


class PlanRun(Base):
    """One run of the planner, so that every plan can be explained and repeated (A-13)."""

    __tablename__ = "plan_run"

    plan_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    for_date: Mapped[date]
    pack: Mapped[str]
    seed: Mapped[str]
    counts: Mapped[dict[str, Any]]
    mode: Mapped[str] = mapped_column(default="full")  # full: everybody was looked at; incremental: what had changed
    pack_digest: Mapped[str] = mapped_column(default="")
    calendar_digest: Mapped[str] = mapped_column(default="")
    refused: Mapped[list[Any]] = mapped_column(default=list)  # [{"programme", "open": [...]}]: not run, values are open
    seconds: Mapped[float] = mapped_column(default=0.0)


class Skip(Base):
    """A client in the scope of a programme who gets no call-back, and why; one row a trigger, the newest reason."""

    __tablename__ = "skip"

    trigger_key: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(index=True)  # may be nobody's: an event of an unknown client
    programme: Mapped[str]
    code: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str]
    due_on: Mapped[date | None]
    plan_id: Mapped[str]


class Sample(Base):
    """The draw of one programme for one period: kept so that it can be shown and repeated (A-31, A-39, H-15)."""

    __tablename__ = "sample"

    sample_id: Mapped[str] = mapped_column(primary_key=True)  # programme:period
    pack: Mapped[str]
    programme: Mapped[str] = mapped_column(index=True)
    period: Mapped[str]
    first: Mapped[date]
    last: Mapped[date]
    seed: Mapped[str]
    drawn_on: Mapped[date]
    quotas: Mapped[list[Any]]  # [{"share", "of", "rule"}] as they were when it was drawn
    base: Mapped[dict[str, Any]]  # {branch: {strata: clients}}; strata: bits of the quotas a client counts for
    excluded: Mapped[dict[str, Any]]  # {code: clients} in scope and not in the base
    base_digest: Mapped[str]  # SHA-256 over the ids of the base in order
    complete: Mapped[bool]  # False: only the first of the order are kept as members
    at_once: Mapped[bool]  # a list or a sample of events: not spread over days


class SampleMember(Base):
    """One client (or event) of a sample at its place in the seeded order."""

    __tablename__ = "sample_member"

    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.sample_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    client_id: Mapped[str] = mapped_column(index=True)
    trigger_key: Mapped[str]
    strata: Mapped[int]
    state: Mapped[str]  # MemberState
    on: Mapped[date | None]  # the day it was planned or passed over


class PlannerKey(Base):
    """The secret from which samples are seeded, so that nobody can foresee a draw; made by the migration."""

    __tablename__ = "planner_key"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str]


class Callback(Base):
    """One contact owed to one client (回访任务)."""

    __tablename__ = "callback"
    __table_args__ = (Index("ix_callback_ready", "state", "next_attempt_at"),)

    callback_id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plan_run.plan_id"))
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    pack: Mapped[str]
    flow: Mapped[str]
    language: Mapped[str]
    executor: Mapped[str]
    priority: Mapped[int]
    reason: Mapped[str]
    due_on: Mapped[date]
    state: Mapped[str] = mapped_column(default=CallbackState.PLANNED)
    next_attempt_at: Mapped[datetime]
    outcome: Mapped[str | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    closed_reason: Mapped[str | None]
    follow_up: Mapped[str | None]  # promised_callback | appointment: why next_attempt_at was moved
    created_at: Mapped[datetime]
    mode: Mapped[str] = mapped_column(default=CallbackMode.AUTOMATIC)
    due_at: Mapped[datetime]  # the instant by which it must be finished; due_on is its last day
    provisional: Mapped[bool] = mapped_column(default=False)  # planned beyond the published holidays: never dialed
    appointment_at: Mapped[datetime | None]  # what was agreed with the client
    next_why: Mapped[dict[str, Any] | None]  # {"code", "text", "text_en"}: why next_attempt_at is when it is
    claimed_by: Mapped[str | None]  # the node that is looking at it, until ``claimed_until``
    claimed_until: Mapped[datetime | None]
    confirms: Mapped[str | None]  # the call-back that this one confirms (D-25) or makes good a promise of (B-24)

    client: Mapped[Client] = relationship()
    items: Mapped[list[Item]] = relationship(back_populates="callback", order_by="Item.item_id")
    attempts: Mapped[list[Attempt]] = relationship(back_populates="callback", order_by="Attempt.started_at")


class Item(Base):
    """One programme's part of a callback (回访事项)."""

    __tablename__ = "item"
    __table_args__ = (Index("ix_item_programme_due_on", "programme", "due_on"),)

    item_id: Mapped[str] = mapped_column(primary_key=True)
    callback_id: Mapped[str] = mapped_column(ForeignKey("callback.callback_id"), index=True)
    pack: Mapped[str]
    programme: Mapped[str]
    rule_ids: Mapped[list[Any]]
    trigger: Mapped[str]
    trigger_key: Mapped[str] = mapped_column(unique=True)  # programme + event or period: planned once
    due_on: Mapped[date]
    deadline_unit: Mapped[str]
    flow: Mapped[str]
    state: Mapped[str] = mapped_column(default=ItemState.OPEN)
    planned_on: Mapped[date]
    due_at: Mapped[datetime]
    provisional: Mapped[bool] = mapped_column(default=False)
    closed_on: Mapped[date | None]
    flow_hash: Mapped[str | None]  # the version of the script that the client heard
    ground: Mapped[str] = mapped_column(default="")  # which test or list brought the client in

    callback: Mapped[Callback] = relationship(back_populates="items")


class Escalation(Base):
    """A deadline that cannot be met as things stand; somebody must act."""

    __tablename__ = "escalation"

    trigger_key: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]
    client_id: Mapped[str] = mapped_column(index=True)
    callback_id: Mapped[str | None]
    programme: Mapped[str]
    branch: Mapped[str]
    due_on: Mapped[date]
    detail: Mapped[str]
    raised_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None] = mapped_column(index=True)


class DutyState(StrEnum):
    """Where a duty is."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Duty(Base):
    """What must follow (后续事项): a message, a report, a problem to handle, feedback to the client (group D)."""

    __tablename__ = "duty"

    duty_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # what it follows from; made once
    kind: Mapped[str] = mapped_column(index=True)  # dialer.programmes.model.ACTIONS
    client_id: Mapped[str] = mapped_column(index=True)
    callback_id: Mapped[str | None] = mapped_column(ForeignKey("callback.callback_id"), index=True)
    programme: Mapped[str]
    outcome: Mapped[str]  # the outcome it follows from; empty when it follows from the plan
    to: Mapped[list[Any]]
    contents: Mapped[list[Any]]
    channel: Mapped[str]
    words: Mapped[str]
    rule: Mapped[str]
    due_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default=DutyState.OPEN, index=True)
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")


class Conclusion(Base):
    """The compliance conclusion before a member of staff leaves (A-91, D-08)."""

    __tablename__ = "conclusion"

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.staff_id"), primary_key=True)
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class Webhook(Base):
    """One signed message to another system, kept until it was taken (design.md 5.5)."""

    __tablename__ = "webhook"

    webhook_id: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")


UNHEARD = "answered_at IS NULL AND early IS NULL AND recording_id IS NOT NULL"
"""Attempts whose early media has not been judged yet (``calling.hearing``)."""
UNJUDGED = "answered_at IS NOT NULL AND answer_class IS NULL AND recording_id IS NOT NULL"
"""Attempts whose answer has not been judged yet (``calling.answers``)."""


class Attempt(Base):
    """One INVITE (拨打): leased before it leaves, raw facts of the network kept beside the verdict."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_unheard", "attempt_id", sqlite_where=text(UNHEARD), postgresql_where=text(UNHEARD)),
        Index("ix_attempt_unjudged", "attempt_id", sqlite_where=text(UNJUDGED), postgresql_where=text(UNJUDGED)),
    )

    attempt_id: Mapped[str] = mapped_column(primary_key=True)
    callback_id: Mapped[str] = mapped_column(ForeignKey("callback.callback_id"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    node: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(default=AttemptState.LEASED, index=True)
    phone: Mapped[str]
    gate: Mapped[dict[str, Any]]  # the verdict that allowed it
    flow: Mapped[str]
    flow_hash: Mapped[str]
    language: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    sip_call_id: Mapped[str | None]
    sip_status: Mapped[int | None]
    sip_phrase: Mapped[str | None]
    sip_reasons: Mapped[list[Any]]
    provisionals: Mapped[list[Any]]  # [{"status", "phrase", "at", "media"}]
    ended_by: Mapped[str | None]
    cause: Mapped[str | None]
    media: Mapped[dict[str, Any] | None]  # MediaStats
    disposition: Mapped[str | None] = mapped_column(index=True)
    verdict: Mapped[dict[str, Any] | None]  # the flow's verdict: outcome, follow_up, reasons
    path: Mapped[list[Any] | None]  # every arrow of the script that was walked: [step, outcome, next step]
    moments: Mapped[list[Any] | None]  # when each of them was walked, milliseconds of the recording
    recording_id: Mapped[str | None]
    counts: Mapped[bool] = mapped_column(default=True)  # False: a trunk fault, consumes no attempt
    caller: Mapped[str | None]  # the member of staff who started it by hand; None: the dialer
    trunk: Mapped[str | None]  # the trunk it was placed over
    dialed_at: Mapped[datetime | None]  # when the INVITE left
    ring_limit_s: Mapped[float | None]  # how long it might ring
    retry_after_s: Mapped[int | None]  # what a 503 asked for (RFC 3261 section 20.33)
    why: Mapped[str | None]  # the row of the table of dispositions that fitted
    confidence: Mapped[float | None]  # how far that row can be trusted, 0 to 1
    early: Mapped[dict[str, Any] | None]  # what was heard before the answer: tone, announcement, confidence, where
    answer_class: Mapped[str | None]  # who answered: person, voicemail, assistant, fax, silence
    answer_evidence: Mapped[dict[str, Any] | None]  # why the class was given, and when
    answer_label: Mapped[str | None]  # who answered by the word of a person who heard it
    labelled_by: Mapped[str | None]
    labelled_at: Mapped[datetime | None]
    reserves_agent: Mapped[bool] = mapped_column(default=False)  # an agent's seat is kept free for it

    callback: Mapped[Callback] = relationship(back_populates="attempts")
    answers: Mapped[list[Answer]] = relationship(order_by="Answer.at")
    handoffs: Mapped[list[Handoff]] = relationship(order_by="Handoff.requested_at")


class NodeState(StrEnum):
    """What a dialer node is doing."""

    UP = "up"
    DRAINING = "draining"  # dials nothing new
    STOPPED = "stopped"  # ended by itself
    DEAD = "dead"  # its heartbeat stayed away; others closed what it had


class DialerNode(Base):
    """One dialer process, known by its heartbeat."""

    __tablename__ = "dialer_node"

    name: Mapped[str] = mapped_column(primary_key=True)
    incarnation: Mapped[str]  # new at every start: a node that comes back is not the one that was declared dead
    state: Mapped[str] = mapped_column(default=NodeState.UP)
    host: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    calls: Mapped[int] = mapped_column(default=0)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)  # ticks, late ticks, starved frames


class Leader(Base):
    """Who does what only one node may do, and until when."""

    __tablename__ = "leader"

    role: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str]
    incarnation: Mapped[str]
    until: Mapped[datetime]


class TrunkState(Base):
    """What the nodes share about a trunk: its rate, its faults, and whether it is taken out for maintenance."""

    __tablename__ = "trunk_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_call_at: Mapped[datetime | None]  # when the rate limit lets the next call through
    failures: Mapped[int] = mapped_column(default=0)  # faults in a row
    opened_until: Mapped[datetime | None]  # the breaker is open so long
    last_fault: Mapped[str] = mapped_column(default="")
    last_fault_at: Mapped[datetime | None]
    drained: Mapped[bool] = mapped_column(default=False)
    drained_by: Mapped[str | None]
    drained_at: Mapped[datetime | None]


class TrunkHealthRow(Base):
    """How one node sees one trunk: registration and the answers to OPTIONS."""

    __tablename__ = "trunk_health"

    trunk: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    registered: Mapped[bool | None]
    reachable: Mapped[bool | None]
    detail: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class GateRefusal(Base):
    """A moment at which the gate said no; a run of equal refusals is one row with a count."""

    __tablename__ = "gate_refusal"

    refusal_id: Mapped[str] = mapped_column(primary_key=True)
    callback_id: Mapped[str] = mapped_column(ForeignKey("callback.callback_id"), index=True)
    at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    times: Mapped[int] = mapped_column(default=1)
    reasons: Mapped[list[Any]]  # [{"code", "text"}]


class Answer(Base):
    """The reply to one question with its evidence (回答); identity digits are masked before they come here."""

    __tablename__ = "answer"

    answer_id: Mapped[str] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.attempt_id"), index=True)
    callback_id: Mapped[str] = mapped_column(ForeignKey("callback.callback_id"), index=True)
    step: Mapped[str]
    question: Mapped[str]
    rule: Mapped[str | None]
    value: Mapped[str]
    passed: Mapped[bool | None]
    answered_by: Mapped[str]  # ivr | agent
    start_ms: Mapped[int]  # where the question begins in the recording
    end_ms: Mapped[int]  # where the answer ends in the recording
    evidence: Mapped[dict[str, Any]]  # keys with times, prompts with hash and play-out interval, counters
    at: Mapped[datetime]


class Handoff(Base):
    """A live call moved to an agent (转人工), or the try to do so."""

    __tablename__ = "handoff"

    handoff_id: Mapped[str] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.attempt_id"), index=True)
    reason: Mapped[str]
    staff_id: Mapped[str | None]
    requested_at: Mapped[datetime]
    joined_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    result: Mapped[str | None]  # joined | nobody_free | client_gone
    tried: Mapped[list[Any]]  # [{"staff_id", "ending"}]
    outcome: Mapped[str | None]  # what the agent set
    outcome_by: Mapped[str | None]  # key | web
