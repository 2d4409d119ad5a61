"""What a list of the board shows, as a value read from the address and written back to it; codes, ids and days only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date

from core.calendars import add_months
from web.calls.filters import Arguments

RISKS = ("overdue", "today", "soon", "near", "later")
"""How much time an open call-back has left: over, until tonight, 1-2, 3-5, more than 5 working days."""

FATES = ("in_time", "late", "open", "missed", "cancelled")
"""What became of an item that was due."""

DRAWN = ("done", "open", "message", "missed", "passed_over", "late", "waiting", "out")
"""Where a member of a sample is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of a list; empty fields do not narrow it. Days are days of the deadline, both ends included."""

    since: str = ""
    until: str = ""
    branch: str = ""
    programme: str = ""
    code: str = ""  # why somebody was left out, or why a deadline cannot be met
    fate: str = ""
    risk: str = ""
    sample: str = ""
    quota: str = ""  # its number in the sample
    drawn: str = ""
    settled: str = ""  # escalations: "yes" shows those that were settled
    s: str = ""  # clients: the id of a saved text

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> Wanted:
        """The filter of an address; unknown keys and malformed days are left out."""
        found = cls(**{item.name: arguments.get(item.name, "").strip()[:120] for item in fields(cls)})
        quota = found.quota if found.quota.isdecimal() and len(found.quota) < 3 else ""
        return replace(found, since=_day_text(found.since), until=_day_text(found.until), quota=quota)

    def arguments(self) -> Arguments:
        """The non-empty fields, ready for ``url_for``."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name))}

    def days(self) -> tuple[date | None, date | None]:
        """The days asked for, both included."""
        return (
            date.fromisoformat(self.since) if self.since else None,
            date.fromisoformat(self.until) if self.until else None,
        )

    def in_period(self, today: date) -> Wanted:
        """The same with a period: the month of ``today`` where none was asked for."""
        if self.since or self.until:
            return self
        first = today.replace(day=1)
        last = date.fromordinal(add_months(first, 1).toordinal() - 1)
        return replace(self, since=first.isoformat(), until=last.isoformat())


def _day_text(text: str) -> str:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return ""
    return found.isoformat() if date(2000, 1, 1) <= found <= date(2100, 1, 1) else ""
