"""The embedded database: addresses, transactions and the kinds of value it keeps."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from core.audit import AuditLink, append
from core.db import Database, UtcDateTime
from core.errors import AuditError, DatabaseError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    opened.migrate()
    yield opened
    opened.close()


def _add(session: Session, subject: str = "x") -> AuditLink:
    return append(session, at=NOW, actor="test", action="test.done", subject=subject)


def _count(database: Database) -> int:
    with database.session() as session:
        return session.scalars(sa.select(sa.func.count()).select_from(AuditLink)).one()


def test_the_folder_of_the_database_is_made(database: Database, tmp_path: Path) -> None:
    assert (tmp_path / "var" / "huifang.db").is_file()
    assert database.is_sqlite


def test_readers_and_the_writer_do_not_block_each_other(database: Database) -> None:
    with database.session() as session:
        pragmas = {
            name: session.execute(sa.text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}
    with database.write() as writer:
        _add(writer)
        assert _count(database) == 0
    assert _count(database) == 1


def test_an_exception_rolls_the_transaction_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            _add(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _count(database) == 0


def test_a_second_writer_waits_for_the_first(database: Database) -> None:
    inside, order = threading.Event(), list[str]()

    def second() -> None:
        inside.wait(10)
        with database.write() as session:
            order.append("second")
            _add(session, "second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as session:
        inside.set()
        _add(session, "first")
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert _count(database) == 2


INSTANTS = st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, ZoneInfo(zone)),
    st.integers(0, 7 * 10**9),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]),
)


@given(INSTANTS)
def test_an_instant_is_kept_as_utc_and_comes_back_as_the_same_instant(moment: datetime) -> None:
    column, dialect = UtcDateTime(), sa.create_engine("sqlite://").dialect
    stored = column.process_bind_param(moment, dialect)
    assert stored is not None
    forgotten = stored.replace(tzinfo=None)  # what SQLite does to it
    assert column.process_result_value(forgotten, dialect) == moment
    assert column.process_result_value(stored.astimezone(ZoneInfo("Asia/Shanghai")), dialect) == moment


def test_an_instant_without_a_zone_is_refused() -> None:
    column, dialect = UtcDateTime(), sa.create_engine("sqlite://").dialect
    with pytest.raises(ValueError, match="must carry its zone"):
        column.process_bind_param(datetime(2026, 11, 23), dialect)  # noqa: DTZ001 - that is the point
    assert column.process_bind_param(None, dialect) is None
    assert column.process_result_value(None, dialect) is None


@pytest.mark.parametrize(
    "url", ["huifang.db", "postgresql://user@host/name", "mysql://host/name", "sqlite+aiosqlite:///x"]
)
def test_an_address_of_another_kind_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"use sqlite:///var/huifang\.db or postgresql\+psycopg://"):
        Database(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"cannot make the database's folder .*file"):
        Database(f"sqlite:///{tmp_path / 'file' / 'huifang.db'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "huifang.db").write_text("not a database, but long enough to be read as one" * 20)
    database = Database(f"sqlite:///{tmp_path / 'huifang.db'}")
    with pytest.raises(DatabaseError, match=r"cannot migrate the database .*huifang\.db: file is not a database"):
        database.migrate()
    with pytest.raises(DatabaseError, match=r"cannot open the database .*huifang\.db"):
        database.require_current()


def test_a_folder_with_a_percent_sign_is_no_trouble(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / '100%' / 'huifang.db'}")
    database.migrate()
    database.require_current()
    database.close()
    with sqlite3.connect(tmp_path / "100%" / "huifang.db") as connection:
        assert connection.execute("SELECT count(*) FROM audit_link").fetchone() == (0,)
    connection.close()


def test_an_audit_link_outside_of_a_write_transaction_is_refused(database: Database) -> None:
    with database.session() as session, pytest.raises(AuditError, match=r"open it with Database\.write"):
        _add(session)
