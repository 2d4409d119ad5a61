"""Where the planner reads from: one protocol, and the source that holds everything in memory.

The rule of this module: files come in the order of client ids, whoever delivers them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from dialer.planning.sampling import Draw, copied
from dialer.programmes.facts import ClientFile, StaffFacts


class Source(Protocol):
    """What a run asks for."""

    def everybody(self) -> Iterator[ClientFile]:
        """Every client, and everybody of whom there are only events."""
        ...

    def changed(self) -> Iterator[ClientFile]:
        """Those of whom something changed since the last run: data, events, or what became of an item.

        An event that was delivered ahead of its day counts as a change on that day.
        """
        ...

    def some(self, client_ids: Sequence[str]) -> Iterator[ClientFile]:
        """The clients of those ids; whoever does not exist is left out."""
        ...

    def assigned(self, staff_id: str) -> Iterator[ClientFile]:
        """The clients whom that member of staff brought or serves."""
        ...

    def silent(self, first: date, last: date) -> Iterator[ClientFile]:
        """The clients whose last trade (or opening, when there was none) lies between those days."""
        ...

    def departing(self, day: date) -> Sequence[StaffFacts]:
        """Members of staff whose contract ends on or after ``day`` (which may lie before the run's day)."""
        ...

    def amounts(self, types: frozenset[str], first: date, last: date) -> Mapping[str, float]:
        """The sum of ``amount`` of the events of those types between those Chinese days, by client."""
        ...

    def figures(self, day: date) -> Mapping[str, float]:
        """The figures of the market that held on that day."""
        ...

    def draw(self, sample_id: str) -> Draw | None:
        """The sample of that id as it was kept, as a copy that the run may change."""
        ...


@dataclass
class MemorySource:
    """Everything in memory: for simulations and tests. ``touched`` are the ids that changed since the last run.

    ``market`` are figures that hold from a day on; the last one of a name wins.
    """

    files: dict[str, ClientFile] = field(default_factory=dict)
    staff: list[StaffFacts] = field(default_factory=list)
    market: list[tuple[date, str, float]] = field(default_factory=list)
    samples: dict[str, Draw] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def everybody(self) -> Iterator[ClientFile]:
        """See ``Source.everybody``."""
        return (self.files[client_id] for client_id in sorted(self.files))

    def changed(self) -> Iterator[ClientFile]:
        """See ``Source.changed``."""
        return self.some(sorted(self.touched))

    def some(self, client_ids: Sequence[str]) -> Iterator[ClientFile]:
        """See ``Source.some``."""
        return (self.files[client_id] for client_id in client_ids if client_id in self.files)

    def assigned(self, staff_id: str) -> Iterator[ClientFile]:
        """See ``Source.assigned``."""
        return (file for file in self.everybody() if file.client and file.client.introducer_id == staff_id)

    def silent(self, first: date, last: date) -> Iterator[ClientFile]:
        """See ``Source.silent``."""
        clients = (file for file in self.everybody() if file.client)
        return (f for f in clients if f.client and first <= (f.client.last_trade_on or f.client.opened_on) <= last)

    def departing(self, day: date) -> Sequence[StaffFacts]:
        """See ``Source.departing``."""
        return [one for one in self.staff if one.left_on is not None and one.left_on >= day]

    def amounts(self, types: frozenset[str], first: date, last: date) -> Mapping[str, float]:
        """See ``Source.amounts``."""
        sums: dict[str, float] = defaultdict(float)
        for file in self.files.values():
            for event in file.events:
                if event.type in types and first <= event.on <= last:
                    sums[file.client_id] += amount_of(event.data)
        return sums

    def figures(self, day: date) -> Mapping[str, float]:
        """See ``Source.figures``."""
        return {name: value for holds_from, name, value in sorted(self.market) if holds_from <= day}

    def draw(self, sample_id: str) -> Draw | None:
        """See ``Source.draw``."""
        kept = self.samples.get(sample_id)
        return None if kept is None else copied(kept)

    def keep(self, draws: Iterable[Draw]) -> None:
        """Remember the samples of a plan."""
        self.samples.update((draw.sample_id, draw) for draw in draws)


def amount_of(data: Mapping[str, object]) -> float:
    """The ``amount`` an event carries; 0 when it carries none."""
    found = data.get("amount")
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0
