"""`huifang nodes`: what runs where, in words and as data; draining by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.clock import SystemClock
from core.db import Database
from core.errors import HuifangError
from dialer.nodes import leadership, registry
from huifang.commands import cli
from tests.unit.nodes.conftest import N1, N2

pytestmark = pytest.mark.unit


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A site on which n1 leads and n2 has stopped."""
    path = tmp_path / "huifang.toml"
    path.write_text(f'[storage]\nvar = "{tmp_path}"\n', "utf-8")
    db = Database(f"sqlite:///{tmp_path / 'huifang.db'}")
    db.migrate()
    now = SystemClock().now()
    with db.write() as session:
        for me in (N1, N2):
            registry.register(session, me, now)
        registry.heartbeat(session, N1, now, calls=7, figures={"late_100ms": 3, "starved_frames": 5})
        registry.stop(session, N2, now)
        leadership.hold(session, leadership.JOBS, N1, now)
    db.close()
    return path


def run(config: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--config", str(config), "nodes", *arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


def test_nodes_are_listed_as_data(config: Path) -> None:
    told = {one["name"]: one for one in json.loads(run(config, "--json"))["nodes"]}
    assert set(told) == {"n1", "n2"}
    assert (told["n1"]["state"], told["n1"]["calls"], told["n1"]["leads"]) == ("up", 7, True)
    assert told["n1"]["figures"] == {"late_100ms": 3, "starved_frames": 5}
    assert (told["n2"]["state"], told["n2"]["leads"]) == ("stopped", False)
    assert 0 <= told["n1"]["silent_s"] < 600


def test_nodes_are_listed_in_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    told = run(config)
    assert "host-a" in told
    assert "stopped" in told


def test_a_node_is_drained_and_taken_back_by_name(config: Path) -> None:
    assert "n1 dials nothing new" in run(config, "drain", "n1")
    assert "n1 is not dialing" in run(config, "drain", "n1")
    assert json.loads(run(config, "--json"))["nodes"][0]["state"] == "draining"
    assert "n1 dials again" in run(config, "undrain", "n1")
    assert "n2 is not drained" in run(config, "undrain", "n2")


def test_a_name_that_is_none_is_refused_with_a_remedy(config: Path) -> None:
    with pytest.raises(HuifangError, match="has ever registered"):
        run(config, "drain", "n7")
