"""Two versions of a script beside each other: step by step, text by text, and within a text the words that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from ivr_flows.reading import ReadStep

Kind = Literal["same", "changed", "added", "removed"]
_TOKENS = re.compile(r"\{\w+\}|[a-zA-Z0-9']+|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words; `changed` when the other side has other words in its place."""

    words: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said of a step on both sides: `what` is `said`, `rules`, `→ yes`...; an empty side does not have it."""

    what: str
    old: tuple[Piece, ...]
    new: tuple[Piece, ...]

    @property
    def differs(self) -> bool:
        """Whether the sides say different things."""
        return any(piece.changed for piece in self.old + self.new)


@dataclass(frozen=True, slots=True)
class Change:
    """One step on both sides."""

    step: str
    kind: Kind
    lines: tuple[Line, ...]


def compare(old: Mapping[str, ReadStep], new: Mapping[str, ReadStep]) -> list[Change]:
    """Every step of either version, in the order of the new one, those that are gone where they stood."""
    return [_change(name, old.get(name), new.get(name)) for name in _order(list(old), list(new))]


def compare_heads(old: Mapping[str, str], new: Mapping[str, str]) -> list[Line]:
    """What is said of the whole script, where the versions differ."""
    return [line for line in _lines(old, new) if line.differs]


def pieces(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts cut into runs that are the same and runs that differ: Chinese by characters, English by words."""
    left, right = _TOKENS.findall(old), _TOKENS.findall(new)
    found = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    ours = (Piece("".join(left[a:b]), kind != "equal") for kind, a, b, _, _ in found if a < b)
    theirs = (Piece("".join(right[a:b]), kind != "equal") for kind, _, _, a, b in found if a < b)
    return tuple(ours), tuple(theirs)


def _order(old: Sequence[str], new: Sequence[str]) -> list[str]:
    order: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        order += [name for name in old[a:b] if kind != "equal" and name not in new]
        order += new[c:d]
    return order


def _change(name: str, old: ReadStep | None, new: ReadStep | None) -> Change:
    lines = tuple(_lines(_told(old), _told(new)))
    if old is None or new is None:
        return Change(name, "added" if old is None else "removed", lines)
    return Change(name, "changed" if any(line.differs for line in lines) else "same", lines)


def _told(step: ReadStep | None) -> dict[str, str]:
    return dict(_entries(step)) if step else {}


def _entries(step: ReadStep) -> Iterator[tuple[str, str]]:
    yield "verb", step.verb
    yield from ((text.role, text.words) for text in step.texts)
    yield "rules", ", ".join(step.rules)
    yield from step.told
    yield from ((f"→ {outcome}", target) for outcome, target in step.leads)


def _lines(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Line]:
    for what in _order(list(old), list(new)):
        left, right = pieces(old.get(what, ""), new.get(what, ""))
        if left or right:
            yield Line(what, left, right)
