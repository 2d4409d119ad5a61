"""The table of rules: it is fresh, it is made from the marks, the packs and the catalogue, and it invents nothing."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.errors import HuifangError
from core.yaml import YamlError
from huifang.commands import rules as command
from tests.last_run import LastRun

pytestmark = pytest.mark.unit
pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[3]
TOOL: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "rules_doc.py"))

CATALOGUE = """\
# A. Call-back programmes

## A1. Plans

| ID | Kind | Rule | Source |
|---|---|---|---|
| A-01 | CFG | Types \\| classes. | x |
| A-02 | FIX | A plan exists. | x |
| A-03 | FIX | Not built. | x |
| A-04 | INFO | Context. | x |
| A-05 | CFG | Carried, read by nobody. | x |
| A-06 | CFG | Other. | x |
| A-07 | FIX | Carried only. | x |
"""
QUESTIONS = """\
# C. Script content

## C2. New account

| ID | Programme | Key | Form | Source |
|---|---|---|---|---|
| C-18 | GAL new | `own` | YN | x |
"""
NEIGHBOURS = """\
# J. Adjacent systems

## J1. Feeds

| ID | Event or data | Source |
|---|---|---|
| J-01 | Designated | x |

## J2. Out of scope

| ID | Function | Source |
|---|---|---|
| J-14 | Custody | x |
"""
NOTES = """\
kinds: {INFO: "context"}
sections: {A1: the planner}
rooms: {gate: dialer/gate.py}
rules:
  A-02: {where: dialer/planning/plan.py}
  J-14: {out_of_scope: money functions}
"""
PACK = """\
pack: P
windows: {every: [09:00-12:00], rule: [A-05, firm]}
programmes:
  new:
    rules: [A-01, A-07]
    coverage:
      - {share: 100%, rule: A-01}
"""
TESTS = """\
import pytest

@pytest.mark.rule("A-01")
@pytest.mark.rule("A-02", "C-18")
def test_it(): pass
"""
PACK_TEST = """\
import pytest

IDS = ["A-01", "A-07"]

@pytest.mark.parametrize("rule", [pytest.param(i, marks=pytest.mark.rule(i)) for i in IDS])
def test_values(rule): pass

