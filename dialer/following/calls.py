"""Second calls: one that confirms what a specialist answered (D-25, C-13), one that makes good a promise (B-24).

The rule of this module: a second call is an ordinary callback with one item, linked to the first by ``confirms``; it
passes the planner's windows, the gate and the pack's ladder like any other, and is made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.calendars import DAY
from core.clock import CHINA, china
from core.errors import HuifangError
from core.ids import new_id
from dialer.calling import whys
from dialer.calling.whys import Why
from dialer.following.plans import Following
from dialer.planning.lookup import client_facts
from dialer.programmes.facts import ItemState
from dialer.programmes.windows import first_moment, times_of
from dialer.tables import Callback, CallbackMode, CallbackState, Item

LOOK_AHEAD = timedelta(days=60)  # a holiday is shorter; beyond it nobody looks for a first window


class PromiseRefused(HuifangError):
    """Nothing was changed: name a time that lies ahead, for a call-back that carries an item."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of second call is called, and why it comes."""

    name: str
    follow_up: str | None
    why: Why


_CONFIRM = _Kind("confirm", None, Why("confirm", "向客户确认处理结果", "to confirm with the client how it was handled"))
_PROMISE = _Kind("promise", "promised_callback", whys.PROMISED)


def confirm(
    session: Session, first: Callback, programme: str, following: Following, *, at: datetime, due_at: datetime | None
) -> Callback | None:
    """The call that confirms ``first``; None when it is there already.

    ``due_at`` None: the source names no time, so the first call's deadline stays the aim as long as it lies ahead.
    """
    return _second_call(session, first, programme, following, _CONFIRM, at=at, earliest=at, due_at=due_at)


def promise(
    session: Session, first: Callback, following: Following, *, agreed: datetime, at: datetime
) -> Callback | None:
    """The call in which a question of the client will be answered, at the time that he was told (B-24).

    None when it is there already. PromiseRefused when the time is over or the callback has no item.
    """
    if agreed <= at or not first.items:
        raise PromiseRefused("the time told to the client must lie ahead; agree another one with him")
    programme = first.items[0].programme
    return _second_call(session, first, programme, following, _PROMISE, at=at, earliest=agreed, due_at=None)


def _second_call(
    session: Session,
    first: Callback,
    programme: str,
    following: Following,
    kind: _Kind,
    *,
    at: datetime,
    earliest: datetime,
    due_at: datetime | None,
) -> Callback | None:
    key = f"{kind.name}:{first.callback_id}"
    if session.scalars(select(Item.item_id).where(Item.trigger_key == key)).first() is not None:
        return None
    original = next(item for item in first.items if item.programme == programme)
    begin = _first_window(first, following, earliest, appointment=kind is _PROMISE)
    ends = _ends(first, begin, due_at)
    call = _callback(first, original, following, kind, at=at, begin=begin, ends=ends)
    if kind is _PROMISE:
        call.appointment_at = earliest
    session.add(call)
    session.flush()
    session.add(_item(call, original, kind, key, at))
    session.flush()
    content = {"confirms": first.callback_id, "kind": kind.name, "next_attempt_at": begin.isoformat()}
    audit.append(session, at=at, actor="dialer", action="callback.made", subject=call.callback_id, content=content)
    return call


def _first_window(first: Callback, following: Following, earliest: datetime, *, appointment: bool) -> datetime:
    """The first permitted instant from ``earliest`` on; ``earliest`` when none is in sight (the gate decides)."""
    rules = following.pack.runnable()
    day = china(earliest).date()
    times = times_of(rules.windows, client_facts(first.client), day, appointment=appointment)
    return first_moment(times, following.calendars, after=earliest, until=day + LOOK_AHEAD) or earliest


def _ends(first: Callback, begin: datetime, due_at: datetime | None) -> datetime:
    """By when: as the pack says, else the first call's deadline, but never before the first day it can be made."""
    end_of_day = datetime.combine(china(begin).date() + DAY, time(0), CHINA)
    return max(due_at or first.due_at, end_of_day)


def _callback(
    first: Callback, item: Item, following: Following, kind: _Kind, *, at: datetime, begin: datetime, ends: datetime
) -> Callback:
    programme = following.pack.programmes.get(item.programme)
    by_hand = programme is not None and not programme.automatic
    return Callback(
        callback_id=new_id(at),
        plan_id=first.plan_id,
        client_id=first.client_id,
        pack=first.pack,
        flow=item.flow,
        language=first.language,
        executor=first.executor,
        priority=first.priority,
        reason=kind.why.text,
        due_on=_last_day(ends),
        due_at=ends,
        provisional=False,
        state=CallbackState.PLANNED,
        mode=CallbackMode.MANUAL if by_hand else CallbackMode.AUTOMATIC,
        next_attempt_at=begin,
        next_why=kind.why.as_json(),
        follow_up=kind.follow_up,
        confirms=first.callback_id,
        created_at=at,
    )


def _last_day(ends: datetime) -> date:
    return china(ends - timedelta(microseconds=1)).date()


def _item(call: Callback, original: Item, kind: _Kind, key: str, at: datetime) -> Item:
    return Item(
        item_id=new_id(at),
        callback_id=call.callback_id,
        pack=original.pack,
        programme=original.programme,
        rule_ids=list(original.rule_ids),
        trigger=kind.name,
        trigger_key=key,
        due_on=call.due_on,
        due_at=call.due_at,
        deadline_unit=original.deadline_unit,
        flow=original.flow,
        state=ItemState.OPEN,
        planned_on=china(at).date(),
        provisional=False,
        ground="",
    )
