"""A migrated database with a few clients and events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.clock import SimulatedClock
from core.db import Database
from core.settings import Firm, Settings
from dialer.tables import Client, Event, Staff


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
    }
    return Client(client_id=client_id, **{**known, **more})


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    sqlite = request.param == "sqlite"
    opened = Database(f"sqlite:///{tmp_path / 'huifang.db'}" if sqlite else request.getfixturevalue("postgres_url"))
    opened.migrate()
    with opened.write() as session:
        session.add(Staff(staff_id="S1", name="李经理", branch="上海", series="marketing", languages=[]))
        session.add_all([client("N1"), client("N2", phone_opt_out=True), client("N3", status="closed")])
        session.flush()
        opened_at = datetime(2026, 11, 16, 2, tzinfo=UTC)
        session.add_all(
            Event(event_id=f"E{number}", client_id=f"N{number}", type="account_opened", occurred_at=opened_at, data={})
            for number in (1, 2, 3)
        )
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 22, 18, 0, tzinfo=UTC))  # 02:00 on Monday the 23rd in China


@pytest.fixture
def settings() -> Settings:
    return Settings(firm=Firm(pack="demo_firm"))
