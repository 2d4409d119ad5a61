"""Nodes of one PostgreSQL share the agents' seats: however they race, no two calls are placed for one agent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from core.db import Database
from core.ids import new_id
from dialer.calling.pacing import PacingRules
from dialer.calling.pacing_facts import Pacer
from dialer.calling.pacing_history import by_day, flow_histories, ledger, window
from dialer.tables import Agent, AgentState, Attempt, Callback, Staff
from ivr_flows.loader import load_flow

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
NODES, AGENTS = 3, 4
RULES = PacingRules("progressive", 0.001, 0.5, "hold", 1.5, 3.0, 0.01, 0.03, 30, 2.0, 100, 5000, 30)


@pytest.fixture
def db(new_postgres: Callable[[], str], owe: Callable[..., Callback]) -> Iterator[Database]:
    """Four agents, and one call-back that stands for all."""
    database = Database(new_postgres())
    database.migrate()
    with database.write() as session:
        owe(session)
        session.add_all(
            Staff(staff_id=f"S{n}", name="坐席", branch="北京", series="callcentre", languages=["zh-CN"])
            for n in range(AGENTS)
        )
        session.flush()
        session.add_all(
            Agent(staff_id=f"S{n}", sip_uri=f"sip:{n}@pbx", state=AgentState.FREE, state_since=NOW)
            for n in range(AGENTS)
        )
    yield database
    database.close()


def place(db: Database, pacer: Pacer, node: str) -> bool:
    """Look and lease in one transaction, as a node does."""
    with db.write() as session:
        verdict = pacer.look(session, NOW, lock=True).verdict(session.get_one(Callback, "B1"))
        if verdict.allowed:
            session.add(
                Attempt(
                    attempt_id=new_id(NOW),
                    callback_id="B1",
                    client_id="C1",
                    node=node,
                    phone="13900000001",
                    gate={},
                    flow="new_account",
                    flow_hash="f",
                    language="zh-CN",
                    started_at=NOW,
                    sip_reasons=[],
                    provisionals=[],
                    reserves_agent=verdict.reserves_agent,
                )
            )
    return verdict.allowed


def test_nodes_that_race_place_one_call_for_each_agent(db: Database) -> None:
    start = threading.Barrier(NODES)

    def a_node(number: int) -> int:
        pacer = Pacer(RULES, flows=load_flow, avoided=lambda programmes: frozenset())
        start.wait()
        return sum(place(db, pacer, f"n{number}") for _ in range(10))

    with ThreadPoolExecutor(NODES) as nodes:
        placed = list(nodes.map(a_node, range(NODES)))
    assert sum(placed) == AGENTS


def test_history_and_ledger_are_read_from_postgresql_too(db: Database) -> None:
    pacer = Pacer(RULES, flows=load_flow, avoided=lambda programmes: frozenset())
    assert place(db, pacer, "n1")
    with db.session() as session:
        since, until = window(NOW, 30)
        assert flow_histories(session, NOW, calls=10, days=30) == {}
        assert ledger(session, since, until, now=NOW, limit_s=2.0) == {}
        assert by_day(session, NOW, days=2, limit_s=2.0) == []
