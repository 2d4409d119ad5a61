"""The configurations in docs/interop: the tests run what the pages show, there is no second copy."""

from __future__ import annotations

import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs" / "interop"


def block(page: str, name: str, **changes: str) -> str:
    """The fenced block called ``name`` on ``page``, with addresses (or anything else) replaced as ``changes`` says.

    The keys of ``changes`` cannot be written as names, so they are given as ``**{"192.0.2.10:5060": "..."}``.
    """
    text = (PAGES / page).read_text(encoding="utf-8")
    found = re.findall(rf"^```\S+ {re.escape(name)}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{page} has {len(found)} blocks called {name}"
    for old, new in changes.items():
        assert old in found[0], f"{old!r} is not in {name}"
        found[0] = found[0].replace(old, new)
    return found[0]
