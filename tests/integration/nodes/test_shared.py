"""What nodes share on one PostgreSQL, when they all reach for it at the same moment: each thing goes to one of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core import audit
from core.calendars import ChinaCalendars
from core.clock import SimulatedClock
from core.db import Database
from core.settings import Node, Settings, Storage
from dialer.calling import ledger
from dialer.calling.scripts import Scripts
from dialer.desk.agents import take_free
from dialer.lines.base import Line
from dialer.nodes import leadership, membership, registry
from dialer.nodes.registry import Me, Seen
from dialer.nodes.takeover import TakeOver
from dialer.programmes.load import load_pack
from dialer.rooms import Rooms
from dialer.tables import LIVING, Agent, AgentState, Attempt, AttemptState, Callback, Client, DialerNode, PlanRun, Staff
from recordings.archive import Archive
from tests.integration.nodes.house import MORNING as NOW
from tests.integration.nodes.house import callback_row, client_row

pytestmark = pytest.mark.integration

T = TypeVar("T")
NODES = 4
AGENTS, CLIENTS = 12, 30


@pytest.fixture
def db(new_postgres: Callable[[], str]) -> Iterator[Database]:
    """Agents, and clients who are owed two callbacks each."""
    database = Database(new_postgres())
    database.migrate()
    clients = [f"C{number:02}" for number in range(CLIENTS)]
    with database.write() as session:
        session.add(PlanRun(plan_id="P", at=NOW, for_date=NOW.date(), pack="nodes", seed="1", counts={}))
        session.flush()
        session.execute(insert(Client), [client_row(one, f"139{number:08}", NOW) for number, one in enumerate(clients)])
        session.execute(insert(Callback), [callback_row(one, f"{one}-{n}", NOW) for one in clients for n in (1, 2)])
        ids = [f"S{number}" for number in range(AGENTS)]
        session.add_all(
            Staff(staff_id=one, name="坐席", branch="001", series="callcentre", languages=["zh-CN"]) for one in ids
        )
        session.flush()
        session.add_all(
            Agent(staff_id=one, sip_uri=f"sip:{one}@pbx", state=AgentState.FREE, state_since=NOW) for one in ids
        )
    yield database
    database.close()


def at_once(work: Callable[[int], T], workers: int = NODES) -> list[T]:
    """``work`` of every node at the same moment."""
    start = threading.Barrier(workers)

    def one(number: int) -> T:
        start.wait(30)
        return work(number)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(workers)))


def test_no_agent_is_taken_by_two_calls(db: Database) -> None:
    def calls(node: int) -> list[str]:
        taken = []
        for _ in range(AGENTS):
            with db.write() as session:
                client = session.get_one(Client, f"C{node:02}")
                agent = take_free(session, client=client, node=f"n{node}", at=NOW, tried=(), excluded_series=())
                taken += [agent.staff_id] if agent else []
        return taken

    times = Counter(staff_id for taken in at_once(calls) for staff_id in taken)
    assert times == dict.fromkeys((f"S{number}" for number in range(AGENTS)), 1)
    with db.session() as session:
        assert {agent.state for agent in session.scalars(select(Agent))} == {AgentState.RINGING}


def lease(session: Session, callback: Callback, node: str) -> ledger.Lease | None:
    return ledger.lease(session, callback, node=node, phone="1", gate={}, flow_hash="f", ring_limit_s=30.0, at=NOW)


def test_no_callback_is_leased_twice_and_no_client_for_two_callbacks(db: Database) -> None:
    def node(number: int) -> int:
        return sum(look(number, turn) for turn in range(3 * CLIENTS))

    def look(number: int, turn: int) -> bool:
        with db.write() as session:
            ready = ledger.ready(session, NOW, limit=5, node=f"n{number}")
            chosen = ready[(turn + number) % len(ready)] if ready else None
            return chosen is not None and lease(session, chosen, f"n{number}") is not None

    made = sum(at_once(node))
    with db.session() as session:
        attempts = session.scalars(select(Attempt)).all()
        assert max(Counter(one.client_id for one in attempts).values()) == 1
        assert len({one.callback_id for one in attempts}) == made == len(attempts) > NODES
        audit.require_whole(session)


def test_two_nodes_that_reach_for_two_callbacks_of_one_client_get_one_call(db: Database) -> None:
    """The race itself: each has its own callback, the client is nobody's row in between."""

    def node(number: int) -> list[bool]:
        made = []
        for client in range(CLIENTS):
            with db.write() as session:
                callback = session.get_one(Callback, f"C{client:02}-{1 + number % 2}")
                made.append(lease(session, callback, f"n{number}") is not None)
        return made

    per_client = zip(*at_once(node, workers=2), strict=True)
    assert [sum(made) for made in per_client] == [1] * CLIENTS


