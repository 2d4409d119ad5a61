"""The server process: it starts, answers, stops when told, and says in one line why it cannot start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from core.db import Database
from core.errors import DatabaseError
from core.settings import Settings, Storage, Web
from web.serve import WebNotStarted, serve

pytestmark = pytest.mark.integration

PROGRAM = """
import sys
from core.settings import Settings, Storage, Web
from web.serve import serve
serve(Settings(storage=Storage(var=sys.argv[1]), web=Web(port=int(sys.argv[2]))), quiet=True)
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _migrated(folder: Path) -> Settings:
    settings = Settings(storage=Storage(var=str(folder)))
    db = Database(settings.database_url)
    db.migrate()
    db.close()
    return settings


def _ready(port: int) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                found: dict[str, object] = json.load(answer)
                return found
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    _migrated(tmp_path)
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), str(port)], stderr=subprocess.PIPE)
    try:
        assert _ready(port)["status"] == "ok"
        assert (tmp_path / "web.key").exists()  # one key for both workers
    finally:
        process.send_signal(signal.SIGTERM)
        _out, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in said


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    settings = _migrated(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WebNotStarted, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*set web\.port"):
            serve(Settings(storage=settings.storage, web=Web(port=port)))


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_clear_line(tmp_path: Path, host: str) -> None:
    settings = _migrated(tmp_path)
    with pytest.raises(WebNotStarted, match="cannot listen on"):
        serve(Settings(storage=settings.storage, web=Web(host=host, port=_free_port())))


def test_an_old_schema_is_refused_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="this program needs"):
        serve(Settings(storage=Storage(var=str(tmp_path)), web=Web(port=_free_port())))
