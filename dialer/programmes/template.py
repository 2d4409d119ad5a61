"""A firm's own pack that extends another, with every open value as a commented entry at its right place.

The rule of this module: as it is printed it loads and changes nothing; when the # of each entry is taken away and each
< > replaced, nothing is open any more. Where lists and whole blocks are replaced, the entry repeats what stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from core.yaml import Document, Value, Where
from dialer.programmes.layers import OPEN, Layers
from dialer.programmes.model import Pack
from dialer.programmes.opened import AS_A_WHOLE, place_of, shape, share_up_to, what_is
from dialer.programmes.said import FIRM, Said

HEADER = """\
# 公司自己的制度包，叠加在 {base} 之上 / A firm's own pack, laid over {base}.
# 去掉各项前的 #，把 < > 换成公司的决定；以 ## 开头的行只是说明。
# Take the # of each entry away and put the firm's decision for each < >; lines with ## only explain.
# `rule: firm` 表示公司自定 / marks a value of the firm's own.
pack: my_firm
extends: {base}
"""
LIVE: Mapping[str, tuple[str, ...]] = {
    "programmes": ("title",),
    "problems": ("title",),
    "reports": ("title",),
    "executors": ("title", "level"),
}
"""Mappings whose entries stand open in the template; what they repeat so that they can."""


class _Plain(yaml.SafeDumper):
    """Writes texts as texts: `yes` and `3` need no quotes where every scalar is a string."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, object]]] = {}  # noqa: RUF012 - PyYAML's own attribute

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - a pack may hold no anchors
        """Never an anchor."""
        return True

    def represent_text(self, text: str) -> yaml.Node:
        """Double quotes around an expression that holds single ones."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "'" in text else None)


_Plain.add_representer(str, _Plain.represent_text)


def new(base: str, pack: Pack, documents: Sequence[Document]) -> str:
    """The template of a firm's pack over ``pack``, which ``documents`` (the nearest first) make and ``base`` names."""
    data = Layers(tuple(reversed(documents))).data
    heads = _heads(_places(pack, data))
    lines = [HEADER.format(base=base), *_entry(("title",), [("title",)], data), *_entry(("title_en",), [], data)]
    for section in dict.fromkeys(head[0] for head in heads):
        mine = {head: places for head, places in heads.items() if head[0] == section}
        lines += ["", *(_section(str(section), mine, data) if section in LIVE else _single(mine, data))]
    return "\n".join(lines) + "\n"


def _places(pack: Pack, data: Mapping[str, Value]) -> Iterator[Where]:
    """Every place the firm must set; whether answers to the machine confirm is set once, for the whole pack."""
    automatic = data.get("automatic", OPEN) == OPEN
    if automatic:
        yield ("automatic",)
    for place in map(place_of, pack.everything_open()):
        mine = _programme(place, data)
        if automatic and place[2:] == ("automatic",) and "automatic" not in (mine or {}):
            continue
        yield place
        if place[2:] == ("channels",) and mine is not None and "flow" not in mine:
            yield (*place[:2], "flow")


def _heads(places: Iterator[Where]) -> dict[Where, list[Where]]:
    """The entries of the template, each with the open places in it."""
    heads: dict[Where, list[Where]] = {}
    for place in places:
        heads.setdefault(place[: 3 if place[0] in LIVE else 1], []).append(place)
    return heads


def _single(heads: Mapping[Where, list[Where]], data: Mapping[str, Value]) -> Iterator[str]:
    for head, places in heads.items():
        yield from _entry(head, places, data)


def _section(section: str, heads: Mapping[Where, list[Where]], data: Mapping[str, Value]) -> Iterator[str]:
    """A mapping that stands open, with the entries of each of its members."""
    yield f"{section}:"
    for member in dict.fromkeys(str(head[1]) for head in heads):
        yield f"  {member}:"
        known = _at(data, (section, member))
        for key in LIVE[section]:
            yield from _indented(_dumped(key, _get(known, key)), "    ")
        for head, places in heads.items():
            if head[1] == member:
                yield from _entry(head, places, data)


