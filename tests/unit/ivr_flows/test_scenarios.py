"""Whole calls, written as YAML and run on virtual time.

A scenario's client listens to every prompt to its end, unless its next turn says `during: PROMPT`. Turns: `key`, `keys`
(several), `silence`, `speak` (ms), `broken` (the prompt stops by itself), `hang_up`, `agent: joined | unavailable |
left`, `right: N` or `right: until STEP` (answers as the script hopes). `expect` looks at what this turn brought about:
`said`, `not_said`, `at`, `rang`, `stored`; the scenario ends with `verdict` and perhaps `lasts_at_most` (seconds).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr_flows.events import AgentJoined, AgentLeft, AgentUnavailable, HungUp, Key, Play, RingAgent, Store
from ivr_flows.model import Flow
from ivr_flows.state import Mode

pytestmark = pytest.mark.unit

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
CASES = [scenario for path in FILES for scenario in yaml.safe_load_all(path.read_text("utf-8"))]


def _params() -> list[object]:
    return [
        pytest.param(
            case, language, id=f"{case['scenario']}-{language}", marks=[pytest.mark.rule(r) for r in case["rules"]]
        )
        for case in CASES
        for language in ("zh-CN", "en")
    ]


@pytest.mark.parametrize(("case", "language"), _params())
def test_the_call_goes_as_the_scenario_tells(
    case: dict[str, Any],
    language: str,
    shipped: Callable[[str, str], Flow],
    walk: Callable[..., Any],
    facts: dict[str, str],
) -> None:
    call = walk(shipped(case["flow"], language), {**facts, **case.get("client", {})})
    mark = 0
    for turn in case["turns"]:
        _listen(call, turn.get("during"))
        _act(call, turn)
        if "during" not in turn:
            _listen(call, None if call.state.mode is not Mode.CLOSING else "-")
        _expect(call, turn.get("expect", {}), call.seen[mark:])
        mark = len(call.seen)
    _listen(call, None)
    assert call.state.mode is Mode.ENDED
    wanted = case["verdict"]
    assert call.verdict.outcome == wanted.get("outcome")
    assert call.verdict.follow_up == wanted.get("follow_up")
    assert list(call.verdict.reasons) == wanted.get("reasons", [])
    if "lasts_at_most" in case:
        assert call.at_ms <= case["lasts_at_most"] * 1000


def _listen(call: Any, until: str | None) -> None:
    """Let prompts play out, up to the one that is to be disturbed."""
    while call.state.mode in {Mode.PLAYING, Mode.CLOSING} and (until is None or until not in call.state.playing):
        if until == "-" and call.state.mode is Mode.CLOSING:
            return
        call.finish_prompt()


def _act(call: Any, turn: dict[str, Any]) -> None:
    match turn:
        case {"key": key}:
            call.key(key, turn.get("after_ms", 1500))
        case {"keys": keys}:
            for key in keys:
                call.key(key)
        case {"silence": times}:
            for _ in range(times):
                _listen(call, None)
                call.silence()
        case {"speak": ms}:
            call.speak(ms)
        case {"broken": _}:
            call.finish_prompt(whole=False)
        case {"hang_up": _}:
            call.send(HungUp())
        case {"agent": what}:
            outcome = turn.get("outcome")
            known = {"joined": AgentJoined("a1"), "unavailable": AgentUnavailable(), "left": AgentLeft(outcome)}
            call.send(known[what])
        case {"right": {"until": step}}:
            while call.state.step != step:
                assert call.state.mode is not Mode.ENDED, f"never came to {step}"
                call.advance()
        case {"right": "to the end"}:
            while call.state.mode is not Mode.ENDED:
                call.advance()


def _expect(call: Any, wanted: dict[str, Any], actions: list[object]) -> None:
    said = [prompt for action in actions if isinstance(action, Play) for prompt in action.prompts]
    rang = [action.reason for action in actions if isinstance(action, RingAgent)]
    stored = [action.answer for action in actions if isinstance(action, Store)]
    known = {"said", "not_said", "at", "rang", "stored"}
    assert wanted.keys() <= known
    assert set(wanted.get("said", [])) <= set(said)
    assert not set(wanted.get("not_said", [])) & set(said)
    assert call.state.step == wanted.get("at", call.state.step)
    assert rang == ([wanted["rang"]] if "rang" in wanted else rang)
    for question, value in wanted.get("stored", {}).items():
        assert value in [answer.value for answer in stored if answer.question == question]


def test_keys_are_evidence_with_their_times(
    shipped: Callable[..., Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    call = walk(shipped("new_account"), facts)
    for _ in call.moments():
        pass
    answers = [action.answer for action in call.seen if isinstance(action, Store)]
    pressed = [key for answer in answers for key in answer.keys]
    assert [key.at_ms for key in pressed] == sorted(key.at_ms for key in pressed)
    assert all(answer.keys for answer in answers if answer.value != "recorded")
    assert isinstance(call.send(Key("1", 0)), list)