def test_other(): pass
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project with a catalogue, a pack and tests."""
    for name, text in {
        "docs/requirements/a-programmes.md": CATALOGUE,
        "docs/requirements/c-script-content.md": QUESTIONS,
        "docs/requirements/j-adjacent-systems.md": NEIGHBOURS,
        "docs/requirements/status.yaml": NOTES,
        "dialer/programmes/packs/P.yaml": PACK,
        "tests/unit/gate/test_gate.py": TESTS,
        "tests/unit/programmes/test_pack_values.py": PACK_TEST,
        "huifang/rules.json": "",
    }.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def made(root: Path) -> dict[str, Any]:
    return {rule.id: rule for rule in TOOL["table"](root)}


# The project's own table


def test_the_table_is_what_the_generator_makes_now() -> None:
    assert TOOL["stale"](ROOT) == [], "run `make docs`"


def test_every_rule_of_the_catalogue_has_one_row() -> None:
    found = [rule["id"] for rule in json.loads((ROOT / "huifang" / "rules.json").read_text("utf-8"))["rules"]]
    assert len(found) == len(set(found)) == 460


def test_every_test_of_the_table_exists() -> None:
    table = json.loads((ROOT / "huifang" / "rules.json").read_text("utf-8"))["rules"]
    named = {tuple(test.split("::")) for rule in table for test in rule["tests"]}
    defined = {path: names(ROOT / path) for path, *_ in named}
    assert {test for test in named if test[-1] not in defined[test[0]]} == set()


def names(path: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds)}


def test_every_place_of_the_notes_exists() -> None:
    notes = TOOL["notes"](ROOT, {rule.id for rule in TOOL["requirements"](ROOT)})
    places = [*notes.rooms.values(), *(note["where"] for note in notes.rules.values() if "where" in note)]
    assert [place for entry in places for place in entry.split(", ") if not (ROOT / place).exists()] == []


def test_the_remarks_name_sections_of_the_catalogue() -> None:
    catalogue = TOOL["requirements"](ROOT)
    notes = TOOL["notes"](ROOT, {rule.id for rule in catalogue})
    assert set(notes.sections) - {TOOL["section_name"](rule) for rule in catalogue} == set()


# How a row is made


@pytest.mark.parametrize(
    ("rule", "status", "where"),
    [
        ("A-01", "configurable", "pack P (programmes.new.coverage.0)"),
        ("A-02", "implemented", "dialer/planning/plan.py"),
        ("A-03", "open", "the planner"),
        ("A-04", "out_of_scope", "context"),
        ("A-05", "open", "the planner"),
        ("A-06", "open", "the planner"),
        ("A-07", "configurable", "pack P (programmes.new)"),
        ("C-18", "implemented", "dialer/gate.py"),
        ("J-01", "open", ""),
        ("J-14", "out_of_scope", "money functions"),
    ],
)
def test_the_status_follows_from_marks_packs_and_notes(tree: Path, rule: str, status: str, where: str) -> None:
    row = made(tree)[rule]
    assert (row.status, row.where) == (status, where)


def test_kind_and_section_are_the_catalogues(tree: Path) -> None:
    rows = made(tree)
    assert (rows["A-02"].kind, rows["A-02"].section) == ("FIX", "A1. Plans")
    assert [rows[rule].kind for rule in ("A-01", "C-18", "J-01", "J-14")] == ["CFG", "CFG", "CFG", "INFO"]


def test_tests_with_a_mark_of_their_own_come_before_the_test_of_all_packs(tree: Path) -> None:
    pack_test = "tests/unit/programmes/test_pack_values.py::test_values"
    assert made(tree)["A-01"].tests == ["tests/unit/gate/test_gate.py::test_it", pack_test]
    assert made(tree)["A-07"].tests == [pack_test]


def test_a_test_counts_more_than_the_reason_of_a_kind(tree: Path) -> None:
    write(tree, "tests/unit/gate/test_more.py", TESTS.replace("A-01", "A-04"))
    assert made(tree)["A-04"].status == "implemented"


def test_no_more_than_three_packs_are_named(tree: Path) -> None:
    for name in ("Q", "R", "S", "T"):
        write(tree, f"dialer/programmes/packs/{name}.yaml", f"pack: {name}\nrule: A-01\n")
    shown = made(tree)["A-01"].where
    assert shown == "packs P (programmes.new.coverage.0), Q (as a whole), R (as a whole) and 2 more"


def test_pack_values_are_found_with_their_place(tree: Path) -> None:
    assert TOOL["pack_places"](tree) == {
        "A-05": [("P", "windows")],
        "A-01": [("P", "programmes.new"), ("P", "programmes.new.coverage.0")],
        "A-07": [("P", "programmes.new")],
    }


# How marks are read


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("@pytest.mark.rule('A-01', 'A-02')\ndef test_x(): pass", {"test_x": {"A-01", "A-02"}}),
        ("@pytest.mark.rule('A-01')\nclass TestY:\n    def test_x(self): pass", {"TestY::test_x": {"A-01"}}),
        ("pytestmark = [pytest.mark.rule('A-01')]\ndef test_x(): pass", {"test_x": {"A-01"}}),
        (
            "@pytest.mark.parametrize('x', [1, pytest.param(2, marks=pytest.mark.rule('A-01'))])\ndef test_x(x): pass",
            {"test_x": {"A-01"}},
        ),
        (
            "P = [pytest.param(2, marks=pytest.mark.rule('A-01'))]\n"
            "@pytest.mark.parametrize('x', P)\ndef test_x(x): pass\n"
            "def test_y(): pass",
            {"test_x": {"A-01"}},
        ),
        (
            "P = [pytest.param(2, marks=[pytest.mark.rule(r) for r in ('A-01', 'A-02')])]\n"
            "pytestmark = pytest.mark.rule('A-03')\n"
            "@pytest.mark.parametrize(argnames='x', argvalues=P)\ndef test_x(x): pass",
            {"test_x": {"A-01", "A-02", "A-03"}},
        ),
        (
            "rule = pytest.mark.rule\n"
            "class TestY:\n    @rule('A-01')\n    async def test_x(self): pass\n    def test_z(self): pass",
            {"TestY::test_x": {"A-01"}},
        ),
        ("text = 'pytest.mark.rule(x)'\ndef test_x(): pass", {}),
        ("def test_x(): pass", {}),
    ],
)
def test_marks_are_read_wherever_they_stand(tmp_path: Path, source: str, found: dict[str, set[str]]) -> None:
    path = write(tmp_path, "test_some.py", f"import pytest\n{source}\n")
    assert TOOL["marks_of_module"](path) == found


# What is refused


def test_a_mark_with_an_unknown_id_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "tests/unit/gate/test_more.py", TESTS.replace("A-01", "A-001"))
    assert TOOL["main"](["--check"], tree) == 1
    assert "tests/unit/gate/test_more.py::test_it: 'A-001' is no id" in capsys.readouterr().err


def test_a_pack_with_an_unknown_id_is_refused(tree: Path) -> None:
    write(tree, "dialer/programmes/packs/Q.yaml", "pack: Q\ncaps:\n  - {most: 2, rule: B-99}\n")
    with pytest.raises(HuifangError, match=r"pack Q, caps\.0: B-99 is no id"):
        TOOL["table"](tree)


def test_a_rule_that_is_out_of_scope_and_shown_all_the_same_is_refused(tree: Path) -> None:
    write(tree, "docs/requirements/status.yaml", "rules: {A-02: {out_of_scope: not ours}}\n")
    with pytest.raises(HuifangError, match=r"A-02 is called out of scope, but .*test_gate.py::test_it shows it"):
        TOOL["table"](tree)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules:\n  A-99: {note: x}\n", r"status\.yaml:2:3: A-99 is no id"),
        ("rules:\n  A-01: {reason: x}\n", r"status\.yaml:2:10: unknown key 'reason'"),
        ("kind: {}\n", r"status\.yaml:1:1: unknown key 'kind'"),
    ],
)
def test_notes_about_nothing_are_refused(tree: Path, text: str, complaint: str) -> None:
    write(tree, "docs/requirements/status.yaml", text)
    with pytest.raises(YamlError, match=complaint):
        TOOL["table"](tree)


# The two files


def test_a_stale_table_is_found(tree: Path) -> None:
    assert TOOL["main"]([], tree) == 0
    assert TOOL["main"](["--check"], tree) == 0
    write(tree, "tests/unit/gate/test_more.py", TESTS.replace("A-01", "A-03"))
    assert TOOL["main"](["--check"], tree) == 1
    assert TOOL["stale"](tree) == [tree / "docs/rules.md", tree / "huifang/rules.json"]


def test_a_missing_table_is_stale(tree: Path) -> None:
    assert tree / "docs/rules.md" in TOOL["stale"](tree)


def test_page_and_data_tell_the_same(tree: Path) -> None:
    TOOL["main"]([], tree)
    data = json.loads((tree / "huifang/rules.json").read_text("utf-8"))
    page = (tree / "docs/rules.md").read_text("utf-8")
    assert data["counts"] == {"implemented": 2, "configurable": 2, "out_of_scope": 2, "open": 4}
    assert set(data["rules"][0]) == {"id", "section", "kind", "status", "where", "tests"}
    assert "| all | 10 | 2 | 2 | 2 | 4 |" in page
    assert "## [A. Call-back programmes](requirements/a-programmes.md)" in page
    assert "| A-02 | FIX | implemented | dialer/planning/plan.py | 1: `test_gate.py::test_it` |" in page


# The command


@pytest.fixture
def house(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small project, and the command told to read its table."""
    TOOL["main"]([], tree)
    monkeypatch.setattr(command, "TABLE", tree / "huifang/rules.json")
    monkeypatch.setattr(command, "LAST_RUN", tree / "var/last-run.json")
    return tree


