"""An expression of a pack in Chinese and English words: 总资产不低于 10,000,000 / total assets of at least 10,000,000.

The rule of this module: the words say what the expression says and nothing else. An ``and`` inside an ``or``, or the
other way round, stands in brackets, so that two expressions that differ never read alike.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from decimal import Decimal

from dialer.programmes import words_tables as tables
from dialer.programmes.said import Said, either, quoted, say, word
from dialer.programmes.scope import Expression, ScopeError, read_tree

ALL = Said("全部客户", "all clients")
COMPARED: Mapping[type[ast.cmpop], Said] = {
    ast.Eq: Said("{left}等于 {right}", "{left} equal to {right}"),
    ast.NotEq: Said("{left}不等于 {right}", "{left} other than {right}"),
    ast.Lt: Said("{left}低于 {right}", "{left} below {right}"),
    ast.LtE: Said("{left}不高于 {right}", "{left} of at most {right}"),
    ast.Gt: Said("{left}高于 {right}", "{left} above {right}"),
    ast.GtE: Said("{left}不低于 {right}", "{left} of at least {right}"),
}
DATED: Mapping[type[ast.cmpop], Said] = {
    ast.Eq: Said("{left}为{right}", "{left} on {right}"),
    ast.NotEq: Said("{left}不是{right}", "{left} other than {right}"),
    ast.Lt: Said("{left}早于{right}", "{left} before {right}"),
    ast.LtE: Said("{left}不晚于{right}", "{left} not after {right}"),
    ast.Gt: Said("{left}晚于{right}", "{left} after {right}"),
    ast.GtE: Said("{left}不早于{right}", "{left} not before {right}"),
}
IS = Said("{left}为{right}", "{left}: {right}")
IS_NOT = Said("{left}不是{right}", "{left}: not {right}")
TAGGED = Said("有标签“{tag}”", "tagged “{tag}”")
UNTAGGED = Said("没有标签“{tag}”", "not tagged “{tag}”")
SUMS: Mapping[type[ast.operator], Said] = {
    ast.Add: Said("{left}加 {right}", "{left} plus {right}"),
    ast.Sub: Said("{left}减 {right}", "{left} minus {right}"),
    ast.Mult: Said("{left}乘 {right}", "{left} times {right}"),
}
DATES = frozenset({"opened_on", "last_trade_on", "day", "period_start", "event_on", "event.due_on"})


def whom(expression: Expression) -> Said:
    """An expression about a client in words."""
    return _Teller(answers=False).test(read_tree(expression.text))


def answered(expression: Expression) -> Said:
    """A pass rule, an expression over the answers of the call, in words."""
    return _Teller(answers=True).test(read_tree(expression.text))


class _Teller:
    """Tells one tree; ``answers`` says that its names are the keys of questions."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers

    def test(self, node: ast.expr) -> Said:
        match node:
            case ast.Name(id="all"):
                return Said("不另设条件", "no further condition") if self._answers else ALL
            case ast.BoolOp(op=ast.And(), values=values):
                return _joined([self._inner(value) for value in values], Said("，且", ", and "))
            case ast.BoolOp(values=values):
                return _joined([self._inner(value) for value in values], Said("，或", ", or "))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return say("并非（{inner}）", "not ({inner})", inner=self.test(operand))
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as sign], comparators=[right]):
                return self._member(left, right, negated=isinstance(sign, ast.NotIn))
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self._compare(left, sign, right)
        raise ScopeError(f"column {node.col_offset + 1}: nothing that can be put into words")

    def _inner(self, node: ast.expr) -> Said:
        said = self.test(node)
        return say("（{said}）", "({said})", said=said) if isinstance(node, ast.BoolOp) else said

    def _compare(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Said:
        name = _name(left) or _name(right)
        form = _form(sign, left, right)
        return say(form.zh, form.en, left=self._term(left, name), right=self._term(right, name))

    def _member(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Said:
        if not isinstance(right, ast.Tuple | ast.List):
            form = UNTAGGED if negated else TAGGED
            return say(form.zh, form.en, tag=self._value(left, "tags"))
        form = IS_NOT if negated else IS
        listed = either([self._value(item, _name(left)) for item in right.elts])
        return say(form.zh, form.en, left=self._value(left, ""), right=listed)

    def _value(self, node: ast.expr, about: str) -> Said:
        """A field, a number, or a text as a value of the field ``about``."""
        match node:
            case ast.Name(id=name):
                return self._field(name)
            case ast.Attribute(attr=name):
                return word(tables.CARRIED, name)
            case ast.Constant(value=str() as text):
                return self._text(text, about)
            case ast.BinOp(left=left, op=sign, right=right):
                form = SUMS[type(sign)]
                return say(form.zh, form.en, left=self._term(left, ""), right=self._term(right, ""))
            case ast.UnaryOp(operand=ast.Constant(value=number)):
                return _number(number, minus="-")
            case ast.Constant(value=number):
                return _number(number)
        raise ScopeError(f"column {node.col_offset + 1}: nothing that can be put into words")

    def _term(self, node: ast.expr, about: str) -> Said:
        said = self._value(node, about)
        return say("（{said}）", "({said})", said=said) if isinstance(node, ast.BinOp) else said

    def _field(self, name: str) -> Said:
        if name in tables.FIELDS:
            return tables.FIELDS[name]
        said = word(tables.ANSWERS, name)
        return say("“{said}”", "“{said}”", said=said) if name in tables.ANSWERS else said

    def _text(self, text: str, about: str) -> Said:
        if about in DATES:
            return Said(text, text)
        if about.startswith("event."):
            return word(tables.CARRIED_VALUES, text)
        if about in tables.FIELD_VALUES:
            return word(tables.FIELD_VALUES[about], text)
        known = self._answers and text in tables.ANSWER_VALUES
        return tables.ANSWER_VALUES[text] if known else quoted(text)


def _joined(parts: list[Said], between: Said) -> Said:
    return Said(between.zh.join(part.zh for part in parts), between.en.join(part.en for part in parts))


def _name(node: ast.expr) -> str:
    """The field that a node is; empty for a constant or a sum."""
    if isinstance(node, ast.Attribute):
        return f"event.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _form(sign: ast.cmpop, left: ast.expr, right: ast.expr) -> Said:
    if {_name(left), _name(right)} & DATES:
        return DATED[type(sign)]
    text = isinstance(sign, ast.Eq | ast.NotEq) and not (_is_number(left) or _is_number(right))
    return (IS if isinstance(sign, ast.Eq) else IS_NOT) if text else COMPARED[type(sign)]


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp | ast.UnaryOp) or (
        isinstance(node, ast.Constant) and not isinstance(node.value, str)
    )


def _number(value: object, *, minus: str = "") -> Said:
    """As written, with the thousands apart."""
    text = f"{minus}{Decimal(str(value)):,}"
    return Said(text, text)
