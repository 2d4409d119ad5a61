"""Whole days at a desk in the model of ``desk_model``, under many seeds: what pacing promises comes true.

The seeds are fixed, so each of these runs is the same everywhere; docs/pacing.md has the figures of longer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dialer.calling.abandonment import Tally
from dialer.calling.forecasts import FlowHistory, Needs
from dialer.calling.pacing import PacingRules
from tests.unit.pacing.desk_model import Desk, Run, World

pytestmark = pytest.mark.unit

Rules = Callable[..., PacingRules]
SEEDS = range(8)
IVR = World(hours=1.0, gap_s=2.0)
SALES = World(agents=8, hours=1.0, gap_s=1.0, channels=60, needs=Needs.ALWAYS, asks_after_s=(6.0, 9.0))
GOOD = Tally(1000, joined=1000)


def runs(world: World, rules: PacingRules, history: FlowHistory, before: Tally = GOOD) -> Iterator[Run]:
    return (Desk(world, rules, seed, history, before=before).play() for seed in SEEDS)


def together(found: Iterator[Run]) -> Run:
    """The sums of all seeds; ``worst`` is that of the worst one."""
    total = Run()
    for run in found:
        total = Run(
            total.placed + run.placed,
            total.answered + run.answered,
            total.asked + run.asked,
            total.abandoned + run.abandoned,
            total.promised + run.promised,
            total.handled_s + run.handled_s,
            total.seconds + run.seconds,
            run.agents,
            total.fallbacks + run.fallbacks,
            max(total.worst, run.worst),
        )
    return total


@pytest.mark.parametrize("agents", [1, 4])
def test_a_script_that_always_needs_an_agent_abandons_nobody(rules: Rules, agents: int) -> None:
    world = World(agents=agents, hours=1.0, gap_s=2.0, needs=Needs.ALWAYS)
    done = together(runs(world, rules(), FlowHistory()))
    assert done.abandoned == 0
    assert done.asked >= 40 * agents
    assert done.use > 0.55


@pytest.mark.parametrize("agents", [1, 3, 6])
def test_with_a_right_forecast_progressive_abandons_nobody(rules: Rules, agents: int) -> None:
    world = World(agents=agents, hours=1.0, gap_s=2.0)
    done = together(runs(world, rules(), world.history()))
    assert done.abandoned == 0
    assert done.asked > 0


@pytest.mark.parametrize("factor", [0.5, 0.7])
def test_a_forecast_that_is_too_low_costs_no_more_than_twice_epsilon_a_call(rules: Rules, factor: float) -> None:
    done = together(runs(IVR, rules(), IVR.history(factor=factor)))
    assert done.abandoned <= 2 * 0.001 * done.placed
    assert done.of_asked <= 0.03


def test_a_forecast_that_is_too_high_costs_calls_and_no_client(rules: Rules) -> None:
    right = together(runs(IVR, rules(), IVR.history()))
    high = together(runs(IVR, rules(), IVR.history(factor=2.0)))
    assert high.abandoned == 0
    assert high.placed < right.placed


def test_epsilon_bounds_what_is_abandoned_of_the_calls_placed(rules: Rules) -> None:
    done = together(runs(World(agents=3, hours=1.0, gap_s=2.0), rules(epsilon=0.02), IVR.history()))
    assert 0 < done.abandoned <= 0.02 * done.placed


def test_a_desk_that_begins_without_history_learns_its_share(rules: Rules) -> None:
    desks = [Desk(World(hours=2.0, gap_s=2.0), rules(), seed, FlowHistory(), learns=True) for seed in SEEDS]
    found = [desk.play() for desk in desks]
    assert sum(run.abandoned for run in found) <= 0.001 * sum(run.placed for run in found)
    assert all(abs(desk.history.chance() - 0.1) < 0.05 for desk in desks)


def test_predictive_uses_its_agents_better_and_stays_under_its_target(rules: Rules) -> None:
    careful = together(runs(SALES, rules(), SALES.history()))
    bold = together(runs(SALES, rules(mode="predictive", predictive_target=0.02), SALES.history()))
    assert careful.abandoned == 0
    assert bold.use > careful.use
    assert bold.of_asked <= 0.02
    assert bold.worst <= 0.03


@pytest.mark.parametrize(
    "changed", [{"mode": "ratio", "ratio": 3.0}, {"mode": "predictive", "predictive_target": 0.03}]
)
def test_the_ledger_holds_at_its_limit_however_bold_and_however_wrong(rules: Rules, changed: dict[str, object]) -> None:
    wrong = World(answers=0.2, needs=Needs.ALWAYS, handle_s=60.0).history()  # they answer and stay longer than it says
    done = together(runs(SALES, rules(**changed), wrong, Tally(200, joined=200)))
    assert done.abandoned > 0
    assert done.fallbacks > 0
    assert done.worst <= 0.03


def test_a_full_ledger_is_progressive(rules: Rules) -> None:
    full = Tally(10_000, joined=9_500, lost=500)
    careful = list(runs(SALES, rules(), SALES.history()))
    bold = list(runs(SALES, rules(mode="predictive"), SALES.history(), full))
    assert [run.placed for run in bold] == [run.placed for run in careful]
    assert sum(run.abandoned for run in bold) == 0


def test_an_empty_ledger_is_progressive_until_it_has_its_sample(rules: Rules) -> None:
    done = together(runs(SALES, rules(mode="ratio", ratio=3.0), SALES.history(), Tally()))
    assert done.fallbacks > 0
    assert done.worst <= 0.03
