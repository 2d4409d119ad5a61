"""The commands about the firm's own matters: calendar, gates, duties."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.db import Database
from dialer.tables import Callback, Duty, DutyState, Staff
from huifang.commands import cli

pytestmark = pytest.mark.unit

NOTICE = """title: 2027年节假日安排
year: 2027
source: 国务院办公厅
holidays: ["2027-01-01..2027-01-03", "2027-02-05..2027-02-11"]
makeup: ["2027-02-14"]
"""


@pytest.fixture
def site(tmp_path: Path, owe: Callable[..., Callback]) -> Path:
    """A site under demo_firm with one callback, one duty and a member of staff who leaves."""
    config = tmp_path / "huifang.toml"
    config.write_text(
        f'[firm]\npack = "demo_firm"\ncalendar = "{tmp_path / "2027.yaml"}"\n[storage]\nvar = "{tmp_path / "var"}"\n',
        encoding="utf-8",
    )
    (tmp_path / "2027.yaml").write_text(NOTICE, encoding="utf-8")
    db = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    db.migrate()
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    with db.write() as session:
        callback = owe(session)
        session.add(Staff(staff_id="S9", name="某", branch="北京", series="broker", languages=[]))
        session.add(
            Duty(
                duty_id="D1",
                key="k",
                kind="work_order",
                client_id="C1",
                callback_id=callback.callback_id,
                programme="new_account",
                outcome="problem",
                to=["branch"],
                contents=[],
                channel="",
                words="",
                rule="D-12",
                due_at=at,
                state=DutyState.OPEN,
                created_at=at,
                note="",
            )
        )
    db.close()
    return config


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


def test_the_calendar_shows_the_firms_own_notice_and_what_is_not_known(site: Path) -> None:
    days = {one["day"]: one for one in json.loads(run(site, "calendar", "show", "--month", "2027-02", "--json").output)}
    assert (days["2027-02-05"]["working_day"], days["2027-02-14"]["working_day"]) == ("no", "yes")
    beyond = json.loads(run(site, "calendar", "show", "--month", "2028-02", "--json").output)
    assert {one["working_day"] for one in beyond} == {"unknown"}


def test_a_notice_is_checked_before_it_is_used(site: Path, tmp_path: Path) -> None:
    good = run(site, "calendar", "check", str(tmp_path / "2027.yaml"))
    assert good.exit_code == 0
    assert "2027年节假日安排: in order" in good.output
    bad = tmp_path / "bad.yaml"
    bad.write_text(NOTICE.replace("2027-02-14", "2027-02-30"), encoding="utf-8")
    refused = run(site, "calendar", "check", str(bad))
    assert refused.exit_code != 0
    assert "bad.yaml:5:" in str(refused.exception)


@pytest.mark.rule("A-91")
@pytest.mark.rule("D-08")
def test_the_departure_gate_is_shut_until_compliance_has_concluded(site: Path) -> None:
    shut = run(site, "gates", "departure", "S9", "--json")
    assert shut.exit_code == 3
    assert [reason["code"] for reason in json.loads(shut.output)["reasons"]] == ["no_conclusion"]
    assert run(site, "gates", "conclude", "S9", "--text", "未发现问题", "--by", "compliance").exit_code == 0
    assert run(site, "gates", "departure", "S9").output.strip() == "open"


@pytest.mark.rule("D-24")
def test_a_handled_problem_owes_the_client_feedback(site: Path) -> None:
    (duty,) = json.loads(run(site, "duties", "list", "--json").output)
    assert (duty["duty_id"], duty["kind"], duty["overdue"]) == ("D1", "work_order", True)
    handled = run(site, "duties", "done", "D1", "--by", "S9", "--note", "已处理")
    assert "now owed: feedback" in handled.output
    (left,) = json.loads(run(site, "duties", "list", "--json").output)
    assert run(site, "duties", "cancel", left["duty_id"], "--by", "S9", "--note", "重复").exit_code == 0
    assert "0 duties" in run(site, "duties", "list").output
    assert run(site, "duties", "done", "D1", "--by", "S9").exit_code != 0
