"""The table of dispositions run again over attempts that are over: from the raw facts kept beside each (design rule 6).

The rule of this module: facts are read, never changed; a changed verdict leaves a link in the audit chain. Call-backs
that were moved on by the old verdict stay where they are: nobody is called again, or left uncalled, behind the
planner's back. What changes from then on is what counts against the caps, and which numbers are dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from dialer.calling.dispositions import Early, Judged, judge_ending
from dialer.lines.base import EndedBy, Ending, Provisional
from dialer.tables import Attempt, AttemptState


@dataclass(frozen=True, slots=True)
class Change:
    """One attempt that the table sees differently now."""

    attempt_id: str
    started_at: datetime
    before: str
    after: str
    why: str
    confidence: float
    counted: bool
    counts: bool


def reclassify(
    session: Session, *, since: datetime, until: datetime, ring_limit_s: float, at: datetime, actor: str, dry_run: bool
) -> list[Change]:
    """Judge the attempts that began in [since, until) again; with ``dry_run`` nothing is stored.

    ``ring_limit_s`` is for attempts of the time before it was kept with each. What nobody saw the end of stays
    ``interrupted``; what never left stays ``our_fault``.
    """
    changes = []
    for attempt, judged in _judged(session, since, until, ring_limit_s):
        if (attempt.disposition, attempt.counts) == (judged.disposition, judged.consumes_attempt):
            continue
        changes.append(_change(attempt, judged))
        if not dry_run:
            store(session, attempt, judged, at=at, actor=actor)
    return changes


def judge_again(attempt: Attempt, ring_limit_s: float) -> Judged | None:
    """What the table says about a finished attempt today; None when no line ever reported its end."""
    if attempt.ended_by is None or attempt.ended_at is None:
        return None
    ending = Ending(
        EndedBy(attempt.ended_by),
        attempt.ended_at,
        attempt.sip_status,
        attempt.sip_phrase or "",
        tuple(attempt.sip_reasons),
        attempt.cause or "",
    )
    return judge_ending(
        ending,
        answered=attempt.answered_at is not None,
        dialed_at=attempt.dialed_at or attempt.started_at,
        provisionals=[_provisional(one) for one in attempt.provisionals],
        ring_limit_s=attempt.ring_limit_s or ring_limit_s,
        early=early_of(attempt),
    )


def early_of(attempt: Attempt) -> Early | None:
    """What was heard before the answer, as the table asks for it."""
    heard = attempt.early
    return Early(str(heard["kind"]), float(heard["confidence"])) if heard else None


def _judged(
    session: Session, since: datetime, until: datetime, ring_limit_s: float
) -> Iterator[tuple[Attempt, Judged]]:
    wanted = (
        select(Attempt)
        .where(Attempt.state == AttemptState.ENDED, Attempt.started_at >= since, Attempt.started_at < until)
        .order_by(Attempt.started_at)
        .execution_options(yield_per=500)
    )
    for attempt in session.scalars(wanted):
        judged = judge_again(attempt, ring_limit_s)
        if judged is not None:
            yield attempt, judged


def _change(attempt: Attempt, judged: Judged) -> Change:
    return Change(
        attempt_id=attempt.attempt_id,
        started_at=attempt.started_at,
        before=attempt.disposition or "",
        after=judged.disposition,
        why=judged.why,
        confidence=judged.confidence,
        counted=attempt.counts,
        counts=judged.consumes_attempt,
    )


def store(session: Session, attempt: Attempt, judged: Judged, *, at: datetime, actor: str) -> None:
    """Give an attempt another disposition, with a link in the audit chain."""
    content = {"before": attempt.disposition, "after": str(judged.disposition), "why": judged.why}
    attempt.disposition, attempt.counts = judged.disposition, judged.consumes_attempt
    attempt.why, attempt.confidence = judged.why, judged.confidence
    audit.append(
        session, at=at, actor=actor, action="attempt.reclassified", subject=attempt.attempt_id, content=content
    )


def _provisional(row: dict[str, object]) -> Provisional:
    at = datetime.fromisoformat(str(row["at"]))
    return Provisional(int(str(row["status"])), str(row["phrase"]), at, media=bool(row["media"]))
