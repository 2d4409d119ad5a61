"""A migrated database and a way to write import files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import SimulatedClock
from core.db import Database

Write = Callable[..., Path]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'huifang.db'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes ``lines`` as a file of bytes and returns its path."""

    def file(*lines: str, name: str = "clients.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\r\n".join(lines).encode(encoding) + b"\r\n")
        return path

    return file
