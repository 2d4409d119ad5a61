"""Ringing agents: declined, silent, gone, cancelled at any instant: nobody stays rung for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import SimulatedClock
from core.db import Database
from core.settings import Desk as Rules
from dialer.desk.handoff import Avoided, HandoffDesk
from dialer.lines.base import Answered, Ended, EndedBy, Ending, LineError
from dialer.store import Store
from dialer.tables import Agent, AgentState, Attempt, Callback, Handoff, Item, Staff

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


class Phone:
    """An agent's phone that does as the test says."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.ending: Ending | None = None
        self.hung_up = False

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        if self.behaviour == "answers":
            asyncio.get_running_loop().call_soon(listener, Answered(NOW))
        if self.behaviour == "declines":
            self.ending = Ending(EndedBy.FAR_END, NOW, 603, "Decline")
            asyncio.get_running_loop().call_soon(listener, Ended(self.ending))
        return lambda: None

    async def hang_up(self) -> None:
        self.hung_up = True


class Phones:
    """A line that rings ``sip:BEHAVIOUR``."""

    def __init__(self) -> None:
        self.rung: list[Phone] = []

    async def dial(self, uri: str, **_: object) -> Phone:
        behaviour = uri.removeprefix("sip:")
        if behaviour == "broken":
            raise LineError("no INVITE could leave")
        self.rung.append(Phone(behaviour))
        return self.rung[-1]


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback], an_attempt: Callable[..., Attempt]) -> Iterator[Database]:
    """One live attempt and nobody to take it yet."""
    database = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    database.migrate()
    with database.write() as session:
        owe(session)
        session.add(an_attempt())
    yield database
    database.close()


def employ(db: Database, *phones: str) -> None:
    """One free agent for each phone, the first one free longest."""
    with db.write() as session:
        for number, phone in enumerate(phones):
            staff_id = f"S{number}"
            session.add(Staff(staff_id=staff_id, name="", branch="", series="callcentre", languages=["zh-CN"]))
            session.flush()
            since = NOW - timedelta(hours=10 - number)
            session.add(Agent(staff_id=staff_id, sip_uri=f"sip:{phone}", state=AgentState.FREE, state_since=since))


def an_item(programme: str) -> Item:
    """What callback B1 is about."""
    return Item(
        item_id="I1",
        callback_id="B1",
        pack="firm",
        programme=programme,
        rule_ids=[],
        trigger="",
        trigger_key=f"{programme}:E1",
        due_on=NOW.date(),
        due_at=NOW,
        deadline_unit="day",
        flow="f",
        planned_on=NOW.date(),
    )


def ring(db: Database, scenario: Callable[[Any, SimulatedClock, Phones], Any], avoided: Avoided = lambda _: ()) -> Any:
    """Run ``scenario(finding_task, clock, phones)`` on simulated time."""

    async def main() -> Any:
        clock, phones, store = SimulatedClock(NOW), Phones(), Store(db)
        rules = Rules(ring_seconds=1, wait_seconds=5)
        desk = HandoffDesk(phones, store, clock, node="n1", rules=rules, avoided=avoided)  # type: ignore[arg-type]
        finding = asyncio.create_task(desk.find(attempt_id="A1", client_id="C1", reason="wish"))
        try:
            return await scenario(finding, clock, phones)
        finally:
            store.close()

    return asyncio.run(main())


async def until_done(finding: Any, clock: SimulatedClock) -> Any:
    """Let simulated seconds pass until the search is over."""
    for _ in range(200):
        done, _ = await asyncio.wait({finding}, timeout=0.05)
        if done:
            return finding.result()
        clock.advance(1)
    raise AssertionError("the search never ended")


def books(db: Database) -> tuple[Handoff, dict[str, str]]:
    with db.session() as session:
        states = {agent.staff_id: agent.state for agent in session.scalars(select(Agent))}
        return session.scalars(select(Handoff)).one(), states


def test_the_agent_who_answers_takes_the_call(db: Database) -> None:
    employ(db, "answers")
    leg = ring(db, lambda finding, clock, _: until_done(finding, clock))
    handoff, states = books(db)
    assert leg.staff_id == handoff.staff_id == "S0"
    assert (handoff.result, states) == ("joined", {"S0": "talking"})


def test_an_agent_who_declines_or_cannot_be_reached_is_passed_over_and_free_again(db: Database) -> None:
    employ(db, "declines", "broken", "answers")
    leg = ring(db, lambda finding, clock, _: until_done(finding, clock))
    handoff, states = books(db)
    assert leg.staff_id == "S2"
    assert [entry["staff_id"] for entry in handoff.tried] == ["S0", "S1"]
    assert "603" in handoff.tried[0]["ending"]
    assert states == {"S0": "free", "S1": "free", "S2": "talking"}


def test_a_phone_that_only_rings_is_hung_up_and_the_next_one_is_tried(db: Database) -> None:
    employ(db, "rings", "answers")

    async def scenario(finding: Any, clock: SimulatedClock, phones: Phones) -> Any:
        leg = await until_done(finding, clock)
        assert phones.rung[0].hung_up
        return leg

    assert ring(db, scenario).staff_id == "S1"
    assert books(db)[1]["S0"] == "free"


def test_nobody_free_ends_after_the_waiting_time(db: Database) -> None:
    assert ring(db, lambda finding, clock, _: until_done(finding, clock)) is None
    assert books(db)[0].result == "nobody_free"


@pytest.mark.rule("E-02")
@pytest.mark.rule("E-06")
def test_a_series_that_the_pack_keeps_away_from_the_programme_is_not_rung(db: Database) -> None:
    employ(db, "answers")
    with db.write() as session:
        session.add(an_item(programme="options"))

    def avoided(programmes: frozenset[str]) -> frozenset[str]:
        return frozenset({"callcentre"}) if "options" in programmes else frozenset()

    assert ring(db, lambda finding, clock, _: until_done(finding, clock), avoided) is None
    assert books(db)[1] == {"S0": "free"}


@pytest.mark.parametrize("phone", ["rings", "answers", "declines"])
@pytest.mark.parametrize("steps", range(0, 24, 2))
def test_a_client_who_leaves_at_any_instant_leaves_no_agent_ringing(db: Database, phone: str, steps: int) -> None:
    employ(db, phone)

    async def scenario(finding: Any, clock: SimulatedClock, phones: Phones) -> None:
        for _ in range(steps):
            await asyncio.sleep(0.002)
        finding.cancel()
        await asyncio.wait({finding})
        if not finding.cancelled() and finding.exception() is None and finding.result() is not None:
            assert phone == "answers"  # the agent was faster: the session lets him go (`too_late`)

    ring(db, scenario)
    handoff, states = books(db) if _requested(db) else (None, {"S0": "free"})
    joined = handoff is not None and handoff.result == "joined"
    assert states["S0"] == ("talking" if joined else "free")


def _requested(db: Database) -> bool:
    with db.session() as session:
        return session.scalars(select(Handoff)).first() is not None
