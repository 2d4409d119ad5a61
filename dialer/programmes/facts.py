"""What the rules know about clients, events and the past: plain values, free of the database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from core.clock import CHINA
from core.errors import HuifangError
from dialer.programmes.scope import FieldValue

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class BadPreference(HuifangError):
    """Mend the client's ``prefers`` column and import the client again; until then he is not called."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of a day, from ``start`` to just before ``end``, Chinese wall-clock time."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Span:
        """``09:00-12:00`` as a span; ValueError says what is wrong."""
        found = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", text.strip())
        if not found:
            raise ValueError(f"{text!r} is not a window; write it like 09:00-12:00")
        start, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
        if start >= end:
            raise ValueError(f"{text!r} ends before it begins")
        return cls(start, end)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Preference:
    """When the client wants to be called (B-07); no spans or no weekdays means no wish about them."""

    spans: tuple[Span, ...] = ()
    weekdays: frozenset[int] = frozenset()

    @classmethod
    def of(cls, prefers: Mapping[str, object]) -> Preference:
        """The wish in a client's ``prefers``; BadPreference when it cannot be read (nobody guesses a wish)."""
        try:
            spans = tuple(sorted(Span.parse(text) for text in _texts(prefers.get("windows"))))
            weekdays = frozenset(WEEKDAYS.index(day) for day in _texts(prefers.get("days")))
        except ValueError as error:
            raise BadPreference(f"the client's preferred times cannot be read: {error}") from error
        return cls(spans, weekdays)


def _texts(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is not a list")  # noqa: TRY004 - one class of error for the caller
    return [str(item) for item in value]


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """One client as the rules see him; names as in the import file (design.md 5.3), no name, no identity number."""

    client_id: str
    kind: str = "person"
    phones: tuple[str, ...] = ()
    branch: str = ""
    opened_on: date = date.min
    status: str = "active"
    introducer_id: str | None = None
    developed_by: str = "self"
    asset_total: float | None = None
    asset_avg_daily: float | None = None
    volume_month_avg: float | None = None
    commission_year: float | None = None
    pnl_rate_6m: float | None = None
    turnover: float | None = None
    last_trade_on: date | None = None
    tags: tuple[str, ...] = ()
    prefers: Mapping[str, object] = field(default_factory=dict)
    phone_opt_out: bool = False
    language: str = "zh-CN"


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One business event; ``at`` is its instant, ``data`` what it carries."""

    event_id: str
    client_id: str
    type: str
    at: datetime
    data: Mapping[str, object] = field(default_factory=dict)

    @property
    def on(self) -> date:
        """Its Chinese date."""
        return self.at.astimezone(CHINA).date()


class ItemState(StrEnum):
    """What became of an item that was planned before."""

    OPEN = "open"  # still owed
    DONE = "done"  # the client was reached and the call-back has an outcome
    MISSED = "missed"  # it ended without reaching the client (not covered, H-15)
    CANCELLED = "cancelled"  # an event undid its reason


@dataclass(frozen=True, slots=True)
class PastItem:
    """An item that was planned before.

    ``flow_hash`` is the version of the script that the client heard, ``done_on`` the Chinese day on which the call-back
    ended.
    """

    trigger_key: str
    programme: str
    planned_on: date
    due_on: date
    callback_id: str
    executor: str
    automatic: bool = True
    state: ItemState = ItemState.OPEN
    done_on: date | None = None
    flow_hash: str = ""
    provisional: bool = False
    joinable: bool = False  # its callback still waits, so new items may join it (B-14)


@dataclass(frozen=True, slots=True)
class ClientFile:
    """Everything the planner looks at for one client; ``client`` None: events of somebody who was never imported."""

    client_id: str
    client: ClientFacts | None
    events: tuple[EventFacts, ...] = ()
    past: tuple[PastItem, ...] = ()


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """A member of staff; ``left_on`` is the day his contract ends."""

    staff_id: str
    branch: str = ""
    series: str = ""
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt to reach a client; ``counts`` is False when the call never reached his phone."""

    callback_id: str
    programmes: frozenset[str]
    started_at: datetime
    disposition: str | None = None
    counts: bool = True
    phone: str = ""


def scope_facts(client: ClientFacts, day: date) -> dict[str, FieldValue]:
    """The client's fields as expressions see them, and ``day``, the Chinese date of the question."""
    return {
        "client_id": client.client_id,
        "kind": client.kind,
        "branch": client.branch,
        "status": client.status,
        "introducer_id": client.introducer_id,
        "developed_by": client.developed_by,
        "language": client.language,
        "asset_total": client.asset_total,
        "asset_avg_daily": client.asset_avg_daily,
        "volume_month_avg": client.volume_month_avg,
        "commission_year": client.commission_year,
        "pnl_rate_6m": client.pnl_rate_6m,
        "turnover": client.turnover,
        "opened_on": client.opened_on,
        "last_trade_on": client.last_trade_on,
        "tags": client.tags,
        "day": day,
    }
