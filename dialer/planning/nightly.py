"""The planner's night: close what is past its deadline, plan the day, keep both on record.

The rule of this module: a run looks at everybody when the rules, the calendars or a period are new, otherwise at what
changed since the run before.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.calendars import Calendars
from core.clock import Clock
from core.db import Database
from dialer.calling import outcomes
from dialer.following.plans import Following
from dialer.planning.lookup import client_facts
from dialer.planning.plan import Plan
from dialer.planning.planner import plan
from dialer.planning.rules import Obstacle, Rules
from dialer.planning.sampling import MemberState
from dialer.planning.store import Circumstances, PlanSummary, store_plan
from dialer.planning.stored import Kept, StoredSource
from dialer.programmes.facts import ItemState
from dialer.programmes.model import Pack
from dialer.tables import Callback, CallbackState, Item, Outcome, PlannerKey, PlanRun, SampleMember

EXPIRED = "deadline_passed"

OVERLAP = timedelta(hours=6)
"""An import stamps its rows when it begins and shows them when it ends: so far back rows are looked at again."""

FOLLOWED = timedelta(days=7)
"""What should follow from a callback is made up for so long, should it not have been written when it closed."""


@dataclass(frozen=True, slots=True)
class Night:
    """What a run needs beside the database: the rules, the calendars, the day, the versions of the scripts in force.

    ``seed`` replaces the firm's secret (for rehearsals); ``full`` looks at everybody whatever changed; ``webhooks``:
    whether other systems are told of what closes.
    """

    pack: Pack
    calendars: Calendars
    day: date
    flow_hashes: Mapping[str, frozenset[str]]
    seed: str | None = None
    full: bool = False
    webhooks: bool = False

    @property
    def following(self) -> Following:
        """What following up on a closed callback needs."""
        return Following(self.pack, self.calendars, self.webhooks)


@dataclass(frozen=True, slots=True)
class Made:
    """A plan that is not stored yet, with what it was read from."""

    plan: Plan
    kept: Mapping[str, list[Kept]]
    key_digest: str


def make_plan(db: Database, night: Night) -> Made:
    """The plan for the night from what is imported and what was planned before; writes nothing.

    OpenValue when the pack leaves open what every call needs.
    """
    with db.session() as session:
        since = _since(session, night)
        source = StoredSource(session, night.pack, night.day, since.at - OVERLAP if since else None)
        key = night.seed or session.scalars(select(PlannerKey.key)).one()
        made = plan(
            night.pack,
            source,
            day=night.day,
            calendars=night.calendars,
            key=key,
            since=since.for_date if since else None,
            flow_hashes=night.flow_hashes,
        )
        return Made(made, source.kept, hashlib.sha256(key.encode()).hexdigest())


def _since(session: Session, night: Night) -> PlanRun | None:
    """The run before, when this one may be incremental: same rules, same calendars, not a later day."""
    last = session.scalars(select(PlanRun).order_by(PlanRun.plan_id.desc()).limit(1)).first()
    same = last is not None and (last.pack_digest, last.calendar_digest) == (night.pack.digest, night.calendars.digest)
    return last if same and not night.full and last is not None and last.for_date <= night.day else None


def run_nightly_plan(db: Database, clock: Clock, night: Night) -> PlanSummary:
    """Plan the night and store it; safe to run twice, on two nodes, or after a crash."""
    return store_night(db, clock, night)[1]


def store_night(db: Database, clock: Clock, night: Night) -> tuple[Plan, PlanSummary]:
    """As ``run_nightly_plan``, and the plan itself."""
    night.pack.runnable()
    with _no_collection():
        return _store_night(db, clock, night)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A night makes millions of values and no cycles; the collector would walk over all of them again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _store_night(db: Database, clock: Clock, night: Night) -> tuple[Plan, PlanSummary]:
    began, now = clock.monotonic(), clock.now()
    expired = close_expired(db, night, now=now)
    with db.write() as session:
        outcomes.follow_closed(session, night.following, since=now - FOLLOWED, at=now)
        settle_members(session)
        settle_provisional(session, night)
    made = make_plan(db, night)
    summary = store_plan(
        db,
        made.plan,
        Circumstances(
            at=now,
            key_digest=made.key_digest,
            pack_digest=night.pack.digest,
            calendar_digest=night.calendars.digest,
            seconds=clock.monotonic() - began,
            expired=expired,
            periodic=frozenset(one.key for one in night.pack.programmes.values() if one.due.period is not None),
            kept=made.kept,
        ),
    )
    return made.plan, summary


def close_expired(db: Database, night: Night, *, now: datetime) -> int:
    """Close every waiting callback whose last deadline lies before the night's day; returns how many.

    A merged callback goes on for the items whose deadline is still ahead; those behind it are missed.

    A client whom somebody tried to call was unreachable (D-01). Where no attempt reached his phone nothing is known
    about him: the callback is closed without an outcome, which reports show as missed.
    """
    with db.write() as session:
        waiting = select(Callback).where(Callback.state == CallbackState.PLANNED, Callback.due_on < night.day)
        found = session.scalars(waiting).all()
        over = [callback for callback in found if not _goes_on(session, callback, night.day, now)]
        for callback in over:
            _expire(session, callback, night.following, now)
        return len(over)


def _goes_on(session: Session, callback: Callback, day: date, now: datetime) -> bool:
    """Whether an item of the callback may still be called for; its overdue ones are missed then."""
    owed = [item for item in callback.items if item.state == ItemState.OPEN]
    late = [item for item in owed if item.due_on < day]
    if len(late) == len(owed):
        return False
    outcomes.miss(session, late, at=now, actor="planner")
    return True


def _expire(session: Session, callback: Callback, following: Following, now: datetime) -> None:
    if any(attempt.counts for attempt in callback.attempts):
        outcome = Outcome.UNREACHABLE
        outcomes.close(session, callback, outcome, reason=EXPIRED, at=now, actor="planner", following=following)
    else:
        outcomes.close_without_outcome(session, callback, reason=EXPIRED, at=now, actor="planner")


def settle_members(session: Session) -> None:
    """Members of samples whose call-back ended without reaching them are not covered: others are drawn (H-15)."""
    missed = select(Item.trigger_key).where(Item.state == ItemState.MISSED)
    planned = SampleMember.state == MemberState.PLANNED
    session.execute(
        update(SampleMember).where(planned, SampleMember.trigger_key.in_(missed)).values(state=MemberState.MISSED)
    )


def settle_provisional(session: Session, night: Night) -> int:
    """Give the callbacks that rested on unpublished holidays their real times, where the data are there now."""
    rules = Rules(night.pack, night.pack.runnable(), (), night.day, night.calendars)
    settled = 0
    for callback in session.scalars(
        select(Callback).where(Callback.provisional, Callback.state == CallbackState.PLANNED)
    ):
        reach = rules.reach(client_facts(callback.client), callback.due_on)
        if not isinstance(reach, Obstacle) and not reach.provisional:
            callback.next_attempt_at, callback.provisional = reach.first, False
            settled += 1
    return settled
