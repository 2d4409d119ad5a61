"""How a callback ends: the one place that sets its outcome, each time with a link in the audit chain.

An answered call is not a confirmation (design rule 4): only a flow whose every pass condition holds (D-02), or an
agent who spoke with the client, can pass a callback. What follows from the outcome (group D) is written in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import china
from core.errors import HuifangError
from dialer.calling import whys
from dialer.calling.retries import GiveUp, Next, RetryAt
from dialer.calling.whys import Why
from dialer.desk import agents
from dialer.following import duties, gates, webhooks
from dialer.following.plans import Following
from dialer.programmes.facts import ItemState
from dialer.tables import Attempt, Callback, CallbackState, Duty, DutyState, Handoff, Item, Outcome
from ivr_flows.merging import versions

AGENT_OUTCOMES = {
    "passed": Outcome.PASSED,
    "not_passed": Outcome.NOT_PASSED,
    "refused": Outcome.REFUSED,
    "call_again": None,
}
"""What an agent may set after a talk; ``call_again`` leaves the callback open."""

CALL_AGAIN = timedelta(days=1)  # when nobody names a time; the gate still decides when it comes
CANCELLED = "cancelled"


class OutcomeRefused(HuifangError):
    """Nothing was changed: the callback is not the agent's to finish, or not in a state to be finished."""


def close(
    session: Session,
    callback: Callback,
    outcome: Outcome,
    *,
    reason: str,
    at: datetime,
    actor: str,
    following: Following | None = None,
) -> None:
    """Give ``callback`` its outcome (D-01), close it and its items, and make what follows from it (group D).

    Without ``following`` nothing follows yet: ``follow_closed`` makes it up.
    """
    callback.outcome = outcome
    _end(callback, ItemState.MISSED if outcome is Outcome.UNREACHABLE else ItemState.DONE, reason, at)
    session.flush()
    content = {"outcome": outcome.value, "reason": reason}
    audit.append(session, at=at, actor=actor, action="callback.closed", subject=callback.callback_id, content=content)
    if following is not None:
        _consequences(session, callback, following, at)


def close_without_outcome(session: Session, callback: Callback, *, reason: str, at: datetime, actor: str) -> None:
    """Close a callback about which nothing is known: nobody was reached, or its reason is gone."""
    _end(callback, ItemState.MISSED, reason, at)
    session.flush()
    action = "callback.cancelled" if reason == CANCELLED else "callback.expired"
    audit.append(session, at=at, actor=actor, action=action, subject=callback.callback_id, content={"reason": reason})


def follow_closed(session: Session, following: Following, *, since: datetime, at: datetime) -> int:
    """Make up what should follow from callbacks closed at or after ``since``; returns how many duties were made.

    Safe to run at any time: a duty is made once.
    """
    closed = select(Callback).where(Callback.outcome.is_not(None), Callback.closed_at >= since)
    found = session.scalars(closed.order_by(Callback.closed_at, Callback.callback_id)).all()
    return sum(len(duties.follow_up(session, one, following, at=one.closed_at or at)) for one in found)


def reopen(
    session: Session,
    callback: Callback,
    step: RetryAt,
    *,
    follow_up: str | None,
    at: datetime,
    appointment_at: datetime | None = None,
) -> None:
    """Leave ``callback`` open for another attempt not before ``step.at``, and keep the reason for that time.

    ``appointment_at`` is what was agreed with the client.
    """
    callback.state = CallbackState.PLANNED
    callback.next_attempt_at = step.at
    callback.next_why = step.why.as_json()
    callback.follow_up = follow_up
    callback.appointment_at = appointment_at
    session.flush()
    audit.append(
        session,
        at=at,
        actor="dialer",
        action="callback.reopened",
        subject=callback.callback_id,
        content={"next_attempt_at": step.at.isoformat(), "follow_up": follow_up, "why": step.why.code},
    )


def cancel(session: Session, items: Iterable[Item], *, reason: str, at: datetime, actor: str) -> int:
    """An event undid the reason of these items (account closed, review failed: D-28, J-06, J-13); returns how many.

    A callback of which no item is left is closed without an outcome; one in a live call ends with that call. A
    callback of which some are left goes on for those.
    """
    open_items = [item for item in items if item.state == ItemState.OPEN]
    for item in open_items:
        item.state, item.closed_on = ItemState.CANCELLED, china(at).date()
        content = {"callback_id": item.callback_id, "reason": reason}
        audit.append(session, at=at, actor=actor, action="item.cancelled", subject=item.item_id, content=content)
    for callback in {item.callback_id: item.callback for item in open_items}.values():
        _go_on_without(session, callback, at, actor)
    return len(open_items)


