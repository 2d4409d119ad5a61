"""Holds the day's books against the carrier's own log and against what each client was made to do.

The carrier is another process on another SIP stack and knows nothing of the database, so agreement is evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dialer.tables import Attempt, Callback
from recordings.tables import Recording, RecordingState

Line = Mapping[str, Any]
LENGTH_TOLERANCE_S = 1.0  # a recording and the carrier's idea of the same call
REFUSED_BY = {486: {"busy", "rejected"}, 603: {"rejected"}, 404: {"invalid_number"}, 480: {"unreachable"}}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the demo's table makes of one client: his dispositions in order, his outcome, whether an agent joined."""

    dispositions: tuple[str, ...]
    outcome: str | None
    agent: bool


def differences(
    session: Session, calls: Sequence[Line], invites: Sequence[Line], expected: Mapping[str, Expectation]
) -> Iterator[str]:
    """Every disagreement, in words; nothing when the day is true."""
    attempts = session.scalars(select(Attempt).order_by(Attempt.started_at)).all()
    yield from _same_calls(attempts, invites)
    by_attempt = {line["headers"].get("X-Huifang-Attempt"): line for line in calls}
    for attempt in attempts:
        line = by_attempt.get(attempt.attempt_id)
        if line is not None:
            yield from _same_ending(attempt, line)
            yield from _same_length(session, attempt, line)
    yield from _as_expected(session, attempts, expected)


def _same_calls(attempts: Sequence[Attempt], invites: Sequence[Line]) -> Iterator[str]:
    """One INVITE at the carrier for each attempt in the books, never two, never one without an attempt."""
    seen: dict[str | None, int] = defaultdict(int)
    for line in invites:
        if not str(line["number"]).startswith("agent-"):
            seen[line["headers"].get("X-Huifang-Attempt")] += 1
    for attempt in attempts:
        if (times := seen.pop(attempt.attempt_id, 0)) != 1 and not (
            times == 0 and attempt.disposition == "interrupted"
        ):
            yield f"attempt {attempt.attempt_id} reached the carrier {times} times"
    for attempt_id, times in seen.items():
        yield f"the carrier saw {times} calls of attempt {attempt_id}, which is not in the books"


def _same_ending(attempt: Attempt, line: Line) -> Iterator[str]:
    said, status = attempt.disposition, line["status"]
    if line["ended_by"] == "cancel":
        fits = said == "no_answer"
    elif status == 200:
        fits = said in ("answered", "interrupted")
    else:
        fits = said in REFUSED_BY.get(status, set())
    if not fits:
        yield f"attempt {attempt.attempt_id} is {said}, the carrier says {status} ended by {line['ended_by']}"


def _same_length(session: Session, attempt: Attempt, line: Line) -> Iterator[str]:
    if line["answered_at"] is None or attempt.disposition == "interrupted":
        return
    recording = session.get(Recording, attempt.recording_id) if attempt.recording_id else None
    if recording is None or recording.state != RecordingState.SEALED or recording.duration_ms is None:
        yield f"attempt {attempt.attempt_id} was answered and has no sealed recording"
        return
    begun = min([line["answered_at"], *(p["at"] for p in line["provisionals"] if p["status"] == 183)])
    there = (datetime.fromisoformat(line["ended_at"]) - datetime.fromisoformat(begun)).total_seconds()
    if abs(recording.duration_ms / 1000 - there) > LENGTH_TOLERANCE_S:
        yield (
            f"recording {recording.recording_id} lasts {recording.duration_ms / 1000:.1f} s, "
            f"the carrier's call {there:.1f} s"
        )


def _as_expected(session: Session, attempts: Sequence[Attempt], expected: Mapping[str, Expectation]) -> Iterator[str]:
    made: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        made[attempt.client_id].append(attempt)
    outcomes = {row.client_id: row.outcome for row in session.scalars(select(Callback))}
    for client_id, wanted in expected.items():
        own = [attempt for attempt in made[client_id] if attempt.disposition != "interrupted"]
        got = Expectation(
            tuple(str(attempt.disposition) for attempt in own),
            outcomes.get(client_id),
            any(handoff.result == "joined" for attempt in own for handoff in attempt.handoffs),
        )
        if got != wanted:
            yield f"client {client_id}: expected {wanted}, got {got}"
