"""`huifang pack`: list, check and new, as people and scripts use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer.programmes.load import load_pack, shipped_packs
from huifang.commands import cli

pytestmark = pytest.mark.unit

MONTHLY = """\
pack: firm
extends: demo_firm
programmes:
  monthly:
    title: 月度回访
    rules: [A-60]
    trigger: {period: month}
    scope: all
    coverage: [{share: 100%}]
    executor: branch
    channels: [phone]
    flow: some
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("check", "GAL")`` in an empty folder whose settings name demo_firm."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huifang.toml").write_text('[firm]\npack = "demo_firm"\n', "utf-8")
    return lambda *arguments: CliRunner().invoke(cli, ["pack", *arguments])


def test_list_names_every_shipped_pack(run: Run) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [one["pack"] for one in listed] == list(shipped_packs())
    example = next(one for one in listed if one["pack"] == "demo_firm")
    assert (example["extends"], example["runs"], example["open"]) == (["GAL"], True, [])
    assert "GAL" in run("list").stdout


def test_check_explains_the_firms_pack_and_ends_with_0(run: Run) -> None:
    done = run("check")
    assert done.exit_code == 0, done.output
    for words in ("新开户客户回访", "可拨时段", "年度安排", "没有发现矛盾"):
        assert words in done.stdout


def test_check_speaks_english(run: Run) -> None:
    done = run("check", "GAL", "--language", "en", "--year", "2026")
    assert done.exit_code == 0, done.output
    for words in ("When clients may be called", "open, to be set by the firm", "The year 2026", "No contradictions"):
        assert words in done.stdout


@pytest.mark.rule("B-17")
def test_check_ends_with_1_when_a_programme_is_impossible(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    path.write_text(MONTHLY, encoding="utf-8")
    done = run("check", str(path))
    assert done.exit_code == 1
    assert "无法执行  caps.1" in done.stdout
    told = json.loads(run("check", str(path), "--json").stdout)
    assert [(one["code"], one["impossible"]) for one in told["contradictions"]] == [("cap_below_frequency", True)]


def test_check_as_json_holds_sections_year_contradictions_and_open_values(run: Run) -> None:
    told = json.loads(run("check", "GAL", "--json", "--year", "2026", "--language", "en").stdout)
    assert set(told) >= {"pack", "sections", "year", "contradictions", "open", "language"}
    assert set(told["sections"][0]) == {"title", "key", "paragraphs", "rules"}
    assert told["year"]["year"] == 2026
    assert [one["place"] for one in told["open"]] == list(load_pack("GAL").everything_open())
    assert all(one["text"] and one["text_en"] for one in told["open"])


def test_new_prints_a_pack_that_loads(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    path.write_text(run("new", "GAL").stdout, encoding="utf-8")
    assert load_pack(str(path)).lineage == ("GAL",)


def test_an_unknown_pack_is_refused_with_the_names_there_are(run: Run) -> None:
    done = run("check", "NOSUCH")
    assert done.exit_code != 0
    assert "demo_firm" in str(done.exception)


def test_help_says_what_the_exit_status_means(run: Run) -> None:
    assert "Exit status 1" in run("check", "--help").stdout
