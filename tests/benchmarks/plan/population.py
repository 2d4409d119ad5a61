"""A made-up firm of any size: clients and events as imports would have left them, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from core.db import Database
from dialer.tables import Client, Event

IMPORTED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BATCH = 20_000
TYPES = (
    ("account_opened", 60), ("credit_account_opened", 6), ("agreement_signed", 8), ("abnormal_trading", 6),
    ("identity_changed", 6), ("statement_disputed", 4), ("large_asset_change", 6), ("account_closed", 4),
)  # fmt: skip


def fill(db: Database, clients: int, events: int, *, day: date, seed: int) -> None:
    """Write the firm into an empty, migrated database; its events lie in the sixty days before ``day``."""
    chance = random.Random(seed)
    with db.write() as session:
        for table, rows in ((Client, _clients(clients, chance)), (Event, _events(events, clients, day, chance))):
            for batch in _batches(rows):
                session.execute(insert(table), batch)


def touch(db: Database, count: int, *, at: datetime, day: date, clients: int, seed: int) -> None:
    """A day's news: ``count`` new events, and as many clients whose data changed."""
    chance = random.Random(seed)
    changed = [client_id(chance.randrange(clients)) for _ in range(count)]
    with db.write() as session:
        for begin in range(0, count, 500):
            mine = Client.client_id.in_(changed[begin : begin + 500])
            session.execute(update(Client).where(mine).values(changed_at=at, asset_total=chance.uniform(1e4, 2e7)))
        rows = list(_events(count, clients, day, chance, span_days=1, prefix="N", at=at))
        for batch in _batches(iter(rows)):
            session.execute(insert(Event), batch)


def client_id(number: int) -> str:
    """The id of the client of that number."""
    return f"C{number:07}"


def _clients(count: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(count):
        opened = date(2010, 1, 1) + timedelta(days=chance.randrange(6100))
        margin = chance.random() < 0.08
        yield {
            "client_id": client_id(number),
            "name": f"客户{number}",
            "kind": "person" if chance.random() < 0.97 else "institution",
            "phones": [f"139{number:08}"],
            "branch": f"营业部{number % 120:03}",
            "opened_on": opened,
            "status": chance.choices(("active", "dormant", "suspended", "closed"), (82, 12, 2, 4))[0],
            "introducer_id": f"S{chance.randrange(2000):04}" if chance.random() < 0.4 else None,
            "developed_by": chance.choice(("marketing", "broker", "branch", "self")),
            "asset_total": round(chance.lognormvariate(11, 1.8), 2),
            "asset_avg_daily": round(chance.lognormvariate(11, 1.8), 2),
            "volume_month_avg": round(chance.lognormvariate(10, 2), 2),
            "commission_year": round(chance.lognormvariate(6, 2), 2),
            "pnl_rate_6m": round(chance.gauss(0, 0.2), 4),
            "turnover": round(chance.lognormvariate(0, 1), 3),
            "last_trade_on": opened + timedelta(days=chance.randrange(60)),
            "tags": ["margin"] if margin else (["vip"] if chance.random() < 0.002 else []),
            "prefers": {"windows": ["14:00-17:00"]} if chance.random() < 0.05 else {},
            "phone_opt_out": chance.random() < 0.01,
            "language": "zh-CN",
            "id_last4": "1234",
            "changed_at": IMPORTED,
        }


def _events(
    count: int,
    clients: int,
    day: date,
    chance: random.Random,
    *,
    span_days: int = 60,
    prefix: str = "E",
    at: datetime = IMPORTED,
) -> Iterator[dict[str, Any]]:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC)
    names, weights = zip(*TYPES, strict=True)
    for number in range(count):
        yield {
            "event_id": f"{prefix}{number:07}",
            "client_id": client_id(chance.randrange(clients)),
            "type": chance.choices(names, weights)[0],
            "occurred_at": end - timedelta(minutes=chance.randrange(span_days * 24 * 60)),
            "data": {"amount": round(chance.lognormvariate(11, 2), 2)},
            "imported_at": at,
        }


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
