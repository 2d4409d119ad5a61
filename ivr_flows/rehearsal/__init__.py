"""Rehearsals: scenarios that a flow must go through, on a virtual clock here and unchanged over a real line.

`of_flow` loads what is written for a flow, `rehearse` runs one scenario, `rehearse_all` all of them; `unmet` tells
what a flow still lacks, `coverage` which arrows were walked. The format is in docs/rehearsals.md.
"""

from __future__ import annotations

from ivr_flows.model import Flow
from ivr_flows.rehearsal.judging import judge
from ivr_flows.rehearsal.lengths import Lengths
from ivr_flows.rehearsal.loader import of_flow, of_text
from ivr_flows.rehearsal.model import Rehearsals, Scenario
from ivr_flows.rehearsal.needs import Need, needs, unmet
from ivr_flows.rehearsal.result import Coverage, Result, coverage
from ivr_flows.rehearsal.runner import run
from ivr_flows.rehearsal.trace import Trace

__all__ = [
    "Coverage",
    "Lengths",
    "Need",
    "Rehearsals",
    "Result",
    "Scenario",
    "Trace",
    "coverage",
    "judge",
    "needs",
    "of_flow",
    "of_text",
    "rehearse",
    "rehearse_all",
    "unmet",
]


def rehearse(flow: Flow, scenario: Scenario, lengths: Lengths | None = None) -> Result:
    """Run one scenario on the virtual clock and compare it with what it expects."""
    trace, problems = run(flow, scenario, lengths or Lengths())
    return Result(scenario, flow.name, flow.language, trace, tuple(problems or judge(scenario, trace)))


def rehearse_all(flow: Flow, rehearsals: Rehearsals, lengths: Lengths | None = None) -> list[Result]:
    """Every scenario that has words in the flow's language."""
    told = lengths or Lengths()
    wanted = (scenario for scenario in rehearsals.scenarios.values() if scenario.languages((flow.language,)))
    return [rehearse(flow, scenario, told) for scenario in wanted]
