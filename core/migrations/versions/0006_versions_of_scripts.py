"""Versions of scripts: what was submitted, approved and retired, one approved at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.db import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The table of versions."""
    op.create_table(
        "flow_version",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("retired_by", sa.String(), nullable=True),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_flow_version")),
    )
    op.create_index("ix_flow_version_of", "flow_version", ["name", "language", "state"])
    approved = sa.text("state = 'approved'")
    op.create_index(
        "uq_flow_version_approved",
        "flow_version",
        ["name", "language"],
        unique=True,
        sqlite_where=approved,
        postgresql_where=approved,
    )
