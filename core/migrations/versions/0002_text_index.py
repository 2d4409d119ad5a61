"""The text index: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL; and who claimed a transcript."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index that this database knows."""
    op.add_column("transcript", sa.Column("worker", sa.String(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        # The tokens are made by transcribe.tokens; "ascii" leaves every other character alone.
        op.execute("CREATE VIRTUAL TABLE segment_index USING fts5(tokens, content='', tokenize='ascii')")
    else:
        op.create_table(
            "segment_index",
            sa.Column(
                "segment_id",
                sa.Integer(),
                sa.ForeignKey("segment.segment_id", name=op.f("fk_segment_index_segment_id"), ondelete="CASCADE"),
                autoincrement=False,
                nullable=False,
            ),
            sa.Column("tokens", sa.dialects.postgresql.TSVECTOR(), nullable=False),
            sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segment_index")),
        )
        op.create_index("ix_segment_index_tokens", "segment_index", ["tokens"], postgresql_using="gin")


def downgrade() -> None:
    """Drop the index; the segments stay."""
    op.drop_table("segment_index")
    op.drop_column("transcript", "worker")
