"""A call against its own script: the steps in the order in which they were walked, and the second of each.

Where a step was not answered its second is told by the step before it: then it is `about`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from dialer.tables import Answer, Attempt
from ivr_flows import merging
from ivr_flows.reading import ReadStep, steps_of
from ivr_flows.tables import FlowVersion


@dataclass(frozen=True, slots=True)
class Walked:
    """One step of the call: what was said, what was answered, and between which milliseconds of the recording."""

    step: str
    read: ReadStep | None
    answer: Answer | None
    outcome: str
    start_ms: int
    end_ms: int
    about: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """The script that the call ran, part by part, and the walk through it. `missing`: parts nobody kept."""

    versions: Sequence[FlowVersion]
    missing: Mapping[str, str]
    walk: Sequence[Walked]


def replay(session: Session, attempt: Attempt) -> Replay:
    """The walk of one attempt, against the versions that its row is bound to."""
    parts = merging.versions(attempt.flow, attempt.flow_hash)
    wanted = select(FlowVersion).options(undefer(FlowVersion.document)).where(FlowVersion.hash.in_(parts.values()))
    found = {version.hash: version for version in session.scalars(wanted)}
    kept = [found[part] for part in parts.values() if part in found]
    missing = {name: part for name, part in parts.items() if part not in found}
    return Replay(kept, missing, list(_walk(attempt, _steps(kept))))


def _steps(versions: Sequence[FlowVersion]) -> dict[str, ReadStep]:
    """The steps as the call named them: those of the second part on carry its name."""
    steps: dict[str, ReadStep] = {}
    for number, version in enumerate(versions):
        prefix = f"{version.name}." if number else ""
        steps |= {prefix + name: step for name, step in steps_of(version.document, version.company).items()}
    return steps


def _walk(attempt: Attempt, steps: Mapping[str, ReadStep]) -> Iterator[Walked]:
    left, at = list(attempt.answers), 0
    for step, outcome, asked in _visits(attempt):
        answer = next((one for one in left if one.step == step), None)
        if answer is not None:
            left.remove(answer)
        start = asked if asked is not None else answer.start_ms if answer else at
        end = max(answer.end_ms, start) if answer else start
        about = asked is None and answer is None
        yield Walked(step, steps.get(step), answer, outcome, start, end, about)
        at = end


def _visits(attempt: Attempt) -> list[tuple[str, str, int | None]]:
    """(step, outcome, when it began) of every step that was entered; without a kept path those that were answered."""
    arrows, moments = attempt.path or (), attempt.moments or ()
    if not arrows:
        return [(answer.step, answer.value, None) for answer in sorted(attempt.answers, key=lambda one: one.start_ms)]
    left = [str(following[1]) for _, following in pairwise([*arrows, ("", "", "")])]
    begun = [*moments, *[None] * (len(arrows) - len(moments))]
    return [(str(arrow[2]), outcome, at) for arrow, outcome, at in zip(arrows, left, begun, strict=True)]
