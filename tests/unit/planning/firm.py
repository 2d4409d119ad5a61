"""A small firm for the planner's tests: packs made of a few lines, clients, events, and night after night."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.calendars import DAY, Calendars, ChinaCalendars
from core.clock import CHINA
from dialer.planning.plan import Plan, PlannedItem
from dialer.planning.planner import plan
from dialer.planning.sampling import MemberState
from dialer.planning.source import MemorySource
from dialer.programmes.facts import ClientFacts, ClientFile, EventFacts, ItemState, PastItem, StaffFacts
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack

CALENDARS = ChinaCalendars()
MONDAY = date(2026, 11, 23)

SHARED = """
title: 回访
rules: [A-01]
scope: all
coverage: [{share: 100%, rule: firm}]
executor: branch
channels: [recorded_phone]
flow: gal_special
automatic: yes
passes: {when: all, rule: firm}
"""


@cache
def pack_of(*programmes: str, more: str = "") -> Pack:
    """demo_firm with these programmes instead of its own; each is ``name: {...}`` without what ``SHARED`` says."""
    own = {key: value for text in programmes for key, value in _read(text).items()}
    off = {key: {"enabled": "no"} for key in _of_the_example()}
    content = {
        "pack": "small",
        "extends": "demo_firm",
        **_read(more or "{}"),
        "programmes": {**off, **{key: _whole(said) for key, said in own.items()}},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.yaml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return load_pack(str(path))


@cache
def _of_the_example() -> tuple[str, ...]:
    return tuple(load_pack("demo_firm").programmes)


def _read(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, yaml.BaseLoader))  # every scalar stays the text that was written


def _whole(said: dict[str, Any]) -> dict[str, Any]:
    """The programme with everything it does not say itself; lists, festivals and silences have no shares."""
    needless = {"coverage"} if "top" in said or {"festival", "inactive"} & said["trigger"].keys() else set()
    shared = {key: value for key, value in _read(SHARED).items() if key not in needless}
    return {**shared, **said}


def at(day: date, clock: str = "10:00") -> datetime:
    """An instant in Chinese time."""
    return datetime.combine(day, time.fromisoformat(clock), CHINA)


def client(client_id: str, **more: Any) -> ClientFacts:
    """A client of long standing who can be called."""
    number = sum(client_id.encode()) * 977 % 10**8
    known: dict[str, Any] = {"phones": (f"139{number:08}",), "branch": "北京", "opened_on": date(2024, 5, 1)}
    return ClientFacts(client_id, **(known | more))


def event(event_id: str, client_id: str, kind: str, on: date, clock: str = "10:00", **data: object) -> EventFacts:
    """Something that happened."""
    return EventFacts(event_id, client_id, kind, at(on, clock), data)


@dataclass
class Firm:
    """Clients and events under a pack, and what earlier nights planned; each night sees what happened before it."""

    pack: Pack
    clients: dict[str, ClientFacts] = field(default_factory=dict)
    events: dict[str, EventFacts] = field(default_factory=dict)
    past: dict[str, PastItem] = field(default_factory=dict)
    staff: list[StaffFacts] = field(default_factory=list)
    market: list[tuple[date, str, float]] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)
    flow_hashes: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"gal_special": frozenset({"v1"})})
    calendars: Calendars = CALENDARS
    key: str = "secret"
    last_night: date | None = None
    source: MemorySource = field(default_factory=MemorySource)
    _owner: dict[str, str] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, pack: Pack, clients: Iterable[ClientFacts], *events: EventFacts, **more: Any) -> Firm:
        """The firm with these clients and events."""
        firm = cls(pack, **more)
        firm.import_clients(clients)
        firm.import_events(events)
        return firm

    def import_clients(self, clients: Iterable[ClientFacts]) -> None:
        """New clients, or new data of known ones."""
        for one in clients:
            self.clients[one.client_id] = one
            self._touched.add(one.client_id)

    def change(self, client_id: str, **changes: Any) -> None:
        """New data of one client."""
        self.import_clients([replace(self.clients[client_id], **changes)])

    def import_events(self, events: Iterable[EventFacts]) -> None:
        """Events as they are delivered; an id that is known is corrected."""
        for one in events:
            self.events[one.event_id] = one
            self._touched.add(one.client_id)

    def close(self, key: str, state: ItemState = ItemState.DONE, *, on: date, flow_hash: str = "v1") -> None:
        """What became of an item."""
        self.past[key] = replace(self.past[key], state=state, done_on=on, flow_hash=flow_hash, joinable=False)
        self._touched.add(self._owner[key])
        if state is ItemState.MISSED:
            for draw in self.source.samples.values():
                if key in draw.known:
                    draw.known[key].state = MemberState.MISSED

    def look(self, day: date, *, since: date | None = None) -> Plan:
        """The plan for that day; nothing is remembered."""
        self._fill(day, since)
        return plan(
            self.pack,
            self.source,
            day=day,
            calendars=self.calendars,
            key=self.key,
            since=since,
            flow_hashes=self.flow_hashes,
        )

    def night(self, day: date, *, incremental: bool = False) -> Plan:
        """Plan that day and remember it."""
        found = self.look(day, since=self.last_night if incremental else None)
        for number, callback in enumerate(found.callbacks):
            callback_id = callback.joins or f"{day}/{number}"
            for item in callback.items:
                self._remember(item, callback.client_id, callback_id, callback.executor, day)
        for gone in found.cancelled:
            self.past[gone.trigger_key] = replace(
                self.past[gone.trigger_key], state=ItemState.CANCELLED, joinable=False
            )
        self.notices.update((notice.key, notice.client_id) for notice in found.notices)
        self.source.keep(found.draws)
        self.last_night = day
        self._touched.clear()
        return found

    def nights(self, first: date, last: date, *, incremental: bool = False) -> Iterator[Plan]:
        """Night after night."""
        day = first
        while day <= last:
            yield self.night(day, incremental=incremental)
            day += DAY

    def _remember(self, item: PlannedItem, client_id: str, callback_id: str, executor: str, day: date) -> None:
        before = self.past.get(item.trigger_key)
        self._owner[item.trigger_key] = client_id
        self.past[item.trigger_key] = PastItem(
            trigger_key=item.trigger_key,
            programme=item.programme,
            planned_on=before.planned_on if before else day,
            due_on=item.due_on,
            callback_id=before.callback_id if before else callback_id,
            executor=executor,
            provisional=item.provisional,
            joinable=True,
        )

    def _fill(self, day: date, since: date | None) -> None:
        events: dict[str, list[EventFacts]] = {}
        for one in self.events.values():
            events.setdefault(one.client_id, []).append(one)
        past: dict[str, list[PastItem]] = {}
        for key, item in self.past.items():
            past.setdefault(self._owner[key], []).append(item)
        self.source.files = {
            one: ClientFile(one, self.clients.get(one), tuple(events.get(one, ())), tuple(past.get(one, ())))
            for one in {*self.clients, *events}
        }
        self.source.staff, self.source.market = self.staff, self.market
        come = {one.client_id for one in self.events.values() if since is not None and since < one.on <= day}
        self.source.touched = self._touched | come


def items(found: Plan) -> dict[str, PlannedItem]:
    """Everything planned, by trigger key."""
    return {item.trigger_key: item for callback in found.callbacks for item in callback.items}


def called(found: Plan) -> list[str]:
    """Who is called, the most urgent first."""
    return [callback.client_id for callback in found.callbacks]


def left_out(found: Plan) -> set[tuple[str, str]]:
    """Who is not called, and why."""
    return {(one.client_id, one.code) for one in found.skipped}


def working_days(first: date, last: date) -> Sequence[date]:
    """The working days between, both included."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if CALENDARS.is_working_day(day)]
