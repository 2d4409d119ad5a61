"""What the day came to, read from the books: every number of the summary and the facts behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dialer.planning.plan import reason_of
from dialer.tables import Attempt, Callback, CallbackState, GateRefusal, Handoff, Skip
from recordings.tables import Recording, RecordingState
from transcribe.tables import Segment, Transcript, TranscriptState


@dataclass(frozen=True, slots=True)
class Figures:
    """The summary of a day."""

    planned: int
    skipped: dict[str, int]
    attempted: int
    dispositions: dict[str, int]
    outcomes: dict[str, int]
    open_callbacks: dict[str, int]
    handoffs: dict[str, int]
    gate_refusals: dict[str, int]
    recorded_s: float
    recordings: int
    transcripts: dict[str, int]
    transcribed_s: float
    segments: int
    waiting: dict[str, int]  # why transcripts wait or failed, with the command that mends it
    timing_s: dict[str, float] = field(default_factory=dict)


def figures(session: Session, timing_s: dict[str, float]) -> Figures:
    """Read the figures of everything in the database."""
    sealed = Recording.state == RecordingState.SEALED
    return Figures(
        planned=_count(session, select(func.count(Callback.callback_id))),
        skipped=_skipped(session),
        attempted=_count(session, select(func.count(Attempt.attempt_id))),
        dispositions=_by(session, Attempt.disposition),
        outcomes=_by(session, Callback.outcome),
        open_callbacks=_open(session),
        handoffs=_by(session, Handoff.result),
        gate_refusals=_refusals(session),
        recorded_s=_count(session, select(func.sum(Recording.duration_ms)).where(sealed)) / 1000,
        recordings=_count(session, select(func.count(Recording.recording_id)).where(sealed)),
        transcripts=_by(session, Transcript.state),
        transcribed_s=_transcribed(session),
        segments=_count(session, select(func.count(Segment.segment_id))),
        waiting=_by(session, Transcript.note),
        timing_s={name: round(seconds, 1) for name, seconds in timing_s.items()},
    )


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(query) or 0


def _by(session: Session, column: InstrumentedAttribute[Any]) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(column.is_not(None)).group_by(column).order_by(column))
    return {str(value): count for value, count in rows}


def _open(session: Session) -> dict[str, int]:
    rows = session.scalars(select(Callback).where(Callback.state != CallbackState.CLOSED))
    return dict(Counter(callback.follow_up or str(callback.state) for callback in rows))


def _skipped(session: Session) -> dict[str, int]:
    return dict(Counter(reason_of(left.code, left.detail)[0] for left in session.scalars(select(Skip))))


def _refusals(session: Session) -> dict[str, int]:
    rows = session.scalars(select(GateRefusal))
    return dict(Counter(str(reason["code"]) for row in rows for reason in row.reasons))


def _transcribed(session: Session) -> float:
    """Seconds of call that have a finished transcript."""
    done = select(Transcript.recording_id).where(Transcript.state == TranscriptState.DONE)
    return _count(session, select(func.sum(Recording.duration_ms)).where(Recording.recording_id.in_(done))) / 1000
