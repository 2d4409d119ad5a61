"""One archive room for a test: a spool and an archive in a temporary folder, a database, a clock that stands still."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.clock import SimulatedClock
from core.db import Base, Database
from recordings import sealing
from recordings.archive import Archive
from recordings.tables import Recording
from recordings.writer import Spool

START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)  # 09:30 in China
FRAME = 160  # samples of 20 ms


def tone(frames: int, level: int) -> bytes:
    """A square wave of ``frames`` 20 ms frames."""
    return np.tile(np.array([level, -level], dtype="<i2"), frames * FRAME // 2).tobytes()


@dataclass
class Room:
    """Everything the archive room needs, and the shortest way to a recording in it."""

    folder: Path
    archive: Archive
    db: Database
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    count: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.spool = self.new_spool()

    def new_spool(self) -> Spool:
        """The same folder as a newly started process sees it."""
        return Spool(self.folder / "spool", self.clock, min_free_bytes=1)

    def begin(self, node: str = "n1") -> str:
        """A row in writing; its recording id."""
        recording_id = f"rec{next(self.count):04}"
        with self.db.session() as session:
            sealing.begin(
                session, recording_id=recording_id, attempt_id=f"att-{recording_id}", node=node, at=self.clock.now()
            )
        return recording_id

    def record(self, frames: int = 50, *, client: int = 8000, firm: int = 800) -> str:
        """A closed recording of ``frames`` 20 ms frames, not sealed yet."""
        recording_id = self.begin()
        with self.spool.open(recording_id) as writer:
            writer.write(tone(frames, client), tone(frames, firm))
        return recording_id

    def seal(self, recording_id: str) -> Recording:
        """Seal it as the node does."""
        return sealing.seal(self.db, self.archive, self.spool, recording_id, actor="node:n1", clock=self.clock)

    def sealed(self, frames: int = 50, *, client: int = 8000, firm: int = 800) -> Recording:
        """A sealed recording."""
        return self.seal(self.record(frames, client=client, firm=firm))

    def object_path(self, recording: Recording) -> Path:
        """Where the disk archive keeps it."""
        return self.folder / "archive" / str(recording.object)

    def tamper(self, recording: Recording, content: bytes) -> None:
        """Put other bytes in the place of the stored ones, as someone with rights on the disk could."""
        path = self.object_path(recording)
        path.unlink()
        path.write_bytes(content)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """One room."""
    folder = tmp_path / "房间 1"  # a space and Chinese letters: addresses must survive them
    db = Database(f"sqlite:///{folder / 'huifang.db'}")
    Base.metadata.create_all(db.engine)
    made = Room(folder, Archive((folder / "archive").as_uri()), db)
    yield made
    made.spool.close()
    db.close()


@pytest.fixture
def new_spool(tmp_path: Path) -> Iterator[Callable[[], Spool]]:
    """Makes empty spools; a property test takes a new one for every example."""
    made: list[Spool] = []

    def build() -> Spool:
        made.append(Spool(tmp_path / str(len(made)), SimulatedClock(START), min_free_bytes=1))
        return made[-1]

    yield build
    for spool in made:
        spool.close()