def printed(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CliRunner().invoke(command.rules, ["--json", *arguments]).stdout)
    return found


def test_without_a_full_run_the_command_prints_the_table(house: Path) -> None:
    assert printed() == json.loads((house / "huifang/rules.json").read_text("utf-8"))


def test_a_test_that_did_not_pass_shows_nothing(house: Path) -> None:
    kept = "tests/unit/programmes/test_pack_values.py::test_values"
    write(house, "var/last-run.json", json.dumps({"passed": [kept]}))
    found = {rule["id"]: rule for rule in printed()["rules"]}
    assert found["A-01"]["status"] == "configurable"
    assert found["A-01"]["tests"] == [kept]
    assert (found["A-02"]["status"], found["A-02"]["tests"]) == ("open", [])
    assert found["J-14"]["status"] == "out_of_scope"
    assert printed()["counts"] == {"implemented": 0, "configurable": 2, "out_of_scope": 2, "open": 6}
    assert "3 entries left out" in CliRunner().invoke(command.rules, ["--json"]).stderr


def test_the_command_narrows_to_a_group_and_a_status(house: Path) -> None:
    assert [rule["id"] for rule in printed("--group", "C")["rules"]] == ["C-18"]
    assert [rule["id"] for rule in printed("--group", "a", "--status", "open")["rules"]] == ["A-03", "A-05", "A-06"]


