"""The evidence of one answer as its line on the page: which keys, when, how often it was asked again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.tables import Answer


@dataclass(frozen=True, slots=True)
class Pressed:
    """One key; ``at_ms`` is None when the row does not tell."""

    key: str
    at_ms: int | None


def keys(answer: Answer) -> list[Pressed]:
    """The keys that gave the answer."""
    stored = answer.evidence.get("keys") or []
    return [
        Pressed(str(item.get("digit", item.get("key", "?"))), item.get("at_ms")) if isinstance(item, dict)
        else Pressed(str(item), None)
        for item in stored
    ]  # fmt: skip


def repeats(answer: Answer) -> int:
    """How often the question had to be said again."""
    return sum(int(answer.evidence.get(counter) or 0) for counter in ("no_input", "no_match"))
