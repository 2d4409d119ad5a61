"""Chosen scenarios, unchanged, over SIP and RTP: a call of each kind, in both languages, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ivr_flows.loader import load_flow
from ivr_flows.model import Flow
from ivr_flows.rehearsal import Lengths, Result, of_flow, rehearse
from ivr_flows.rehearsal.lines import differs
from ivr_flows.rehearsal.model import Say, Scenario

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]

CHOSEN = (("existing_client", "zh-CN"), ("brk_new_account", "en"))
BESIDES = ("new_account", "zh-CN")
NAMED = (
    "a_wish_inside_a_mandatory_passage_waits_for_its_end",
    "agent_settles_it",
    "an_agent_leaves_it_open",
    "answers_by_voice",
    "unsure_words_are_read_back",
)
KINDS = ("pass", "failing", "silence", "inconvenient", "wrong_person", "refusal", "wish", "other")
OF_EACH_KIND = 2


def _by_key(flow: Flow, lengths: Lengths) -> list[Result]:
    """The scenarios that need no recogniser, the shortest first."""
    scenarios = [scenario for scenario in of_flow(flow).scenarios.values() if not _speaks(scenario)]
    return sorted((rehearse(flow, one, lengths) for one in scenarios), key=lambda result: result.trace.lasted_ms)


def _chosen(lengths: Lengths) -> Iterator[tuple[Flow, Result]]:
    """The shortest scenarios of each kind, and a few that are worth a call."""
    for name, language in CHOSEN:
        flow = load_flow(name, language, catalogue=lengths.catalogue)
        results = _by_key(flow, lengths)
        for kind in KINDS:
            yield from ((flow, one) for one in [one for one in results if one.scenario.kind == kind][:OF_EACH_KIND])
    flow = load_flow(*BESIDES, catalogue=lengths.catalogue)
    scenarios = of_flow(flow).scenarios
    yield from ((flow, rehearse(flow, scenarios[name], lengths)) for name in NAMED)


def _speaks(scenario: Scenario) -> bool:
    replies = [*(turn.reply for turn in scenario.turns), *(r for given in scenario.answers.values() for r in given)]
    return any(isinstance(reply, Say) for reply in replies)


@pytest.fixture(scope="module")
def calls(over_sip: Callable[..., list[Any]], lengths: Lengths) -> list[Any]:
    return over_sip(list(_chosen(lengths)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_goes_over_the_line_as_it_went_on_the_virtual_clock(kind: str, calls: list[Any]) -> None:
    of_kind = [call for call in calls if call.rehearsed.scenario.kind == kind]
    assert of_kind
    for call in of_kind:
        name = f"{call.flow.name} {call.rehearsed.scenario.name}: heard {call.heard}"
        assert differs(call.rehearsed.trace, call.trace) is None, name
        assert call.problems() == [], name
        assert call.trace.path == call.rehearsed.trace.path, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_prompt_that_is_reacted_to_is_recognised(kind: str, calls: list[Any]) -> None:
    for call in calls:
        if call.rehearsed.scenario.kind == kind:
            wanted = [f"{call.flow.language}/{act.heard}" for act in call.rehearsed.trace.acts if not act.early]
            assert [name for name in call.heard if name in set(wanted)][: len(wanted)] == wanted
