"""`huifang pacing` and its export, as others script against them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.clock import SystemClock
from core.db import Database
from dialer.tables import Agent, AgentState, Attempt, Callback, Handoff, Item, Staff
from huifang.commands import cli
from tests.approving import approve

pytestmark = pytest.mark.unit

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, owe: Callable[..., Callback], an_attempt: Callable[..., Attempt]) -> Run:
    """``run("export")`` at a site with one agent at hand and one answered call of today, abandoned."""
    config = tmp_path / "huifang.toml"
    config.write_text(f'[firm]\npack = "demo_firm"\n[storage]\nvar = "{tmp_path / "var"}"\n', "utf-8")
    database = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    database.migrate()
    at = SystemClock().now()
    with database.write() as session:
        callback = owe(session)
        approve(session, ["new_account"], at)
        dates = {"due_on": callback.due_on, "due_at": callback.due_at, "planned_on": callback.due_on}
        ids = {"item_id": "I1", "callback_id": "B1", "pack": "demo_firm", "programme": "new_account"}
        session.add(
            Item(**ids, **dates, rule_ids=[], trigger="t", trigger_key="k", deadline_unit="d", flow="new_account")
        )
        session.add(Staff(staff_id="S1", name="坐席", branch="北京", series="callcentre", languages=["zh-CN"]))
        session.flush()
        session.add(Agent(staff_id="S1", sip_uri="sip:1@pbx", state=AgentState.FREE, state_since=at))
        session.add(an_attempt(state="ended", started_at=at, answered_at=at, ended_at=at + timedelta(seconds=60)))
        session.flush()
        asked = at + timedelta(seconds=20)
        session.add(
            Handoff(handoff_id="H1", attempt_id="A1", reason="key", requested_at=asked, tried=[], result="nobody_free")
        )
    database.close()

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--config", str(config), "pacing", *arguments], catch_exceptions=False)

    return call


def test_the_state_of_pacing_has_the_documented_shape(run: Run) -> None:
    told = json.loads(run("--json").output)
    assert set(told) == {"at", "rules", "agents", "live", "flows", "ledger", "today"}
    assert told["agents"] == {"on_duty": 1, "at_hand": 1}
    flow = next(one for one in told["flows"] if (one["flow"], one["language"]) == ("new_account", "zh-CN"))
    assert flow["needs"] == "maybe"
    assert flow["chance"] == pytest.approx(2 / 3, abs=0.001)
    assert flow["more_calls"] == 1
    line = told["ledger"][0]
    assert (line["programme"], line["answered"], line["lost"], line["of_persons"]) == ("new_account", 1, 1, 1.0)
    assert line["bears_one_more"] is None
    assert [one["abandoned"] for one in told["today"]] in ([1], [])  # midnight may have passed


def test_people_read_the_same_as_tables(run: Run) -> None:
    told = run().output
    assert "progressive: 1 of 1 agents on duty at hand" in told
    assert "abandoned calls of 30 days, limit 3.00%" in told


def test_the_export_is_a_table_of_days_and_programmes(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "ledger.csv"
    assert run("export", "--days", "2", "--out", str(out)).exit_code == 0
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [(row["programme"], row["answered"], row["abandoned"], row["of_asked"]) for row in rows] == [
        ("new_account", "1", "1", "1.0")
    ]
