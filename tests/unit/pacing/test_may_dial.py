"""May this call be placed: properties of the one function that every node asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.abandonment import Tally
from dialer.calling.forecasts import Forecast, Needs
from dialer.calling.pacing import (
    HISTORY_SHORT,
    LEDGER_FULL,
    LEDGER_UNKNOWN,
    BadPacing,
    CallNeed,
    LiveCall,
    PacingRules,
    PacingState,
    expected_abandonment,
    may_dial,
    most_calls,
    shortage,
)

pytestmark = pytest.mark.unit

Rules = Callable[..., PacingRules]
AGENTS = "abcdef"
EVERYBODY = frozenset(AGENTS)
CHANCES = st.floats(0.0, 1.0)
GROUPS = st.frozensets(st.sampled_from(AGENTS))
MODES = st.sampled_from(["progressive", "ratio", "predictive"])
GOOD = {"P": Tally(1000, joined=1000)}


def a_forecast(chance: float, needs: Needs = Needs.MAYBE) -> Forecast:
    return Forecast("flow", needs, chance, 1000, 0.45, 10.0, 20.0, 180.0)


def a_need(chance: float, agents: frozenset[str] = EVERYBODY) -> CallNeed:
    return CallNeed(a_forecast(chance), agents, frozenset({"P"}))


def lines(most: int = 8, agents: st.SearchStrategy[frozenset[str]] = GROUPS) -> st.SearchStrategy[tuple[LiveCall, ...]]:
    one = st.builds(LiveCall, CHANCES, agents, st.booleans(), st.booleans())
    return st.lists(one, max_size=most).map(tuple)


@given(st.lists(CHANCES, max_size=8), st.integers(0, 8))
def test_the_chance_of_a_shortage_is_exact(chances: list[float], agents: int) -> None:
    exact = 0.0
    for asks in itertools.product((False, True), repeat=len(chances)):
        weight = 1.0
        for asked, chance in zip(asks, chances, strict=True):
            weight *= chance if asked else 1 - chance
        exact += weight * (sum(asks) > agents)
    assert shortage(chances, agents) == pytest.approx(exact, abs=1e-9)


@given(st.lists(CHANCES, max_size=12), st.integers(0, 6), CHANCES)
def test_a_shortage_found_early_is_still_a_shortage(chances: list[float], agents: int, enough: float) -> None:
    assert (shortage(chances, agents, enough=enough) > enough) == (shortage(chances, agents) > enough)


@given(lines(), st.floats(0.5, 1.0), GROUPS)
def test_a_call_that_surely_asks_is_never_placed_without_an_agent_at_hand(
    rules: Rules, live: tuple[LiveCall, ...], chance: float, elsewhere: frozenset[str]
) -> None:
    need = a_need(chance, frozenset("ab"))
    assert not may_dial(PacingState(elsewhere - need.agents, live), rules(), need).allowed


@given(lines(agents=st.just(EVERYBODY)), CHANCES, GROUPS.filter(bool), GROUPS, MODES)
def test_more_agents_never_turn_a_yes_into_a_no(
    rules: Rules, live: tuple[LiveCall, ...], chance: float, some: frozenset[str], more: frozenset[str], mode: str
) -> None:
    few, many = PacingState(some, live, GOOD), PacingState(some | more, live, GOOD)
    assert may_dial(many, rules(mode=mode), a_need(chance)).allowed >= (
        may_dial(few, rules(mode=mode), a_need(chance)).allowed
    )


@given(lines(), lines(2), CHANCES, GROUPS, GROUPS.filter(bool))
def test_more_calls_on_the_line_never_turn_a_no_into_a_yes(
    rules: Rules,
    live: tuple[LiveCall, ...],
    more: tuple[LiveCall, ...],
    chance: float,
    at_hand: frozenset[str],
    mine: frozenset[str],
) -> None:
    need = a_need(chance, mine)
    after = may_dial(PacingState(at_hand, live + more), rules(), need).allowed
    assert may_dial(PacingState(at_hand, live), rules(), need).allowed >= after


@given(lines(), CHANCES, CHANCES, GROUPS, GROUPS.filter(bool))
def test_a_likelier_call_is_never_placed_where_an_unlikelier_is_not(
    rules: Rules, live: tuple[LiveCall, ...], one: float, other: float, at_hand: frozenset[str], mine: frozenset[str]
) -> None:
    state, low, high = PacingState(at_hand, live), min(one, other), max(one, other)
    assert may_dial(state, rules(), a_need(low, mine)).allowed >= may_dial(state, rules(), a_need(high, mine)).allowed


@given(st.lists(GROUPS.filter(bool), max_size=12), GROUPS, st.randoms(use_true_random=False))
def test_whoever_takes_whom_each_call_with_a_kept_seat_finds_an_agent(
    rules: Rules, wishes: list[frozenset[str]], at_hand: frozenset[str], chance: Random
) -> None:
    live: list[LiveCall] = []
    for agents in wishes:
        verdict = may_dial(PacingState(at_hand, tuple(live)), rules(), a_need(1.0, agents))
        if verdict.allowed:
            assert verdict.reserves_agent
            live.append(LiveCall(1.0, agents, reserves=True))
    chance.shuffle(live)
    free = set(at_hand)
    for call in live:  # each takes anybody who may serve him
        free.remove(chance.choice(sorted(call.agents & free)))


@given(lines(), GROUPS, GROUPS)
def test_a_script_without_an_agent_waits_for_nobody(
    rules: Rules, live: tuple[LiveCall, ...], at_hand: frozenset[str], mine: frozenset[str]
) -> None:
    verdict = may_dial(PacingState(at_hand, live), rules(), CallNeed(a_forecast(0.0, Needs.NEVER), mine))
    assert verdict.allowed
    assert not verdict.reserves_agent


@given(lines(), CHANCES, GROUPS, st.sampled_from(["ratio", "predictive"]))
def test_without_a_ledger_the_bold_modes_are_progressive(
    rules: Rules, live: tuple[LiveCall, ...], chance: float, at_hand: frozenset[str], mode: str
) -> None:
    careful = may_dial(PacingState(at_hand, live), rules(), a_need(chance))
    for ledger in (None, {}, {"P": Tally(5000, joined=99)}, {"Q": Tally(1000, joined=1000)}):
        bold = may_dial(PacingState(at_hand, live, ledger), rules(mode=mode), a_need(chance))
        assert replace(bold, fallback=None) == careful
        assert bold.fallback == (None if careful.allowed else LEDGER_UNKNOWN)


@given(lines(12, st.just(EVERYBODY)), CHANCES, GROUPS, st.integers(0, 60), st.integers(0, 2000), st.floats(1, 10))
def test_beyond_the_agents_no_call_is_placed_that_the_ledger_could_not_bear(
    rules: Rules,
    live: tuple[LiveCall, ...],
    chance: float,
    at_hand: frozenset[str],
    lost: int,
    joined: int,
    ratio: float,
) -> None:
    bold, tally = rules(mode="ratio", ratio=ratio, ratio_limit=10.0), Tally(lost + joined, joined=joined, lost=lost)
    state = PacingState(at_hand, live, {"P": tally})
    careful = may_dial(state, rules(), a_need(chance)).allowed
    if may_dial(state, bold, a_need(chance)).allowed and not careful:
        beyond = max(0, sum(call.chance > 0 for call in live) + 1 - len(at_hand))
        assert (lost + beyond) / (lost + joined + beyond) <= 0.03


def test_one_full_ledger_of_several_programmes_is_enough_to_be_careful(rules: Rules) -> None:
    need = replace(a_need(1.0), programmes=frozenset({"P", "Q"}))
    state = PacingState(frozenset(), (), {**GOOD, "Q": Tally(1000, joined=969, lost=30)})
    assert may_dial(state, rules(mode="ratio"), need).fallback == LEDGER_FULL


def test_prediction_needs_a_history(rules: Rules) -> None:
    need = replace(a_need(1.0), forecast=replace(a_forecast(1.0), calls=99))
    assert may_dial(PacingState(frozenset(), (), GOOD), rules(mode="predictive"), need).fallback == HISTORY_SHORT


def test_prediction_dials_ahead_of_agents_who_will_soon_be_done(rules: Rules) -> None:
    live = tuple(LiveCall(1.0, EVERYBODY, reserves=True) for _ in range(3))
    state = PacingState(frozenset("abc"), live, GOOD)
    assert not may_dial(state, rules(), a_need(1.0)).allowed
    assert may_dial(state, rules(mode="predictive", predictive_target=0.03), a_need(1.0)).allowed


@given(st.lists(CHANCES, max_size=6), st.floats(0.01, 1), st.integers(0, 4))
def test_the_expected_abandonment_is_exact(chances: list[float], mine: float, at_hand: int) -> None:
    agents = frozenset(AGENTS[:4])
    hand = frozenset(AGENTS[:at_hand])
    live = tuple(LiveCall(chance, agents, answered=True) for chance in chances)
    need = CallNeed(replace(a_forecast(mine), answer_rate=1.0), agents)
    done = 1 - 2.718281828459045 ** (-30 / 180)
    events = [(chance, 1) for chance in [mine, *chances]] + [(done, -1)] * (4 - at_hand)
    short = 0.0
    for happens in itertools.product((False, True), repeat=len(events)):
        weight, balance = 1.0, -at_hand
        for yes, (chance, effect) in zip(happens, events, strict=True):
            weight *= chance if yes else 1 - chance
            balance += effect * yes
        short += weight * max(0, balance)
    assert expected_abandonment(PacingState(hand, live), need) == pytest.approx(short / (mine + sum(chances)), abs=1e-9)


@pytest.mark.parametrize(
    ("needs", "unstaffed", "allowed"),
    [
        (Needs.MAYBE, "promise", True),
        (Needs.MAYBE, "hold", False),
        (Needs.ALWAYS, "promise", False),
        (Needs.ALWAYS, "hold", False),
        (Needs.NEVER, "hold", True),
    ],
)
def test_with_nobody_on_duty_the_firm_decides_about_scripts_that_can_promise(
    rules: Rules, needs: Needs, unstaffed: str, allowed: bool
) -> None:
    need = CallNeed(a_forecast(0.5, needs), frozenset())
    assert may_dial(PacingState(), rules(unstaffed=unstaffed), need).allowed is allowed


def test_without_history_one_call_is_placed_for_each_agent(rules: Rules) -> None:
    assert most_calls(PacingState(EVERYBODY), rules(), a_need(0.5), most=50) == 6


def test_a_script_that_seldom_asks_shares_its_agents(rules: Rules) -> None:
    assert most_calls(PacingState(EVERYBODY), rules(), a_need(0.08), most=50) == 21


def test_calls_of_another_language_do_not_count_against_it(rules: Rules) -> None:
    live = tuple(LiveCall(1.0, frozenset("ab"), reserves=True) for _ in range(2))
    assert may_dial(PacingState(EVERYBODY, live), rules(), a_need(1.0, frozenset("cd"))).allowed
    assert not may_dial(PacingState(EVERYBODY, live), rules(), a_need(1.0, frozenset("ab"))).allowed


@pytest.mark.parametrize(
    ("name", "value"),
    [("mode", "bold"), ("epsilon", 1.5), ("ratio", 0.0), ("minimum_sample", 0), ("predictive_target", 0.04)],
)
def test_a_senseless_setting_is_refused_by_name(rules: Rules, name: str, value: object) -> None:
    with pytest.raises(BadPacing, match=f"pacing.{name}"):
        rules(**{name: value})
