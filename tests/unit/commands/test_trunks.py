"""The command about trunks: how they stand, and taking one out for maintenance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.db import Database
from core.errors import HuifangError
from dialer.tables import Attempt, Callback, TrunkHealthRow
from huifang.commands import cli

pytestmark = pytest.mark.unit

AT = datetime.now(UTC)


@pytest.fixture
def run(tmp_path: Path, owe: Callable[..., Callback]) -> Callable[..., Result]:
    """``run("drain", "a")`` at a site with two trunks, one live call over the first and one that ended there."""
    config = tmp_path / "huifang.toml"
    config.write_text(
        f'[storage]\nvar = "{tmp_path / "var"}"\n'
        '[trunk.a]\naddress = "127.0.0.1:5070"\npassword = "geheim"\n[trunk.b]\naddress = "127.0.0.1:5080"\n',
        encoding="utf-8",
    )
    db = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    db.migrate()
    with db.write() as session:
        owe(session)
        _attempt = {"callback_id": "B1", "client_id": "C1", "node": "n1", "phone": "13900000001", "gate": {}}
        rest = {"flow": "f", "flow_hash": "f", "language": "zh-CN", "sip_reasons": [], "provisionals": []}
        for name, changed in {"X1": {"state": "live"}, "X2": {"state": "ended", "disposition": "answered"}}.items():
            ended = AT if changed["state"] == "ended" else None
            session.add(
                Attempt(attempt_id=name, started_at=AT, ended_at=ended, trunk="a", **_attempt, **rest, **changed)
            )
        session.add(TrunkHealthRow(trunk="a", node="n1", registered=None, reachable=False, detail="timeout", at=AT))
    db.close()

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--config", str(config), "trunks", *arguments])

    return call


def test_the_trunks_are_told_as_json_without_their_passwords(run: Callable[..., Result]) -> None:
    told = run("--json")
    first, second = json.loads(told.output)["trunks"]
    assert (first["name"], first["state"], first["in_use"], first["channels"]) == ("a", "closed", 1, 30)
    assert (first["dispositions"], first["answer_ratio"], first["faults"]) == ({"answered": 1}, 1.0, 0)
    assert [(one["node"], one["registered"], one["reachable"]) for one in first["health"]] == [("n1", None, False)]
    assert (second["name"], second["answer_ratio"], second["health"]) == ("b", None, [])
    assert "geheim" not in told.output + run().output


def test_a_trunk_is_drained_and_says_how_many_calls_are_left(run: Callable[..., Result]) -> None:
    assert run("drain", "a", "--by", "ops").output == "a is drained; calls that are left: 1\n"
    assert "already" in run("drain", "a", "--by", "ops").output
    assert json.loads(run("--json").output)["trunks"][0]["state"] == "drained"
    assert run("undrain", "a", "--by", "ops").output == "a is in use again\n"
    assert run("undrain", "a", "--by", "ops").output == "a was not drained\n"


def test_a_name_that_nobody_knows_is_refused(run: Callable[..., Result]) -> None:
    refused = run("drain", "c", "--by", "ops")
    assert isinstance(refused.exception, HuifangError)
    assert "huifang trunks" in str(refused.exception)
