"""What becomes of a callback after an attempt: an outcome, another time, or an agent's wrap-up. One place, one order.

First what a person said (the agent's outcome), then what the flow proved and the programmes' pass rules make of it,
then what was agreed with the client, and only then the retry ladder of the pack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.calendars import Calendars
from core.clock import china
from core.errors import CalendarUnknown
from dialer.calling import numbers, outcomes, passing, retries, whys
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition, Judged
from dialer.calling.retries import Case, FollowUpName, GiveUp, Next, RetryAt
from dialer.calling.session import SessionResult
from dialer.following import duties
from dialer.following.plans import Following
from dialer.planning.lookup import client_facts
from dialer.programmes.facts import BadPreference, ItemState, PastAttempt
from dialer.programmes.model import ContactRules, Pack
from dialer.programmes.windows import times_of
from dialer.tables import Answer, Attempt, Callback, CallbackState, Outcome
from ivr_flows.merging import JOINED

APPOINTMENT_QUESTION = "appointment"


@dataclass(frozen=True, slots=True)
class Settling:
    """What deciding needs beside the attempt: the pack and its contact rules, the calendars, the time.

    ``webhooks``: whether other systems are told of what closes. ``other_trunk``: the attempt failed by its trunk's
    fault, and another trunk may take the call (``dialer.trunks.books``).
    """

    rules: ContactRules
    calendars: Calendars
    now: datetime
    pack: Pack
    webhooks: bool = False
    other_trunk: bool = False

    @property
    def following(self) -> Following:
        """What following up needs."""
        return Following(self.pack, self.calendars, self.webhooks)


def settle(session: Session, attempt: Attempt, result: SessionResult, judged: Judged, by: Settling) -> None:
    """Move the attempt's callback on, in the caller's transaction; a machine that answered is nobody who answered."""
    verdict = result.verdict
    if result.machine:
        retry(session, attempt, Disposition.NO_ANSWER, by)
    elif result.leg is not None:
        _after_agent(session, attempt, result, by)
    elif verdict is not None and verdict.outcome is not None and not result.recorder_failed:
        _proved(session, attempt, Outcome(verdict.outcome), verdict.reasons, by)
    elif verdict is not None and verdict.follow_up is not None:
        _agreed(session, attempt, verdict.follow_up, by)
    else:
        retry(session, attempt, judged.disposition, by)


def retry(session: Session, attempt: Attempt, disposition: Disposition, by: Settling) -> None:
    """Follow the pack's ladder after an attempt that settled nothing.

    An appointment that a fault of ours or of the trunk spoiled stays one.
    """
    callback = attempt.callback
    kept = callback.follow_up == "appointment" and disposition in NOT_THE_CLIENTS
    step = _worked_out(lambda: _next_step(attempt, disposition, by, kept), by)
    if kept:
        _move(session, attempt, step, by, follow_up="appointment", appointment_at=callback.appointment_at)
    else:
        _move(session, attempt, step, by)


def _next_step(attempt: Attempt, disposition: Disposition, by: Settling, kept: bool) -> Next:
    callback = attempt.callback
    case = _case(callback, by, appointment=kept)
    if by.other_trunk:
        return retries.over_another_trunk(now=by.now, case=case)
    earlier = [past for past, made in _made(callback) if made.attempt_id != attempt.attempt_id]
    left = _numbers_left(callback, disposition)
    return retries.next_step(by.rules, disposition, earlier, now=by.now, case=case, numbers_left=left)


def call_again(callback: Callback, by: Settling, *, agreed: datetime | None = None) -> Next:
    """What follows when the agent who spoke with the client asks for another call, at the time ``agreed`` if any."""
    step = _worked_out(lambda: _follow_up_step(callback, "appointment", by, agreed), by)
    if agreed is None and isinstance(step, RetryAt) and step.why.code == whys.APPOINTMENT.code:
        return RetryAt(step.at, whys.AGENT_ASKED)
    return step


def _proved(session: Session, attempt: Attempt, outcome: Outcome, reasons: tuple[str, ...], by: Settling) -> None:
    """Close the callback, unless it passed and carries an item whose script has not been asked yet."""
    callback = attempt.callback
    if outcome is Outcome.PASSED:
        unasked = _unasked_flow(attempt)
        if unasked is not None:
            _ask_next(session, attempt, unasked, by)
            return
        failed = _failed_rules(session, callback, by)
        outcome, reasons = (Outcome.NOT_PASSED, failed) if failed else (outcome, reasons)
    actor, reason = f"node:{attempt.node}", ", ".join(reasons) or "flow"
    outcomes.close(session, callback, outcome, reason=reason, at=by.now, actor=actor, following=by.following)


def _failed_rules(session: Session, callback: Callback, by: Settling) -> tuple[str, ...]:
    """The pass rules of the callback's programmes that its answers do not fulfil (D-02, D-03)."""
    client = callback.client
    answers = duties.answers_of(session, callback)
    facts = passing.pass_facts(answers, developed_by=client.developed_by, tags=client.tags)
    return passing.failing(duties.programmes_of(callback, by.following), facts)


