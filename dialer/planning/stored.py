"""The planner's source in the database: client files streamed in one order, samples as they were kept.

The rule of this module: it only reads. Three ordered streams (clients, events, items) are joined as they come, so that
a million clients pass without being held in memory.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Text, cast, or_, select, union
from sqlalchemy.orm import Session

from core.clock import CHINA
from dialer.planning.sampling import Draw, Member, MemberState
from dialer.planning.source import amount_of
from dialer.programmes.facts import ClientFacts, ClientFile, EventFacts, ItemState, PastItem, StaffFacts
from dialer.programmes.model import Pack, Quota
from dialer.programmes.scope import parse_scope
from dialer.tables import (
    Callback,
    CallbackMode,
    CallbackState,
    Client,
    Event,
    Figure,
    Item,
    Sample,
    SampleMember,
    Staff,
)

CHUNK = 5000
MANY = 500  # ids in one question; SQLite takes no more than 999
T = TypeVar("T")
Kept = tuple[int, str, date | None]
"""A member as the database has it: strata, state, day."""

_CLIENT = (
    Client.client_id, Client.kind, cast(Client.phones, Text), Client.branch, Client.opened_on, Client.status,
    Client.introducer_id, Client.developed_by, Client.asset_total, Client.asset_avg_daily, Client.volume_month_avg,
    Client.commission_year, Client.pnl_rate_6m, Client.turnover, Client.last_trade_on, cast(Client.tags, Text),
    cast(Client.prefers, Text), Client.phone_opt_out, Client.language,
)  # fmt: skip
_EVENT = (Event.client_id, Event.event_id, Event.type, Event.occurred_at, cast(Event.data, Text))
_ITEM = (
    Callback.client_id, Item.trigger_key, Item.programme, Item.planned_on, Item.due_on, Callback.callback_id,
    Callback.executor, Callback.mode, Item.state, Item.closed_on, Item.flow_hash, Item.provisional, Callback.state,
)  # fmt: skip


class StoredSource:
    """The database as the planner sees it on ``day``; ``since`` is the instant of the run before, for what changed.

    ``kept`` remembers the members of every sample as they were read, so that only what changed is written back.
    """

    def __init__(self, session: Session, pack: Pack, day: date, since: datetime | None = None) -> None:
        self._session = session
        self._types = _types(pack)
        self._end = datetime.combine(day + timedelta(days=1), time(0), CHINA)
        self._since = since
        self._texts: dict[str, Any] = {}
        self.kept: dict[str, list[Kept]] = {}

    def everybody(self) -> Iterator[ClientFile]:
        """See ``Source.everybody``."""
        clients = self._stream(select(*_CLIENT).order_by(Client.client_id))
        events = _Groups(self._stream(self._events().order_by(Event.client_id, Event.occurred_at)), self._event)
        items = _Groups(self._stream(_items().order_by(Callback.client_id)), _past)
        for row in clients:
            yield ClientFile(row[0], self._client(row), events.of(row[0]), items.of(row[0]))

    def changed(self) -> Iterator[ClientFile]:
        """See ``Source.changed``."""
        if self._since is None:
            return
        ids = union(
            select(Client.client_id).where(Client.changed_at > self._since),
            select(Event.client_id).where(Event.imported_at > self._since),
            select(Callback.client_id).where(Callback.closed_at > self._since),
        )
        yield from self.some(sorted(self._session.scalars(ids)))

    def some(self, client_ids: Sequence[str]) -> Iterator[ClientFile]:
        """See ``Source.some``."""
        for begin in range(0, len(client_ids), MANY):
            yield from self._some(client_ids[begin : begin + MANY])

    def _some(self, ids: Sequence[str]) -> Iterator[ClientFile]:
        rows = {row[0]: row for row in self._session.execute(select(*_CLIENT).where(Client.client_id.in_(ids)))}
        events = _grouped(self._session.execute(self._events().where(Event.client_id.in_(ids))), self._event)
        items = _grouped(self._session.execute(_items().where(Callback.client_id.in_(ids))), _past)
        for one in ids:
            if one in rows:
                yield ClientFile(one, self._client(rows[one]), tuple(events[one]), tuple(items[one]))

    def assigned(self, staff_id: str) -> Iterator[ClientFile]:
        """See ``Source.assigned``."""
        return self._where(Client.introducer_id == staff_id)

    def silent(self, first: date, last: date) -> Iterator[ClientFile]:
        """See ``Source.silent``."""
        traded = Client.last_trade_on.between(first, last)
        never = Client.last_trade_on.is_(None) & Client.opened_on.between(first, last)
        return self._where(or_(traded, never))

    def _where(self, condition: ColumnElement[bool]) -> Iterator[ClientFile]:
        wanted = select(Client.client_id).where(condition).order_by(Client.client_id)
        yield from self.some(list(self._session.scalars(wanted)))

    def departing(self, day: date) -> Sequence[StaffFacts]:
        """See ``Source.departing``."""
        leaving = select(Staff).where(Staff.left_on >= day).order_by(Staff.staff_id)
        return [StaffFacts(one.staff_id, one.branch, one.series, one.left_on) for one in self._session.scalars(leaving)]

    def amounts(self, types: frozenset[str], first: date, last: date) -> Mapping[str, float]:
        """See ``Source.amounts``."""
        begin = datetime.combine(first, time(0), CHINA)
        end = datetime.combine(last + timedelta(days=1), time(0), CHINA)
        rows = select(Event.client_id, cast(Event.data, Text)).where(
            Event.type.in_(types), Event.occurred_at >= begin, Event.occurred_at < end
        )
        sums: dict[str, float] = defaultdict(float)
        for client_id, data in self._stream(rows):
            sums[client_id] += amount_of(self._json(data))
        return sums

    def figures(self, day: date) -> Mapping[str, float]:
        """See ``Source.figures``."""
        rows = select(Figure.name, Figure.value).where(Figure.holds_from <= day).order_by(Figure.holds_from)
        return {name: value for name, value in self._session.execute(rows)}  # noqa: C416 - the last one wins

    def draw(self, sample_id: str) -> Draw | None:
        """See ``Source.draw``."""
        sample = self._session.get(Sample, sample_id)
        if sample is None:
            return None
        draw = draw_of(sample)
        columns = (SampleMember.client_id, SampleMember.trigger_key, SampleMember.strata, SampleMember.state)
        rows = select(*columns, SampleMember.on).where(SampleMember.sample_id == sample_id)
        kept = self.kept[sample_id] = []
        for client_id, key, strata, state, on in self._stream(rows.order_by(SampleMember.position)):
            draw.add(Member(client_id, key, strata, MemberState(state), on))
            kept.append((strata, state, on))
        return draw

    # --- rows --------------------------------------------------------------------------------------------------------

    def _stream(self, wanted: Select[Any]) -> Iterator[Row[Any]]:
        return iter(self._session.execute(wanted.execution_options(yield_per=CHUNK)))

    def _events(self) -> Select[Any]:
        return select(*_EVENT).where(Event.type.in_(self._types), Event.occurred_at < self._end)

    def _event(self, row: Row[Any]) -> EventFacts:
        return EventFacts(row[1], row[0], row[2], row[3], self._json(row[4]))

    def _client(self, row: Row[Any]) -> ClientFacts:
        values = list(row)
        values[2] = tuple(json.loads(values[2]))
        values[15] = tuple(self._json(values[15]))
        values[16] = self._json(values[16])
        return ClientFacts(*values)

    def _json(self, text: str) -> Any:
        """The value of a JSON text; texts that come again and again (tags, empty wishes) are read once."""
        known = self._texts.get(text)
        if known is None:
            known = json.loads(text)
            if len(text) < 80 and len(self._texts) < CHUNK:
                self._texts[text] = known
        return known


class _Groups(Generic[T]):
    """An ordered stream cut into groups by its first column, given out in the same order."""

    def __init__(self, rows: Iterator[Row[Any]], build: Callable[[Row[Any]], T]) -> None:
        self._rows = rows
        self._build = build
        self._next = next(rows, None)

    def of(self, client_id: str) -> tuple[T, ...]:
        if self._next is None or self._next[0] != client_id:
            return ()
        found: list[T] = []
        while self._next is not None and self._next[0] == client_id:
            found.append(self._build(self._next))
            self._next = next(self._rows, None)
        return tuple(found)


def draw_of(sample: Sample) -> Draw:
    """A kept sample as the planner sees it, without its members."""
    quotas = tuple(
        Quota(Fraction(one["share"]), parse_scope(one["of"]) if one["of"] else None, one["rule"])
        for one in sample.quotas
    )
    return Draw(
        sample_id=sample.sample_id,
        programme=sample.programme,
        period=sample.period,
        first=sample.first,
        last=sample.last,
        seed=sample.seed,
        drawn_on=sample.drawn_on,
        quotas=quotas,
        base={branch: Counter({int(s): n for s, n in counts.items()}) for branch, counts in sample.base.items()},
        excluded=Counter(sample.excluded),
        digest=sample.base_digest,
        complete=sample.complete,
        at_once=sample.at_once,
    )


def _types(pack: Pack) -> list[str]:
    """The types of event that some programme looks at."""
    ready = pack.ready()
    return sorted({name for programme in ready for name in (*programme.due.events, *programme.cancelled_by)})


def _items() -> Select[Any]:
    return select(*_ITEM).join(Callback, Item.callback_id == Callback.callback_id)


def _past(row: Row[Any]) -> PastItem:
    return PastItem(
        trigger_key=row[1],
        programme=row[2],
        planned_on=row[3],
        due_on=row[4],
        callback_id=row[5],
        executor=row[6],
        automatic=row[7] == CallbackMode.AUTOMATIC,
        state=ItemState(row[8]),
        done_on=row[9],
        flow_hash=row[10] or "",
        provisional=row[11],
        joinable=row[12] == CallbackState.PLANNED,
    )


def _grouped(rows: Iterable[Row[Any]], build: Callable[[Row[Any]], T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(build(row))
    return found
