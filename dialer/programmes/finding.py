"""One contradiction of a pack: what, where, in both languages, under which rules."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.programmes.said import FIRM, Said, rule_ids


@dataclass(frozen=True, slots=True)
class Finding:
    """A contradiction. ``place`` is the way to the value; ``impossible``: a programme cannot be done as it stands."""

    code: str
    place: str
    text: str
    text_en: str
    rules: tuple[str, ...] = ()
    impossible: bool = False


def found(code: str, place: str, said: Said, *rules: str, impossible: bool = False) -> Finding:
    """A finding under these rules; the firm's own values name none."""
    ids = tuple(one for one in rule_ids(*rules) if one != FIRM)
    return Finding(code, place, said.zh, said.en, ids, impossible)
