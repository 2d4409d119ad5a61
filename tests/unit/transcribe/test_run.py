"""The run's bookkeeping, with executors that stand in for worker processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from core.clock import SystemClock
from core.db import Database
from core.errors import HuifangError
from core.settings import Settings, Storage, Transcribe
from recordings.tables import Recording, RecordingState
from transcribe import queue
from transcribe.errors import EngineUnavailable
from transcribe.run import RunReport, TranscriptionRun
from transcribe.tables import Transcript, TranscriptState
from transcribe.worker import Heard, Job

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
POISON = 7  # a call of this many samples kills the process
BROKEN = 8  # ... has a recogniser that refuses
FAULT = 9  # ... meets a fault in the code


class FakeExecutor(Executor):
    """Answers at once, as a worker would."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        job: Job = args[0]
        future: Future[Any] = Future()
        faults = {POISON: BrokenProcessPool(), BROKEN: EngineUnavailable("no such engine"), FAULT: ZeroDivisionError()}
        if fault := faults.get(job.client.size):
            future.set_exception(fault)
        else:
            future.set_result(Heard("fake", "fake@1", 2000, 1000, (), ()))
        return future


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "models" / "whisper-base"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes(b"x")
    return Settings(storage=Storage(var=str(tmp_path)), transcribe=Transcribe(workers=2))


def add(db: Database, recording_id: str) -> str:
    with db.session() as session:
        session.add(
            Recording(
                recording_id=recording_id,
                attempt_id=recording_id,
                node="n",
                state=RecordingState.SEALED,
                started_at=AT,
                recovered=False,
            )
        )
        return queue.enqueue(session, recording_id=recording_id, attempt_id=recording_id, language="zh-CN", at=AT)


def run(settings: Settings, db: Database, sizes: dict[str, int] | None = None) -> TranscriptionRun:
    def read(recording_id: str) -> tuple[np.ndarray, np.ndarray]:
        if recording_id == "gone":
            raise HuifangError("the sealed file is not there; run `huifang verify`")
        return np.zeros((sizes or {}).get(recording_id, 80), dtype=np.int16), np.zeros(80, dtype=np.int16)

    return TranscriptionRun(settings, db, SystemClock(), read, FakeExecutor)


def rows(db: Database) -> dict[str, tuple[str, int, str | None]]:
    with db.session() as session:
        return {row.recording_id: (row.state, row.tries, row.note) for row in session.scalars(select(Transcript))}


def test_it_transcribes_all_that_waits_and_reports_figures(settings: Settings, db: Database) -> None:
    for number in range(5):
        add(db, f"r{number}")
    report = run(settings, db).run_pending()
    assert (report.done, report.failed, report.pending, report.audio_s, report.speech_s) == (5, 0, 0, 10.0, 5.0)
    assert {state for state, _, _ in rows(db).values()} == {TranscriptState.DONE}


def test_a_call_that_kills_its_worker_is_given_up_and_the_others_are_not(settings: Settings, db: Database) -> None:
    for name in ("r1", "poison", "r2", "r3"):
        add(db, name)
    report = run(settings, db, {"poison": POISON}).run_pending()
    assert (report.done, report.failed, report.pending) == (3, 1, 0)
    assert rows(db)["poison"] == (TranscriptState.FAILED, 3, "the worker process died; given up after 3 tries")
    assert {rows(db)[name][:2] for name in ("r1", "r2", "r3")} == {(TranscriptState.DONE, 1)}


def test_a_recording_that_cannot_be_read_fails_with_the_reason(settings: Settings, db: Database) -> None:
    add(db, "gone")
    add(db, "r1")
    report = run(settings, db).run_pending()
    assert (report.done, report.failed) == (1, 1)
    note = "the recording cannot be read: the sealed file is not there; run `huifang verify`"
    assert rows(db)["gone"] == (TranscriptState.FAILED, 1, note)
    assert report.reasons == {note: 1}


def test_a_recogniser_that_refuses_fails_at_once_and_a_fault_is_tried_again(settings: Settings, db: Database) -> None:
    add(db, "broken")
    add(db, "fault")
    report = run(settings, db, {"broken": BROKEN, "fault": FAULT}).run_pending()
    assert report.failed == 2
    assert rows(db)["broken"] == (TranscriptState.FAILED, 1, "no such engine")
    assert rows(db)["fault"][:2] == (TranscriptState.FAILED, 3)


def test_what_a_crash_left_running_is_done_by_the_next_start(settings: Settings, db: Database) -> None:
    add(db, "r1")
    crashed = run(settings, db)
    with db.write() as session:
        assert queue.claim(session, languages=["zh-CN"], worker=crashed.name, at=SystemClock().now())
    assert run(settings, db).run_pending().done == 1
    assert rows(db)["r1"] == (TranscriptState.DONE, 2, None)


def test_it_runs_on_finds_new_work_and_stops_when_told(settings: Settings, db: Database) -> None:
    stop, done = threading.Event(), threading.Semaphore(0)

    def heard(report: RunReport) -> None:
        done.release()

    thread = threading.Thread(target=lambda: run(settings, db).run_forever(stop, poll_s=0.02, progress=heard))
    thread.start()
    try:
        for name in ("r1", "r2"):  # the second comes when the first is through
            add(db, name)
            assert done.acquire(timeout=20)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert {state for state, _, _ in rows(db).values()} == {TranscriptState.DONE}


def test_a_run_told_to_stop_begins_nothing(settings: Settings, db: Database) -> None:
    add(db, "r1")
    stop = threading.Event()
    stop.set()
    assert run(settings, db).run_pending(stop=stop).pending == 1
