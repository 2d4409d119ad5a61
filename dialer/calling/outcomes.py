"""How a callback ends: the one place that sets its outcome, each time with a link in the audit chain.

An answered call is not a confirmation (design rule 4): only a flow whose every pass condition holds (D-02), or an
agent who spoke with the client, can pass a callback.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import HuifangError
from dialer.desk import agents
from dialer.tables import Attempt, Callback, CallbackState, Handoff, Outcome

AGENT_OUTCOMES = {
    "passed": Outcome.PASSED,
    "not_passed": Outcome.NOT_PASSED,
    "refused": Outcome.REFUSED,
    "call_again": None,
}
"""What an agent may set after a talk; ``call_again`` leaves the callback open."""

CALL_AGAIN = timedelta(days=1)  # when the agent names no time; the gate still decides when it comes


class OutcomeRefused(HuifangError):
    """Nothing was changed: the callback is not the agent's to finish, or not in a state to be finished."""


def close(session: Session, callback: Callback, outcome: Outcome, *, reason: str, at: datetime, actor: str) -> None:
    """Give ``callback`` its outcome (D-01) and close it."""
    callback.state = CallbackState.CLOSED
    callback.outcome = outcome
    callback.closed_at = at
    callback.closed_reason = reason
    content = {"outcome": outcome.value, "reason": reason}
    audit.append(session, at=at, actor=actor, action="callback.closed", subject=callback.callback_id, content=content)


def reopen(session: Session, callback: Callback, *, next_at: datetime, follow_up: str | None, at: datetime) -> None:
    """Leave ``callback`` open for another attempt not before ``next_at``."""
    callback.state = CallbackState.PLANNED
    callback.next_attempt_at = next_at
    callback.follow_up = follow_up
    session.flush()
    audit.append(
        session,
        at=at,
        actor="dialer",
        action="callback.reopened",
        subject=callback.callback_id,
        content={"next_attempt_at": next_at.isoformat(), "follow_up": follow_up},
    )


def set_agent_outcome(
    session: Session, callback_id: str, outcome: str, *, staff_id: str, at: datetime, by: str, actor: str
) -> None:
    """Record what the agent who took the handoff says came out of it.

    ``outcome`` is a key of AGENT_OUTCOMES, ``by`` is ``key`` (telephone) or ``web``. OutcomeRefused when the callback
    does not wait for this agent, so that nobody finishes another's talk and nothing is set twice.
    """
    callback = session.get(Callback, callback_id)
    handoff = _open_handoff(session, callback_id, staff_id)
    if outcome not in AGENT_OUTCOMES:
        raise OutcomeRefused(f"{outcome!r} is not an outcome; give one of {', '.join(AGENT_OUTCOMES)}")
    if callback is None or handoff is None or callback.state == CallbackState.CLOSED:
        raise OutcomeRefused("this callback does not wait for your outcome; reload your list")
    handoff.outcome = outcome
    handoff.outcome_by = by
    agents.finish_wrap_up(session, staff_id, at)
    verdict = AGENT_OUTCOMES[outcome]
    if verdict is None:
        reopen(session, callback, next_at=at + CALL_AGAIN, follow_up="appointment", at=at)
    else:
        close(session, callback, verdict, reason="agent", at=at, actor=actor)


def _open_handoff(session: Session, callback_id: str, staff_id: str) -> Handoff | None:
    wanted = (
        select(Handoff)
        .join(Attempt, Attempt.attempt_id == Handoff.attempt_id)
        .where(
            Attempt.callback_id == callback_id,
            Handoff.staff_id == staff_id,
            Handoff.result == "joined",
            Handoff.outcome.is_(None),
        )
        .order_by(Handoff.requested_at.desc())
        .limit(1)
    )
    return session.scalars(wanted).first()
