"""The selects behind the lists. A number on the overview is counted by the same select that lists its rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from dialer.calling.walked import of_version, through
from dialer.tables import Attempt, Callback, Client, GateRefusal, Handoff, Item, PlanRun
from recordings.tables import Recording
from transcribe.tables import Transcript
from web.access import GRANTS, Permission
from web.auth.account import Account
from web.calls.filters import PAGE_SIZE, Filter, Page

Condition = ColumnElement[bool]


def visible_to(account: Account) -> Condition:
    """Which callbacks an account may see: all of them, or those whose call it took."""
    if Permission.READ_DAY in GRANTS[account.role]:
        return sa.true()
    return (
        exists()
        .where(Attempt.callback_id == Callback.callback_id, Handoff.attempt_id == Attempt.attempt_id)
        .where(Handoff.staff_id == account.staff_id, Handoff.staff_id.is_not(None))
        .where(Handoff.result == "joined")
    )


def attempts(wanted: Filter, text: str | None, account: Account) -> Select[tuple[Attempt]]:
    """Attempts, newest first."""
    conditions = [visible_to(account), *_callback_conditions(wanted, text), *_attempt_conditions(wanted)]
    conditions += _between(Attempt.started_at, wanted)
    joined = select(Attempt).join(Callback, Callback.callback_id == Attempt.callback_id)
    return joined.where(*conditions).order_by(Attempt.started_at.desc(), Attempt.attempt_id.desc())


def callbacks(wanted: Filter, text: str | None, account: Account) -> Select[tuple[Callback]]:
    """Callbacks, by deadline."""
    conditions = [visible_to(account), *_callback_conditions(wanted, text), *_callback_days(wanted)]
    narrowing = _attempt_conditions(wanted)
    if narrowing:
        conditions.append(exists().where(Attempt.callback_id == Callback.callback_id, *narrowing))
    return select(Callback).where(*conditions).order_by(Callback.due_on, Callback.priority, Callback.callback_id)


def refusals(wanted: Filter) -> Select[tuple[GateRefusal]]:
    """Moments at which the gate said no, newest first."""
    first, last = wanted.bounds()
    found = select(GateRefusal).order_by(GateRefusal.last_at.desc(), GateRefusal.refusal_id)
    if first:
        found = found.where(GateRefusal.last_at >= first)
    return found.where(GateRefusal.at < last) if last else found


def count(session: Session, wanted: Select[Any]) -> int:
    """How many rows a select has."""
    return session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0


def attempts_page(session: Session, wanted: Select[tuple[Attempt]], page: Page) -> list[Attempt]:
    """One page of attempts with what a row shows."""
    loaded = wanted.options(
        selectinload(Attempt.callback).selectinload(Callback.client),
        selectinload(Attempt.callback).selectinload(Callback.items),
    )
    return list(session.scalars(loaded.limit(PAGE_SIZE).offset(page.offset)))


def callbacks_page(session: Session, wanted: Select[tuple[Callback]], page: Page) -> list[Callback]:
    """One page of callbacks with what a row shows."""
    loaded = wanted.options(
        selectinload(Callback.client), selectinload(Callback.items), selectinload(Callback.attempts)
    )
    return list(session.scalars(loaded.limit(PAGE_SIZE).offset(page.offset)))


def branches(session: Session) -> list[str]:
    """Every branch that has a callback's client."""
    return list(session.scalars(select(Client.branch).distinct().order_by(Client.branch)))


def programmes(session: Session) -> list[str]:
    """Every programme that was ever planned."""
    return list(session.scalars(select(Item.programme).distinct().order_by(Item.programme)))


def _callback_conditions(wanted: Filter, text: str | None) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.outcome:
        conditions.append(Callback.outcome == wanted.outcome)
    if wanted.state:
        conditions.append(Callback.state == wanted.state)
    if wanted.programme:
        of_programme = exists().where(Item.callback_id == Callback.callback_id, Item.programme == wanted.programme)
        conditions.append(of_programme)
    if wanted.branch:
        conditions.append(_client(Client.branch == wanted.branch))
    if text:
        conditions.append(_client(_says(text)))
    return conditions


def _client(condition: Condition) -> Condition:
    return exists().where(Client.client_id == Callback.client_id, condition)


def _says(text: str) -> Condition:
    """A client by name or number; a telephone number by four digits or more."""
    found = sa.or_(Client.name.contains(text, autoescape=True), Client.client_id == text)
    digits = "".join(filter(str.isdigit, text))
    if len(digits) >= 4:
        found = sa.or_(found, sa.cast(Client.phones, sa.String).contains(digits))
    return found


def _attempt_conditions(wanted: Filter) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.disposition:
        conditions.append(Attempt.disposition == wanted.disposition)
    if wanted.handoff:
        result = Handoff.result.is_not(None) if wanted.handoff == "any" else Handoff.result == wanted.handoff
        conditions.append(exists().where(Handoff.attempt_id == Attempt.attempt_id, result))
    if wanted.recording:
        kept = exists().where(Recording.attempt_id == Attempt.attempt_id, Recording.state == wanted.recording)
        conditions.append(kept)
    if wanted.transcript:
        text = exists().where(Transcript.attempt_id == Attempt.attempt_id, Transcript.state == wanted.transcript)
        conditions.append(text)
    if wanted.flow:
        conditions += of_version(wanted.flow, wanted.version)
    if wanted.flow and wanted.step:
        conditions.append(through(wanted.flow, wanted.step, wanted.lead))
    return conditions


def _callback_days(wanted: Filter) -> list[Condition]:
    if not (wanted.since or wanted.until):
        return []
    if wanted.on == "closed":
        return _between(Callback.closed_at, wanted)
    if wanted.on == "called":
        called = _between(Attempt.started_at, wanted)
        return [exists().where(Attempt.callback_id == Callback.callback_id, *called)]
    days = _days_between(PlanRun.for_date, wanted)
    return [exists().where(PlanRun.plan_id == Callback.plan_id, *days)]


def _between(
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], wanted: Filter
) -> list[Condition]:
    first, last = wanted.bounds()
    return ([column >= first] if first else []) + ([column < last] if last else [])


def _days_between(column: InstrumentedAttribute[date], wanted: Filter) -> list[Condition]:
    first, last = wanted.days()
    return ([column >= first] if first else []) + ([column <= last] if last else [])
