"""What a simulated firm and its clients are like, read from a file: ``far_end.yaml``, or a firm's own copy.

The rule of this module: every number of a simulation that is no rule of the pack stands in that file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.yaml import check_schema, load_strict
from dialer.programmes.facts import Span
from dialer.simulation.far_end import FarEnd, far_end_of
from dialer.simulation.weights import Part, Spread, Weights

SHIPPED = Path(__file__).parent / "far_end.yaml"
SCHEMA = Path(__file__).parent / "far_end.schema.json"


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """What clients are like; shares from 0 to 1, amounts in yuan."""

    kinds: Weights
    statuses: Weights
    developed_by: Weights
    languages: Weights
    phones: Weights
    opted_out: float
    introduced: float
    branches: int
    opened_within_days: int
    tags: Mapping[str, float]
    wishes: Weights
    wished_windows: Mapping[str, str]
    amounts: Mapping[str, Spread]
    pnl: tuple[float, float]
    days_since_trade: Spread


@dataclass(frozen=True, slots=True)
class EventType:
    """How often a type of event happens, what it carries, and whether it opens or closes the client's account."""

    per_1000: float
    effect: str = ""
    data: Mapping[str, Weights] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventStatistics:
    """What happens to clients; rates are events a working day per 1,000 clients."""

    default: EventType
    days_off: float
    hours: Span
    types: Mapping[str, EventType]
    amount: Spread
    due_in_days: Spread
    carry_due_on: frozenset[str]


@dataclass(frozen=True, slots=True)
class StaffStatistics:
    """How many members of staff there are, and the share whose contract ends within the simulated days."""

    per_1000_clients: float
    series: Weights
    leaving: float


@dataclass(frozen=True, slots=True)
class FirmStatistics:
    """A whole firm."""

    clients: ClientStatistics
    staff: StaffStatistics
    events: EventStatistics
    figures: Mapping[str, float]


def firm_of(root: Part) -> FirmStatistics:
    """The firm that a file of statistics describes."""
    staff = root.part("staff")
    return FirmStatistics(
        _clients_of(root.part("clients")),
        StaffStatistics(staff.number("per_1000_clients"), staff.weights("series"), staff.number("leaving")),
        _events_of(root.part("events")),
        root.numbers("figures"),
    )


def _clients_of(part: Part) -> ClientStatistics:
    pnl = part.part("pnl_rate_6m")
    wishes, windows = part.weights("wishes"), dict(part.value["wished_windows"])
    for name in wishes.names:
        if name != "any" and name not in windows:
            raise part.document.error((*part.where, "wishes", name), f"wished_windows does not say what {name} is")
    return ClientStatistics(
        kinds=part.weights("kinds"),
        statuses=part.weights("statuses"),
        developed_by=part.weights("developed_by"),
        languages=part.weights("languages"),
        phones=part.weights("phones"),
        opted_out=part.number("opted_out"),
        introduced=part.number("introduced"),
        branches=part.count("branches"),
        opened_within_days=part.count("opened_within_days"),
        tags=part.numbers("tags"),
        wishes=wishes,
        wished_windows=windows,
        amounts=part.spreads("amounts"),
        pnl=(pnl.number("mean"), pnl.number("deviation")),
        days_since_trade=part.spread("days_since_trade"),
    )


def _events_of(part: Part) -> EventStatistics:
    return EventStatistics(
        default=EventType(part.number("default_per_1000")),
        days_off=part.number("days_off"),
        hours=Span.parse(part.value["hours"]),
        types={name: _event_type(inner) for name, inner in part.parts("types").items()},
        amount=part.spread("amount"),
        due_in_days=part.spread("due_in_days"),
        carry_due_on=frozenset(part.value["carry_due_on"]),
    )


def _event_type(part: Part) -> EventType:
    data = {name: part.part("data").weights(name) for name in part.parts("data")}
    return EventType(part.number("per_1000"), str(part.value.get("effect", "")), data)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that is drawn in a simulation."""

    firm: FirmStatistics
    far_end: FarEnd


def load_statistics(path: Path = SHIPPED) -> Statistics:
    """The statistics in that file; YamlError names the place of the first mistake."""
    document = load_strict(path)
    check_schema(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    root = Part.root(document)
    return Statistics(firm_of(root), far_end_of(root))
