"""The commands of a script's life: two logins bring it into use, one alone does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from core.clock import SystemClock
from core.db import Database
from core.errors import HuifangError
from huifang.commands.flows_life import LIFE, NothingNamed
from huifang.context import Context
from ivr_flows import register
from ivr_flows.loader import load_flow, load_sources
from ivr_flows.register import ChangedMeanwhile, Hand, SamePerson, UnknownVersion
from web.flows.people import NotAllowed
from web.tables import Role
from web.users import add_user

pytestmark = pytest.mark.unit

NAME = "hen_survey"
Run = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The settings of a new site with an author, an auditor, and the same person as author and auditor."""
    path = tmp_path / "huifang.toml"
    path.write_text(f'[storage]\nvar = "{tmp_path / "var"}"\n')
    people = (
        ("wang", Role.AUTHOR, None),
        ("li", Role.AUDITOR, None),
        ("zhao", Role.AUTHOR, "S1"),
        ("zhao2", Role.AUDITOR, "S1"),
    )
    with Context(path) as context, context.db.write() as session:
        for login, role, staff in people:
            add_user(
                session, login=login, name=login, role=role, password=None, staff_id=staff, language=None,
                at=SystemClock().now(),
            )  # fmt: skip
    return path


@pytest.fixture
def run(site: Path) -> Run:
    """``run("list", "--json")``: the result of one command; an error of ours is raised."""
    group = click.Group(commands=list(LIFE))

    def call(*arguments: str) -> Result:
        with Context(site) as context:
            result = CliRunner().invoke(group, arguments, obj=context)
        if isinstance(result.exception, HuifangError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return call


def told(result: Result) -> list[dict[str, object]]:
    """What --json printed."""
    found: list[dict[str, object]] = json.loads(result.output)
    return found


@pytest.mark.rule("C-08", "E-13")
def test_two_persons_bring_a_script_into_use(run: Run) -> None:
    assert [row["state"] for row in told(run("submit", NAME, "--by", "wang", "--json"))] == ["submitted"] * 2
    assert NAME in run("approve", NAME, "--by", "li").output
    rows = told(run("list", NAME, "--json"))
    assert {row["state"] for row in rows} == {"approved"}
    assert {row["language"] for row in rows} == {"zh-CN", "en"}
    listed = {row["name"]: row for row in told(run("list", "--json"))}
    assert listed[NAME]["state"] == "approved"
    assert listed["gal_special"]["state"] == "draft"
    assert "no difference" in run("diff", NAME).output


@pytest.mark.rule("E-13")
def test_one_person_does_not_even_with_two_logins(run: Run) -> None:
    run("submit", NAME, "--as", "zhao")
    with pytest.raises(SamePerson):
        run("approve", NAME, "--by", "zhao2")
    for command, login in (("approve", "wang"), ("submit", "li"), ("approve", "nobody")):
        with pytest.raises(NotAllowed):
            run(command, NAME, "--by", login)


def test_a_new_site_brings_all_shipped_scripts_into_use_with_two_commands(run: Run) -> None:
    run("submit", "--all", "--by", "wang")
    run("approve", "--all", "--by", "li")
    assert {row["state"] for row in told(run("list", "--json"))} == {"approved"}
    assert "nothing to be submitted" in run("submit", "--all", "--by", "wang").output


def test_a_script_whose_file_was_changed_is_approved_by_its_hash_only(run: Run, tmp_path: Path) -> None:
    flow = load_flow(NAME, "zh-CN")
    closing = flow.sources["passages/closing.yaml"].replace("再见", "再会")
    other = load_sources({**flow.sources, "passages/closing.yaml": closing}, NAME, "zh-CN", flow.company)
    database = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    with database.write() as session:
        register.submit(session, [other], by=Hand("user:9", "user:9"), at=SystemClock().now())
    database.close()
    with pytest.raises(ChangedMeanwhile, match="the file of hen_survey was changed"):
        run("approve", NAME, "--by", "li")
    run("approve", other.hash[:10], "--by", "li")
    assert "再[会]" in run("diff", NAME).output
    assert told_steps(run("diff", NAME, "--json")) == ["closing"]


def told_steps(result: Result) -> list[str]:
    """The steps that differ."""
    return [change["step"] for change in json.loads(result.output)["steps"]]


def test_a_retired_script_is_not_dialed_and_says_why(run: Run) -> None:
    run("submit", NAME, "--by", "wang")
    run("approve", NAME, "--by", "li")
    run("retire", NAME, "--by", "li", "--note", "wrong words")
    assert {(row["state"], row["note"]) for row in told(run("list", NAME, "--json"))} == {("retired", "wrong words")}
    assert "2 versions" in run("list", NAME).output


def test_what_nobody_knows_and_what_nobody_named_is_refused(run: Run) -> None:
    with pytest.raises(UnknownVersion):
        run("submit", "nothing_of_the_kind", "--by", "wang")
    with pytest.raises(UnknownVersion):
        run("approve", NAME, "--by", "li")
    with pytest.raises(NothingNamed):
        run("approve", "--by", "li")
