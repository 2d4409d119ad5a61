"""Three nodes on one PostgreSQL, killed at random instants: nobody is dialed twice for one attempt, nothing is lost.

``KILLS=200`` makes the long run (`make nodes`), without it ten kills. In every round one node is killed and stays dead
until another has taken over what it had; meanwhile a second one is killed and started again and again, while the third
lives. Who is who, and when, is drawn from a seed.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from core import audit
from dialer.tables import Agent, AgentState, Attempt, AttemptState, Callback, DialerNode, GateRefusal, Leader
from recordings.tables import Recording, RecordingState
from tests.integration.nodes.house import House, a_house

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("KILLS_SEED", "20261123"))
CLIENTS = {"1391": 20, "1392": 20, "1393": 20, "1394": 3, "1395": 10 + KILLS // 2}
NAMES = ("n1", "n2", "n3")
TAKEN_OVER_WITHIN_S = 30.0

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150 + 4 * KILLS)]


@dataclass
class Figures:
    """What the run measured."""

    kills: int = 0
    takeovers: list[float] = field(default_factory=list)
    taken_over: int = 0  # attempts that a dead node left and others closed


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, new_postgres: object) -> Iterator[tuple[House, Figures]]:
    """The house after all kills, its nodes drained."""
    folder = tmp_path_factory.mktemp("nodes")
    with a_house(folder, new_postgres(), clients=CLIENTS) as house:  # type: ignore[operator]
        figures = _kill(house, random.Random(SEED))
        codes = house.drain()
        logs = "\n".join(house.log(name) for name in NAMES)
        assert codes == dict.fromkeys(NAMES, 0), logs
        yield house, figures


def _kill(house: House, chance: random.Random) -> Figures:
    figures = Figures()
    for name in NAMES:
        house.start(name)
    house.wait(lambda: all(house.state(name) == "up" for name in NAMES), 60, "three nodes up")
    while figures.kills < KILLS:
        _round(house, chance, figures)
    house.wait(lambda: all(house.state(name) == "up" for name in NAMES), 60, "three nodes up at the end")
    return figures


def _round(house: House, chance: random.Random, figures: Figures) -> None:
    victim, restless, _ = chance.sample(NAMES, 3)
    house.wait(lambda: bool(house.living(victim)), 30, f"a call of {victim}")
    time.sleep(chance.uniform(0.0, 1.0))
    killed_at = house.kill(victim)
    figures.kills += 1
    left = house.living(victim)
    deadline = time.monotonic() + TAKEN_OVER_WITHIN_S
    while house.state(victim) != "dead":
        assert time.monotonic() < deadline, f"{victim} was not taken over\n" + "\n".join(map(house.log, NAMES))
        if figures.kills < KILLS:
            time.sleep(chance.choice((chance.uniform(0.0, 0.3), chance.uniform(0.3, 2.5))))
            house.kill(restless)
            figures.kills += 1
            house.start(restless)
        else:
            time.sleep(0.2)
    figures.takeovers.append(_last_closed(house, left, killed_at))
    figures.taken_over += len(left)
    house.start(victim)
    house.wait(lambda: house.state(victim) == "up", 30, f"{victim} up again")


def _last_closed(house: House, attempts: list[str], killed_at: datetime) -> float:
    """How long after the kill the last of these attempts was closed; the take-over itself when there were none."""
    with house.db.session() as session:
        closed = session.scalars(select(Attempt.ended_at).where(Attempt.attempt_id.in_(attempts))).all()
    last = max((at for at in closed if at), default=house.clock.now())
    assert None not in closed
    return (last - killed_at).total_seconds()


def test_what_a_dead_node_had_is_taken_over_within_thirty_seconds(ended: tuple[House, Figures]) -> None:
    house, figures = ended
    with house.db.session() as session:
        states = Counter(session.scalars(select(Attempt.state)))
        dispositions = Counter(session.scalars(select(Attempt.disposition)))
        refused = Counter(one.reasons[0]["code"] for one in session.scalars(select(GateRefusal)))
    slowest, times = max(figures.takeovers), len(figures.takeovers)
    print(f"\n{figures.kills} kills, {times} take-overs of {figures.taken_over} attempts, slowest {slowest:.1f} s")
    print(f"attempts: {dict(states)} {dict(dispositions)}; refusals: {dict(refused)}")
    assert figures.kills >= KILLS
    assert max(figures.takeovers) <= TAKEN_OVER_WITHIN_S


@pytest.mark.rule("F-01")
def test_no_attempt_is_invited_twice_and_none_without_its_row(ended: tuple[House, Figures]) -> None:
    house, _ = ended
    headers = [line["headers"].get("X-Huifang-Attempt") for line in house.carrier.log_lines("invite")]
    ours = Counter(str(header) for header in headers if header)
    assert len(ours) > 2 * KILLS, "the kills met calls"
    assert {attempt: times for attempt, times in ours.items() if times > 1} == {}
    with house.db.session() as session:
        assert set(ours) <= set(session.scalars(select(Attempt.attempt_id)))


def test_every_attempt_has_an_end_and_none_overlaps_another_of_its_client(ended: tuple[House, Figures]) -> None:
    house, _ = ended
    by_client: dict[str, list[Attempt]] = defaultdict(list)
    with house.db.session() as session:
        for attempt in session.scalars(select(Attempt).order_by(Attempt.started_at)):
            assert attempt.state in (AttemptState.ENDED, AttemptState.INTERRUPTED)
            by_client[attempt.client_id].append(attempt)
    for attempts in by_client.values():
        for earlier, later in pairwise(attempts):
            assert earlier.ended_at is not None
            assert later.started_at >= earlier.ended_at, (earlier.attempt_id, later.attempt_id)


def test_no_agent_no_claim_and_no_callback_stays_behind(ended: tuple[House, Figures]) -> None:
    house, _ = ended
    with house.db.session() as session:
        agents = {(agent.state, agent.node) for agent in session.scalars(select(Agent))}
        assert agents <= {(AgentState.FREE, None), (AgentState.WRAP_UP, None)}
        callbacks = session.scalars(select(Callback)).all()
        assert [one.callback_id for one in callbacks if one.claimed_by] == []
        assert {one.state for one in callbacks} <= {"planned", "closed", "wrap_up"}


def test_nodes_and_leader_have_signed_off(ended: tuple[House, Figures]) -> None:
    house, _ = ended
    with house.db.session() as session:
        assert set(session.scalars(select(DialerNode.state))) == {"stopped"}
        assert session.scalars(select(Leader)).one().until <= house.clock.now()


@pytest.mark.rule("F-13")
def test_no_recording_is_lost_and_the_chain_is_whole(ended: tuple[House, Figures]) -> None:
    house, _ = ended
    with house.db.session() as session:
        states = Counter(session.scalars(select(Recording.state)))
        assert set(states) == {RecordingState.SEALED}, states
        audit.require_whole(session)
    assert list(Path(house.folder).glob("var/spool/*/*.part")) == []
