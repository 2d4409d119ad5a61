"""The seat of a node: a lock on its spool folder that its process holds, and that dies with the process.

The rule of this module: whoever can take the lock knows that the processes named in its file are gone, and may clear
up behind them at once; whoever cannot, leaves the folder alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import HuifangError

FILE = "node.lock"
_KEPT = 20  # incarnations remembered; a crash between two steps of a start leaves one that never registered


class SeatTaken(HuifangError):
    """Another process of this machine runs under the same node name: stop it, or give this one another name."""


class Seat:
    """The lock of one spool folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = -1

    def take(self, incarnation: str) -> frozenset[str]:
        """Hold the folder until ``release`` or the end of the process; returns the incarnations known to be gone.

        SeatTaken when another process holds it, or when the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SeatTaken(f"the recording folder {self.folder} cannot be written: {error.strerror}") from error
        if not _lock(descriptor):
            os.close(descriptor)
            raise SeatTaken(
                f"another process holds {self.folder}: a node of this name is running here already; stop it first "
                "(SIGTERM), or set another node.name for this one"
            )
        self._descriptor = descriptor
        gone = _read(descriptor)
        _write(descriptor, [*gone, incarnation])
        return frozenset(gone)

    def release(self) -> None:
        """Give the folder back; nothing happens when it is not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def vacant(folder: Path, incarnation: str) -> Iterator[bool]:
    """Whether the process ``incarnation`` held ``folder`` and is gone; for the length of the block nobody can take it.

    False when the folder cannot be reached from here, somebody holds it, or it was another process's.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        yield _lock(descriptor) and incarnation in _read(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(descriptor: int) -> list[str]:
    return os.pread(descriptor, 4096, 0).decode("ascii", "replace").split()


def _write(descriptor: int, incarnations: list[str]) -> None:
    text = "".join(f"{one}\n" for one in incarnations[-_KEPT:]).encode("ascii")
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
