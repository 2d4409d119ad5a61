"""Prometheus metrics counted from the database when they are asked for: no state of their own, no personal data."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.db import Database
from dialer.tables import Agent, Attempt, Callback, Handoff
from recordings.tables import Recording
from transcribe.tables import Transcript
from web.line.metrics import line_families


class HouseCollector(Collector):
    """Counts what the rooms hold."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a table and column."""
        with self._db.session() as session:
            yield _grouped(session, "huifang_callbacks", "Callbacks by state", "state", Callback.state)
            yield _grouped(session, "huifang_callback_outcomes", "Callbacks by outcome", "outcome", Callback.outcome)
            yield _grouped(session, "huifang_attempts", "Attempts by disposition", "disposition", Attempt.disposition)
            yield _grouped(session, "huifang_attempt_states", "Attempts by state", "state", Attempt.state)
            yield _grouped(session, "huifang_handoffs", "Handoffs by result", "result", Handoff.result)
            yield _grouped(session, "huifang_agents", "Agents by state", "state", Agent.state)
            yield _grouped(session, "huifang_recordings", "Recordings by state", "state", Recording.state)
            yield _grouped(session, "huifang_transcripts", "Transcripts by state", "state", Transcript.state)
            yield _recorded(session)
            yield from line_families(session)


def exposition(db: Database) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(HouseCollector(db))
    return generate_latest(registry)


def _grouped(
    session: Session,
    name: str,
    text: str,
    label: str,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, times in session.execute(select(column, func.count()).group_by(column)):
        family.add_metric([value or "none"], times)
    return family


def _recorded(session: Session) -> GaugeMetricFamily:
    total = session.scalar(select(func.coalesce(func.sum(Recording.duration_ms), 0))) or 0
    return GaugeMetricFamily("huifang_recorded_seconds", "Seconds of sealed recordings", value=total / 1000)
