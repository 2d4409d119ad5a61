"""What a campaign has planned and what became of it: the tables of the database, in memory.

The rule of this module: it keeps books as ``planning.store``, ``planning.nightly`` and ``calling.outcomes`` do: a
trigger key is planned once, a call-back that passes its deadline is closed that night, members of samples who were not
reached are not covered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from core.clock import china
from dialer.calling.dispositions import Disposition
from dialer.calling.outcomes import CANCELLED
from dialer.calling.retries import counted
from dialer.planning.nightly import EXPIRED
from dialer.planning.plan import Plan, PlannedCallback, PlannedItem
from dialer.planning.sampling import Draw, MemberState
from dialer.planning.source import MemorySource
from dialer.programmes.facts import ItemState, PastItem
from dialer.tables import CallbackState, Outcome

Outcomes = Outcome | None


@dataclass(slots=True, eq=False)
class Item:
    """One programme's part of a call-back."""

    planned: PlannedItem
    planned_on: date
    state: ItemState = ItemState.OPEN
    closed_on: date | None = None
    heard: str = ""


@dataclass(slots=True, eq=False)
class Callback:
    """One contact owed to one client; the fields are those of the table.

    ``moved`` counts the talks in which another call was agreed, by kind; ``heard`` are the scripts that somebody
    answered. ``version`` grows whenever its place in the queue changes.
    """

    callback_id: str
    client_id: str
    flow: str
    executor: str
    automatic: bool
    provisional: bool
    priority: int
    due_on: date
    due_at: datetime
    next_attempt_at: datetime
    items: list[Item]
    state: CallbackState = CallbackState.PLANNED
    outcome: Outcomes = None
    closed_reason: str = ""
    follow_up: str | None = None
    appointment_at: datetime | None = None
    dispositions: list[Disposition] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)
    heard: set[str] = field(default_factory=set)
    version: int = 0
    waits: bool = False

    @property
    def owed(self) -> list[Item]:
        """The items that are still open."""
        return [item for item in self.items if item.state is ItemState.OPEN]

    @property
    def flows(self) -> set[str]:
        """What one call asks: the scripts of everything that is still owed, behind one another (``wanted_flow``)."""
        return {self.flow} | {item.planned.flow for item in self.owed}

    @property
    def dialable(self) -> bool:
        """Whether the dialer may ever dial it: people make the others, and nobody what is provisional (M-03, B-08)."""
        return self.automatic and not self.provisional


