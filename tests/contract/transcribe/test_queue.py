"""The queue keeps its promises on both databases: one claim a row, nothing lost, nothing run for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from core.db import Database
from recordings.tables import RecordingState
from transcribe import queue
from transcribe.recognisers.base import NoModel
from transcribe.search import SearchQuery, search
from transcribe.tables import Transcript, TranscriptState
from transcribe.worker import Heard

pytestmark = pytest.mark.contract

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NOTHING = Heard("fake", "fake@1", 0, 0, (), ())
Record = Callable[..., None]


def ask(session: Session, recording_id: str, language: str = "zh-CN", at: datetime = AT) -> str:
    return queue.enqueue(
        session, recording_id=recording_id, attempt_id=f"attempt-{recording_id}", language=language, at=at
    )


def claim(db: Database, worker: str = "w", at: datetime = AT) -> queue.Claim | None:
    with db.write() as session:
        return queue.claim(session, languages=["zh-CN"], worker=worker, at=at)


def row(db: Database, transcript_id: str) -> Transcript:
    with db.session() as session:
        found = session.get(Transcript, transcript_id)
        assert found is not None
        return found


def test_asking_twice_gives_one_row(db: Database, record: Record) -> None:
    with db.session() as session:
        record(session, "r1")
        assert ask(session, "r1") == ask(session, "r1")
        assert queue.count_pending(session) == 1


@pytest.mark.parametrize("state", [RecordingState.WRITING, RecordingState.LOST])
def test_a_recording_that_is_not_sealed_is_not_touched(db: Database, record: Record, state: str) -> None:
    with db.session() as session:
        record(session, "r1", state=state)
        ask(session, "r1")
        assert queue.languages_waiting(session) == []
    assert claim(db) is None


def test_a_lost_recording_fails_and_says_so(db: Database, record: Record) -> None:
    with db.session() as session:
        record(session, "r1", state=RecordingState.LOST)
        record(session, "r2", state=RecordingState.WRITING)
        lost, waiting = ask(session, "r1"), ask(session, "r2")
    with db.write() as session:
        assert queue.give_up_lost(session, AT) == 1
    assert (row(db, lost).state, row(db, lost).note) == (TranscriptState.FAILED, queue.LOST)
    assert row(db, waiting).state == TranscriptState.PENDING


def test_the_oldest_is_claimed_first_and_only_once(db: Database, record: Record) -> None:
    with db.session() as session:
        for name in ("r1", "r2"):
            record(session, name)
        younger = ask(session, "r1", at=AT + timedelta(minutes=1))
        older = ask(session, "r2")
    claims = [claim(db), claim(db), claim(db)]
    assert [item.transcript_id if item else None for item in claims] == [older, younger, None]


def test_many_claimers_never_share_a_row(db: Database, record: Record) -> None:
    with db.session() as session:
        for number in range(20):
            record(session, f"r{number}")
            ask(session, f"r{number}")
    start = threading.Barrier(4)

    def take(worker: int) -> list[str]:
        start.wait(10)
        taken = []
        while claimed := claim(db, f"w{worker}"):
            taken.append(claimed.transcript_id)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [item for part in pool.map(take, range(4)) for item in part]
    if len(taken) < 20:  # on PostgreSQL a claimer that met only locked rows goes home early; nothing is lost
        taken += [item.transcript_id for item in iter(lambda: claim(db), None)]
    assert len(taken) == len(set(taken)) == 20


def test_what_a_crash_left_running_comes_back_for_its_worker_only(db: Database, record: Record) -> None:
    with db.session() as session:
        for name in ("r1", "r2"):
            record(session, name)
            ask(session, name)
    mine, other = claim(db, "mine"), claim(db, "other")
    assert mine
    assert other
    with db.write() as session:
        assert queue.put_back_left(session, "mine", AT + timedelta(minutes=1)) == 1
    assert row(db, mine.transcript_id).state == TranscriptState.PENDING
    assert row(db, other.transcript_id).state == TranscriptState.RUNNING
    with db.write() as session:  # the other machine never came back
        assert queue.put_back_left(session, "mine", AT + queue.LEASE + timedelta(minutes=1)) == 1
    assert row(db, other.transcript_id).state == TranscriptState.PENDING


def test_a_claim_that_was_taken_away_stores_nothing(db: Database, record: Record) -> None:
    with db.session() as session:
        record(session, "r1")
        ask(session, "r1")
    late = claim(db, "w")
    assert late
    with db.write() as session:
        queue.put_back_left(session, "w", AT)
    again = claim(db, "w")
    assert again
    with db.write() as session:
        assert not queue.finish(session, late, NOTHING, AT)
        assert not queue.fail(session, late, "late", AT)
    assert row(db, late.transcript_id).state == TranscriptState.RUNNING
    with db.write() as session:
        assert queue.finish(session, again, NOTHING, AT)


def test_it_gives_up_after_three_tries_and_can_be_asked_again(db: Database, record: Record) -> None:
    with db.session() as session:
        record(session, "r1")
        name = ask(session, "r1")
    again = []
    while claimed := claim(db):
        with db.write() as session:
            again.append(queue.put_back(session, claimed, "the worker process died"))
    assert again == [True, True, False]
    failed = row(db, name)
    assert failed.state == TranscriptState.FAILED
    assert failed.note == "the worker process died; given up after 3 tries"
    with db.write() as session:
        assert queue.retry_failed(session) == 1
    assert claim(db) is not None


def test_a_language_without_a_model_waits_and_says_for_what(db: Database, record: Record) -> None:
    with db.session() as session:
        record(session, "r1")
        name = ask(session, "r1")
    with db.write() as session:
        assert queue.wait_for_model(session, NoModel("zh-CN", "no model", "run `huifang models fetch x`")) == 1
    assert (row(db, name).state, row(db, name).note) == (
        TranscriptState.PENDING,
        "no model; run `huifang models fetch x`",
    )
    assert claim(db) is not None
    assert row(db, name).note is None


def test_segments_index_and_state_come_in_one_transaction(db: Database, tell: Callable[..., str]) -> None:
    class Broken(Exception):
        pass

    def tell_and_break() -> None:
        with db.session() as session:
            tell(session, "r1", client=["全权委托"])
            raise Broken

    with pytest.raises(Broken):
        tell_and_break()
    with db.session() as session:
        assert search(session, SearchQuery("委托")).total == 0
        tell(session, "r1", client=["全权委托"])
        assert search(session, SearchQuery("委托")).total == 1
