"""The node's book-keeping: every change of an attempt, in the transaction that makes it true.

The attempt's row exists before its INVITE leaves (design rule 2): ``lease`` turns one planned callback into one leased
attempt by an UPDATE that must change one row, so that no two nodes, and no node twice, dial the same attempt. A node
that was declared dead leases nothing, and nobody leases a second call to a client who is in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, or_, select, text, update
from sqlalchemy.orm import Session, selectinload

from core import audit
from core.audit import AuditLink
from core.ids import new_id
from dialer.calling import dispatch
from dialer.calling.dispositions import Judged
from dialer.calling.session import SessionResult, TakenAnswer
from dialer.calling.whys import Why
from dialer.lines.base import Call, Provisional
from dialer.nodes import registry
from dialer.tables import LIVING, Answer, Attempt, AttemptState, Callback, CallbackMode, CallbackState, GateRefusal
from dialer.trunks import books as trunks
from recordings.tables import Recording, RecordingState

CLAIM = timedelta(seconds=60)
"""How long a node may take to make a script ready before others may try; then its lease fails."""

SAME_REFUSAL_S = 900  # equal refusals closer than this are one row
LEASED = "attempt.leased"  # the audit link of a lease
_POSTGRES_CLIENT_LOCK = 0x48464343  # "HFCC": with a client's id, of the transactions that lease a call to him


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send one INVITE."""

    attempt_id: str
    recording_id: str
    callback_id: str


