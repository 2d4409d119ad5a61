"""A database, processes and their rooms for the tests of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from core.calendars import ChinaCalendars
from core.clock import CHINA, SimulatedClock
from core.db import Database
from core.settings import Node, Settings, Storage
from dialer.calling.scripts import Scripts
from dialer.lines.base import Line, TrunkHealth
from dialer.nodes.registry import Me
from dialer.programmes.load import load_pack
from dialer.rooms import Rooms
from dialer.tables import Callback
from recordings.archive import Archive

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
N1 = Me("n1", "i1", "host-a", "1")
N2 = Me("n2", "i2", "host-b", "1")
PACK = load_pack("demo_firm")


class NoLine:
    """A line of which nothing is known."""

    def health(self) -> tuple[TrunkHealth, ...]:
        return ()


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """A database with one client who is owed one callback."""
    database = Database(f"sqlite:///{tmp_path / 'nodes.db'}")
    database.migrate()
    with database.write() as session:
        owe(session)
    yield database
    database.close()


@pytest.fixture
def rooms(tmp_path: Path, db: Database) -> Callable[..., Rooms]:
    """``rooms("n2")``: what a node of that name works with; nodes share the disk unless ``var`` says otherwise."""

    def make(name: str = "n2", var: str = "var", clock: SimulatedClock | None = None) -> Rooms:
        return Rooms(
            settings=Settings(storage=Storage(var=str(tmp_path / var)), node=Node(name=name)),
            clock=clock or SimulatedClock(NOW),
            calendars=ChinaCalendars(),
            db=db,
            archive=Archive((tmp_path / "archive").as_uri()),
            line=cast("Line", NoLine()),
            pack=PACK,
            scripts=cast("Scripts", None),
        )

    return make