def miss(session: Session, items: Iterable[Item], *, at: datetime, actor: str) -> int:
    """The deadline of these items has passed while their callback goes on for later ones (H-15); returns how many."""
    open_items = [item for item in items if item.state == ItemState.OPEN]
    for item in open_items:
        item.state, item.closed_on = ItemState.MISSED, china(at).date()
        content = {"callback_id": item.callback_id, "due_on": item.due_on.isoformat()}
        audit.append(session, at=at, actor=actor, action="item.missed", subject=item.item_id, content=content)
    for callback in {item.callback_id: item.callback for item in open_items}.values():
        _go_on_without(session, callback, at, actor)
    return len(open_items)


def _go_on_without(session: Session, callback: Callback, at: datetime, actor: str) -> None:
    left = [item for item in callback.items if item.state == ItemState.OPEN]
    if not left:
        _take_back_messages(session, callback, at, actor)
        if callback.state == CallbackState.PLANNED:
            close_without_outcome(session, callback, reason=CANCELLED, at=at, actor=actor)
        return
    callback.due_on = min(item.due_on for item in left)
    callback.due_at = min(item.due_at for item in left)
    if callback.flow not in {item.flow for item in left} and callback.state == CallbackState.PLANNED:
        callback.flow = left[0].flow


def _take_back_messages(session: Session, callback: Callback, at: datetime, actor: str) -> None:
    """What was to go out beside the call has lost its reason too."""
    beside = select(Duty.duty_id).where(Duty.callback_id == callback.callback_id)
    for duty_id in session.scalars(beside.where(Duty.state == DutyState.OPEN, Duty.outcome == "")).all():
        duties.cancel(session, duty_id, by=actor, at=at, note=CANCELLED)


def all_cancelled(callback: Callback) -> bool:
    """Whether every item of the callback has lost its reason, so that nothing is owed any more."""
    return bool(callback.items) and all(item.state == ItemState.CANCELLED for item in callback.items)


def set_agent_outcome(
    session: Session,
    callback_id: str,
    outcome: str,
    *,
    staff_id: str,
    at: datetime,
    by: str,
    actor: str,
    again: Next | None = None,
    following: Following | None = None,
) -> None:
    """Record what the agent who took the handoff says came out of it.

    ``outcome`` is a key of AGENT_OUTCOMES, ``by`` is ``key`` (telephone) or ``web``; ``again`` is what ``call_again``
    leads to (``settling.call_again``), a day later when nobody worked it out. OutcomeRefused when the callback does not
    wait for this agent, so that nobody finishes another's talk and nothing is set twice.
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
        step = again or RetryAt(at + CALL_AGAIN, whys.AGENT_ASKED)
        _call_again(session, callback, step, at=at, actor=actor, following=following)
    else:
        close(session, callback, verdict, reason="agent", at=at, actor=actor, following=following)


def _call_again(
    session: Session, callback: Callback, again: Next, *, at: datetime, actor: str, following: Following | None
) -> None:
    if isinstance(again, GiveUp):
        give_up(session, callback, again.why, at=at, actor=actor, following=following)
    elif all_cancelled(callback):
        close_without_outcome(session, callback, reason=CANCELLED, at=at, actor=actor)
    else:
        agreed = again.at if again.why.code == whys.APPOINTMENT.code else None
        reopen(session, callback, again, follow_up="appointment", at=at, appointment_at=agreed)


def give_up(
    session: Session, callback: Callback, why: Why, *, at: datetime, actor: str, following: Following | None
) -> None:
    """The ladder is used up: the client is unreachable (D-01), and the callback says why."""
    callback.next_why = why.as_json()
    close(session, callback, Outcome.UNREACHABLE, reason=why.code, at=at, actor=actor, following=following)


def _end(callback: Callback, state: ItemState, reason: str, at: datetime) -> None:
    callback.state = CallbackState.CLOSED
    callback.closed_at = at
    callback.closed_reason = reason
    for item in callback.items:
        if item.state == ItemState.OPEN:
            item.state, item.closed_on = state, china(at).date()
            item.flow_hash = _heard(callback, item) if state is ItemState.DONE else None


def _heard(callback: Callback, item: Item) -> str | None:
    """The version of the item's script in the newest call that was answered with it."""
    answered = (past for past in callback.attempts if past.disposition == "answered")
    heard = ((past.started_at, versions(past.flow, past.flow_hash).get(item.flow)) for past in answered)
    return max(((at, version) for at, version in heard if version), default=(None, None))[1]


def _consequences(session: Session, callback: Callback, following: Following, at: datetime) -> None:
    duties.follow_up(session, callback, following, at=at)
    if not following.webhooks:
        return
    webhooks.put(session, "callback.closed", webhooks.callback_closed(callback), at=at)
    for body in gates.opened_by(session, callback, following.pack):
        webhooks.put(session, "gate.opened", body, at=at)


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
