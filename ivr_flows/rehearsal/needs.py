"""Which scenarios a flow needs, told from the flow itself, and which of them are missing.

Every flow: the usual answers, a silence, a wish for a person. Every question that can be answered wrongly: one who
does. Inconvenient, wrong person, refusal: where the flow has such an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivr_flows.model import End, Flow, Question
from ivr_flows.rehearsal.model import Kind
from ivr_flows.rehearsal.result import Result
from ivr_flows.rehearsal.trace import stored

_REFUSING = frozenset({"failing", "wrong_person"})


@dataclass(frozen=True, slots=True)
class Need:
    """A kind of scenario, and for a wrong answer the step where it is given."""

    kind: Kind
    step: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.step}" if self.step else self.kind


def needs(flow: Flow) -> tuple[Need, ...]:
    """What must be rehearsed."""
    return tuple(_needs(flow))


def _needs(flow: Flow) -> Iterator[Need]:
    yield Need("pass")
    yield Need("silence")
    yield Need("wish")
    ends = [step for step in flow.steps.values() if isinstance(step, End)]
    if any(end.follow_up == "appointment" for end in ends):
        yield Need("inconvenient")
    if any(end.id.rpartition(".")[2] == "wrong_person" for end in ends):
        yield Need("wrong_person")
    if any(end.outcome == "refused" for end in ends):
        yield Need("refusal")
    yield from (
        Need("failing", step.id) for step in flow.steps.values() if isinstance(step, Question) and step.required
    )


def unmet(flow: Flow, results: Iterable[Result]) -> tuple[Need, ...]:
    """Needs that none of the scenarios that went well meets; wrong answers count only where one was really given."""
    good = [result for result in results if not result.problems]
    kinds = {result.scenario.kind for result in good}
    wrong = {step for result in good if result.scenario.kind in _REFUSING for step in _wrong(result)}
    return tuple(need for need in needs(flow) if (need.step not in wrong if need.step else need.kind not in kinds))


def _wrong(result: Result) -> Iterator[str]:
    return (answer.step for answer in stored(result.trace.moments) if answer.passed is False)
