"""The line's page: trunks and nodes, and an operator who takes a trunk out for maintenance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditLink
from core.settings import Trunk
from dialer.tables import Attempt, AttemptState, DialerNode, TrunkHealthRow, TrunkState
from web.app import create_app
from web.tables import Role
from web.users import add_user

pytestmark = pytest.mark.unit

SECRET = "geheim-der-leitung"


@pytest.fixture
def at_the_line(day: Any, nobody: Any) -> Callable[[str], Any]:
    """``at_the_line("bob")``: a visitor of the day with two trunks and one node; ``olga`` operates the line."""
    trunks = {
        "carrier-a": Trunk(address="192.0.2.1:5060", channels=20, password=SECRET),
        "carrier-b": Trunk(address="192.0.2.2:5060", priority=2),
    }
    now = day.clock.now()
    with day.db.write() as session:
        add_user(
            session,
            login="olga",
            name="运维戊",
            role=Role.OPERATOR,
            password=day.password,
            staff_id=None,
            language=None,
            at=now,
        )
        for attempt in session.scalars(select(Attempt)):
            attempt.trunk, attempt.started_at, attempt.ended_at = "carrier-a", now - timedelta(minutes=5), now
        attempt.state, attempt.disposition = AttemptState.LIVE, None
        session.add(
            TrunkState(
                name="carrier-b",
                failures=5,
                opened_until=now + timedelta(seconds=90),
                last_fault="trunk_congestion 503",
                last_fault_at=now,
                drained=False,
            )
        )
        session.add(TrunkHealthRow(trunk="carrier-a", node="n1", registered=True, reachable=False, detail="", at=now))
        session.add(
            DialerNode(
                name="n1",
                incarnation="1",
                state="up",
                host="box",
                version="1",
                started_at=now,
                heartbeat_at=now - timedelta(seconds=7),
                calls=1,
                figures={"late": 3},
            )
        )
    app = create_app(replace(day.settings, trunks=trunks), day.db, day.archive, day.clock)

    def make(login: str) -> Any:
        visitor = type(nobody)(app, day.password)
        assert visitor.sign_in(login).status_code == 302
        return visitor

    return make


def test_the_page_shows_trunks_and_nodes_and_no_secret(at_the_line: Callable[[str], Any]) -> None:
    page = at_the_line("bob").get("/line").text
    for word in ("carrier-a", "1 / 20", "无响应", "已注册", "carrier-b", "故障停用", "trunk_congestion 503", "运行中"):
        assert word in page, word
    assert SECRET not in page
    assert "/drain" not in page


def test_the_page_is_there_in_english(at_the_line: Callable[[str], Any]) -> None:
    olga = at_the_line("olga")
    olga.post("/language", {"language": "en"})
    page = olga.get("/line").text
    assert "Rests after faults" in page
    assert "does not answer" in page
    assert "Take into use" not in page


def test_the_operator_comes_to_the_line_first_and_sees_no_client(at_the_line: Callable[[str], Any]) -> None:
    olga = at_the_line("olga")
    assert olga.get("/").location == "/line"
    for path in ("/day", "/callbacks", "/clients", "/clients/C1", "/calls/cb-1", "/search", "/mine"):
        assert olga.get(path).status_code == 403, path


def test_the_operator_drains_a_trunk_and_takes_it_into_use_again(at_the_line: Callable[[str], Any], day: Any) -> None:
    olga = at_the_line("olga")
    assert olga.post("/line/carrier-a/drain").location == "/line"
    assert "维护停用" in olga.get("/line").text
    olga.post("/line/carrier-a/undrain")
    with day.db.session() as session:
        assert not session.get_one(TrunkState, "carrier-a").drained
        links = session.scalars(select(AuditLink).where(AuditLink.subject == "carrier-a")).all()
    assert [link.action for link in links] == ["trunk.drained", "trunk.undrained"]
    assert {link.actor.partition(":")[0] for link in links} == {"user"}


def test_a_trunk_that_nobody_knows_is_not_found(at_the_line: Callable[[str], Any]) -> None:
    assert at_the_line("olga").post("/line/nobody/drain").status_code == 404


def test_nobody_else_drains_and_nobody_without_a_token(at_the_line: Callable[[str], Any], day: Any) -> None:
    for login in ("alice", "bob"):
        assert at_the_line(login).post("/line/carrier-a/drain").status_code == 403
    assert at_the_line("olga").client.post("/line/carrier-a/drain").status_code == 400
    with day.db.session() as session:
        assert session.get(TrunkState, "carrier-a") is None


def test_the_metrics_tell_of_trunks_and_nodes(at_the_line: Callable[[str], Any]) -> None:
    told = at_the_line("bob").get("/metrics").text.splitlines()
    for line in (
        'huifang_trunk_calls{trunk="carrier-a"} 1.0',
        'huifang_trunk_faults_in_a_row{trunk="carrier-b"} 5.0',
        'huifang_trunk_drained{trunk="carrier-b"} 0.0',
        'huifang_trunk_reachable{node="n1",trunk="carrier-a"} 0.0',
        'huifang_node_state{node="n1",state="up"} 1.0',
        'huifang_node_calls{node="n1"} 1.0',
        'huifang_node_figure{figure="late",node="n1"} 3.0',
    ):
        assert line in told, line
