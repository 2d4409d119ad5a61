"""Reading a YAML mapping strictly: every key has a type, unknown keys are refused, messages say where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from simulator.errors import TableError

T = TypeVar("T")
NUMBER = (int, float)


class Fields:
    """One mapping being read; ``place`` is where it stands, for messages (``subscribers.13800000001``)."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, Mapping):
            raise TableError(f"{place}: write a mapping of keys and values here, not {value!r}")
        self._left: dict[str, object] = {str(key): item for key, item in value.items()}
        self._known: list[str] = []
        self.place = place

    def take(self, key: str, default: object = None) -> object:
        """The raw value of ``key``."""
        self._known.append(key)
        return self._left.pop(key, default)

    def has(self, key: str) -> bool:
        """Whether ``key`` is still to be taken."""
        return key in self._left

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required when there is no default."""
        return self._typed(key, default, str, "a text (in quotes when it is digits)")

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        return self._typed(key, default, bool, "true or false")

    def whole(self, key: str, default: int | None, least: int = 0) -> int:
        """A whole number of at least ``least``."""
        value = self._typed(key, default, int, "a whole number")
        if isinstance(value, bool) or value < least:
            raise TableError(f"{self.place}.{key}: write a whole number from {least} up, not {value!r}")
        return value

    def seconds(self, key: str, default: float) -> float:
        """A number of seconds, not negative."""
        value = self.maybe_seconds(key)
        return default if value is None else value

    def maybe_seconds(self, key: str) -> float | None:
        """A number of seconds, not negative, or None when the key is absent."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, NUMBER) or value < 0:
            raise TableError(f"{self.place}.{key}: write a number of seconds, not {value!r}")
        return float(value)

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self.seconds(key, default)
        if value > 1:
            raise TableError(f"{self.place}.{key}: write a share from 0 to 1 (0.05 is 5 %), not {value!r}")
        return value

    def items(self, key: str) -> list[object]:
        """A list; empty when the key is absent."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise TableError(f"{self.place}.{key}: write a list here, not {value!r}")
        return list(value)

    def finish(self) -> None:
        """Refuse every key that was not taken."""
        if self._left:
            unknown = ", ".join(sorted(self._left))
            raise TableError(f"{self.place}: unknown key {unknown}; known here: {', '.join(sorted(self._known))}")

    def _typed(self, key: str, default: T | None, kind: type[T], what: str) -> T:
        value = self.take(key, default)
        if value is None:
            raise TableError(f"{self.place}: {key} is missing; write {what}")
        if not isinstance(value, kind):
            raise TableError(f"{self.place}.{key}: write {what}, not {value!r}")
        return value
