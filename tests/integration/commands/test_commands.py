"""The command line as others script against it: JSON, exit codes, and one clear line instead of a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr_flows.loader import names

pytestmark = pytest.mark.integration

CLIENTS = """client_id,name,kind,phones,branch,opened_on,status,developed_by,phone_opt_out,language,id_last4
C1,测试甲,person,13900000001,北京,2026-11-12,active,self,0,zh-CN,1234
C2,测试乙,person,13900000002,北京,2026-11-12,active,self,1,zh-CN,1234
"""
EVENTS = "event_id,client_id,type,occurred_at,data\nE1,C1,account_opened,2026-11-12T10:00:00+08:00,{}\n"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("plan", "--json")`` in an empty folder that holds only a huifang.toml."""
    (tmp_path / "huifang.toml").write_text(
        '[firm]\npack = "demo_firm"\n[storage]\nvar = "var"\n'
        '[trunk.main]\naddress = "127.0.0.1:5999"\n[line]\ncaller_id = "95551"\n',
        "utf-8",
    )

    def call(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "huifang", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return call


@pytest.fixture
def site(run: Run, tmp_path: Path) -> Path:
    """Two clients, one event."""
    (tmp_path / "clients.csv").write_text(CLIENTS, "utf-8")
    (tmp_path / "events.csv").write_text(EVENTS, "utf-8")
    for what in ("clients", "events"):
        done = run("import", what, f"{what}.csv")
        assert done.returncode == 0, done.stderr
    return tmp_path


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Non-zero, one line that starts with the program's name and holds every word, no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("huifang: ")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.rule("A-20")
def test_the_plan_has_the_documented_shape(run: Run, site: Path) -> None:
    done = run("plan", "--date", "2026-11-23", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    planned = next(entry for entry in plan["callbacks"] if entry["client_id"] == "C1")
    assert set(planned) >= {"client_id", "items", "not_before", "due_on", "windows", "executor", "priority", "reason"}
    item = planned["items"][0]
    assert set(item) >= {"pack", "programme", "rule_ids", "trigger", "due_on", "deadline_unit", "flow"}
    assert "A-20" in item["rule_ids"]
    assert planned["due_on"] == "2026-12-12"
    assert planned["windows"][0] == ["2026-11-23T09:00", "2026-11-23T12:00"]


def test_a_dry_run_of_the_plan_stores_nothing(run: Run, site: Path) -> None:
    assert run("plan", "--date", "2026-11-23", "--dry-run").returncode == 0
    verdict = json.loads(run("gate", "C1", "--at", "2026-11-23T09:31", "--json").stdout)
    assert [reason["code"] for reason in verdict["reasons"]] == ["nothing_owed"]


@pytest.mark.rule("B-01")
def test_the_gate_says_yes_inside_the_window_and_every_reason_outside(run: Run, site: Path) -> None:
    run("plan", "--date", "2026-11-23")
    inside = run("gate", "C1", "--at", "2026-11-23T09:31", "--json")
    assert (inside.returncode, json.loads(inside.stdout)["allowed"]) == (0, True)
    saturday = run("gate", "C1", "--at", "2026-11-28T09:31", "--json")
    assert saturday.returncode == 3
    assert "not_a_calling_day" in {reason["code"] for reason in json.loads(saturday.stdout)["reasons"]}
    night = run("gate", "C2", "--at", "2026-11-23T22:00", "--json")
    assert {"opted_out", "outside_window"} <= {reason["code"] for reason in json.loads(night.stdout)["reasons"]}


def test_a_bad_file_imports_nothing_and_names_every_place(run: Run, tmp_path: Path) -> None:
    bad = CLIENTS.replace("2026-11-12,active,self,0", "12.11.2026,active,self,0").replace("13900000002", "12")
    (tmp_path / "bad.csv").write_text(bad, "utf-8")
    done = run("import", "clients", "bad.csv")
    refused(done, "bad.csv:2:opened_on:12.11.2026", "bad.csv:3:phones:12")
    report = json.loads(run("import", "clients", "bad.csv", "--json").stdout)
    assert report["imported"] is False
    assert len(report["errors"]) == 2
    assert run("gate", "C1").returncode == 1, "nothing was stored"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[line]\ntrunks = 1\n", ["huifang.toml:2", "line.trunks"]),
        ("[trunk.main]\nadress = 1\n", ["huifang.toml:2", "trunk.main.adress"]),
        ("[trunk]\naddress = 'x'\n", ["huifang.toml:2", "[trunk.main]"]),
        ("[lines]\ntrunk = 1\n", ["huifang.toml:1", "'lines'"]),
        ("[line]\nchannels = 'many'\n", ["line.channels", "whole number"]),
        ("[line\n", ["not valid TOML"]),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(run: Run, tmp_path: Path, toml: str, words: list[str]) -> None:
    (tmp_path / "huifang.toml").write_text(toml, "utf-8")
    refused(run("plan"), *words)


def test_a_word_that_says_nothing_about_machines_is_refused_at_once(run: Run) -> None:
    refused(run("transcribe", HUIFANG_DISPOSITIONS_ANSWER="perhaps"), "dispositions.answer", "shadow, act or off")


def test_an_unknown_key_of_a_pack_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("pack: own\nextends: GAL\nwindow: open\n", "utf-8")
    refused(run("plan", HUIFANG_FIRM_PACK="own.yaml"), "own.yaml:3:1", "window")


@pytest.mark.rule("B-19")
def test_a_pack_with_open_values_plans_and_dials_nothing(run: Run, site: Path) -> None:
    refused(run("plan", HUIFANG_FIRM_PACK="GAL"), "windows")
    refused(run("node", HUIFANG_FIRM_PACK="GAL"), "windows")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that is in use for UDP and TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        yield port


def test_a_taken_port_of_the_line_is_one_clear_line(run: Run, taken_port: int) -> None:
    refused(run("node", HUIFANG_LINE_LISTEN=f"127.0.0.1:{taken_port}"), str(taken_port))


def test_a_taken_port_of_the_pages_is_one_clear_line(run: Run, taken_port: int) -> None:
    refused(run("web", HUIFANG_WEB_PORT=str(taken_port)), str(taken_port))


def test_a_missing_trunk_is_named(run: Run, site: Path) -> None:
    settings = (site / "huifang.toml").read_text("utf-8")
    (site / "huifang.toml").write_text(settings.replace('[trunk.main]\naddress = "127.0.0.1:5999"\n', ""), "utf-8")
    refused(run("node"), "[trunk.main]")


@pytest.mark.rule("B-25")
def test_a_missing_caller_id_is_named(run: Run) -> None:
    refused(run("node", HUIFANG_LINE_CALLER_ID=""), "line.caller_id")


def test_a_place_that_cannot_be_written_is_named(run: Run) -> None:
    refused(run("plan", HUIFANG_STORAGE_VAR="/proc/huifang"), "/proc/huifang")


def test_the_doctor_names_what_is_missing_and_the_command_that_mends_it(run: Run) -> None:
    done = run("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert "huifang models fetch" in findings["recogniser zh-CN"]["remedy"]
    assert findings["database"]["remedy"] == ""
    assert findings["scripts"]["remedy"] == ""
    assert "not approved, so nobody is called with existing_client, " in findings["scripts"]["found"]
    assert "huifang flow submit --all" in findings["scripts"]["found"]


def test_every_shipped_script_is_in_order(run: Run) -> None:
    done = run("flow", "check", "--json")
    assert done.returncode == 0, done.stdout
    assert {Path(entry["file"]).stem for entry in json.loads(done.stdout)} == {name for name, _ in names()}


def test_search_and_verify_answer_on_an_empty_site(run: Run) -> None:
    found = run("search", "全权委托", "--json")
    assert json.loads(found.stdout) == {"total": 0, "hits": []}
    report = json.loads(run("verify", "--all", "--json").stdout)
    assert (report["checked"], report["differences"]) == (0, [])


def test_an_account_is_made_once_and_its_password_is_shown_once(run: Run) -> None:
    first = run("user", "add", "bob", "--name", "审计员", "--role", "auditor")
    assert first.returncode == 0, first.stderr
    assert "bob: password " in first.stdout
    refused(run("user", "add", "bob", "--name", "审计员", "--role", "auditor"), "bob")
