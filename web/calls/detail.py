"""Everything one call's page shows, gathered from the dialer's, the archive's and the transcripts' tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from dialer.tables import Attempt, Callback, GateRefusal, Handoff, Staff
from recordings.tables import Recording
from transcribe.tables import Segment, Transcript, TranscriptState
from web.auth.account import Account
from web.calls.queries import visible_to


@dataclass(frozen=True, slots=True)
class CallPage:
    """One callback with the attempt whose recording is in the player."""

    callback: Callback
    attempt: Attempt | None
    recording: Recording | None
    transcript: Transcript | None
    segments: Sequence[Segment]
    recorded: frozenset[str]  # attempts with a sealed recording
    refusals: Sequence[GateRefusal]
    staff: dict[str, str]  # staff id -> name
    waits_for: Handoff | None  # the talk whose outcome this account has to set


def call_page(session: Session, callback_id: str, attempt_id: str | None, account: Account) -> CallPage | None:
    """The page of one callback as ``account`` may see it; None when there is none such for it."""
    callback = _callback(session, callback_id, account)
    if callback is None:
        return None
    recordings = _recordings(session, callback)
    attempt = _chosen(callback.attempts, attempt_id, recordings)
    recording = recordings.get(attempt.attempt_id) if attempt else None
    transcript = _transcript(session, recording)
    return CallPage(
        callback=callback,
        attempt=attempt,
        recording=recording,
        transcript=transcript,
        segments=_segments(session, transcript),
        recorded=frozenset(key for key, value in recordings.items() if value.object),
        refusals=_refusals(session, callback_id),
        staff=_staff(session, callback),
        waits_for=waiting(callback, account),
    )


def _callback(session: Session, callback_id: str, account: Account) -> Callback | None:
    loaded = select(Callback).options(
        selectinload(Callback.client),
        selectinload(Callback.items),
        selectinload(Callback.attempts).selectinload(Attempt.answers),
        selectinload(Callback.attempts).selectinload(Attempt.handoffs),
    )
    return session.scalars(loaded.where(Callback.callback_id == callback_id, visible_to(account))).first()


def _recordings(session: Session, callback: Callback) -> dict[str, Recording]:
    attempts = [attempt.attempt_id for attempt in callback.attempts]
    found = session.scalars(select(Recording).where(Recording.attempt_id.in_(attempts)))
    return {recording.attempt_id: recording for recording in found}


def _chosen(attempts: Sequence[Attempt], wanted: str | None, recordings: dict[str, Recording]) -> Attempt | None:
    """The attempt asked for, else the last one answered, else the last recorded, else the last."""
    asked = [attempt for attempt in attempts if attempt.attempt_id == wanted]
    answered = [attempt for attempt in attempts if attempt.answered_at]
    recorded = [attempt for attempt in attempts if attempt.attempt_id in recordings]
    return next((group[-1] for group in (asked, answered, recorded, list(attempts)) if group), None)


def _transcript(session: Session, recording: Recording | None) -> Transcript | None:
    """The newest finished transcript, else the newest of any state."""
    if recording is None:
        return None
    found = session.scalars(
        select(Transcript)
        .where(Transcript.recording_id == recording.recording_id)
        .order_by((Transcript.state == TranscriptState.DONE).desc(), Transcript.created_at.desc())
        .limit(1)
    )
    return found.first()


def _segments(session: Session, transcript: Transcript | None) -> list[Segment]:
    if transcript is None:
        return []
    wanted = select(Segment).where(Segment.transcript_id == transcript.transcript_id)
    return list(session.scalars(wanted.order_by(Segment.start_ms, Segment.segment_id)))


def _refusals(session: Session, callback_id: str) -> list[GateRefusal]:
    wanted = select(GateRefusal).where(GateRefusal.callback_id == callback_id).order_by(GateRefusal.at)
    return list(session.scalars(wanted))


def _staff(session: Session, callback: Callback) -> dict[str, str]:
    handoffs = [handoff for attempt in callback.attempts for handoff in attempt.handoffs]
    wanted = {handoff.staff_id for handoff in handoffs if handoff.staff_id}
    wanted |= {str(tried.get("staff_id", "")) for handoff in handoffs for tried in handoff.tried}
    return {staff.staff_id: staff.name for staff in session.scalars(select(Staff).where(Staff.staff_id.in_(wanted)))}


def waiting(callback: Callback, account: Account) -> Handoff | None:
    """The talk this agent had on a callback that still lacks his outcome."""
    if callback.state == "closed" or not account.staff_id:
        return None
    handoffs = [handoff for attempt in callback.attempts for handoff in attempt.handoffs]
    mine = [item for item in handoffs if item.staff_id == account.staff_id and item.result == "joined"]
    return next((item for item in reversed(mine) if item.outcome is None), None)
