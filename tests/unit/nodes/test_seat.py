"""A node's seat: held by one process, free when it is gone, and it tells whose it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dialer.nodes.seat import FILE, Seat, SeatTaken, vacant

pytestmark = pytest.mark.unit

HOLD = """
import sys
from pathlib import Path
from dialer.nodes.seat import Seat
Seat(Path(sys.argv[1])).take("other")
print("held", flush=True)
sys.stdin.read()
"""


def test_one_process_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    first, second = Seat(tmp_path / "n1"), Seat(tmp_path / "n1")
    assert first.take("a") == frozenset()
    with pytest.raises(SeatTaken, match="a node of this name is running here already"):
        second.take("b")
    first.release()
    assert second.take("b") == {"a"}
    second.release()


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "n1").write_text("a file")
    with pytest.raises(SeatTaken, match="cannot be written"):
        Seat(tmp_path / "n1").take("a")


def test_a_killed_process_leaves_its_seat_and_its_name_behind(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with vacant(tmp_path, "other") as free:
        assert not free
    other.kill()
    other.communicate()
    with vacant(tmp_path, "other") as free:
        assert free
        with pytest.raises(SeatTaken):  # while somebody clears up, nobody sits down
            Seat(tmp_path).take("mine")
    seat = Seat(tmp_path)
    assert seat.take("mine") == {"other"}
    seat.release()


def test_a_folder_of_another_process_or_none_is_not_vacant_for_this_one(tmp_path: Path) -> None:
    seat = Seat(tmp_path / "n1")
    seat.take("mine")
    seat.release()
    with vacant(tmp_path / "n1", "another") as free:
        assert not free
    with vacant(tmp_path / "nowhere", "mine") as free:
        assert not free


def test_many_starts_keep_the_file_short_and_the_newest_names(tmp_path: Path) -> None:
    for number in range(60):
        seat = Seat(tmp_path)
        before = seat.take(f"incarnation-{number:03}")
        assert number == 0 or f"incarnation-{number - 1:03}" in before
        seat.release()
    assert (tmp_path / FILE).stat().st_size < 1000
