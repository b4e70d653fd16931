"""Conditions: whether the expression of a `when` holds.

Nothing counts as true but `true`: text, numbers and lists where true or false is wanted are faults, not guesses. A
fault is an error with its reason, never a silent no.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from orchharness.core.expressions import CONSTANTS, Expression, key_of, kind_of
from orchharness.errors import ConditionError
from orchharness.record import record

COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, among: value in among,
    ast.NotIn: lambda value, among: value not in among,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: Final[Mapping[str, Callable[[Any], Any]]] = {"len": len, "int": int, "float": float}


@record
class Values:
    """What a condition may look at. `content` is the parsed content of an input; each may raise an OrchError."""

    variables: Mapping[str, str]
    content: Callable[[str], Any]
    status: Callable[[str], str]
    score: Callable[[str], float | None]
    verdict: Callable[[str], str]


def evaluate(expression: Expression, values: Values) -> bool:
    """Whether the condition holds.

    Raises:
        OrchError: it cannot be told; the message says why.
    """
    try:
        return _truth(expression.tree, values)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ConditionError(str(error)) from None


def _truth(node: ast.expr, values: Values) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_truth(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_truth(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _truth(part, values)
        case _:
            found = _value(node, values)
    if not isinstance(found, bool):
        raise ConditionError(f"{ast.unparse(node)} is {kind_of(found)}, not true or false: compare it")
    return found


def _value(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Attribute() | ast.Subscript():
            return _member(node, values)
        case ast.Call(func=ast.Name(id=name), args=[given]):
            return _called(name, given, values)
        case ast.Compare():
            return _compared(node, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(left, values), _number(right, values))
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return -_number(part, values)
        case ast.BoolOp() | ast.UnaryOp():
            return _truth(node, values)
        case _:
            return _written(node, values)


def _written(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return CONSTANTS[name]
        case _:
            assert isinstance(node, ast.List | ast.Tuple), "the forms that can be read are those"
            return [_value(part, values) for part in node.elts]


def _called(name: str, given: ast.expr, values: Values) -> Any:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](_value(given, values))
    item = str(_value(given, values))
    return {"status": values.status, "score": values.score, "verdict": values.verdict}[name](item)


def _member(node: ast.Attribute | ast.Subscript, values: Values) -> Any:
    inner, key = node.value, key_of(node)
    if isinstance(inner, ast.Name):
        return values.variables[str(key)] if inner.id == "vars" else values.content(str(key))
    found = _value(inner, values)
    if isinstance(inner, ast.Attribute | ast.Subscript) and _is_input(inner):
        return found  # `inputs.NAME.json`
    try:
        if isinstance(found, Mapping):
            return found[key]
        if isinstance(found, list) and isinstance(key, int):
            return found[key]
    except (KeyError, IndexError):
        raise ConditionError(f"{ast.unparse(inner)} has no {key!r}") from None
    raise ConditionError(f"{ast.unparse(inner)} is {kind_of(found)} and has no {key!r}")


def _is_input(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "inputs"


def _compared(node: ast.Compare, values: Values) -> bool:
    left_node, left = node.left, _value(node.left, values)
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = _value(right_node, values)
        try:
            holds = COMPARISONS[type(op)](left, right)
        except TypeError:
            sides = (
                f"{ast.unparse(left_node)} is {kind_of(left)}, {ast.unparse(right_node)} is {kind_of(right)}"
            )
            raise ConditionError(f"these cannot be compared so: {sides}") from None
        if not holds:
            return False
        left_node, left = right_node, right
    return True


def _number(node: ast.expr, values: Values) -> int | float:
    found = _value(node, values)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConditionError(f"{ast.unparse(node)} is {kind_of(found)}, not a number")
    return found
