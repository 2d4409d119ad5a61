"""The firm's rules as data: samples, skips, duties, escalations, gates, and marks of what has changed."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from core.db import UtcDateTime

revision = "0003"
down_revision = "0002"

EPOCH = "1970-01-01 00:00:00.000000"
A_DAY = "1970-01-01"


def upgrade() -> None:
    """New columns with what old rows mean, new tables, and the secret of the samples."""
    _old_tables()
    _figure()
    _skip()
    _sample()
    _planner_key()
    _escalation()
    _duty()
    _conclusion()
    _webhook()


def _old_tables() -> None:
    _add("client", sa.Column("changed_at", UtcDateTime(), nullable=False, server_default=EPOCH))
    op.create_index(op.f("ix_client_changed_at"), "client", ["changed_at"], unique=False)
    op.create_index(op.f("ix_client_introducer_id"), "client", ["introducer_id"], unique=False)
    _add("event", sa.Column("imported_at", UtcDateTime(), nullable=False, server_default=EPOCH))
    op.create_index(op.f("ix_event_imported_at"), "event", ["imported_at"], unique=False)
    op.drop_column("plan_run", "skipped")
    _add(
        "plan_run",
        sa.Column("mode", sa.String(), nullable=False, server_default="full"),
        sa.Column("pack_digest", sa.String(), nullable=False, server_default=""),
        sa.Column("calendar_digest", sa.String(), nullable=False, server_default=""),
        sa.Column("refused", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("seconds", sa.Float(), nullable=False, server_default="0"),
    )
    _add(
        "callback",
        sa.Column("mode", sa.String(), nullable=False, server_default="automatic"),
        sa.Column("due_at", UtcDateTime(), nullable=False, server_default=EPOCH),
        sa.Column("provisional", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("appointment_at", UtcDateTime(), nullable=True),
        sa.Column("next_why", sa.JSON(), nullable=True),
        sa.Column("confirms", sa.String(), nullable=True),
    )
    _add(
        "item",
        sa.Column("state", sa.String(), nullable=False, server_default="open"),
        sa.Column("planned_on", sa.Date(), nullable=False, server_default=A_DAY),
        sa.Column("due_at", UtcDateTime(), nullable=False, server_default=EPOCH),
        sa.Column("provisional", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("flow_hash", sa.String(), nullable=True),
        sa.Column("ground", sa.String(), nullable=False, server_default=""),
    )
    op.create_index("ix_item_programme_due_on", "item", ["programme", "due_on"], unique=False)
    _add("attempt", sa.Column("caller", sa.String(), nullable=True))
    _date_old_rows()


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _date_old_rows() -> None:
    """Chinese midnight after ``due_on`` is 16:00 UTC of that day; item states follow from their call-back."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("UPDATE callback SET due_at = datetime(due_on, '+16 hours')"))
        op.execute(sa.text("UPDATE item SET due_at = datetime(due_on, '+16 hours')"))
    else:
        op.execute(sa.text("UPDATE callback SET due_at = (due_on + interval '16 hours') AT TIME ZONE 'UTC'"))
        op.execute(sa.text("UPDATE item SET due_at = (due_on + interval '16 hours') AT TIME ZONE 'UTC'"))
    op.execute(
        sa.text(
            "UPDATE item SET planned_on = (SELECT for_date FROM plan_run JOIN callback USING (plan_id) "
            "WHERE callback.callback_id = item.callback_id)"
        )
    )
    op.execute(
        sa.text(
            "UPDATE item SET state = (SELECT CASE WHEN state <> 'closed' THEN 'open' "
            "WHEN outcome IS NULL OR outcome = 'unreachable' THEN 'missed' ELSE 'done' END "
            "FROM callback WHERE callback.callback_id = item.callback_id)"
        )
    )


def _figure() -> None:
    op.create_table(
        "figure",
        sa.Column("figure_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holds_from", sa.Date(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("figure_id", name=op.f("pk_figure")),
    )
    op.create_index(op.f("ix_figure_name"), "figure", ["name"], unique=False)


def _skip() -> None:
    op.create_table(
        "skip",
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("trigger_key", name=op.f("pk_skip")),
    )
    op.create_index(op.f("ix_skip_client_id"), "skip", ["client_id"], unique=False)
    op.create_index(op.f("ix_skip_code"), "skip", ["code"], unique=False)


def _sample() -> None:
    op.create_table(
        "sample",
        sa.Column("sample_id", sa.String(), nullable=False),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("quotas", sa.JSON(), nullable=False),
        sa.Column("base", sa.JSON(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("base_digest", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_sample")),
    )
    op.create_index(op.f("ix_sample_programme"), "sample", ["programme"], unique=False)
    op.create_table(
        "sample_member",
        sa.Column("sample_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("strata", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["sample_id"], ["sample.sample_id"], name=op.f("fk_sample_member_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", "position", name=op.f("pk_sample_member")),
    )
    op.create_index(op.f("ix_sample_member_client_id"), "sample_member", ["client_id"], unique=False)


def _planner_key() -> None:
    key = op.create_table(
        "planner_key",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_planner_key")),
    )
    op.bulk_insert(key, [{"number": 1, "key": secrets.token_hex(32)}])


def _escalation() -> None:
    op.create_table(
        "escalation",
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=True),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("trigger_key", name=op.f("pk_escalation")),
    )
    op.create_index(op.f("ix_escalation_client_id"), "escalation", ["client_id"], unique=False)
    op.create_index(op.f("ix_escalation_resolved_at"), "escalation", ["resolved_at"], unique=False)


def _duty() -> None:
    op.create_table(
        "duty",
        sa.Column("duty_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("callback_id", sa.String(), nullable=True),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("to", sa.JSON(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("done_by", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.callback_id"], name=op.f("fk_duty_callback_id")),
        sa.PrimaryKeyConstraint("duty_id", name=op.f("pk_duty")),
        sa.UniqueConstraint("key", name=op.f("uq_duty_key")),
    )
    for column in ("callback_id", "client_id", "kind", "state"):
        op.create_index(op.f(f"ix_duty_{column}"), "duty", [column], unique=False)


def _conclusion() -> None:
    op.create_table(
        "conclusion",
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.staff_id"], name=op.f("fk_conclusion_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_conclusion")),
    )


def _webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_next_try_at"), "webhook", ["next_try_at"], unique=False)
