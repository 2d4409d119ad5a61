"""The planner's night on a real database, and the gate's questions to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import func, select

from core.audit import AuditLink
from core.calendars import ChinaCalendars
from core.clock import SimulatedClock
from core.db import Database
from dialer.gate import NodeFacts, judge
from dialer.planning.lookup import UnknownClient, explain, gate_input, marketer, next_chance
from dialer.planning.nightly import Night, close_expired, make_plan, run_nightly_plan
from dialer.planning.store import Circumstances, store_plan
from dialer.programmes.errors import OpenValue
from dialer.programmes.load import load_pack
from dialer.tables import (
    Attempt,
    AttemptState,
    Callback,
    CallbackState,
    Client,
    Item,
    Outcome,
    PlannerKey,
    PlanRun,
    Skip,
)
from tests.integration.planning.rows import event

pytestmark = pytest.mark.integration

CALENDARS = ChinaCalendars()
MONDAY = date(2026, 11, 23)
NINE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PACK = load_pack("demo_firm")
NIGHT = Night(PACK, CALENDARS, MONDAY, {})
TUESDAY = replace(NIGHT, day=MONDAY + timedelta(days=1))
READY = NodeFacts(recorder_ready=True, line_ready=True, draining=False)


def count(db: Database, table: type) -> int:
    with db.session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def the_callback(db: Database) -> Callback:
    with db.session() as session:
        found = session.scalars(select(Callback)).one()
        assert found.items
        assert found.attempts is not None
        return found


def attempt(db: Database, started_at: datetime, **more: object) -> None:
    callback = the_callback(db)
    known: dict[str, object] = {
        "attempt_id": f"A{started_at.timestamp():.0f}",
        "callback_id": callback.callback_id,
        "client_id": callback.client_id,
        "node": "n1",
        "phone": "13900000001",
        "gate": {},
        "flow": "new_account",
        "flow_hash": "h",
        "language": "zh-CN",
        "started_at": started_at,
        "sip_reasons": [],
        "provisionals": [],
        "disposition": "busy",
        "state": AttemptState.ENDED,
    }
    with db.write() as session:
        session.add(Attempt(**{**known, **more}))


@pytest.mark.rule("A-20")
@pytest.mark.rule("A-13")
def test_a_night_plans_what_is_due_and_explains_what_it_left_out(db: Database, clock: SimulatedClock) -> None:
    summary = run_nightly_plan(db, clock, NIGHT)
    assert (summary.callbacks, summary.items, dict(summary.skipped)) == (1, 1, {"closed": 1, "opted_out": 1})
    callback = the_callback(db)
    assert (callback.client_id, callback.due_on, callback.priority) == ("N1", date(2026, 12, 16), 20261216)
    assert (callback.state, callback.next_attempt_at) == (CallbackState.PLANNED, NINE)
    assert callback.items[0].trigger_key == "new_account:E1"
    with db.session() as session:
        run = session.get_one(PlanRun, summary.plan_id)
        link = session.scalars(select(AuditLink)).one()
        left = {(one.client_id, one.code, one.trigger_key) for one in session.scalars(select(Skip))}
        key = session.scalars(select(PlannerKey.key)).one()
    assert left == {("N2", "opted_out", "new_account:E2"), ("N3", "closed", "new_account:E3")}
    assert (run.seed, link.action) == (sha256(key.encode()).hexdigest(), "plan.stored")
    assert (run.mode, run.pack_digest, run.calendar_digest) == ("full", PACK.digest, CALENDARS.digest)
    assert key not in link.content


def test_planning_again_plans_nothing_twice(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    again = run_nightly_plan(db, clock, NIGHT)
    assert (again.callbacks, again.items, count(db, Callback), count(db, PlanRun)) == (0, 0, 1, 2)


def test_two_nodes_that_store_the_same_plan_make_one_callback(db: Database, clock: SimulatedClock) -> None:
    made = make_plan(db, NIGHT)
    by = Circumstances(at=clock.now(), kept=made.kept)
    with ThreadPoolExecutor(2) as nodes:
        done = list(nodes.map(lambda _: store_plan(db, made.plan, by), range(2)))
    assert sorted(summary.callbacks for summary in done) == [0, 1]
    assert count(db, Item) == 1


@pytest.mark.rule("B-14")
def test_a_later_matter_joins_the_waiting_callback(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.write() as session:
        session.add(event("E9", "N1", NINE, imported_at=NINE))
    summary = run_nightly_plan(db, clock, TUESDAY)
    assert (summary.callbacks, summary.joined, summary.items) == (0, 1, 1)
    assert {item.trigger_key for item in the_callback(db).items} == {"new_account:E1", "new_account:E9"}


def test_what_would_join_a_callback_that_is_being_called_waits_a_night(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.write() as session:
        session.add(event("E9", "N1", NINE, imported_at=NINE))
    made = make_plan(db, NIGHT)
    with db.write() as session:
        session.scalars(select(Callback)).one().state = CallbackState.CALLING
    assert store_plan(db, made.plan, Circumstances(at=clock.now(), kept=made.kept)).items == 0


@pytest.mark.rule("M-01")
def test_a_pack_with_open_values_stops_the_night_before_anything_is_written(
    db: Database, clock: SimulatedClock
) -> None:
    with pytest.raises(OpenValue):
        run_nightly_plan(db, clock, replace(NIGHT, pack=load_pack("GAL")))
    assert count(db, PlanRun) == 0


@pytest.mark.rule("D-01")
def test_an_expired_callback_is_closed_and_says_whether_anybody_tried(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    assert close_expired(db, replace(NIGHT, day=date(2026, 12, 16)), now=clock.now()) == 0
    assert close_expired(db, replace(NIGHT, day=date(2026, 12, 17)), now=clock.now()) == 1
    untried = the_callback(db)
    assert (untried.state, untried.outcome, untried.closed_reason) == (CallbackState.CLOSED, None, "deadline_passed")


def test_an_expired_callback_that_was_tried_is_unreachable(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    attempt(db, NINE)
    close_expired(db, replace(NIGHT, day=date(2026, 12, 17)), now=clock.now())
    assert the_callback(db).outcome == Outcome.UNREACHABLE


@pytest.mark.rule("H-15")
def test_a_merged_callback_goes_on_for_the_items_whose_deadline_is_ahead(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.write() as session:
        first = session.scalars(select(Item)).one()
        known = {column.key: getattr(first, column.key) for column in Item.__table__.columns}
        later = {"item_id": "later", "trigger_key": "later", "flow": "existing_client", "due_on": date(2026, 12, 30)}
        session.add(Item(**{**known, **later, "due_at": first.due_at + timedelta(days=14)}))
    assert close_expired(db, replace(NIGHT, day=date(2026, 12, 17)), now=clock.now()) == 0
    callback = the_callback(db)
    assert callback.state == CallbackState.PLANNED
    assert {item.item_id: item.state for item in callback.items} == {first.item_id: "missed", "later": "open"}
    assert (callback.due_on, callback.flow) == (date(2026, 12, 30), "existing_client")
    assert close_expired(db, replace(NIGHT, day=date(2026, 12, 31)), now=clock.now()) == 1


def test_the_gate_reads_its_facts_from_the_database(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.session() as session:
        callback = session.scalars(select(Callback)).one()
        asked = gate_input(session, callback, now=NINE, pack=PACK, calendars=CALENDARS, node=READY)
    assert judge(asked).allowed
    assert asked.phone == "13900000001"
    assert asked.callback is not None
    assert asked.callback.programmes == {"new_account"}


def test_the_gate_counts_the_attempts_of_the_client(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    for minutes in (0, 20, 40):
        attempt(db, NINE + timedelta(minutes=minutes))
    with db.session() as session:
        callback = session.scalars(select(Callback)).one()
        now = NINE + timedelta(hours=1)
        asked = gate_input(session, callback, now=now, pack=PACK, calendars=CALENDARS, node=READY)
    assert [reason.code for reason in judge(asked).reasons] == ["cap_reached"]
    assert next_chance(asked) == NINE + timedelta(days=1)


def test_the_next_chance_is_the_next_window_and_none_after_the_deadline(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.session() as session:
        callback = session.scalars(select(Callback)).one()
        noon = NINE + timedelta(hours=3, minutes=30)
        asked = gate_input(session, callback, now=noon, pack=PACK, calendars=CALENDARS, node=READY)
        late = replace(asked, now=NINE + timedelta(days=30))
    assert next_chance(asked) == NINE + timedelta(hours=4)
    assert next_chance(late) is None
    assert next_chance(replace(asked, pack=load_pack("GAL"))) is None


def test_anybody_may_ask_whether_a_client_could_be_called(db: Database, clock: SimulatedClock) -> None:
    run_nightly_plan(db, clock, NIGHT)
    with db.session() as session:
        assert explain(session, "N1", at=NINE, pack=PACK, calendars=CALENDARS).allowed
        codes = [reason.code for reason in explain(session, "N2", at=NINE, pack=PACK, calendars=CALENDARS).reasons]
        assert codes == ["opted_out", "nothing_owed"]
        with pytest.raises(UnknownClient, match="'N9'"):
            explain(session, "N9", at=NINE, pack=PACK, calendars=CALENDARS)


def test_the_marketer_is_named_only_for_clients_whom_marketing_developed(db: Database) -> None:
    with db.session() as session:
        client = session.get_one(Client, "N1")
        assert marketer(session, client) == "李经理"
        client.developed_by = "self"
        assert marketer(session, client) is None
        session.rollback()
