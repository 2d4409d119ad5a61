"""The database: typed SQLAlchemy 2 models on SQLite (WAL) or PostgreSQL, migrated by Alembic.

A package owns its tables and nobody writes another package's tables. Times are stored as UTC and come back aware.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from core.errors import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000", "cache_size=-32768")
"""Of every connection; the cache of 32 MB is for nights that read a whole firm (SQLite's own is 2 MB)."""

_REMEDY = "use sqlite:///var/huifang.db or postgresql+psycopg://user@host/name"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses naive values, stores UTC, returns aware UTC on every database."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC on the way in."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a stored time must carry its zone; take it from core.clock")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite forgets the zone; put UTC back."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Base(DeclarativeBase):
    """The root of every table."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's documented class attribute
        datetime: UtcDateTime,
        dict[str, Any]: sa.JSON,
        list[Any]: sa.JSON,
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One opened database: ``with db.session() as s`` is one transaction."""

    def __init__(self, url: str) -> None:
        """Open ``url`` (``sqlite:///path`` or ``postgresql+psycopg://...``); DatabaseError when it is malformed."""
        self.engine = _engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """True on the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back by an exception."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that takes the write lock first (SQLite), so that reads inside it cannot go stale."""
        with self._sessions.begin() as session:
            session.connection(execution_options={"write": True})
            yield session

    def migrate(self) -> None:
        """Bring the schema to the newest version; DatabaseError when it is out of reach or of a newer program."""
        try:
            command.upgrade(self._alembic(), "head")
        except CommandError as error:
            raise DatabaseError(
                f"{self._shown()} was written by another version of this program ({error}); install that version"
            ) from error
        except DriverError as error:
            raise DatabaseError(f"cannot migrate the database {self._shown()}: {error.orig}") from error

    def require_current(self) -> None:
        """DatabaseError unless the schema is at the version this program was built for."""
        head = ScriptDirectory.from_config(self._alembic()).get_current_head()
        try:
            with self.engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
        except DriverError as error:
            raise DatabaseError(f"cannot open the database {self._shown()}: {error.orig}") from error
        if found != head:
            raise DatabaseError(
                f"{self._shown()} has schema {found or 'none'}, this program needs {head}; "
                "`huifang doctor` brings an older one up to date, a newer one needs the newer program"
            )

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def _alembic(self) -> Config:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["engine"] = self.engine
        return config

    def _shown(self) -> str:
        return self.engine.url.render_as_string(hide_password=True)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(f"storage.database is not a database address; {_REMEDY}") from error
    if parsed.drivername == "postgresql+psycopg":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.drivername != "sqlite":
        raise DatabaseError(f"storage.database names the unknown kind {parsed.drivername!r}; {_REMEDY}")
    return _sqlite(parsed)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"cannot make the database's folder {folder}: {error.strerror}") from error


def _sqlite(url: sa.URL) -> Engine:
    if url.database and url.database != ":memory:":
        _make_folder(Path(url.database).parent)
    engine = sa.create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None  # SQLAlchemy's documented way to own BEGIN
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine
