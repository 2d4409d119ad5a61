"""`huifang flow test`: a table and sentences for people, JSON for programs, exit 1 when a call goes otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huifang.commands import rehearse
from huifang.context import Context
from ivr_flows.model import Flow, Prompt
from ivr_flows.prompts import Catalogue
from ivr_flows.rehearsal import Rehearsals, of_text

pytestmark = pytest.mark.unit

Run = Callable[..., Result]


class Unrendered(Catalogue):
    """Scripts are rehearsed here whether or not their audio is there."""

    def missing(self, flow: Flow) -> list[Prompt]:
        return []


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("new_account", "--json")`` at a site without recordings of its own."""
    config = tmp_path / "huifang.toml"
    config.write_text(f'[storage]\nvar = "{tmp_path / "var"}"\n', encoding="utf-8")
    monkeypatch.setattr(rehearse, "Catalogue", Unrendered)
    return lambda *arguments: CliRunner().invoke(rehearse.test, arguments, obj=Context(config))


def test_a_script_whose_scenarios_go_as_told_is_in_order(run: Run) -> None:
    done = run("existing_client")
    assert done.exit_code == 0, done.output
    assert "existing_client" in done.output


def test_json_holds_every_scenario_with_its_ending_and_what_nobody_walked(run: Run) -> None:
    done = run("existing_client", "--json")
    chinese, english = sorted(json.loads(done.stdout), key=lambda one: one["language"], reverse=True)
    assert (chinese["language"], english["language"]) == ("zh-CN", "en")
    usual = next(one for one in chinese["scenarios"] if one["scenario"] == "usual")
    assert (usual["outcome"], usual["passed"], usual["problems"]) == ("passed", True, [])
    assert chinese["lacking"] == []
    assert 0 < chinese["coverage"] < 1
    assert chinese["not_walked"]


def test_one_scenario_may_be_chosen(run: Run) -> None:
    done = run("existing_client", "--scenario", "refuses", "--json")
    assert done.exit_code == 0
    assert [[one["scenario"] for one in script["scenarios"]] for script in json.loads(done.stdout)] == [["refuses"]] * 2


@pytest.mark.parametrize(("arguments", "code"), [(("nobody",), 2), (("existing_client", "--scenario", "nobody"), 1)])
def test_what_is_not_there_is_no_success(arguments: tuple[str, ...], code: int, run: Run) -> None:
    assert run(*arguments).exit_code == code


def test_what_goes_otherwise_and_what_lacks_is_told_and_no_success(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(flow: Flow) -> Rehearsals:
        return of_text("flow: existing_client\nclient: {client_name: x}\nanswers: {identity: 1}\n", "x.yaml", flow)

    monkeypatch.setattr(rehearse, "of_flow", wrong)
    done = run("existing_client")
    assert done.exit_code == 1
    assert "existing_client en usual: the client of the scenario is incomplete" in done.output
    assert "existing_client en: no scenario of the kind wish" in done.output


def test_a_scenario_file_with_a_fault_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "of_flow", lambda flow: of_text("flow: existing_client", "x.yaml", flow))
    done = run("existing_client")
    assert done.exit_code == 1
    assert "x.yaml:1:1: missing-key" in done.output
