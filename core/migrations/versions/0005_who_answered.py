"""Who answered: an index of the calls whose answer waits to be judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The index, which is as small as what waits."""
    waits = sa.text("answered_at IS NOT NULL AND answer_class IS NULL AND recording_id IS NOT NULL")
    op.create_index("ix_attempt_unjudged", "attempt", ["attempt_id"], sqlite_where=waits, postgresql_where=waits)
