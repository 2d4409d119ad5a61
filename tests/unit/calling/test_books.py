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
from dialer.calling.evidence.answering import Answer, AnswerVerdict
from dialer.calling.session import SessionResult
from dialer.calling.settling import Settling, call_again, settle
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
PACK = load_pack("demo_firm")
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
        return ledger.lease(
            session, callback, node="n1", phone="13900000001", gate=GATE, flow_hash="f", ring_limit_s=30, at=at
        )


def test_a_callback_is_leased_once(db: Database) -> None:
    assert lease(db) is not None
    assert lease(db) is None
    with db.session() as session:
        assert len(session.scalars(select(Attempt)).all()) == 1


def test_two_nodes_that_read_the_same_callback_cannot_both_take_it(db: Database) -> None:
    with db.session() as reading:
        stale = reading.get_one(Callback, "B1")
    with db.write() as session:
        assert ledger.lease(session, stale, node="n1", phone="1", gate=GATE, flow_hash="f", ring_limit_s=30, at=NOW)
    with db.write() as session:
        assert (
            ledger.lease(session, stale, node="n2", phone="1", gate=GATE, flow_hash="f", ring_limit_s=30, at=NOW)
            is None
        )


def test_equal_refusals_are_one_row_that_counts(db: Database) -> None:
    reasons = [{"code": "outside_window", "text": "不在可拨时段", "text_en": "outside the windows"}]
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


def finish(
    db: Database, result: SessionResult, disposition: Disposition = Disposition.ANSWERED, at: datetime = NOW
) -> Callback:
    """One attempt from lease to settlement."""
    taken = lease(db, at)
    assert taken is not None
    with db.write() as session:
        judged = Judged(disposition, "test")
        attempt = ledger.ended(
            session,
            taken.attempt_id,
            None,
            result,
            judged,
            at=at,
        )
        settle(session, attempt, result, judged, Settling(PACK.runnable(), ChinaCalendars(), at, PACK))
    with db.session() as session:
        return session.get_one(Callback, "B1")


def test_a_machine_that_was_hung_up_on_is_nobody_who_answered(db: Database) -> None:
    mailbox = AnswerVerdict(Answer.VOICEMAIL, 0.9, 2600, "announcement")
    machine = finish(db, SessionResult(answer=mailbox, machine=True))
    assert (machine.state, machine.outcome) == (CallbackState.PLANNED, None)
    with db.session() as session:
        attempt = session.scalars(select(Attempt)).one()
        assert (attempt.disposition, attempt.counts, attempt.answer_class) == ("answered", True, "voicemail")
        assert attempt.answer_evidence is not None
        assert attempt.answer_evidence["acted"]
    assert machine.next_attempt_at >= NOW + PACK.runnable().retries.rungs[Disposition.NO_ANSWER].delay


@pytest.mark.rule("D-01")
@pytest.mark.parametrize("outcome", ["passed", "not_passed", "refused"])
def test_the_flows_outcome_closes_the_callback(db: Database, outcome: str) -> None:
    callback = finish(db, SessionResult(verdict=Verdict(outcome, None, ())))  # type: ignore[arg-type]
    assert (callback.state, callback.outcome) == (CallbackState.CLOSED, outcome)
    with db.session() as session:
        assert list(audit.verify(session)) == []


def add_items(db: Database, *flows: str) -> None:
    """One item a script, of programmes that no pack knows."""
    with db.write() as session:
        for number, flow in enumerate(flows):
            item = Item(item_id=f"I{number}", callback_id="B1", pack="GAL", programme=f"of_{flow}", rule_ids=[])
            item.trigger, item.trigger_key, item.deadline_unit, item.flow = "event", flow, "month", flow
            item.due_on, item.due_at = date(2026, 12, 1 + number), datetime(2026, 12, 2 + number, tzinfo=CHINA)
            item.planned_on = NOW.date()
            session.add(item)


def why(callback: Callback) -> str:
    """The code of the explanation of the next attempt."""
    assert callback.next_why is not None
    return str(callback.next_why["code"])


@pytest.mark.rule("B-14")
def test_a_merged_callback_is_not_passed_before_every_script_was_asked(db: Database) -> None:
    add_items(db, "new_account", "existing_client")
    first = finish(db, SessionResult(verdict=Verdict("passed", None, ())))
    assert (first.state, first.outcome, first.flow) == (CallbackState.PLANNED, None, "existing_client")
    assert why(first) == "next_script"
    assert first.next_attempt_at == NOW + timedelta(minutes=10)
    second = finish(db, SessionResult(verdict=Verdict("passed", None, ())))
    assert (second.state, second.outcome) == (CallbackState.CLOSED, "passed")
    with db.session() as session:
        rows = session.scalars(select(Item).order_by(Item.item_id)).all()
        assert [(row.state, row.closed_on, row.flow_hash) for row in rows] == [("done", NOW.date(), "f")] * 2


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
    assert (callback.state, callback.follow_up, why(callback)) == (CallbackState.PLANNED, follow_up, follow_up)
    assert callback.next_attempt_at > NOW
    assert (callback.appointment_at is None) == (follow_up == "promised_callback")


def test_a_trunk_fault_at_the_agreed_time_leaves_the_appointment_standing(db: Database) -> None:
    agreed = finish(db, SessionResult(verdict=Verdict(None, "appointment", ())))
    at = agreed.next_attempt_at
    callback = finish(db, SessionResult(), Disposition.TRUNK_CONGESTION, at)
    assert (callback.follow_up, callback.appointment_at) == ("appointment", at)
    assert callback.next_attempt_at == at + timedelta(minutes=5)
    ordinary = finish(db, SessionResult(), Disposition.BUSY, callback.next_attempt_at)
    assert (ordinary.follow_up, ordinary.appointment_at) == (None, None)


