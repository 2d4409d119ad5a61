"""A policy pack as a page shows it: in words, its contradictions, its year as a table, what the firm must still set.

The rule of this module: nothing is said about a pack that the rooms below do not say; here it is only put in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from core.calendars import Calendars
from dialer.programmes import contradictions, words
from dialer.programmes import year as years
from dialer.programmes.finding import Finding
from dialer.programmes.load import shipped_packs
from dialer.programmes.model import Pack
from dialer.programmes.said import Language
from web.programmes import PackRead

OPEN = "open"


@dataclass(frozen=True, slots=True)
class Told:
    """One pack: ``sections`` without the open values, which stand in ``open``."""

    pack: Pack
    sections: Sequence[words.Section]
    open: Sequence[str]
    findings: Sequence[Finding]
    year: int
    rows: Sequence[years.Row]


def told(read: PackRead, year: int, language: Language, calendars: Calendars) -> Told | None:
    """The pack in that language, and its ``year`` on these calendars; None when it cannot be read."""
    pack = read.pack
    if pack is None:
        return None
    sections = words.explain(pack, language).sections
    return Told(
        pack=pack,
        sections=[one for one in sections if one.key != OPEN],
        open=[paragraph for one in sections if one.key == OPEN for paragraph in one.paragraphs],
        findings=_findings(read, cast("Any", calendars)),  # calendars hash by identity
        year=year,
        rows=years.table(pack, year, calendars),
    )


@lru_cache(maxsize=16)
def _findings(read: PackRead, calendars: Calendars) -> Sequence[Finding]:
    """Kept, because each deadline is tried from every day of a year."""
    return contradictions.find(read.pack, calendars) if read.pack else ()


def choices(own: str) -> list[str]:
    """The packs that can be read here: the firm's own first, then those that come with the program."""
    return [own, *(name for name in shipped_packs() if name != own)]
