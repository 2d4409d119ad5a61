"""What came of a rehearsal, and which arrows of the flow were walked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ivr_flows.model import Flow, targets
from ivr_flows.rehearsal.model import Scenario
from ivr_flows.rehearsal.trace import Trace

Arrow = tuple[str, str]
"""A step and its outcome."""


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario in one language; `problems` empty: it went as it tells."""

    scenario: Scenario
    flow: str
    language: str
    trace: Trace = field(repr=False)
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differed."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """The result as plain values."""
        verdict = self.trace.verdict
        return {
            "flow": self.flow,
            "language": self.language,
            "scenario": self.scenario.name,
            "kind": self.scenario.kind,
            "passed": self.passed,
            "problems": list(self.problems),
            "outcome": verdict.outcome if verdict else None,
            "follow_up": verdict.follow_up if verdict else None,
            "reasons": list(verdict.reasons) if verdict else [],
            "seconds": round(self.trace.lasted_ms / 1000, 1),
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often each arrow was walked by scenarios; arrows that were not are there with 0."""

    walked: dict[Arrow, int]

    @property
    def missing(self) -> tuple[Arrow, ...]:
        """Arrows that no scenario walks, in the order of the flow."""
        return tuple(arrow for arrow, times in self.walked.items() if not times)

    @property
    def share(self) -> float:
        """The part that is walked, 0 to 1."""
        return 1 - len(self.missing) / len(self.walked) if self.walked else 1.0


def coverage(flow: Flow, results: Iterable[Result]) -> Coverage:
    """The arrows of the flow, each with the number of scenarios that walk it."""
    arrows = [(step.id, outcome) for step in flow.steps.values() for outcome in targets(step)]
    walked = Counter(
        arrow for result in results for arrow in {(step, outcome) for step, outcome, _ in result.trace.path}
    )
    return Coverage({arrow: walked[arrow] for arrow in arrows})
