"""The rules of the requirements and what became of them: the table that ``make docs`` made, told to people or as data.

A checkout that holds the result of a full test run (var/last-run.json) believes it more than the table: a test that did
not pass there shows nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from huifang.output import console, print_json, print_table

TABLE = Path(__file__).resolve().parent.parent / "rules.json"
LAST_RUN = TABLE.parent.parent / "var" / "last-run.json"
STATUSES = ("implemented", "configurable", "out_of_scope", "open")
SHOWN_BY_TESTS = ("implemented", "configurable")
NOT_PASSED = "no test of it passed in the last full run"

Rule = dict[str, Any]


@click.command()
@click.option("--group", type=click.Choice(list("ABCDEFGHIJ"), case_sensitive=False), help="Only this group.")
@click.option("--status", type=click.Choice(STATUSES), help="Only rules of this status.")
@click.option("--json", "as_json", is_flag=True)
def rules(group: str | None, status: str | None, as_json: bool) -> None:
    """List the rules of the requirements: built, configurable in a pack, out of scope or open, and the tests."""
    table: list[Rule] = json.loads(TABLE.read_text(encoding="utf-8"))["rules"]
    passed = passed_tests(LAST_RUN)
    shown = table if passed is None else [narrowed(rule, passed) for rule in table]
    if dropped := sum(len(rule["tests"]) for rule in table) - sum(len(rule["tests"]) for rule in shown):
        click.echo(f"{dropped} entries left out: these tests did not pass in the last full run ({LAST_RUN})", err=True)
    shown = [rule for rule in shown if (group or rule["id"])[0] == rule["id"][0] and status in {None, rule["status"]}]
    if as_json:
        print_json({"rules": shown, "counts": counts(shown)})
    else:
        _print(shown)


def passed_tests(path: Path) -> set[str] | None:
    """The tests that passed in the last full run, None where no such run is known."""
    return set(json.loads(path.read_text(encoding="utf-8"))["passed"]) if path.is_file() else None


def narrowed(rule: Mapping[str, Any], passed: set[str]) -> Rule:
    """``rule`` with the tests that passed; open when it is shown by tests and none of them did."""
    tests = [test for test in rule["tests"] if test in passed]
    if rule["status"] in SHOWN_BY_TESTS and not tests:
        return {**rule, "tests": tests, "status": "open", "where": NOT_PASSED}
    return {**rule, "tests": tests}


def counts(shown: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Status -> number of rules, every status named."""
    found = Counter(rule["status"] for rule in shown)
    return {status: found[status] for status in STATUSES}


def _print(shown: list[Rule]) -> None:
    rows = [(rule["id"], rule["kind"], _words(rule["status"]), rule["where"], len(rule["tests"])) for rule in shown]
    print_table("rules", ["id", "kind", "status", "where", "tests"], rows)
    console().print(", ".join(f"{number} {_words(status)}" for status, number in counts(shown).items()))


def _words(status: str) -> str:
    return status.replace("_", " ")


COMMANDS = (rules,)