def rooms(db: Database, folder: Path, node: int) -> Rooms:
    return Rooms(
        settings=Settings(storage=Storage(var=str(folder)), node=Node(name=f"n{node}")),
        clock=SimulatedClock(NOW),
        calendars=ChinaCalendars(),
        db=db,
        archive=Archive((folder / "archive").as_uri()),
        line=cast("Line", None),
        pack=load_pack("demo_firm"),
        scripts=cast("Scripts", None),
    )


def test_one_of_many_takes_over_and_everything_is_closed_once(db: Database, tmp_path: Path) -> None:
    dead = Me("n9", "i9")
    with db.write() as session:
        registry.register(session, dead, NOW)
        for client in range(CLIENTS):
            assert lease(session, session.get_one(Callback, f"C{client:02}-1"), "n9")

    def node(number: int) -> int | None:
        taking = TakeOver(rooms(db, tmp_path, number))
        with db.write() as session:
            taken = taking.declare(Seen("n9", "i9", NOW), session)
        return None if taken is None else len(taken.attempts)

    assert sorted(at_once(node), key=str) == [CLIENTS, None, None, None]
    with db.session() as session:
        assert {one.state for one in session.scalars(select(Attempt))} == {AttemptState.INTERRUPTED}
        assert {one.state for one in session.scalars(select(Callback))} == {"planned"}
        links = Counter(session.scalars(select(audit.AuditLink.action)))
        assert links["attempt.interrupted"] == CLIENTS
        audit.require_whole(session)


def test_a_lease_and_the_take_over_of_its_node_do_not_pass_each_other(db: Database, tmp_path: Path) -> None:
    """However they fall, no attempt of the dead node stays open."""
    for round_ in range(8):
        me = Me("n9", f"i{round_}")
        with db.write() as session:
            before = registry.register(session, me, NOW + timedelta(seconds=round_))

        def node(number: int, me: Me = me, before: Seen = before, round_: int = round_) -> None:
            if number == 0:
                taking = TakeOver(rooms(db, tmp_path, number))
                with db.write() as session:
                    assert taking.declare(before, session) is not None
                return
            with db.write() as session:
                callback = session.get_one(Callback, f"C{3 * round_ + number:02}-1")
                args: dict[str, Any] = {"phone": "1", "gate": {}, "flow_hash": "f", "ring_limit_s": 30.0, "at": NOW}
                ledger.lease(session, callback, node="n9", incarnation=me.incarnation, **args)

        at_once(node)
        with db.session() as session:
            open_ = select(Attempt).where(Attempt.state.in_(LIVING))
            assert session.scalars(open_).all() == []


def test_one_process_gets_the_name_and_one_the_lead(db: Database) -> None:
    def node(number: int) -> tuple[bool, bool]:
        me = Me("n1", f"i{number}")
        with db.write() as session:
            shown = registry.register(session, me, NOW)
        with db.write() as session:
            leads = leadership.hold(session, leadership.JOBS, replace(me, name=f"n{number}"), NOW)
        return shown.incarnation == me.incarnation, leads

    named, leads = zip(*at_once(node), strict=True)
    assert sum(named) == 1
    assert sum(leads) == 1
    with db.session() as session:
        assert len(session.scalars(select(DialerNode)).all()) == 1


def test_a_node_that_stands_still_in_a_transaction_does_not_hold_up_the_others(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "IDLE_S", 0.5)
    frozen = Database(db.engine.url.render_as_string(hide_password=False))
    membership.end_idle_transactions(frozen)

    def stand_still() -> None:
        with frozen.write() as session:
            audit.append(session, at=NOW, actor="node:n1", action="test.frozen", subject="1")
            with db.write() as other:  # waits for the lock of the chain, until the server ends the transaction above
                audit.append(other, at=NOW, actor="node:n2", action="test.goes_on", subject="2")

    with pytest.raises(DBAPIError, match="idle-in-transaction timeout"):
        stand_still()
    frozen.close()
    with db.session() as session:
        assert list(session.scalars(select(audit.AuditLink.action))) == ["test.goes_on"]
