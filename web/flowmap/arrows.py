"""The table below the picture: every step with its arrows and the calls on them, first where most clients drop out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.calling.walked import HUNG_UP, Walked
from ivr_flows.graph import Calls, drop_outs
from ivr_flows.model import Flow, Step, targets


@dataclass(frozen=True, slots=True)
class ArrowRow:
    """One outcome of a step: where it leads (empty: the call ended), the calls that took it, their share there."""

    outcome: str
    target: str
    calls: int
    share: float


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step: the calls that came to it, the seconds until it was asked, and its arrows."""

    step: str
    verb: str
    calls: int
    lost: int
    seconds: float | None
    arrows: Sequence[ArrowRow]


def step_rows(flow: Flow, walked: Walked) -> list[StepRow]:
    """The steps with most drop-outs first, the others in the order of the script."""
    lost = drop_outs(flow, walked.calls)
    rows = [_step(flow, step, walked, lost) for step in flow.steps.values()]
    return sorted(rows, key=lambda row: -row.lost)


def _step(flow: Flow, step: Step, walked: Walked, lost: Mapping[str, int]) -> StepRow:
    calls = walked.calls
    arrows = [ArrowRow(*arrow, *_numbers(calls, step.id, arrow[0])) for arrow in _leads(flow, step, calls)]
    if step.id in lost:
        arrows.insert(0, ArrowRow(HUNG_UP, "", lost[step.id], calls.lost_share(step.id)))
    return StepRow(
        step=step.id,
        verb=type(step).__name__.lower(),
        calls=calls.entered.get(step.id, 0),
        lost=lost.get(step.id, 0),
        seconds=walked.seconds.get(step.id),
        arrows=arrows,
    )


def _leads(flow: Flow, step: Step, calls: Calls) -> list[tuple[str, str]]:
    """What is written at the step, and what calls took besides: these lead to the agent."""
    written = dict(targets(step))
    besides = sorted(outcome for at, outcome in calls.arrows if at == step.id and outcome not in written)
    return [*written.items(), *((outcome, flow.agent) for outcome in besides)]


def _numbers(calls: Calls, step: str, outcome: str) -> tuple[int, float]:
    return calls.arrows.get((step, outcome), 0), calls.share((step, outcome))
