"""Real processes that die: what was recorded survives, and a sealing ends in one object and one audit link."""

from __future__ import annotations

import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from core.audit import AuditLink
from core.clock import SystemClock
from core.db import Database
from recordings import sealing
from recordings.archive import Archive
from recordings.reading import read_channels
from recordings.sealing import Recovery, recover
from recordings.verify import verify_all
from recordings.writer import Spool

pytestmark = pytest.mark.integration
HERE = Path(__file__).parent
BURST = 10  # frames a line of input asks for


@dataclass
class House:
    """The node's folder, as the migrations and the settings make it."""

    folder: Path
    db: Database
    archive: Archive
    spool: Spool

    def begin(self, recording_id: str) -> None:
        """The row that exists before the call."""
        with self.db.session() as session:
            sealing.begin(
                session, recording_id=recording_id, attempt_id=f"a-{recording_id}", node="n1", at=SystemClock().now()
            )

    def recover(self) -> Recovery:
        """What the node does when it starts again."""
        return recover(self.db, self.archive, self.spool, node="n1", clock=SystemClock())

    def sealing_links(self) -> int:
        """How many links the chain holds of sealings."""
        with self.db.session() as session:
            query = select(func.count()).where(AuditLink.action == "recording.sealed")
            return session.scalars(query).one()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A node's folder after its first start."""
    db = Database(f"sqlite:///{tmp_path / 'huifang.db'}")
    db.migrate()
    spool = Spool(tmp_path / "spool", SystemClock(), min_free_bytes=1)
    yield House(tmp_path, db, Archive((tmp_path / "archive").as_uri()), spool)
    spool.close()
    db.close()


