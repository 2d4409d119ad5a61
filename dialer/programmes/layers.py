"""Pack documents laid over one another, and reading their parts typed, each mistake with file, line and column.

The rule of this module: a mapping is laid over the mapping below it key by key; lists, texts and the blocks of
``WHOLE`` replace what stood there. A part that says ``open`` is noted with its path, never filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from core.yaml import Document, Value, Where
from dialer.programmes.errors import PackError
from dialer.programmes.scope import ScopeError

OPEN = "open"
WHOLE = frozenset({"windows", "trigger", "deadline", "universe"})
T = TypeVar("T")


class Layers:
    """Documents, the lowest first; knows which of them a value came from and which values are open."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self._owners: dict[Where, Document] = {(): documents[-1]}
        self.opened: list[Where] = []
        self.data: dict[str, Value] = {}
        for document in documents:
            data = dict(cast("dict[str, Value]", document.data))
            self.data = self._laid(self.data, data, (), document)

    @property
    def root(self) -> Part:
        """The whole of them."""
        return Part(self, (), self.data)

    def _laid(
        self, below: Mapping[str, Value], above: Mapping[str, Value], where: Where, owner: Document
    ) -> dict[str, Value]:
        merged = dict(below)
        for key, value in above.items():
            here = (*where, key)
            under = below.get(key)
            self._owners[here] = owner
            deep = isinstance(under, dict) and isinstance(value, dict) and key not in WHOLE
            base = under if deep and isinstance(under, dict) else {}
            merged[key] = self._laid(base, value, here, owner) if isinstance(value, dict) else value
        return merged

    def error(self, where: Where, message: str) -> PackError:
        """A PackError at the line and column where that value stands."""
        known = where
        while known not in self._owners:
            known = known[:-1]
        return PackError(f"{self._owners[known].at(where)}: {message}")


@dataclass(frozen=True, slots=True)
class Part:
    """A value of the pack together with its place; reads its own parts, typed."""

    layers: Layers = field(repr=False)
    where: Where
    value: Any

    @property
    def key(self) -> str:
        """The last step of the way to it."""
        return str(self.where[-1])

    def has(self, key: str) -> bool:
        """Whether the part has that key."""
        return key in self.value

    def given(self, key: str) -> bool:
        """Whether the part has that key with a value; an open one is noted."""
        if key not in self.value:
            return False
        if self.value[key] == OPEN:
            self.note(key)
            return False
        return True

    def note(self, key: str) -> None:
        """Note that the value under ``key`` is open."""
        place = (*self.where, key)
        if place not in self.layers.opened:
            self.layers.opened.append(place)

    def part(self, key: str | int) -> Part:
        """The part under ``key``; PackError when it is missing."""
        if isinstance(key, str) and key not in self.value:
            raise self.error(f"{key} is missing")
        return Part(self.layers, (*self.where, key), self.value[key])

    def parts(self, key: str) -> list[Part]:
        """The entries of a list or mapping under ``key``; none when it is missing or open."""
        if not self.given(key):
            return []
        inner = self.part(key)
        return [
            inner.part(name) for name in (inner.value if isinstance(inner.value, dict) else range(len(inner.value)))
        ]

    def text(self, key: str, default: str | None = None) -> str:
        """The text under ``key``, or ``default``."""
        return default if default is not None and not self.has(key) else str(self.part(key).value)

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list under ``key``; a single text is a list of one."""
        if self.given(key) and isinstance(self.value[key], str):
            return (str(self.value[key]),)
        return tuple(str(part.value) for part in self.parts(key))

    def typed(self, key: str, kind: Callable[[str], T]) -> T:
        """The value under ``key`` as ``kind`` reads it; PackError at its place when it cannot."""
        part = self.part(key)
        try:
            return kind(part.value)
        except (ValueError, ScopeError) as error:
            raise part.error(str(error)) from error

    def maybe(self, key: str, kind: Callable[[str], T]) -> T | None:
        """As ``typed``; None when the value is missing or open."""
        return self.typed(key, kind) if self.given(key) else None

    def yes(self, key: str) -> bool:
        """Whether the value under ``key`` is ``yes``; False when it is missing."""
        return self.text(key, "no") == "yes"

    def rule(self) -> str:
        """The rule ids of this value, or ``firm``."""
        return ", ".join(self.texts("rule")) or "firm"

    def error(self, message: str) -> PackError:
        """A PackError at this part's place."""
        return self.layers.error(self.where, message)
