"""Only approved versions are dialed, checked at the instant of the lease; every attempt keeps the version it was made
with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.db import Database
from core.settings import Trunk
from dialer.calling.claims import Claims, Leased, Waiting
from dialer.calling.scripts import Scripts
from dialer.calling.session import Script
from dialer.calling.versions import NotApproved, Registered
from dialer.rooms import Rooms
from dialer.tables import Attempt, Callback, Client, GateRefusal, Item
from ivr_flows import register
from ivr_flows.loader import load_flow, load_sources
from ivr_flows.model import Flow
from ivr_flows.prompts import Catalogue
from ivr_flows.register import Hand
from ivr_flows.speech import Speaker
from recordings.writer import Spool
from tests.approving import approve
from tests.unit.nodes.conftest import NOW

pytestmark = pytest.mark.unit

AUTHOR, AUDITOR = Hand("author", "author"), Hand("auditor", "auditor")
NAME = "new_account"
CLICK = b"\x01\x00" * 800


@pytest.fixture
def node(rooms: Callable[..., Rooms], db: Database, tmp_path: Path) -> Iterator[tuple[Claims, Scripts]]:
    """The claims and the scripts of a node that may call its client now."""
    catalogue = Catalogue(speaker=Speaker(tmp_path / "speech", lambda *_: CLICK))
    scripts = Scripts(catalogue, Registered(db))
    made = rooms("n1")
    settings = replace(made.settings, trunks={"main": Trunk(address="127.0.0.1:5060")})
    spool = Spool(tmp_path / "spool", made.clock, min_free_bytes=1)
    with db.write() as session:
        session.get_one(Client, "C1").id_last4 = "1234"
        session.add(_item(session.get_one(Callback, "B1")))
    yield Claims(replace(made, settings=settings, scripts=scripts), spool), scripts
    spool.close()


def _item(callback: Callback) -> Item:
    return Item(
        item_id="I1",
        callback_id=callback.callback_id,
        pack="demo_firm",
        programme=NAME,
        rule_ids=[],
        trigger="account_opened:E1",
        trigger_key="I1",
        due_on=callback.due_on,
        due_at=callback.due_at,
        deadline_unit="day",
        flow=NAME,
        planned_on=callback.due_on,
    )


def other_words() -> list[Flow]:
    """Both languages with another goodbye."""
    made = []
    for flow in (load_flow(NAME, language) for language in ("zh-CN", "en")):
        sources = dict(flow.sources)
        closing = sources["passages/closing.yaml"]
        sources["passages/closing.yaml"] = closing.replace("再见。", "再会。").replace("oodbye.", "oodbye now.")
        made.append(load_sources(sources, NAME, flow.language, flow.company))
    return made


def look(db: Database, claims: Claims) -> Leased | Waiting | None:
    with db.write() as session:
        return claims.next_call(session)


def refused_for(db: Database) -> list[str]:
    with db.session() as session:
        return [reason["code"] for row in session.scalars(select(GateRefusal)) for reason in row.reasons]


def made_ready(db: Database, node: Any) -> tuple[Waiting, Script]:
    """The callback claimed, and its script read."""
    claims, _ = node
    waiting = look(db, claims)
    assert isinstance(waiting, Waiting)
    return waiting, claims.prepare(waiting)


@pytest.mark.rule("C-09")
def test_without_an_approved_version_nothing_is_made_ready(db: Database, node: Any) -> None:
    claims, _ = node
    waiting = look(db, claims)
    assert isinstance(waiting, Waiting)
    with pytest.raises(NotApproved, match="huifang flow list") as refused:
        claims.prepare(waiting)
    with db.write() as session:
        claims.unready(waiting, refused.value, session)
    assert refused_for(db) == ["script_unready"]


def test_what_was_only_submitted_is_not_dialed(db: Database, node: Any) -> None:
    with db.write() as session:
        flows = [load_flow(NAME, language) for language in ("zh-CN", "en")]
        register.submit(session, flows, by=AUTHOR, at=NOW)
    claims, _ = node
    waiting = look(db, claims)
    assert isinstance(waiting, Waiting)
    with pytest.raises(NotApproved):
        claims.prepare(waiting)


@pytest.mark.rule("C-09")
def test_an_approved_version_is_dialed_and_kept_with_the_attempt(db: Database, node: Any) -> None:
    with db.write() as session:
        approve(session, [NAME], NOW)
    waiting, script = made_ready(db, node)
    with db.write() as session:
        leased = node[0].lease(waiting, script, session)
    assert leased is not None
    with db.session() as session:
        (attempt,) = session.scalars(select(Attempt)).all()
        assert (attempt.flow, attempt.flow_hash) == (NAME, load_flow(NAME, "zh-CN").hash)


@pytest.mark.rule("C-09")
def test_a_version_that_is_retired_while_it_is_made_ready_is_refused_at_the_lease(db: Database, node: Any) -> None:
    with db.write() as session:
        approve(session, [NAME], NOW)
    waiting, script = made_ready(db, node)
    with db.write() as session:
        seen = register.together(session, NAME, register.FlowState.APPROVED)
        register.retire(session, seen, by=AUTHOR, at=NOW, note="wrong word")
    with db.write() as session:
        assert node[0].lease(waiting, script, session) is None
    assert refused_for(db) == ["flow_not_approved"]
    with db.session() as session:
        assert session.scalars(select(Attempt)).all() == []


def test_a_new_version_is_taken_when_it_is_looked_for_again(db: Database, node: Any) -> None:
    _, scripts = node
    with db.write() as session:
        approve(session, [NAME], NOW)
    before = scripts.flow(NAME, "zh-CN")
    with db.write() as session:
        register.approve(session, register.submit(session, other_words(), by=AUTHOR, at=NOW), by=AUDITOR, at=NOW)
    assert scripts.flow(NAME, "zh-CN") == before
    scripts.look_again()
    after = scripts.flow(NAME, "zh-CN")
    assert after.hash != before.hash
    assert after.prompts["closing"].text.endswith("再会。")
