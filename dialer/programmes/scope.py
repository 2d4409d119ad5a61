"""The language in which packs say whom a programme concerns: comparisons over known fields, and/or/not, ``in``.

    opened_on < period_start and status not in ('dormant', 'suspended')
    'margin' in tags or asset_total >= 10000000
    pnl_rate_6m <= index_rate_6m - 0.2
    event.amount >= 500000 and event.bulk == 'yes'

It is written like Python and read by Python's parser, but never run: only the nodes named here are understood, there
are no calls and, apart from ``event.NAME`` (what the event carries), no attributes. Numbers know plus, minus and times.
Every field has a type, and a comparison of different types is refused when the pack is loaded. A comparison with a
value the firm has not delivered is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NoReturn, TypeGuard

from core.errors import HuifangError

FieldValue = str | float | date | Sequence[str] | Mapping[str, object] | None
Facts = Mapping[str, FieldValue]
Kind = Literal["text", "number", "date", "texts", "carried"]
Test = Callable[[Facts], bool]
Get = Callable[[Facts], FieldValue]

FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(("client_id", "kind", "branch", "status", "introducer_id", "developed_by", "language"), "text"),
    **dict.fromkeys(("asset_total", "asset_avg_daily", "volume_month_avg", "commission_year"), "number"),
    **dict.fromkeys(("pnl_rate_6m", "turnover", "index_rate_6m"), "number"),
    **dict.fromkeys(("opened_on", "last_trade_on", "day", "period_start", "event_on"), "date"),
    "event_type": "text",
    "tags": "texts",
}
ORDER: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
SUMS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
MAX_LENGTH = 1000


class ScopeError(HuifangError):
    """Mend the expression at the column the message names."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; ``names`` are the fields it looks at, ``event.NAME`` among them."""

    text: str
    test: Test = field(compare=False)
    names: frozenset[str] = frozenset()

    def __call__(self, facts: Facts) -> bool:
        """Whether it holds for these facts; a missing fact makes its comparison false."""
        return self.test(facts)


def parse_scope(text: str) -> Expression:
    """Compile an expression about a client; ScopeError names the column of the first mistake."""
    return _Parser(FIELDS, answers=False).parse(text)


def parse_answers(text: str) -> Expression:
    """Compile a pass rule (D-02, D-03): the fields are the keys of the questions asked, every answer is a text.

    ``developed_by`` may be asked about beside them. ScopeError as ``parse_scope``.
    """
    return _Parser({"developed_by": "text", "tags": "texts"}, answers=True).parse(text)


