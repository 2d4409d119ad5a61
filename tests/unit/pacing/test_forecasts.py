"""Forecasts: from the shape of a script and from what its calls did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.forecasts import FlowHistory, Needs, chance_of, forecast, needs_of
from ivr_flows.model import Ask, End, Flow, Handoff, Retry, Step

pytestmark = pytest.mark.unit

SECONDS = st.lists(st.floats(0, 300), max_size=60).map(lambda times: tuple(sorted(times)))


def a_flow(*, yes: str, no: str, silent: str) -> Flow:
    """A greeting question and its two ways, silence being a third."""
    retry = Retry(limit=1, then=silent)
    steps: dict[str, Step] = {
        "ask": Ask(
            id="ask",
            prompts=("p",),
            question="q",
            outcomes={"yes": yes, "no": no},
            no_input=retry,
            no_match=retry,
            expected="yes",
            keys={"1": "yes", "2": "no"},
        ),
        "agent": Handoff(id="agent", prompts=("p",), unavailable="end"),
        "end": End(id="end", prompts=("p",)),
    }
    return Flow(
        name="f",
        version=1,
        language="en",
        title="t",
        company="c",
        entry="ask",
        body="ask",
        closing="end",
        agent="agent",
        max_turns=9,
        steps=steps,
        prompts={},
        hash="h",
        document={},
    )


@pytest.mark.parametrize(
    ("ways", "needs"),
    [
        (("agent", "agent", "agent"), Needs.ALWAYS),
        (("end", "agent", "agent"), Needs.MAYBE),
        (("end", "end", "agent"), Needs.MAYBE),
        (("end", "end", "end"), Needs.NEVER),
        (("ask", "agent", "agent"), Needs.ALWAYS),
    ],
)
def test_the_shape_of_a_script_says_whether_it_leads_to_an_agent(ways: tuple[str, str, str], needs: Needs) -> None:
    yes, no, silent = ways
    assert needs_of(a_flow(yes=yes, no=no, silent=silent)) is needs


def test_without_history_half_of_the_calls_may_ask() -> None:
    assert forecast("f", Needs.MAYBE).chance == 0.5
    assert forecast("f", Needs.ALWAYS).chance == 1.0
    assert forecast("f", Needs.NEVER).chance == 0.0


@given(SECONDS, SECONDS)
def test_the_shape_is_believed_before_any_history(asks: tuple[float, ...], quiets: tuple[float, ...]) -> None:
    history = FlowHistory(200, asks, quiets)
    assert chance_of(Needs.ALWAYS, history) == 1.0
    assert chance_of(Needs.NEVER, history) == 0.0
    assert 0 < chance_of(Needs.MAYBE, history) < 1


@given(SECONDS, SECONDS, st.floats(0, 400))
def test_only_calls_that_lasted_as_long_are_compared_with(
    asks: tuple[float, ...], quiets: tuple[float, ...], age: float
) -> None:
    asked, quiet = sum(time > age for time in asks), sum(time > age for time in quiets)
    assert FlowHistory(200, asks, quiets).chance(age) == pytest.approx((1 + asked) / (2 + asked + quiet))


def test_a_call_that_is_past_its_questions_hardly_asks_any_more() -> None:
    history = FlowHistory(1000, (30.0,) * 45, (120.0,) * 405)
    assert history.chance(0) == pytest.approx(46 / 452)
    assert history.chance(31) == pytest.approx(1 / 407)


def test_a_forecast_tells_the_means_of_its_history() -> None:
    found = forecast("f", Needs.MAYBE, FlowHistory(10, (20.0, 40.0), (60.0, 60.0), (8.0, 12.0), (100.0, 200.0)))
    assert found.answer_rate == 0.4
    assert found.ring_s == 10.0
    assert found.asks_after_s == 30.0
    assert found.handle_s == 150.0
    assert found.calls == 4