def test_a_number_that_does_not_exist_is_not_called_again(db: Database) -> None:
    callback = finish(db, SessionResult(), Disposition.INVALID_NUMBER)
    assert (callback.state, callback.outcome) == (CallbackState.CLOSED, "unreachable")
    assert (callback.closed_reason, why(callback)) == ("not_retried", "not_retried")


def test_a_dead_number_ends_nothing_while_the_client_has_another(db: Database) -> None:
    add_items(db, "new_account")
    with db.write() as session:
        session.get_one(Callback, "B1").client.phones = ["13900000001", "13900000002"]
    callback = finish(db, SessionResult(), Disposition.INVALID_NUMBER)
    assert (callback.state, why(callback)) == (CallbackState.PLANNED, "next_number")
    with db.write() as session:
        session.scalars(select(Attempt)).one().phone = "13900000002"  # the same again, on the other number
    finish(db, SessionResult(), Disposition.INVALID_NUMBER)
    with db.session() as session:
        closed = session.get_one(Callback, "B1")
        assert (closed.outcome, [item.state for item in closed.items]) == ("unreachable", ["missed"])


def test_a_calendar_that_ends_or_a_wish_that_cannot_be_read_loses_nothing(db: Database) -> None:
    with db.write() as session:
        session.get_one(Callback, "B1").client.prefers = {"windows": ["at noon"]}
    callback = finish(db, SessionResult(), Disposition.BUSY)
    assert (callback.state, why(callback)) == (CallbackState.PLANNED, "wish_unreadable")
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        callback.client.prefers, callback.due_at = {}, datetime(2060, 6, 1, tzinfo=CHINA)
    later = finish(db, SessionResult(), Disposition.BUSY, datetime(2060, 5, 1, 9, tzinfo=CHINA))
    assert (later.state, why(later)) == (CallbackState.PLANNED, "calendar_unknown")


@pytest.mark.rule("D-28")
@pytest.mark.rule("J-06")
@pytest.mark.rule("J-13")
def test_a_cancelled_reason_closes_the_callback_when_nothing_else_is_owed(db: Database) -> None:
    add_items(db, "new_account", "existing_client")
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        first, second = callback.items
        assert outcomes.cancel(session, [first], reason="account_closed", at=NOW, actor="planner") == 1
        assert (callback.state, callback.flow) == (CallbackState.PLANNED, "existing_client")
        assert callback.due_on == date(2026, 12, 2)
        outcomes.cancel(session, [first, second], reason="review_failed", at=NOW, actor="planner")
        assert (callback.state, callback.outcome, callback.closed_reason) == ("closed", None, "cancelled")
        assert {item.state for item in callback.items} == {"cancelled"}
    with db.session() as session:
        links = session.scalars(select(audit.AuditLink.action)).all()
        assert [*links].count("item.cancelled") == 2
        assert "callback.cancelled" in links


def test_a_reason_that_goes_during_the_call_lets_the_call_end_and_no_other_follow(db: Database) -> None:
    add_items(db, "new_account")
    taken = lease(db)
    assert taken is not None
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        outcomes.cancel(session, callback.items, reason="account_closed", at=NOW, actor="planner")
        assert callback.state == CallbackState.CALLING
        attempt = session.get_one(Attempt, taken.attempt_id)
        by = Settling(PACK.runnable(), ChinaCalendars(), NOW, PACK)
        settle(session, attempt, SessionResult(), Judged(Disposition.BUSY, "test"), by)
        assert (callback.state, callback.outcome, callback.closed_reason) == ("closed", None, "cancelled")


def test_who_closes_without_outcome_says_what_was_missed(db: Database) -> None:
    add_items(db, "new_account")
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        outcomes.close_without_outcome(session, callback, reason="deadline_passed", at=NOW, actor="planner")
        assert (callback.outcome, callback.items[0].state, callback.items[0].flow_hash) == (None, "missed", None)


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


@pytest.mark.rule("B-21")
def test_the_time_that_an_agent_agreed_with_the_client_is_kept(db: Database) -> None:
    handed_over(db)
    agreed = datetime(2026, 11, 25, 15, 10, tzinfo=CHINA)
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        step = call_again(callback, Settling(PACK.runnable(), ChinaCalendars(), NOW, PACK), agreed=agreed)
        said = {"staff_id": "S1", "at": NOW, "by": "web", "actor": "user:1", "again": step}
        outcomes.set_agent_outcome(session, "B1", "call_again", **said)  # type: ignore[arg-type]
        assert (callback.next_attempt_at, callback.appointment_at) == (agreed, agreed)
        assert why(callback) == "appointment"


def test_without_a_time_the_next_call_comes_when_the_pack_says(db: Database) -> None:
    handed_over(db)
    with db.write() as session:
        callback = session.get_one(Callback, "B1")
        step = call_again(callback, Settling(PACK.runnable(), ChinaCalendars(), NOW, PACK))
        said = {"staff_id": "S1", "at": NOW, "by": "key", "actor": "node:n1", "again": step}
        outcomes.set_agent_outcome(session, "B1", "call_again", **said)  # type: ignore[arg-type]
        assert (callback.appointment_at, why(callback)) == (None, "agent_asked")
        assert callback.next_attempt_at == NOW + PACK.runnable().appointment.delay


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
