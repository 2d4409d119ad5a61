"""Attempts whose recording is transcribed and waits for a judge, and what the client's side says in it.

The rule of this module: it only reads, the oldest attempt first, a page at a time; whoever cannot be judged now is left
behind for the next run and keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from core.db import Database
from dialer.tables import LIVING, Attempt, AttemptState
from transcribe.tables import Channel, Segment, Transcript, TranscriptState

BATCH = 50  # attempts read at a time


class Waiting(Protocol):
    """What a page is made of."""

    @property
    def attempt_id(self) -> str:
        """The attempt that waits."""
        ...


W = TypeVar("W", bound=Waiting)


def waiting(db: Database, page: Callable[[Session, str], Sequence[W]]) -> Iterator[W]:
    """Everything that ``page`` gives, which is asked for what comes after an attempt until it has nothing."""
    last = ""
    while True:
        with db.session() as session:
            found = page(session, last)
        if not found:
            return
        yield from found
        last = found[-1].attempt_id


def a_page(after: str, *unjudged: ColumnElement[bool]) -> Select[tuple[Attempt, Transcript]]:
    """The next ended attempts with a recording and its finished transcript; ``unjudged`` says what they wait for."""
    return (
        select(Attempt, Transcript)
        .join(Transcript, Transcript.recording_id == Attempt.recording_id)
        .where(
            Attempt.state.not_in((*LIVING, AttemptState.INTERRUPTED)),  # said so, the small indexes serve
            Attempt.recording_id.is_not(None),
            Attempt.attempt_id > after,
            Transcript.state == TranscriptState.DONE,
            *unjudged,
        )
        .order_by(Attempt.attempt_id)
        .limit(BATCH)
    )


def clients_side(session: Session, transcript_id: str, from_ms: int = -1) -> Sequence[Segment]:
    """What the client's channel says, as far as it ends after ``from_ms``, in time order."""
    theirs = (Segment.transcript_id == transcript_id, Segment.channel == Channel.CLIENT, Segment.end_ms > from_ms)
    return session.scalars(select(Segment).where(*theirs).order_by(Segment.start_ms)).all()