def _ask_next(session: Session, attempt: Attempt, flow: str, by: Settling) -> None:
    callback = attempt.callback
    callback.flow = flow
    used = _used(callback)
    step = _worked_out(lambda: retries.next_script(by.rules, made=used, now=by.now, case=_case(callback, by)), by)
    _move(session, attempt, step, by)


def _unasked_flow(attempt: Attempt) -> str | None:
    """The script of an item still owed that no attempt of the callback has passed yet."""
    through = [past for past in attempt.callback.attempts if (past.verdict or {}).get("outcome") == "passed"]
    passed = {flow for past in [*through, attempt] for flow in past.flow.split(JOINED)}
    wanted = (item.flow for item in attempt.callback.items if item.state == ItemState.OPEN)
    return next((flow for flow in wanted if flow not in passed), None)


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
        again=call_again(attempt.callback, by) if result.agent_outcome == "call_again" else None,
        following=by.following,
    )


def _agreed(session: Session, attempt: Attempt, follow_up: FollowUpName, by: Settling) -> None:
    time = _chosen_time(session, attempt.attempt_id) if follow_up == "appointment" else None
    step = _worked_out(lambda: _follow_up_step(attempt.callback, follow_up, by, time), by)
    agreed = step.at if follow_up == "appointment" and isinstance(step, RetryAt) else None
    _move(session, attempt, step, by, follow_up=follow_up, appointment_at=agreed)


def _follow_up_step(callback: Callback, follow_up: FollowUpName, by: Settling, agreed: datetime | None) -> Next:
    talks = sum((past.verdict or {}).get("follow_up") == follow_up for past in callback.attempts)
    return retries.next_follow_up(
        by.rules,
        follow_up,
        max(0, talks - 1),
        made=_used(callback),
        now=by.now,
        case=_case(callback, by, appointment=follow_up == "appointment"),
        agreed=agreed,
    )


def _chosen_time(session: Session, attempt_id: str) -> datetime | None:
    """The time that the client chose from those the script offered; None when he chose none of them."""
    chosen = session.scalars(
        select(Answer.value).where(Answer.attempt_id == attempt_id, Answer.question == APPOINTMENT_QUESTION)
    ).first()
    try:
        return datetime.fromisoformat(chosen) if chosen else None
    except ValueError:
        return None


def _move(
    session: Session,
    attempt: Attempt,
    step: Next,
    by: Settling,
    *,
    follow_up: str | None = None,
    appointment_at: datetime | None = None,
) -> None:
    callback, actor = attempt.callback, f"node:{attempt.node}"
    if outcomes.all_cancelled(callback):
        outcomes.close_without_outcome(session, callback, reason=outcomes.CANCELLED, at=by.now, actor=actor)
    elif isinstance(step, GiveUp):
        outcomes.give_up(session, callback, step.why, at=by.now, actor=actor, following=by.following)
    else:
        outcomes.reopen(session, callback, step, follow_up=follow_up, at=by.now, appointment_at=appointment_at)


def _worked_out(step: Callable[[], Next], by: Settling) -> Next:
    """The step; where a calendar or the client's wish cannot be read, a later look, at which the gate decides."""
    try:
        return step()
    except CalendarUnknown:
        return RetryAt(by.now + outcomes.CALL_AGAIN, whys.CALENDAR_UNKNOWN)
    except BadPreference:
        return RetryAt(by.now + outcomes.CALL_AGAIN, whys.WISH_UNREADABLE)


def _case(callback: Callback, by: Settling, *, appointment: bool = False) -> Case:
    facts = client_facts(callback.client)
    times = times_of(by.rules.windows, facts, china(by.now).date(), appointment=appointment)
    return Case(times, by.calendars, callback.due_at)


def _made(callback: Callback) -> list[tuple[Disposition, Attempt]]:
    return [(_for_the_ladder(past, past.disposition), past) for past in callback.attempts if past.disposition]


def _for_the_ladder(past: Attempt, disposition: str) -> Disposition:
    """A call that was ended because a machine answered is one that nobody answered."""
    return Disposition.NO_ANSWER if (past.answer_evidence or {}).get("acted") else Disposition(disposition)


def _used(callback: Callback) -> int:
    return retries.counted(disposition for disposition, _ in _made(callback))


def _numbers_left(callback: Callback, disposition: Disposition) -> bool:
    """Whether the client has another number than the one that turned out to be dead."""
    past = [
        PastAttempt(callback.callback_id, frozenset(), made.started_at, ended, made.counts, made.phone)
        for ended, made in _made(callback)
    ]
    return disposition in numbers.DEAD and numbers.next_number(callback.client.phones, past) is not None
