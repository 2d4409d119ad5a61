"""The rows of what must follow: made once, done or cancelled once, each time with a link in the audit chain.

A message duty holds contents, channel and due time; sending it is the work of whoever completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import HuifangError
from core.ids import new_id
from dialer.calling.passing import newest
from dialer.following import calls
from dialer.following.plans import Ended, Following, PlannedDuty, by_word, feedback_of, follow
from dialer.programmes.model import Programme
from dialer.tables import Answer, Callback, Duty, DutyState

HANDLED_BEFORE = frozenset({"work_order", "feedback"})
"""What must be done before a confirm call: the specialist answers, the client is told, then he is called (D-25)."""


class DutyRefused(HuifangError):
    """Nothing was changed: there is no such duty, or it is not open any more; reload the list."""


def follow_up(session: Session, callback: Callback, following: Following, *, at: datetime) -> list[Duty]:
    """Make the duties that the outcome of ``callback`` brings, and the confirm call when nothing must come before it.

    Safe to call again: what is there already is not made twice.
    """
    ended = ended_of(session, callback, following, at)
    made = store(session, follow(following.pack, ended, following.calendars), callback, at=at)
    _confirm_when_handled(session, callback, following, at)
    return made


def found(
    session: Session, callback: Callback, word: str, following: Following, *, by: str, at: datetime
) -> list[Duty]:
    """A person says what was found in the call (``problem``, ``objection``): make what follows from that word.

    DutyRefused when no programme of the callback knows the word. Returns the duties that were not there yet.
    """
    ended = ended_of(session, callback, following, at)
    planned = list(by_word(ended, word, following.calendars))
    if not planned:
        raise DutyRefused(f"no programme of this call-back says what follows from {word!r}; add it to the pack")
    audit.append(
        session, at=at, actor=by, action="callback.found", subject=callback.callback_id, content={"word": word}
    )
    return store(session, planned, callback, at=at)


def ended_of(session: Session, callback: Callback, following: Following, at: datetime) -> Ended:
    """The callback as the rules of following see it."""
    return Ended(
        callback_id=callback.callback_id,
        outcome=callback.outcome or "",
        programmes=programmes_of(callback, following),
        answers=answers_of(session, callback),
        at=at,
        branch=callback.client.branch,
        second=callback.confirms is not None,
    )


def programmes_of(callback: Callback, following: Following) -> tuple[Programme, ...]:
    """The programmes of the callback's items, each once; those that the pack no longer has are left out."""
    known = following.pack.programmes
    return tuple(known[key] for key in dict.fromkeys(item.programme for item in callback.items) if key in known)


def answers_of(session: Session, callback: Callback) -> dict[str, str]:
    """The newest given answer to each question over all attempts of the callback."""
    given = select(Answer.question, Answer.value).where(Answer.callback_id == callback.callback_id)
    return newest((row.question, row.value) for row in session.execute(given.order_by(Answer.at, Answer.answer_id)))


def store(session: Session, planned: Iterable[PlannedDuty], callback: Callback, *, at: datetime) -> list[Duty]:
    """Write the duties that are not there yet."""
    wanted = {duty.key: duty for duty in planned}
    known = set(session.scalars(select(Duty.key).where(Duty.key.in_(wanted))))
    rows = [_row(duty, callback, at) for key, duty in wanted.items() if key not in known]
    session.add_all(rows)
    session.flush()
    for row in rows:
        content = {"callback_id": row.callback_id, "kind": row.kind, "outcome": row.outcome, "rule": row.rule}
        audit.append(session, at=at, actor="dialer", action="duty.made", subject=row.duty_id, content=content)
    return rows


def _row(duty: PlannedDuty, callback: Callback, at: datetime) -> Duty:
    return Duty(
        duty_id=new_id(at),
        key=duty.key,
        kind=duty.kind,
        client_id=callback.client_id,
        callback_id=callback.callback_id,
        programme=duty.programme,
        outcome=duty.outcome,
        to=list(duty.to),
        contents=list(duty.contents),
        channel=duty.channel,
        words=duty.words,
        rule=duty.rule,
        due_at=duty.due_at,
        state=DutyState.OPEN,
        created_at=at,
        note="",
    )


