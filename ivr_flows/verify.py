"""What a schema cannot see: whether a flow can be walked. Each fault would otherwise surface in front of a client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from ivr_flows.checks import CONDITIONS, MATCHES, SPOKEN, VALUES
from ivr_flows.document import Document
from ivr_flows.errors import FlowError
from ivr_flows.flatten import Flat
from ivr_flows.library import Fields
from ivr_flows.model import (
    Ask,
    Choice,
    Digits,
    End,
    Flow,
    Handoff,
    Match,
    Question,
    Scale,
    Step,
    targets,
)


def verify(flow: Flow, flat: Flat, document: Document) -> list[FlowError]:
    """Every fault of the flow, in the order of its lines."""
    faults = [*_heads(flow, document), *_names(flow, flat), *_values(flow, flat), *_spoken(flow, document)]
    graph = () if faults else (_reachable, _exits, _skips)
    faults += [fault for rule in graph for fault in rule(flow, flat)]
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def unused_texts(document: Document, flat: Flat) -> list[FlowError]:
    """Texts of the flow's own that no step says."""
    own = cast("Fields", cast("Fields", document.tree).get("texts", {}))
    return [
        document.error(("texts", name), "unused-prompt", f"{name} is said nowhere", "use it or remove it")
        for name in own
        if name not in flat.texts
    ]


def _heads(flow: Flow, document: Document) -> Iterator[FlowError]:
    for name, target in (("entry", flow.entry), ("body", flow.body), ("closing", flow.closing), ("agent", flow.agent)):
        if target not in flow.steps:
            hint = "name an existing step"
            yield document.error((name,), "dangling-target", f"{name} names {target}, which is no step", hint)
    if flow.agent in flow.steps and not isinstance(flow.steps[flow.agent], Handoff):
        yield document.error(("agent",), "not-a-handoff", f"agent names {flow.agent}", "name a step with handoff")
    if flow.closing in flow.steps and not _ends_well(flow, flow.closing):
        message = f"closing names {flow.closing}, which does not end the call as passed"
        yield document.error(("closing",), "no-good-end", message, "lead it to an end with outcome: passed")


def _ends_well(flow: Flow, name: str) -> bool:
    seen: set[str] = set()
    while name not in seen and not isinstance(flow.steps[name], End):
        seen.add(name)
        name = next(iter(targets(flow.steps[name]).values()))
    step = flow.steps[name]
    return isinstance(step, End) and step.outcome == "passed"


def _names(flow: Flow, flat: Flat) -> Iterator[FlowError]:
    asked: dict[str, str] = {}
    for step in flow.steps.values():
        if step.when is not None and step.when not in CONDITIONS:
            yield _unknown(flat, step, "when", step.when, CONDITIONS)
        if isinstance(step, Match | Digits) and step.check is not None and step.check not in MATCHES:
            yield _unknown(flat, step, "check", step.check, MATCHES)
        if isinstance(step, Ask | Choice) and step.check is not None and step.check not in VALUES:
            yield _unknown(flat, step, "check", step.check, VALUES)
        if isinstance(step, Question) and not step.rules:
            message = f"no rule reads the answer of {step.id}"
            yield flat.error(step.id, (), "unread-answer", message, "name the rules: rules: [C-18]")
        if isinstance(step, Question) and asked.setdefault(step.question, step.id) != step.id:
            message = f"{step.id} and {asked[step.question]} both ask {step.question}"
            yield flat.error(step.id, ("question",), "question-twice", message, "give each step its own question")


def _unknown(flat: Flat, step: Step, key: str, name: str, known: Mapping[str, object]) -> FlowError:
    listed = ", ".join(sorted(known))
    return flat.error(step.id, (key,), "unknown-check", f"no check is called {name}", f"registered: {listed}")


def _values(flow: Flow, flat: Flat) -> Iterator[FlowError]:
    """Keys and values that do not fit each other."""
    for step in flow.steps.values():
        if isinstance(step, Ask) and set(step.keys.values()) != {"yes", "no"}:
            yield flat.error(step.id, ("keys",), "open-outcomes", f"{step.id}: keys give other values", "yes and no")
        if isinstance(step, Choice):
            if len(step.keys) != len(flat_options(flat, step)):
                yield flat.error(step.id, ("options",), "key-twice", f"{step.id}: two options, one key", "use another")
            if step.expected not in ("any", *step.keys.values()):
                message = f"{step.id}: no option is called {step.expected}"
                yield flat.error(step.id, ("pass",), "bad-value", message, "name an option, or any")
        if isinstance(step, Scale) and not 2 <= step.top <= 9:
            yield flat.error(step.id, ("top",), "bad-number", f"{step.id}: marks to {step.top}", "2 to 9")
        if isinstance(step, Digits) and step.least > step.most:
            yield flat.error(step.id, ("length",), "bad-number", f"{step.id}: min is above max", "turn them round")


def flat_options(flat: Flat, step: Choice) -> Fields:
    """The options of a choice as they are written."""
    return cast("Fields", flat.steps[step.id]["options"])


def _spoken(flow: Flow, document: Document) -> Iterator[FlowError]:
    known = ", ".join(sorted(SPOKEN))
    for prompt in flow.prompts.values():
        place = ("texts", prompt.id.split(".")[0])
        if prompt.slot is not None and prompt.slot not in SPOKEN:
            message, hint = f"no fact {prompt.slot} can be spoken", f"known: company, {known}"
            yield document.error(place, "unknown-fact", message, hint)
        if "{" in prompt.text or "}" in prompt.text:
            yield document.error(place, "slot-in-text", f"{prompt.id} holds a brace", "facts are written {name}")


def _reachable(flow: Flow, flat: Flat) -> Iterator[FlowError]:
    seen, waiting = {flow.entry, flow.agent}, [flow.entry, flow.agent]
    while waiting:
        new = set(targets(flow.steps[waiting.pop()]).values()) - seen
        seen |= new
        waiting += new
    for step in flow.steps.keys() - seen:
        yield flat.error(step, (), "unreachable-step", f"nothing leads to {step}", "lead to it or remove it")


def _exits(flow: Flow, flat: Flat) -> Iterator[FlowError]:
    """A step from which no way leads to an end; a handoff counts by its way without an agent."""
    good = {name for name, step in flow.steps.items() if isinstance(step, End)}
    grown = True
    while grown:
        more = {name for name, step in flow.steps.items() if good & set(targets(step).values())} - good
        good |= more
        grown = bool(more)
    for step in flow.steps.keys() - good:
        yield flat.error(step, (), "no-exit", f"no way leads from {step} to an end", "lead it to a step with end")


def _skips(flow: Flow, flat: Flat) -> Iterator[FlowError]:
    """A ring of conditions in which a client would be sent round without a word."""
    for name in flow.steps:
        walked, at = {name}, flow.steps[name].otherwise
        while at and at not in walked:
            walked.add(at)
            at = flow.steps[at].otherwise
        if at == name:
            yield flat.error(name, ("otherwise",), "endless-skip", f"{name} skips back to itself", "break the ring")
