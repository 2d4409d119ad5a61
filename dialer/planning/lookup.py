"""Reads from the database what the pure rules ask for: clients, events, the past, and the gate's questions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.calendars import Calendars
from core.clock import CHINA, china
from core.errors import CalendarUnknown, HuifangError
from dialer.gate import CallbackFacts, GateInput, NodeFacts, Verdict, cap_free_on, dialable, judge
from dialer.programmes.errors import OpenValue
from dialer.programmes.facts import (
    BadPreference,
    ClientFacts,
    EventFacts,
    History,
    OpenCallback,
    PastAttempt,
    PastItem,
    Preference,
)
from dialer.programmes.model import Pack
from dialer.programmes.windows import first_moment
from dialer.tables import Attempt, Callback, CallbackState, Client, Event, Item, Outcome, PlanRun, Staff

CHUNK = 5000
NOT_COVERED = frozenset({Outcome.UNREACHABLE, None})
"""Outcomes of a closed callback that did not reach the client: such an item does not count towards a quota."""


class UnknownClient(HuifangError):
    """Check the client id, or import the client first."""


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


def all_clients(session: Session) -> Iterator[ClientFacts]:
    """Every client, read in chunks."""
    for client in session.scalars(select(Client).execution_options(yield_per=CHUNK)):
        yield client_facts(client)


def all_events(session: Session, until: date) -> Iterator[EventFacts]:
    """Every event up to the end of the Chinese day ``until``."""
    midnight = datetime.combine(until + timedelta(days=1), time(0), CHINA)
    columns = select(Event.event_id, Event.client_id, Event.type, Event.occurred_at)
    for row in session.execute(columns.where(Event.occurred_at < midnight).execution_options(yield_per=CHUNK)):
        yield EventFacts(row.event_id, row.client_id, row.type, china(row.occurred_at).date())


def history(session: Session) -> History:
    """Everything planned before, and the callbacks that still wait."""
    items = select(
        Item.trigger_key, Item.programme, Callback.client_id, Callback.state, Callback.outcome, PlanRun.for_date
    )
    rows = session.execute(items.join(Callback, Item.callback_id == Callback.callback_id).join(PlanRun))
    waiting = select(Callback.callback_id, Callback.client_id).where(Callback.state == CallbackState.PLANNED)
    return History(
        items=tuple(
            PastItem(
                row.trigger_key,
                row.client_id,
                row.programme,
                row.for_date,
                missed=row.state == CallbackState.CLOSED and row.outcome in NOT_COVERED,
            )
            for row in rows
        ),
        open_callbacks=tuple(OpenCallback(row.callback_id, row.client_id) for row in session.execute(waiting)),
    )


def gate_input(
    session: Session,
    callback: Callback,
    *,
    now: datetime,
    pack: Pack | None,
    calendars: Calendars,
    node: NodeFacts | None,
    phone: str | None = None,
    without: str | None = None,
) -> GateInput:
    """What the gate asks about ``callback`` at ``now``.

    ``phone`` is the number to be dialed, by default the client's first; ``without`` is an attempt id that is left out
    of the count (the one that is being made).
    """
    client = client_facts(callback.client)
    first = client.phones[0] if client.phones else None
    attempts = _attempts(session, client.client_id, now, without)
    return GateInput(now, client, phone or first, _callback_facts(callback), attempts, pack, calendars, node)


def explain(session: Session, client_id: str, *, at: datetime, pack: Pack | None, calendars: Calendars) -> Verdict:
    """Would the gate let a call to this client leave at ``at``? The machine's side is left out.

    Asks about the client's most urgent open callback. UnknownClient when nobody has that id.
    """
    client = session.get(Client, client_id)
    if client is None:
        raise UnknownClient(f"there is no client {client_id!r}; check the id, or `huifang import clients FILE.csv`")
    callback = session.scalars(
        select(Callback)
        .where(Callback.client_id == client_id, Callback.state != CallbackState.CLOSED)
        .order_by(Callback.priority, Callback.callback_id)
        .limit(1)
    ).first()
    if callback is not None:
        return judge(gate_input(session, callback, now=at, pack=pack, calendars=calendars, node=None))
    facts = client_facts(client)
    phone = next((phone for phone in facts.phones if dialable(phone)), None)
    return judge(GateInput(at, facts, phone, None, _attempts(session, client_id, at, None), pack, calendars, None))


def next_chance(asked: GateInput) -> datetime | None:
    """The first instant at which no reason of time would stand against this call; None when there is none.

    Looks at not-before, interval, caps and windows up to the deadline. Other reasons (opt-out, recorder) have no time.
    """
    if asked.pack is None or asked.callback is None:
        return None
    try:
        rules = asked.pack.runnable()
        wish = Preference.of(asked.client.prefers)
        last = max((past.started_at for past in asked.attempts if past.counts), default=None)
        after = max(asked.now, asked.callback.not_before, last + rules.interval if last else asked.now)
        after = max([after, *(cap_free_on(cap, asked) for cap in rules.caps)])
        return first_moment(rules.windows, wish, asked.calendars, after=after, until=asked.callback.due_on)
    except (OpenValue, BadPreference, CalendarUnknown):
        return None


def marketer(session: Session, client: Client) -> str | None:
    """The name of the member of staff who developed the client (C-23, D-02 c), for the call only; None if unknown."""
    if client.introducer_id is None or client.developed_by not in ("marketing", "broker"):
        return None
    return session.scalars(select(Staff.name).where(Staff.staff_id == client.introducer_id)).first()


def _callback_facts(callback: Callback) -> CallbackFacts:
    return CallbackFacts(
        callback_id=callback.callback_id,
        open=callback.state == CallbackState.PLANNED,
        due_on=callback.due_on,
        not_before=callback.next_attempt_at,
        programmes=frozenset(item.programme for item in callback.items),
    )


def _attempts(session: Session, client_id: str, now: datetime, without: str | None) -> tuple[PastAttempt, ...]:
    """The client's attempts since the start of last year: no cap looks further back, no callback lives longer."""
    since = datetime(china(now).year - 1, 1, 1, tzinfo=CHINA)
    wanted = (
        select(Attempt)
        .where(Attempt.client_id == client_id, Attempt.started_at >= since, Attempt.started_at <= now)
        .options(joinedload(Attempt.callback).selectinload(Callback.items))
    )
    return tuple(_past(attempt) for attempt in session.scalars(wanted) if attempt.attempt_id != without)


def _past(attempt: Attempt) -> PastAttempt:
    programmes = frozenset(item.programme for item in attempt.callback.items)
    return PastAttempt(attempt.callback_id, programmes, attempt.started_at, attempt.disposition, attempt.counts)
