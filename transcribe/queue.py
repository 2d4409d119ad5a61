"""The queue of transcripts: rows, each claimed by one UPDATE that must change exactly one row.

A recording is touched only once it is sealed. A claim that does not come back (process killed, machine gone) is put
back and counts as a try; after MAX_TRIES the row is failed and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, case, delete, func, select, update
from sqlalchemy.orm import Session

from core.ids import new_id
from recordings.tables import Recording, RecordingState
from transcribe.index import text_index
from transcribe.recognisers.base import NoModel
from transcribe.tables import Channel, Segment, Transcript, TranscriptState
from transcribe.worker import Heard

MAX_TRIES = 3
LEASE = timedelta(hours=2)  # a claim this old belongs to a machine that is gone
LEFT_RUNNING = "the run ended while this was being transcribed"
LOST = "the recording is lost, there is nothing to transcribe"


@dataclass(frozen=True, slots=True)
class Claim:
    """A transcript that belongs to ``worker`` as long as its row still says so."""

    transcript_id: str
    recording_id: str
    language: str
    worker: str
    tries: int


def enqueue(session: Session, *, recording_id: str, attempt_id: str, language: str, at: datetime) -> str:
    """Ask for a transcript of a recording; the row's id.

    Asking again while one waits or runs gives that row. After it is done a new row is made: the recording is heard
    again (a better model came), and the new text replaces the old one in the index.
    """
    waiting = session.scalar(
        select(Transcript.transcript_id).where(
            Transcript.recording_id == recording_id,
            Transcript.state.in_((TranscriptState.PENDING, TranscriptState.RUNNING)),
        )
    )
    if waiting is not None:
        return waiting
    row = Transcript(
        transcript_id=new_id(at),
        recording_id=recording_id,
        attempt_id=attempt_id,
        language=language,
        state=TranscriptState.PENDING,
        created_at=at,
        tries=0,
    )
    session.add(row)
    session.flush()
    return row.transcript_id


def retry_failed(session: Session) -> int:
    """Put every failed transcript back into the queue with fresh tries; how many."""
    return _changed(
        session,
        update(Transcript)
        .where(Transcript.state == TranscriptState.FAILED)
        .values(state=TranscriptState.PENDING, tries=0, note=None),
    )


def put_back_left(session: Session, worker: str, at: datetime) -> int:
    """Return what a crash of ``worker`` left running, and what any machine claimed longer than LEASE ago."""
    left = (Transcript.state == TranscriptState.RUNNING) & (
        (Transcript.worker == worker) | (Transcript.started_at < at - LEASE)
    )
    return _changed(session, _return(LEFT_RUNNING).where(left))


def languages_waiting(session: Session) -> list[str]:
    """The languages of the pending transcripts whose recording is sealed."""
    return list(session.scalars(_ready(Transcript.language).distinct().order_by(Transcript.language)))


def give_up_lost(session: Session, at: datetime) -> int:
    """Fail the pending transcripts of recordings that are lost."""
    lost = select(Recording.recording_id).where(Recording.state == RecordingState.LOST)
    return _changed(
        session,
        update(Transcript)
        .where(Transcript.state == TranscriptState.PENDING, Transcript.recording_id.in_(lost))
        .values(state=TranscriptState.FAILED, finished_at=at, note=LOST),
    )


def wait_for_model(session: Session, missing: NoModel) -> int:
    """Write on every pending transcript of that language which command brings a model; how many there are."""
    return _changed(
        session,
        update(Transcript)
        .where(Transcript.state == TranscriptState.PENDING, Transcript.language == missing.language)
        .values(note=missing.note),
    )


def claim(session: Session, *, languages: Sequence[str], worker: str, at: datetime) -> Claim | None:
    """The oldest ready transcript in one of ``languages``, now running for ``worker``; None when there is none.

    Run it inside ``Database.write()``: on SQLite the lock is taken first, on PostgreSQL locked rows are skipped.
    """
    row = session.execute(
        _ready(Transcript.transcript_id, Transcript.recording_id, Transcript.language, Transcript.tries)
        .where(Transcript.language.in_(languages))
        .order_by(Transcript.created_at, Transcript.transcript_id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Transcript)
    ).first()
    if row is None:
        return None
    claimed = Claim(row.transcript_id, row.recording_id, row.language, worker, row.tries + 1)
    running = update(Transcript).where(
        Transcript.transcript_id == claimed.transcript_id, Transcript.state == TranscriptState.PENDING
    )
    changed = _changed(
        session,
        running.values(state=TranscriptState.RUNNING, worker=worker, started_at=at, tries=claimed.tries, note=None),
    )
    return claimed if changed == 1 else None


def finish(session: Session, claimed: Claim, heard: Heard, at: datetime) -> bool:
    """Store the segments and their index rows and mark the transcript done; all or nothing.

    False, and nothing is stored, when the claim was put back meanwhile and belongs to somebody else.
    """
    done = update(Transcript).values(
        state=TranscriptState.DONE,
        engine=heard.engine,
        model=heard.model,
        finished_at=at,
        audio_ms=heard.audio_ms,
        speech_ms=heard.speech_ms,
    )
    if _changed(session, _ours(done, claimed)) != 1:
        return False
    _supersede_older(session, claimed)
    segments = _segments(claimed, heard)
    session.add_all(segments)
    session.flush()
    text_index(session).add(session, [(segment.segment_id, segment.text) for segment in segments])
    return True


def fail(session: Session, claimed: Claim, note: str, at: datetime) -> bool:
    """Mark a claimed transcript failed; ``note`` says why and never carries what was said."""
    failed = update(Transcript).values(state=TranscriptState.FAILED, finished_at=at, note=note)
    return _changed(session, _ours(failed, claimed)) == 1


def put_back(session: Session, claimed: Claim, note: str) -> bool:
    """Return a claimed transcript to the queue, or fail it when its tries are used up. True when it will run again."""
    _changed(session, _ours(_return(note), claimed))
    return claimed.tries < MAX_TRIES


def count_pending(session: Session) -> int:
    """How many transcripts wait, whatever for."""
    waiting = select(func.count()).select_from(Transcript).where(Transcript.state == TranscriptState.PENDING)
    return session.scalar(waiting) or 0


def forget(session: Session, recording_id: str) -> int:
    """Delete every transcript of a recording with segments and index rows (retention, M-04); how many."""
    _unindex(session, Transcript.recording_id == recording_id)
    ids = select(Transcript.transcript_id).where(Transcript.recording_id == recording_id)
    session.execute(delete(Segment).where(Segment.transcript_id.in_(ids)))
    return _changed(session, delete(Transcript).where(Transcript.recording_id == recording_id))


def _ready(*columns: Any) -> Any:
    sealed = (Recording.recording_id == Transcript.recording_id) & (Recording.state == RecordingState.SEALED)
    return (
        select(*columns)
        .select_from(Transcript)
        .join(Recording, sealed)
        .where(Transcript.state == TranscriptState.PENDING)
    )


def _return(note: str) -> Any:
    spent = Transcript.tries >= MAX_TRIES
    return update(Transcript).values(
        state=case((spent, TranscriptState.FAILED.value), else_=TranscriptState.PENDING.value),
        note=case((spent, f"{note}; given up after {MAX_TRIES} tries"), else_=note),
        worker=None,
    )


def _ours(statement: Any, claimed: Claim) -> Any:
    return statement.where(
        Transcript.transcript_id == claimed.transcript_id,
        Transcript.state == TranscriptState.RUNNING,
        Transcript.worker == claimed.worker,
        Transcript.tries == claimed.tries,
    )


def _supersede_older(session: Session, claimed: Claim) -> None:
    older = (Transcript.recording_id == claimed.recording_id) & (Transcript.transcript_id != claimed.transcript_id)
    _unindex(session, older)
    session.execute(
        update(Transcript)
        .where(older, Transcript.state == TranscriptState.DONE)
        .values(state=TranscriptState.SUPERSEDED)
    )


def _unindex(session: Session, which: Any) -> None:
    indexed = (
        select(Segment.segment_id, Segment.text)
        .join(Transcript, Transcript.transcript_id == Segment.transcript_id)
        .where(which, Transcript.state == TranscriptState.DONE)
    )
    text_index(session).remove(session, [(row.segment_id, row.text) for row in session.execute(indexed)])


def _segments(claimed: Claim, heard: Heard) -> list[Segment]:
    said = [(Channel.CLIENT, item) for item in heard.client] + [(Channel.FIRM, item) for item in heard.firm]
    said.sort(key=lambda pair: pair[1].start_ms)
    return [
        Segment(
            transcript_id=claimed.transcript_id,
            recording_id=claimed.recording_id,
            channel=channel,
            start_ms=item.start_ms,
            end_ms=item.end_ms,
            text=item.text,
            confidence=item.confidence,
            words=[asdict(word) for word in item.words],
        )
        for channel, item in said
    ]


def _changed(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0
