"""Alembic's entry: runs the migrations on the engine that ``core.db.Database`` hands over.

Every process migrates when it starts, so several may come here at once: the first takes the lock, the others find the
work done.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from core.db import Base

_POSTGRES_LOCK = 7_241_981  # any constant that nobody else locks

with context.config.attributes["engine"].connect().execution_options(write=True) as connection:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