def test_the_command_prints_a_table_for_people(house: Path) -> None:
    shown = CliRunner().invoke(command.rules, ["--group", "J"])
    assert shown.exit_code == 0
    assert "out of scope" in shown.stdout
    assert "0 implemented, 0 configurable, 1 out of scope, 1 open" in shown.stdout


# What a full run leaves

SOME_TESTS = """
import pytest

def test_good(): pass
def test_bad(): assert 0
@pytest.mark.parametrize("n", [1, 2])
def test_half(n): assert n == 1
@pytest.mark.parametrize("n", [1, 2])
def test_all(n): pass
@pytest.fixture
def broken():
    yield
    raise ValueError
def test_that_breaks_after(broken): pass
"""


def left_by_a_run(pytester: pytest.Pytester, *arguments: str) -> list[str] | None:
    write(pytester.path, "tests/test_some.py", SOME_TESTS)
    target = pytester.path / "var" / "last-run.json"
    pytester.inline_run(*arguments, plugins=[LastRun(pytester.path / "tests", target)])
    return json.loads(target.read_text("utf-8"))["passed"] if target.exists() else None


def test_a_full_run_leaves_the_tests_that_passed_with_every_parameter(pytester: pytest.Pytester) -> None:
    assert left_by_a_run(pytester, "tests") == ["tests/test_some.py::test_all", "tests/test_some.py::test_good"]


def test_a_run_without_arguments_is_full_when_the_project_says_where_its_tests_are(pytester: pytest.Pytester) -> None:
    write(pytester.path, "pytest.ini", "[pytest]\ntestpaths = tests\n")
    assert left_by_a_run(pytester) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("tests/test_some.py",),
        ("tests", "-k", "good"),
        ("tests", "-m", "not rule"),
        ("tests", "--deselect", "tests/test_some.py::test_bad"),
        ("tests", "--ignore", "tests/test_other.py"),
        ("tests", "-x"),
        ("tests", "--lf"),
        ("tests", "--collect-only"),
    ],
)
def test_a_run_of_some_tests_leaves_nothing(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    assert left_by_a_run(pytester, *arguments) is None


def test_a_run_that_cannot_load_a_module_leaves_nothing(pytester: pytest.Pytester) -> None:
    write(pytester.path, "tests/test_broken.py", "import nothing_like_this\n")
    assert left_by_a_run(pytester, "tests") is None
