"""The dialer's tables: clients and events as imported, callbacks as planned, attempts as made, answers as given.

Only the dialer writes them. Words of design.md section 2; states are the string values of the enums below.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base


class CallbackState(StrEnum):
    """Where a callback is in its life."""

    PLANNED = "planned"  # waits for its window, its retry time or a free channel
    CALLING = "calling"  # an attempt is live
    WRAP_UP = "wrap_up"  # an agent spoke with the client and has not set the outcome yet
    CLOSED = "closed"  # has an outcome, or cannot be called any more (``closed_reason``)


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
    introducer_id: Mapped[str | None]
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


class Event(Base):
    """Something that happened to a client (业务事件)."""

    __tablename__ = "event"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    type: Mapped[str] = mapped_column(index=True)
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


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
    skipped: Mapped[list[Any]]  # [{"client_id", "programme", "reason"}]


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

    client: Mapped[Client] = relationship()
    items: Mapped[list[Item]] = relationship(back_populates="callback", order_by="Item.item_id")
    attempts: Mapped[list[Attempt]] = relationship(back_populates="callback", order_by="Attempt.started_at")


class Item(Base):
    """One programme's part of a callback (回访事项)."""

    __tablename__ = "item"

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

    callback: Mapped[Callback] = relationship(back_populates="items")


class Attempt(Base):
    """One INVITE (拨打): leased before it leaves, raw facts of the network kept beside the verdict."""

    __tablename__ = "attempt"

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
    recording_id: Mapped[str | None]
    counts: Mapped[bool] = mapped_column(default=True)  # False: a trunk fault, consumes no attempt

    callback: Mapped[Callback] = relationship(back_populates="attempts")
    answers: Mapped[list[Answer]] = relationship(order_by="Answer.at")
    handoffs: Mapped[list[Handoff]] = relationship(order_by="Handoff.requested_at")


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
