"""The nightly plan as an APScheduler job, kept in the database so that a night with a restart is not a night lost.

Two nodes on one database may both run it: planning twice plans nothing twice (each item has one trigger key).
"""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from core.clock import CHINA
from core.db import Database
from core.errors import SettingsError

JOB_ID = "nightly-plan"
GRACE_S = 6 * 3600  # a node that comes up late in the night still plans the day


def schedule(db: Database, plan_at: str, job: Callable[[str | None], None], config: str | None) -> BackgroundScheduler:
    """A started scheduler that calls ``job(config)`` every night at ``plan_at`` (HH:MM, Chinese time).

    ``job`` is stored by its import path, so it must be a plain function of a module.
    """
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(engine=db.engine, tablename="scheduled_job")}, timezone=CHINA
    )
    scheduler.start()
    scheduler.add_job(
        job,
        _trigger(plan_at),
        args=[config],
        id=JOB_ID,
        replace_existing=True,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=GRACE_S,
    )
    return scheduler


def _trigger(plan_at: str) -> CronTrigger:
    hour, _, minute = plan_at.partition(":")
    try:
        return CronTrigger(hour=int(hour), minute=int(minute), timezone=CHINA)
    except ValueError as error:
        raise SettingsError(f"node.plan_at = {plan_at!r}: give a time like 02:00") from error
