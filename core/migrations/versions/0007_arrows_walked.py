"""Which arrows of its script a call walked, and when: where clients drop out, and where a step is in the recording."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Calls of before have none."""
    op.add_column("attempt", sa.Column("path", sa.JSON(), nullable=True))
    op.add_column("attempt", sa.Column("moments", sa.JSON(), nullable=True))
