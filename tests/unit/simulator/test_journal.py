"""The carrier's log: one line per event, on disk at once, readable while it grows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.behaviours import Final
from simulator.errors import StartError
from simulator.journal import Journal, read_lines
from simulator.record import CallRecord
from simulator.stream import Counts

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_a_line_is_on_disk_before_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    with Journal(path) as journal:
        journal.write("invite", {"number": "138"})
        assert json.loads(path.read_text(encoding="utf-8")) == {"event": "invite", "number": "138"}


def test_a_second_run_appends(tmp_path: Path) -> None:
    for run in range(2):
        with Journal(tmp_path / "log") as journal:
            journal.write("started", {"run": run})
    assert [line["run"] for line in read_lines(tmp_path / "log")] == [0, 1]


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"event": "a"}\n{"event": "b', encoding="utf-8")
    assert read_lines(tmp_path / "log") == [{"event": "a"}]


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "log") == []


def test_a_log_that_cannot_be_written_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot write the carrier's log"):
        Journal(tmp_path)


def test_a_call_line_holds_what_the_called_side_saw() -> None:
    record = CallRecord("138", "busy", "id@x", 2, NOW)
    record.provisionals.append((180, NOW))
    record.keys_pressed.append(("1", NOW))
    record.final, record.ended_by, record.ended_at = Final(486, 17, "User busy"), "final", NOW
    line = record.call_line(Counts(sent=97, dropped=3, received=50))
    assert line["status"] == 486
    assert line["reason"] == 'Q.850;cause=17;text="User busy"'
    assert line["provisionals"] == [{"status": 180, "at": NOW.isoformat()}]
    assert line["keys_pressed"] == [{"key": "1", "at": NOW.isoformat()}]
    assert (line["seconds_sent"], line["seconds_received"]) == (2.0, 1.0)
    assert json.loads(json.dumps(line)) == line


def test_an_answered_call_has_status_200() -> None:
    record = CallRecord("138", "silent", "id@x", 1, NOW, answered_at=NOW)
    assert record.call_line(Counts())["status"] == 200
