"""What pacing costs and saves at a desk: the table of docs/pacing.md, from the model that the tests use.

Every line is one world under one set of rules, the sum over seeds. The last line of the output is one JSON object.

    python tests/benchmarks/pacing/bench_pacing.py [--seeds 5] [--hours 4]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from dialer.calling.abandonment import Tally
from dialer.calling.forecasts import FlowHistory, Needs
from dialer.calling.pacing import PacingRules
from tests.unit.pacing.desk_model import Desk, World

RULES = PacingRules("progressive", 0.001, 0.5, "promise", 1.5, 3.0, 0.01, 0.03, 30, 2.0, 100, 5000, 30)
GOOD = Tally(1000, joined=1000)


def worlds(hours):
    """(what it is, the world, the rules, the history, what the ledger holds before)."""
    ivr, sales = World(channels=200, hours=hours), World(agents=10, channels=60, hours=hours, needs=Needs.ALWAYS)
    sales = replace(sales, asks_after_s=(6.0, 9.0))
    for agents in (1, 2, 5, 10, 20):
        yield f"one call in ten asks, {agents} agents", replace(ivr, agents=agents), RULES, None, GOOD
    for epsilon in (0.05, 0.01, 0.0001):
        yield f"the same, 5 agents, epsilon {epsilon}", ivr, replace(RULES, epsilon=epsilon), None, GOOD
    for factor in (0.5, 0.7, 1.4, 2.0):
        yield f"the same, 5 agents, forecast {factor} of the truth", ivr, RULES, ivr.history(factor=factor), GOOD
    yield "the same, 5 agents, no history at first", ivr, RULES, FlowHistory(), GOOD
    yield "every call asks, 10 agents, progressive", sales, RULES, None, GOOD
    for target in (0.01, 0.02, 0.03):
        rules = replace(RULES, mode="predictive", predictive_target=target)
        yield f"the same, predictive, target {target}", sales, rules, None, GOOD
    for ratio in (1.5, 3.0):
        yield f"the same, ratio {ratio}", sales, replace(RULES, mode="ratio", ratio=ratio), None, GOOD
    full = Tally(10_000, joined=9_500, lost=500)
    yield "the same, ratio 3.0, ledger full", sales, replace(RULES, mode="ratio", ratio=3.0), None, full


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=4.0)
    options = parser.parse_args()
    lines = {}
    print("| World | Calls placed | Asked | Abandoned | Agents' time used | Highest share in the ledger |")
    print("|---|---|---|---|---|---|")
    for name, world, rules, history, before in worlds(options.hours):
        learns = history == FlowHistory()
        desks = [
            Desk(world, rules, seed, history if history is not None else world.history(), before=before, learns=learns)
            for seed in range(options.seeds)
        ]
        runs = [desk.play() for desk in desks]
        placed, asked, abandoned = (sum(getattr(run, key) for run in runs) for key in ("placed", "asked", "abandoned"))
        use, worst = sum(run.use for run in runs) / len(runs), max(run.worst for run in runs)
        print(f"| {name} | {placed} | {asked} | {abandoned} | {use:.0%} | {worst:.2%} |", flush=True)
        lines[name] = {"placed": placed, "asked": asked, "abandoned": abandoned, "use": use, "worst": worst}
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
