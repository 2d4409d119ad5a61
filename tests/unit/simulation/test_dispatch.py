"""The order of dialing stands in one place: the simulation's is the one that the node asks the database for."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.db import Database
from dialer.calling.ledger import ready
from dialer.simulation.dispatch import IDLE, next_look, urgency
from dialer.tables import Callback, Client
from tests.unit.conftest import MORNING

pytestmark = pytest.mark.unit


def test_the_node_dials_in_the_order_of_the_simulation(
    tmp_path: Path, owe: Callable[..., Callback], a_client: Callable[..., Client]
) -> None:
    chance = random.Random(3)
    db = Database(f"sqlite:///{tmp_path / 'order.db'}")
    db.migrate()
    with db.write() as session:
        first = owe(session)
        known = {column.name: getattr(first, column.name) for column in Callback.__table__.columns}
        for number in range(2, 60):
            changes = {
                "callback_id": f"B{number:02}",
                "priority": chance.randrange(3),
                "due_on": date(2026, 12, chance.randrange(1, 4)),
                "next_attempt_at": MORNING - timedelta(minutes=chance.randrange(3)),
            }
            session.add(Callback(**{**known, **changes}))
    with db.session() as session:
        found = [one.callback_id for one in ready(session, MORNING, limit=100)]
        wanted = [one.callback_id for one in sorted(session.scalars(select(Callback)), key=urgency)]
    db.close()
    assert found == wanted


def test_looks_that_can_change_nothing_are_passed_over_and_none_that_can_is() -> None:
    gap = timedelta(seconds=0.25)
    assert next_look(MORNING, dialed=True, gap=gap, worth=MORNING) == MORNING + gap
    for seconds in (0, 0.2, 0.5, 7.3):
        worth = MORNING + timedelta(seconds=seconds)
        found = next_look(MORNING, dialed=False, gap=gap, worth=worth)
        assert max(MORNING + IDLE, worth) <= found < max(MORNING + IDLE, worth) + IDLE
        assert (found - MORNING) % IDLE == timedelta(0)
