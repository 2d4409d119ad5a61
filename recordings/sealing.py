"""Sealing: from the spool into the archive and the audit chain, in steps that may stop anywhere and be run again.

The steps: repair the header, hash, store, read the stored copy back, then one transaction that marks the row sealed
and adds the audit link, then remove the spool file. Each step finds what an earlier run has done; so any crash and
re-run ends in one object and one link (F-01, F-13). Nothing is deleted but a spool file whose bytes are proved stored.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.db import Database
from core.errors import HuifangError
from recordings import wav
from recordings.archive import CHUNK, Archive, object_name
from recordings.errors import ArchiveError, RecordingBusy, RecordingUnavailable
from recordings.tables import Recording, RecordingState
from recordings.writer import SUFFIX, Spool

SEALED = "recording.sealed"
LOST = "recording.lost"
QUIETEST_DBFS = -96.3  # one step of 16 bits; digital silence is shown as this
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a finished file is: measured in one reading."""

    sha256: str
    size_bytes: int
    duration_ms: int
    speech: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a node found in its spool when it started. ``strays`` and ``failed`` stay where they are, for a person."""

    sealed: list[Recording] = field(default_factory=list)
    lost: list[Recording] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)  # ids that another living process holds
    strays: dict[Path, str] = field(default_factory=dict)  # spool files without a row of this node, and why
    failed: dict[str, str] = field(default_factory=dict)  # id -> what is wrong and the remedy


Along = Callable[[Session, Recording], None]


def nothing_more(session: Session, row: Recording) -> None:
    """Nothing else belongs to the sealing."""


def begin(session: Session, *, recording_id: str, attempt_id: str, node: str, at: datetime) -> Recording:
    """Add the row of a recording that starts at ``at``, inside the caller's transaction (F-14: before the call)."""
    row = Recording(
        recording_id=recording_id, attempt_id=attempt_id, node=node, started_at=at, state=RecordingState.WRITING
    )
    session.add(row)
    session.flush()
    return row


def discard(session: Session, spool: Spool, recording_id: str) -> bool:
    """Forget a recording that never began: its row and its empty file. False, and nothing done, when it holds audio.

    A phone that rang and was not answered leaves nothing to keep; the attempt's own row tells of it.
    """
    if spool.has_audio(recording_id):
        return False
    row = session.get(Recording, recording_id)
    if row is not None and row.state == RecordingState.WRITING:
        session.delete(row)
    spool.remove(recording_id)
    return True


def seal(
    db: Database,
    archive: Archive,
    spool: Spool,
    recording_id: str,
    *,
    actor: str,
    clock: Clock,
    recovered: bool = False,
    along: Along = nothing_more,
) -> Recording:
    """Bring a closed recording into the archive and the audit chain; safe to run again after any crash.

    ``along`` writes what belongs to a recording that has just been sealed, in the same transaction.

    Reads the file twice and waits for the disk: call it off the event loop. RecordingUnavailable when there is no row
    or nothing to seal, RecordingBusy while its writer lives, ArchiveError when the storage refuses or gives back
    other bytes than it got.
    """
    row = _row(db, recording_id)
    name = object_name(row.started_at, recording_id)
    if row.state == RecordingState.SEALED:
        _remove_stored(archive, spool, row)
        return row
    facts = _store(archive, spool, recording_id, name)
    with db.write() as session:
        row = _commit(session, recording_id, name, facts, actor=actor, at=clock.now(), recovered=recovered, along=along)
    if row.sha256 != facts.sha256:  # another run was faster, with other bytes
        _remove_stored(archive, spool, row)
    spool.remove(recording_id)
    return row


def recover(
    db: Database, archive: Archive, spool: Spool, *, node: str, clock: Clock, along: Along = nothing_more
) -> Recovery:
    """Seal what a crash of this node left in its spool; run it at node start, before the first call.

    A row without any audio becomes ``lost``, with a note and an audit link; should its file turn up at a later start,
    it is sealed then. Files without a row are reported and kept.
    """
    result = Recovery()
    present = set(spool.recording_ids())
    for row in _unfinished(db, node, present):
        with _noting(result, row.recording_id):
            if row.recording_id in present or archive.exists(object_name(row.started_at, row.recording_id)):
                again = partial(seal, actor=f"node:{node}", clock=clock, recovered=True, along=along)
                result.sealed.append(again(db, archive, spool, row.recording_id))
            elif row.state == RecordingState.WRITING:
                result.lost.append(_lose(db, row.recording_id, node=node, at=clock.now()))
    result.strays.update(_strays(db, spool, node, present))
    return result


def sealed_content(row: Recording) -> dict[str, Any]:
    """What the audit link of a sealed recording says; ``verify`` compares the row with it."""
    return {
        "attempt_id": row.attempt_id,
        "duration_ms": row.duration_ms,
        "object": row.object,
        "recovered": row.recovered,
        "sha256": row.sha256,
        "size": row.size_bytes,
    }


