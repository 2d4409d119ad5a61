"""Everything that explains one client's call-backs: why called, by whom, until when, under which rule; and why not.

The rule of this module: it gathers and never decides. The gate is asked, the planner's rows are read, and where both
are silent the planner's rules say why (``web.clients.standing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from core.calendars import Calendars
from core.clock import china
from core.errors import CalendarUnknown
from dialer.gate import Verdict, judge
from dialer.planning.lookup import client_facts, explain, gate_input, next_chance
from dialer.planning.sampling import MemberState
from dialer.programmes.facts import BadPreference
from dialer.programmes.model import Pack
from dialer.programmes.windows import Interval, times_of, windows_on
from dialer.tables import (
    Callback,
    CallbackState,
    Client,
    Duty,
    Escalation,
    Event,
    Item,
    Sample,
    SampleMember,
    Skip,
    Staff,
)
from web.access import GRANTS, Permission
from web.auth.account import Account
from web.board.coverage import Share, coverage
from web.calls.queries import visible_to
from web.clients.standing import Known, Standing, newest, standings
from web.programmes import PackRead

Row = TypeVar("Row")
SHOWN = 50  # closed call-backs and events shown; a client of ten years has more


@dataclass(frozen=True, slots=True)
class Owed:
    """An open call-back.

    ``next_at`` is when it is tried next: the first instant at which nothing of the clock speaks against it
    (``first_chance``), or the planned one when there is none before the deadline. ``windows`` are those of that day,
    ``then`` is what the gate would say at that instant; None while the call-back does not wait, or when it is now.
    """

    callback: Callback
    next_at: datetime
    first_chance: datetime | None
    windows: tuple[Interval, ...]
    then: Verdict | None


@dataclass(frozen=True, slots=True)
class Place:
    """The client's place in one sample: how many wait before him, and how far each of his quotas is."""

    sample: Sample
    member: SampleMember
    before: int
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the page of one client shows; ``verdict`` is the gate's answer at ``at``."""

    at: datetime
    client: Client
    introducer: Staff | None
    owed: Sequence[Owed]
    done: Sequence[Callback]
    skips: Sequence[Skip]
    places: Sequence[Place]
    standings: Sequence[Standing]
    duties: Sequence[Duty]
    escalations: Sequence[Escalation]
    events: Sequence[Event]
    verdict: Verdict
    read: PackRead


def explanation(
    session: Session, client_id: str, account: Account, *, at: datetime, read: PackRead, calendars: Calendars
) -> Explanation | None:
    """The explanation as ``account`` may see it; None when there is no such client for it."""
    client = session.get(Client, client_id)
    if client is None or not may_see(session, client_id, account):
        return None
    callbacks = _callbacks(session, client_id)
    known = _known(session, client_id, china(at).date())
    return Explanation(
        at=at,
        client=client,
        introducer=session.get(Staff, client.introducer_id) if client.introducer_id else None,
        owed=[_owed(session, one, read.pack, calendars, at) for one in callbacks if one.state != CallbackState.CLOSED],
        done=[one for one in reversed(callbacks) if one.state == CallbackState.CLOSED][:SHOWN],
        skips=known.skips,
        places=_places(session, known),
        standings=_standings(session, client_id, read.pack, known, calendars=calendars, day=china(at).date()),
        duties=_some(session, select(Duty).where(Duty.client_id == client_id).order_by(Duty.created_at.desc())),
        escalations=_some(
            session, select(Escalation).where(Escalation.client_id == client_id).order_by(Escalation.due_on.desc())
        ),
        events=_some(session, select(Event).where(Event.client_id == client_id).order_by(Event.occurred_at.desc())),
        verdict=explain(session, client_id, at=at, pack=read.pack, calendars=calendars),
        read=read,
    )


def may_see(session: Session, client_id: str, account: Account) -> bool:
    """Whether ``account`` may see what is known about that client: everybody, or those whose calls it took."""
    mine = select(Callback.callback_id).where(Callback.client_id == client_id, visible_to(account)).limit(1)
    return Permission.READ_DAY in GRANTS[account.role] or session.scalar(mine) is not None


def _callbacks(session: Session, client_id: str) -> Sequence[Callback]:
    wanted = select(Callback).where(Callback.client_id == client_id).order_by(Callback.due_at, Callback.callback_id)
    return session.scalars(wanted.options(selectinload(Callback.items), selectinload(Callback.attempts))).all()


def _known(session: Session, client_id: str, day: date) -> Known:
    items = select(Item).join(Callback, Callback.callback_id == Item.callback_id)
    members = select(SampleMember, Sample).join(Sample, Sample.sample_id == SampleMember.sample_id)
    return Known(
        items=session.scalars(items.where(Callback.client_id == client_id).order_by(Item.planned_on)).all(),
        skips=session.scalars(select(Skip).where(Skip.client_id == client_id).order_by(Skip.plan_id)).all(),
        members=[
            (member, sample)
            for member, sample in session.execute(
                members.where(SampleMember.client_id == client_id).order_by(Sample.first, Sample.sample_id)
            )
        ],
        samples=newest(session.scalars(select(Sample).where(Sample.first <= day, Sample.last >= day))),
    )


def _owed(session: Session, callback: Callback, pack: Pack | None, calendars: Calendars, at: datetime) -> Owed:
    waits = callback.state == CallbackState.PLANNED
    asked = gate_input(session, callback, now=at, pack=pack, calendars=calendars, node=None)
    chance = next_chance(asked) if waits else None
    next_at = chance or max(at, callback.next_attempt_at)
    return Owed(
        callback=callback,
        next_at=next_at,
        first_chance=chance,
        windows=_windows(callback, pack, calendars, next_at),
        then=judge(replace(asked, now=next_at)) if waits and next_at > at else None,
    )


def _windows(callback: Callback, pack: Pack | None, calendars: Calendars, on: datetime) -> tuple[Interval, ...]:
    """The client's windows on the day of ``on``; none when they cannot be known."""
    if pack is None or pack.windows is None:
        return ()
    day, agreed = china(on).date(), callback.appointment_at is not None
    try:
        times = times_of(pack.windows, client_facts(callback.client), day, appointment=agreed)
        return windows_on(times, day, calendars)
    except (BadPreference, CalendarUnknown):
        return ()


def _places(session: Session, known: Known) -> list[Place]:
    covered = {one.sample.sample_id: one for one in coverage(session, [sample for _, sample in known.members])}
    return [
        Place(sample, member, _before(session, member), _mine(covered[sample.sample_id].shares, member))
        for member, sample in reversed(known.members)
    ]


def _mine(shares: Sequence[Share], member: SampleMember) -> list[Share]:
    return [share for share in shares if member.strata >> share.number & 1]


def _before(session: Session, member: SampleMember) -> int:
    """How many members of the same quotas wait before this one."""
    waiting = select(func.count()).where(
        SampleMember.sample_id == member.sample_id,
        SampleMember.position < member.position,
        SampleMember.state == MemberState.WAITING,
        SampleMember.strata.bitwise_and(member.strata) != 0,
    )
    return session.scalar(waiting) or 0


def _standings(
    session: Session, client_id: str, pack: Pack | None, known: Known, *, calendars: Calendars, day: date
) -> list[Standing]:
    if pack is None:
        return []
    try:
        return standings(session, client_id, pack, known, calendars=calendars, day=day)
    except CalendarUnknown:
        return []  # the gate's verdict says so


def _some(session: Session, wanted: Select[tuple[Row]]) -> Sequence[Row]:
    return session.scalars(wanted.limit(SHOWN)).all()
