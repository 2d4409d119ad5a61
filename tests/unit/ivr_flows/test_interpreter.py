"""What holds for any sequence of events, and what a hang-up means at each moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr_flows.checks import applies, missing_facts
from ivr_flows.errors import FlowFactsMissing, FlowMismatch
from ivr_flows.events import (
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Candidate,
    Event,
    Finish,
    HungUp,
    Key,
    Picked,
    Play,
    PromptFinished,
    Read,
    Recorded,
    Show,
    Silence,
    SpeechBegan,
    Spoke,
    StopPlaying,
    Store,
)
from ivr_flows.interpreter import complete, start, step
from ivr_flows.merging import merge, versions
from ivr_flows.model import Flow
from ivr_flows.state import Mode
from tests.unit.ivr_flows.conftest import FACTS

pytestmark = pytest.mark.unit

FLOWS = [("new_account", "self"), ("new_account", "marketing"), ("existing_client", "self"), ("x17_new", "self")]
SAID = ["是的", "不是", "不是没有", "转人工", "再说一遍", "五分", "嗯这个", "一二三四"]

moves = st.lists(
    st.tuples(
        st.sampled_from("yyyyyyyyyypppbkkksrhjulvvww"),
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
        case "v":
            return SpeechBegan(call.at_ms)
        case "w":
            words = SAID[gap % len(SAID)]
            return Spoke((Candidate(words, (gap % 101) / 100),), call.at_ms - gap, call.at_ms)
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
                assert action.answer.step in heard_whole or action.answer.by == "agent"
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
        assert len(call.seen) - seen <= 5
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
    assert seen["opening"] is seen["identity"] is seen["risk_told"] is None
    assert seen["closing"] == seen["suggestions"] == "passed"


@pytest.mark.rule("D-02")
def test_a_wrong_answer_that_is_mended_later_still_keeps_it_from_passing(small: Flow, facts: dict[str, str]) -> None:
    """The script may lead a wrong answer back to its question; the verdict remembers."""
    right = small.steps["right"]
    assert hasattr(right, "outcomes")
    outcomes = {"yes": "which", "no": "right"}
    lenient = replace(small, steps={**small.steps, "right": replace(right, outcomes=outcomes)})  # type: ignore[call-arg]
    state, _ = start(lenient, facts)
    sent: list[Event] = [PromptFinished("hello", True), PromptFinished("who", True)]
    sent += [Key(digit, 1000 * at) for at, digit in enumerate("123*", start=1)]
    sent += [PromptFinished("right", True), Key("2", 9000), PromptFinished("right", True), Key("1", 20000)]
    sent += [PromptFinished("which", True), Key("1", 30000), PromptFinished("mark", True), Key("5", 40000)]
    sent += [PromptFinished("number", True), Key("7", 50000), Key("#", 51000)]
    sent += [PromptFinished("slot_press_1", True), Key("1", 60000)]
    sent += [PromptFinished("tell", True), Recorded(61000, 63000, 900), PromptFinished("bye", True)]
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
    assert [type(action) for action in actions] == [Store, Play]
    assert actions[1] == Play(("who",), barge_in=True, voice=small.steps["who"].voice)  # type: ignore[union-attr]
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
    with pytest.raises(FlowFactsMissing, match="callback_day, client_name, id_last4"):
        start(flow, {})


@pytest.mark.rule("C-06")
def test_a_mandatory_passage_leaves_its_proof(small: Flow, facts: dict[str, str]) -> None:
    state, _ = start(small, facts)
    broken, actions = step(small, state, PromptFinished("hello", False))
    assert not [action for action in actions if isinstance(action, Store)]
    _, (proof, *_) = step(small, broken, PromptFinished("hello", True))
    assert isinstance(proof, Store)
    assert (proof.answer.step, proof.answer.value, proof.answer.passed) == ("hello", "played", True)


def _asked(flow: Flow, facts: dict[str, str], walk: Callable[..., Any], name: str) -> Any:
    """A call that listens for the answer to the step `name`."""
    call = walk(flow, facts)
    while call.state.step != name or call.state.mode is not Mode.LISTENING:
        call.advance()
    return call


def _say(call: Any, *texts: str, confidence: float = 1.0) -> list[Any]:
    call.send(SpeechBegan(call.at_ms))
    return list(call.send(Spoke(tuple(Candidate(text, confidence) for text in texts), call.at_ms, call.at_ms + 600)))


def test_a_sure_word_is_an_answer_with_what_was_heard(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = _asked(small, facts, walk, "right")
    kept = _say(call, "yes")[0].answer
    assert (kept.value, kept.passed, kept.spoken) == ("yes", True, (Candidate("yes", 1.0),))
    assert (kept.start_ms, kept.end_ms) == (call.at_ms, call.at_ms + 600)
    assert call.state.step == "which"


def test_an_unsure_word_is_read_back_and_counts_when_it_is_confirmed(
    small: Flow, facts: dict[str, str], walk: Any
) -> None:
    call = _asked(small, facts, walk, "right")
    (play,) = _say(call, "yes", confidence=0.1)
    assert play.prompts == ("read_back_before", "value_yes", "read_back_after")
    assert call.state.confirming == "yes"
    call.finish_prompt()
    kept = call.key("1")[0].answer
    assert (kept.value, kept.read_back) == ("yes", True)


def test_what_is_denied_is_asked_again_and_never_kept(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = _asked(small, facts, walk, "right")
    _say(call, "yes", confidence=0.1)
    call.finish_prompt()
    (play,) = call.key("2")
    assert play.prompts == ("again", "right")
    assert "right" not in call.answers
    assert call.state.no_match == 1


def test_a_key_beside_a_word_that_says_otherwise_is_read_back(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = _asked(small, facts, walk, "right")
    call.send(SpeechBegan(call.at_ms))
    assert call.key("1", 200) == []
    (play,) = call.send(Spoke((Candidate("no", 1.0),), call.at_ms, call.at_ms))
    assert "value_yes" in play.prompts
    assert "right" not in call.answers


def test_a_key_beside_the_same_word_is_an_answer_with_both(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = _asked(small, facts, walk, "right")
    call.send(SpeechBegan(call.at_ms))
    call.key("1", 200)
    kept = call.send(Spoke((Candidate("yes", 1.0),), call.at_ms, call.at_ms))[0].answer
    assert (kept.value, [key.digit for key in kept.keys], kept.spoken[0].text) == ("yes", ["1"], "yes")


def test_a_word_stops_only_a_prompt_that_may_be_barged_over(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = walk(small, facts)
    while call.state.step != "right":
        call.advance()
    assert call.send(SpeechBegan(call.at_ms)) == []
    while call.state.step != "which":
        call.advance()
    assert call.send(SpeechBegan(call.at_ms)) == [StopPlaying()]
    assert call.send(Spoke((Candidate("the second", 1.0),), 0, 500))[0].answer.value == "b"


def test_a_time_is_agreed_by_its_key_and_kept_as_a_time(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = _asked(small, facts, walk, "when")
    assert call.said[-3:] == ["when", "slot_1", "slot_press_1"]
    assert call.key("2") != []  # no second time is offered
    assert call.state.no_match == 1
    call.finish_prompt()
    assert call.key("1")[0].answer.value == facts["slot_at_1"]


def test_without_times_to_offer_the_question_is_left_out(small: Flow, facts: dict[str, str], walk: Any) -> None:
    call = walk(small, {name: value for name, value in facts.items() if not name.startswith("slot")})
    for _ in call.moments():
        pass
    assert "when" not in call.said
    assert call.verdict.outcome == "passed"


def test_an_agent_goes_on_where_the_script_stopped_and_may_mend_what_was_wrong(
    small: Flow, facts: dict[str, str], walk: Any
) -> None:
    call = _asked(small, facts, walk, "right")
    call.key("2")
    assert call.send(AgentJoined("a1"))[-1] == Show("right")
    call.send(Picked("right", "yes"))
    for name, value in (("which", "b"), ("mark", "4"), ("number", "12"), ("when", "1"), ("tell", "all well")):
        assert call.state.at == name
        call.send(Picked(name, value))
    assert call.state.at == "bye"
    assert complete(small, call.state)
    assert [action.answer.by for action in call.seen if isinstance(action, Store)][-1] == "agent"
    assert isinstance(call.send(AgentLeft("passed"))[-1], Finish)


def test_a_form_passes_by_the_same_rules(small: Flow, facts: dict[str, str]) -> None:
    def fill(right: str) -> Any:
        state, actions = start(small, facts, medium="form")
        assert actions == [Show("hello")]
        answers = [("who", "123X"), ("right", right), ("which", "a"), ("mark", "5"), ("number", "7"), ("when", "1")]
        for event in (Read("hello"), *(Picked(*answer) for answer in answers), Picked("tell", "fine"), Read("bye")):
            state, actions = step(small, state, event)
        return actions[-1]

    assert fill("yes").verdict.outcome == "passed"
    assert fill("no").verdict.outcome == "not_passed"


@settings(max_examples=100, deadline=None)
@given(picks=st.lists(st.tuples(st.booleans(), st.sampled_from(["yes", "no", "a", "1", "123X", "", "7"])), max_size=60))
def test_no_form_passes_with_a_wrong_or_missing_answer(picks: list[tuple[bool, str]], small: Flow) -> None:
    state, actions = start(small, {**FACTS}, medium="form")
    for read, value in picks:
        state, actions = step(small, state, Read(state.at) if read else Picked(state.at, value))
    ended = [action for action in actions if isinstance(action, Finish)]
    if ended and ended[0].verdict.outcome == "passed":
        right = {answer.step for answer in state.answers if answer.passed}
        assert {"hello", "who", "right"} <= right


def test_merged_scripts_ask_a_shared_question_once(
    shipped: Callable[[str], Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    merged = merge([shipped("new_account"), shipped("existing_client")])
    assert merged.parts == ("new_account", "existing_client")
    call = walk(merged, facts)
    for _ in call.moments():
        pass
    assert call.verdict.outcome == "passed"
    asked = [action.answer for action in call.seen if isinstance(action, Store)]
    shared = [answer for answer in asked if answer.question == "full_discretion"]
    assert [answer.step for answer in shared] == ["full_discretion", "existing_client.full_discretion"]
    assert "C-88" in shared[1].rules
    said = [play.prompts for play in call.seen if isinstance(play, Play)]
    assert sum("full_discretion" in prompts for prompts in said) == 1
    assert sum("closing" in prompts for prompts in said) == 1
    assert versions(merged.name, merged.hash)["new_account"] == shipped("new_account").hash


def test_a_wrong_shared_answer_fails_the_merged_call_too(
    shipped: Callable[[str], Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    call = walk(merge([shipped("new_account"), shipped("existing_client")]), facts)
    while call.state.step != "full_discretion" or call.state.mode is not Mode.LISTENING:
        call.advance()
    call.key("1")
    assert call.state.why == "wrong_answer:full_discretion"


def _required(flow: Flow, developed_by: str) -> list[str]:
    known = {**FACTS, "developed_by": developed_by}
    concerned = [item for item in flow.steps.values() if applies(item, known)]
    return [item.id for item in concerned if getattr(item, "required", False)]


def _mandatory(flow: Flow) -> list[str]:
    return [item.id for item in flow.steps.values() if getattr(item, "mandatory", False)]
