"""One leader at a time; another follows when it ends, is declared dead, or does not renew its lease."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import CHINA
from core.db import Database
from dialer.nodes import leadership
from dialer.nodes.leadership import JOBS, leader
from dialer.nodes.registry import Me
from tests.unit.nodes.conftest import N1, N2

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=CHINA)


def hold(db: Database, me: Me, seconds: float = 0) -> bool:
    with db.write() as session:
        return leadership.hold(session, JOBS, me, NOW + timedelta(seconds=seconds))


def who(db: Database, seconds: float = 0) -> str | None:
    with db.session() as session:
        return leader(session, JOBS, NOW + timedelta(seconds=seconds))


def test_the_first_leads_and_keeps_the_lease_by_renewing_it(db: Database) -> None:
    assert who(db) is None
    assert hold(db, N1)
    assert not hold(db, N2, 3)
    assert hold(db, N1, 20)
    assert not hold(db, N2, 40)
    assert who(db, 40) == "n1"


def test_a_lease_that_is_not_renewed_passes_to_the_next_who_asks(db: Database) -> None:
    hold(db, N1)
    assert who(db, 30) is None
    assert hold(db, N2, 30)
    assert not hold(db, N1, 33)
    assert who(db, 33) == "n2"


def test_who_ends_or_is_dead_is_followed_at_once(db: Database) -> None:
    hold(db, N1)
    with db.write() as session:
        leadership.release(session, "i1", NOW + timedelta(seconds=1))
    assert hold(db, N2, 1)


def test_a_new_process_of_the_same_name_does_not_wait_for_the_lease_of_the_old_one(db: Database) -> None:
    hold(db, N1)
    with db.write() as session:
        leadership.inherit(session, Me("n1", "i9"), NOW + timedelta(seconds=1))
        leadership.inherit(session, N2, NOW + timedelta(seconds=1))
    assert hold(db, N2, 1)


@settings(max_examples=25)
@given(turns=st.lists(st.tuples(st.sampled_from([N1, N2]), st.floats(0.5, 40)), max_size=15))
def test_two_never_lead_at_the_same_time(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[Me, float]]
) -> None:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('leader') / 'l.db'}")
    database.migrate()
    at, held_until = 0.0, {"n1": 0.0, "n2": 0.0}
    for me, pause in turns:
        at += pause
        if hold(database, me, at):
            held_until[me.name] = at + 30
            assert all(until <= at for name, until in held_until.items() if name != me.name)
    database.close()
