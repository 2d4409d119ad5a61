"""Writes a plan into the database: once, whatever happens; every run leaves a row that explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit
from core.clock import china
from core.db import Database
from core.ids import new_id
from dialer.planning.plan import QUIET, Plan, PlannedCallback, PlannedItem
from dialer.programmes.windows import Interval
from dialer.tables import Callback, CallbackState, Item, PlanRun

_MANY = 500  # keys in one question to the database; SQLite takes no more than 999


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What one run did: new callbacks, callbacks that items were added to, items, and who was skipped by reason."""

    plan_id: str
    day: date
    callbacks: int
    joined: int
    items: int
    skipped: Mapping[str, int]
    expired: int = 0


def store_plan(db: Database, plan: Plan, *, now: datetime, expired: int = 0) -> PlanSummary:
    """Write ``plan`` in one transaction.

    An item whose trigger key is already there is left out, so that storing twice, or two nodes at once, plan nothing
    twice. Items that join a callback which is no longer waiting are left for the next night.
    """
    try:
        return _store_all(db, plan, now, expired)
    except IntegrityError:
        # PostgreSQL lets two nodes look at the same moment; the slower one now finds the keys of the faster.
        return _store_all(db, plan, now, expired)


def _store_all(db: Database, plan: Plan, now: datetime, expired: int) -> PlanSummary:
    with db.write() as session:
        known = _known_keys(session, [item.trigger_key for callback in plan.callbacks for item in callback.items])
        run = PlanRun(
            plan_id=new_id(now), at=now, for_date=plan.day, pack=plan.pack, seed=plan.seed, counts={}, skipped=[]
        )
        session.add(run)
        session.flush()
        done = [_store(session, run, planned, known, now) for planned in plan.callbacks]
        summary = PlanSummary(
            plan_id=run.plan_id,
            day=plan.day,
            callbacks=sum(new for new, _ in done),
            joined=sum(bool(items) and not new for new, items in done),
            items=sum(items for _, items in done),
            skipped=dict(sorted(Counter(left.code for left in plan.skipped).items())),
            expired=expired,
        )
        _explain(session, run, plan, summary)
    return summary


def plan_json(plan: Plan) -> dict[str, object]:
    """The plan as ``huifang plan --json`` prints it (design.md 5.4): ``{"callbacks": [...], "skipped": [...]}``."""
    return {
        "callbacks": [_callback_json(callback) for callback in plan.callbacks],
        "skipped": [
            {
                "client_id": left.client_id,
                "programme": left.programme,
                "code": left.code,
                "reason": left.reason,
                "reason_en": left.reason_en,
            }
            for left in plan.skipped
        ],
    }


def _known_keys(session: Session, keys: list[str]) -> set[str]:
    known: set[str] = set()
    for begin in range(0, len(keys), _MANY):
        some = keys[begin : begin + _MANY]
        known.update(session.scalars(select(Item.trigger_key).where(Item.trigger_key.in_(some))))
    return known


def _store(
    session: Session, run: PlanRun, planned: PlannedCallback, known: set[str], now: datetime
) -> tuple[bool, int]:
    """Whether a callback was made, and how many items were written."""
    fresh = [item for item in planned.items if item.trigger_key not in known]
    if not fresh:
        return False, 0
    if planned.joins is None:
        callback = _new_callback(run, planned, now)
        session.add(callback)
    else:
        waiting = session.get_one(Callback, planned.joins)
        if waiting.state != CallbackState.PLANNED:
            return False, 0
        callback = _joined(waiting, planned, fresh)
    session.add_all(_row(item, callback.callback_id, now) for item in fresh)
    known.update(item.trigger_key for item in fresh)
    return planned.joins is None, len(fresh)


def _new_callback(run: PlanRun, planned: PlannedCallback, now: datetime) -> Callback:
    return Callback(
        callback_id=new_id(now),
        plan_id=run.plan_id,
        client_id=planned.client_id,
        pack=run.pack,
        flow=planned.flow,
        language=planned.language,
        executor=planned.executor,
        priority=planned.priority,
        reason=planned.reason,
        due_on=planned.due_on,
        state=CallbackState.PLANNED,
        next_attempt_at=planned.next_attempt_at,
        created_at=now,
    )


def _joined(waiting: Callback, planned: PlannedCallback, fresh: Iterable[PlannedItem]) -> Callback:
    """One matter more in the same call (B-14); the earlier deadline rules."""
    waiting.due_on = min([waiting.due_on, *(item.due_on for item in fresh)])
    waiting.priority = min(waiting.priority, planned.priority)
    waiting.reason = f"{waiting.reason}；{planned.reason}"
    return waiting


def _row(item: PlannedItem, callback_id: str, now: datetime) -> Item:
    return Item(
        item_id=new_id(now),
        callback_id=callback_id,
        pack=item.pack,
        programme=item.programme,
        rule_ids=list(item.rule_ids),
        trigger=item.trigger,
        trigger_key=item.trigger_key,
        due_on=item.due_on,
        deadline_unit=item.deadline_unit,
        flow=item.flow,
    )


def _explain(session: Session, run: PlanRun, plan: Plan, summary: PlanSummary) -> None:
    run.counts = {
        "callbacks": summary.callbacks,
        "joined": summary.joined,
        "items": summary.items,
        "expired": summary.expired,
        "skipped": dict(summary.skipped),
    }
    run.skipped = [
        {"client_id": left.client_id, "programme": left.programme, "code": left.code, "reason": left.reason}
        for left in plan.skipped
        if left.code not in QUIET
    ]
    session.flush()
    content = {"for_date": plan.day.isoformat(), "pack": plan.pack, "seed": plan.seed, "counts": run.counts}
    audit.append(session, at=run.at, actor="planner", action="plan.stored", subject=run.plan_id, content=content)


def _callback_json(callback: PlannedCallback) -> dict[str, object]:
    return {
        "client_id": callback.client_id,
        "items": [_item_json(item) for item in callback.items],
        "not_before": callback.not_before.isoformat(),
        "due_on": callback.due_on.isoformat(),
        "windows": [_window_json(interval) for interval in callback.windows],
        "executor": callback.executor,
        "priority": callback.priority,
        "reason": callback.reason,
        "reason_en": callback.reason_en,
        "joins": callback.joins,
    }


def _item_json(item: PlannedItem) -> dict[str, object]:
    return {
        "pack": item.pack,
        "programme": item.programme,
        "rule_ids": list(item.rule_ids),
        "trigger": item.trigger,
        "due_on": item.due_on.isoformat(),
        "deadline_unit": item.deadline_unit,
        "flow": item.flow,
    }


def _window_json(interval: Interval) -> list[str]:
    return [f"{china(moment):%Y-%m-%dT%H:%M}" for moment in interval]
