"""The gate's questions to the database: the client, the callback, what was tried before, and who wants to call.

The rule of this module: it reads and never decides; every answer is a value that ``dialer.gate`` judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from core.calendars import Calendars
from core.clock import CHINA, china
from core.errors import CalendarUnknown, HuifangError
from dialer.calling.numbers import dialable, next_number
from dialer.gate import (
    CallbackFacts,
    GateInput,
    NodeFacts,
    Verdict,
    cap_begins,
    cap_free_on,
    earliest,
    interval_free_at,
    judge,
)
from dialer.programmes.errors import OpenValue
from dialer.programmes.facts import BadPreference, ClientFacts, ItemState, PastAttempt, StaffFacts
from dialer.programmes.model import ContactRules, Pack, Trigger
from dialer.programmes.windows import first_moment, times_of
from dialer.tables import LIVING, Agent, AgentState, Attempt, Callback, CallbackState, Client, Event, Item, Staff


class UnknownClient(HuifangError):
    """Check the client id, or import the client first."""


class UnknownStaff(HuifangError):
    """Check the staff id, or import the member of staff first."""


def client_facts(client: Client) -> ClientFacts:
    """A client's row as the rules see him."""
    return ClientFacts(
        client_id=client.client_id,
        kind=client.kind,
        phones=tuple(client.phones),
        branch=client.branch,
        opened_on=client.opened_on,
        status=client.status,
        introducer_id=client.introducer_id,
        developed_by=client.developed_by,
        asset_total=client.asset_total,
        asset_avg_daily=client.asset_avg_daily,
        volume_month_avg=client.volume_month_avg,
        commission_year=client.commission_year,
        pnl_rate_6m=client.pnl_rate_6m,
        turnover=client.turnover,
        last_trade_on=client.last_trade_on,
        tags=tuple(client.tags),
        prefers=client.prefers,
        phone_opt_out=client.phone_opt_out,
        language=client.language,
    )


def gate_input(
    session: Session,
    callback: Callback,
    *,
    now: datetime,
    pack: Pack | None,
    calendars: Calendars,
    node: NodeFacts | None,
    caller: StaffFacts | None = None,
    flow_approved: bool = True,
    needs_agent: bool = False,
) -> GateInput:
    """What the gate asks about ``callback`` at ``now``, with the number to dial next (``calling.numbers``).

    ``caller`` is the member of staff who wants to call, None the dialer. ``flow_approved`` and ``needs_agent`` are what
    the caller knows about the script; before it is made ready nothing is known against it.
    """
    client = client_facts(callback.client)
    attempts, in_a_call = _attempts(session, client.client_id, now)
    phone = next_number(client.phones, [past for past in attempts if past.callback_id == callback.callback_id])
    return GateInput(
        now=now,
        client=client,
        phone=phone,
        callback=_callback_facts(callback, flow_approved=flow_approved, needs_agent=needs_agent),
        attempts=attempts,
        pack=pack,
        calendars=calendars,
        node=node,
        caller=caller,
        elsewhere=_elsewhere(session, client.client_id, phone, pack, now),
        in_a_call=in_a_call,
    )


def explain(
    session: Session,
    client_id: str,
    *,
    at: datetime,
    pack: Pack | None,
    calendars: Calendars,
    caller: str | None = None,
) -> Verdict:
    """Would the gate let a call to this client leave at ``at``? The machine's side is left out.

    Asks about the client's most urgent open callback. ``caller`` is the id of the member of staff who would call by
    hand, None the dialer. UnknownClient or UnknownStaff when nobody has that id.
    """
    client = session.get(Client, client_id)
    if client is None:
        raise UnknownClient(f"there is no client {client_id!r}; check the id, or `huifang import clients FILE.csv`")
    staff = None if caller is None else staff_facts(session, caller)
    callback = session.scalars(
        select(Callback)
        .where(Callback.client_id == client_id, Callback.state != CallbackState.CLOSED)
        .order_by(Callback.priority, Callback.callback_id)
        .limit(1)
    ).first()
    if callback is not None:
        return judge(gate_input(session, callback, now=at, pack=pack, calendars=calendars, node=None, caller=staff))
    facts = client_facts(client)
    phone = next((phone for phone in facts.phones if dialable(phone)), None)
    attempts, in_a_call = _attempts(session, client_id, at)
    elsewhere = _elsewhere(session, client_id, phone, pack, at)
    return judge(GateInput(at, facts, phone, None, attempts, pack, calendars, None, staff, elsewhere, in_a_call))


def staff_facts(session: Session, staff_id: str) -> StaffFacts:
    """A member of staff as the rules see him; UnknownStaff when nobody has that id."""
    staff = session.get(Staff, staff_id)
    if staff is None:
        raise UnknownStaff(f"no member of staff {staff_id!r}; check the id, or `huifang import staff FILE.csv`")
    return StaffFacts(staff.staff_id, staff.branch, staff.series, staff.left_on)


def agents_free(session: Session) -> int:
    """How many agents are free at this moment, whomever they may serve."""
    return session.scalar(select(func.count()).select_from(Agent).where(Agent.state == AgentState.FREE)) or 0


