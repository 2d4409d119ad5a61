"""A made-up firm: clients, staff, and what happens to them day by day, the same for the same seed.

The rule of this module: nobody in it is real, numbers of telephones included. An event is in a client's file from the
night after its day on, as an import would have left it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random

from core.calendars import DAY
from core.clock import CHINA
from dialer.planning.source import MemorySource
from dialer.programmes.facts import ClientFacts, ClientFile, EventFacts, StaffFacts
from dialer.programmes.model import Pack
from dialer.simulation.statistics import EventType, FirmStatistics


def event_types(pack: Pack) -> tuple[str, ...]:
    """The types of event that some programme which can run looks at."""
    return tuple(sorted({name for one in pack.ready() for name in (*one.due.events, *one.cancelled_by)}))


@dataclass
class Firm(MemorySource):
    """The firm as the planner reads it; files are put in in the order of client ids."""

    brought: dict[str, list[str]] = field(default_factory=dict)

    def everybody(self) -> Iterator[ClientFile]:
        """See ``Source.everybody``."""
        return iter(self.files.values())

    def assigned(self, staff_id: str) -> Iterator[ClientFile]:
        """See ``Source.assigned``."""
        return self.some(self.brought.get(staff_id, ()))

    def admit(self, client: ClientFacts) -> None:
        """Put in a new client, whose id must come after all others."""
        self.change(ClientFile(client.client_id, client))
        if client.introducer_id is not None:
            self.brought.setdefault(client.introducer_id, []).append(client.client_id)

    def change(self, file: ClientFile) -> None:
        """Lay a file in place of the client's; the next night looks at it."""
        self.files[file.client_id] = file
        self.touched.add(file.client_id)


class People:
    """Makes the firm and lets its days pass."""

    def __init__(
        self, statistics: FirmStatistics, types: tuple[str, ...], *, clients: int, start: date, days: int, seed: int
    ) -> None:
        self._statistics = statistics
        self._types = types
        self._start = start
        self._clients = Random(f"{seed}:clients")  # noqa: S311 - statistics, nothing secret
        self._events = Random(f"{seed}:events")  # noqa: S311 - as above
        self._made = 0
        self.firm = Firm(market=[(date.min, name, value) for name, value in statistics.figures.items()])
        self._hire(clients, days)
        self._ids = [self._admit(self._some_day()) for _ in range(clients)]

    # --- clients and staff -------------------------------------------------------------------------------------------

    def _hire(self, clients: int, days: int) -> None:
        staff, chance = self._statistics.staff, self._clients
        for number in range(max(1, round(clients * staff.per_1000_clients / 1000))):
            leaving = self._start + chance.randrange(days) * DAY if chance.random() < staff.leaving else None
            one = StaffFacts(f"S{number:05}", self._branch(), staff.series.draw(chance), leaving)
            self.firm.staff.append(one)

    def _branch(self) -> str:
        return f"营业部{self._clients.randrange(self._statistics.clients.branches):03}"

    def _some_day(self) -> date:
        return self._start - timedelta(days=2 + self._clients.randrange(self._statistics.clients.opened_within_days))

    def _admit(self, opened_on: date) -> str:
        client = self._client(self._made, opened_on)
        self._made += 1
        self.firm.admit(client)
        return client.client_id

    def _client(self, number: int, opened_on: date) -> ClientFacts:
        like, chance = self._statistics.clients, self._clients
        amounts = {name: round(spread.draw(chance), 2) for name, spread in like.amounts.items()}
        traded = self._start - timedelta(days=like.days_since_trade.draw(chance))
        status = like.statuses.draw(chance)
        return ClientFacts(
            client_id=f"C{number:08}",
            kind=like.kinds.draw(chance),
            phones=tuple(f"1{39 - turn}{number:08}" for turn in range(int(like.phones.draw(chance)))),
            branch=self._branch(),
            opened_on=opened_on,
            status=status if opened_on < self._start - DAY else "active",
            introducer_id=chance.choice(self.firm.staff).staff_id if chance.random() < like.introduced else None,
            developed_by=like.developed_by.draw(chance),
            asset_avg_daily=amounts["asset_total"],
            pnl_rate_6m=round(chance.gauss(*like.pnl), 4),
            last_trade_on=max(opened_on, traded),
            tags=tuple(tag for tag, share in like.tags.items() if chance.random() < share),
            prefers=self._wish(like.wishes.draw(chance)),
            phone_opt_out=chance.random() < like.opted_out,
            language=like.languages.draw(chance),
            **amounts,
        )

    def _wish(self, name: str) -> dict[str, object]:
        windows = self._statistics.clients.wished_windows
        return {"windows": [windows[name]]} if name in windows else {}

    # --- events ------------------------------------------------------------------------------------------------------

    def let_pass(self, day: date, *, working: bool) -> list[EventFacts]:
        """Everything that happens on ``day``, put into the files; returns it."""
        known = len(self._ids)
        return [one for name in self._types for one in self._happen(name, day, known, working=working)]

    def _happen(self, name: str, day: date, known: int, *, working: bool) -> Iterator[EventFacts]:
        kind = self._statistics.events.types.get(name, self._statistics.events.default)
        rate = kind.per_1000 * known / 1000 * (1 if working else self._statistics.events.days_off)
        times = int(rate) + (self._events.random() < rate % 1)
        for number in range(times):
            client_id = self._whom(kind, day)
            event = EventFacts(
                f"{name}:{day}:{number}", client_id, name, self._when(day), self._carries(name, kind, day)
            )
            self._write(event, closes=kind.effect == "closes")
            yield event

    def _whom(self, kind: EventType, day: date) -> str:
        if kind.effect == "opens":
            self._ids.append(self._admit(day))
            return self._ids[-1]
        return self._ids[self._events.randrange(len(self._ids))]

    def _when(self, day: date) -> datetime:
        hours = self._statistics.events.hours
        begin, end = (datetime.combine(day, moment, CHINA) for moment in (hours.start, hours.end))
        return begin + timedelta(seconds=self._events.randrange(int((end - begin).total_seconds())))

    def _carries(self, name: str, kind: EventType, day: date) -> dict[str, object]:
        like, chance = self._statistics.events, self._events
        carried: dict[str, object] = {key: weights.draw(chance) for key, weights in kind.data.items()}
        carried["amount"] = round(like.amount.draw(chance), 2)
        if name in like.carry_due_on:
            carried["due_on"] = (day + timedelta(days=like.due_in_days.draw(chance))).isoformat()
        return carried

    def _write(self, event: EventFacts, *, closes: bool) -> None:
        file = self.firm.files[event.client_id]
        client = replace(file.client, status="closed") if closes and file.client else file.client
        self.firm.change(replace(file, client=client, events=(*file.events, event)))
