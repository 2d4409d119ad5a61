"""The archive: written once, whole or not at all, on a disk and on any other storage."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recordings.archive import Archive, object_name
from recordings.errors import ArchiveError, ObjectMissing, WrittenOnce

pytestmark = pytest.mark.unit
NAME = "2026/11/23/a.wav"
_memory = itertools.count()


@pytest.fixture(params=["file", "memory"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    if request.param == "file":
        return Archive((tmp_path / "归 档").as_uri())
    return Archive(f"memory://archive-{next(_memory)}")


@pytest.fixture
def local(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "local"
        path.write_bytes(content)
        return path

    return write


def test_what_is_put_can_be_read_from_any_place(archive, local) -> None:
    archive.put(local(b"0123456789"), NAME)
    with archive.open(NAME) as handle:
        handle.seek(4)
        assert handle.read(3) == b"456"
    assert archive.exists(NAME)
    assert archive.size(NAME) == 10
    assert archive.sha256(NAME) == "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    assert list(archive.names()) == [NAME]


@pytest.mark.rule("F-13")
def test_a_name_is_written_once(archive, local) -> None:
    archive.put(local(b"the call"), NAME)
    archive.put(local(b"the call"), NAME)
    with pytest.raises(WrittenOnce, match="nothing was overwritten"):
        archive.put(local(b"another call"), NAME)
    with archive.open(NAME) as handle:
        assert handle.read() == b"the call"


def test_what_is_missing_is_told_with_its_name(archive) -> None:
    assert not archive.exists(NAME)
    assert list(archive.names()) == []
    for ask in (archive.open, archive.size, archive.sha256):
        with pytest.raises(ObjectMissing, match=NAME):
            ask(NAME)


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.wav", "2026/../../a.wav", "2026//a.wav", "./a.wav"])
def test_a_name_cannot_leave_the_archive(archive, local, name) -> None:
    with pytest.raises(ValueError, match="plain relative path"):
        archive.put(local(b""), name)


def test_an_address_with_spaces_and_chinese_letters_is_the_folder_of_that_name(tmp_path, local) -> None:
    Archive((tmp_path / "归 档").as_uri()).put(local(b"x"), NAME)
    assert (tmp_path / "归 档" / NAME).read_bytes() == b"x"


def test_an_address_without_a_driver_is_refused_at_once() -> None:
    with pytest.raises(ArchiveError, match=r"storage\.archive"):
        Archive("carrier-pigeon://loft")


def test_a_stored_file_is_read_only_and_a_half_written_one_is_no_object(tmp_path, local) -> None:
    archive = Archive(tmp_path.joinpath("archive").as_uri())
    left_by_a_crash = tmp_path / "archive" / "2026/11/23/.a.wav.part"
    left_by_a_crash.parent.mkdir(parents=True)
    left_by_a_crash.write_bytes(b"half")
    left_by_a_crash.chmod(0o440)
    assert list(archive.names()) == []
    archive.put(local(b"whole"), NAME)
    assert not left_by_a_crash.exists()
    assert (tmp_path / "archive" / NAME).stat().st_mode & 0o777 == 0o440


def test_two_writers_of_one_name_cannot_replace_each_other(tmp_path, local) -> None:
    class Late(Archive):
        """Looks for the name before the other writer has stored it."""

        def __init__(self, url: str) -> None:
            super().__init__(url)
            self._files = type("Blind", (type(self._files),), {"exists": lambda *_: False, "cachable": False})()

    url = (tmp_path / "archive").as_uri()
    Archive(url).put(local(b"first"), NAME)
    with pytest.raises(WrittenOnce):
        Late(url).put(local(b"second"), NAME)
    assert (tmp_path / "archive" / NAME).read_bytes() == b"first"


def test_a_read_that_fails_half_way_is_told_with_its_remedy(archive, local) -> None:
    archive.put(local(b"x"), NAME)
    with pytest.raises(ArchiveError, match="check the storage"), archive.reading(NAME):
        raise OSError(5, "Input/output error")


def test_a_failing_storage_is_told_with_its_remedy(tmp_path, local) -> None:
    (tmp_path / "archive").write_bytes(b"a file where the folder should be")
    with pytest.raises(ArchiveError, match="check the storage"):
        Archive((tmp_path / "archive").as_uri()).put(local(b"x"), NAME)


@pytest.mark.parametrize(
    ("started", "day"),
    [
        (datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC), "2026/11/22"),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), "2026/11/23"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "2027/01/01"),
    ],
)
def test_the_folder_is_the_chinese_day(started, day) -> None:
    assert object_name(started, "a") == f"{day}/a.wav"
