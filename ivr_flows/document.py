"""Reads a flow document so that nothing is guessed: every scalar stays the string that was written.

`12:30`, `0612`, `on` and `no` therefore survive; a key written twice is refused instead of silently replaced; every
value keeps its line and column, so that any later fault can name its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from json import loads
from pathlib import Path
from typing import cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from ivr_flows.errors import FlowError

Place = tuple[str | int, ...]
"""The way to a value: `("steps", "greeting", "say", 0)`."""

Tree = str | list["Tree"] | dict[str, "Tree"]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where PyYAML has it: ten times as fast, with the same positions."""


@dataclass(frozen=True, slots=True)
class Document:
    """A read document: its values, and where each of them stands."""

    file: str
    tree: Tree
    places: Mapping[Place, tuple[int, int]]
    text: str = field(default="", repr=False)

    def error(self, place: Iterable[str | int], code: str, message: str, hint: str) -> FlowError:
        """A fault at `place`, or at the nearest enclosing value that has a position."""
        path = tuple(place)
        while path not in self.places and path:
            path = path[:-1]
        return FlowError(self.file, self.places.get(path, (1, 1)), code, message, hint=hint)


@cache
def schema() -> Mapping[str, object]:
    """The JSON Schema of the documents of scripts."""
    text = (Path(__file__).parent / "schema" / "flow.schema.json").read_text("utf-8")
    return dict(loads(text))


KINDS = {"flow": "flow", "passage": "passage", "questions": "questions"}
"""The first key of a document tells its kind; without one of these it holds the common defaults and texts."""


@cache
def validator(kind: str) -> Validator:
    """The part of the schema for one kind of document."""
    whole = schema()
    return Draft202012Validator({"$defs": whole["$defs"], "$ref": f"#/$defs/{kind}"})


def read(path: Path) -> tuple[Document, list[FlowError]]:
    """Read a file; faults of the YAML and of the schema come back as a list, never as an exception."""
    try:
        return parse(path.read_text("utf-8"), path.name if path.parent == Path() else str(path))
    except (OSError, UnicodeDecodeError) as problem:
        fault = FlowError(str(path), (1, 1), "unreadable", str(problem), hint="the file must exist and be UTF-8")
        return Document(str(path), {}, {}), [fault]


def parse(
    text: str, file: str, check: Callable[[Document], list[FlowError]] | None = None
) -> tuple[Document, list[FlowError]]:
    """The same for a text; `file` is only the name used in faults. `check` is for documents of another schema."""
    places: dict[Place, tuple[int, int]] = {}
    faults: list[FlowError] = []
    try:
        _refuse_aliases(text)
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        fault = FlowError(file, at, "not-yaml", str(problem.problem), hint="mend the YAML at this place")
        return Document(file, {}, {}), [fault]
    document = Document(file, _convert(root, (), places, faults, file) if root else {}, places, text)
    return document, faults or (check or _against_schema)(document)


def _refuse_aliases(text: str) -> None:
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            mark = cast("yaml.Mark | None", event.start_mark)
            raise yaml.MarkedYAMLError(problem="an alias (*name); write the value out", problem_mark=mark)


def _convert(
    node: yaml.Node, path: Place, places: dict[Place, tuple[int, int]], faults: list[FlowError], file: str
) -> Tree:
    places.setdefault(path, _position(node))
    if isinstance(node, yaml.MappingNode):
        return _convert_mapping(node, path, places, faults, file)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, at), places, faults, file) for at, item in enumerate(node.value)]
    return str(node.value)


def _convert_mapping(
    node: yaml.MappingNode, path: Place, places: dict[Place, tuple[int, int]], faults: list[FlowError], file: str
) -> Tree:
    made: dict[str, Tree] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in made:
            message = f"{name} is written twice"
            faults.append(FlowError(file, _position(key), "duplicate-key", message, hint="keep one of them"))
        places.setdefault((*path, name), _position(key))
        made[name] = _convert(value, (*path, name), places, faults, file)
    return made


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


# --- the schema ------------------------------------------------------------------------------------------------------


def _against_schema(document: Document) -> list[FlowError]:
    first = next(iter(document.tree), "") if isinstance(document.tree, dict) else ""
    found = validator(KINDS.get(first, "common")).iter_errors(document.tree)
    faults = [fault for error in found for fault in _faults(document, error)]
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def _faults(document: Document, error: ValidationError) -> Iterator[FlowError]:
    place = tuple(error.absolute_path)
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties":
        known = sorted(rule.get("properties", ()))
        for name in sorted(set(cast("dict[str, object]", error.instance)) - set(known)):
            yield document.error(
                (*place, name), "unknown-key", f"unknown key {name}", f"known here: {', '.join(known)}"
            )
        return
    code, hint = _CODES.get(str(error.validator), ("bad-value", "see flow.schema.json"))
    yield document.error(place, str(rule.get("x-code", code)), error.message, str(rule.get("x-hint", hint)))


_CODES = {
    "required": ("missing-key", "add the key"),
    "dependentRequired": ("missing-key", "`when` and `otherwise` go together"),
    "enum": ("bad-value", "use one of the listed values"),
    "minItems": ("missing-prompt", "name at least one prompt"),
    "type": ("bad-value", "another kind of value is expected here"),
}
