"""The gate's questions to the database, and which callbacks the dialer takes at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from core.calendars import ChinaCalendars
from core.db import Database
from dialer.calling import ledger
from dialer.gate import GateInput, judge
from dialer.planning.lookup import (
    UnknownClient,
    UnknownStaff,
    agents_free,
    event_data,
    explain,
    gate_input,
    next_chance,
)
from dialer.programmes.facts import ItemState
from dialer.programmes.model import Cap, CapPer, Pack
from dialer.tables import (
    Agent,
    AgentState,
    Attempt,
    AttemptState,
    Callback,
    CallbackMode,
    Client,
    Event,
    Item,
    PlanRun,
    Staff,
)
from tests.unit.gate.firm import MONDAY, PACK, READY, at, contact, pack

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
NINE = at("2026-11-23T09:00")
DUE = at("2026-12-06T00:00")
BY_NUMBER = pack(contact=contact(caps=(Cap(1, CapPer.DAY, by_number=True, rule="firm"),)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A database with client C1, who is owed callback K1, client C2 on the same telephone, and staff."""
    database = Database(f"sqlite:///{tmp_path / 'gate.db'}")
    database.migrate()
    with database.write() as opened:
        opened.add(PlanRun(plan_id="P1", at=NINE, for_date=date(2026, 11, 23), pack="FIRM", seed="1", counts={}))
        opened.add_all([client("C1"), client("C2")])
        opened.add_all([staff("S1", "callcentre"), staff("S2", "marketing"), staff("S9", "callcentre")])
        opened.flush()
        opened.add_all([callback("K1"), callback("K2", client_id="C2")])
        opened.flush()
        opened.add_all([item("K1", "regular"), item("K2", "regular")])
        opened.flush()
        yield opened
    database.close()


def client(client_id: str) -> Client:
    known: dict[str, Any] = {
        "name": "测试",
        "kind": "person",
        "phones": ["13900000001", "057187654321"],
        "branch": "上海",
        "opened_on": date(2026, 11, 1),
        "status": "active",
        "introducer_id": "S9",
        "developed_by": "self",
        "tags": [],
        "prefers": {},
        "phone_opt_out": False,
        "language": "zh-CN",
        "changed_at": NINE,
    }
    return Client(client_id=client_id, **known)


def staff(staff_id: str, series: str) -> Staff:
    return Staff(staff_id=staff_id, name="员工", branch="上海", series=series, languages=[])


def callback(callback_id: str, **more: Any) -> Callback:
    known: dict[str, Any] = {
        "plan_id": "P1",
        "client_id": "C1",
        "pack": "FIRM",
        "flow": "existing_client",
        "language": "zh-CN",
        "executor": "centre",
        "priority": 1,
        "reason": "存量",
        "due_on": date(2026, 12, 5),
        "due_at": DUE,
        "next_attempt_at": NINE,
        "created_at": NINE,
    }
    return Callback(callback_id=callback_id, **(known | more))


def item(callback_id: str, programme: str, **more: Any) -> Item:
    known: dict[str, Any] = {
        "pack": "FIRM",
        "rule_ids": [],
        "trigger": "year",
        "trigger_key": f"{callback_id}:{programme}",
        "due_on": date(2026, 12, 5),
        "due_at": DUE,
        "planned_on": date(2026, 11, 23),
        "deadline_unit": "year",
        "flow": "existing_client",
    }
    return Item(item_id=f"{callback_id}:{programme}", callback_id=callback_id, programme=programme, **(known | more))


def attempt(session: Session, text: str, **more: Any) -> None:
    known: dict[str, Any] = {
        "callback_id": "K1",
        "client_id": "C1",
        "node": "n1",
        "phone": "13900000001",
        "gate": {},
        "flow": "existing_client",
        "flow_hash": "h",
        "language": "zh-CN",
        "started_at": at(text),
        "sip_reasons": [],
        "provisionals": [],
        "disposition": "no_answer",
        "state": AttemptState.ENDED,
    }
    session.add(Attempt(attempt_id=text + more.get("client_id", "C1"), **(known | more)))
    session.flush()


def asked(session: Session, pack: Pack = PACK, now: datetime = MONDAY) -> GateInput:
    """What the gate asks about K1."""
    owed = session.get_one(Callback, "K1")
    session.expire_all()
    return gate_input(session, owed, now=now, pack=pack, calendars=CALENDARS, node=READY)


def told(session: Session, pack: Pack = PACK) -> list[str]:
    return [reason.code for reason in judge(asked(session, pack)).reasons]


def test_the_gate_reads_the_callback_as_it_is_stored(session: Session) -> None:
    facts = asked(session).callback
    assert facts is not None
    assert (facts.programmes, facts.executor, facts.due_at, facts.mode) == ({"regular"}, "centre", DUE, "automatic")
    assert told(session) == []


def test_the_next_number_is_asked_about_and_dead_ones_are_left_out(session: Session) -> None:
    assert asked(session).phone == "13900000001"
    attempt(session, "2026-11-20T10:00", disposition="invalid_number")
    attempt(session, "2026-11-20T11:00", phone="057187654321")
    assert asked(session).phone == "057187654321"
    attempt(session, "2026-11-20T14:00", phone="057187654321", disposition="blocked_by_network")
    assert told(session) == ["no_phone"]


