"""The rehearsal itself: what a client of a scenario does, what is measured, what is found wrong with a document."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from ivr_flows.errors import FlowRefused
from ivr_flows.model import Flow, Prompt
from ivr_flows.rehearsal import Lengths, Result, coverage, needs, of_text, rehearse, rehearse_all, unmet
from ivr_flows.rehearsal.lengths import estimate
from ivr_flows.rehearsal.lines import aligned, differs
from ivr_flows.rehearsal.loader import schema
from ivr_flows.rehearsal.subscriber import behaviour, clip_name, words

pytestmark = pytest.mark.unit

HEAD = """\
flow: small
client: {id_last4: "123X", callback_day: Tuesday, slot_1: at ten, slot_at_1: "10:00"}
answers:
  who: 1 2 3 *
  right: 1
  which: 2
  mark: 4
  number: "1 2 #"
  when: 1
  tell: {speak: 4s}
"""
Run = Callable[..., Result]


@pytest.fixture
def run(small: Flow) -> Run:
    """``run("{kind: ..., ...}")``: one scenario of the small flow."""

    def one(scenario: str, flow: Flow = small) -> Result:
        told = of_text(f"{HEAD}scenarios:\n  one: {scenario}\n", "small.yaml", flow)
        return rehearse(flow, told.scenarios["one"])

    return one


def _codes(refused: pytest.ExceptionInfo[FlowRefused]) -> list[tuple[str, int]]:
    return [(fault.code, fault.line) for fault in refused.value.errors]


def test_the_usual_answers_alone_must_pass(small: Flow) -> None:
    told = of_text(HEAD, "small.yaml", small)
    (usual,) = rehearse_all(small, told)
    assert usual.problems == ()
    assert usual.scenario.name == "usual"
    assert [answer.value for answer in usual.trace.moments[-1].state.answers] == [
        *["played", "****", "yes", "b", "4", "12", "10:00", "recorded"]
    ]


def test_a_call_lasts_as_long_as_prompts_and_answers_take(small: Flow, run: Run) -> None:
    short, long = (run(f"{{kind: pass, answers: {{tell: {{speak: {seconds}s}}}}}}") for seconds in (2, 7))
    assert long.trace.lasted_ms - short.trace.lasted_ms == 5000
    assert run("{kind: pass, expect: {lasts_at_most: 5s}}").problems[0].startswith("the call lasts")


def test_a_prompt_without_audio_lasts_as_long_as_it_takes_to_say() -> None:
    text = "这是一个没有录音的句子"
    assert Lengths().ms(Prompt("new", "zh-CN", text), {}) == estimate(text, "zh-CN") > estimate("是", "zh-CN")
    assert Lengths().ms(Prompt("day", "en", "", "callback_day"), {"callback_day": text}) == estimate(text, "en")


def test_a_list_holds_one_reply_for_each_time_the_step_is_asked(run: Run) -> None:
    assert run("{kind: silence, answers: {right: [silence, 9, 1]}, expect: {outcome: passed}}").passed
    assert run("{kind: silence, answers: {right: silence}, expect: {agent: no_input:right}}").passed


def test_keys_may_come_later(run: Run) -> None:
    late = run("{kind: pass, answers: {right: {keys: 1, after: 5s}}}")
    too_late = run("{kind: pass, answers: {right: {keys: 1, after: 7s}}}")
    assert late.passed
    assert "silence" not in late.trace.client_events
    assert "silence" in too_late.trace.client_events


@pytest.mark.rule("C-06")
def test_unsure_words_are_read_back_and_confirmed(run: Run) -> None:
    unsure = run(
        "{kind: pass, turns: [{at: right, say: 'yes', confidence: 0.3, "
        "expect: {at: right, read_back: true, never: {stored: right}}}], expect: {outcome: passed}}"
    )
    assert unsure.problems == ()
    sure = run("{kind: pass, answers: {right: {say: 'yes'}}, expect: {answers: {right: yes}}}")
    assert sure.problems == ()


def test_a_turn_may_disturb_a_prompt(run: Run) -> None:
    told = run("{kind: wish, turns: [{during: hello, key: 0, expect: {at: hello, agent: wish:hello}}]}")
    assert told.problems == ()
    assert told.trace.acts[0].early


@pytest.mark.parametrize(
    ("agent", "outcome", "reason"),
    [("unavailable", "none", "wrong_answer:right"), ("joins", "none", "no_outcome:agent")]
    + [(f"{{joins: {name}}}", name, "wrong_answer:right") for name in ("passed", "not_passed", "refused")],
)
def test_an_agent_joins_or_does_not(agent: str, outcome: str, reason: str, run: Run) -> None:
    expect = f"{{outcome: {outcome}, reasons: ['{reason}']}}"
    assert run(f"{{kind: failing, answers: {{right: 2}}, agent: {agent}, expect: {expect}}}").problems == ()


def test_a_client_who_leaves_ends_the_call(run: Run) -> None:
    left = run("{kind: other, turns: [{at: right, hang_up: true}], expect: {outcome: none, reasons: [hung_up:right]}}")
    assert left.problems == ()


@pytest.mark.parametrize(
    ("scenario", "problem"),
    [
        ("{kind: pass, answers: {right: 2}}", "the call is not of the kind pass"),
        ("{kind: silence}", "the call is not of the kind silence"),
        ("{kind: wish}", "the call is not of the kind wish"),
        ("{kind: refusal}", "the call is not of the kind refusal"),
        ("{kind: failing}", "the call is not of the kind failing"),
        ("{kind: other, expect: {outcome: refused}}", "outcome is passed, not refused"),
        ("{kind: other, expect: {follow_up: appointment}}", "follow_up is none, not appointment"),
        ("{kind: other, expect: {agent: wish:mark}}", "an agent is rung for nothing, not for wish:mark"),
        ("{kind: other, expect: {answers: {right: no}}}", "the answer to right is yes, not no"),
        ("{kind: other, expect: {not_asked: [mark]}}", "mark is asked, which must not happen"),
        ("{kind: other, expect: {asked: [promise]}}", "promise is not asked"),
        ("{kind: other, expect: {never: {outcome: passed}}}", "outcome is passed, which must not happen"),
        ("{kind: other, expect: {never: {said: bye, at: mark, stored: right}}}", "an answer to right is kept"),
        ("{kind: other, turns: [{at: promise, key: 1}]}", "turn 1 waits for promise, which never came"),
        (
            "{kind: other, turns: [{at: right, key: 1, expect: {at: mark}}]}",
            "turn 1: the flow is at which",
        ),
        (
            "{kind: other, turns: [{at: right, key: 1, expect: {read_back: true}}]}",
            "turn 1: the answer is not",
        ),
        ("{kind: other, turns: [{at: right, key: 1, expect: {said: again}}]}", "turn 1: again is not said"),
        (
            "{kind: other, turns: [{at: right, say: 'yes', expect: {within: 500ms}}]}",
            "turn 1: the next prompt",
        ),
        ("{kind: other, client: {id_last4: ''}}", "the client of the scenario is incomplete"),
    ],
)
def test_what_differs_is_told_in_a_sentence(scenario: str, problem: str, run: Run) -> None:
    told = run(scenario)
    assert any(one.startswith(problem) for one in told.problems), told.problems


def test_a_step_without_an_answer_is_told(small: Flow) -> None:
    told = of_text("flow: small\nclient: {id_last4: '1234', callback_day: x}\nanswers: {who: 1 2 3 4}", "s", small)
    assert rehearse(small, told.scenarios["usual"]).problems == ("right is asked, and no answer is written for it",)


def test_words_are_rehearsed_in_their_language(small: Flow, made: Callable[..., Flow]) -> None:
    text = HEAD + (
        "scenarios:\n"
        "  here: {kind: pass, answers: {right: {say: 'yes'}}}\n"
        "  there: {kind: pass, answers: {right: {say: 是的}}}\n"
        "  both: {kind: pass, answers: {right: {say: {zh-CN: 是的, en: 'yes'}}}}\n"
    )
    chinese = made(language="zh-CN")
    told = {flow.language: rehearse_all(flow, of_text(text, "s", flow)) for flow in (small, chinese)}
    assert [one.scenario.name for one in told["en"]] == ["usual", "here", "both"]
    assert [one.scenario.name for one in told["zh-CN"]] == ["usual", "there", "both"]
    assert all(one.passed for results in told.values() for one in results)


# --- what a flow needs -----------------------------------------------------------------------------------------------


def test_a_flow_needs_a_wrong_answer_to_each_question_that_can_be_answered_wrongly(small: Flow) -> None:
    assert [str(need) for need in needs(small)] == ["pass", "silence", "wish", "failing:who", "failing:right"]


def test_a_need_is_met_only_by_a_scenario_that_shows_it(small: Flow) -> None:
    text = HEAD + (
        "scenarios:\n"
        "  silent: {kind: silence, answers: {right: silence}}\n"
        "  claims: {kind: failing, answers: {who: [1 2 3 4, 1 2 3 *]}}\n"
        "  wrong: {kind: failing, answers: {right: 2}}\n"
    )
    results = rehearse_all(small, of_text(text, "s", small))
    assert [str(need) for need in unmet(small, results)] == ["wish", "failing:who"]


def test_coverage_tells_the_arrows_that_were_walked(small: Flow) -> None:
    results = rehearse_all(small, of_text(HEAD, "s", small))
    walked = coverage(small, results)
    assert walked.walked["right", "yes"] == 1
    assert ("right", "no") in walked.missing
    assert 0 < walked.share < 1


# --- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("flow: small\nflow: small\nanswers: {}", "duplicate-key", 2),
        ("flow: small\nanswers: {}\nscenario: {}", "unknown-key", 3),
        ("flow: small", "missing-key", 1),
        ("flow: other\nanswers: {}", "misplaced", 1),
        ("flow: small\nanswers:\n  nobody: 1", "unknown-step", 3),
        ("flow: small\nanswers:\n  right: maybe", "bad-reply", 3),
        ("flow: small\nanswers:\n  right: {keys: 1, say: x}", "one-act", 3),
        ("flow: small\nanswers:\n  right: {after: 2s}", "one-act", 3),
        ("flow: small\nanswers:\n  right: {keys: 1, after: soon}", "bad-duration", 3),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: good}", "unknown-kind", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  usual: {kind: pass}", "bad-name", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, expect: {agent: wish}}", "bad-reason", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, expect: {agent: wish:x}}", "unknown-step", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, expect: {said: [x]}}", "unknown-text", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, expect: {answers: {x: yes}}}", "unknown-question", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, turns: [{at: x}]}", "unknown-step", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, expect: {never: {at: x}}}", "unknown-step", 4),
        ("flow: small\nanswers: {}\nscenarios:\n  a: {kind: pass, agent: perhaps}", "bad-value", 4),
        ("flow: [", "not-yaml", 2),
    ],
)
def test_faults_have_a_code_and_a_place(text: str, code: str, line: int, small: Flow) -> None:
    with pytest.raises(FlowRefused) as refused:
        of_text(text, "small.yaml", small)
    assert (code, line) in _codes(refused)
    assert all(fault.hint for fault in refused.value.errors)


def test_the_schema_is_one_and_knows_every_key_of_a_scenario() -> None:
    Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema()))["$defs"]["scenario"]["properties"].keys() == {
        *["kind", "client", "answers", "agent", "turns", "expect"]
    }


# --- the same call over a line ---------------------------------------------------------------------------------------


def test_a_subscriber_waits_for_each_prompt_and_does_the_same(small: Flow, run: Run) -> None:
    told = run("{kind: pass, answers: {right: [silence, {say: 'yes'}], which: {keys: 2, after: 2s}}}")
    script = behaviour(told.trace, "en")["script"]
    assert isinstance(script, list)
    assert script[:4] == [
        {"hears": "en/who", "do": [{"press": "123*"}]},
        {"hears": "en/right", "do": []},
        {"hears": "en/right", "do": [{"say": clip_name("en", "yes")}]},
        {"hears": "en/which", "do": [{"pause": 2.0}, {"press": "2"}]},
    ]
    assert script[-1] == {"hears": "en/tell", "do": [{"pause": 0.8}, {"speak": 4.0}]}
    assert words(told.trace, "en") == {clip_name("en", "yes"): "yes"}


def test_a_call_that_goes_another_way_on_the_line_is_told(run: Run) -> None:
    told, other = run("{kind: pass}").trace, run("{kind: pass, answers: {mark: [silence, 4]}}").trace
    assert differs(told, told) is None
    assert differs(told, other) == "event 7 of the client is silence, not key 4"
    assert [act.moments for act in aligned(told, told).acts] == [
        told.moments.index(next(moment for moment in told.moments[act.moments :] if moment.event)) for act in told.acts
    ]