def _entry(head: Where, places: Sequence[Where], data: Mapping[str, Value]) -> Iterator[str]:
    """What the entry means, and the entry itself, commented."""
    indent = "    " if len(head) > 1 else ""
    for said in dict.fromkeys(what_is(place) for place in places or (head,)):
        yield f"{indent}## {_both(said)}"
    content = _content(head, _at(data, head), places, data)
    yield from _indented(_dumped(str(head[-1]), content), f"{indent}#")


def _both(said: Said) -> str:
    return f"{said.zh} / {said.en}"


def _content(where: Where, value: Value, places: Sequence[Where], data: Mapping[str, Value]) -> Value:
    """The open values under ``where`` as the firm sets them; blocks that are replaced as a whole are repeated."""
    if len(where) == 1 and where[0] in ("title", "title_en"):
        return shape(where, None, ())
    if where in places:
        return _filled(where, OPEN, places, data)
    if isinstance(value, list) or where[-1] in AS_A_WHOLE or not isinstance(value, dict):
        return _filled(where, value, places, data)
    steps = dict.fromkeys(str(place[len(where)]) for place in places if len(place) > len(where))
    return {step: _content((*where, step), _get(value, step), _under(places, (*where, step)), data) for step in steps}


def _filled(where: Where, value: Value, places: Sequence[Where], data: Mapping[str, Value]) -> Value:
    """The whole value with a placeholder for everything open in it."""
    if value == OPEN:
        executors = data.get("executors")
        return shape(where, _programme(where, data), tuple(executors) if isinstance(executors, dict) else ())
    if isinstance(value, list):
        return [_filled((*where, number), inner, places, data) for number, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if (*where, "value") in places:
        return _filled(where, OPEN, places, data)
    missing = {str(place[-1]): OPEN for place in places if place[:-1] == where and place[-1] not in value}
    given = {**value, **missing}
    filled = {key: _filled((*where, key), inner, places, data) for key, inner in given.items()}
    if given.get("share") == OPEN and "at_most" in given:
        filled["share"] = share_up_to(str(given["at_most"]))
    return {**filled, "rule": _with_firm(value["rule"])} if "rule" in value and OPEN in given.values() else filled


def _with_firm(rule: Value) -> Value:
    """What the firm sets is its own, beside the rule that leaves it open."""
    return [*(rule if isinstance(rule, list) else [rule]), FIRM]


def _under(places: Sequence[Where], where: Where) -> list[Where]:
    return [place for place in places if place[: len(where)] == where]


def _programme(place: Where, data: Mapping[str, Value]) -> Mapping[str, Value] | None:
    found = _at(data, place[:2]) if place[0] == "programmes" and len(place) > 1 else OPEN
    return found if isinstance(found, dict) else None


def _at(data: Mapping[str, Value], where: Where) -> Value:
    found: Value = dict(data)
    for step in where:
        found = _get(found, str(step))
    return found


def _get(value: Value, key: str) -> Value:
    return value.get(key, OPEN) if isinstance(value, dict) else OPEN


def _dumped(key: str, value: Value) -> list[str]:
    """The entry as the packs are written: what is flat in one line, what is not a line each."""
    if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
        return [f"{key}:", *(f"  {line}" for name, inner in value.items() for line in _dumped(name, inner))]
    if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        return [f"{key}:", *(f"  - {_flow(inner)}" for inner in value)]
    return [f"{key}: {_flow(value)}"]


def _flow(value: Value) -> str:
    text: str = yaml.dump(
        value, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=10**6, default_flow_style=True
    )
    return text.removesuffix("...\n").strip()


def _indented(lines: Sequence[str], before: str) -> Iterator[str]:
    for line in lines:
        yield f"{before}{line}"
