"""SQLite and PostgreSQL are held to the same behaviour: migrations, instants, the audit chain under several writers."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import dialer
import recordings
import transcribe
import web
from core.audit import AuditLink, append, require_whole
from core.db import Base, Database
from core.errors import AuditError, DatabaseError

pytestmark = pytest.mark.contract

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WRITERS, LINKS_EACH = 4, 15

for _room in (dialer, recordings, transcribe, web):
    for _module in pkgutil.iter_modules(_room.__path__, f"{_room.__name__}."):
        if _module.name.endswith(".tables"):
            importlib.import_module(_module.name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'huifang.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    empty.migrate()
    return empty


def test_an_empty_database_is_refused_until_it_is_migrated(empty: Database) -> None:
    with pytest.raises(DatabaseError, match=r"has schema none, this program needs \d+; `huifang doctor` brings"):
        empty.require_current()
    empty.migrate()
    empty.require_current()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.migrate()
    database.require_current()


def test_processes_that_start_together_migrate_once(empty: Database, url: str) -> None:
    program = "import sys; from core.db import Database; Database(sys.argv[1]).migrate()"
    started = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    complaints = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], complaints
    empty.require_current()


def test_a_schema_of_another_program_version_is_refused(database: Database) -> None:
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="has schema 9999, this program needs"):
        database.require_current()
    with pytest.raises(DatabaseError, match=r"was written by another version of this program .*9999"):
        database.migrate()


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _ours})
        assert compare_metadata(context, Base.metadata) == []


def _ours(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    # The text index is made by SQL of its own (SQLite FTS5, PostgreSQL trigrams); no model describes it.
    return not (reflected and compare_to is None and str(name).startswith("segment_index"))


def test_an_instant_comes_back_aware_in_utc(database: Database) -> None:
    with database.write() as session:
        append(session, at=NOW.astimezone(ZoneInfo("Asia/Shanghai")), actor="a", action="b", subject="c")
    with database.session() as session:
        stored = session.scalars(sa.select(AuditLink.at)).one()
    assert stored == NOW
    assert stored.utcoffset() == UTC.utcoffset(None)


def test_an_instant_without_a_zone_is_never_stored(database: Database) -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 - that is the point
    with pytest.raises(sa.exc.StatementError, match="must carry its zone"), database.write() as session:
        append(session, at=naive, actor="a", action="b", subject="c")


def test_writers_at_the_same_time_make_one_chain_without_gaps(database: Database) -> None:
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        start.wait(30)
        for number in range(LINKS_EACH):
            with database.write() as session:
                append(session, at=NOW, actor=f"node:{writer}", action="test.written", subject=str(number))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    with database.session() as session:
        assert require_whole(session) == WRITERS * LINKS_EACH
        actors = session.scalars(sa.select(AuditLink.actor).order_by(AuditLink.number)).all()
    assert {actors.count(f"node:{writer}") for writer in range(WRITERS)} == {LINKS_EACH}


def test_a_writer_that_fails_leaves_no_gap(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            append(session, at=NOW, actor="a", action="b", subject="lost")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.write() as session:
        append(session, at=NOW, actor="a", action="b", subject="kept")
    with database.session() as session:
        assert require_whole(session) == 1


def test_a_changed_row_is_found_after_it_was_stored(database: Database) -> None:
    with database.write() as session:
        for subject in ("one", "two", "three"):
            append(session, at=NOW, actor="a", action="b", subject=subject)
    with database.write() as session:
        session.execute(sa.text("UPDATE audit_link SET subject = 'zwei' WHERE number = 2"))
    with database.session() as session, pytest.raises(AuditError, match="audit link 2"):
        require_whole(session)