def read_tree(text: str) -> ast.expr:
    """The tree of ``text``; ScopeError names the column of what Python's own parser does not understand."""
    if len(text) > MAX_LENGTH:
        raise ScopeError(f"column 1: longer than {MAX_LENGTH} characters; split the programme")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ScopeError(f"column {error.offset or 1}: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError):
        raise ScopeError("column 1: not an expression; nested too deeply or a character that cannot be read") from None


def _refuse(node: ast.expr, message: str) -> NoReturn:
    raise ScopeError(f"column {node.col_offset + 1}: {message}")


def _is_event(node: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "event"


class _Parser:
    """Compiles one tree over one set of fields."""

    def __init__(self, fields: Mapping[str, Kind], *, answers: bool) -> None:
        self._fields = fields
        self._answers = answers
        self._names: set[str] = set()

    def parse(self, text: str) -> Expression:
        try:
            test = self._test(read_tree(text))
        except RecursionError:
            raise ScopeError("column 1: nested too deeply; split the expression") from None
        return Expression(text, test, frozenset(self._names))

    def _test(self, node: ast.expr) -> Test:
        match node:
            case ast.Name(id="all"):
                return lambda _: True
            case ast.BoolOp(op=ast.And(), values=values):
                every = [self._test(value) for value in values]
                return lambda facts: all(test(facts) for test in every)
            case ast.BoolOp(values=values):
                either = [self._test(value) for value in values]
                return lambda facts: any(test(facts) for test in either)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._test(operand)
                return lambda facts: not inner(facts)
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as sign], comparators=[right]):
                return self._member(left, right, negated=isinstance(sign, ast.NotIn))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in ORDER:
                return self._compare(left, ORDER[type(sign)], right)
        _refuse(node, "give a comparison such as status == 'active', joined by and, or, not; or all")

    def _compare(self, left: ast.expr, holds: Callable[..., bool], right: ast.expr) -> Test:
        kinds = self._kind(left), self._kind(right)
        if kinds == ("carried", "carried"):
            _refuse(left, "compare what an event carries with a 'text', a number or a field")
        known = [kind for kind in kinds if kind != "carried"]
        wanted: Kind = "date" if "date" in known else known[0]
        one, other = self._value(left, wanted), self._value(right, wanted)

        def test(facts: Facts) -> bool:
            mine, theirs = one(facts), other(facts)
            return mine is not None and theirs is not None and holds(mine, theirs)

        return test

    def _member(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Test:
        one = self._value(left, "text")
        if isinstance(right, ast.Tuple | ast.List):
            listed = [self._value(item, "text")({}) for item in right.elts if _is_constant(item)]
            return lambda facts: (value := one(facts)) is not None and (value in listed) is not negated
        name = right.id if isinstance(right, ast.Name) else ""
        if self._fields.get(name) != "texts":
            _refuse(right, "after `in` write a list ('a', 'b') or the field tags")
        self._names.add(name)

        def test(facts: Facts) -> bool:
            value, members = one(facts), facts.get(name)
            return value is not None and isinstance(members, list | tuple) and (value in members) is not negated

        return test

    def _kind(self, node: ast.expr) -> Kind:
        match node:
            case ast.Name(id=name) if name in self._fields or self._answers:
                return self._fields.get(name, "text")
            case ast.Attribute() if _is_event(node) and not self._answers:
                return "carried"
            case ast.Constant(value=str()):
                return "text"
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SUMS:
                self._value(left, "number")
                self._value(right, "number")
                return "number"
            case _ if _is_number(node):
                return "number"
        _refuse(node, f"give a field, a 'text' or a number; fields are {', '.join(self._fields)}")

    def _value(self, node: ast.expr, wanted: Kind) -> Get:
        kind = self._kind(node)
        if kind == "carried" and _is_event(node):
            self._names.add(f"event.{node.attr}")
            return _carried(node.attr, wanted)
        if wanted == "texts" or (kind != wanted and not (wanted == "date" and isinstance(node, ast.Constant))):
            _refuse(node, f"cannot compare {kind} with {wanted}")
        if isinstance(node, ast.Name):
            name = node.id
            self._names.add(name)
            return lambda facts: facts.get(name)
        if isinstance(node, ast.BinOp):
            return self._sum(node)
        literal: FieldValue = ast.literal_eval(node)
        if wanted == "date":
            literal = _date(node, str(literal))
        return lambda _: literal

    def _sum(self, node: ast.BinOp) -> Get:
        left, right, joined = self._value(node.left, "number"), self._value(node.right, "number"), SUMS[type(node.op)]

        def value(facts: Facts) -> float | None:
            one, other = left(facts), right(facts)
            return joined(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else None

        return value


def _carried(name: str, wanted: Kind) -> Get:
    """What the event carries under ``name``, when it is of the kind it is compared with."""

    def value(facts: Facts) -> FieldValue:
        carried = facts.get("event")
        found = carried.get(name) if isinstance(carried, Mapping) else None
        if wanted == "number":
            return found if isinstance(found, int | float) and not isinstance(found, bool) else None
        if wanted == "date":
            return _day_or_none(found)
        return found if isinstance(found, str) else None

    return value


def _day_or_none(found: object) -> date | None:
    try:
        return date.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None


def _is_number(node: ast.expr) -> bool:
    """A number that is written out, with or without a minus."""
    bare = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(bare, ast.Constant) and type(bare.value) in (int, float)


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or _refuse(node, "only texts can stand in a list")


def _date(node: ast.expr, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(node, f"{text!r} is not a date; write '2026-01-31'")
