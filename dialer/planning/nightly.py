"""The planner's night: close what is past its deadline, plan the day, keep both on record."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.calendars import Calendars
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from dialer.calling import outcomes
from dialer.planning.lookup import all_clients, all_events, history
from dialer.planning.plan import Plan, plan
from dialer.planning.store import PlanSummary, store_plan
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack
from dialer.tables import Callback, CallbackState, Outcome

EXPIRED = "deadline_passed"


def make_plan(db: Database, pack: Pack, calendars: Calendars, day: date, *, seed: str | None = None) -> Plan:
    """The plan for ``day`` from what is imported and what was planned before; writes nothing.

    ``seed`` fixes the order of samples; by default the year, so that every night of a year draws from one order.
    OpenValue when the pack leaves open what planning needs.
    """
    with db.session() as session:
        return plan(
            pack,
            all_clients(session),
            all_events(session, day),
            history(session),
            day=day,
            calendars=calendars,
            seed=seed or f"{day.year}",
        )


def run_nightly_plan(
    db: Database, settings: Settings, clock: Clock, calendars: Calendars, day: date, *, seed: str | None = None
) -> PlanSummary:
    """Plan ``day`` with the pack of ``firm.pack`` and store it; safe to run twice, on two nodes, or after a crash."""
    pack = load_pack(settings.firm.pack)
    pack.runnable()
    now = clock.now()
    expired = close_expired(db, day, now=now)
    return store_plan(db, make_plan(db, pack, calendars, day, seed=seed), now=now, expired=expired)


def close_expired(db: Database, day: date, *, now: datetime) -> int:
    """Close every waiting callback whose deadline lies before ``day``; returns how many.

    A client whom somebody tried to call was unreachable (D-01). Where no attempt reached his phone nothing is known
    about him: the callback is closed without an outcome, which reports show as missed.
    """
    with db.write() as session:
        waiting = select(Callback).where(Callback.state == CallbackState.PLANNED, Callback.due_on < day)
        found = session.scalars(waiting).all()
        for callback in found:
            _expire(session, callback, now)
        return len(found)


def _expire(session: Session, callback: Callback, now: datetime) -> None:
    if any(attempt.counts for attempt in callback.attempts):
        outcomes.close(session, callback, Outcome.UNREACHABLE, reason=EXPIRED, at=now, actor="planner")
        return
    callback.state, callback.closed_at, callback.closed_reason = CallbackState.CLOSED, now, EXPIRED
    session.flush()
    audit.append(session, at=now, actor="planner", action="callback.expired", subject=callback.callback_id)
