"""What pacing reads from the database: agents, calls on the line, history, the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.clock import CHINA
from core.db import Database
from core.errors import HuifangError
from dialer.calling.abandonment import Tally
from dialer.calling.forecasts import FlowHistory, Needs
from dialer.calling.pacing import NOBODY_ON_DUTY, SPOKEN_FOR, PacingRules
from dialer.calling.pacing_facts import STALE, Look, Pacer
from dialer.calling.pacing_history import by_day, flow_histories, ledger, total, window
from dialer.tables import Agent, AgentState, Attempt, Callback, Client, Handoff, Item, Staff
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=CHINA)
AVOIDED = frozenset({"marketing"})
Attempts = Callable[..., Attempt]


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """One client who is owed one call-back about programme new_account."""
    database = Database(f"sqlite:///{tmp_path / 'pacing.db'}")
    database.migrate()
    with database.write() as session:
        callback = owe(session)
        session.add(an_item("I1", callback.callback_id, "new_account"))
    yield database
    database.close()


@pytest.fixture
def pacer(rules: Callable[..., PacingRules]) -> Pacer:
    """The pacer of a node with the shipped scripts."""
    return Pacer(rules(), flows=a_flow, avoided=lambda programmes: AVOIDED)


def a_flow(name: str, language: str) -> Flow:
    if name == "broken":
        raise HuifangError("it cannot be read")
    return load_flow(name, language)


def an_item(item_id: str, callback_id: str, programme: str) -> Item:
    return Item(
        item_id=item_id,
        callback_id=callback_id,
        pack="GAL",
        programme=programme,
        rule_ids=[],
        trigger="t",
        trigger_key=item_id,
        due_on=NOW.date(),
        deadline_unit="days",
        flow="new_account",
        planned_on=NOW.date(),
        due_at=NOW + timedelta(days=9),
    )


def employ(session: Session, staff_id: str, state: AgentState = AgentState.FREE, **changed: object) -> None:
    values: dict[str, object] = {"name": "坐席", "branch": "北京", "series": "callcentre", "languages": ["zh-CN"]}
    session.add(Staff(staff_id=staff_id, **(values | changed)))
    session.flush()
    session.add(Agent(staff_id=staff_id, sip_uri=f"sip:{staff_id}@pbx", state=state, state_since=NOW))
    session.flush()


def look(db: Database, pacer: Pacer, at: datetime = NOW) -> Look:
    with db.session() as session:
        return pacer.look(session, at)


def a_handoff(number: str, attempt_id: str, at: datetime, **changed: object) -> Handoff:
    return Handoff(handoff_id=number, attempt_id=attempt_id, reason="key", requested_at=at, tried=[], **changed)


def test_agents_who_are_offline_or_have_left_are_not_on_duty(db: Database, pacer: Pacer) -> None:
    with db.write() as session:
        employ(session, "S1")
        employ(session, "S2", AgentState.OFFLINE)
        employ(session, "S3", left_on=NOW.date() - timedelta(days=1))
        employ(session, "S4", AgentState.TALKING)
        employ(session, "S5", AgentState.RINGING)
    seen = look(db, pacer)
    assert seen.state.at_hand == {"S1", "S5"}
    assert seen.need("new_account", "zh-CN", frozenset()).agents == {"S1", "S4", "S5"}


@pytest.mark.rule("E-04")
def test_an_agent_who_may_not_serve_the_client_is_not_counted_for_him(db: Database, pacer: Pacer) -> None:
    with db.write() as session:
        employ(session, "S1")
        employ(session, "S2", series="marketing")
        employ(session, "S3", languages=["en"])
        employ(session, "S4", languages=[])
    seen = look(db, pacer)
    assert seen.need("new_account", "zh-CN", frozenset()).agents == {"S1", "S4"}
    assert seen.need("new_account", "zh-CN", frozenset(), introducer="S1").agents == {"S4"}
    assert seen.need("new_account", "en", frozenset()).agents == {"S3", "S4"}


def test_a_live_call_counts_until_its_request_is_met_or_given_up(
    db: Database, pacer: Pacer, an_attempt: Attempts
) -> None:
    with db.write() as session:
        employ(session, "S1")
        for number, result in enumerate(("none", None, "joined", "nobody_free")):
            session.add(an_attempt(attempt_id=f"A{number}", state="live", answered_at=NOW))
            session.flush()
            if result != "none":
                session.add(a_handoff(f"H{number}", f"A{number}", NOW, result=result))
        session.add(an_attempt(attempt_id="A8", state="ended"))
        session.add(an_attempt(attempt_id="A9", state="live", caller="S1"))  # by hand: not the dialer's
    assert sorted(call.chance for call in look(db, pacer).state.live) == [0.5, 1.0]


def test_the_age_of_an_answered_call_lowers_its_chance(db: Database, pacer: Pacer, an_attempt: Attempts) -> None:
    with db.write() as session:
        employ(session, "S1")
        session.add(an_attempt(attempt_id="A1", state="live", answered_at=NOW - timedelta(seconds=100)))
        session.add(an_attempt(attempt_id="A2", state="leased", reserves_agent=True))
        pacer.refresh(session, NOW)
    histories = {"new_account": FlowHistory(200, (30.0,) * 10, (120.0,) * 89)}
    pacer.known = type(pacer.known)(NOW, histories, {})
    chances = {call.reserves: call.chance for call in look(db, pacer).state.live}
    assert chances == {False: pytest.approx(1 / 91), True: pytest.approx(11 / 101)}


def test_a_call_that_outlasted_its_ringing_was_answered(db: Database, pacer: Pacer, an_attempt: Attempts) -> None:
    with db.write() as session:
        employ(session, "S1")
        session.add(
            an_attempt(attempt_id="A1", state="live", started_at=NOW - timedelta(seconds=59), ring_limit_s=60.0)
        )
        session.add(
            an_attempt(attempt_id="A2", state="live", started_at=NOW - timedelta(seconds=60), ring_limit_s=60.0)
        )
    assert sorted(call.answered for call in look(db, pacer).state.live) == [False, True]


def test_a_second_call_waits_while_the_only_agent_may_be_needed(
    db: Database, pacer: Pacer, an_attempt: Attempts
) -> None:
    with db.write() as session:
        employ(session, "S1")
        callback = session.get_one(Callback, "B1")
        first = pacer.look(session, NOW, lock=True).verdict(callback)
        session.add(an_attempt(state="live", reserves_agent=first.reserves_agent))
        session.flush()
        second = pacer.look(session, NOW, lock=True).verdict(callback)
    assert first.allowed
    assert first.reserves_agent
    assert not second.allowed
    assert second.why == SPOKEN_FOR


def test_nobody_on_duty_is_told_as_such(db: Database, rules: Callable[..., PacingRules], an_attempt: Attempts) -> None:
    strict = Pacer(rules(unstaffed="hold"), flows=a_flow, avoided=lambda programmes: AVOIDED)
    with db.write() as session:
        verdict = strict.look(session, NOW).verdict(session.get_one(Callback, "B1"))
    assert verdict.why == NOBODY_ON_DUTY


def test_a_script_that_cannot_be_read_needs_nobody_for_a_new_call_and_somebody_for_a_live_one(
    db: Database, pacer: Pacer, an_attempt: Attempts
) -> None:
    with db.write() as session:
        employ(session, "S1")
        session.add(an_attempt(state="live", flow="broken"))
    seen = look(db, pacer)
    assert seen.need("broken", "zh-CN", frozenset()).forecast.needs is Needs.NEVER
    assert [call.chance for call in seen.state.live] == [1.0]


def test_what_was_learned_long_ago_is_not_known(db: Database, pacer: Pacer) -> None:
    assert pacer.due(NOW)
    with db.session() as session:
        pacer.refresh(session, NOW)
    assert not pacer.due(NOW + timedelta(seconds=59))
    assert pacer.due(NOW + timedelta(seconds=60))
    assert look(db, pacer, NOW + STALE).state.ledger == {}
    assert look(db, pacer, NOW + STALE + timedelta(seconds=1)).state.ledger is None


def calls(session: Session, an_attempt: Attempts, *, at: datetime = NOW) -> None:
    """Ten calls: seven answered; of three requests one is met in time, one late, one by nobody."""
    for number in range(10):
        answered = at + timedelta(seconds=10) if number < 7 else None
        ended = at + timedelta(seconds=70 if number < 7 else 40)
        row = {"attempt_id": f"A{at:%d}-{number}", "state": "ended", "started_at": at, "dialed_at": at}
        session.add(an_attempt(**row, answered_at=answered, ended_at=ended, answer_class="person"))
    session.flush()
    asked = at + timedelta(seconds=30)
    for number, wait in enumerate((1, 9)):
        joined = asked + timedelta(seconds=wait)
        times = {"joined_at": joined, "left_at": joined + timedelta(seconds=20)}
        session.add(a_handoff(f"H{at:%d}-{number}", f"A{at:%d}-{number}", asked, result="joined", **times))
    session.add(a_handoff(f"H{at:%d}-2", f"A{at:%d}-2", asked, result="nobody_free"))
    session.flush()


def test_history_is_read_by_script(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        calls(session, an_attempt)
        session.add(an_attempt(attempt_id="X1", state="ended", counts=False))  # a fault of ours says nothing
        session.add(an_attempt(attempt_id="X2", state="live"))
        session.flush()
        found = flow_histories(session, NOW + timedelta(hours=1), calls=50, days=30)
    assert found == {"new_account": FlowHistory(10, (20.0,) * 3, (60.0,) * 4, (10.0,) * 7, (20.0, 20.0))}


def test_history_is_bounded_in_calls_and_in_days(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        calls(session, an_attempt)
        assert flow_histories(session, NOW, calls=4, days=30)["new_account"].placed == 4
        assert flow_histories(session, NOW + timedelta(days=31), calls=4, days=30) == {}


def tallies(session: Session, now: datetime = NOW + timedelta(hours=1), days: int = 30) -> dict[str, Tally]:
    since, until = window(now, days)
    return ledger(session, since, until, now=now, limit_s=2.0)


def test_the_ledger_counts_each_programme_of_a_call_once(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        session.add(an_item("I2", "B1", "survey"))
        session.add(an_item("I3", "B1", "survey"))  # two of one programme in one call
        calls(session, an_attempt)
        expected = Tally(7, joined=1, late=1, lost=1)
        assert tallies(session) == {"new_account": expected, "survey": expected}


def test_machines_and_calls_by_hand_stay_out_of_the_ledger(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        for number, kind in enumerate((None, "unknown", "person", "voicemail", "assistant", "fax", "silence")):
            row = {"attempt_id": f"A{number}", "started_at": NOW, "state": "ended", "answered_at": NOW}
            session.add(an_attempt(**row, answer_class=kind))
        session.add(an_attempt(attempt_id="B", started_at=NOW, state="ended", answered_at=NOW, caller="S1"))
        session.flush()
        assert tallies(session) == {"new_account": Tally(3)}


def test_the_word_of_a_person_wins_over_the_classifier(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        for name, (kind, label) in {"A": ("voicemail", "person"), "B": ("person", "voicemail")}.items():
            row = {"attempt_id": name, "started_at": NOW, "state": "ended", "answered_at": NOW}
            session.add(an_attempt(**row, answer_class=kind, answer_label=label))
            session.flush()
            session.add(a_handoff(name, name, NOW, result="nobody_free"))
            session.flush()
        assert tallies(session) == {"new_account": Tally(1, lost=1)}


def test_a_call_belongs_to_the_chinese_day_on_which_it_was_placed(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        for day in (0, 1, 29, 30):
            calls(session, an_attempt, at=NOW.replace(hour=0, minute=5) - timedelta(days=day))
        lines = by_day(session, NOW, days=30, limit_s=2.0)
        whole = tallies(session, NOW)
    assert [line.day.isoformat() for line in lines] == ["2026-10-25", "2026-11-22", "2026-11-23"]
    assert total(lines) == whole == {"new_account": Tally(21, joined=3, late=3, lost=3)}


def test_a_request_of_this_moment_is_not_counted_yet_and_soon_is(db: Database, an_attempt: Attempts) -> None:
    with db.write() as session:
        session.add(an_attempt(started_at=NOW, state="live", answered_at=NOW))
        session.flush()
        session.add(a_handoff("H1", "A1", NOW + timedelta(seconds=9)))
        session.flush()
        assert tallies(session, NOW + timedelta(seconds=10)) == {"new_account": Tally(1)}
        assert tallies(session, NOW + timedelta(seconds=12)) == {"new_account": Tally(1, lost=1)}


def test_the_introducer_of_a_live_client_is_not_counted_for_his_call(
    db: Database, pacer: Pacer, an_attempt: Attempts
) -> None:
    with db.write() as session:
        employ(session, "S1")
        employ(session, "S2")
        session.get_one(Client, "C1").introducer_id = "S1"
        session.add(an_attempt(state="live"))
    assert [call.agents for call in look(db, pacer).state.live] == [{"S2"}]
