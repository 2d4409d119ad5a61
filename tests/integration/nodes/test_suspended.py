"""A node that stands still long enough is taken over; when it runs again it dials no more, ends, and says why."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from core import audit
from dialer.tables import LIVING, Attempt
from tests.integration.nodes.house import a_house

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.mark.rule("F-01")
def test_a_node_that_stood_still_sends_no_invite_after_it_was_taken_over(
    tmp_path: Path, new_postgres: Callable[[], str]
) -> None:
    with a_house(tmp_path, new_postgres(), clients={"1391": 10, "1393": 12}) as house:
        house.start("n1")
        house.start("n2")
        house.wait(lambda: len(house.living("n1")) >= 2, 60, "calls of n1")
        os.kill(house.pids["n1"], signal.SIGSTOP)
        left = house.living("n1")
        stopped = time.monotonic()
        house.wait(lambda: house.state("n1") == "dead", 30, "n1 declared dead")
        taken_after = time.monotonic() - stopped
        leased = _leased_by(house.db, "n1")
        os.kill(house.pids["n1"], signal.SIGCONT)
        code = house.ended("n1")
        log = house.log("n1")
        assert code == 1, log
        # When it stood still inside a transaction, the server has ended that, and this is how it learns of it.
        assert "was declared dead" in log or "terminating connection" in log
        assert _leased_by(house.db, "n1") == leased, "it leased nothing more"
        assert house.drain() == {"n2": 0}
        print(f"\n{len(left)} attempts taken over {taken_after:.1f} s after n1 stood still")
        invited = Counter(line["headers"].get("X-Huifang-Attempt") for line in house.carrier.log_lines("invite"))
        with house.db.session() as session:
            attempts = session.scalars(select(Attempt)).all()
            assert not [one for one in attempts if one.state in LIVING]
            assert set(invited.values()) == {1}
            assert set(invited) <= {one.attempt_id for one in attempts}
            links = Counter(session.scalars(select(audit.AuditLink.action)))
            assert links["attempt.interrupted"] == len(left)
            audit.require_whole(session)


def _leased_by(db: object, node: str) -> set[str]:
    with db.session() as session:  # type: ignore[attr-defined]
        return set(session.scalars(select(Attempt.attempt_id).where(Attempt.node == node)))
