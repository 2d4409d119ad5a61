"""A node among the others: it dials while it proves that it lives, and ends when others declared it dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.clock import SimulatedClock
from core.db import Database
from dialer.nodes import registry
from dialer.nodes.membership import DeclaredDead, Fenced, Membership, Sights
from dialer.nodes.registry import NameTaken
from dialer.nodes.seat import SeatTaken
from dialer.nodes.times import BEAT_S, FENCE_S, SILENCE_S
from dialer.rooms import Rooms
from dialer.store import Store
from dialer.tables import Attempt, DialerNode, NodeState
from tests.unit.nodes.conftest import N2, NOW

pytestmark = pytest.mark.unit

T = TypeVar("T")


class Books(Store):
    """A store without threads whose database may be out of reach."""

    away = False

    async def write(self, change: Callable[[Session], T]) -> T:
        if self.away:
            raise OperationalError("", {}, Exception("out of reach"))
        with self.db.write() as session:
            return change(session)

    async def run(self, work: Callable[[], T]) -> T:
        return work()


class Jobs:
    """Remembers whether the jobs run."""

    running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


class Member:
    """One node and its books."""

    def __init__(self, rooms: Rooms, clock: SimulatedClock, *, ending: bool = False) -> None:
        self.clock = clock
        self.books = Books(rooms.db)
        self.told: list[str] = []
        sights = Sights(lambda: 2, lambda: {"late": 1}, lambda: ending, lambda: self.told.append("dead"))
        self.membership = Membership(rooms, self.books, sights)

    async def turns(self, count: int) -> None:
        """Let so many heartbeats pass."""
        for _ in range(count):
            await let_run()
            self.clock.advance(BEAT_S)
        await let_run()


async def let_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def row(db: Database, name: str = "n1") -> DialerNode:
    with db.session() as session:
        return session.get_one(DialerNode, name)


Make = Callable[..., Member]


@pytest.fixture
def member(rooms: Callable[..., Rooms]) -> Make:
    """``member("n1")``: a node on a simulated clock."""
    clock = SimulatedClock(NOW)

    def make(name: str = "n1", **more: str) -> Member:
        return Member(rooms(name, clock=clock, **more), clock)

    return make


def test_it_may_dial_from_its_first_proof_to_its_clean_end(member: Make, db: Database) -> None:
    async def run() -> None:
        one = member()
        with pytest.raises(Fenced):
            one.membership.require()
        await one.membership.join()
        await one.turns(10)
        one.membership.require()
        assert (row(db).state, row(db).calls, row(db).figures) == (NodeState.UP, 2, {"late": 1})
        await one.membership.leave()
        one.membership.check()
        assert row(db).state == NodeState.STOPPED

    asyncio.run(run())


def test_an_end_that_leaves_a_call_open_is_no_clean_one(
    member: Make, db: Database, an_attempt: Callable[..., Attempt]
) -> None:
    async def run() -> None:
        one = member()
        await one.membership.join()
        await one.turns(1)
        with db.write() as session:
            session.add(an_attempt(state="live"))
        await one.membership.leave()
        assert row(db).state == NodeState.UP, "its heartbeat has ceased: others take over"

    asyncio.run(run())


def test_without_a_stored_heartbeat_it_stops_dialing_and_goes_on_when_the_database_is_back(member: Make) -> None:
    async def run() -> None:
        one = member()
        await one.membership.join()
        await one.turns(2)
        one.books.away = True
        turns = int(FENCE_S / BEAT_S)
        await one.turns(turns - 1)
        assert one.membership.may_dial
        await one.turns(1)
        with pytest.raises(Fenced, match="sends no INVITE"):
            one.membership.require()
        one.books.away = False
        await one.turns(1)
        one.membership.require()
        one.membership.check()
        await one.membership.leave()

    asyncio.run(run())


def test_a_machine_that_slept_has_proved_nothing_although_its_monotonic_clock_stood_still(member: Make) -> None:
    async def run() -> None:
        one = member()
        await one.membership.join()
        await one.turns(1)
        one.clock._now += timedelta(hours=1)
        assert not one.membership.may_dial
        await one.turns(1)
        assert one.membership.may_dial
        await one.membership.leave()

    asyncio.run(run())


def test_one_that_was_declared_dead_dials_no_more_and_says_so_at_its_end(member: Make, db: Database) -> None:
    async def run() -> None:
        one = member()
        await one.membership.join()
        await one.turns(1)
        with db.write() as session:
            (seen,) = registry.living(session)
            assert registry.declare_dead(session, seen)
        await one.turns(2)
        assert one.told == ["dead"]
        with pytest.raises(Fenced):
            one.membership.require()
        await one.membership.leave()
        with pytest.raises(DeclaredDead, match="Start it again"):
            one.membership.check()
        assert row(db).state == NodeState.DEAD

    asyncio.run(run())


def test_a_silent_node_is_declared_dead_by_one_that_looks_on(member: Make, db: Database) -> None:
    async def run() -> None:
        with db.write() as session:
            registry.register(session, N2, NOW)
        one = member()
        await one.membership.join()
        await one.turns(int(SILENCE_S / BEAT_S) - 1)
        assert row(db, "n2").state == NodeState.UP
        await one.turns(2)
        assert row(db, "n2").state == NodeState.DEAD
        await one.membership.leave()

    asyncio.run(run())


def test_a_name_whose_process_lives_is_refused_on_the_same_machine_and_on_another(member: Make) -> None:
    async def run() -> None:
        one, same, elsewhere = member(), member(), member(var="elsewhere")
        await one.membership.join()
        joining = asyncio.create_task(same.membership.join())
        for _ in range(25):
            await asyncio.sleep(0.01)  # the seat is asked for in a thread
            one.clock.advance(0.25)
        with pytest.raises(SeatTaken):
            await joining
        joining = asyncio.create_task(elsewhere.membership.join())
        while not joining.done():
            await asyncio.sleep(0.01)
            one.clock.advance(BEAT_S / 2)
        with pytest.raises(NameTaken, match="stop it first"):
            await joining
        one.membership.check()
        await one.membership.leave()

    asyncio.run(run())


def test_a_name_whose_process_is_gone_is_taken_at_once_here_and_after_the_silence_elsewhere(
    member: Make, db: Database
) -> None:
    async def run() -> None:
        first, again, elsewhere = member(), member(), member(var="elsewhere")
        await first.membership.join()
        await die(first)
        await again.membership.join()
        assert row(db).incarnation == again.membership.me.incarnation
        await die(again)
        joining = asyncio.create_task(elsewhere.membership.join())
        turns = 0
        while not joining.done():
            await asyncio.sleep(0.01)
            elsewhere.clock.advance(BEAT_S)
            turns += 1
        await joining
        assert turns * BEAT_S >= SILENCE_S
        assert row(db).incarnation == elsewhere.membership.me.incarnation
        await elsewhere.membership.leave()

    asyncio.run(run())


async def die(member: Member) -> None:
    """As a kill would: the heartbeat ends and the lock is gone, and nothing is written."""
    beating = member.membership._beating
    assert beating is not None
    beating.cancel()
    await let_run()
    member.membership._seat.release()


def test_the_leader_runs_the_jobs_and_another_follows_when_it_leaves(rooms: Callable[..., Rooms]) -> None:
    async def run() -> None:
        clock = SimulatedClock(NOW)
        members, jobs = [], [Jobs(), Jobs()]
        for name, its in zip(("n1", "n2"), jobs, strict=True):
            one = Member(rooms(name, clock=clock), clock)
            one.membership._jobs = its
            await one.membership.join()
            members.append(one)
        for _ in range(10):
            await asyncio.sleep(0.01)  # jobs are started in a thread
            clock.advance(BEAT_S / 2)
        assert [one.running for one in jobs].count(True) == 1
        leads = 0 if jobs[0].running else 1
        await members[leads].membership.leave()
        assert not jobs[leads].running
        for _ in range(10):
            await asyncio.sleep(0.01)
            clock.advance(BEAT_S / 2)
        assert jobs[1 - leads].running
        await members[1 - leads].membership.leave()

    asyncio.run(run())


def test_draining_is_told_within_one_heartbeat(member: Make, db: Database) -> None:
    async def run() -> None:
        one = member()
        await one.membership.join()
        await one.turns(1)
        for drained in (True, False):
            with db.write() as session:
                (registry.drain if drained else registry.undrain)(session, "n1", by="cli", at=NOW)
            await one.turns(1)
            assert one.membership.drained is drained
        await one.membership.leave()

    asyncio.run(run())
