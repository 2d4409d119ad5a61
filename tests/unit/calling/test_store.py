"""The node's way to the database: in order, but for calls that are due."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.db import Database
from dialer.store import Store

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(Database(f"sqlite:///{tmp_path / 'store.db'}"))
    yield made
    made.close()
    made.db.close()


class Order:
    """Notes what runs; the first one waits until it is let go."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.go = threading.Event()

    def noting(self, name: str) -> Callable[[Session], str]:
        def change(_: Session) -> str:
            self.go.wait(10)
            self.ran.append(name)
            return name

        return change


async def soon(work: asyncio.Task[str]) -> asyncio.Task[str]:
    """Let ``work`` put itself into the queue."""
    await asyncio.sleep(0)
    return work


def test_a_call_that_is_due_goes_before_the_books_that_wait(store: Store) -> None:
    async def run(order: Order) -> list[str]:
        books = [await soon(asyncio.create_task(store.write(order.noting(name)))) for name in ("first", "second")]
        urgent = await soon(asyncio.create_task(store.write_first(order.noting("due"))))
        order.go.set()
        return list(await asyncio.gather(*books, urgent))

    order = Order()
    assert asyncio.run(run(order)) == ["first", "second", "due"]
    assert order.ran == ["first", "due", "second"]


def test_its_failure_reaches_whoever_asked(store: Store) -> None:
    def broken(_: Session) -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        asyncio.run(store.write_first(broken))
    assert asyncio.run(store.write(lambda _: "alive")) == "alive"


def test_what_nobody_waits_for_any_more_is_not_run(store: Store) -> None:
    async def run(order: Order) -> None:
        first = await soon(asyncio.create_task(store.write(order.noting("first"))))
        given_up = await soon(asyncio.create_task(store.write_first(order.noting("given up"))))
        given_up.cancel()
        await asyncio.wait([given_up])
        order.go.set()
        await first
        await store.write(order.noting("last"))

    order = Order()
    asyncio.run(run(order))
    assert order.ran == ["first", "last"]
