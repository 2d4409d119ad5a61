"""Tonight's plan is made once, by whoever leads, although the leader died before it or in the middle of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA, SimulatedClock
from core.db import Database
from core.errors import SettingsError
from dialer.nightly import NightJobs, plan_is_missing
from dialer.tables import PlanRun

pytestmark = pytest.mark.unit

TWO = datetime(2026, 11, 24, 2, 0, tzinfo=CHINA)
ran: SimpleQueue[str | None] = SimpleQueue()


def plan(config: str | None) -> None:
    ran.put(config)


def planned(db: Database, at: datetime) -> None:
    with db.write() as session:
        session.add(PlanRun(plan_id=str(at), at=at, for_date=at.date(), pack="GAL", seed="1", counts={}))


def missing(db: Database, at: datetime) -> bool:
    return plan_is_missing(db, at, "02:00")


@pytest.mark.rule("A-13")
def test_the_plan_is_missing_from_its_hour_until_it_is_stored(db: Database) -> None:
    minute = timedelta(minutes=1)
    assert not missing(db, TWO - minute), "the plan of the night before was due too long ago"
    assert missing(db, TWO)
    assert missing(db, TWO + minute), "whoever follows a leader that died in the middle makes it"
    planned(db, TWO - minute)
    assert missing(db, TWO + minute), "a plan from before the hour is not tonight's"
    planned(db, TWO + minute)
    assert not missing(db, TWO + 2 * minute)


@given(st.integers(0, 24 * 60 - 1))
def test_a_plan_is_made_up_for_within_six_hours(minutes: int) -> None:
    database = Database("sqlite://")
    database.migrate()
    assert missing(database, TWO + timedelta(minutes=minutes)) == (minutes <= 6 * 60)
    database.close()


def test_only_a_leader_has_a_scheduler_and_it_makes_up_for_what_is_missing(db: Database) -> None:
    jobs = NightJobs(db, SimulatedClock(TWO), "02:00", plan, "site")
    jobs.stop()
    jobs.start()
    jobs.start()
    assert ran.get(timeout=30) == "site"
    jobs.stop()
    jobs.stop()
    planned(db, TWO)
    jobs.start()
    jobs.stop()
    assert ran.empty()


@pytest.mark.rule("A-13")
def test_whoever_leads_next_makes_the_plan_that_a_leader_died_over(db: Database) -> None:
    clock = SimulatedClock(TWO)
    died, follows, later = (NightJobs(db, clock, "02:00", plan, name) for name in ("died", "follows", "later"))
    died.start()
    assert ran.get(timeout=30) == "died"
    died.stop()  # and no plan was stored
    clock.advance(40)
    follows.start()
    assert ran.get(timeout=30) == "follows"
    planned(db, clock.now())
    follows.stop()
    later.start()
    later.stop()
    assert ran.empty()


def test_an_hour_that_is_none_is_refused_before_anybody_leads(db: Database) -> None:
    for wrong in ("night", "25:00", "02"):
        with pytest.raises(SettingsError, match="plan_at"):
            NightJobs(db, SimulatedClock(TWO), wrong, plan, None)
