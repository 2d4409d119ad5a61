"""Proof: the stored bytes are the sealed bytes, the audit chain says so, and nothing is there that nobody knows.

Verification reads every byte again and believes neither the row nor the file system. It changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import AuditLink
from core.db import Database
from recordings.archive import Archive, object_name
from recordings.errors import ArchiveError, ObjectMissing
from recordings.sealing import LOST, SEALED, sealed_content
from recordings.tables import Recording, RecordingState

Progress = Callable[[int, int], None]


class Kind(StrEnum):
    """What can differ."""

    OBJECT_MISSING = "object_missing"
    UNREADABLE = "unreadable"
    SIZE = "size"
    HASH = "hash"
    AUDIT_MISSING = "audit_missing"
    AUDIT_DISAGREES = "audit_disagrees"
    ROW_MISSING = "row_missing"
    STRAY_OBJECT = "stray_object"
    CHAIN_BROKEN = "chain_broken"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was sealed; ``subject`` is a recording id, an object name or an audit link."""

    subject: str
    kind: Kind
    detail: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.detail} [{self.kind}]"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of ``verify_all``: recordings checked (sealed or lost), still in writing, audit links."""

    checked: int
    writing: int
    links: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """For ``huifang verify --json``."""
        return asdict(self) | {"ok": self.ok}

    def __str__(self) -> str:
        head = f"{self.checked} recordings and {self.links} audit links checked, {len(self.differences)} differences"
        return "\n".join([head, *map(str, self.differences)])


def verify_recording(session: Session, archive: Archive, recording: Recording) -> list[Difference]:
    """Compare one finished recording's object, row and audit link; an empty list when they agree (F-13).

    A lost recording has only its link to compare; one still in writing has nothing yet.
    """
    if recording.state == RecordingState.WRITING:
        return []
    differences = list(_audit_differences(session, recording))
    if recording.state == RecordingState.SEALED:
        differences += _object_differences(archive, recording)
    return differences


def verify_all(db: Database, archive: Archive, *, progress: Progress | None = None) -> Report:
    """Every recording, the whole audit chain, and every object of the archive; ``progress(done, total)`` as it goes.

    Takes as long as reading the archive does. Runs beside live calls: it holds no transaction while it hashes more
    than one recording. ArchiveError when the archive cannot be listed at all.
    """
    names = set(archive.names())  # before the rows: an object sealed from now on has its row below
    with db.session() as session:
        rows = session.execute(select(Recording.recording_id, Recording.state).order_by(Recording.recording_id)).all()
    finished = [row.recording_id for row in rows if row.state != RecordingState.WRITING]
    differences: list[Difference] = []
    for done, recording_id in enumerate(finished, 1):
        with db.session() as session:
            differences += verify_recording(session, archive, session.get_one(Recording, recording_id))
        if progress:
            progress(done, len(finished))
    with db.session() as session:
        differences += [*_strays(session, names), *_orphan_links(session), *_chain(session)]
        links = session.query(AuditLink).count()
    return Report(len(finished), len(rows) - len(finished), links, tuple(differences))


def _object_differences(archive: Archive, recording: Recording) -> Iterator[Difference]:
    name = recording.object or object_name(recording.started_at, recording.recording_id)
    try:
        size, sha256 = archive.size(name), archive.sha256(name)
    except ObjectMissing:
        yield Difference(recording.recording_id, Kind.OBJECT_MISSING, f"{name} is not in the archive")
        return
    except ArchiveError as error:
        yield Difference(recording.recording_id, Kind.UNREADABLE, str(error))
        return
    if size != recording.size_bytes:
        yield Difference(recording.recording_id, Kind.SIZE, f"{name} has {size} bytes, sealed {recording.size_bytes}")
    if sha256 != recording.sha256:
        yield Difference(recording.recording_id, Kind.HASH, f"{name} has SHA-256 {sha256}, sealed {recording.sha256}")


def _audit_differences(session: Session, recording: Recording) -> Iterator[Difference]:
    sealed = recording.state == RecordingState.SEALED
    action = SEALED if sealed else LOST
    query = select(AuditLink).where(AuditLink.subject == recording.recording_id, AuditLink.action == action)
    links = session.scalars(query).all()
    if not links:
        yield Difference(recording.recording_id, Kind.AUDIT_MISSING, f"the audit chain has no link {action}")
    elif len(links) > 1:
        numbers = ", ".join(str(link.number) for link in links)
        yield Difference(recording.recording_id, Kind.AUDIT_DISAGREES, f"more than one link {action}: {numbers}")
    elif reason := _disagreement(links[0], recording, sealed=sealed):
        yield Difference(recording.recording_id, Kind.AUDIT_DISAGREES, f"audit link {links[0].number} {reason}")


def _disagreement(link: AuditLink, recording: Recording, *, sealed: bool) -> str:
    if link.hash != audit.link_hash(link):
        return "was changed after it was written"
    if link.number != recording.audit_number:
        return f"is not the link {recording.audit_number} that the recording names"
    if not sealed:
        return ""
    told, row = _told(link), sealed_content(recording)
    differing = sorted(key for key in told.keys() | row.keys() if told.get(key) != row.get(key))
    return f"and the recording differ in {', '.join(differing)}" if differing else ""


def _told(link: AuditLink) -> dict[str, Any]:
    try:
        told = json.loads(link.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _strays(session: Session, names: set[str]) -> Iterator[Difference]:
    """Objects without a row; one that is being sealed right now has its row, in writing, already."""
    rows = session.execute(select(Recording.object, Recording.started_at, Recording.recording_id))
    known = {row.object or object_name(row.started_at, row.recording_id) for row in rows}
    for name in sorted(names - known):
        yield Difference(name, Kind.STRAY_OBJECT, "it is in the archive, but no recording names it")


def _orphan_links(session: Session) -> Iterator[Difference]:
    """Sealings whose recording has vanished from the table, or no longer says that it is sealed."""
    known = select(Recording.recording_id).where(
        Recording.recording_id == AuditLink.subject, Recording.state == RecordingState.SEALED
    )
    query = select(AuditLink.subject, AuditLink.number).where(AuditLink.action == SEALED, ~known.exists())
    for row in session.execute(query.order_by(AuditLink.number)):
        yield Difference(
            row.subject, Kind.ROW_MISSING, f"audit link {row.number} sealed it, but no sealed recording has this id"
        )


def _chain(session: Session) -> Iterator[Difference]:
    for broken in audit.verify(session):
        yield Difference(f"audit link {broken.number}", Kind.CHAIN_BROKEN, broken.reason)