@pytest.fixture
def recorder(house: House) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts a recording process; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(limit: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, HERE / "recorder_child.py", house.spool.folder, "r1", str(limit)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def burst(child: subprocess.Popen[str]) -> list[str]:
    """Ask for ten frames and wait until the child says that it has given them (or that it failed)."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    said: list[str] = []
    while len(said) < BURST and not (said and said[-1].startswith("failed")):
        line = child.stdout.readline()
        assert line, "the recorder ended without a word"
        said.append(line.strip())
    return said


@pytest.mark.rule("F-01")
@pytest.mark.rule("F-07")
@pytest.mark.parametrize("bursts", [1, 2, 7, 33, 150])
def test_a_killed_process_loses_less_than_a_second_of_both_sides(house, recorder, bursts) -> None:
    house.begin("r1")
    child = recorder()
    said = [line for _ in range(bursts) for line in burst(child)]
    child.send_signal(signal.SIGKILL)
    assert child.wait(timeout=60) == -signal.SIGKILL
    recovery = house.recover()
    [row] = recovery.sealed
    client, firm = read_channels(house.archive, row)
    given = int(said[-1]) * 160
    assert given - len(client) <= 8000
    assert client.tolist() == (np.arange(len(client)) % 30_000).tolist()
    assert firm.tolist() == (-client).tolist()
    assert row.recovered
    assert row.duration_ms == len(client) // 8
    assert verify_all(house.db, house.archive).ok


@pytest.mark.rule("F-01")
def test_a_process_killed_in_mid_write_leaves_a_playable_recording(house, recorder) -> None:
    """The kill comes while the child works through frames at full speed, wherever that is."""
    house.begin("r1")
    child = recorder()
    burst(child)
    child.stdin.write("go\n" * 2000)
    child.stdin.flush()
    for _ in range(1500):
        last = child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    whole_lines = child.stdout.read().split("\n")[:-1]  # what it said until it died
    child.wait(timeout=60)
    [row] = house.recover().sealed
    with wave.open(str(house.folder / "archive" / str(row.object))) as heard:
        frames = heard.getnframes()
    assert int([last, *whole_lines][-1]) * 160 - frames <= 8000
    client, _ = read_channels(house.archive, row)
    assert client.tolist() == (np.arange(frames) % 30_000).tolist()


@pytest.mark.rule("F-14")
def test_a_full_disk_fails_the_live_recording_and_keeps_what_was_written(house, recorder) -> None:
    house.begin("r1")
    child = recorder(100_001)  # not a whole number of samples: the last write is cut in the middle of one
    said = [""]
    while not said[-1].startswith("failed"):
        said += burst(child)
    assert "free disk space before dialing again" in said[-1]
    assert child.communicate(timeout=60)[0].strip() == "closed"
    [row] = house.recover().sealed
    assert row.size_bytes == 44 + (100_001 - 44) // 4 * 4
    client, _ = read_channels(house.archive, row)
    assert client.tolist() == (np.arange(len(client)) % 30_000).tolist()
    assert verify_all(house.db, house.archive).ok


def test_a_living_recorder_is_not_recovered(house, recorder) -> None:
    house.begin("r1")
    child = recorder()
    burst(child)
    recovery = house.recover()
    assert (recovery.busy, recovery.sealed, recovery.lost) == (["r1"], [], [])
    burst(child)
    assert child.communicate(timeout=60)[0].strip() == "closed"
    [row] = house.recover().sealed
    assert row.duration_ms == 2 * BURST * 20


class Sealer:
    """The helper process that seals in forks; ``seal`` returns the exit code and the number of steps."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, HERE / "sealing_child.py", folder]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, recording_id: str, deadly: int = 0) -> None:
        """Start one sealing that dies at its step ``deadly``."""
        assert self.child.stdin is not None
        self.child.stdin.write(f"{recording_id} {deadly}\n")
        self.child.stdin.flush()

    def answer(self) -> tuple[int, int]:
        """Wait for its end."""
        assert self.child.stdout is not None
        code, steps = self.child.stdout.readline().split()
        return int(code), int(steps)


@pytest.fixture
def new_sealer(house: House) -> Iterator[Callable[[], Sealer]]:
    """Starts helper processes; none outlives the test."""
    started: list[Sealer] = []

    def start() -> Sealer:
        started.append(Sealer(house.folder))
        return started[-1]

    yield start
    for sealer in started:
        sealer.child.communicate(timeout=60)


def record_one(house: House, recording_id: str) -> bytes:
    house.begin(recording_id)
    with house.spool.open(recording_id) as writer:
        writer.write(bytes(32_000), bytes(32_000))
    return house.spool.path(recording_id).read_bytes()


@pytest.mark.rule("F-01")
@pytest.mark.rule("F-13")
def test_a_sealing_killed_at_any_disk_or_database_step_ends_whole_when_run_again(house, new_sealer) -> None:
    sealer, deadly, code = new_sealer(), 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        deadly += 1
        recording_id = f"r{deadly}"
        content = record_one(house, recording_id)
        sealer.ask(recording_id, deadly)
        code, reached = sealer.answer()
        recovery = house.recover()
        assert (recovery.lost, recovery.failed, recovery.strays) == ([], {}, {})
        [path] = house.folder.glob(f"archive/**/{recording_id}.wav")
        assert path.read_bytes() == content
        assert house.sealing_links() == deadly
        assert list(house.folder.rglob("*.part")) == []
    assert (code, reached) == (0, deadly - 1)
    assert deadly > 20
    assert verify_all(house.db, house.archive).ok


@pytest.mark.rule("F-13")
def test_two_processes_that_seal_the_same_recordings_end_in_one_object_and_one_link_each(house, new_sealer) -> None:
    sealers = [new_sealer(), new_sealer()]
    for number in range(4):
        record_one(house, f"r{number}")
        for sealer in sealers:
            sealer.ask(f"r{number}")
        codes = [sealer.answer()[0] for sealer in sealers]
        assert 0 in codes
        assert set(codes) <= {0, 1}  # 1: told that the other one holds it
        assert house.sealing_links() == number + 1
    assert len(list(house.archive.names())) == 4
    assert verify_all(house.db, house.archive).ok
