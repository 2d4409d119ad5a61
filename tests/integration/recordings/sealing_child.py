"""Seals recordings in forked processes that are killed (SIGKILL, by themselves) at the n-th step.

Run as ``python sealing_child.py <folder>``; reads lines ``<recording_id> <n>`` from stdin and answers each with
``<exit code> <steps>``: -9 for a killed one, 0 when the sealing ended before its n-th step, 1 when it was
refused. Counted are the system's own steps (open, link, chmod, unlink of files; before and after each statement,
commit), not places that the sealing code knows of.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa

from core.clock import SystemClock
from core.db import Database
from core.errors import HuifangError
from recordings.archive import Archive
from recordings.sealing import seal
from recordings.writer import Spool

FILE_STEPS = {"open", "os.link", "os.remove", "os.chmod", "os.mkdir", "os.truncate", "shutil.copyfileobj"}


def seal_until(place: Path, recording_id: str, deadly: int) -> int:
    """Seal, or die on the way; returns the number of steps."""
    steps = itertools.count(1)

    def step(*_: object) -> None:
        if next(steps) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, arguments: tuple[object, ...]) -> None:
        if event in FILE_STEPS and str(place) in str(arguments[0]):
            step()

    db = Database(f"sqlite:///{place / 'huifang.db'}")
    spool = Spool(place / "spool", SystemClock(), min_free_bytes=1)
    archive = Archive((place / "archive").as_uri())
    for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(db.engine, event, step)
    sys.addaudithook(audited)
    seal(db, archive, spool, recording_id, actor="node:n1", clock=SystemClock())
    return next(steps) - 1


def in_fork(place: Path, recording_id: str, deadly: int) -> str:
    """The exit code and the number of steps of one sealing in its own process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(seal_until(place, recording_id, deadly)).encode())
        except HuifangError:
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        steps = answer.read()
    return f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])} {steps or deadly}"


if __name__ == "__main__":
    for line in sys.stdin:
        print(in_fork(Path(sys.argv[1]), line.split()[0], int(line.split()[1])), flush=True)
