"""Programmes that concern nobody: scope, universe and exemptions weighed against each other, without any client.

The rule of this module: only fields with a fixed set of values are looked at, one at a time; every other comparison may
be true or false, so a finding is certain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from dialer.programmes import words_tables as tables
from dialer.programmes.finding import Finding, found
from dialer.programmes.model import Pack, Programme
from dialer.programmes.said import Said, either, say, word
from dialer.programmes.scope import Expression, read_tree

FIELDS: Mapping[str, tuple[str, ...]] = {
    "status": tuple(tables.STATUS),
    "developed_by": tuple(tables.DEVELOPERS),
    "kind": tuple(tables.KINDS),
}
NEVER, ALWAYS, EITHER = frozenset({False}), frozenset({True}), frozenset({False, True})
Truth = frozenset[bool]


def find(pack: Pack) -> Iterator[Finding]:
    """Programmes whose clients the universe or their own exemptions leave out, or leave out in part."""
    for programme in pack.programmes.values():
        for field in FIELDS:
            yield from _field(pack, programme, field)


def _field(pack: Pack, programme: Programme, field: str) -> Iterator[Finding]:
    wanted = {value for value in FIELDS[field] if _wanted(programme, field, value)}
    inside = {value for value in wanted if True in _truth(pack.universe, field, value)}
    left = {value for value in inside if not _exempt(programme, field, value)}
    if wanted and not inside:
        yield _finding("outside_universe", "scope", programme, field, wanted, impossible=True)
    elif inside and not left:
        yield _finding("everybody_exempt", "exempt", programme, field, inside, impossible=True)
    elif len(wanted) < len(FIELDS[field]) and wanted - inside:
        yield _finding("partly_outside_universe", "scope", programme, field, wanted - inside, impossible=False)


def _finding(code: str, key: str, programme: Programme, field: str, values: set[str], *, impossible: bool) -> Finding:
    forms = {
        "outside_universe": Said(
            "“{title}”的对象（{field}为{values}）都不在制度适用范围内",
            "“{title}” concerns clients ({field}: {values}) none of whom the pack concerns",
        ),
        "everybody_exempt": Said(
            "“{title}”的对象（{field}为{values}）全部被豁免",
            "“{title}” exempts everybody whom it concerns ({field}: {values})",
        ),
        "partly_outside_universe": Said(
            "“{title}”包括{field}为{values}的客户，而制度的适用范围不包括",
            "“{title}” includes clients ({field}: {values}) whom the pack as a whole leaves out",
        ),
    }
    said = say(
        forms[code].zh,
        forms[code].en,
        title=Said(programme.title, programme.title_en),
        field=tables.FIELDS[field],
        values=either([word(tables.FIELD_VALUES[field], value) for value in sorted(values)]),
    )
    rules = ("M-14",) if field == "status" else ("A-17",)
    return found(code, f"programmes.{programme.key}.{key}", said, *rules, *programme.rules, impossible=impossible)


def _wanted(programme: Programme, field: str, value: str) -> bool:
    """Whether the programme can concern a client with that value at all."""
    tests = any(True in _truth(test.when, field, value) for test in programme.any_of)
    return True in _truth(programme.scope, field, value) and (tests or not programme.any_of)


def _exempt(programme: Programme, field: str, value: str) -> bool:
    return any(_truth(one.when, field, value) == ALWAYS for one in programme.exemptions)


def _truth(expression: Expression | None, field: str, value: str) -> Truth:
    """What the expression can be for a client whose ``field`` is ``value``; None holds for everybody."""
    if expression is None:
        return ALWAYS
    return EITHER if expression.text == "open" else _of(read_tree(expression.text), field, value)


def _of(node: ast.expr, field: str, value: str) -> Truth:
    match node:
        case ast.Name(id="all"):
            return ALWAYS
        case ast.BoolOp(op=op, values=values):
            return _joined([_of(inner, field, value) for inner in values], every=isinstance(op, ast.And))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return frozenset(not truth for truth in _of(operand, field, value))
        case ast.Compare(left=ast.Name(id=name), ops=[sign], comparators=[right]) if name == field:
            return _compared(sign, right, value)
    return EITHER


def _compared(sign: ast.cmpop, right: ast.expr, value: str) -> Truth:
    listed = [right] if not isinstance(right, ast.Tuple | ast.List) else right.elts
    if not all(isinstance(one, ast.Constant) for one in listed):
        return EITHER
    among = value in [one.value for one in listed if isinstance(one, ast.Constant)]
    if isinstance(sign, ast.Eq | ast.In):
        return frozenset({among})
    return frozenset({not among}) if isinstance(sign, ast.NotEq | ast.NotIn) else EITHER


def _joined(truths: list[Truth], *, every: bool) -> Truth:
    """Three-valued ``and`` and ``or``."""
    decided, other = (NEVER, ALWAYS) if every else (ALWAYS, NEVER)
    if decided in truths:
        return decided
    return other if all(truth == other for truth in truths) else EITHER
