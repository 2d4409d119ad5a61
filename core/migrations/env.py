"""Alembic's entry: runs the migrations on the engine that ``core.db.Database`` hands over."""

from __future__ import annotations

from alembic import context

from core.db import Base

with context.config.attributes["engine"].connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