@pytest.mark.rule("B-19")
@pytest.mark.parametrize("state", [AttemptState.LEASED, AttemptState.LIVE])
def test_a_client_who_is_in_a_call_of_another_callback_is_not_dialed(session: Session, state: AttemptState) -> None:
    session.add(callback("K3"))
    session.flush()
    attempt(session, "2026-11-23T09:05", callback_id="K3", state=state, disposition=None)
    assert told(session) == ["client_in_a_call"]
    verdict = explain(session, "C1", at=MONDAY, pack=PACK, calendars=CALENDARS)
    assert "client_in_a_call" in {reason.code for reason in verdict.reasons}
    assert "client_in_a_call" not in {
        reason.code for reason in explain(session, "C2", at=MONDAY, pack=PACK, calendars=CALENDARS).reasons
    }


def test_a_call_of_a_node_whose_clock_is_ahead_is_on_the_line_too(session: Session) -> None:
    session.add(callback("K3"))
    session.flush()
    attempt(session, "2026-11-23T09:32", callback_id="K3", state=AttemptState.LIVE, disposition=None)
    assert told(session) == ["client_in_a_call"]
    assert asked(session).attempts == ()


def test_a_callback_whose_items_were_all_undone_is_owed_no_more(session: Session) -> None:
    session.add(item("K1", "special", state=ItemState.CANCELLED))
    session.flush()
    facts = asked(session).callback
    assert facts is not None
    assert facts.programmes == {"regular"}
    session.get_one(Item, "K1:regular").state = ItemState.CANCELLED
    session.flush()
    assert "nothing_owed" in told(session)


def test_a_cap_by_number_sees_calls_to_the_same_telephone_for_other_clients(session: Session) -> None:
    attempt(session, "2026-11-23T09:05", callback_id="K2", client_id="C2")
    assert told(session, BY_NUMBER) == ["cap_reached"]
    assert told(session) == []
    assert asked(session).elsewhere == ()


@pytest.mark.rule("B-20")
def test_the_next_chance_of_an_appointment_is_the_time_agreed(session: Session) -> None:
    owed = session.get_one(Callback, "K1")
    owed.appointment_at = at("2026-11-23T19:00")
    session.flush()
    assert next_chance(asked(session)) == at("2026-11-23T18:55")


def test_the_next_chance_waits_for_interval_caps_and_windows_and_ends_at_the_deadline(session: Session) -> None:
    attempt(session, "2026-11-23T09:25")
    assert next_chance(asked(session)) == at("2026-11-23T09:35")
    for minute in (35, 45):
        attempt(session, f"2026-11-23T08:{minute}")
    assert next_chance(asked(session)) == at("2026-11-24T09:00")
    session.get_one(Callback, "K1").due_at = at("2026-11-24T09:00")
    session.flush()
    assert next_chance(asked(session)) is None


@pytest.mark.rule("M-03")
def test_the_dialer_takes_only_what_is_certain_and_not_left_to_people(session: Session) -> None:
    session.add(callback("K3", mode=CallbackMode.MANUAL))
    session.add(callback("K4", provisional=True))
    session.add(callback("K5", next_attempt_at=MONDAY + timedelta(hours=1)))
    session.flush()
    assert {row.callback_id for row in ledger.ready(session, MONDAY, limit=9, node="n")} == {"K1", "K2"}


def test_a_refusal_explains_the_time_to_which_it_moves_the_callback(session: Session) -> None:
    owed = session.get_one(Callback, "K1")
    reasons = [
        {"code": "outside_window", "text": "不在可拨时段", "text_en": "outside the permitted windows", "rule": ""}
    ]
    ledger.refused(session, owed, reasons, at=MONDAY, again_at=MONDAY + timedelta(hours=3))
    assert owed.next_attempt_at == MONDAY + timedelta(hours=3)
    assert owed.next_why is not None
    assert owed.next_why["code"] == "gate_refused"
    assert "不在可拨时段" in owed.next_why["text"]


@pytest.mark.rule("E-04")
@pytest.mark.rule("E-01")
def test_anybody_may_ask_who_may_call_a_client(session: Session) -> None:
    def codes(caller: str | None) -> list[str]:
        verdict = explain(session, "C1", at=MONDAY, pack=PACK, calendars=CALENDARS, caller=caller)
        return [reason.code for reason in verdict.reasons]

    assert codes(None) == codes("S1") == []
    assert codes("S2") == ["series_avoided"]
    assert codes("S9") == ["introducer"]
    with pytest.raises(UnknownStaff, match="'S7'"):
        codes("S7")
    with pytest.raises(UnknownClient, match="'C7'"):
        explain(session, "C7", at=MONDAY, pack=PACK, calendars=CALENDARS)


def test_free_agents_are_counted(session: Session) -> None:
    assert agents_free(session) == 0
    now = datetime(2026, 11, 23, tzinfo=UTC)
    session.add(Agent(staff_id="S1", sip_uri="sip:1@127.0.0.1", state=AgentState.FREE, state_since=now))
    session.add(Agent(staff_id="S2", sip_uri="sip:2@127.0.0.1", state=AgentState.TALKING, state_since=now))
    session.flush()
    assert agents_free(session) == 1


@pytest.mark.rule("C-136")
def test_an_event_brings_its_words_and_a_departure_the_name_of_who_left(session: Session) -> None:
    moved = {"asset_change": "转出"}
    session.add_all(
        [
            Event(event_id="E1", client_id="C1", type="asset_outflow", occurred_at=NINE, data=moved, imported_at=NINE),
            Event(
                event_id="E2", client_id="C1", type="asset_outflow", occurred_at=NINE, data={"a": 1}, imported_at=NINE
            ),
        ]
    )
    session.flush()
    owed = session.get_one(Callback, "K1")
    owed.items[0].trigger = "outflow:E1"
    assert event_data(session, owed) == moved
    owed.items[0].trigger = "departure:S9"
    assert event_data(session, owed) == {"staff_member": "员工"}
    owed.items[0].state = ItemState.CANCELLED
    assert event_data(session, owed) == {}
