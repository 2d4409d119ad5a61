"""The node's way to the database: one thread, in order, never inside a tick; what reads files has another one.

SQLite has one writer anyway; a single thread keeps the order of facts and keeps commits off the event loop that
carries the audio. A call that is due goes before the books of calls that were made: nobody waits for those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from sqlalchemy.orm import Session

from core.db import Database

T = TypeVar("T")


class Store:
    """Runs transactions one after the other in a thread of its own."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._urgent: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seal")

    async def write(self, change: Callable[[Session], T]) -> T:
        """Run ``change`` in one write transaction and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_order, change)

    async def write_first(self, change: Callable[[Session], T]) -> T:
        """As ``write``, before everything that waits."""
        done: Future[T] = Future()
        self._urgent.put(partial(_settle, done, partial(self._transaction, change)))
        self._thread.submit(self._run_urgent)
        return await asyncio.wrap_future(done)

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work (sealing a recording) beside the transactions, one piece after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, work)

    def close(self) -> None:
        """Finish what is queued and end the threads."""
        self._aside.shutdown(wait=True)
        self._thread.shutdown(wait=True)

    def _in_order(self, change: Callable[[Session], T]) -> T:
        self._run_urgent()
        return self._transaction(change)

    def _run_urgent(self) -> None:
        while not self._urgent.empty():  # this thread alone takes from it
            self._urgent.get()()

    def _transaction(self, change: Callable[[Session], T]) -> T:
        with self.db.write() as session:
            return change(session)


def _settle(done: Future[T], work: Callable[[], T]) -> None:
    """Run ``work`` for whoever waits for ``done``, unless he has given up before it began."""
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        done.set_exception(error)


class Posts:
    """The changes of one call, stored behind one another without anybody waiting, until ``flush``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._posted: list[asyncio.Future[None]] = []

    def post(self, change: Callable[[Session], None]) -> None:
        """Store ``change`` soon, behind everything posted before."""
        self._posted.append(asyncio.ensure_future(self._store.write(change)))

    async def flush(self) -> None:
        """Wait until everything posted is stored; raises the first failure, which is this call's own."""
        posted, self._posted = self._posted, []
        await asyncio.gather(*posted)
