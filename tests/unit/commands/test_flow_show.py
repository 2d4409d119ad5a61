"""`huifang flow show --svg`: the picture of a script, with what rehearsals walk and what real calls did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from huifang.commands.scripts import flow
from huifang.context import Context

pytestmark = pytest.mark.unit

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("show", "existing_client", "--svg")`` at an empty site."""
    config = tmp_path / "huifang.toml"
    config.write_text(f'[storage]\nvar = "{tmp_path / "var"}"\n', encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(flow, arguments, obj=Context(config))


def test_the_picture_is_one_document_on_its_own(run: Run) -> None:
    done = run("show", "existing_client", "--svg")
    assert done.exit_code == 0, done.output
    assert ElementTree.fromstring(done.stdout).tag.endswith("svg")
    assert "prefers-color-scheme" in done.stdout


def test_rehearsals_and_calls_are_drawn_when_they_are_asked_for(run: Run) -> None:
    told = run("show", "existing_client", "--svg", "--coverage", "--calls", "--since", "2026-11-01")
    assert told.exit_code == 0, told.output
    assert "0 calls" in told.stdout
    assert "walked" in told.stdout


def test_what_belongs_to_the_picture_is_refused_without_it(run: Run) -> None:
    done = run("show", "existing_client", "--calls")
    assert done.exit_code == 2
    assert "--svg" in done.output
