"""The audit chain: every link holds the hash of the one before it, so that a changed or removed link shows.

A link is written in the same transaction as the fact it tells of. Contents are small JSON objects of ids, hashes and
verdicts; names, numbers and sentences never stand in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.db import Base
from core.errors import AuditError

GENESIS = "0" * 64
_POSTGRES_LOCK = 7_241_980  # any constant: serialises writers of the chain on PostgreSQL


class AuditLink(Base):
    """One link; ``number`` counts from 1 without gaps."""

    __tablename__ = "audit_link"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    content: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Where the chain does not hold, and why."""

    number: int
    reason: str


def append(
    session: Session,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    content: dict[str, Any] | None = None,
) -> AuditLink:
    """Add one link inside the caller's transaction and return it.

    ``actor`` is who did it (``node:n1``, ``user:3``), ``action`` a dotted verb (``recording.sealed``), ``subject`` the
    id of the thing. Writers are serialised: SQLite has one writer, PostgreSQL takes an advisory lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
    last = session.scalars(select(AuditLink).order_by(AuditLink.number.desc()).limit(1)).first()
    link = AuditLink(
        number=last.number + 1 if last else 1,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        content=json.dumps(content or {}, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        previous=last.hash if last else GENESIS,
    )
    link.hash = link_hash(link)
    session.add(link)
    session.flush()
    return link


def link_hash(link: AuditLink) -> str:
    """SHA-256 (hex) over every field of the link but its own hash, newline-separated, UTF-8."""
    parts = (
        str(link.number),
        link.at.isoformat(),
        link.actor,
        link.action,
        link.subject,
        link.content,
        link.previous,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def verify(session: Session) -> Iterator[BrokenLink]:
    """Walk the chain from the first link; yield every place where it does not hold (nothing when it is whole)."""
    previous, expected = GENESIS, 1
    for link in session.scalars(select(AuditLink).order_by(AuditLink.number).execution_options(yield_per=1000)):
        if link.number != expected:
            yield BrokenLink(expected, f"link {expected} is missing")
        if link.previous != previous:
            yield BrokenLink(link.number, "it does not continue the link before it")
        if link.hash != link_hash(link):
            yield BrokenLink(link.number, "its content was changed after it was written")
        previous, expected = link.hash, link.number + 1


def require_whole(session: Session) -> int:
    """The number of links; AuditError naming the first broken one when the chain does not hold."""
    broken = next(verify(session), None)
    if broken:
        raise AuditError(f"audit link {broken.number}: {broken.reason}; keep the database, run `huifang verify --all`")
    return session.query(AuditLink).count()
