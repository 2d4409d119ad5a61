"""The gates: open only when everything behind them is shown."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core import audit
from dialer.calling import outcomes
from dialer.following import gates
from dialer.tables import Callback, Outcome, Webhook
from tests.unit.following.firm import NOW, PASSING, Firm

pytestmark = pytest.mark.unit


def activation(firm: Firm) -> gates.GateAnswer:
    with firm.db.session() as session:
        return gates.activation(session, "C1", firm.pack)


def departure(firm: Firm) -> gates.GateAnswer:
    with firm.db.session() as session:
        return gates.departure(session, "S1", firm.pack)


def codes(answer: gates.GateAnswer) -> list[str]:
    return [reason.code for reason in answer.reasons]


@pytest.mark.rule("A-23")
@pytest.mark.rule("D-07")
@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.NOT_PASSED, "not_passed"), (Outcome.REFUSED, "refused"), (Outcome.UNREACHABLE, "missed")],
)
def test_an_account_is_not_activated_before_its_call_back_has_passed(firm: Firm, outcome: Outcome, code: str) -> None:
    assert codes(activation(firm)) == ["nothing_planned"]
    firm.add_item("new_account")
    assert codes(activation(firm)) == ["waiting"]
    firm.end(outcome)
    answer = activation(firm)
    assert codes(answer) == [code]
    assert not answer.open


@pytest.mark.rule("A-23")
def test_a_passed_call_back_opens_the_gate_whatever_other_programmes_say(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.call(PASSING, verdict="passed")
    assert activation(firm).open
    assert activation(firm).as_json() == {"gate": "activation", "subject": "C1", "open": True, "reasons": []}


@pytest.mark.rule("M-25")
def test_a_client_who_refuses_never_completes_the_gate_and_the_answer_says_who_must_decide(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.end(Outcome.REFUSED)
    (reason,) = activation(firm).as_json()["reasons"]
    assert (reason["firm_decides"], reason["programme"]) == (True, "new_account")
    assert "the firm must decide" in reason["text_en"]


def test_an_old_account_that_did_not_pass_says_nothing_about_the_new_one(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.end(Outcome.NOT_PASSED)
    another_callback(firm)
    firm.add_item("new_account", "E2", "B2")
    assert codes(activation(firm)) == ["waiting"]
    firm.end(Outcome.PASSED, "B2")
    assert activation(firm).open


def another_callback(firm: Firm) -> None:
    with firm.db.write() as session:
        first = session.get_one(Callback, "B1")
        names = [column.key for column in Callback.__table__.columns]
        values: dict[str, Any] = {name: getattr(first, name) for name in names}
        fresh = {"callback_id": "B2", "state": "planned", "outcome": None, "closed_at": None, "closed_reason": None}
        session.add(Callback(**(values | fresh)))


def test_a_cancelled_item_is_no_call_back(firm: Firm) -> None:
    firm.add_item("new_account")
    with firm.db.write() as session:
        items = session.get_one(Callback, "B1").items
        outcomes.cancel(session, items, reason="account_closed", at=NOW, actor="planner")
    assert codes(activation(firm)) == ["nothing_planned"]


@pytest.mark.rule("A-91")
@pytest.mark.rule("D-08")
def test_nobody_leaves_before_his_clients_were_called_and_compliance_has_concluded(firm: Firm) -> None:
    firm.add_item("leaving")
    assert codes(departure(firm)) == ["waiting", "no_conclusion"]
    with pytest.raises(gates.GateRefused, match="not closed yet"):
        conclude(firm, "没有发现问题")
    firm.end(Outcome.PASSED)
    assert codes(departure(firm)) == ["no_conclusion"]
    conclude(firm, "没有发现问题")
    assert departure(firm).open
    with firm.db.session() as session:
        link = session.scalars(select(audit.AuditLink).where(audit.AuditLink.action == "staff.concluded")).one()
        assert link.subject == "S1"
        assert "没有" not in link.content
        assert [row.event for row in session.scalars(select(Webhook))] == ["gate.opened"]


def conclude(firm: Firm, text: str, staff_id: str = "S1") -> None:
    with firm.db.write() as session:
        gates.conclude(session, staff_id, text, by="user:9", at=NOW, pack=firm.pack, tell=True)


@pytest.mark.parametrize(("staff_id", "text"), [("S1", "  "), ("nobody", "fine")])
def test_a_conclusion_needs_words_and_somebody_who_leaves(firm: Firm, staff_id: str, text: str) -> None:
    with pytest.raises(gates.GateRefused):
        conclude(firm, text, staff_id)


def test_a_conclusion_is_written_once(firm: Firm) -> None:
    conclude(firm, "fine")
    with pytest.raises(gates.GateRefused, match="already"):
        conclude(firm, "not so fine")


def test_other_systems_are_told_of_ids_and_outcomes_only_and_only_when_asked_to(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.webhooks = True
    firm.call(PASSING, verdict="passed")
    with firm.db.session() as session:
        closed, opened = session.scalars(select(Webhook).order_by(Webhook.event)).all()
        assert (closed.event, opened.event) == ("callback.closed", "gate.opened")
        assert opened.body == {"gate": "activation", "client_id": "C1"}
        assert closed.body["outcome"] == "passed"
        assert closed.body["items"] == [{"item_id": "I-new_account", "programme": "new_account", "state": "done"}]
        assert not {"name", "phone", "phones"} & set(closed.body)
        assert "13900000001" not in str(closed.body)


def test_without_an_address_nothing_is_put_into_the_table(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.call(PASSING, verdict="passed")
    with firm.db.session() as session:
        assert session.scalars(select(Webhook)).all() == []
