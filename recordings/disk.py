"""One thread that writes for every live recording, so that no tick of a call waits for a disk.

The rule of this module: jobs run in the order in which they were given, and ``drain`` returns when all of them have.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread

Job = Callable[[], None]


class DiskThread:
    """Runs small writing jobs behind one another; a job keeps its own failure, it must not raise."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, job: Job) -> None:
        """Run ``job`` soon."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="spool-disk", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def drain(self) -> None:
        """Wait until every job given so far is done."""
        if self._thread is not None:
            done = Event()
            self._jobs.put(done.set)
            done.wait()

    def close(self) -> None:
        """Do what was given, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
