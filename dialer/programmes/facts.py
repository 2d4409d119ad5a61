"""What the rules know about clients, events and the past: plain values, free of the database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from core.errors import HuifangError

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
    """One business event; ``on`` is its Chinese date."""

    event_id: str
    client_id: str
    type: str
    on: date


@dataclass(frozen=True, slots=True)
class PastItem:
    """An item that was planned before: ``missed`` when it ended without reaching the client (not covered, H-15)."""

    trigger_key: str
    client_id: str
    programme: str
    planned_on: date
    missed: bool = False


@dataclass(frozen=True, slots=True)
class OpenCallback:
    """A callback of a client that is still owed, so that new items join it instead of making another call (B-14)."""

    callback_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class History:
    """What was planned before."""

    items: tuple[PastItem, ...] = ()
    open_callbacks: tuple[OpenCallback, ...] = ()


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt to reach a client; ``counts`` is False when the call never reached his phone."""

    callback_id: str
    programmes: frozenset[str]
    started_at: datetime
    disposition: str | None = None
    counts: bool = True
