"""The names that a scenario may use for the steps and texts of a flow."""

from __future__ import annotations

from collections.abc import Iterable

from ivr_flows.model import Flow, Question


def question_at(flow: Flow, name: str) -> str | None:
    """The question that `name` stands for: a step of that id, or the first question of the passage used there."""
    if isinstance(flow.steps.get(name), Question):
        return name
    inside = (step.id for step in flow.steps.values() if isinstance(step, Question) and step.id.startswith(f"{name}."))
    return next(inside, None) if name in flow.steps else None


def is_text(prompt: str, name: str) -> bool:
    """Whether a prompt is (a piece of) the text `name`: `agent_scope.1` of `agent_scope`, `opening.greeting`."""
    head, _, piece = prompt.rpartition(".")
    whole = head if piece.isdecimal() and head else prompt
    return whole == name or whole.endswith(f".{name}")


def says(flow: Flow, name: str) -> bool:
    """Whether the flow has a text of that name."""
    return said(flow.prompts, name)


def said(prompts: Iterable[str], name: str) -> bool:
    """Whether the text is among what was said."""
    return any(is_text(prompt, name) for prompt in prompts)
