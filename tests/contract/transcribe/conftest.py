"""A migrated database of each kind, and a way to put transcripts into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.db import Database
from recordings.tables import Recording, RecordingState
from transcribe import queue
from transcribe.index import text_index
from transcribe.recognisers.base import Utterance
from transcribe.tables import Segment, Transcript
from transcribe.worker import Heard

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

Tell = Callable[..., str]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database for all tests: SQLite in a file, or a real PostgreSQL."""
    sqlite = request.param == "sqlite"
    file = tmp_path_factory.mktemp("contract") / "test.db"
    database = Database(f"sqlite:///{file}" if sqlite else request.getfixturevalue("new_postgres")())
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def db(migrated: Database) -> Iterator[Database]:
    """The database, empty again after the test."""
    yield migrated
    with migrated.write() as session:
        text_index(session).clear(session)
        for table in (Segment, Transcript, Recording):
            session.execute(delete(table))


@pytest.fixture
def record() -> Callable[..., None]:
    """``record(session, "r1", state=..., day=...)``: a recording's row."""

    def add(session: Session, recording_id: str, state: str = RecordingState.SEALED, day: int = 0) -> None:
        session.add(
            Recording(
                recording_id=recording_id,
                attempt_id=f"attempt-{recording_id}",
                node="node-1",
                state=state,
                started_at=START + timedelta(days=day),
                recovered=False,
            )
        )
        session.flush()

    return add


@pytest.fixture
def tell(record: Callable[..., None]) -> Tell:
    """``tell(session, "r1", client=[...], firm=[...])``: a sealed recording with its finished transcript."""

    def add(
        session: Session,
        recording_id: str,
        client: list[str] | None = None,
        firm: list[str] | None = None,
        language: str = "zh-CN",
        day: int = 0,
    ) -> str:
        if session.get(Recording, recording_id) is None:
            record(session, recording_id, day=day)
        attempt = f"attempt-{recording_id}"
        transcript = queue.enqueue(session, recording_id=recording_id, attempt_id=attempt, language=language, at=START)
        claimed = queue.claim(session, languages=[language], worker="w", at=START)
        assert claimed is not None
        assert claimed.transcript_id == transcript
        heard = Heard("fake", "fake@1", 1000, 500, said(client or []), said(firm or []))
        assert queue.finish(session, claimed, heard, START)
        return transcript

    return add


def said(texts: list[str]) -> tuple[Utterance, ...]:
    """One utterance a second."""
    return tuple(Utterance(number * 1000, number * 1000 + 900, text, 0.9, ()) for number, text in enumerate(texts))
