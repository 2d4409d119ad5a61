"""The node's jobs by APScheduler, kept in the database so that a night with a restart is not a night lost.

Two nodes on one database may both run them: planning twice plans nothing twice (each item has one trigger key), and a
message to another system is claimed before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from core.clock import CHINA
from core.db import Database
from core.errors import SettingsError

JOB_ID = "nightly-plan"
WEBHOOKS_ID = "webhooks"
WEBHOOKS_EVERY_S = 60
GRACE_S = 6 * 3600  # a node that comes up late in the night still plans the day


Job = Callable[[str | None], None]


def schedule(
    db: Database, plan_at: str, job: Job, config: str | None, *, webhooks: Job | None = None
) -> BackgroundScheduler:
    """A started scheduler that calls ``job(config)`` every night at ``plan_at`` (HH:MM, Chinese time).

    ``webhooks(config)`` is called every minute. Both are stored by their import path, so they must be plain functions
    of a module.
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
    if webhooks is not None:
        scheduler.add_job(
            webhooks,
            IntervalTrigger(seconds=WEBHOOKS_EVERY_S, timezone=CHINA),
            args=[config],
            id=WEBHOOKS_ID,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
        )
    elif scheduler.get_job(WEBHOOKS_ID) is not None:
        scheduler.remove_job(WEBHOOKS_ID)
    return scheduler


def _trigger(plan_at: str) -> CronTrigger:
    hour, _, minute = plan_at.partition(":")
    try:
        return CronTrigger(hour=int(hour), minute=int(minute), timezone=CHINA)
    except ValueError as error:
        raise SettingsError(f"node.plan_at = {plan_at!r}: give a time like 02:00") from error
