"""`huifang up`: node, pages and transcription live and end together."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


def free_port() -> int:
    """A TCP port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> bool:
    """True when the page answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_up_serves_until_it_is_told_to_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "huifang.toml").write_text(
        f'[firm]\npack = "demo_firm"\n[storage]\nvar = "var"\n[web]\nport = {port}\n'
        '[trunk.main]\naddress = "127.0.0.1:5999"\n[line]\ncaller_id = "95551"\nlisten = "127.0.0.1:0"\n',
        "utf-8",
    )
    log = (tmp_path / "up.log").open("w")
    up = subprocess.Popen([sys.executable, "-m", "huifang", "up"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not answers(port, "/readyz"):
            assert up.poll() is None, (tmp_path / "up.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "up.log").read_text()
            time.sleep(0.2)
        while "runtime started" not in (tmp_path / "up.log").read_text():
            assert time.monotonic() < deadline, (tmp_path / "up.log").read_text()
            time.sleep(0.2)
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0, (tmp_path / "up.log").read_text()
        assert not answers(port, "/healthz")
    finally:
        if up.poll() is None:
            up.kill()
            up.wait()
        log.close()


def test_up_ends_with_an_error_when_one_part_cannot_start(tmp_path: Path) -> None:
    line = '[trunk.main]\naddress = "127.0.0.1:5999"\n[line]\ncaller_id = "95551"\n'
    (tmp_path / "huifang.toml").write_text(f'[firm]\npack = "GAL"\n{line}', "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "huifang", "up"], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode != 0
    assert "huifang: " in done.stderr
    assert "Traceback" not in done.stderr, done.stderr