def measure(handle: BinaryIO) -> Facts:
    """Hash, size, duration and the level of each side (RMS in dB below full scale) of a whole WAV file."""
    head = handle.read(wav.HEADER_BYTES)
    digest, size, power = hashlib.sha256(head), len(head), np.zeros(2)
    while chunk := handle.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        whole = len(chunk) // wav.FRAME_BYTES * wav.FRAME_BYTES
        power += (np.stack(wav.split(chunk[:whole])).astype(np.float64) ** 2).sum(axis=1)
    frames = max(1, (size - wav.HEADER_BYTES) // wav.FRAME_BYTES)
    levels = [{"rms_dbfs": _dbfs(float(side) / frames)} for side in power]
    speech = dict(zip(("client", "firm"), levels, strict=True))
    return Facts(digest.hexdigest(), size, wav.duration_ms(size), speech)


def _dbfs(mean_square: float) -> float:
    return round(max(QUIETEST_DBFS, 10 * float(np.log10(mean_square / 32768**2 + 1e-12))), 1)


def _row(db: Database, recording_id: str) -> Recording:
    with db.session() as session:
        row = session.get(Recording, recording_id)
    if row is None:
        raise RecordingUnavailable(f"no recording {recording_id} is known; check the id")
    return row


def _store(archive: Archive, spool: Spool, recording_id: str, name: str) -> Facts:
    """Repair, measure, store, read back. A database restored from an old backup may know less than the archive."""
    if not spool.path(recording_id).exists() and archive.exists(name):
        with archive.reading(name) as stored:
            return measure(stored)
    with spool.claim(recording_id) as descriptor:
        wav.repair(descriptor)
        with spool.path(recording_id).open("rb") as local:
            facts = measure(local)
        archive.put(spool.path(recording_id), name)
    if archive.sha256(name) != facts.sha256:
        raise ArchiveError(f"{name} reads back other bytes than were stored; check the storage, then seal it again")
    return facts


def _commit(
    session: Session,
    recording_id: str,
    name: str,
    facts: Facts,
    *,
    actor: str,
    at: datetime,
    recovered: bool,
    along: Along,
) -> Recording:
    row = session.get_one(Recording, recording_id, with_for_update=True)
    if row.state == RecordingState.SEALED:  # another run was faster
        return row
    row.state, row.sealed_at, row.recovered, row.object = RecordingState.SEALED, at, recovered, name
    row.sha256, row.size_bytes = facts.sha256, facts.size_bytes
    row.duration_ms, row.speech = facts.duration_ms, facts.speech
    link = audit.append(session, at=at, actor=actor, action=SEALED, subject=recording_id, content=sealed_content(row))
    row.audit_number = link.number
    along(session, row)
    return row


def _remove_stored(archive: Archive, spool: Spool, row: Recording) -> None:
    """Remove the spool file, once the archive is seen to hold the sealed bytes."""
    if not spool.path(row.recording_id).exists():
        return
    if row.object is None or archive.sha256(row.object) != row.sha256:
        raise ArchiveError(
            f"recording {row.recording_id} is sealed but the archive holds other bytes; its spool file was kept: "
            "run `huifang verify` and restore the object from the backup"
        )
    spool.remove(row.recording_id)


def _lose(db: Database, recording_id: str, *, node: str, at: datetime) -> Recording:
    with db.write() as session:
        row = session.get_one(Recording, recording_id, with_for_update=True)
        row.state, row.note = RecordingState.LOST, "no audio in the spool or the archive when its node started again"
        content = {"attempt_id": row.attempt_id, "reason": row.note}
        link = audit.append(session, at=at, actor=f"node:{node}", action=LOST, subject=recording_id, content=content)
        row.audit_number = link.number
    _log.error("recording %s is lost: %s", recording_id, row.note)
    return row


def _unfinished(db: Database, node: str, present: set[str]) -> list[Recording]:
    """This node's rows in writing, and finished ones whose file is (still, or again) in the spool."""
    with db.session() as session:
        open_or_present = or_(Recording.state == RecordingState.WRITING, Recording.recording_id.in_(present))
        query = select(Recording).where(Recording.node == node, open_or_present).order_by(Recording.recording_id)
        return list(session.scalars(query))


def _strays(db: Database, spool: Spool, node: str, present: set[str]) -> dict[Path, str]:
    strays: dict[Path, str] = {}
    with db.session() as session:
        for recording_id in sorted(present):
            row = session.get(Recording, recording_id)
            if row is None or row.node != node:
                reason = "no recording of this id is known" if row is None else f"it belongs to node {row.node}"
                strays[spool.folder / f"{recording_id}{SUFFIX}"] = reason
                _log.warning("spool file of recording %s is kept: %s", recording_id, reason)
    return strays


@contextmanager
def _noting(result: Recovery, recording_id: str) -> Iterator[None]:
    """One recording that cannot be recovered must not keep the others from it."""
    try:
        yield
    except RecordingBusy:
        result.busy.append(recording_id)
    except HuifangError as error:
        result.failed[recording_id] = str(error)
        _log.error("recording %s could not be recovered: %s", recording_id, error)
