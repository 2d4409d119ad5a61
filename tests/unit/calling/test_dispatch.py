"""The order of dialing stands in one place, and so does when a refused callback is looked at again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.calendars import ChinaCalendars
from core.db import Database
from dialer.calling.dispatch import IDLE, look_again, next_look, urgency
from dialer.calling.ledger import ready
from dialer.gate import GateInput, judge
from dialer.programmes.model import Cap, CapPer
from dialer.tables import Callback, Client
from tests.rows import MORNING
from tests.unit.gate.firm import ALLOWED, CALLBACK, CLIENT, READY, at, attempt, codes, contact, pack

pytestmark = pytest.mark.unit

QUARTER = Cap(2, CapPer.QUARTER, answered_only=True, rule="B-12")


class EveryDay(ChinaCalendars):
    """Knows every year, and works on every day of it."""

    def is_working_day(self, day: date) -> bool:
        return True


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
        found = [one.callback_id for one in ready(session, MORNING, limit=100, node="n")]
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


def looked(asked: GateInput) -> datetime:
    return look_again(asked, judge(asked))


@pytest.mark.rule("B-12")
def test_a_callback_with_no_chance_left_before_its_deadline_is_looked_at_once_a_day() -> None:
    talks = tuple(attempt(f"2026-10-1{day}T10:00", disposition="answered") for day in (2, 3))
    full = replace(ALLOWED, attempts=talks, pack=pack(contact=contact(caps=(QUARTER,))))
    assert codes(full) == {"cap_reached"}
    assert looked(full) == at("2026-11-24T00:00")
    assert looked(replace(full, node=replace(READY, draining=True))) == at("2026-11-24T00:00")
    later = replace(full, callback=replace(CALLBACK, due_on=date(2027, 1, 15), due_at=None))
    assert looked(replace(later, calendars=EveryDay())) == at("2027-01-01T09:00")


def test_what_a_person_may_mend_is_looked_at_every_hour_and_what_the_machine_lacks_every_minute() -> None:
    wants_none = replace(ALLOWED, client=replace(CLIENT, phone_opt_out=True))
    assert looked(wants_none) == wants_none.now + timedelta(hours=1)
    assert looked(replace(wants_none, attempts=(attempt("2026-11-23T09:25"),))) > wants_none.now
    assert looked(replace(ALLOWED, pack=None)) == ALLOWED.now + timedelta(hours=1)
    assert looked(replace(ALLOWED, node=replace(READY, draining=True))) == ALLOWED.now + timedelta(minutes=1)
