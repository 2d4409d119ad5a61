"""Walks a script on a screen by the telephone's interpreter, with a made-up client; nothing of it is kept.

The rule of this module: the walk is the list of events that the page sends back. They are untrusted: whatever they say,
the interpreter decides where they lead.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ivr_flows import interpreter
from ivr_flows.checks import CONDITIONS, SPOKEN
from ivr_flows.events import Answer, Picked, Read, Verdict
from ivr_flows.judging import slot
from ivr_flows.model import Appointment, Ask, Choice, Flow, Scale, Step
from ivr_flows.spoken import plain
from ivr_flows.state import Medium, Mode, State

MOST_EVENTS, LONGEST = 400, 200
SAMPLE = {"id_last4": "1234", "phone_last4": "5678", "opening_channel": "on_site"}
"""What the made-up client has on file: the page shows it, so that a trial can pass."""

Event = Read | Picked


@dataclass(frozen=True, slots=True)
class Shown:
    """The moment of a walk that the page shows. `verdict` is there when it is over."""

    step: Step
    text: str
    choices: Sequence[tuple[str, str]]
    """Value and words of each answer that is picked with a button; empty where one is typed or only read."""
    answers: Sequence[Answer]
    verdict: Verdict | None


def facts_of(conditions: Collection[str]) -> dict[str, str]:
    """A made-up client for whom the named conditions hold and no others."""
    known = {name: f"[{name}]" for name in SPOKEN} | SAMPLE
    for name, condition in CONDITIONS.items():
        if name in conditions:
            known[condition.fact] = condition.value or known.get(condition.fact) or f"[{condition.fact}]"
        else:
            known[condition.fact] = ""
    return known


def conditions_of(flow: Flow) -> list[str]:
    """The conditions that the flow looks at."""
    return list(dict.fromkeys(step.when for step in flow.steps.values() if step.when))


def events_of(text: str) -> list[Event]:
    """The events of a page's hidden field; what is no event is left out."""
    try:
        rows = json.loads(text)
    except ValueError:
        return []
    found = [_event(row) for row in rows[:MOST_EVENTS]] if isinstance(rows, list) else []
    return [event for event in found if event is not None]


def _event(row: object) -> Event | None:
    match row:
        case ["read", str(step)]:
            return Read(step[:LONGEST])
        case ["picked", str(step), str(value)]:
            return Picked(step[:LONGEST], value[:LONGEST])
        case _:
            return None


def as_text(events: Sequence[Event]) -> str:
    """The other way round."""
    rows = [["read", one.step] if isinstance(one, Read) else ["picked", one.step, one.value] for one in events]
    return json.dumps(rows, ensure_ascii=False)


def walk(flow: Flow, facts: Mapping[str, str], medium: Medium, events: Sequence[Event]) -> Shown:
    """Where these events lead. FlowFactsMissing when the made-up client lacks something."""
    state, _ = interpreter.start(flow, facts, medium=medium)
    for event in events:
        state, _ = interpreter.step(flow, state, event)
    step = flow.steps[state.at or flow.entry]
    over = state.verdict if state.mode is Mode.ENDED else None
    return Shown(step, _words(flow, step, state), _choices(flow, step, state), state.answers, over)


def _words(flow: Flow, step: Step, state: State) -> str:
    said = (flow.prompts[prompt] for prompt in step.prompts)
    gap = "" if flow.language == "zh-CN" else " "
    return plain(gap.join(state.facts.get(one.slot, "") if one.slot else one.text for one in said))


def _choices(flow: Flow, step: Step, state: State) -> list[tuple[str, str]]:
    match step:
        case Ask() | Choice():
            return [(value, _echoed(flow, step, value)) for value in step.keys.values()]
        case Scale():
            return [(str(mark), str(mark)) for mark in range(1, step.top + 1)]
        case Appointment():
            numbers = (str(number) for number in range(1, len(step.offers) + 1))
            return [(number, state.facts[f"slot_{number}"]) for number in numbers if slot(step, number, state)]
        case _:
            return []


def _echoed(flow: Flow, step: Ask | Choice, value: str) -> str:
    """How the value is read back; its own name where it never is."""
    words = "".join(flow.prompts[prompt].text for prompt in step.echo.get(value, ()))
    return words.rstrip("。.") or value.replace("_", " ")
