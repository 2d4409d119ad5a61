"""What follows from an outcome: the pack's actions as duties, once, with their due times."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core import audit
from core.calendars import ChinaCalendars
from core.clock import CHINA
from dialer.calling import outcomes
from dialer.following import duties
from dialer.following.plans import Ended, follow, words_of
from dialer.programmes.model import Pack
from dialer.tables import Callback, Duty, DutyState, Outcome
from tests.unit.following.firm import NOW, PASSING, Firm

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()


def ended(pack: Pack, outcome: str, *programmes: str, answers: dict[str, str] | None = None) -> Ended:
    return Ended("B1", outcome, tuple(pack.programmes[one] for one in programmes), answers or {}, NOW)


def complete(firm: Firm, duty: Duty, at: datetime) -> list[Duty]:
    with firm.db.write() as session:
        return duties.complete(session, duty.duty_id, by="user:1", at=at, following=firm.following)


@pytest.mark.rule("D-11")
def test_a_deadline_of_working_days_runs_from_the_end_of_the_call(pack: Pack) -> None:
    order, call = follow(pack, ended(pack, "not_passed", "new_account"), CALENDARS)
    assert (order.kind, order.to, order.rule) == ("work_order", ("branch",), "D-11")
    assert order.due_at == datetime(2026, 11, 27, tzinfo=CHINA)  # the end of Thursday, the third working day
    assert call.kind == "confirm_call"


@pytest.mark.rule("D-13")
def test_immediately_is_now_and_promptly_names_no_time(pack: Pack) -> None:
    report, *_ = follow(pack, ended(pack, "not_passed", "asset_change"), CALENDARS)
    assert (report.to, report.due_at) == (("branch_manager", "hq_business_management"), NOW)
    prompt, *_ = follow(pack, ended(pack, "unreachable", "new_account"), CALENDARS)
    assert (prompt.words, prompt.due_at) == ("及时", None)


@pytest.mark.rule("D-09")
@pytest.mark.parametrize(
    ("outcome", "answers", "words"),
    [
        ("passed", {"acknowledged": "yes"}, ("acknowledged",)),
        ("passed", {"acknowledged": "no"}, ("not_acknowledged",)),
        ("passed", {"outcome": "not_acknowledged"}, ("not_acknowledged",)),
        ("passed", {}, ("acknowledged",)),
        ("not_passed", {}, ("not_acknowledged",)),
        ("not_passed", {"inducing": "yes"}, ("not_acknowledged", "violation")),
        ("refused", {}, ()),
        ("unreachable", {}, ()),
    ],
)
def test_words_of_a_programmes_own_hold_when_the_answers_say_so(
    pack: Pack, outcome: str, answers: dict[str, str], words: tuple[str, ...]
) -> None:
    assert words_of(pack.programmes["asset_change"], outcome, answers) == words


@pytest.mark.rule("D-10")
@pytest.mark.rule("B-23")
def test_who_refuses_is_sent_the_message_of_the_pack_once(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.add_item("asset_change")
    firm.end(Outcome.REFUSED)
    (message,) = firm.duties()
    assert (message.kind, message.to, message.channel) == ("message", ["client"], "sms")
    assert message.contents == ["investment_risk", "trading_risk"]
    assert (message.words, message.rule, message.due_at) == ("hq_brokerage", "D-10", NOW)


def test_nothing_follows_twice_and_what_was_missed_is_made_up(firm: Firm) -> None:
    firm.add_item("new_account")
    with firm.db.write() as session:
        callback = session.get_one(Callback, "B1")
        outcomes.close(session, callback, Outcome.UNREACHABLE, reason="deadline_passed", at=NOW, actor="planner")
    assert firm.duties() == []
    for made in (1, 0, 0):
        with firm.db.write() as session:
            assert outcomes.follow_closed(session, firm.following, since=NOW, at=NOW + timedelta(hours=1)) == made
    assert [duty.kind for duty in firm.duties()] == ["report"]


@given(
    st.sampled_from(["passed", "not_passed", "refused", "unreachable"]),
    st.lists(st.sampled_from(["new_account", "asset_change", "leaving"]), unique=True),
    st.dictionaries(st.sampled_from(["outcome", "acknowledged", "inducing"]), st.sampled_from(["yes", "no"])),
)
def test_the_same_ending_brings_the_same_duties_under_keys_of_their_own(
    pack: Pack, outcome: str, programmes: list[str], answers: dict[str, str]
) -> None:
    case = ended(pack, outcome, *programmes, answers=answers)
    planned = follow(pack, case, CALENDARS)
    assert planned == follow(pack, case, CALENDARS)
    assert len({duty.key for duty in planned}) == len(planned)
    assert all(duty.due_at is None or duty.due_at >= NOW for duty in planned)


@pytest.mark.rule("D-24")
def test_the_client_gets_feedback_when_his_problem_was_handled_and_an_apology_when_it_was_late(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.call({**PASSING, "full_discretion": "yes"}, verdict="passed")
    (order,) = firm.duties(kind="work_order")
    (feedback,) = complete(firm, order, NOW + timedelta(days=9))
    assert (feedback.kind, feedback.to) == ("feedback", ["client"])
    assert feedback.contents == ["handling_result", "reason_of_delay", "apology"]


@pytest.mark.rule("D-25")
@pytest.mark.rule("C-13")
def test_the_confirm_call_comes_when_the_specialist_has_answered_and_the_client_was_told(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.call({**PASSING, "full_discretion": "yes"}, verdict="passed")
    (order,) = firm.duties(kind="work_order")
    (feedback,) = complete(firm, order, NOW + timedelta(days=1))
    assert feedback.contents == ["handling_result"]
    assert second_calls(firm) == []
    complete(firm, feedback, NOW + timedelta(days=1, hours=9))  # half past six in the evening
    (call,) = second_calls(firm)
    assert (call.confirms, call.client_id, call.mode, call.state) == ("B1", "C1", "automatic", "planned")
    assert [(item.trigger_key, item.programme) for item in call.items] == [("confirm:B1", "new_account")]
    assert call.next_attempt_at == datetime(2026, 11, 25, 9, tzinfo=CHINA)
    assert call.due_at == datetime(2026, 12, 1, tzinfo=CHINA)  # five working days after the first call
    assert call.next_why is not None
    assert call.next_why["code"] == "confirm"
    assert [duty.state for duty in firm.duties(kind="confirm_call")] == ["done"]
    firm.end(Outcome.NOT_PASSED, call.callback_id)
    assert len(second_calls(firm)) == 1  # a confirmation is not confirmed again


def second_calls(firm: Firm) -> list[Callback]:
    with firm.db.session() as session:
        found = session.scalars(select(Callback).where(Callback.confirms.is_not(None))).all()
        for callback in found:
            _ = callback.items
        return list(found)


@pytest.mark.rule("D-12")
def test_what_a_person_found_in_the_call_is_followed_like_an_answer(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.end(Outcome.PASSED)
    for made in (1, 0):
        with firm.db.write() as session:
            callback = session.get_one(Callback, "B1")
            found = duties.found(session, callback, "objection", firm.following, by="user:1", at=NOW)
            assert len(found) == made
    assert [(duty.kind, duty.outcome) for duty in firm.duties()] == [("measure", "objection")]
    with pytest.raises(duties.DutyRefused, match="add it to the pack"), firm.db.write() as session:
        duties.found(session, session.get_one(Callback, "B1"), "nonsense", firm.following, by="user:1", at=NOW)


def test_a_duty_is_done_or_cancelled_once_and_leaves_a_link(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.end(Outcome.UNREACHABLE)
    (report,) = firm.duties()
    with firm.db.write() as session:
        duties.cancel(session, report.duty_id, by="user:1", at=NOW, note="told by telephone")
    with pytest.raises(duties.DutyRefused):
        complete(firm, report, NOW)
    with pytest.raises(duties.DutyRefused), firm.db.write() as session:
        duties.cancel(session, "nobody", by="user:1", at=NOW, note="")
    with firm.db.session() as session:
        assert "duty.cancelled" in session.scalars(select(audit.AuditLink.action)).all()
        assert list(audit.verify(session)) == []


def test_the_list_shows_what_is_overdue_first_and_what_has_no_time_last(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.add_item("asset_change")
    firm.end(Outcome.NOT_PASSED)
    with firm.db.session() as session:
        rows = duties.listing(session, NOW + timedelta(days=5))
        assert [(row["kind"], row["overdue"]) for row in rows] == [
            ("report", True),
            ("work_order", True),
            ("confirm_call", False),
        ]
        assert duties.listing(session, NOW, kind="report", client_id="C2") == []
        assert duties.listing(session, NOW, state=DutyState.DONE) == []


def test_messages_beside_a_call_are_taken_back_with_its_reason(firm: Firm) -> None:
    firm.add_item("asset_change")
    with firm.db.write() as session:
        session.add(a_message())
        callback = session.get_one(Callback, "B1")
        outcomes.cancel(session, callback.items, reason="account_closed", at=NOW, actor="planner")
    assert [duty.state for duty in firm.duties()] == ["cancelled"]


def a_message() -> Duty:
    duty = Duty(duty_id="D1", key="beside", kind="message", client_id="C1", callback_id="B1", programme="asset_change")
    duty.outcome = duty.words = duty.note = ""
    duty.to, duty.contents, duty.channel, duty.rule = ["client"], ["risk"], "sms", "A-36"
    duty.created_at = NOW
    return duty
