"""Which arrows of its script a call walked: where clients drop out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Calls of before have none."""
    op.add_column("attempt", sa.Column("path", sa.JSON(), nullable=True))
