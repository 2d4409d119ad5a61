"""Rows as imports leave them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from dialer.tables import Client, Event

IMPORTED = datetime(2026, 11, 20, 2, tzinfo=UTC)


def client(client_id: str, **more: object) -> Client:
    known: dict[str, object] = {
        "name": "王小明",
        "kind": "person",
        "phones": ["13900000001"],
        "branch": "上海",
        "opened_on": date(2026, 11, 16),
        "status": "active",
        "introducer_id": "S1",
        "developed_by": "marketing",
        "tags": [],
        "prefers": {},
        "phone_opt_out": False,
        "language": "zh-CN",
        "changed_at": IMPORTED,
    }
    return Client(client_id=client_id, **{**known, **more})


def event(event_id: str, client_id: str, at: datetime, **more: object) -> Event:
    known: dict[str, object] = {"type": "account_opened", "data": {}, "imported_at": IMPORTED}
    return Event(event_id=event_id, client_id=client_id, occurred_at=at, **{**known, **more})
