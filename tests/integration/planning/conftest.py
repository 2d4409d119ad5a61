"""A migrated database with a few clients and events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import SimulatedClock
from core.db import Database
from dialer.tables import Staff
from tests.integration.planning.rows import client, event


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
        session.add_all(event(f"E{number}", f"N{number}", opened_at) for number in (1, 2, 3))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 22, 18, 0, tzinfo=UTC))  # 02:00 on Monday the 23rd in China
