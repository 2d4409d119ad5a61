"""The nightly plan is a stored job: it survives a restart, exists once, and runs at the hour of the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.clock import CHINA
from core.db import Database
from core.errors import SettingsError
from dialer.nightly import JOB_ID, WEBHOOKS_ID, schedule
from dialer.tables import PlanRun
from huifang.commands.run import deliver_webhooks, plan_tonight

pytestmark = pytest.mark.integration


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    yield database
    database.close()


def jobs(db: Database) -> list[tuple[str, float]]:
    with db.session() as session:
        return [tuple(row) for row in session.execute(text("SELECT id, next_run_time FROM scheduled_job"))]


@pytest.mark.rule("A-13")
@pytest.mark.rule("J-10")
def test_the_plan_is_due_at_the_hour_of_the_settings_in_chinese_time(db: Database) -> None:
    scheduler = schedule(db, "02:15", plan_tonight, None)
    scheduler.shutdown()
    ((job_id, due),) = jobs(db)
    local = datetime.fromtimestamp(due, CHINA)
    assert (job_id, local.hour, local.minute) == (JOB_ID, 2, 15)
    assert local > datetime.now(CHINA)


def test_a_restart_keeps_one_job_and_takes_the_new_hour(db: Database) -> None:
    schedule(db, "02:15", plan_tonight, None).shutdown()
    schedule(db, "03:00", plan_tonight, None).shutdown()
    ((_, due),) = jobs(db)
    assert datetime.fromtimestamp(due, CHINA).hour == 3


@pytest.mark.rule("A-13")
def test_the_job_plans_the_day_and_leaves_a_row(tmp_path: Path) -> None:
    config = tmp_path / "huifang.toml"
    config.write_text(f'[firm]\npack = "demo_firm"\n[storage]\nvar = "{tmp_path / "var"}"\n', "utf-8")
    site = Database(f"sqlite:///{tmp_path / 'var' / 'huifang.db'}")
    site.migrate()
    scheduler = schedule(site, "02:15", plan_tonight, str(config))
    scheduler.modify_job(JOB_ID, next_run_time=datetime.now(CHINA))
    deadline = time.monotonic() + 30
    runs: list[PlanRun] = []
    while not runs and time.monotonic() < deadline:
        time.sleep(0.05)
        with site.session() as session:
            runs = list(session.scalars(select(PlanRun)))
    scheduler.shutdown()
    site.close()
    assert [run.pack for run in runs] == ["demo_firm"]


def test_messages_to_other_systems_are_a_job_only_where_they_go_somewhere(db: Database) -> None:
    schedule(db, "02:15", plan_tonight, None, webhooks=deliver_webhooks).shutdown()
    assert {job_id for job_id, _ in jobs(db)} == {JOB_ID, WEBHOOKS_ID}
    schedule(db, "02:15", plan_tonight, None).shutdown()
    assert {job_id for job_id, _ in jobs(db)} == {JOB_ID}


def test_an_hour_that_is_none_is_refused(db: Database) -> None:
    with pytest.raises(SettingsError, match="plan_at"):
        schedule(db, "night", plan_tonight, None)
