"""The language in which packs say whom a programme concerns: comparisons over known fields, and/or/not, ``in``.

    opened_on < period_start and status not in ('dormant', 'suspended')
    'margin' in tags or asset_total >= 10000000

It is written like Python and read by Python's parser, but never run: only the nodes named here are understood, there
are no calls, no attributes and no arithmetic. Every field has a type, and a comparison of different types is refused
when the pack is loaded. A comparison with a value the firm has not delivered is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NoReturn

from core.errors import HuifangError

FieldValue = str | float | date | Sequence[str] | None
Facts = Mapping[str, FieldValue]
Kind = Literal["text", "number", "date", "texts"]
Test = Callable[[Facts], bool]
Get = Callable[[Facts], FieldValue]

FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(("client_id", "kind", "branch", "status", "introducer_id", "developed_by", "language"), "text"),
    **dict.fromkeys(("asset_total", "asset_avg_daily", "volume_month_avg", "commission_year"), "number"),
    **dict.fromkeys(("pnl_rate_6m", "turnover"), "number"),
    **dict.fromkeys(("opened_on", "last_trade_on", "day", "period_start", "event_on"), "date"),
    "tags": "texts",
}
ORDER: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
MAX_LENGTH = 1000


class ScopeError(HuifangError):
    """Mend the expression at the column the message names."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    text: str
    test: Test

    def __call__(self, facts: Facts) -> bool:
        """Whether it holds for these facts; a missing fact makes its comparison false."""
        return self.test(facts)


def parse_scope(text: str) -> Expression:
    """Compile ``text``; ScopeError names the column of the first mistake."""
    if len(text) > MAX_LENGTH:
        raise ScopeError(f"column 1: longer than {MAX_LENGTH} characters; split the programme")
    try:
        return Expression(text, _test(ast.parse(text.strip(), mode="eval").body))
    except SyntaxError as error:
        raise ScopeError(f"column {error.offset or 1}: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError):
        raise ScopeError("column 1: not an expression; nested too deeply or a character that cannot be read") from None


def _refuse(node: ast.expr, message: str) -> NoReturn:
    raise ScopeError(f"column {node.col_offset + 1}: {message}")


def _test(node: ast.expr) -> Test:
    match node:
        case ast.Name(id="all"):
            return lambda _: True
        case ast.BoolOp(op=ast.And(), values=values):
            every = [_test(value) for value in values]
            return lambda facts: all(test(facts) for test in every)
        case ast.BoolOp(values=values):
            either = [_test(value) for value in values]
            return lambda facts: any(test(facts) for test in either)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _test(operand)
            return lambda facts: not inner(facts)
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as sign], comparators=[right]):
            return _member(left, right, negated=isinstance(sign, ast.NotIn))
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in ORDER:
            return _compare(left, ORDER[type(sign)], right)
    _refuse(node, "give a comparison such as status == 'active', joined by and, or, not; or all")


def _compare(left: ast.expr, holds: Callable[..., bool], right: ast.expr) -> Test:
    kinds = _kind(left), _kind(right)
    wanted: Kind = "date" if "date" in kinds else kinds[0]
    one, other = _value(left, wanted), _value(right, wanted)

    def test(facts: Facts) -> bool:
        mine, theirs = one(facts), other(facts)
        return mine is not None and theirs is not None and holds(mine, theirs)

    return test


def _member(left: ast.expr, right: ast.expr, *, negated: bool) -> Test:
    one = _value(left, "text")
    if isinstance(right, ast.Tuple | ast.List):
        listed = [_value(item, "text")({}) for item in right.elts if _is_constant(item)]
        return lambda facts: (value := one(facts)) is not None and (value in listed) is not negated
    name = right.id if isinstance(right, ast.Name) else ""
    if FIELDS.get(name) != "texts":
        _refuse(right, "after `in` write a list ('a', 'b') or the field tags")

    def test(facts: Facts) -> bool:
        value, members = one(facts), facts.get(name)
        return value is not None and isinstance(members, list | tuple) and (value in members) is not negated

    return test


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or _refuse(node, "only texts can stand in a list")


def _kind(node: ast.expr) -> Kind:
    match node:
        case ast.Name(id=name) if name in FIELDS:
            return FIELDS[name]
        case ast.Constant(value=str()):
            return "text"
        case ast.Constant(value=value) if type(value) in (int, float):
            return "number"
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) in (int, float):
            return "number"
    _refuse(node, f"give a field, a 'text' or a number; fields are {', '.join(FIELDS)}")


def _value(node: ast.expr, wanted: Kind) -> Get:
    kind = _kind(node)
    if wanted == "texts" or (kind != wanted and not (wanted == "date" and isinstance(node, ast.Constant))):
        _refuse(node, f"cannot compare {kind} with {wanted}")
    if isinstance(node, ast.Name):
        name = node.id
        return lambda facts: facts.get(name)
    literal: FieldValue = ast.literal_eval(node)
    if wanted == "date":
        literal = _date(node, str(literal))
    return lambda _: literal


def _date(node: ast.expr, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(node, f"{text!r} is not a date; write '2026-01-31'")
