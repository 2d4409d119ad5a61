"""Who may take a client: free longest first, never the introducer, never an excluded series, never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.db import Database
from dialer.desk import agents
from dialer.tables import Agent, AgentState, Client, Staff

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
SERIES = {"S1": "callcentre", "S2": "callcentre", "S3": "marketing", "S4": "broker"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Four agents; S4 has been free longest, S1 shortest."""
    database = Database(f"sqlite:///{tmp_path / 'agents.db'}")
    database.migrate()
    with database.write() as session:
        for number, (staff_id, series) in enumerate(SERIES.items()):
            session.add(Staff(staff_id=staff_id, name=staff_id, branch="北京", series=series, languages=["zh-CN"]))
            session.flush()
            since = NOW - timedelta(minutes=number)
            session.add(Agent(staff_id=staff_id, sip_uri="sip:x", state=AgentState.FREE, state_since=since))
    yield database
    database.close()


def take(db: Database, who: Client, tried: tuple[str, ...] = ()) -> str | None:
    with db.write() as session:
        taken = agents.take_free(session, client=who, node="n1", at=NOW, tried=tried, excluded_series={"marketing"})
        return taken and taken.staff_id


def test_the_agent_who_has_been_free_longest_is_taken_and_nobody_twice(
    db: Database, a_client: Callable[..., Client]
) -> None:
    assert [take(db, a_client()) for _ in range(4)] == ["S4", "S2", "S1", None]


@pytest.mark.rule("E-04")
def test_the_introducer_never_takes_his_own_client(db: Database, a_client: Callable[..., Client]) -> None:
    assert [take(db, a_client(introducer_id="S4")) for _ in range(3)] == ["S2", "S1", None]


@pytest.mark.rule("E-01")
def test_an_excluded_series_takes_nobody(db: Database, a_client: Callable[..., Client]) -> None:
    assert take(db, a_client(), ("S1", "S2", "S4")) is None


def test_an_agent_who_does_not_speak_the_clients_language_is_left_alone(
    db: Database, a_client: Callable[..., Client]
) -> None:
    assert take(db, a_client(language="en")) is None


def test_what_a_dead_node_held_is_free_again(db: Database, a_client: Callable[..., Client]) -> None:
    take(db, a_client())
    with db.write() as session:
        assert agents.release_node(session, "another", NOW) == 0
        assert agents.release_node(session, "n1", NOW) == 1
        assert session.get_one(Agent, "S4").state == AgentState.FREE
