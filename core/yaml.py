"""YAML the strict way: every scalar stays the text that was written, and every mistake has a line and a column.

Plain YAML turns ``no`` into False, ``09:30`` into 570 and the second of two equal keys into the winner. A document
that decides whom we call must not do that: scalars are strings until the room that knows their meaning types them,
duplicate keys, anchors, tags and second documents are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from core.errors import HuifangError

Value = str | list["Value"] | dict[str, "Value"]
Where = tuple[str | int, ...]
"""The way to a value: keys of mappings and numbers of list entries, from the root."""

MAX_BYTES = 4_000_000
MAX_ERRORS = 20


class YamlError(HuifangError):
    """Mend the file at ``file:line:column`` as the message says."""


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded file: ``data`` holds strings, lists and mappings only; ``at`` tells where a value stands."""

    source: str
    data: Value
    positions: Mapping[Where, tuple[int, int]] = field(repr=False)

    def at(self, where: Where) -> str:
        """``file:line:column`` of the value (of its key, inside a mapping); of its parent when it does not exist."""
        while where and where not in self.positions:
            where = where[:-1]
        line, column = self.positions[where]
        return f"{self.source}:{line}:{column}"

    def error(self, where: Where, message: str) -> YamlError:
        """A ``YamlError`` about the value at ``where``."""
        return YamlError(f"{self.at(where)}: {message}")


def load_strict(path: Path) -> Document:
    """The document in the UTF-8 file ``path``; YamlError names the place of the first mistake."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise YamlError(f"{path}: cannot be read: {error.strerror}; check the path and its permissions") from error
    return parse_strict(content, str(path))


def parse_strict(content: bytes, source: str) -> Document:
    """The document in ``content``; ``source`` is what messages call it."""
    root = _compose(_text(content, source), source)
    positions: dict[Where, tuple[int, int]] = {(): _position(root)}
    data = _value(root, (), positions, source)
    return Document(source, data, positions)


def check_schema(document: Document, schema: Mapping[str, Any]) -> None:
    """YamlError listing what in ``document`` does not fit the JSON Schema; unknown keys get their own position.

    Because every scalar is a string, a schema describes numbers and times by pattern.
    """
    found = list(_complaints(document, schema))
    if found:
        more = [f"... and {len(found) - MAX_ERRORS} more"] if len(found) > MAX_ERRORS else []
        raise YamlError("\n".join([*found[:MAX_ERRORS], *more]))


class _Loader(yaml.SafeLoader):
    """Composes nodes only, and refuses what a reader of the file could not see at its place."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases are refused; write it out", event)
        if getattr(event, "tag", None):
            raise _refused("tags (!name) are refused; write the plain value", event)
        return super().compose_node(parent, index)


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark = event.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)  # type: ignore[arg-type]  # one of two mark classes


def _text(content: bytes, source: str) -> str:
    if len(content) > MAX_BYTES:
        raise YamlError(f"{source}: larger than {MAX_BYTES} bytes; this is not such a document")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise YamlError(f"{source}:{line}:{column}: not UTF-8; save the file as UTF-8") from error


def _compose(text: str, source: str) -> yaml.Node:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_marked(error, source)) from error
    except yaml.YAMLError as error:
        raise YamlError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise YamlError(f"{source}: nested too deeply; this is not such a document") from error
    if root is None:
        raise YamlError(f"{source}:1:1: the file is empty")
    return root


def _marked(error: yaml.MarkedYAMLError, source: str) -> str:
    mark = error.problem_mark or error.context_mark
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return f"{source}{place}: {error.problem or error.context}"


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _value(node: yaml.Node, where: Where, positions: dict[Where, tuple[int, int]], source: str) -> Value:
    positions.setdefault(where, _position(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, where, positions, source)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*where, number), positions, source) for number, item in enumerate(node.value)]
    return str(node.value)


def _mapping(
    node: yaml.MappingNode, where: Where, positions: dict[Where, tuple[int, int]], source: str
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in node.value:
        line, column = _position(key)
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(f"{source}:{line}:{column}: a key must be plain text")
        name = str(key.value)
        if name in found:
            first = positions[(*where, name)][0]
            raise YamlError(f"{source}:{line}:{column}: {name!r} stands here and in line {first}; keep one")
        positions[(*where, name)] = (line, column)
        found[name] = _value(value, (*where, name), positions, source)
    return found


def _complaints(document: Document, schema: Mapping[str, Any]) -> Iterator[str]:
    found = [leaf for error in Draft202012Validator(schema).iter_errors(document.data) for leaf in _leaves(error)]
    for error in sorted(found, key=lambda error: [str(part) for part in error.absolute_path]):
        where = tuple(error.absolute_path)
        unknown = _unknown_keys(error)
        for key in unknown:
            yield f"{document.at((*where, key))}: unknown key {key!r}; known here: {', '.join(_properties(error))}"
        if not unknown:
            yield f"{document.at(where)}: {_named(where)}{_said(error)}"


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Where one of several shapes is allowed, the complaints about the shape that was meant."""
    meant = [inner for inner in error.context or () if inner.validator not in {"const", "type"}]
    if not meant:
        yield error
    for inner in meant:
        yield from _leaves(inner)


def _unknown_keys(error: ValidationError) -> list[str]:
    if error.validator != "additionalProperties" or not isinstance(error.instance, Mapping):
        return []
    return [key for key in error.instance if key not in _properties(error)]


def _properties(error: ValidationError) -> Mapping[str, Any]:
    found: Mapping[str, Any] = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    return found


def _named(where: Sequence[str | int]) -> str:
    return f"{'.'.join(str(part) for part in where)}: " if where else ""


def _said(error: ValidationError) -> str:
    """The complaint in words: a schema's own ``description`` of a text says more than its pattern."""
    wanted = " or ".join(dict.fromkeys(_wanted(inner) for inner in error.context or (error,)))
    if error.validator in {"pattern", "oneOf", "anyOf", "type", "const", "enum"} and wanted:
        return f"{json.dumps(error.instance, ensure_ascii=False)[:80]} does not fit; give {wanted}"
    return str(error.message)[:300]


def _wanted(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kinds = {"object": "a mapping", "array": "a list", "string": "a text"}
    return str(schema.get("description") or kinds.get(str(schema.get("type")), ""))
