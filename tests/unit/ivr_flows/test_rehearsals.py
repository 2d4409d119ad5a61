"""Every scenario of every flow, in both languages, on the virtual clock; a flow without one that it needs fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr_flows.loader import load_flow, names
from ivr_flows.model import Flow
from ivr_flows.prompts import Catalogue
from ivr_flows.rehearsal import Lengths, Result, of_flow, rehearse_all, unmet

pytestmark = pytest.mark.unit

FLOWS = [pytest.param(name, language, id=f"{name}-{language}") for name, language in names()]
Rehearsed = Callable[[str, str], tuple[Flow, list[Result]]]


class Unrendered(Catalogue):
    """A script may be rehearsed before its audio is there; its prompts then last as long as they would take to say."""

    def missing(self, flow: Flow) -> list[object]:  # type: ignore[override]
        return []


@pytest.fixture(scope="module")
def rehearsed() -> Rehearsed:
    """A flow and what came of its scenarios, each rehearsed once."""
    lengths = Lengths(Unrendered())
    known: dict[tuple[str, str], tuple[Flow, list[Result]]] = {}

    def once(name: str, language: str) -> tuple[Flow, list[Result]]:
        if (name, language) not in known:
            flow = load_flow(name, language, catalogue=lengths.catalogue)
            known[name, language] = flow, rehearse_all(flow, of_flow(flow), lengths)
        return known[name, language]

    return once


def _goes_as_told(results: list[Result], *kinds: str) -> list[str]:
    chosen = [result for result in results if not kinds or result.scenario.kind in kinds]
    return [f"{result.scenario.name}: {problem}" for result in chosen for problem in result.problems]


@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_every_scenario_goes_as_it_is_told(name: str, language: str, rehearsed: Rehearsed) -> None:
    assert _goes_as_told(rehearsed(name, language)[1]) == []


@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_every_flow_has_a_scenario_for_each_way_a_call_may_go(name: str, language: str, rehearsed: Rehearsed) -> None:
    flow, results = rehearsed(name, language)
    assert [str(need) for need in unmet(flow, results)] == []


@pytest.mark.rule("C-05")
@pytest.mark.rule("D-05")
@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_a_wrong_person_hears_no_question_and_settles_nothing(name: str, language: str, rehearsed: Rehearsed) -> None:
    flow, results = rehearsed(name, language)
    for result in results:
        if result.scenario.kind == "wrong_person":
            verdict = result.trace.verdict
            assert verdict is not None
            assert verdict.outcome is None
            assert flow.body not in {step for arrow in result.trace.path for step in arrow}


@pytest.mark.rule("D-02")
@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_no_scenario_passes_by_itself_with_a_wrong_answer(name: str, language: str, rehearsed: Rehearsed) -> None:
    for result in rehearsed(name, language)[1]:
        verdict, state = result.trace.verdict, result.trace.moments[-1].state
        if verdict is not None and verdict.outcome == "passed" and state.agent is None:
            assert all(answer.passed is not False for answer in state.answers)


@pytest.mark.rule("D-06")
@pytest.mark.rule("B-20")
@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_inconvenient_now_is_a_further_attempt_and_no_outcome(name: str, language: str, rehearsed: Rehearsed) -> None:
    for result in rehearsed(name, language)[1]:
        if result.scenario.kind == "inconvenient" and result.passed:
            verdict = result.trace.verdict
            assert verdict is not None
            assert (verdict.outcome, verdict.follow_up) == (None, "appointment")


@pytest.mark.rule("C-06")
def test_keys_are_evidence_with_their_times(rehearsed: Rehearsed) -> None:
    _, results = rehearsed("new_account", "zh-CN")
    usual = next(result for result in results if result.scenario.name == "usual")
    answers = usual.trace.moments[-1].state.answers
    pressed = [key.at_ms for answer in answers for key in answer.keys]
    assert pressed == sorted(pressed)
    assert all(answer.keys for answer in answers if answer.value not in ("recorded", "played"))
