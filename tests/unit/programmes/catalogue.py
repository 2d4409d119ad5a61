"""What the tests of the packs ask of the catalogue of requirements and of the pack files as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.yaml import Value, load_strict
from dialer.programmes.load import PACKS

ROOT = Path(__file__).resolve().parents[3]


def carried_by(names: Iterable[str]) -> set[str]:
    """Every rule id that the packs of those names carry."""
    return {rule for name in names for rule in ids_of(load_strict(PACKS / f"{name}.yaml").data)} - {"firm"}


def ids_of(part: Value) -> Iterator[str]:
    """The rule ids of every value of ``part``."""
    if isinstance(part, list):
        for inner in part:
            yield from ids_of(inner)
    if isinstance(part, dict):
        for key, inner in part.items():
            if key in ("rule", "rules"):
                yield from [inner] if isinstance(inner, str) else map(str, inner)
            else:
                yield from ids_of(inner)


def kinds() -> dict[str, str]:
    """The kind of every row of the catalogue; a feed of J1 is a value (CFG), a gap (M) is none."""
    found: dict[str, str] = {}
    for page in (ROOT / "docs" / "requirements").glob("[a-m]-*.md"):
        for rule, kind in re.findall(r"^\| ([A-M]-\d+) \| ([^|]+) \|", page.read_text("utf-8"), re.MULTILINE):
            found[rule] = "CFG" if rule.startswith("J") else kind.strip()
    return found
