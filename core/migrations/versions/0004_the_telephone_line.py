"""The telephone line: trunks, nodes, what was heard, who answered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from core.db import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New columns of attempts and callbacks, and what the nodes share."""
    _attempt()
    op.add_column("callback", sa.Column("claimed_by", sa.String(), nullable=True))
    op.add_column("callback", sa.Column("claimed_until", UtcDateTime(), nullable=True))
    _nodes()
    _trunks()


def _attempt() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("trunk", sa.String(), nullable=True),
        sa.Column("dialed_at", UtcDateTime(), nullable=True),
        sa.Column("ring_limit_s", sa.Float(), nullable=True),
        sa.Column("retry_after_s", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("early", sa.JSON(), nullable=True),
        sa.Column("answer_class", sa.String(), nullable=True),
        sa.Column("answer_evidence", sa.JSON(), nullable=True),
        sa.Column("answer_label", sa.String(), nullable=True),
        sa.Column("labelled_by", sa.String(), nullable=True),
        sa.Column("labelled_at", UtcDateTime(), nullable=True),
        sa.Column("reserves_agent", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for column in columns:
        op.add_column("attempt", column)
    unheard = sa.text("answered_at IS NULL AND early IS NULL AND recording_id IS NOT NULL")
    op.create_index("ix_attempt_unheard", "attempt", ["attempt_id"], sqlite_where=unheard, postgresql_where=unheard)


def _nodes() -> None:
    op.create_table(
        "dialer_node",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("incarnation", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_dialer_node")),
    )
    op.create_table(
        "leader",
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("incarnation", sa.String(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_leader")),
    )


def _trunks() -> None:
    op.create_table(
        "trunk_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_call_at", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened_until", UtcDateTime(), nullable=True),
        sa.Column("last_fault", sa.String(), nullable=False),
        sa.Column("last_fault_at", UtcDateTime(), nullable=True),
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.Column("drained_by", sa.String(), nullable=True),
        sa.Column("drained_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trunk_state")),
    )
    op.create_table(
        "trunk_health",
        sa.Column("trunk", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("registered", sa.Boolean(), nullable=True),
        sa.Column("reachable", sa.Boolean(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("trunk", "node", name=op.f("pk_trunk_health")),
    )
