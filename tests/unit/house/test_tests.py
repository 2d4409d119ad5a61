"""The tests themselves: one category a module, and every rule they name exists."""

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


def named_rules(source: str) -> set[str]:
    """The ids of every ``pytest.mark.rule(...)``; where an id is a variable, every id that the module holds."""
    tree = ast.parse(source)
    arguments = [
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule"
        for argument in node.args
    ]
    named = {str(argument.value) for argument in arguments if isinstance(argument, ast.Constant)}
    if len(named) < len({ast.unparse(argument) for argument in arguments}):
        strings = (str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant))
        named |= {text for text in strings if re.fullmatch(r"[A-M]-\d+", text)}
    return named


def known_rules() -> set[str]:
    pages = (ROOT / "docs" / "requirements").glob("*.md")
    return {rule for page in pages for rule in re.findall(r"^\|\s*([A-M]-\d+)\s*\|", page.read_text("utf-8"), re.M)}


def test_every_test_module_declares_the_category_of_its_folder() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in MODULES
        if (found := categories(path.read_text("utf-8"))) != [path.relative_to(ROOT / "tests").parts[0]]
    }
    assert wrong == {}


def test_every_rule_that_a_test_names_stands_in_the_requirements() -> None:
    known = known_rules()
    named = {(rule, path.name) for path in MODULES for rule in named_rules(path.read_text("utf-8"))}
    assert {(rule, name) for rule, name in named if rule not in known} == set()


def test_the_requirements_are_all_there() -> None:
    assert len(known_rules()) > 400


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


def test_rule_ids_are_read_from_marks_and_from_tables_of_marks() -> None:
    table = '@pytest.mark.rule("A-20", "no id")\ndef test_x(): pass\n'
    assert named_rules(table) == {"A-20", "no id"}
    assert named_rules('IDS = ["B-08", "text"]\nmarks = [pytest.mark.rule(i) for i in IDS]\n') == {"B-08"}
