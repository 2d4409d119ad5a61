"""docs/lines.md says what each engine can; the contract skips by the same declarations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.line.engines import CAPABILITIES, ENGINES

pytestmark = pytest.mark.unit

PAGE = Path("docs/lines.md")
BEGIN, END = "<!-- capabilities: begin -->", "<!-- capabilities: end -->"


def table():
    """The table as the declarations have it."""
    names = sorted(ENGINES)
    rows = [f"| Capability | | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for capability, meaning in CAPABILITIES.items():
        cells = ["no" if capability in ENGINES[name].cannot else "yes" for name in names]
        rows.append(f"| {capability} | {meaning} | {' | '.join(cells)} |")
    reasons = [
        f"* {name}, {capability}: {reason}." for name in names for capability, reason in ENGINES[name].cannot.items()
    ]
    return "\n".join([*rows, "", "What they cannot, and why:", "", *reasons])


def test_the_page_has_the_table_that_the_contract_declares():
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(), f"write this into {PAGE}:\n{table()}"


def test_every_declared_inability_is_a_capability():
    assert [cannot for engine in ENGINES.values() for cannot in engine.cannot if cannot not in CAPABILITIES] == []


def test_every_capability_is_asked_for_by_some_test():
    source = "".join(path.read_text(encoding="utf-8") for path in Path("tests/contract/line").glob("test_*.py"))
    asked = {
        name for marks in re.findall(r"mark\.needs\(([^)]*)\)", source) for name in re.findall(r'"([^"]+)"', marks)
    }
    assert asked == set(CAPABILITIES)
