"""Pass rules: the pack's expressions over what was answered, in whatever attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.dispositions import Disposition
from dialer.calling.passing import failing, holds, newest, pass_facts
from dialer.programmes.model import Pack
from ivr_flows.loader import load_flow
from ivr_flows.terminal import run
from tests.unit.following.firm import NOW, PASSING, Firm

pytestmark = pytest.mark.unit

values = st.sampled_from(["yes", "no", ""])


@pytest.mark.rule("D-02")
@given(values, values, values, st.sampled_from(["marketing", "broker", "branch", "self"]))
def test_a_new_account_passes_only_when_all_conditions_hold(
    pack: Pack, in_person: str, discretion: str, knows: str, developed_by: str
) -> None:
    given_answers = [("opened_in_person", in_person), ("full_discretion", discretion), ("knows_marketer", knows)]
    facts = pass_facts(newest(given_answers), developed_by=developed_by, tags=())
    wanted = in_person == "yes" and discretion == "no" and (developed_by != "marketing" or knows == "yes")
    assert holds(pack.programmes["new_account"], facts) is wanted


def test_the_newest_answer_counts_and_silence_takes_none_back() -> None:
    told = [("q", "no"), ("q", "yes"), ("q", ""), ("other", "")]
    assert newest(told) == {"q": "yes"}


@pytest.mark.rule("D-03")
def test_each_programme_has_its_own_rule_and_one_without_trusts_the_script(pack: Pack) -> None:
    facts = pass_facts({}, developed_by="self", tags=("margin",))
    assert failing(pack.programmes.values(), facts) == ("pass_rule:new_account:A-20",)
    assert holds(None, facts)


@pytest.mark.rule("D-02")
def test_a_script_that_passed_does_not_pass_a_callback_whose_answers_fail_the_rule(firm: Firm) -> None:
    firm.add_item("new_account")
    callback = firm.call({**PASSING, "full_discretion": "yes"}, verdict="passed")
    assert (callback.outcome, callback.closed_reason) == ("not_passed", "pass_rule:new_account:A-20")
    assert [(item.state, item.flow_hash) for item in callback.items] == [("done", "h-new_account")]


def test_answers_of_all_attempts_count_together(firm: Firm) -> None:
    firm.add_item("new_account")
    firm.call({"opened_in_person": "yes"})
    callback = firm.call({"full_discretion": "no"}, verdict="passed", at=NOW + timedelta(hours=4))
    assert (callback.outcome, callback.closed_reason) == ("passed", "flow")


@pytest.mark.rule("D-05")
def test_a_call_that_somebody_else_answered_completes_nothing(firm: Firm) -> None:
    """The shipped script asks for digits that only the client knows; who does not know them is not he."""
    firm.add_item("new_account")
    keys = iter(["1", "1", "0000", "0000", "0000", "n"])  # convenient, in person, wrong digits, no agent free
    facts = {"client_name": "测试", "id_last4": "1234", "developed_by": "self", "callback_day": "星期二"}
    verdict = run(load_flow("new_account", "zh-CN"), facts, lambda _: next(keys), lambda _: None)
    assert verdict.outcome is None
    callback = firm.call(PASSING, verdict=verdict)
    assert (callback.state, callback.outcome) == ("planned", None)
    assert [item.state for item in callback.items] == ["open"]


@pytest.mark.rule("D-01")
def test_unreachable_comes_only_when_the_ladder_is_used_up(firm: Firm) -> None:
    firm.add_item("new_account")
    at = NOW
    for _ in range(5):  # faults of the trunk bring it no nearer
        at = firm.call(disposition=Disposition.TRUNK_CONGESTION, at=at).next_attempt_at
    seen = []
    for _ in range(3):
        callback = firm.call(disposition=Disposition.NO_ANSWER, at=at)
        seen.append(callback.outcome)
        at = callback.next_attempt_at
    assert seen == [None, None, "unreachable"]
    assert [item.state for item in callback.items] == ["missed"]
    assert [duty.kind for duty in firm.duties()] == ["report"]
