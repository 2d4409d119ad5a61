"""Signed messages to another system: put into a table in the transaction of the fact, sent until they are taken.

The rule of this module: a message holds ids and outcomes, never a name or a number; it is lost in no crash and not
sent again once it was taken. A sender that dies between the answer and its row sends it a second time under the same
``id``, by which the receiver knows it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import requests
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import Database
from core.errors import HuifangError
from core.ids import new_id
from dialer.tables import Callback, Webhook

SIGNATURE, TIMESTAMP = "X-Huifang-Signature", "X-Huifang-Timestamp"
BACK_OFF_MIN = (1, 5, 30, 120, 480, 1440)  # waits after each failed try; the last one for ever
TIMEOUT_S = 10.0
BATCH = 100


class WebhookUnset(HuifangError):
    """Set both webhook.url and webhook.secret: nothing is sent unsigned."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did."""

    sent: int = 0
    failed: int = 0


def put(session: Session, event: str, body: Mapping[str, Any], *, at: datetime) -> Webhook:
    """Keep one message for the other system, in the caller's transaction."""
    row = Webhook(webhook_id=new_id(at), event=event, body=dict(body), created_at=at, next_try_at=at, tries=0)
    row.last_error = ""
    session.add(row)
    session.flush()
    return row


def callback_closed(callback: Callback) -> dict[str, Any]:
    """The body of ``callback.closed``."""
    return {
        "callback_id": callback.callback_id,
        "client_id": callback.client_id,
        "outcome": callback.outcome,
        "confirms": callback.confirms,
        "closed_at": callback.closed_at.isoformat() if callback.closed_at else None,
        "items": [
            {"item_id": item.item_id, "programme": item.programme, "state": str(item.state)} for item in callback.items
        ],
    }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=`` and the HMAC-SHA256 of ``timestamp.body`` under the shared secret, in hex."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def deliver(
    db: Database, url: str, secret: str, clock: Clock, session: requests.Session | None = None, *, limit: int = BATCH
) -> Delivered:
    """Send what is due, the oldest first; the round ends when the other system cannot be reached at all.

    Each row is claimed before it is sent, so that two nodes do not send it at once. WebhookUnset without an address or
    a secret.
    """
    if not url or not secret:
        raise WebhookUnset("webhook.url and webhook.secret must both be set; nothing is sent unsigned")
    post = session or requests.Session()
    sent = failed = 0
    for webhook_id in _due(db, clock.now(), limit):
        row = _claim(db, webhook_id, clock.now())
        if row is None:
            continue
        error, reached = _post(post, url, secret, row, clock)
        _note(db, webhook_id, error, clock.now())
        sent, failed = sent + (not error), failed + bool(error)
        if not reached:
            break
    return Delivered(sent, failed)


def _due(db: Database, now: datetime, limit: int) -> list[str]:
    with db.session() as session:
        waiting = select(Webhook.webhook_id).where(Webhook.delivered_at.is_(None), Webhook.next_try_at <= now)
        return list(session.scalars(waiting.order_by(Webhook.created_at, Webhook.webhook_id).limit(limit)))


def _claim(db: Database, webhook_id: str, now: datetime) -> Webhook | None:
    """The row, with its next try already put off: a sender that dies leaves it waiting, not lost."""
    with db.write() as session:
        row = session.get(Webhook, webhook_id)
        if row is None:
            return None
        later = now + timedelta(minutes=BACK_OFF_MIN[min(row.tries, len(BACK_OFF_MIN) - 1)])
        mine = (
            update(Webhook)
            .where(Webhook.webhook_id == webhook_id, Webhook.delivered_at.is_(None), Webhook.next_try_at <= now)
            .values(next_try_at=later, tries=Webhook.tries + 1)
            .execution_options(synchronize_session=False)
        )
        return row if cast("CursorResult[None]", session.execute(mine)).rowcount == 1 else None


def _post(post: requests.Session, url: str, secret: str, row: Webhook, clock: Clock) -> tuple[str, bool]:
    """What went wrong (empty: nothing), and whether the other system was reached."""
    body = payload(row)
    timestamp = str(int(clock.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        SIGNATURE: sign(secret, timestamp, body),
    }
    try:
        answer = post.post(url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        return type(error).__name__, False  # its text holds the address
    # A redirect is no answer: the address that was agreed upon gets the message, nobody else.
    return ("" if 200 <= answer.status_code < 300 else f"HTTP {answer.status_code}"), True


def payload(row: Webhook) -> bytes:
    """The bytes that are sent and signed."""
    told = {"id": row.webhook_id, "event": row.event, "created_at": row.created_at.isoformat(), **row.body}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _note(db: Database, webhook_id: str, error: str, now: datetime) -> None:
    with db.write() as session:
        row = session.get_one(Webhook, webhook_id)
        row.last_error = error
        if not error:
            row.delivered_at = now