def complete(
    session: Session, duty_id: str, *, by: str, at: datetime, following: Following, note: str = ""
) -> list[Duty]:
    """Mark a duty as done; returns the duties that arise from it.

    A handled work order owes the client feedback (D-24); when all is handled, a confirm call follows (D-25, C-13).
    DutyRefused when it is not open.
    """
    duty = _end(session, duty_id, DutyState.DONE, by=by, at=at, note=note)
    if duty.callback_id is None:
        return []
    callback = session.get_one(Callback, duty.callback_id)
    made = _feedback(session, duty, callback, at) if duty.kind == "work_order" else []
    _confirm_when_handled(session, callback, following, at)
    return made


def cancel(session: Session, duty_id: str, *, by: str, at: datetime, note: str) -> Duty:
    """Take a duty back, with the reason in ``note``; DutyRefused when it is not open."""
    return _end(session, duty_id, DutyState.CANCELLED, by=by, at=at, note=note)


def listing(
    session: Session,
    now: datetime,
    *,
    state: DutyState | None = DutyState.OPEN,
    kind: str | None = None,
    client_id: str | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Duties as rows fit for JSON, those with the earliest due time first, those without one last."""
    wanted = select(Duty).order_by(Duty.due_at.is_(None), Duty.due_at, Duty.duty_id).limit(limit)
    for column, value in ((Duty.state, state), (Duty.kind, kind), (Duty.client_id, client_id)):
        wanted = wanted if value is None else wanted.where(column == value)
    return [duty_json(duty, now) for duty in session.scalars(wanted)]


def duty_json(duty: Duty, now: datetime) -> dict[str, Any]:
    """One duty with ``overdue``: open although its time is over."""
    overdue = duty.state == DutyState.OPEN and duty.due_at is not None and duty.due_at < now
    shown = ("duty_id", "kind", "client_id", "callback_id", "programme", "outcome", "to", "contents", "channel")
    told = ("words", "rule", "state", "done_by", "note")
    times = ("due_at", "created_at", "done_at")
    return {
        **{name: getattr(duty, name) for name in (*shown, *told)},
        **{name: _iso(getattr(duty, name)) for name in times},
        "overdue": overdue,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _end(session: Session, duty_id: str, state: DutyState, *, by: str, at: datetime, note: str) -> Duty:
    duty = session.get(Duty, duty_id)
    if duty is None or duty.state != DutyState.OPEN:
        raise DutyRefused(f"duty {duty_id} is not open; reload the list")
    duty.state, duty.done_at, duty.done_by, duty.note = state, at, by, note
    session.flush()
    content = {"callback_id": duty.callback_id, "kind": duty.kind}
    audit.append(session, at=at, actor=by, action=f"duty.{state.value}", subject=duty_id, content=content)
    return duty


def _feedback(session: Session, order: Duty, callback: Callback, at: datetime) -> list[Duty]:
    """The feedback the client is owed, unless the pack has asked for it itself."""
    siblings = _duties(session, callback)
    if any(one.kind == "feedback" and one.programme == order.programme for one in siblings):
        return []
    late = order.due_at is not None and at > order.due_at
    return store(session, [feedback_of(order.key, order.programme, order.outcome, at, late=late)], callback, at=at)


def _confirm_when_handled(session: Session, callback: Callback, following: Following, at: datetime) -> None:
    waiting = [duty for duty in _duties(session, callback) if duty.state == DutyState.OPEN]
    if any(duty.kind in HANDLED_BEFORE for duty in waiting):
        return
    for duty in (duty for duty in waiting if duty.kind == "confirm_call"):
        call = calls.confirm(session, callback, duty.programme, following, at=at, due_at=duty.due_at)
        note = call.callback_id if call is not None else ""
        _end(session, duty.duty_id, DutyState.DONE, by="dialer", at=at, note=note)


def _duties(session: Session, callback: Callback) -> Sequence[Duty]:
    return session.scalars(select(Duty).where(Duty.callback_id == callback.callback_id)).all()
