"""Takes a file into the database: first read as a whole, then written in one transaction; all or nothing.

The rule of this module: the first reading writes nothing and holds no lock; the second one runs the same checks, so a
file that was changed in between is refused as a whole as well. Rows pass in batches, the file is never in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.db import Base, Database
from dialer.importing.columns import CLIENTS, EVENTS, FIGURES, STAFF, Layout
from dialer.importing.problems import Problems
from dialer.importing.reading import MAX_ROWS, Row, read_rows
from dialer.tables import Client, Event, Figure, Staff

BATCH = 500
Table = type[Client] | type[Event] | type[Staff] | type[Figure]
STAMPS = {"clients": "changed_at", "events": "imported_at"}
"""What the planner reads to find what has changed since its last run."""

Progress = Callable[[int], None]
"""Is told how many rows have passed in this reading."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do (``dry_run``)."""

    kind: str
    rows: int
    new: int
    changed: int
    unchanged: int
    dry_run: bool


@dataclass(slots=True)
class _Counts:
    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    layout: Layout
    table: Table
    allow_extra: bool
    max_rows: int
    progress: Progress | None
    stamp: str = ""  # the column that tells when a row was brought or changed
    at: datetime | None = None

    def batches(self, problems: Problems) -> Iterator[list[Row]]:
        rows = read_rows(self.path, self.layout, problems, allow_extra=self.allow_extra, max_rows=self.max_rows)
        passed = 0
        while batch := list(islice(rows, BATCH)):
            yield batch
            passed += len(batch)
            if self.progress:
                self.progress(passed)


def import_clients(
    db: Database,
    path: Path,
    *,
    clock: Clock,
    dry_run: bool = False,
    allow_extra: bool = False,
    max_rows: int = MAX_ROWS,
    progress: Progress | None = None,
) -> ImportReport:
    """Add or update clients by ``client_id`` (design.md 5.3, and optionally ``id_last4``).

    A column the file does not have keeps what is stored. ImportRefused lists what is wrong; nothing is taken then.
    """
    return _run(db, _Job(path, CLIENTS, Client, allow_extra, max_rows, progress), clock, dry_run=dry_run)


def import_events(
    db: Database,
    path: Path,
    *,
    clock: Clock,
    dry_run: bool = False,
    allow_extra: bool = False,
    max_rows: int = MAX_ROWS,
    progress: Progress | None = None,
) -> ImportReport:
    """Add or update events by ``event_id``; their clients must have been imported. Otherwise as ``import_clients``."""
    return _run(db, _Job(path, EVENTS, Event, allow_extra, max_rows, progress), clock, dry_run=dry_run)


def import_staff(
    db: Database,
    path: Path,
    *,
    clock: Clock,
    dry_run: bool = False,
    allow_extra: bool = False,
    max_rows: int = MAX_ROWS,
    progress: Progress | None = None,
) -> ImportReport:
    """Add or update members of staff by ``staff_id``. Otherwise as ``import_clients``."""
    return _run(db, _Job(path, STAFF, Staff, allow_extra, max_rows, progress), clock, dry_run=dry_run)


def import_figures(
    db: Database,
    path: Path,
    *,
    clock: Clock,
    dry_run: bool = False,
    allow_extra: bool = False,
    max_rows: int = MAX_ROWS,
    progress: Progress | None = None,
) -> ImportReport:
    """Add or update figures of the market by ``figure_id`` (A-54). Otherwise as ``import_clients``."""
    return _run(db, _Job(path, FIGURES, Figure, allow_extra, max_rows, progress), clock, dry_run=dry_run)


def _run(db: Database, job: _Job, clock: Clock, *, dry_run: bool) -> ImportReport:
    job = replace(job, stamp=STAMPS.get(job.layout.kind, ""), at=clock.now())
    with db.session() as session:
        counts = _pass(session, job, write=False)
    if not dry_run:
        with db.write() as session:
            counts = _pass(session, job, write=True)
            _record(session, job, counts, clock)
    rows = counts.new + counts.changed + counts.unchanged
    return ImportReport(job.layout.kind, rows, counts.new, counts.changed, counts.unchanged, dry_run)


def _pass(session: Session, job: _Job, *, write: bool) -> _Counts:
    """One reading of the file; ImportRefused at its end rolls back what it wrote."""
    counts, problems = _Counts(), Problems(str(job.path))
    for batch in job.batches(problems):
        if job.table is Event:
            _check_clients(session, batch, problems)
        if not problems.first:
            _take(session, job, batch, counts, write=write)
    problems.refuse()
    return counts


def _check_clients(session: Session, batch: Iterable[Row], problems: Problems) -> None:
    wanted = {str(row.values["client_id"]) for row in batch}
    known = set(session.scalars(select(Client.client_id).where(Client.client_id.in_(wanted))))
    for row in batch:
        client_id = str(row.values["client_id"])
        if client_id not in known:
            problems.add(row.number, "client_id", client_id, "no such client; import the clients first")


def _take(session: Session, job: _Job, batch: list[Row], counts: _Counts, *, write: bool) -> None:
    key = getattr(job.table, job.layout.key)
    stored: dict[str, Base] = {
        getattr(found, job.layout.key): found
        for found in session.scalars(select(job.table).where(key.in_([row.key for row in batch])))
    }
    for row in batch:
        _take_row(session, job, row, stored.get(row.key), counts, write=write)
    if write:
        session.flush()
    session.expunge_all()


def _take_row(session: Session, job: _Job, row: Row, stored: Base | None, counts: _Counts, *, write: bool) -> None:
    if stored is None:
        counts.new += 1
        if write:
            defaults = {column.name: _fresh(column.default) for column in job.layout.columns}
            stamp = {job.stamp: job.at} if job.stamp else {}
            session.add(job.table(**{**defaults, **row.values, **stamp}))
        return
    changes = {name: value for name, value in row.values.items() if getattr(stored, name) != value}
    counts.changed += bool(changes)
    counts.unchanged += not changes
    if write:
        for name, value in (changes | {job.stamp: job.at} if changes and job.stamp else changes).items():
            setattr(stored, name, value)


def _fresh(default: object) -> object:
    """A default of its own for each row: an empty list or mapping must not be shared."""
    if isinstance(default, tuple):
        return list(default)
    return dict(default) if isinstance(default, dict) else default


def _record(session: Session, job: _Job, counts: _Counts, clock: Clock) -> None:
    content = {"new": counts.new, "changed": counts.changed, "unchanged": counts.unchanged}
    kind = job.layout.kind
    audit.append(session, at=clock.now(), actor="import", action=f"{kind}.imported", subject=kind, content=content)
