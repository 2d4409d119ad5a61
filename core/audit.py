"""The audit chain: every link holds the hash of the one before it, so that a changed or removed link shows.

A link is written in the same transaction as the fact it tells of. Contents are small JSON objects of ids, hashes and
verdicts; names, numbers and sentences never stand in it.

A chain cannot show that its newest links were cut off: for that the head is written down elsewhere (``head``) and
given back to ``verify`` as its anchor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
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


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link as it was written down outside the database."""

    number: int
    hash: str


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
    AuditError outside of ``Database.write``.
    """
    _take_the_lock(session)
    newest = select(AuditLink.number, AuditLink.hash).order_by(AuditLink.number.desc()).limit(1)
    number, previous = session.execute(newest).tuples().first() or (0, GENESIS)
    link = AuditLink(
        number=number + 1,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        content=json.dumps(content or {}, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        previous=previous,
    )
    link.hash = link_hash(link)
    session.add(link)
    session.flush()
    return link


def _take_the_lock(session: Session) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
    elif not connection.get_execution_options().get("write"):
        # Without the lock from the start two writers would read the same last link, and one would fail under load only.
        raise AuditError("an audit link is written outside of a write transaction; open it with Database.write()")


def link_hash(link: AuditLink) -> str:
    """SHA-256 (hex) of the UTF-8 JSON array of every field of the link but its own hash; the time is ISO 8601 in UTC.

    An array, not joined text: a character moved from one field into the next changes it.
    """
    parts = (
        link.number,
        link.at.astimezone(UTC).isoformat(),
        link.actor,
        link.action,
        link.subject,
        link.content,
        link.previous,
    )
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def head(session: Session) -> Anchor | None:
    """The newest link, to be written down where nobody who can change the database can change it; None when empty."""
    last = session.scalars(select(AuditLink).order_by(AuditLink.number.desc()).limit(1)).first()
    return Anchor(last.number, last.hash) if last else None


def verify(session: Session, anchor: Anchor | None = None) -> Iterator[BrokenLink]:
    """Walk the chain from the first link; yield every place where it does not hold (nothing when it is whole).

    With ``anchor`` the chain must also still hold that link: this finds a cut tail and a chain written anew.
    """
    previous, expected = GENESIS, 1
    for link in session.scalars(select(AuditLink).order_by(AuditLink.number).execution_options(yield_per=1000)):
        if link.number != expected:
            yield BrokenLink(expected, f"link {expected} is missing")
        if link.previous != previous:
            yield BrokenLink(link.number, "it does not continue the link before it")
        if link.hash != link_hash(link):
            yield BrokenLink(link.number, "its content was changed after it was written")
        if anchor and anchor.number == link.number and anchor.hash != link.hash:
            yield BrokenLink(link.number, "it is not the link that was written down")
        previous, expected = link.hash, link.number + 1
    if anchor and anchor.number >= expected:
        yield BrokenLink(expected, f"the links up to {anchor.number}, which was written down, are missing")


def require_whole(session: Session) -> int:
    """The number of links; AuditError naming the first broken one when the chain does not hold."""
    broken = next(verify(session), None)
    if broken:
        raise AuditError(f"audit link {broken.number}: {broken.reason}; keep the database, run `huifang verify --all`")
    return session.query(AuditLink).count()
