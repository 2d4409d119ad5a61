"""Old attempts judged again by today's table, from the facts that were kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditLink
from core.clock import CHINA
from core.db import Database
from dialer.calling import ledger
from dialer.calling.reclassify import Change, reclassify
from dialer.tables import Attempt, AttemptState, Callback

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
LATER = NOW + timedelta(days=30)


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """A database with one attempt that ended as 480 after early media, judged by an older table."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.migrate()
    with database.write() as session:
        callback = owe(session)
        ledger.lease(session, callback, node="n1", phone="13900000001", gate={}, flow_hash="f", ring_limit_s=30, at=NOW)
        attempt = session.scalars(select(Attempt)).one()
        attempt.state, attempt.disposition = AttemptState.ENDED, "unreachable"
        attempt.dialed_at, attempt.ended_at, attempt.ended_by = NOW, NOW + timedelta(seconds=6), "far_end"
        attempt.sip_status, attempt.sip_phrase = 480, "Temporarily Unavailable"
        attempt.provisionals = [{"status": 183, "phrase": "", "at": NOW.isoformat(), "media": True}]
    yield database
    database.close()


def learn(db: Database, **facts: Any) -> None:
    """Something more is known about the attempt now."""
    with db.write() as session:
        attempt = session.scalars(select(Attempt)).one()
        for name, value in facts.items():
            setattr(attempt, name, value)


def again(db: Database, *, dry_run: bool = False, since: datetime = NOW - timedelta(days=1)) -> list[Change]:
    with db.write() as session:
        return reclassify(session, since=since, until=LATER, ring_limit_s=30, at=LATER, actor="test", dry_run=dry_run)


def attempt_of(db: Database) -> Attempt:
    with db.session() as session:
        return session.scalars(select(Attempt)).one()


def test_what_the_table_still_says_changes_nothing(db: Database) -> None:
    assert again(db) == []


def test_an_announcement_understood_later_moves_the_attempt_and_leaves_a_link(db: Database) -> None:
    learn(db, early={"kind": "invalid_number", "confidence": 0.93})
    (change,) = again(db)
    assert (change.before, change.after) == ("unreachable", "invalid_number")
    assert attempt_of(db).disposition == "invalid_number"
    assert attempt_of(db).why == "announcement: no such number"
    with db.session() as session:
        link = session.scalars(select(AuditLink).where(AuditLink.action == "attempt.reclassified")).one()
        assert link.subject == change.attempt_id
    assert again(db) == [], "once is enough"


def test_a_dry_run_tells_the_same_and_stores_nothing(db: Database) -> None:
    learn(db, early={"kind": "suspended", "confidence": 0.93})
    assert [change.after for change in again(db, dry_run=True)] == ["suspended"]
    assert attempt_of(db).disposition == "unreachable"


def test_an_attempt_that_turns_out_to_be_the_trunks_fault_counts_no_more(db: Database) -> None:
    learn(db, sip_status=503, provisionals=[])
    (change,) = again(db)
    assert (change.counted, change.counts) == (True, False)
    assert not attempt_of(db).counts


def test_attempts_outside_the_days_and_those_nobody_saw_the_end_of_stay_as_they_are(db: Database) -> None:
    learn(db, early={"kind": "invalid_number", "confidence": 0.93})
    assert again(db, since=NOW + timedelta(minutes=1)) == []
    learn(db, ended_by=None)
    assert again(db) == []
    learn(db, ended_by="far_end", state=AttemptState.INTERRUPTED)
    assert again(db) == []