def next_chance(asked: GateInput) -> datetime | None:
    """The first instant at which no reason of time would stand against this call; None when there is none.

    Looks at not-before, appointment, interval, caps and windows up to the deadline. Other reasons (opt-out, recorder)
    have no time.
    """
    if asked.pack is None or asked.callback is None:
        return None
    try:
        return _next_chance(asked, asked.callback, asked.pack.runnable())
    except (OpenValue, BadPreference, CalendarUnknown):
        return None


def _next_chance(asked: GateInput, callback: CallbackFacts, rules: ContactRules) -> datetime | None:
    free = [cap_free_on(cap, asked) for cap in rules.caps]
    rested = interval_free_at(asked, rules.interval) or asked.now
    after = max(asked.now, earliest(callback, rules), rested, *free)
    times = times_of(rules.windows, asked.client, china(after).date(), appointment=callback.appointment_at is not None)
    found = first_moment(times, asked.calendars, after=after, until=callback.due_on)
    return None if found is None or (callback.due_at is not None and found >= callback.due_at) else found


def marketer(session: Session, client: Client) -> str | None:
    """The name of the member of staff who developed the client (C-23, D-02 c), for the call only; None if unknown."""
    if client.introducer_id is None or client.developed_by not in ("marketing", "broker"):
        return None
    return session.scalars(select(Staff.name).where(Staff.staff_id == client.introducer_id)).first()


def event_data(session: Session, callback: Callback) -> dict[str, object]:
    """What the events brought that the open items of the callback go back to, later ones over earlier ones.

    An item that goes back to somebody's leaving brings his name (C-136).
    """
    owed = [item.trigger.partition(":")[::2] for item in callback.items if item.state == ItemState.OPEN]
    events = [name for kind, name in owed if kind != Trigger.DEPARTURE]
    found = select(Event.data).where(Event.event_id.in_(events)).order_by(Event.occurred_at, Event.event_id)
    brought = {name: value for data in session.scalars(found) for name, value in data.items()}
    leavers = [name for kind, name in owed if kind == Trigger.DEPARTURE]
    left = session.scalars(select(Staff.name).where(Staff.staff_id.in_(leavers))).first() if leavers else None
    return brought | ({"staff_member": left} if left else {})


def _callback_facts(callback: Callback, *, flow_approved: bool, needs_agent: bool) -> CallbackFacts:
    """``programmes`` are those still owed; when every item was cancelled or done, nothing is."""
    owed = frozenset(item.programme for item in callback.items if item.state == ItemState.OPEN)
    return CallbackFacts(
        callback_id=callback.callback_id,
        open=callback.state == CallbackState.PLANNED and (bool(owed) or not callback.items),
        due_on=callback.due_on,
        not_before=callback.next_attempt_at,
        programmes=owed,
        executor=callback.executor,
        due_at=callback.due_at,
        appointment_at=callback.appointment_at,
        provisional=callback.provisional,
        flow_approved=flow_approved,
        needs_agent=needs_agent,
        mode=callback.mode,
    )


def _attempts(session: Session, client_id: str, now: datetime) -> tuple[tuple[PastAttempt, ...], bool]:
    """The client's attempts since the start of last year, and whether one of them is on the line.

    No cap looks further back, no callback lives longer.
    """
    since = datetime(china(now).year - 1, 1, 1, tzinfo=CHINA)
    made = session.scalars(_made(since).where(Attempt.client_id == client_id)).all()
    # Another node's clock may be ahead of ours: its call is on the line although it begins later.
    on_the_line = any(attempt.state in LIVING for attempt in made)
    return tuple(_past_attempt(attempt) for attempt in made if attempt.started_at <= now), on_the_line


def _elsewhere(
    session: Session, client_id: str, phone: str | None, pack: Pack | None, now: datetime
) -> tuple[PastAttempt, ...]:
    """Attempts to ``phone`` for other clients, as far back as the pack's caps by number look."""
    caps: Sequence[datetime] = [
        cap_begins(cap, now) for cap in (pack.contact.caps if pack and pack.contact else ()) if cap.by_number
    ]
    if phone is None or not caps:
        return ()
    elsewhere = _made(min(caps)).where(Attempt.phone == phone, Attempt.client_id != client_id)
    return _past(session, elsewhere.where(Attempt.started_at <= now))


def _made(since: datetime) -> Select[tuple[Attempt]]:
    wanted = select(Attempt).where(Attempt.started_at >= since)
    return wanted.options(joinedload(Attempt.callback).selectinload(Callback.items))


def _past(session: Session, wanted: Select[tuple[Attempt]]) -> tuple[PastAttempt, ...]:
    return tuple(_past_attempt(attempt) for attempt in session.scalars(wanted))


def _past_attempt(attempt: Attempt) -> PastAttempt:
    return PastAttempt(
        callback_id=attempt.callback_id,
        programmes=_programmes(attempt.callback.items),
        started_at=attempt.started_at,
        disposition=attempt.disposition,
        counts=attempt.counts,
        phone=attempt.phone,
    )


def _programmes(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.programme for item in items)
