"""The nodes' jobs by APScheduler, kept in the database; the node that leads runs them.

The rule of this module: tonight's plan is made although the leader dies before it, in the middle of it, or while nobody
runs: whoever leads next finds that the plan of the newest hour is missing and makes it at once. Both jobs bear being
done twice (each item has one trigger key, a message is claimed before it is sent), so an old leader does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import select

from core.clock import CHINA, Clock, SystemClock, china
from core.db import Database
from core.errors import SettingsError
from dialer.tables import PlanRun

JOB_ID = "nightly-plan"
WEBHOOKS_ID = "webhooks"
WEBHOOKS_EVERY_S = 60
GRACE_S = 6 * 3600  # a node that comes up late in the night still plans the day


Job = Callable[[str | None], None]


class NightJobs:
    """The scheduled jobs of one node: they run from ``start`` to ``stop``, that is while it leads."""

    def __init__(
        self, db: Database, clock: Clock, plan_at: str, plan: Job, config: str | None, *, webhooks: Job | None = None
    ) -> None:
        """As ``schedule``; SettingsError when ``plan_at`` is no time."""
        _trigger(plan_at)
        self._db = db
        self._clock = clock
        self._plan_at = plan_at
        self._plan = plan
        self._config = config
        self._webhooks = webhooks
        self._scheduler: BackgroundScheduler | None = None

    def start(self) -> None:
        """Run the jobs from now on, tonight's plan at once when it is missing; again: nothing happens."""
        if self._scheduler is None:
            missed = plan_is_missing(self._db, self._clock.now(), self._plan_at)
            self._scheduler = schedule(
                self._db, self._plan_at, self._plan, self._config, webhooks=self._webhooks, missed=missed
            )

    def stop(self) -> None:
        """Start no further job; one that runs comes to its end by itself."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)


def plan_is_missing(db: Database, now: datetime, plan_at: str) -> bool:
    """Whether no plan was made since ``plan_at`` last came, and that is not longer ago than ``GRACE_S``."""
    hour, minute = _hour(plan_at)
    due = china(now).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = due if due <= now else due - timedelta(days=1)
    if now - due > timedelta(seconds=GRACE_S):
        return False
    with db.session() as session:
        return session.scalars(select(PlanRun.plan_id).where(PlanRun.at >= due).limit(1)).first() is None


def schedule(
    db: Database,
    plan_at: str,
    job: Job,
    config: str | None,
    *,
    webhooks: Job | None = None,
    missed: bool = False,
) -> BackgroundScheduler:
    """A started scheduler that calls ``job(config)`` every night at ``plan_at`` (HH:MM, Chinese time).

    With ``missed`` it also calls it at once. ``webhooks(config)`` is called every minute. Both are stored by their
    import path, so they must be plain functions of a module.
    """
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(engine=db.engine, tablename="scheduled_job")}, timezone=CHINA
    )
    scheduler.start()
    once = {"coalesce": True, "max_instances": 1, "replace_existing": True, "args": [config]}
    at_once = {"next_run_time": SystemClock().now()} if missed else {}
    scheduler.add_job(job, _trigger(plan_at), id=JOB_ID, misfire_grace_time=GRACE_S, **once, **at_once)
    if webhooks is not None:
        every = IntervalTrigger(seconds=WEBHOOKS_EVERY_S, timezone=CHINA)
        scheduler.add_job(webhooks, every, id=WEBHOOKS_ID, **once)
    elif scheduler.get_job(WEBHOOKS_ID) is not None:
        scheduler.remove_job(WEBHOOKS_ID)
    return scheduler


def _trigger(plan_at: str) -> CronTrigger:
    hour, minute = _hour(plan_at)
    return CronTrigger(hour=hour, minute=minute, timezone=CHINA)


def _hour(plan_at: str) -> tuple[int, int]:
    hour, _, minute = plan_at.partition(":")
    try:
        when = time(int(hour), int(minute))
    except ValueError as error:
        raise SettingsError(f"node.plan_at = {plan_at!r}: give a time like 02:00") from error
    return when.hour, when.minute
