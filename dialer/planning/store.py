"""Writes a plan into the database: once, whatever happens; every run leaves a row that explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit
from core.db import Base, Database
from core.ids import new_id
from dialer.calling import outcomes
from dialer.planning.plan import MISSED, Plan, PlannedCallback, PlannedItem, PlannedNotice, Skipped
from dialer.planning.sampling import Draw, Member
from dialer.planning.stored import MANY, Kept
from dialer.programmes.facts import ItemState
from dialer.tables import (
    Callback,
    CallbackMode,
    CallbackState,
    Client,
    Duty,
    DutyState,
    Escalation,
    Item,
    PlanRun,
    Sample,
    SampleMember,
    Skip,
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a plan was made from: kept with the run, so that the next one knows what has changed since.

    ``periodic`` are the programmes owed per period, whose skips stay until their turn comes again; ``kept`` the members
    of samples as they were read; ``key_digest`` names the secret of the samples without telling it.
    """

    at: datetime
    key_digest: str = ""
    pack_digest: str = ""
    calendar_digest: str = ""
    seconds: float = 0.0
    expired: int = 0
    periodic: frozenset[str] = frozenset()
    kept: Mapping[str, Sequence[Kept]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What one run did: new callbacks, callbacks that items were added to, items, and who was skipped by reason."""

    plan_id: str
    day: date
    mode: str
    callbacks: int
    joined: int
    items: int
    skipped: Mapping[str, int]
    notices: int = 0
    cancelled: int = 0
    expired: int = 0
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def store_plan(db: Database, plan: Plan, by: Circumstances) -> PlanSummary:
    """Write ``plan`` in one transaction.

    An item whose trigger key is already there is left out, so that storing twice, or two nodes at once, plan nothing
    twice; one that rested on provisional dates gets its new ones. Items that join a callback which is no longer
    waiting are left for the next night.
    """
    try:
        with db.write() as session:
            return _Writing(session, plan, by).run()
    except IntegrityError:
        # PostgreSQL lets two nodes look at the same moment; the slower one now finds the keys of the faster.
        with db.write() as session:
            return _Writing(session, plan, by).run()


class _Writing:
    """One plan on its way into the database."""

    def __init__(self, session: Session, plan: Plan, by: Circumstances) -> None:
        self._session = session
        self._plan = plan
        self._by = by
        self._items: list[dict[str, Any]] = []
        self._callbacks: list[dict[str, Any]] = []

    def run(self) -> PlanSummary:
        plan, session = self._plan, self._session
        run = PlanRun(
            plan_id=new_id(self._by.at),
            at=self._by.at,
            for_date=plan.day,
            pack=plan.pack,
            seed=self._by.key_digest,
            counts={},
        )
        session.add(run)
        session.flush()
        known = self._known()
        done = [self._callback(run.plan_id, planned, known) for planned in plan.callbacks]
        _insert(session, Callback, self._callbacks)
        _insert(session, Item, self._items)
        summary = PlanSummary(
            plan_id=run.plan_id,
            day=plan.day,
            mode="full" if plan.looked_at is None else "incremental",
            callbacks=len(self._callbacks),
            joined=sum(
                bool(items) and planned.joins is not None for items, planned in zip(done, plan.callbacks, strict=True)
            ),
            items=len(self._items),
            skipped=dict(sorted(Counter(left.code for left in plan.skipped).items())),
            notices=self._notices(plan.notices),
            cancelled=self._cancel(),
            expired=self._by.expired,
            refused={one.programme: one.open_values for one in plan.refused},
        )
        self._skips(run.plan_id)
        for draw in plan.draws:
            self._sample(draw)
        self._escalate()
        self._explain(run, summary)
        return summary

    # --- call-backs and items ----------------------------------------------------------------------------------------

    def _known(self) -> dict[str, bool]:
        """The trigger keys of the plan that are there already; whether they rest on provisional dates."""
        keys = [item.trigger_key for callback in self._plan.callbacks for item in callback.items]
        known: dict[str, bool] = {}
        for some in _batches(keys):
            rows = select(Item.trigger_key, Item.provisional).where(Item.trigger_key.in_(some))
            known.update((key, provisional) for key, provisional in self._session.execute(rows))
        return known

    def _callback(self, plan_id: str, planned: PlannedCallback, known: dict[str, bool]) -> int:
        """How many items of this contact were written."""
        for item in planned.items:
            if known.get(item.trigger_key):
                self._replan(planned, item)
        fresh = [item for item in planned.items if item.trigger_key not in known]
        if not fresh:
            return 0
        if planned.joins is None:
            callback_id = self._new(plan_id, planned)
        else:
            waiting = self._session.get_one(Callback, planned.joins)
            if waiting.state != CallbackState.PLANNED:
                return 0
            callback_id = _joined(waiting, planned, fresh).callback_id
        self._items += [self._item(item, callback_id) for item in fresh]
        known.update((item.trigger_key, False) for item in fresh)
        return len(fresh)

    def _new(self, plan_id: str, planned: PlannedCallback) -> str:
        callback_id = new_id(self._by.at)
        self._callbacks.append(
            {
                "callback_id": callback_id,
                "plan_id": plan_id,
                "client_id": planned.client_id,
                "pack": self._plan.pack,
                "flow": planned.flow,
                "language": planned.language,
                "executor": planned.executor,
                "mode": CallbackMode.AUTOMATIC if planned.automatic else CallbackMode.MANUAL,
                "priority": planned.priority,
                "reason": planned.reason,
                "due_on": planned.due_on,
                "due_at": planned.due_at,
                "state": CallbackState.PLANNED,
                "next_attempt_at": planned.next_attempt_at,
                "provisional": planned.provisional,
                "created_at": self._by.at,
            }
        )
        return callback_id

    def _item(self, item: PlannedItem, callback_id: str) -> dict[str, Any]:
        return {
            "item_id": new_id(self._by.at),
            "callback_id": callback_id,
            "pack": item.pack,
            "programme": item.programme,
            "rule_ids": list(item.rule_ids),
            "trigger": item.trigger,
            "trigger_key": item.trigger_key,
            "due_on": item.due_on,
            "due_at": item.due_at,
            "deadline_unit": item.deadline_unit,
            "flow": item.flow,
            "state": ItemState.OPEN,
            "planned_on": self._plan.day,
            "provisional": item.provisional,
            "ground": item.ground,
        }

    def _replan(self, planned: PlannedCallback, item: PlannedItem) -> None:
        """New dates for an item whose dates were provisional, and for its callback when it still waits."""
        row = self._session.scalars(select(Item).where(Item.trigger_key == item.trigger_key)).one()
        row.due_on, row.due_at, row.provisional = item.due_on, item.due_at, item.provisional
        callback = row.callback
        if callback.state == CallbackState.PLANNED:
            callback.due_on = min(one.due_on for one in callback.items)
            callback.due_at = min(one.due_at for one in callback.items)
            callback.provisional = planned.provisional
            callback.next_attempt_at, callback.priority = planned.next_attempt_at, planned.priority

    def _cancel(self) -> int:
        keys = {one.trigger_key: one.reason for one in self._plan.cancelled}
        for some in _batches(list(keys)):
            rows = select(Item).where(Item.trigger_key.in_(some), Item.state == ItemState.OPEN)
            for item in self._session.scalars(rows).all():
                outcomes.cancel(self._session, [item], reason=keys[item.trigger_key], at=self._by.at, actor="planner")
        return len(keys)

    # --- messages, skips, samples ------------------------------------------------------------------------------------

    def _notices(self, notices: Iterable[PlannedNotice]) -> int:
        """Each message is owed once."""
        planned = {notice.key: notice for notice in notices}
        for some in _batches(list(planned)):
            for key in self._session.scalars(select(Duty.key).where(Duty.key.in_(some))):
                del planned[key]
        _insert(self._session, Duty, [self._duty(notice) for notice in planned.values()])
        return len(planned)

    def _duty(self, notice: PlannedNotice) -> dict[str, Any]:
        return {
            "duty_id": new_id(self._by.at),
            "key": notice.key,
            "kind": "message",
            "client_id": notice.client_id,
            "programme": notice.programme,
            "outcome": "",
            "to": ["client"],
            "contents": list(notice.contents),
            "channel": notice.channels[0] if notice.channels else "",
            "words": "",
            "rule": notice.rule,
            "due_at": notice.due_at,
            "state": DutyState.OPEN,
            "created_at": self._by.at,
            "note": "",
        }

    def _skips(self, plan_id: str) -> None:
        """The newest reason for each trigger. What is planned now is no skip any more."""
        self._forget()
        rows = {left.trigger_key: _skip(left, plan_id) for left in self._plan.skipped}
        for some in _batches([*rows, *(str(item["trigger_key"]) for item in self._items)]):
            self._session.execute(delete(Skip).where(Skip.trigger_key.in_(some)))
        _insert(self._session, Skip, list(rows.values()))

    def _forget(self) -> None:
        """Skips that this run looked at anew: they are written again, unless the client left the scope."""
        of_events = Skip.programme.not_in(self._by.periodic)
        if self._plan.looked_at is None:
            self._session.execute(delete(Skip).where(of_events))
            return
        for some in _batches(sorted(self._plan.looked_at)):
            self._session.execute(delete(Skip).where(of_events, Skip.client_id.in_(some)))

    def _sample(self, draw: Draw) -> None:
        """Keep a sample: its row, new members, and the members of whom something changed."""
        kept = self._by.kept.get(draw.sample_id)
        stored = self._session.get(Sample, draw.sample_id)
        if stored is not None and kept is None:
            return  # another node drew it in the same moment, from the same data and key
        self._session.merge(_sample_row(draw, self._plan.pack))
        self._session.flush()
        before = kept or []
        changed = [
            {"id": draw.sample_id, "place": number, "new_strata": one.strata, "new_state": one.state, "new_on": one.on}
            for number, (one, was) in enumerate(zip(draw.members, before, strict=False))
            if (one.strata, one.state, one.on) != was
        ]
        _update_members(self._session, changed)
        fresh = draw.members[len(before) :]
        _insert(self._session, SampleMember, [_member_row(draw, len(before) + n, one) for n, one in enumerate(fresh)])

    def _escalate(self) -> None:
        """A deadline that cannot be met is somebody's matter from now on; what was planned after all is settled."""
        settled = [str(item["trigger_key"]) for item in self._items]
        for some in _batches(settled):
            raised = update(Escalation).where(Escalation.trigger_key.in_(some), Escalation.resolved_at.is_(None))
            self._session.execute(raised.values(resolved_at=self._by.at))
        missed = {left.trigger_key: left for left in self._plan.skipped if left.code in MISSED and left.due_on}
        for some in _batches(list(missed)):
            for key in self._session.scalars(select(Escalation.trigger_key).where(Escalation.trigger_key.in_(some))):
                del missed[key]
        _insert(self._session, Escalation, [self._escalation(left) for left in missed.values()])
        self._last_days()

    def _last_days(self) -> None:
        """What is still open on its last calling day is somebody's matter; what has ended is settled."""
        ended = select(Item.trigger_key).where(Item.state != ItemState.OPEN)
        raised = update(Escalation).where(Escalation.resolved_at.is_(None), Escalation.trigger_key.in_(ended))
        self._session.execute(raised.values(resolved_at=self._by.at))
        today = int(f"{self._plan.day:%Y%m%d}")
        known = select(Escalation.trigger_key).where(Escalation.trigger_key == Item.trigger_key).exists()
        late = (
            select(
                Item.trigger_key, Item.programme, Item.due_on, Callback.callback_id, Callback.client_id, Client.branch
            )
            .join(Callback, Callback.callback_id == Item.callback_id)
            .join(Client, Client.client_id == Callback.client_id)
            .where(Item.state == ItemState.OPEN, Callback.state != CallbackState.CLOSED)
            .where(Callback.priority <= today, ~known)
        )
        found = [dict(row._mapping) for row in self._session.execute(late)]
        told = {"code": "last_day", "detail": "", "raised_at": self._by.at}
        _insert(self._session, Escalation, [row | told for row in found])

    def _escalation(self, left: Skipped) -> dict[str, Any]:
        return {
            "trigger_key": left.trigger_key,
            "code": left.code,
            "client_id": left.client_id,
            "programme": left.programme,
            "branch": left.branch,
            "due_on": left.due_on,
            "detail": left.detail,
            "raised_at": self._by.at,
        }

    def _explain(self, run: PlanRun, summary: PlanSummary) -> None:
        run.mode, run.seconds = summary.mode, self._by.seconds
        run.pack_digest, run.calendar_digest = self._by.pack_digest, self._by.calendar_digest
        run.refused = [{"programme": key, "open": list(values)} for key, values in summary.refused.items()]
        run.counts = {
            "callbacks": summary.callbacks,
            "joined": summary.joined,
            "items": summary.items,
            "notices": summary.notices,
            "cancelled": summary.cancelled,
            "expired": summary.expired,
            "skipped": dict(summary.skipped),
        }
        self._session.flush()
        seeds = {draw.sample_id: draw.seed for draw in self._plan.draws if draw.drawn_on == self._plan.day}
        content = {"for_date": run.for_date.isoformat(), "pack": run.pack, "counts": run.counts, "samples": seeds}
        audit.append(
            self._session, at=run.at, actor="planner", action="plan.stored", subject=run.plan_id, content=content
        )


def _joined(waiting: Callback, planned: PlannedCallback, fresh: Iterable[PlannedItem]) -> Callback:
    """One matter more in the same call (B-14); the earlier deadline rules."""
    items = list(fresh)
    waiting.due_on = min([waiting.due_on, *(item.due_on for item in items)])
    waiting.due_at = min([waiting.due_at, *(item.due_at for item in items)])
    waiting.priority = min(waiting.priority, planned.priority)
    waiting.provisional = waiting.provisional or planned.provisional
    waiting.reason = f"{waiting.reason}；{planned.reason}"
    return waiting


def _skip(left: Skipped, plan_id: str) -> dict[str, Any]:
    return {
        "trigger_key": left.trigger_key,
        "client_id": left.client_id,
        "programme": left.programme,
        "code": left.code,
        "detail": left.detail,
        "due_on": left.due_on,
        "plan_id": plan_id,
    }


def _sample_row(draw: Draw, pack: str) -> Sample:
    return Sample(
        sample_id=draw.sample_id,
        pack=pack,
        programme=draw.programme,
        period=draw.period,
        first=draw.first,
        last=draw.last,
        seed=draw.seed,
        drawn_on=draw.drawn_on,
        quotas=[
            {"share": str(quota.share), "of": quota.of.text if quota.of else None, "rule": quota.rule}
            for quota in draw.quotas
        ],
        base={branch: {str(strata): n for strata, n in counts.items()} for branch, counts in draw.base.items()},
        excluded=dict(draw.excluded),
        base_digest=draw.digest,
        complete=draw.complete,
        at_once=draw.at_once,
    )


def _member_row(draw: Draw, position: int, member: Member) -> dict[str, Any]:
    return {
        "sample_id": draw.sample_id,
        "position": position,
        "client_id": member.client_id,
        "trigger_key": member.trigger_key,
        "strata": member.strata,
        "state": member.state,
        "on": member.on,
    }


def _update_members(session: Session, changed: list[dict[str, Any]]) -> None:
    if changed:
        mine = (SampleMember.sample_id == bindparam("id"), SampleMember.position == bindparam("place"))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("strata", "state", "on")}
        session.connection().execute(update(SampleMember).where(*mine).values(**values), changed)


def _insert(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Many rows at once, without an object for each."""
    if rows:
        session.execute(insert(table), rows)


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[begin : begin + MANY] for begin in range(0, len(keys), MANY))
