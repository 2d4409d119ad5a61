"""The selects behind the lists of the board. A number on the board is counted with the expressions that list its rows.

The rule of this module: every row that can be counted can be listed, and every list has one fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, case, select
from sqlalchemy.orm import InstrumentedAttribute

from core.calendars import Calendars, ProvisionalCalendars, add_working_days
from core.clock import china
from dialer.planning.sampling import MemberState
from dialer.programmes.facts import ItemState
from dialer.tables import Callback, CallbackState, Client, Escalation, Item, SampleMember, Skip
from web.board.wanted import Wanted

Condition = ColumnElement[bool]

FATE: ColumnElement[str] = case(
    (sa.and_(Item.state == ItemState.DONE, Item.closed_on > Item.due_on), "late"),
    (Item.state == ItemState.DONE, "in_time"),
    else_=Item.state,
)
"""A code of ``wanted.FATES``."""

DRAWN: ColumnElement[str] = case(
    (SampleMember.state != MemberState.PLANNED, SampleMember.state),
    (Item.item_id.is_(None), "message"),  # a programme without calls: its message was made
    (Item.state == ItemState.CANCELLED, "out"),
    else_=Item.state,
)
"""A code of ``wanted.DRAWN``; the item is joined by trigger key."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Where the classes of deadline risk end: now, tonight, two and five working days from today."""

    now: datetime
    today: date
    soon: date
    near: date

    @classmethod
    def of(cls, now: datetime, calendars: Calendars) -> Moments:
        """As seen at ``now``; beyond the published holidays plain weekdays count."""
        today, known = china(now).date(), ProvisionalCalendars(calendars)
        return cls(now, today, add_working_days(known, today, 2), add_working_days(known, today, 5))


def risk_of(moments: Moments) -> ColumnElement[str]:
    """A code of ``wanted.RISKS`` for an open call-back."""
    return case(
        (Callback.due_at <= moments.now, "overdue"),
        (Callback.due_on <= moments.today, "today"),
        (Callback.due_on <= moments.soon, "soon"),
        (Callback.due_on <= moments.near, "near"),
        else_="later",
    )


def items(wanted: Wanted) -> Select[tuple[Item]]:
    """Items by deadline."""
    found = select(Item).where(*_between(Item.due_on, wanted))
    if wanted.programme:
        found = found.where(Item.programme == wanted.programme)
    if wanted.fate:
        found = found.where(sa.literal(wanted.fate) == FATE)
    if wanted.branch:
        owner = Client.client_id == Callback.client_id
        mine = sa.exists().where(Callback.callback_id == Item.callback_id, owner, Client.branch == wanted.branch)
        found = found.where(mine)
    return found.order_by(Item.due_on, Item.item_id)


def open_callbacks(wanted: Wanted, moments: Moments) -> Select[tuple[Callback]]:
    """Call-backs that are not closed, the most pressing first."""
    found = select(Callback).where(Callback.state != CallbackState.CLOSED)
    if wanted.risk:
        found = found.where(risk_of(moments) == wanted.risk)
    if wanted.branch:
        found = found.where(_of_branch(Callback.client_id, wanted.branch))
    return found.order_by(Callback.due_at, Callback.callback_id)


def escalations(wanted: Wanted) -> Select[tuple[Escalation]]:
    """Deadlines that cannot be met, the earliest first; those that are settled only on request."""
    settled = Escalation.resolved_at.is_not(None) if wanted.settled == "yes" else Escalation.resolved_at.is_(None)
    found = select(Escalation).where(settled)
    for column, value in (
        (Escalation.programme, wanted.programme),
        (Escalation.branch, wanted.branch),
        (Escalation.code, wanted.code),
    ):
        found = found.where(column == value) if value else found
    return found.order_by(Escalation.due_on, Escalation.trigger_key)


def skips(wanted: Wanted) -> Select[tuple[Skip]]:
    """Clients in scope who get no call-back. A period leaves out those whose trigger has no deadline."""
    found = select(Skip).where(*_between(Skip.due_on, wanted))
    for column, value in ((Skip.programme, wanted.programme), (Skip.code, wanted.code)):
        found = found.where(column == value) if value else found
    if wanted.branch:
        found = found.where(_of_branch(Skip.client_id, wanted.branch))
    return found.order_by(Skip.programme, Skip.code, Skip.trigger_key)


def members(wanted: Wanted) -> Select[tuple[SampleMember, str]]:
    """Members of one sample in the seeded order, with where each of them is."""
    found = with_items(select(SampleMember, DRAWN.label("drawn"))).where(SampleMember.sample_id == wanted.sample)
    if wanted.quota:
        found = found.where(SampleMember.strata.bitwise_and(1 << int(wanted.quota)) != 0)
    if wanted.drawn:
        found = found.where(sa.literal(wanted.drawn) == DRAWN)
    if wanted.branch:
        found = found.where(_of_branch(SampleMember.client_id, wanted.branch))
    return found.order_by(SampleMember.position)


def with_items(found: Select[Any]) -> Select[Any]:
    """Members with their items; only the planned ones can have any."""
    mine = sa.and_(SampleMember.state == MemberState.PLANNED, Item.trigger_key == SampleMember.trigger_key)
    return found.outerjoin(Item, mine)


def clients(wanted: Wanted, text: str | None) -> Select[tuple[Client]]:
    """Clients by id; ``text`` is a name, an id, or four digits or more of a number."""
    found = select(Client).order_by(Client.client_id)
    if wanted.branch:
        found = found.where(Client.branch == wanted.branch)
    return found.where(_says(text)) if text else found


def _says(text: str) -> Condition:
    found = sa.or_(Client.name.contains(text, autoescape=True), Client.client_id == text)
    digits = "".join(filter(str.isdigit, text))
    if len(digits) >= 4:
        found = sa.or_(found, sa.cast(Client.phones, sa.String).contains(digits))
    return found


def _of_branch(column: InstrumentedAttribute[str], branch: str) -> Condition:
    return sa.exists().where(Client.client_id == column, Client.branch == branch)


def _between(
    column: InstrumentedAttribute[date] | InstrumentedAttribute[date | None], wanted: Wanted
) -> list[Condition]:
    first, last = wanted.days()
    return ([column >= first] if first else []) + ([column <= last] if last else [])
