"""The gate against a slow reference, over random packs, clients, clocks, attempts and callers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.clock import china
from dialer.gate import GateInput, NodeFacts, cap_free_on, judge
from dialer.programmes.facts import StaffFacts
from tests.unit.gate import reference
from tests.unit.gate.strategies import CAPPED, QUESTIONS, STAFF

pytestmark = pytest.mark.unit

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def told(asked: GateInput) -> list[str]:
    """The codes of the gate's reasons, sorted."""
    return sorted(reason.code for reason in judge(asked).reasons)


def unlocked(asked: GateInput) -> GateInput:
    """The same question as far as the pack's rules go: it is complete, so they are always asked."""
    return replace(asked, pack=replace(asked.pack, open_values=())) if asked.pack else asked


@settings(MANY, max_examples=400)
@given(QUESTIONS)
def test_it_tells_every_reason_that_holds_and_no_other(asked: GateInput) -> None:
    assert told(asked) == reference.reasons(asked)


@pytest.mark.rule("B-01")
@pytest.mark.rule("B-02")
@pytest.mark.rule("B-04")
@pytest.mark.rule("B-05")
@pytest.mark.rule("B-06")
@pytest.mark.rule("B-07")
@MANY
@given(QUESTIONS.map(unlocked).filter(lambda asked: asked.pack is not None))
def test_it_is_never_open_outside_a_window_of_the_reference(asked: GateInput) -> None:
    said = {code for code in told(asked) if code in reference.WINDOW_CODES}
    assert said == reference.windows(asked)
    assert not (judge(asked).allowed and reference.windows(asked))


@pytest.mark.rule("B-12")
@pytest.mark.rule("B-17")
@settings(MANY, max_examples=800)
@given(CAPPED)
def test_it_never_goes_above_a_cap_and_names_no_cap_that_is_not_full(asked: GateInput) -> None:
    caps = asked.pack.runnable().caps if asked.pack else ()
    full = [cap for cap in caps if reference.cap_is_full(cap, asked)]
    assert told(asked).count("cap_reached") == len(full)
    assert not (judge(asked).allowed and full)


@pytest.mark.rule("B-12")
@settings(MANY, max_examples=400)
@given(CAPPED)
def test_a_cap_is_free_at_the_instant_it_names_and_not_a_second_before(asked: GateInput) -> None:
    for cap in asked.pack.runnable().caps if asked.pack else ():
        free = cap_free_on(cap, asked)
        assert free >= asked.now
        if cap.most:
            assert not reference.cap_is_full(cap, replace(asked, now=free))
        if free > asked.now:
            just_before = max(asked.now, free.replace(microsecond=0) - reference.SECOND)
            assert reference.cap_is_full(cap, replace(asked, now=just_before))


@pytest.mark.rule("E-01")
@pytest.mark.rule("E-02")
@pytest.mark.rule("E-03")
@pytest.mark.rule("E-04")
@pytest.mark.rule("E-05")
@pytest.mark.rule("E-06")
@pytest.mark.rule("E-07")
@MANY
@given(QUESTIONS.map(unlocked), STAFF)
def test_it_never_lets_an_introducer_or_an_avoided_series_call(asked: GateInput, caller: StaffFacts) -> None:
    asked = replace(asked, caller=caller)
    against = Counter(code for code in told(asked) if code in reference.CALLER_CODES)
    assert against == Counter(reference.callers(asked))
    assert not (judge(asked).allowed and against)


@pytest.mark.rule("B-08")
@MANY
@given(QUESTIONS, st.booleans())
def test_on_days_of_which_nothing_is_known_nobody_is_called(asked: GateInput, everything: bool) -> None:
    unknown = {china(asked.now).date()} if everything else set()
    asked = replace(asked, calendars=reference.Days(unknown=unknown))  # no working day, or none known
    every_day = "every_day" in {hours.days for hours in reference.hours_of(asked, agreed=True)}
    assert every_day or not judge(asked).allowed


@pytest.mark.rule("B-19")
@pytest.mark.rule("B-23")
@MANY
@given(QUESTIONS)
def test_it_never_calls_who_opted_out_nor_before_the_time_nor_provisionally(asked: GateInput) -> None:
    callback = asked.callback
    unwanted = asked.client.phone_opt_out or callback is None or callback.provisional
    assert not (judge(asked).allowed and unwanted)
    assert not judge(replace(asked, client=replace(asked.client, phone_opt_out=True))).allowed


@pytest.mark.rule("F-01")
@MANY
@given(QUESTIONS)
def test_it_never_calls_without_a_recorder(asked: GateInput) -> None:
    node = NodeFacts(recorder_ready=False, line_ready=True, draining=False, agents_free=2)
    assert "recorder_not_ready" in told(replace(asked, node=node))


def test_the_random_questions_reach_every_reason_and_some_calls_are_allowed() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=600, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(QUESTIONS)
    def look(asked: GateInput) -> None:
        seen.update(set(told(asked)) or {"allowed"})

    look()
    assert seen["allowed"] > 5
    assert set(seen) == {"allowed", *RARE, *reference.WINDOW_CODES, *reference.CALLER_CODES}


RARE = {
    "attempts_used_up",
    "cap_reached",
    "client_closed",
    "client_in_a_call",
    "draining",
    "expired",
    "flow_not_approved",
    "line_not_ready",
    "no_agent_at_hand",
    "no_phone",
    "not_by_machine",
    "not_by_voice",
    "nothing_owed",
    "open_values",
    "opted_out",
    "pack_unreadable",
    "programme_gone",
    "programme_open",
    "provisional",
    "recorder_not_ready",
    "too_early",
    "too_soon",
}
