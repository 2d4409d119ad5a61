"""A filter of the lists as a value: read from the address, written back to it, so that Back and paging keep it.

Only codes, dates and ids stand in an address. Words typed by a user travel as the id of a saved text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from core.clock import CHINA

PAGE_SIZE = 50
ON = ("planned", "called", "closed")
Arguments = dict[str, Any]  # always texts; flask types what url_for takes as Any


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows; empty fields do not narrow it. Days are Chinese days, both ends included."""

    since: str = ""
    until: str = ""
    on: str = ""  # callbacks only: which date ``since`` and ``until`` speak of
    state: str = ""
    disposition: str = ""
    outcome: str = ""
    programme: str = ""
    branch: str = ""
    handoff: str = ""
    recording: str = ""
    transcript: str = ""
    flow: str = ""  # name of a script; the next three say more about it
    version: str = ""  # hash of its version
    step: str = ""  # a step that the call came to
    lead: str = ""  # the outcome by which it left the step
    s: str = ""  # id of a saved text

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> Filter:
        """The filter of an address; unknown keys and malformed dates are left out."""
        found = cls(**{item.name: arguments.get(item.name, "").strip()[:80] for item in fields(cls)})
        on = found.on if found.on in ON else ""
        return replace(found, since=_day_text(found.since), until=_day_text(found.until), on=on)

    def arguments(self) -> Arguments:
        """The non-empty fields, ready for ``url_for``."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name))}

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """The instants [first, last) of the days asked for."""
        first = day_start(date.fromisoformat(self.since)) if self.since else None
        last = day_start(date.fromisoformat(self.until) + timedelta(days=1)) if self.until else None
        return first, last

    def days(self) -> tuple[date | None, date | None]:
        """The days asked for, both included."""
        return (
            date.fromisoformat(self.since) if self.since else None,
            date.fromisoformat(self.until) if self.until else None,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: ``number`` counts from 1."""

    number: int
    total: int

    @property
    def offset(self) -> int:
        """How many rows stand before this page."""
        return (self.number - 1) * PAGE_SIZE

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def first_row(self) -> int:
        """The number of the first row shown; 0 when there is none."""
        return min(self.offset + 1, self.total)

    @property
    def last_row(self) -> int:
        """The number of the last row shown."""
        return min(self.offset + PAGE_SIZE, self.total)


def page_of(arguments: Mapping[str, str], total: int) -> Page:
    """The page an address asks for, inside what there is."""
    text = arguments.get("page", "1")
    asked = int(text) if text.isdecimal() and len(text) < 9 else 1
    return Page(min(max(asked, 1), Page(1, total).last), total)


def day_start(day: date) -> datetime:
    """The first instant of a Chinese day."""
    return datetime.combine(day, time(), CHINA)


def _day_text(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
