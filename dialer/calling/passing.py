"""Whether the client's answers pass what each programme asks: the pack's expression over them (D-02, D-03).

The rule of this module: values in, verdict out. The newest given answer to a question counts, whatever attempt it was
given in; a question without an answer makes its comparison false, so silence never passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dialer.programmes.model import Programme
from dialer.programmes.scope import FieldValue

Answers = Mapping[str, str]
"""The value of each question that was answered, by its key."""


def newest(answers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Question and value, oldest first, as one answer a question; an empty value is no answer."""
    return {question: value for question, value in answers if value}


def pass_facts(answers: Answers, *, developed_by: str, tags: Sequence[str]) -> dict[str, FieldValue]:
    """What a pass rule may look at: the answers, who developed the client (D-02 c), and his tags."""
    return {**answers, "developed_by": developed_by, "tags": tuple(tags)}


def holds(programme: Programme | None, facts: Mapping[str, FieldValue]) -> bool:
    """Whether the programme's pass rule holds; without a rule of its own the script's conditions are all there is."""
    return programme is None or programme.passes is None or programme.passes(facts)


def failing(programmes: Iterable[Programme], facts: Mapping[str, FieldValue]) -> tuple[str, ...]:
    """The programmes whose pass rule does not hold, each as ``pass_rule:PROGRAMME:RULE IDS``."""
    return tuple(
        f"pass_rule:{programme.key}:{'+'.join(programme.rules)}"
        for programme in programmes
        if not holds(programme, facts)
    )
