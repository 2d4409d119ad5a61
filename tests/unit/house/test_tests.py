"""The tests themselves: one category a module. The rules they name are in test_rules.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
CATEGORIES = ("unit", "contract", "integration", "browser")
MODULES = sorted((ROOT / "tests").rglob("test_*.py"))


def categories(source: str) -> list[str]:
    """The categories named by the module's ``pytestmark``."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            return [c for c in CATEGORIES if re.search(rf"\bpytest\.mark\.{c}\b", ast.unparse(node.value))]
    return []


def test_every_test_module_declares_the_category_of_its_folder() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in MODULES
        if (found := categories(path.read_text("utf-8"))) != [path.relative_to(ROOT / "tests").parts[0]]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("pytestmark = pytest.mark.unit\n", ["unit"]),
        ("pytestmark = [pytest.mark.unit, pytest.mark.browser]\n", ["unit", "browser"]),
        ("pytestmark = pytest.mark.timeout(3)\n", []),
        ("x = pytest.mark.unit\n", []),
    ],
)
def test_categories_are_read_from_the_module_mark_only(source: str, found: list[str]) -> None:
    assert categories(source) == found
