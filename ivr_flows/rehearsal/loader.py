"""Loads the rehearsals of a flow, or says everything that is wrong with them, each fault with its place.

Which steps, texts and questions a scenario names is compared with the flow, so that a renamed step cannot leave a
scenario behind that rehearses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from json import loads
from pathlib import Path
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from ivr_flows.document import Document, Tree, parse
from ivr_flows.errors import FlowError, FlowRefused
from ivr_flows.loader import FLOWS
from ivr_flows.model import Flow, Question
from ivr_flows.rehearsal import reading
from ivr_flows.rehearsal.model import NONE, Place, Rehearsals
from ivr_flows.rehearsal.names import question_at, says

SCENARIOS = "scenarios"
Fields = Mapping[str, Tree]
_CODES = {
    "required": ("missing-key", "add the key"),
    "enum": ("bad-value", "use one of the listed values"),
    "minProperties": ("empty", "write something into it, or leave it out"),
    "minItems": ("empty", "write something into it, or leave it out"),
}


@cache
def schema() -> Mapping[str, object]:
    """The JSON Schema of rehearsals."""
    return dict(loads((Path(__file__).parent / "rehearsal.schema.json").read_text("utf-8")))


@cache
def _validator() -> Validator:
    return Draft202012Validator(schema())


def of_flow(flow: Flow, *, folder: Path = FLOWS) -> Rehearsals:
    """The rehearsals of `flow`, from `FOLDER/scenarios/<flow>.yaml`. Raises FlowRefused with every fault."""
    path = folder / SCENARIOS / f"{flow.name}.yaml"
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        hint = "write its scenarios there (docs/rehearsals.md)"
        raise FlowRefused([FlowError(str(path), (1, 1), "no-scenarios", str(problem), hint=hint)]) from problem
    return of_text(text, path.name, flow)


def of_text(text: str, file: str, flow: Flow) -> Rehearsals:
    """The same for a text; `file` is the name used in faults. Raises FlowRefused."""
    document, faults = parse(text, file, _against_schema)
    faults = faults or [*_acts(document), *_names(document, flow)]
    if faults:
        raise FlowRefused(sorted(faults, key=lambda fault: (fault.line, fault.column)))
    return reading.rehearsals(document)


# --- the schema ------------------------------------------------------------------------------------------------------


def _against_schema(document: Document) -> list[FlowError]:
    return [fault for error in _validator().iter_errors(document.tree) for fault in _faults(document, error)]


def _faults(document: Document, error: ValidationError) -> Iterator[FlowError]:
    place = _place(document, error)
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = sorted(rule.get("properties", ()))
        for name in sorted(set(error.instance) - set(known)):
            hint = f"known here: {', '.join(known)}"
            yield document.error((*place, name), "unknown-key", f"unknown key {name}", hint)
        return
    if error.validator in ("additionalProperties", "if"):
        return
    code, hint = _CODES.get(str(error.validator), ("bad-value", "see rehearsal.schema.json"))
    yield document.error(place, str(rule.get("x-code", code)), error.message, str(rule.get("x-hint", hint)))


def _place(document: Document, error: ValidationError) -> Place:
    """Where the fault stands; that of a key at the key."""
    place = tuple(error.absolute_path)
    key = (*place, str(error.instance))
    return key if isinstance(error.instance, str) and key in document.places else place


# --- what a schema cannot say ----------------------------------------------------------------------------------------


def _acts(document: Document) -> Iterator[FlowError]:
    """A reply does one thing, a turn at most one."""
    for place, fields, least in _mappings(document):
        done = reading.acts(fields)
        if not least <= len(done) <= 1:
            said = f"{' and '.join(done) or 'nothing'} at once" if len(done) != 0 else "it does nothing"
            hint = "keep one of keys, say, speak, silence, hang_up"
            yield document.error(place, "one-act", said, hint)


def _mappings(document: Document) -> Iterator[tuple[Place, Fields, int]]:
    """Every place where an act may be written, and how many it needs."""
    for place, fields in _holders(document):
        for step, given in cast("Fields", fields.get("answers", {})).items():
            items = given if isinstance(given, list) else [given]
            for at, item in enumerate(items):
                where = (*place, "answers", step, *((at,) if isinstance(given, list) else ()))
                if isinstance(item, dict):
                    yield where, item, 1
        for at, turn in enumerate(cast("list[Fields]", fields.get("turns", []))):
            yield (*place, "turns", at), turn, 0


def _holders(document: Document) -> Iterator[tuple[Place, Fields]]:
    """The document itself and each of its scenarios."""
    fields = cast("Fields", document.tree)
    yield (), fields
    for name, body in cast("Fields", fields.get("scenarios", {})).items():
        yield ("scenarios", name), cast("Fields", body)


def _names(document: Document, flow: Flow) -> Iterator[FlowError]:
    if cast("Fields", document.tree)["flow"] != flow.name:
        yield document.error(("flow",), "misplaced", f"the flow is {flow.name}", "name the file like its flow")
    for place, fields in _holders(document):
        yield from _unknown_questions(document, flow, (*place, "answers"), cast("Fields", fields.get("answers", {})))
        expect = cast("Fields", fields.get("expect", {}))
        yield from _unknown_in_expectation(document, flow, (*place, "expect"), expect)
        for at, turn in enumerate(cast("list[Fields]", fields.get("turns", []))):
            yield from _unknown_in_turn(document, flow, (*place, "turns", at), turn)


def _unknown_questions(document: Document, flow: Flow, place: Place, answers: Fields) -> Iterator[FlowError]:
    for step in answers:
        if question_at(flow, step) is None:
            message = f"{step} is no question of {flow.name}"
            hint = f"its questions: {', '.join(_questions(flow))}"
            yield document.error((*place, step), "unknown-step", message, hint)


def _unknown_in_turn(document: Document, flow: Flow, place: Place, turn: Fields) -> Iterator[FlowError]:
    yield from _unknown(document, (*place, "at"), _list(turn, "at"), lambda name: name in flow.steps, "step")
    yield from _unknown(document, (*place, "during"), _list(turn, "during"), lambda name: says(flow, name), "text")
    expect = cast("Fields", turn.get("expect", {}))
    yield from _unknown_in_expectation(document, flow, (*place, "expect"), expect)


def _unknown_in_expectation(document: Document, flow: Flow, place: Place, expect: Fields) -> Iterator[FlowError]:
    kinds: Mapping[str, tuple[Callable[[str], bool], str]] = {
        **dict.fromkeys(("at", "asked", "not_asked"), (lambda name: name in flow.steps, "step")),
        **dict.fromkeys(("stored", "answers"), (lambda name: _answers(flow, name), "question")),
        "said": (lambda name: says(flow, name), "text"),
        **dict.fromkeys(("agent", "reasons"), (lambda name: _reason(flow, name), "step of a reason")),
    }
    for name, (known, what) in kinds.items():
        yield from _unknown(document, (*place, name), _list(expect, name), known, what)
    if isinstance(never := expect.get("never"), dict):
        yield from _unknown_in_expectation(document, flow, (*place, "never"), never)


def _unknown(
    document: Document, place: Place, names: Iterable[str], known: Callable[[str], bool], what: str
) -> Iterator[FlowError]:
    for name in names:
        if not known(name):
            yield document.error(
                place, f"unknown-{what.split(maxsplit=1)[0]}", f"there is no {what} {name}", "see the flow"
            )


def _list(fields: Fields, name: str) -> list[str]:
    given = fields.get(name, [])
    return [str(item) for item in ([given] if isinstance(given, str) else given)]


def _answers(flow: Flow, name: str) -> bool:
    """Whether an answer may be kept under this name: a step, or the question that one asks."""
    return name in flow.steps or name in _questions(flow).values()


def _reason(flow: Flow, reason: str) -> bool:
    _, colon, step = reason.partition(":")
    return reason == NONE or not colon or step in flow.steps


def _questions(flow: Flow) -> dict[str, str]:
    return {step.id: step.question for step in flow.steps.values() if isinstance(step, Question)}
