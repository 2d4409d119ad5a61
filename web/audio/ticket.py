"""A ticket to listen: signed, short-lived, one person's, one recording's, and worth a link in the audit chain.

Sound is served for a ticket only, and a ticket exists only together with its link; so nobody hears a recording
without a trace of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from core import audit

LISTENED = "recording.listened"
LIFE = timedelta(minutes=30)
_SALT = "huifang-listen"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right of ``user_id`` to hear ``recording_id`` until ``expires``; ``number`` is its audit link."""

    recording_id: str
    user_id: int
    number: int
    expires: datetime

    def text(self, key: str) -> str:
        """The ticket as it stands in an address."""
        content = [self.recording_id, self.user_id, self.number, self.expires.isoformat()]
        return str(URLSafeSerializer(key, salt=_SALT).dumps(content))


def issue(session: Session, *, recording_id: str, user_id: int, from_ms: int, purpose: str, at: datetime) -> Ticket:
    """Write the audit link of a listen and give the ticket for it."""
    content: dict[str, object] = {"user": user_id, "from_ms": from_ms}
    if purpose:
        content["purpose"] = purpose
    link = audit.append(session, at=at, actor=f"user:{user_id}", action=LISTENED, subject=recording_id, content=content)
    return Ticket(recording_id, user_id, link.number, at + LIFE)


def redeem(text: str, key: str, *, recording_id: str, user_id: int, at: datetime) -> Ticket | None:
    """The ticket behind ``text``; None when it is forged, expired, another's, or another recording's."""
    try:
        found, owner, number, expires = URLSafeSerializer(key, salt=_SALT).loads(text)
    except (BadSignature, ValueError):
        return None
    ticket = Ticket(str(found), int(owner), int(number), datetime.fromisoformat(expires))
    right = ticket.recording_id == recording_id and ticket.user_id == user_id and ticket.expires > at
    return ticket if right else None