def ready(session: Session, now: datetime, limit: int, node: str) -> Sequence[Callback]:
    """Planned callbacks whose time has come and that no other node is looking at, the most pressing first.

    Those that people make are not the dialer's (M-03), and what was planned provisionally is never dialed (B-08).
    PostgreSQL keeps the rows locked for this transaction and passes over what other nodes have locked.
    """
    wanted = (
        select(Callback)
        .where(
            Callback.state == CallbackState.PLANNED,
            Callback.next_attempt_at <= now,
            Callback.mode == CallbackMode.AUTOMATIC,
            Callback.provisional.is_(False),
            or_(Callback.claimed_until.is_(None), Callback.claimed_until <= now, Callback.claimed_by == node),
        )
        .order_by(*(getattr(Callback, name) for name in dispatch.ORDER))
        .options(selectinload(Callback.client), selectinload(Callback.items), selectinload(Callback.attempts))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(wanted).all()


def next_due(session: Session, after: datetime | None = None) -> datetime | None:
    """When the first of the dialer's callbacks is due, later than ``after`` if given; None when none is planned."""
    earliest = select(func.min(Callback.next_attempt_at)).where(
        Callback.state == CallbackState.PLANNED,
        Callback.mode == CallbackMode.AUTOMATIC,
        Callback.provisional.is_(False),
    )
    return session.scalars(earliest if after is None else earliest.where(Callback.next_attempt_at > after)).one()


def claim(callback: Callback, node: str, now: datetime) -> None:
    """Keep other nodes away from ``callback`` while this one makes its script ready."""
    callback.claimed_by, callback.claimed_until = node, now + CLAIM


def lease(
    session: Session,
    callback: Callback,
    *,
    node: str,
    phone: str,
    gate: dict[str, Any],
    flow_hash: str,
    ring_limit_s: float,
    at: datetime,
    flow: str | None = None,
    reserves_agent: bool = False,
    trunk: str | None = None,
    incarnation: str | None = None,
) -> Lease | None:
    """Take ``callback`` for one attempt; None when another node has it, or has claimed it, by now.

    ``flow`` names the scripts that it asks (``NAME+NAME``); the callback's own when it is not given.

    Also None when the client is in a call of another callback, and when ``incarnation`` (None: nobody asks) of the node
    counts as alive no more.
    """
    if incarnation is not None and not registry.lives(session, node, incarnation):
        return None
    if _in_a_call(session, callback.client_id):
        return None
    mine = or_(Callback.claimed_by.is_(None), Callback.claimed_by == node)
    taken = (
        update(Callback)
        .where(Callback.callback_id == callback.callback_id, Callback.state == CallbackState.PLANNED, mine)
        .values(state=CallbackState.CALLING, claimed_by=None, claimed_until=None)
    )
    if cast("CursorResult[None]", session.execute(taken)).rowcount != 1:
        return None
    attempt = Attempt(
        attempt_id=new_id(at),
        callback_id=callback.callback_id,
        client_id=callback.client_id,
        node=node,
        phone=phone,
        gate=gate,
        flow=flow or callback.flow,
        flow_hash=flow_hash,
        language=callback.language,
        started_at=at,
        sip_reasons=[],
        provisionals=[],
        recording_id=new_id(at),
        caller=None,  # the dialer itself
        ring_limit_s=ring_limit_s,
        reserves_agent=reserves_agent,
        trunk=trunk,
    )
    session.add(attempt)
    content = {"callback_id": callback.callback_id, "gate": gate, "flow_hash": flow_hash, "trunk": trunk}
    audit.append(session, at=at, actor=f"node:{node}", action=LEASED, subject=attempt.attempt_id, content=content)
    return Lease(attempt.attempt_id, attempt.recording_id or "", callback.callback_id)


def _in_a_call(session: Session, client_id: str) -> bool:
    """Whether a call to this client is on the line; on PostgreSQL nobody else leases one until this transaction ends.

    An advisory lock, not the client's row: an import holds thousands of those for minutes.
    """
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
        lock = text("SELECT pg_advisory_xact_lock(:kind, hashtext(:client))")
        session.execute(lock, {"kind": _POSTGRES_CLIENT_LOCK, "client": client_id})
    living = select(Attempt.attempt_id).where(Attempt.client_id == client_id, Attempt.state.in_(LIVING))
    return session.scalars(living.limit(1)).first() is not None


def refused(
    session: Session, callback: Callback, reasons: list[dict[str, str]], *, at: datetime, again_at: datetime
) -> None:
    """Keep the gate's refusal and look at the callback again at ``again_at``, which is explained by it."""
    last = session.scalars(
        select(GateRefusal)
        .where(GateRefusal.callback_id == callback.callback_id)
        .order_by(GateRefusal.last_at.desc())
        .limit(1)
    ).first()
    codes = [reason["code"] for reason in reasons]
    same = last is not None and [reason["code"] for reason in last.reasons] == codes
    if last is not None and same and (at - last.last_at).total_seconds() < SAME_REFUSAL_S:
        last.times, last.last_at = last.times + 1, at
    else:
        row = GateRefusal(refusal_id=new_id(at), callback_id=callback.callback_id, at=at, last_at=at, reasons=reasons)
        session.add(row)
    callback.next_attempt_at = again_at
    callback.claimed_by = callback.claimed_until = None
    callback.next_why = Why(
        "gate_refused",
        f"当时不可拨打：{'；'.join(reason['text'] for reason in reasons)}",
        f"the gate refused: {'; '.join(reason['text_en'] for reason in reasons)}",
    ).as_json()


def went_live(session: Session, attempt_id: str) -> None:
    """The INVITE has left; an attempt that another node took over meanwhile stays interrupted."""
    leased = update(Attempt).where(Attempt.attempt_id == attempt_id, Attempt.state == AttemptState.LEASED)
    session.execute(leased.values(state=AttemptState.LIVE))


def picked_up(session: Session, attempt_id: str, at: datetime) -> None:
    """Somebody has answered: pacing counts from here, and the trunk works."""
    its = Attempt.attempt_id == attempt_id
    trunk, started_at = session.execute(select(Attempt.trunk, Attempt.started_at).where(its)).tuples().one()
    trunks.heard(session, trunk, placed_at=started_at)
    session.execute(update(Attempt).where(its).values(answered_at=at))


def answered(session: Session, lease_: Lease, taken: TakenAnswer, *, at: datetime) -> None:
    """Keep one answer with its evidence at once, so that a crash cannot lose it."""
    answer = taken.answer
    session.add(
        Answer(
            answer_id=new_id(at),
            attempt_id=lease_.attempt_id,
            callback_id=lease_.callback_id,
            step=answer.step,
            question=answer.question,
            rule=", ".join(answer.rules) or None,
            value=answer.value or "",
            passed=answer.passed,
            answered_by=answer.by,
            start_ms=taken.start_ms,
            end_ms=taken.end_ms,
            evidence={
                "keys": [asdict(key) for key in answer.keys],
                "no_input": answer.no_input,
                "no_match": answer.no_match,
                "required": answer.required,
                "flow": answer.flow,
                "spoken": [asdict(candidate) for candidate in answer.spoken],
                "read_back": answer.read_back,
                "played": [asdict(proof) for proof in taken.played],
            },
            at=at,
        )
    )


def ended(
    session: Session,
    attempt_id: str,
    call: Call | None,
    result: SessionResult,
    judged: Judged,
    *,
    at: datetime,
) -> Attempt:
    """Keep every raw fact of a finished attempt beside its disposition (design rule 6)."""
    attempt = session.get_one(Attempt, attempt_id)
    attempt.state = AttemptState.ENDED
    attempt.ended_at = at
    attempt.disposition, attempt.counts = judged.disposition, judged.consumes_attempt
    attempt.why, attempt.confidence = judged.why, judged.confidence
    if call is not None:
        _keep_facts(attempt, call)
    _keep_result(attempt, result)
    if not result.recorded:
        attempt.recording_id = None
    audit.append(
        session,
        at=at,
        actor=f"node:{attempt.node}",
        action="attempt.ended",
        subject=attempt_id,
        content={"disposition": attempt.disposition, "recording_id": attempt.recording_id, "verdict": attempt.verdict},
    )
    return attempt


def for_its_end(session: Session, attempt_id: str) -> tuple[Attempt, bool]:
    """The attempt, locked with its callback, and whether its callback was taken over and has gone on without it.

    It has when the attempt was declared interrupted and its callback is in another call, has a newer attempt, waits for
    an agent's outcome, or is closed. One that only waits for its next attempt has not: the late ending is the truth.
    """
    attempt = session.get_one(Attempt, attempt_id, with_for_update=True)
    session.get_one(Callback, attempt.callback_id, with_for_update=True)
    callback = attempt.callback  # the locked row, kept in memory for what follows
    if attempt.state in LIVING:
        return attempt, False
    waits = attempt.state == AttemptState.INTERRUPTED and callback.state == CallbackState.PLANNED
    return attempt, not (waits and _last_leased(session, callback.callback_id) == attempt_id)


def _last_leased(session: Session, callback_id: str) -> str | None:
    """The callback's newest attempt by the audit chain: clocks of several machines make no order."""
    leases = select(AuditLink.subject).join(Attempt, Attempt.attempt_id == AuditLink.subject)
    of_it = leases.where(Attempt.callback_id == callback_id, AuditLink.action == LEASED)
    return session.scalars(of_it.order_by(AuditLink.number.desc()).limit(1)).first()


def _keep_result(attempt: Attempt, result: SessionResult) -> None:
    if result.verdict is not None:
        attempt.verdict = asdict(result.verdict)
    attempt.path = [list(arrow) for arrow in result.path] or None
    attempt.moments = list(result.moments) or None
    if result.answer is not None:
        attempt.answer_class = result.answer.kind.value
        attempt.answer_evidence = {**result.answer.as_json(), "acted": result.machine}


def ended_late(
    session: Session, attempt: Attempt, call: Call | None, result: SessionResult, judged: Judged, *, at: datetime
) -> None:
    """Keep the raw facts and the recording of an attempt whose callback has gone on; its disposition stays.

    ``at`` is when this was written; what the network said has its own times.
    """
    taken_over_at = attempt.ended_at
    if call is not None:
        _keep_facts(attempt, call)
    attempt.ended_at = taken_over_at
    _keep_result(attempt, result)
    if not result.recorded:
        attempt.recording_id = None
    content = {"disposition": judged.disposition, "recording_id": attempt.recording_id, "verdict": attempt.verdict}
    actor, subject = f"node:{attempt.node}", attempt.attempt_id
    audit.append(session, at=at, actor=actor, action="attempt.ended_late", subject=subject, content=content)


def interrupted(session: Session, node: str, at: datetime, *, by: str | None = None) -> list[Attempt]:
    """Close the attempts that died with ``node``: they count, and are never dialed a second time as themselves.

    ``by`` is the node that does it, ``node`` itself when it starts again. Rows are locked before the audit chain is.
    """
    living = select(Attempt).where(Attempt.node == node, Attempt.state.in_(LIVING)).order_by(Attempt.attempt_id)
    dead = session.scalars(living.with_for_update()).all()
    theirs = select(Callback).where(Callback.callback_id.in_([attempt.callback_id for attempt in dead]))
    session.scalars(theirs.order_by(Callback.callback_id).with_for_update()).all()
    for attempt in dead:
        attempt.state = AttemptState.INTERRUPTED
        attempt.disposition = "interrupted"
        attempt.ended_at = at
    session.flush()
    for attempt in dead:
        audit.append(
            session,
            at=at,
            actor=f"node:{by or node}",
            action="attempt.interrupted",
            subject=attempt.attempt_id,
            content={"node": node, "recording_id": attempt.recording_id},
        )
    return list(dead)


def interrupted_recordings(session: Session, node: str) -> Sequence[Attempt]:
    """Attempts of ``node`` that others closed and whose recording is still said to be written."""
    wanted = (
        select(Attempt)
        .join(Recording, Recording.recording_id == Attempt.recording_id)
        .where(Attempt.node == node, Attempt.state == AttemptState.INTERRUPTED)
        .where(Recording.state == RecordingState.WRITING, Attempt.answered_at.is_(None))
    )
    return session.scalars(wanted).all()


def release_claims(session: Session, node: str) -> None:
    """Let others look at what ``node`` had claimed; a callback that somebody holds at this moment is his to release."""
    held = select(Callback).where(Callback.claimed_by == node).with_for_update(skip_locked=True)
    for callback in session.scalars(held):
        callback.claimed_by = callback.claimed_until = None
    session.flush()


def _keep_facts(attempt: Attempt, call: Call) -> None:
    ending = call.ending
    attempt.dialed_at = call.dialed_at
    attempt.answered_at = call.answered_at
    attempt.sip_call_id = call.sip_call_id
    attempt.provisionals = [_provisional(item) for item in call.provisionals]
    attempt.media = asdict(call.stats) if call.stats else None
    if ending is not None:
        attempt.ended_at = ending.at
        attempt.ended_by = ending.by.value
        attempt.sip_status = ending.status
        attempt.sip_phrase = ending.phrase
        attempt.sip_reasons = list(ending.reasons)
        attempt.cause = ending.cause or None
        attempt.retry_after_s = ending.retry_after_s


def _provisional(item: Provisional) -> dict[str, Any]:
    return {"status": item.status, "phrase": item.phrase, "at": item.at.isoformat(), "media": item.media}
