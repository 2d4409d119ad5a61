"""The books of attempts: one lease, one end, one outcome; nothing is set twice and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core import audit
from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.db import Database
from dialer.calling import ledger, outcomes
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.session import SessionResult
from dialer.calling.settling import Settling, settle
from dialer.programmes.load import load_pack
from dialer.tables import (
    Agent,
    AgentState,
    Attempt,
    Callback,
    CallbackState,
    GateRefusal,
    Handoff,
    Item,
    Staff,
)
from ivr_flows.events import Verdict

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
GATE = {"allowed": True, "reasons": []}


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """A database with one client who is owed one callback, and two members of staff."""
    database = Database(f"sqlite:///{tmp_path / 'books.db'}")
    database.migrate()
    with database.write() as session:
        owe(session)
        session.add(Staff(staff_id="S1", name="坐席", branch="北京", series="callcentre", languages=["zh-CN"]))
        session.add(Staff(staff_id="S2", name="坐席", branch="北京", series="callcentre", languages=["zh-CN"]))
        session.flush()
        session.add(Agent(staff_id="S1", sip_uri="sip:1@127.0.0.1", state=AgentState.FREE, state_since=NOW))
    yield database
    database.close()


def lease(db: Database, at: datetime = NOW) -> ledger.Lease | None:
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        return ledger.lease(session, callback, node="n1", phone="13900000001", gate=GATE, flow_hash="f", at=at)


def test_a_callback_is_leased_once(db: Database) -> None:
    assert lease(db) is not None
    assert lease(db) is None
    with db.session() as session:
        assert len(session.scalars(select(Attempt)).all()) == 1


def test_two_nodes_that_read_the_same_callback_cannot_both_take_it(db: Database) -> None:
    with db.session() as reading:
        stale = reading.get_one(Callback, "B1")
    with db.write() as session:
        assert ledger.lease(session, stale, node="n1", phone="1", gate=GATE, flow_hash="f", at=NOW)
    with db.write() as session:
        assert ledger.lease(session, stale, node="n2", phone="1", gate=GATE, flow_hash="f", at=NOW) is None


def test_equal_refusals_are_one_row_that_counts(db: Database) -> None:
    reasons = [{"code": "outside_window", "text": "不在可拨时段"}]
    for minutes in (0, 1, 2, 60):
        at = NOW + timedelta(minutes=minutes)
        with db.write() as session:
            ledger.refused(session, session.get_one(Callback, "B1"), reasons, at=at, again_at=at)
    with db.session() as session:
        rows = session.scalars(select(GateRefusal).order_by(GateRefusal.at)).all()
        assert [row.times for row in rows] == [3, 1]


def test_what_died_with_a_node_is_closed_and_counts(db: Database) -> None:
    taken = lease(db)
    with db.write() as session:
        dead = ledger.interrupted(session, "n1", NOW)
        assert [attempt.attempt_id for attempt in dead] == [taken and taken.attempt_id]
        assert ledger.interrupted(session, "n1", NOW) == []
        assert ledger.interrupted(session, "another", NOW) == []
    with db.session() as session:
        attempt = session.scalars(select(Attempt)).one()
        assert (attempt.state, attempt.disposition, attempt.counts) == ("interrupted", "interrupted", True)


def finish(db: Database, result: SessionResult, disposition: Disposition = Disposition.ANSWERED) -> Callback:
    """One attempt from lease to settlement."""
    taken = lease(db)
    assert taken is not None
    rules = load_pack("demo_firm").runnable()
    with db.write() as session:
        judged = Judged(disposition, "test")
        attempt = ledger.ended(
            session,
            taken.attempt_id,
            None,
            result,
            disposition=disposition,
            counts=judged.consumes_attempt,
            cause=None,
            at=NOW,
        )
        settle(session, attempt, result, judged, Settling(rules, ChinaCalendars(), NOW))
    with db.session() as session:
        return session.get_one(Callback, "B1")


@pytest.mark.rule("D-01")
@pytest.mark.parametrize("outcome", ["passed", "not_passed", "refused"])
def test_the_flows_outcome_closes_the_callback(db: Database, outcome: str) -> None:
    callback = finish(db, SessionResult(verdict=Verdict(outcome, None, ())))  # type: ignore[arg-type]
    assert (callback.state, callback.outcome) == (CallbackState.CLOSED, outcome)
    with db.session() as session:
        assert list(audit.verify(session)) == []


@pytest.mark.rule("B-14")
def test_a_merged_callback_is_not_passed_before_every_script_was_asked(db: Database) -> None:
    with db.write() as session:
        for number, flow in enumerate(("new_account", "existing_client")):
            session.add(
                Item(
                    item_id=f"I{number}",
                    callback_id="B1",
                    pack="GAL",
                    programme=flow,
                    rule_ids=[],
                    trigger="event",
                    trigger_key=flow,
                    due_on=date(2026, 12, 1),
                    deadline_unit="month",
                    flow=flow,
                )
            )
    first = finish(db, SessionResult(verdict=Verdict("passed", None, ())))
    assert (first.state, first.outcome, first.flow) == (CallbackState.PLANNED, None, "existing_client")
    second = finish(db, SessionResult(verdict=Verdict("passed", None, ())))
    assert (second.state, second.outcome) == (CallbackState.CLOSED, "passed")


def test_an_answered_call_alone_confirms_nothing(db: Database) -> None:
    callback = finish(db, SessionResult(verdict=Verdict(None, None, ("hung_up:identity",))))
    assert (callback.state, callback.outcome) == (CallbackState.PLANNED, None)
    assert callback.next_attempt_at > NOW


def test_a_broken_recorder_proves_nothing_even_when_the_flow_passed(db: Database) -> None:
    result = SessionResult(verdict=Verdict("passed", None, ()), recorder_failed=True)
    assert finish(db, result).outcome is None


@pytest.mark.rule("B-20")
@pytest.mark.rule("D-06")
@pytest.mark.parametrize("follow_up", ["promised_callback", "appointment"])
def test_what_was_agreed_with_the_client_moves_the_callback(db: Database, follow_up: str) -> None:
    callback = finish(db, SessionResult(verdict=Verdict(None, follow_up, ())))  # type: ignore[arg-type]
    assert (callback.state, callback.follow_up) == (CallbackState.PLANNED, follow_up)
    assert callback.next_attempt_at > NOW


def test_a_number_that_does_not_exist_is_not_called_again(db: Database) -> None:
    callback = finish(db, SessionResult(), Disposition.INVALID_NUMBER)
    assert (callback.state, callback.outcome) == (CallbackState.CLOSED, "unreachable")


def handed_over(db: Database) -> None:
    taken = lease(db)
    assert taken is not None
    with db.write() as session:
        session.add(
            Handoff(
                handoff_id="H1",
                attempt_id=taken.attempt_id,
                reason="wish",
                staff_id="S1",
                requested_at=NOW,
                result="joined",
                tried=[],
            )
        )
        session.get_one(Callback, "B1").state = CallbackState.WRAP_UP


@pytest.mark.parametrize(
    ("said", "outcome"), [("passed", "passed"), ("not_passed", "not_passed"), ("call_again", None)]
)
def test_the_agent_who_spoke_sets_the_outcome_once(db: Database, said: str, outcome: str | None) -> None:
    handed_over(db)
    with db.write() as session:
        outcomes.set_agent_outcome(session, "B1", said, staff_id="S1", at=NOW, by="web", actor="user:1")
    with db.session() as session:
        callback = session.get_one(Callback, "B1")
        assert callback.outcome == outcome
        assert callback.state == (CallbackState.CLOSED if outcome else CallbackState.PLANNED)
    with pytest.raises(outcomes.OutcomeRefused), db.write() as session:
        outcomes.set_agent_outcome(session, "B1", said, staff_id="S1", at=NOW, by="web", actor="user:1")


@pytest.mark.parametrize(("before", "after"), [("wrap_up", "free"), ("talking", "talking"), ("offline", "offline")])
def test_an_agent_in_wrap_up_is_free_again_once_he_has_set_the_outcome(db: Database, before: str, after: str) -> None:
    handed_over(db)
    with db.write() as session:
        session.get_one(Agent, "S1").state = before
    with db.write() as session:
        outcomes.set_agent_outcome(session, "B1", "passed", staff_id="S1", at=NOW, by="web", actor="user:1")
    with db.session() as session:
        assert session.get_one(Agent, "S1").state == after


@pytest.mark.parametrize(("staff", "said"), [("S2", "passed"), ("S1", "maybe")])
def test_nobody_else_and_nothing_else_is_taken(db: Database, staff: str, said: str) -> None:
    handed_over(db)
    with pytest.raises(outcomes.OutcomeRefused), db.write() as session:
        outcomes.set_agent_outcome(session, "B1", said, staff_id=staff, at=NOW, by="web", actor="user:1")
    with db.session() as session:
        assert session.get_one(Callback, "B1").outcome is None
