"""The archive: sealed recordings under an fsspec address (``file://`` by default), each name written once.

An object appears whole or not at all: on a disk it is written beside its place, synced, and linked to its name, which
fails when the name is taken. Nothing here deletes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote

import fsspec
from fsspec.implementations.local import LocalFileSystem

from core.clock import china
from recordings.errors import ArchiveError, ObjectMissing, WrittenOnce

CHUNK = 1 << 20
_PART = ".part"


def object_name(started_at: datetime, recording_id: str) -> str:
    """``YYYY/MM/DD/<recording_id>.wav``, by the Chinese day on which the recording started."""
    return f"{china(started_at):%Y/%m/%d}/{recording_id}.wav"


class Archive:
    """Sealed objects by name. Every method raises ArchiveError (ObjectMissing, WrittenOnce) and nothing else."""

    def __init__(self, url: str) -> None:
        """Open the archive at ``url``; ArchiveError when no storage driver answers to it."""
        self.url = url
        try:
            # Path.as_uri() escapes spaces and Chinese letters, fsspec does not undo it
            self._files, self._root = fsspec.core.url_to_fs(unquote(url) if url.startswith("file://") else url)
        except (ValueError, ImportError) as error:
            raise ArchiveError(
                f"storage.archive: no driver for this address ({error}); use file:///folder or install the driver"
            ) from error

    def put(self, local: Path, name: str) -> None:
        """Store the file under ``name``, durably. Storing the same bytes again is no fault; others: WrittenOnce.

        OSError when ``local`` itself cannot be opened.
        """
        with local.open("rb") as source, self._mending(name):
            on_disk = isinstance(self._files, LocalFileSystem)
            if on_disk:
                _part(Path(self._path(name))).unlink(missing_ok=True)  # of a crash
            if self._files.exists(self._path(name)):
                self._require_same(source, name)
            elif on_disk:
                self._put_on_disk(source, Path(self._path(name)))
            else:
                self._files.put_file(str(local), self._path(name))  # object stores show an object when it is whole

    def open(self, name: str) -> BinaryIO:
        """The object as a seekable binary file; the caller closes it, and meets OSError when reading fails later."""
        with self._mending(name):
            handle: BinaryIO = self._files.open(self._path(name), "rb")
            return handle

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """The object open for the length of the block; a read that fails in it is an ArchiveError too."""
        with self._mending(name), self.open(name) as handle:
            yield handle

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        with self._mending(name):
            return bool(self._files.exists(self._path(name)))

    def size(self, name: str) -> int:
        """The object's size in bytes."""
        with self._mending(name):
            return int(self._files.size(self._path(name)))

    def sha256(self, name: str) -> str:
        """SHA-256 (hex) of the stored bytes, read from the storage now."""
        with self.reading(name) as handle:
            return file_sha256(handle)

    def names(self) -> Iterator[str]:
        """Every object's name, in order; half-written files of a crash are not objects."""
        with self._mending("the whole archive"):
            root = PurePosixPath(self._root)
            found = [str(PurePosixPath(path).relative_to(root)) for path in self._files.find(self._root)]
        yield from sorted(name for name in found if not name.endswith(_PART))

    def _path(self, name: str) -> str:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or name != str(pure):
            raise ValueError("an object's name is a plain relative path; take it from object_name()")
        return f"{self._root.rstrip('/')}/{name}"

    def _require_same(self, source: BinaryIO, name: str) -> None:
        if file_sha256(source) != self.sha256(name):
            raise WrittenOnce(
                f"{name} is in the archive with other content; nothing was overwritten: keep the spool file, "
                "run `huifang verify --all` and call the auditor"
            )

    def _put_on_disk(self, source: BinaryIO, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _part(target)
        try:
            with part.open("xb") as copy:
                shutil.copyfileobj(source, copy, CHUNK)
                copy.flush()
                os.fsync(copy.fileno())
            part.chmod(0o440)
            os.link(part, target)  # unlike rename it never replaces
        finally:
            part.unlink(missing_ok=True)
        _sync_folders(target.parent, Path(self._root))

    @contextmanager
    def _mending(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissing(
                f"{name} is not in the archive; restore it from the backup, then `huifang verify`"
            ) from error
        except FileExistsError as error:
            raise WrittenOnce(f"{name} was stored by another process just now; run the sealing again") from error
        except OSError as error:
            raise ArchiveError(
                f"the archive failed at {name} ({error.strerror or type(error).__name__}); check the storage, "
                "then run it again"
            ) from error


def file_sha256(handle: BinaryIO) -> str:
    """SHA-256 (hex) of what is left to read."""
    digest = hashlib.sha256()
    while chunk := handle.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _part(target: Path) -> Path:
    """Where an object grows before it gets its name. Never opened for writing twice: it may be a link to the object."""
    return target.with_name(f".{target.name}{_PART}")


def _sync_folders(folder: Path, root: Path) -> None:
    """Make the names from ``folder`` up to ``root`` survive a power loss."""
    while True:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if folder in (root, folder.parent):
            return
        folder = folder.parent
