"""The questions of the board and of a client's page are understood by PostgreSQL too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session

from core.calendars import ChinaCalendars
from core.db import Database
from dialer.planning.sampling import MemberState
from dialer.programmes.load import load_pack
from dialer.tables import Callback, Client, Item, PlanRun, Sample, SampleMember
from web.auth.account import Account
from web.board import counts
from web.board.coverage import coverage, coverage_by_branch, samples_of
from web.board.lists import Moments
from web.board.pages import KINDS, listed, places
from web.board.wanted import DRAWN, FATES, RISKS, Wanted
from web.clients.explanation import explanation
from web.programmes import PackRead
from web.tables import Role

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
DUE = datetime(2026, 11, 27, 16, tzinfo=UTC)
WANTED = Wanted(since="2026-11-01", until="2026-11-30")
MOMENTS = Moments.of(NOW, ChinaCalendars())


@pytest.fixture
def session(postgres_url: str) -> Iterator[Session]:
    """A PostgreSQL with one client who is owed one call-back of a sample."""
    db = Database(postgres_url)
    db.migrate()
    with db.write() as opened:
        _owed(opened)
        yield opened
    db.close()


def _owed(session: Session) -> None:
    person = {"client_id": "C1", "name": "测试", "kind": "person", "phones": ["13900000001"], "branch": "北京"}
    rest = {"status": "active", "developed_by": "self", "tags": [], "prefers": {}, "phone_opt_out": False}
    session.add(Client(**person, **rest, opened_on=date(2020, 1, 1), language="zh-CN", changed_at=NOW))
    session.add(PlanRun(plan_id="P1", at=NOW, for_date=NOW.date(), pack="demo_firm", seed="", counts={}))
    session.flush()
    due = {"due_on": DUE.date(), "due_at": DUE, "pack": "demo_firm", "flow": "existing_client"}
    call = {"executor": "hq_call_centre", "priority": 1, "reason": "", "language": "zh-CN", "next_attempt_at": NOW}
    session.add(Callback(callback_id="B1", plan_id="P1", client_id="C1", created_at=NOW, **due, **call))
    session.flush()
    item = {"programme": "existing_client", "rule_ids": ["A-39"], "trigger": "year:2026", "deadline_unit": "year"}
    session.add(Item(item_id="I1", callback_id="B1", trigger_key="k1", planned_on=NOW.date(), **due, **item))
    year = {"first": date(2026, 1, 1), "last": date(2026, 12, 31), "drawn_on": date(2026, 1, 1), "period": "2026"}
    drawn = {"quotas": [{"share": "1/10", "of": None, "rule": "A-39"}], "base": {"北京": {"1": 5}}, "excluded": {}}
    kept = {"seed": "s", "base_digest": "d", "complete": True, "at_once": False}
    session.add(Sample(sample_id="S", pack="demo_firm", programme="existing_client", **year, **drawn, **kept))
    session.flush()
    member = {"sample_id": "S", "position": 0, "client_id": "C1", "trigger_key": "k1", "strata": 1}
    session.add(SampleMember(**member, state=MemberState.PLANNED, on=NOW.date()))
    session.flush()


def test_the_board_counts_on_postgresql(session: Session) -> None:
    samples = samples_of(session, WANTED)
    (whole,) = coverage(session, samples, branch="北京")
    (parts,) = coverage_by_branch(session, samples)
    assert [share.drawn for share in (*whole.shares, *parts.shares, *parts.branches)] == [{"open": 1}] * 3
    assert counts.risks(session, Wanted(), MOMENTS)[0].counts["near"] == 1
    for line in (counts.by_programme(session, WANTED, None), counts.by_branch(session, WANTED)):
        assert sum(one.due for one in line) <= 1
    assert counts.left_out(session, Wanted(branch="北京")) == []
    assert counts.escalated(session, Wanted(branch="北京")) == (0, [])


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_is_read_from_postgresql(session: Session, kind: str) -> None:
    narrowed = [
        *(replace(WANTED, branch="北京", fate=fate) for fate in FATES),
        *(Wanted(branch="北京", risk=risk, code="x", programme="x") for risk in RISKS),
        *(Wanted(sample="S", quota="0", drawn=drawn, branch="北京") for drawn in DRAWN),
    ]
    for wanted in narrowed:
        listed(session, kind, wanted, {}, moments=MOMENTS, text="1390000")
        places(session, kind, wanted, 0, moments=MOMENTS, text="1390000")


def test_a_client_is_explained_from_postgresql(session: Session) -> None:
    account = Account(user_id=1, name="", role=Role.AUDITOR, staff_id=None, language=None, fingerprint="")
    read = PackRead(load_pack("demo_firm"))
    told = explanation(session, "C1", account, at=NOW, read=read, calendars=ChinaCalendars())
    assert told is not None
    assert [one.sample.sample_id for one in told.places] == ["S"]
    assert {one.programme.key: one.code for one in told.standings}["existing_client"] == "owed"
