"""The tables of the first day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.db import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    _audit_link()
    _client()
    _plan_run()
    _recording()
    _staff()
    _transcript()
    _web_user()
    _agent()
    _callback()
    _event()
    _segment()
    _attempt()
    _gate_refusal()
    _item()
    _answer()
    _handoff()


def _audit_link() -> None:
    op.create_table(
        "audit_link",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_link_hash")),
    )
    op.create_index(op.f("ix_audit_link_action"), "audit_link", ["action"], unique=False)
    op.create_index(op.f("ix_audit_link_subject"), "audit_link", ["subject"], unique=False)


def _client() -> None:
    op.create_table(
        "client",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("phones", sa.JSON(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("introducer_id", sa.String(), nullable=True),
        sa.Column("developed_by", sa.String(), nullable=False),
        sa.Column("asset_total", sa.Float(), nullable=True),
        sa.Column("asset_avg_daily", sa.Float(), nullable=True),
        sa.Column("volume_month_avg", sa.Float(), nullable=True),
        sa.Column("commission_year", sa.Float(), nullable=True),
        sa.Column("pnl_rate_6m", sa.Float(), nullable=True),
        sa.Column("turnover", sa.Float(), nullable=True),
        sa.Column("last_trade_on", sa.Date(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("prefers", sa.JSON(), nullable=False),
        sa.Column("phone_opt_out", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("id_last4", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
    )
    op.create_index(op.f("ix_client_branch"), "client", ["branch"], unique=False)


def _plan_run() -> None:
    op.create_table(
        "plan_run",
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("for_date", sa.Date(), nullable=False),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("skipped", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan_run")),
    )


def _recording() -> None:
    op.create_table(
        "recording",
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("sealed_at", UtcDateTime(), nullable=True),
        sa.Column("recovered", sa.Boolean(), nullable=False),
        sa.Column("object", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("speech", sa.JSON(), nullable=True),
        sa.Column("audit_number", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_recording")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_recording_attempt_id")),
    )
    op.create_index(op.f("ix_recording_node"), "recording", ["node"], unique=False)
    op.create_index(op.f("ix_recording_state"), "recording", ["state"], unique=False)


def _staff() -> None:
    op.create_table(
        "staff",
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff")),
    )


def _transcript() -> None:
    op.create_table(
        "transcript",
        sa.Column("transcript_id", sa.String(), nullable=False),
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("audio_ms", sa.Integer(), nullable=True),
        sa.Column("speech_ms", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("transcript_id", name=op.f("pk_transcript")),
    )
    op.create_index(op.f("ix_transcript_attempt_id"), "transcript", ["attempt_id"], unique=False)
    op.create_index("ix_transcript_queue", "transcript", ["state", "created_at"], unique=False)
    op.create_index(op.f("ix_transcript_recording_id"), "transcript", ["recording_id"], unique=False)


def _web_user() -> None:
    op.create_table(
        "web_user",
        sa.Column("user_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("staff_id", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_web_user")),
        sa.UniqueConstraint("login", name=op.f("uq_web_user_login")),
    )


def _agent() -> None:
    op.create_table(
        "agent",
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("sip_uri", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_since", UtcDateTime(), nullable=False),
        sa.Column("node", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.staff_id"], name=op.f("fk_agent_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_agent")),
    )


def _callback() -> None:
    op.create_table(
        "callback",
        sa.Column("callback_id", sa.String(), nullable=False),
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("executor", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_reason", sa.String(), nullable=True),
        sa.Column("follow_up", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name=op.f("fk_callback_client_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan_run.plan_id"], name=op.f("fk_callback_plan_id")),
        sa.PrimaryKeyConstraint("callback_id", name=op.f("pk_callback")),
    )
    op.create_index(op.f("ix_callback_closed_at"), "callback", ["closed_at"], unique=False)
    op.create_index(op.f("ix_callback_client_id"), "callback", ["client_id"], unique=False)
    op.create_index("ix_callback_ready", "callback", ["state", "next_attempt_at"], unique=False)


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name=op.f("fk_event_client_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_client_id"), "event", ["client_id"], unique=False)
    op.create_index(op.f("ix_event_type"), "event", ["type"], unique=False)


def _segment() -> None:
    op.create_table(
        "segment",
        sa.Column("segment_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("transcript_id", sa.String(), nullable=False),
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["transcript_id"], ["transcript.transcript_id"], name=op.f("fk_segment_transcript_id")),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segment")),
    )
    op.create_index(op.f("ix_segment_recording_id"), "segment", ["recording_id"], unique=False)
    op.create_index(op.f("ix_segment_transcript_id"), "segment", ["transcript_id"], unique=False)


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("gate", sa.JSON(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("flow_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("sip_call_id", sa.String(), nullable=True),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("sip_phrase", sa.String(), nullable=True),
        sa.Column("sip_reasons", sa.JSON(), nullable=False),
        sa.Column("provisionals", sa.JSON(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("media", sa.JSON(), nullable=True),
        sa.Column("disposition", sa.String(), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("recording_id", sa.String(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.callback_id"], name=op.f("fk_attempt_callback_id")),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name=op.f("fk_attempt_client_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_started_at"), "attempt", ["started_at"], unique=False)
    op.create_index(op.f("ix_attempt_callback_id"), "attempt", ["callback_id"], unique=False)
    op.create_index(op.f("ix_attempt_client_id"), "attempt", ["client_id"], unique=False)
    op.create_index(op.f("ix_attempt_disposition"), "attempt", ["disposition"], unique=False)
    op.create_index(op.f("ix_attempt_node"), "attempt", ["node"], unique=False)
    op.create_index(op.f("ix_attempt_state"), "attempt", ["state"], unique=False)


def _gate_refusal() -> None:
    op.create_table(
        "gate_refusal",
        sa.Column("refusal_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.callback_id"], name=op.f("fk_gate_refusal_callback_id")),
        sa.PrimaryKeyConstraint("refusal_id", name=op.f("pk_gate_refusal")),
    )
    op.create_index(op.f("ix_gate_refusal_last_at"), "gate_refusal", ["last_at"], unique=False)
    op.create_index(op.f("ix_gate_refusal_callback_id"), "gate_refusal", ["callback_id"], unique=False)


def _item() -> None:
    op.create_table(
        "item",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=False),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("rule_ids", sa.JSON(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("deadline_unit", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.callback_id"], name=op.f("fk_item_callback_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_item")),
        sa.UniqueConstraint("trigger_key", name=op.f("uq_item_trigger_key")),
    )
    op.create_index(op.f("ix_item_callback_id"), "item", ["callback_id"], unique=False)


def _answer() -> None:
    op.create_table(
        "answer",
        sa.Column("answer_id", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.attempt_id"], name=op.f("fk_answer_attempt_id")),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.callback_id"], name=op.f("fk_answer_callback_id")),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_answer")),
    )
    op.create_index(op.f("ix_answer_attempt_id"), "answer", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_answer_callback_id"), "answer", ["callback_id"], unique=False)


def _handoff() -> None:
    op.create_table(
        "handoff",
        sa.Column("handoff_id", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("staff_id", sa.String(), nullable=True),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=True),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.Column("tried", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("outcome_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.attempt_id"], name=op.f("fk_handoff_attempt_id")),
        sa.PrimaryKeyConstraint("handoff_id", name=op.f("pk_handoff")),
    )
    op.create_index(op.f("ix_handoff_attempt_id"), "handoff", ["attempt_id"], unique=False)
