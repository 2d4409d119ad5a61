"""What a schema cannot see: whether a flow can be walked. Each fault would otherwise surface in front of a client."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from ivr_flows.checks import CONDITIONS, MATCHES, SPOKEN
from ivr_flows.document import Document
from ivr_flows.errors import FlowError
from ivr_flows.model import Ask, Choice, End, Flow, Handoff, Match, Question, Step, all_prompts, targets

Fault = Callable[[tuple[str, ...], str, str, str], FlowError]


def verify(flow: Flow, document: Document) -> list[FlowError]:
    """Every fault of the flow, in the order of its lines."""
    rules = (_targets, _outcomes, _names, _prompts, _texts)
    faults = [fault for rule in rules for fault in rule(flow, document)]
    graph = () if faults else (_reachable, _exits, _skips)
    faults += [fault for rule in graph for fault in rule(flow, document)]
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def compare(flow: Flow, twin: Flow, document: Document) -> list[FlowError]:
    """Faults of `flow` where it is another script than its twin: steps, keys, targets, rules and prompt ids."""
    hint = f"both languages must be one script; the twin is {twin.name} ({twin.language})"
    faults = [
        document.error(("steps", name), "twin-differs", f"step {name} is not the same in {twin.language}", hint)
        for name in sorted(flow.steps.keys() | twin.steps.keys())
        if _shape(flow.steps.get(name)) != _shape(twin.steps.get(name))
    ]
    for name in ("version", "entry", "agent", "max_turns"):
        if getattr(flow, name) != getattr(twin, name):
            faults.append(document.error((name,), "twin-differs", f"{name} is not the same in {twin.language}", hint))
    return faults


def _shape(step: Step | None) -> object:
    """A step without its line; prompts are compared by id, their texts are each language's own."""
    return {name: getattr(step, name) for name in step.__dataclass_fields__ if name != "line"} if step else None


def _targets(flow: Flow, document: Document) -> Iterator[FlowError]:
    for step in flow.steps.values():
        for outcome, target in targets(step).items():
            if target not in flow.steps:
                yield document.error(
                    _place_of(step, outcome, document),
                    "dangling-target",
                    f"{step.id}: {outcome} leads to {target}, which is no step",
                    "name an existing step",
                )
    for name, target in (("entry", flow.entry), ("agent", flow.agent)):
        if target not in flow.steps:
            yield document.error(
                (name,), "dangling-target", f"{name} names {target}, which is no step", "name an existing step"
            )
        elif name == "agent" and not isinstance(flow.steps[target], Handoff):
            yield document.error((name,), "not-a-handoff", f"agent names {target}", "name a step with the verb handoff")


def _place_of(step: Step, outcome: str, document: Document) -> tuple[str, ...]:
    """Where the target is written: at the outcome, at the step's own key, or in the defaults."""
    base = ("steps", step.id)
    for place in ((*base, "outcomes", outcome), (*base, outcome, "then"), (*base, outcome)):
        if place in document.places:
            return place
    verb = type(step).__name__.lower()
    scoped = ("defaults", verb, outcome, "then")
    return scoped if scoped in document.places else ("defaults", outcome, "then")


def _outcomes(flow: Flow, document: Document) -> Iterator[FlowError]:
    for step in flow.steps.values():
        if isinstance(step, Ask | Choice) and set(step.outcomes) != set(step.keys.values()):
            yield document.error(
                ("steps", step.id, "outcomes"),
                "open-outcomes",
                f"{step.id}: keys give {_listed(step.keys.values())}, outcomes handle {_listed(step.outcomes)}",
                "handle every value of keys, and no other",
            )


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(set(names)))


def _names(flow: Flow, document: Document) -> Iterator[FlowError]:
    for step in flow.steps.values():
        if step.when is not None and step.when not in CONDITIONS:
            yield _unknown(document, ("steps", step.id, "when"), step.when, CONDITIONS)
        if isinstance(step, Match) and step.check not in MATCHES:
            yield _unknown(document, ("steps", step.id, "check"), step.check, MATCHES)
    asked: dict[str, str] = {}
    for step in flow.steps.values():
        if isinstance(step, Question) and asked.setdefault(step.question, step.id) != step.id:
            message = f"{step.id} and {asked[step.question]} both ask {step.question}"
            yield document.error(
                ("steps", step.id, "question"), "question-twice", message, "give each step its own question"
            )


def _unknown(document: Document, place: tuple[str, ...], name: str, known: Mapping[str, object]) -> FlowError:
    return document.error(place, "unknown-check", f"no check is called {name}", f"registered: {_listed(known.keys())}")


def _prompts(flow: Flow, document: Document) -> Iterator[FlowError]:
    used: set[str] = set()
    for step in flow.steps.values():
        used.update(all_prompts(step))
        for prompt in all_prompts(step):
            if prompt not in flow.prompts:
                message = f"{step.id} says {prompt}, which has no text"
                yield document.error(_says(step, prompt), "missing-prompt", message, "write its text under prompts")
    for prompt in flow.prompts.keys() - used:
        yield document.error(("prompts", prompt), "unused-prompt", f"{prompt} is said nowhere", "use it or remove it")


def _says(step: Step, prompt: str) -> tuple[str, ...]:
    own = ("steps", step.id, type(step).__name__.lower())
    return own if prompt in step.prompts else ("steps", step.id)


def _texts(flow: Flow, document: Document) -> Iterator[FlowError]:
    for prompt in flow.prompts.values():
        place = ("prompts", prompt.id)
        if prompt.slot is not None and prompt.slot not in SPOKEN:
            known = ", ".join(sorted(SPOKEN))
            yield document.error(
                place, "unknown-fact", f"no fact {prompt.slot} can be spoken", f"known: company, {known}"
            )
        if "{" in prompt.text or "}" in prompt.text:
            hint = "only {company} may stand in a text; make {fact} a prompt of its own"
            yield document.error(place, "slot-in-text", f"{prompt.id} mixes a text and a slot", hint)


def _reachable(flow: Flow, document: Document) -> Iterator[FlowError]:
    seen, waiting = {flow.entry, flow.agent}, [flow.entry, flow.agent]
    while waiting:
        new = set(targets(flow.steps[waiting.pop()]).values()) - seen
        seen |= new
        waiting += new
    for step in flow.steps.keys() - seen:
        yield document.error(("steps", step), "unreachable-step", f"nothing leads to {step}", "lead to it or remove it")


def _exits(flow: Flow, document: Document) -> Iterator[FlowError]:
    """A step from which no way leads to an end; a handoff counts by its way without an agent."""
    good = {name for name, step in flow.steps.items() if isinstance(step, End)}
    grown = True
    while grown:
        more = {name for name, step in flow.steps.items() if good & set(targets(step).values())} - good
        good |= more
        grown = bool(more)
    for step in flow.steps.keys() - good:
        yield document.error(
            ("steps", step), "no-exit", f"no way leads from {step} to an end", "lead it to a step with the verb end"
        )


def _skips(flow: Flow, document: Document) -> Iterator[FlowError]:
    """A ring of conditions in which a client would be sent round without a word."""
    for name in flow.steps:
        walked, at = {name}, flow.steps[name].otherwise
        while at and at not in walked:
            walked.add(at)
            at = flow.steps[at].otherwise
        if at == name:
            yield document.error(
                ("steps", name, "otherwise"), "endless-skip", f"{name} skips back to itself", "break the ring"
            )
