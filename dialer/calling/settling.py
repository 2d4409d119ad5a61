"""What becomes of a callback after an attempt: an outcome, another time, or an agent's wrap-up. One place, one order.

First what a person said (the agent's outcome), then what the flow proved, then what was agreed with the client, and
only then the retry ladder of the pack.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.calendars import Calendars
from dialer.calling import outcomes
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.retries import Case, DayPart, GiveUp, Next, next_follow_up, next_step
from dialer.calling.session import SessionResult
from dialer.programmes.facts import Preference
from dialer.programmes.model import ContactRules
from dialer.tables import Answer, Attempt, CallbackState, Outcome

FollowUpName = Literal["promised_callback", "appointment"]
APPOINTMENT_QUESTION = "appointment"


@dataclass(frozen=True, slots=True)
class Settling:
    """What deciding needs beside the attempt: the pack's rules, the calendars, the time."""

    rules: ContactRules
    calendars: Calendars
    now: datetime


def settle(session: Session, attempt: Attempt, result: SessionResult, judged: Judged, by: Settling) -> None:
    """Move the attempt's callback on, in the caller's transaction."""
    verdict = result.verdict
    if result.leg is not None:
        _after_agent(session, attempt, result, by)
    elif verdict is not None and verdict.outcome is not None and not result.recorder_failed:
        _proved(session, attempt, Outcome(verdict.outcome), verdict.reasons, by)
    elif verdict is not None and verdict.follow_up is not None:
        _agreed(session, attempt, verdict.follow_up, by)
    else:
        retry(session, attempt, judged.disposition, by)


def retry(session: Session, attempt: Attempt, disposition: Disposition, by: Settling) -> None:
    """Follow the pack's ladder after an attempt that settled nothing."""
    earlier = [
        Disposition(past.disposition)
        for past in attempt.callback.attempts
        if past.disposition and past.attempt_id != attempt.attempt_id
    ]
    step = next_step(by.rules, disposition, earlier, now=by.now, case=_case(attempt, by))
    _move(session, attempt, step, None, by)


def _proved(session: Session, attempt: Attempt, outcome: Outcome, reasons: tuple[str, ...], by: Settling) -> None:
    """Close the callback, unless it passed and carries an item whose script has not been asked yet."""
    unasked = _unasked_flow(attempt) if outcome is Outcome.PASSED else None
    if unasked is None:
        reason = ", ".join(reasons) or "flow"
        outcomes.close(session, attempt.callback, outcome, reason=reason, at=by.now, actor=f"node:{attempt.node}")
    else:
        attempt.callback.flow = unasked
        outcomes.reopen(session, attempt.callback, next_at=by.now + by.rules.interval, follow_up=None, at=by.now)


def _unasked_flow(attempt: Attempt) -> str | None:
    """The script of an item that no attempt of the callback has passed yet."""
    passed = {past.flow for past in attempt.callback.attempts if (past.verdict or {}).get("outcome") == "passed"}
    wanted = (item.flow for item in attempt.callback.items)
    return next((flow for flow in wanted if flow not in passed | {attempt.flow}), None)


def _after_agent(session: Session, attempt: Attempt, result: SessionResult, by: Settling) -> None:
    attempt.callback.state = CallbackState.WRAP_UP
    session.flush()
    if result.leg is None or result.agent_outcome is None:
        return
    outcomes.set_agent_outcome(
        session,
        attempt.callback_id,
        result.agent_outcome,
        staff_id=result.leg.staff_id,
        at=by.now,
        by="key",
        actor=f"node:{attempt.node}",
    )


def _agreed(session: Session, attempt: Attempt, follow_up: FollowUpName, by: Settling) -> None:
    earlier = sum(1 for past in attempt.callback.attempts if (past.verdict or {}).get("follow_up") == follow_up)
    part = _chosen_part(session, attempt.attempt_id) if follow_up == "appointment" else None
    step = next_follow_up(by.rules, follow_up, earlier - 1, now=by.now, case=_case(attempt, by), part=part)
    _move(session, attempt, step, follow_up, by)


def _chosen_part(session: Session, attempt_id: str) -> DayPart | None:
    chosen = session.scalars(
        select(Answer.value).where(Answer.attempt_id == attempt_id, Answer.question == APPOINTMENT_QUESTION)
    ).first()
    return cast("DayPart", chosen) if chosen in ("morning", "afternoon", "evening") else None


def _move(session: Session, attempt: Attempt, step: Next, follow_up: str | None, by: Settling) -> None:
    if isinstance(step, GiveUp):
        actor = f"node:{attempt.node}"
        outcomes.close(session, attempt.callback, Outcome.UNREACHABLE, reason=step.reason, at=by.now, actor=actor)
    else:
        outcomes.reopen(session, attempt.callback, next_at=step.at, follow_up=follow_up, at=by.now)


def _case(attempt: Attempt, by: Settling) -> Case:
    callback = attempt.callback
    return Case(Preference.of(callback.client.prefers), by.calendars, callback.due_on)
