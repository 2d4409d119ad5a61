"""A node whose connections to the books break dials on when it has them again, and leaves no attempt open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core import audit
from dialer.tables import LIVING, Attempt
from tests.integration.nodes.house import House, a_house

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

BREAKS = 8


@pytest.mark.rule("F-01")
def test_a_node_goes_on_after_the_database_ended_its_connections(
    tmp_path: Path, new_postgres: Callable[[], str]
) -> None:
    with a_house(tmp_path, new_postgres(), clients={"1391": 12, "1393": 12}) as house:
        house.start("n1")
        for _ in range(BREAKS):
            seen = _attempts(house)
            house.wait(lambda seen=seen: _attempts(house) > seen, 60, "another attempt")  # type: ignore[misc]
            _break_all(house)
        seen = _attempts(house)
        house.wait(lambda: _attempts(house) > seen, 60, "an attempt after the last break")
        assert house.drain() == {"n1": 0}, house.log("n1")
        invited = Counter(line["headers"].get("X-Huifang-Attempt") for line in house.carrier.log_lines("invite"))
        with house.db.session() as session:
            attempts = session.scalars(select(Attempt)).all()
            assert not [one for one in attempts if one.state in LIVING], house.log("n1")
            assert set(invited.values()) == {1}
            assert set(invited) <= {one.attempt_id for one in attempts}
            audit.require_whole(session)


def _attempts(house: House) -> int:
    with house.db.session() as session:
        return len(session.scalars(select(Attempt.attempt_id)).all())


def _break_all(house: House) -> None:
    """As a server does that is started again, in the middle of whatever the node is doing."""
    others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> "
    with house.db.session() as session:
        session.execute(text(others + "pg_backend_pid()"))
