"""What holds for any sequence of events, and what a hang-up means at each moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr_flows.checks import missing_facts
from ivr_flows.errors import FlowFactsMissing, FlowMismatch
from ivr_flows.events import (
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Event,
    Finish,
    HungUp,
    Key,
    Play,
    PromptFinished,
    Recorded,
    Silence,
    StopPlaying,
    Store,
)
from ivr_flows.interpreter import complete, start, step
from ivr_flows.model import Flow
from ivr_flows.state import Mode

pytestmark = pytest.mark.unit

FLOWS = [("new_account", "self"), ("new_account", "marketing"), ("existing_client", "self")]

moves = st.lists(
    st.tuples(
        st.sampled_from("yyyyyyyyyypppbkkksrhjul"),
        st.sampled_from("0123456789*#"),
        st.integers(0, 4000),
    ),
    max_size=120,
)


def _event(call: Any, kind: str, digit: str, gap: int) -> Event | None:
    """One letter of a random call as an event; `y` is the answer the script hopes for."""
    call.at_ms += gap
    match kind:
        case "y" | "p":
            return PromptFinished(call.state.playing[-1], True) if call.state.playing else None
        case "b":
            return PromptFinished(call.state.playing[-1], False) if call.state.playing else None
        case "k":
            return Key(digit, call.at_ms)
        case "s":
            return Silence(gap)
        case "r":
            return Recorded(call.at_ms, call.at_ms + gap, gap)
        case "j":
            return AgentJoined("a1")
        case "u":
            return AgentUnavailable()
        case "l":
            return AgentLeft("passed")
        case _:
            return HungUp()


def _walk_randomly(call: Any, script: list[tuple[str, str, int]]) -> None:
    for kind, digit, gap in script:
        if kind == "y" and not call.state.playing and call.state.mode in {Mode.LISTENING, Mode.RECORDING}:
            call.answer_rightly()
        elif event := _event(call, kind, digit, gap):
            call.send(event)


@pytest.mark.rule("D-02")
@pytest.mark.rule("C-06")
@pytest.mark.parametrize(("name", "developed_by"), FLOWS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=moves)
def test_no_call_passes_by_itself_without_every_passage_and_every_right_answer(
    name: str,
    developed_by: str,
    script: list[tuple[str, str, int]],
    shipped: Callable[[str], Flow],
    walk: Callable[..., Any],
    facts: dict[str, str],
) -> None:
    call = walk(shipped(name), {**facts, "developed_by": developed_by})
    heard_whole: set[str] = set()
    for item in script:
        before, seen = call.state, len(call.seen)
        _walk_randomly(call, [item])
        if before.mode is Mode.PLAYING and item[0] in "yp" and before.playing:
            heard_whole.add(before.step)
        for action in call.seen[seen:]:
            if isinstance(action, Store) and action.answer.passed and not call.flow.steps[action.answer.step].barge_in:
                assert action.answer.step in heard_whole
            if isinstance(action, Finish) and action.verdict.outcome == "passed" and call.state.agent is None:
                answers = {a.answer.step: a.answer for a in call.seen if isinstance(a, Store)}
                assert all(answers[need].passed for need in _required(call.flow, developed_by))
                assert not any(a.answer.passed is False for a in call.seen if isinstance(a, Store))
                assert set(_mandatory(call.flow)) <= heard_whole


@pytest.mark.parametrize(("name", "developed_by"), FLOWS)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=moves)
def test_every_event_asks_for_little_and_the_end_comes_once_and_last(
    name: str,
    developed_by: str,
    script: list[tuple[str, str, int]],
    shipped: Callable[[str], Flow],
    walk: Callable[..., Any],
    facts: dict[str, str],
) -> None:
    call = walk(shipped(name), {**facts, "developed_by": developed_by})
    for item in script:
        seen = len(call.seen)
        _walk_randomly(call, [item])
        assert len(call.seen) - seen <= 4
        json.loads(call.state.to_json())
    finishes = [number for number, action in enumerate(call.seen) if isinstance(action, Finish)]
    assert len(finishes) <= 1
    assert not finishes or finishes == [len(call.seen) - 1]
    assert (call.state.mode is Mode.ENDED) == bool(finishes)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.sampled_from("*789#s"), min_size=1, max_size=6))
def test_no_client_can_keep_a_call_going_for_ever(
    keys: list[str], shipped: Callable[[str], Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    """Whatever is repeated, the turns run out: an agent is called, and when there is none the call ends."""
    call = walk(shipped("existing_client"), facts)
    for number in range(2000):
        if call.state.mode is Mode.ENDED:
            break
        if call.state.mode in {Mode.PLAYING, Mode.CLOSING}:
            call.finish_prompt()
        elif call.state.mode is Mode.RINGING:
            call.send(AgentUnavailable())
        elif (digit := keys[number % len(keys)]) == "s":
            call.silence()
        else:
            call.key(digit)
    assert call.state.mode is Mode.ENDED
    assert call.verdict.outcome is None


@pytest.mark.rule("C-05")
def test_digits_are_in_no_dump_no_answer_and_no_repr(
    shipped: Callable[[str], Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    call = walk(shipped("new_account"), {**facts, "id_last4": "8642", "marketer": "Secret"})
    for state in call.moments():
        told = state.to_json() + repr(state) + repr(call.actions)
        assert "8642" not in told
        assert "Secret" not in told
        for digits in ("864", "'8'", '"8"', "'6'", '"6"'):
            assert digits not in told.replace(state.flow, "")


@pytest.mark.rule("D-01")
@pytest.mark.parametrize("name", ["new_account", "existing_client"])
def test_a_hang_up_settles_nothing_before_all_is_complete(
    name: str, shipped: Callable[[str], Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    call = walk(shipped(name), facts)
    seen: dict[str, str | None] = {}
    for state in call.moments():
        ended, actions = step(call.flow, state, HungUp())
        (finish,) = [action for action in actions if isinstance(action, Finish)]
        assert finish.verdict.outcome == ("passed" if complete(call.flow, state) else None)
        assert finish.verdict.reasons[-1] == f"hung_up:{state.step}"
        assert ended.mode is Mode.ENDED
        seen[state.step] = finish.verdict.outcome
    assert seen["greeting"] is seen["identity"] is seen["risk_told"] is None
    assert seen["closing"] == seen["suggestions"] == "passed"


@pytest.mark.rule("D-02")
def test_a_wrong_answer_that_is_mended_later_still_keeps_it_from_passing(small: Flow, facts: dict[str, str]) -> None:
    """The script may lead a wrong answer back to its question; the verdict remembers."""
    right = small.steps["right"]
    assert hasattr(right, "outcomes")
    lenient = replace(small, steps={**small.steps, "right": replace(right, outcomes={"yes": "which", "no": "right"})})
    state, _ = start(lenient, facts)
    sent: list[Event] = [PromptFinished("hello", True), PromptFinished("who", True)]
    sent += [Key(digit, 1000 * at) for at, digit in enumerate("123*", start=1)]
    sent += [PromptFinished("right", True), Key("2", 9000), PromptFinished("right", True), Key("1", 20000)]
    sent += [PromptFinished("which", True), Key("1", 30000), PromptFinished("mark", True), Key("5", 40000)]
    sent += [PromptFinished("tell", True), Recorded(41000, 43000, 900), PromptFinished("bye", True)]
    for event in sent:
        state, actions = step(lenient, state, event)
    finish = actions[-1]
    assert isinstance(finish, Finish)
    assert finish.verdict.outcome == "not_passed"
    assert "wrong:right" in finish.verdict.reasons


def test_a_stale_prompt_or_timer_changes_nothing(small: Flow, facts: dict[str, str]) -> None:
    state, _ = start(small, facts)
    for event in (PromptFinished("bye", True), Silence(6000), Recorded(0, 1, 1), AgentJoined("a"), AgentLeft("passed")):
        assert step(small, state, event) == (state, [])


def test_a_key_over_a_prompt_that_may_be_barged_over_stops_it(small: Flow, facts: dict[str, str]) -> None:
    state, _ = start(small, facts)
    state, actions = step(small, state, PromptFinished("hello", True))
    assert actions == [Play(("who",), barge_in=True)]
    state, actions = step(small, state, Key("1", 5000))
    assert actions[0] == StopPlaying()
    assert state.mode is Mode.LISTENING


def test_a_state_of_another_version_is_refused(small: Flow, facts: dict[str, str]) -> None:
    state, _ = start(small, facts)
    with pytest.raises(FlowMismatch, match="load that version"):
        step(replace(small, hash="0" * 64), state, HungUp())


def test_a_client_without_a_needed_fact_is_not_called(shipped: Callable[[str], Flow], facts: dict[str, str]) -> None:
    flow = shipped("new_account")
    assert missing_facts(flow, facts) == ()
    assert missing_facts(flow, {**facts, "marketer": ""}) == ()
    assert missing_facts(flow, {**facts, "developed_by": "marketing", "marketer": ""}) == ("marketer",)
    with pytest.raises(FlowFactsMissing, match="callback_day, id_last4"):
        start(flow, {})


def _required(flow: Flow, developed_by: str) -> list[str]:
    concerned = [item for item in flow.steps.values() if item.when is None or developed_by == "marketing"]
    return [item.id for item in concerned if getattr(item, "required", False)]


def _mandatory(flow: Flow) -> list[str]:
    return [item.id for item in flow.steps.values() if getattr(item, "mandatory", False)]
