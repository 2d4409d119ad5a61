"""The carrier as a process: the ready line, the ways it refuses to start, the way it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import StartError
from simulator.process import Launch, SimulatorProcess

pytestmark = pytest.mark.integration

TABLE = 'dead_after_s: 1\nsubscribers: {"138": {kind: silent, ring_s: 0}}\n'


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    (tmp_path / "table.yaml").write_text(TABLE, encoding="utf-8")
    return Launch(tmp_path / "table.yaml", tmp_path / "log.jsonl", rtp_ports=(24000, 24099))


def run(launch: Launch, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*launch.command(), *more], check=False, capture_output=True, text=True, timeout=60)


def test_it_says_when_it_is_ready_and_ends_on_sigterm(launch: Launch) -> None:
    with SimulatorProcess(launch) as carrier:
        assert carrier.port > 0
        assert carrier.uri("138") == f"sip:138@127.0.0.1:{carrier.port}"
    assert carrier.returncode == 0
    assert [line["event"] for line in carrier.log_lines()] == ["started", "stopped"]


def dial_and_fall_silent(carrier: SimulatorProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        client.sendto(_invite(client.getsockname()[1]), ("127.0.0.1", carrier.port))
        while not client.recv(4096).startswith(b"SIP/2.0 200"):
            pass


def test_a_call_whose_node_died_is_cleared_and_logged(launch: Launch) -> None:
    with SimulatorProcess(launch) as carrier:
        dial_and_fall_silent(carrier)
        line = carrier.wait_for(lambda line: line["number"] == "138")
    assert (line["ended_by"], line["status"], line["rtp_received"]) == ("lost", 200, 0)


def test_calls_that_are_up_when_it_stops_are_logged(launch: Launch) -> None:
    with SimulatorProcess(launch) as carrier:
        dial_and_fall_silent(carrier)
    (line,) = carrier.log_lines("call")
    assert (line["ended_by"], line["status"], line["acknowledged_at"]) == ("shutdown", 200, None)


def test_a_port_in_use_is_one_clear_line(launch: Launch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        ended = run(launch, "--port", str(taken.getsockname()[1]))
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert "cannot listen on udp 127.0.0.1:" in ended.stderr
    assert "give another --port" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_wrong_table_is_one_clear_line(launch: Launch) -> None:
    launch.config.write_text('subscribers: {"138": {kind: bsy}}', encoding="utf-8")
    ended = run(launch)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "table.yaml.subscribers.138.kind: 'bsy' is unknown" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_wrong_port_range_is_refused(launch: Launch) -> None:
    ended = run(launch, "--rtp-ports", "5-4")
    assert ended.returncode == 2
    assert "no port range" in ended.stderr


def test_the_context_manager_passes_the_childs_message_on(launch: Launch) -> None:
    launch.config.unlink()
    with pytest.raises(StartError, match="cannot read the table"), SimulatorProcess(launch):
        raise AssertionError("it started without a table")


def test_it_is_a_module_to_run() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "simulator", "--help"], check=False, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0
    assert "--rtp-ports" in shown.stdout


def _invite(port: int) -> bytes:
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
    fields: dict[str, Any] = {
        "Via": f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKstop;rport",
        "From": "<sip:node@127.0.0.1>;tag=a",
        "To": "<sip:138@127.0.0.1>",
        "Call-ID": "stop",
        "CSeq": "1 INVITE",
        "Contact": f"<sip:node@127.0.0.1:{port}>",
        "Content-Type": "application/sdp",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"INVITE sip:138@127.0.0.1 SIP/2.0\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