class Books:
    """Everything planned, by id; ``open`` are the call-backs that are not closed."""

    def __init__(self, on_close: Callable[[Callback], None]) -> None:
        self._on_close = on_close
        self.callbacks: dict[str, Callback] = {}
        self.open: dict[str, Callback] = {}
        self.items: dict[str, Item] = {}
        self.skipped: dict[str, tuple[str, str]] = {}  # trigger key: programme, code
        self.notices: set[str] = set()
        self._of_client: dict[str, list[Callback]] = defaultdict(list)
        self._missed: set[str] = set()
        self._changed: set[str] = set()

    # --- before the plan ---------------------------------------------------------------------------------------------

    def expire(self, day: date, at: datetime) -> None:
        """Close what still waits and was due before ``day`` (``nightly.close_expired``)."""
        late = [one for one in self.open.values() if one.state is CallbackState.PLANNED and one.due_on < day]
        for callback in (one for one in late if not self._goes_on(one, day, at)):
            self.close(callback, Outcome.UNREACHABLE if counted(callback.dispositions) else None, EXPIRED, at)

    def _goes_on(self, callback: Callback, day: date, at: datetime) -> bool:
        """Whether a later item is still owed; the overdue ones are missed then (``outcomes.miss``)."""
        late = [item for item in callback.owed if item.planned.due_on < day]
        if len(late) == len(callback.owed):
            return False
        for item in late:
            item.state, item.closed_on = ItemState.MISSED, china(at).date()
            self._missed.add(item.planned.trigger_key)
        self._changed.add(callback.client_id)
        _go_on(callback)
        return True

    def tell(self, source: MemorySource) -> None:
        """Bring the clients' files up to date with what was planned and closed since the last night."""
        for client_id in self._changed:
            past = tuple(_past(item, one) for one in self._of_client[client_id] for item in one.items)
            source.files[client_id] = replace(source.files[client_id], past=past)
        source.touched |= self._changed
        self._changed.clear()
        self._tell_samples(source.samples.values())

    def _tell_samples(self, draws: Iterable[Draw]) -> None:
        """Members who were called in vain are not covered: others are drawn (``nightly.settle_members``)."""
        for member in (member for draw in draws for member in draw.members):
            if member.trigger_key in self._missed and member.state is MemberState.PLANNED:
                member.state = MemberState.MISSED
        self._missed.clear()

    # --- the plan ----------------------------------------------------------------------------------------------------

    def take_in(self, plan: Plan, at: datetime) -> list[Callback]:
        """Keep a plan (``store.store_plan``); returns the call-backs that are new or have changed.

        Nothing is planned twice, whatever the plan says.
        """
        self.skipped.update((left.trigger_key, (left.programme, left.code)) for left in plan.skipped)
        placed = [callback for planned in plan.callbacks for callback in self._contact(planned, plan.day)]
        self.notices.update(notice.key for notice in plan.notices)
        for one in plan.cancelled:
            self._cancel(self.items[one.trigger_key], self.callbacks[one.callback_id], at)
        return placed

    def _contact(self, planned: PlannedCallback, day: date) -> Iterator[Callback]:
        fresh = [Item(item, day) for item in planned.items if item.trigger_key not in self.items]
        waiting = self.callbacks[planned.joins] if planned.joins else None
        if not fresh or (waiting is not None and waiting.state is not CallbackState.PLANNED):
            return
        callback = self._new(planned) if waiting is None else _join(waiting, planned)
        callback.items += fresh
        for item in fresh:
            self.items[item.planned.trigger_key] = item
            self.skipped.pop(item.planned.trigger_key, None)
        if waiting is not None:
            callback.due_on = min(item.planned.due_on for item in callback.owed)
            callback.due_at = min(item.planned.due_at for item in callback.owed)
        self._changed.add(callback.client_id)
        yield callback

    def _new(self, planned: PlannedCallback) -> Callback:
        callback = Callback(
            callback_id=f"K{len(self.callbacks):08}",
            client_id=planned.client_id,
            flow=planned.flow,
            executor=planned.executor,
            automatic=planned.automatic,
            provisional=planned.provisional,
            priority=planned.priority,
            due_on=planned.due_on,
            due_at=planned.due_at,
            next_attempt_at=planned.next_attempt_at,
            items=[],
        )
        self.callbacks[callback.callback_id] = self.open[callback.callback_id] = callback
        self._of_client[callback.client_id].append(callback)
        return callback

    def _cancel(self, item: Item, callback: Callback, at: datetime) -> None:
        """Its reason is gone (``outcomes.cancel``); a call-back of which items are left goes on for those."""
        if item.state is not ItemState.OPEN:
            return
        item.state, item.closed_on = ItemState.CANCELLED, china(at).date()
        self._changed.add(callback.client_id)
        left = callback.owed
        if not left and callback.state is CallbackState.PLANNED:
            self.close(callback, None, CANCELLED, at)
        elif left:
            _go_on(callback)

    # --- ends --------------------------------------------------------------------------------------------------------

    def close(self, callback: Callback, outcome: Outcomes, reason: str, at: datetime) -> None:
        """Give the call-back its outcome, None when nothing is known about the client (``outcomes.close``)."""
        callback.state, callback.outcome, callback.closed_reason = CallbackState.CLOSED, outcome, reason
        reached = outcome not in (None, Outcome.UNREACHABLE)
        for item in callback.owed:
            item.state = ItemState.DONE if reached else ItemState.MISSED
            item.closed_on = china(at).date()
            item.heard = item.planned.flow if reached and item.planned.flow in callback.heard else ""
            if not reached:
                self._missed.add(item.planned.trigger_key)
        del self.open[callback.callback_id]
        self._on_close(callback)
        self._changed.add(callback.client_id)

    def by_client(self) -> Iterable[list[Callback]]:
        """The call-backs of each client who has any."""
        return self._of_client.values()


def version_of(flow: str) -> str:
    """What stands for the version of a script in force: no script changes in a simulation."""
    return f"{flow}@simulation"


def _go_on(callback: Callback) -> None:
    """For the items that are left: their deadline, and a script that one of them asks for."""
    left = callback.owed
    callback.due_on = min(one.planned.due_on for one in left)
    callback.due_at = min(one.planned.due_at for one in left)
    if callback.flow not in {one.planned.flow for one in left}:
        callback.flow = left[0].planned.flow


def _join(waiting: Callback, planned: PlannedCallback) -> Callback:
    waiting.priority = min(waiting.priority, planned.priority)
    waiting.provisional = waiting.provisional or planned.provisional
    return waiting


def _past(item: Item, callback: Callback) -> PastItem:
    return PastItem(
        trigger_key=item.planned.trigger_key,
        programme=item.planned.programme,
        planned_on=item.planned_on,
        due_on=item.planned.due_on,
        callback_id=callback.callback_id,
        executor=callback.executor,
        automatic=callback.automatic,
        state=item.state,
        done_on=item.closed_on,
        flow_hash=version_of(item.heard) if item.heard else "",
        provisional=item.planned.provisional,
        joinable=callback.state is CallbackState.PLANNED,
    )
