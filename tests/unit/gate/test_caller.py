"""Who may call by hand: avoidance, executors, and the independence that follows from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dialer.gate import GateInput, judge
from dialer.programmes.facts import StaffFacts
from dialer.programmes.model import Avoidance
from tests.unit.gate.firm import AGENT, ALLOWED, CLIENT, PACK, at, by, codes, owed, pack

pytestmark = pytest.mark.unit

MARKETER = StaffFacts("S2", "上海", "marketing")
INTRODUCER = replace(AGENT, staff_id="S9")


def avoiding(asked: GateInput, *rules: Avoidance) -> GateInput:
    """The question under a pack with these rules of avoidance."""
    return replace(asked, pack=pack(avoidance=rules))


def rules_of(asked: GateInput) -> dict[str, str]:
    """Code and rule of every reason."""
    return {reason.code: reason.rule for reason in judge(asked).reasons}


@pytest.mark.rule("E-01")
def test_staff_of_an_avoided_series_call_nobody() -> None:
    everything = Avoidance(frozenset({"marketing"}), rule="E-01")
    assert rules_of(avoiding(by(MARKETER, "regular"), everything)) == {"series_avoided": "E-01"}
    assert codes(avoiding(by(MARKETER, "sales"), everything)) == {"series_avoided"}
    assert judge(avoiding(by(AGENT), everything)).allowed


@pytest.mark.rule("E-02")
@pytest.mark.rule("E-06")
def test_a_series_can_be_kept_from_some_programmes_only() -> None:
    options = Avoidance(frozenset({"marketing"}), programmes=frozenset({"special"}), rule="E-06")
    assert rules_of(avoiding(by(MARKETER, "special"), options)) == {"series_avoided": "E-06"}
    assert codes(avoiding(by(MARKETER, "regular", "special"), options)) == {"series_avoided"}
    assert judge(avoiding(by(MARKETER, "regular"), options)).allowed


@pytest.mark.rule("E-05")
@pytest.mark.rule("E-07")
def test_an_executor_names_the_series_that_may_call() -> None:
    assert rules_of(by(AGENT, "sales")) == {"not_this_executor": "E-07"}
    assert judge(by(MARKETER, "sales")).allowed
    assert judge(by(AGENT, "regular")).allowed  # the pack names no series for the call centre


@pytest.mark.rule("E-03")
@pytest.mark.rule("E-04")
def test_nobody_calls_a_client_whom_he_introduced() -> None:
    assert rules_of(by(INTRODUCER)) == {"introducer": "E-04"}
    assert rules_of(avoiding(by(INTRODUCER), Avoidance(introducer=True, rule="E-04"))) == {"introducer": "E-04"}
    assert judge(replace(by(INTRODUCER), client=replace(CLIENT, introducer_id="S8"))).allowed
    assert codes(replace(by(INTRODUCER), pack=replace(PACK, executors={}))) == {"introducer"}


@pytest.mark.rule("E-07")
def test_a_pack_may_give_a_call_to_the_clients_own_member_of_staff() -> None:
    own = replace(MARKETER, staff_id="S9")
    assert judge(by(own, "sales")).allowed
    assert "introducer" in codes(by(own, "sales", "regular"))
    assert codes(avoiding(by(own, "sales"), Avoidance(introducer=True, rule="E-04"))) == {"introducer"}


def test_whoever_has_left_calls_nobody_from_the_next_day_on() -> None:
    assert judge(by(replace(AGENT, left_on=date(2026, 11, 23)))).allowed
    assert codes(by(replace(AGENT, left_on=date(2026, 11, 22)))) == {"caller_left"}


def test_a_caller_changes_nothing_about_windows() -> None:
    assert codes(replace(by(AGENT), now=at("2026-11-23T12:30"))) == {"outside_window"}


def test_a_callback_of_unknown_programmes_falls_under_every_rule_of_avoidance() -> None:
    options = Avoidance(frozenset({"marketing"}), programmes=frozenset({"special"}), rule="E-06")
    asked = avoiding(replace(owed(programmes=frozenset()), caller=MARKETER), options)
    assert codes(asked) == {"series_avoided"}
    assert judge(ALLOWED).allowed
