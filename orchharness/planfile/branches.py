"""Exclusive branches: two tasks whose conditions can never both hold do not run at once.

Told from the words alone: one condition holds another's contrary, or both compare the same thing with constants that
leave nothing in common. What cannot be told counts as possible.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from orchharness.core.conditions import COMPARISONS
from orchharness.core.expressions import parse
from orchharness.core.plan import Condition, Input, Task
from orchharness.core.status import SUCCESS

_CONTRARY: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.In: ast.NotIn,
    ast.Is: ast.IsNot,
}
_CONTRARIES: Final = _CONTRARY | {there: here for here, there in _CONTRARY.items()}
_TURNED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}


class _Fact(NamedTuple):
    """A comparison of something with a constant."""

    about: str
    op: type[ast.cmpop]
    value: Any


def exclusive(one: Task, other: Task) -> bool:
    """Whether the conditions of the two can never both hold."""
    if not (one.when and other.when):
        return False
    first, second = list(_facts(one)), list(_facts(other))
    denied = {ast.dump(_denied(fact)) for fact in first}
    if any(ast.dump(fact) in denied for fact in second):
        return True
    left, right = list(_comparisons(first)), list(_comparisons(second))
    return any(a.about == b.about and _nothing_common(a, b) for a in left for b in right)


def _facts(task: Task) -> Iterator[ast.expr]:
    """All that holds when the task's conditions do; what it reads of inputs by where these are from."""
    return _parts(task.when, {i.name: i for i in task.inputs})


def _parts(conditions: Iterable[Condition], sources: dict[str, Input]) -> Iterator[ast.expr]:
    for condition in conditions:
        meant = _Meant(condition).visit(ast.parse(parse(condition.text).text, mode="eval").body)
        todo: list[ast.expr] = [_Sources(sources).visit(meant)]
        while todo:
            fact = _plain(todo.pop())
            yield fact
            if isinstance(fact, ast.BoolOp) and isinstance(fact.op, ast.And):
                todo += fact.values


def asks_only_for(condition: Condition, item: str) -> frozenset[str]:
    """The states of which the item must have one for the condition to hold; empty: it asks for none, or for good ones too."""
    own = {ast.dump(ast.parse(f"{what}({item!r})", mode="eval").body) for what in ("status", "verdict")}
    for fact in _comparisons(list(_parts([condition], {}))):
        only = _only(fact) if fact.about in own else None
        if only is not None and not SUCCESS.intersection(only):
            return frozenset(only)
    return frozenset()


class _Meant(ast.NodeTransformer):
    """Puts the items that are meant in place of ids as they are written, and tells variables of fragments apart."""

    def __init__(self, condition: Condition) -> None:
        self._ids = condition.ids
        self._variables = dict(condition.scope.vars) if condition.scope is not None else None

    def visit_Call(self, node: ast.Call) -> ast.expr:  # noqa: N802 - so it is called by `ast`
        ids = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in node.args]
        if ids and ids[0] in self._ids:
            return ast.Call(func=node.func, args=[ast.Constant(self._ids[ids[0]])], keywords=[])
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:  # noqa: N802
        own = node.id == "vars" and self._variables is not None
        return ast.Name(f"vars of {sorted(self._variables.items())}") if own and self._variables else node


class _Sources(ast.NodeTransformer):
    """Two tasks may call different things by one name."""

    def __init__(self, inputs: dict[str, Input]) -> None:
        self._inputs = inputs

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # noqa: N802 - so it is called by `ast`
        found = node.value
        if isinstance(found, ast.Name) and found.id == "inputs":
            known = self._inputs.get(node.attr)
            if known is None:
                return node
            return ast.Name(id=f"{known.sources} {known.gathered}", ctx=ast.Load())
        return self.generic_visit(node)


def _plain(fact: ast.expr) -> ast.expr:
    """The same without `not` where that can be said otherwise, constants on the right."""
    if isinstance(fact, ast.UnaryOp) and isinstance(fact.op, ast.Not):
        return _denied(fact.operand)
    if isinstance(fact, ast.Compare) and len(fact.ops) == 1 and isinstance(fact.left, ast.Constant):
        turned = _TURNED.get(type(fact.ops[0]))
        if turned is not None:
            return ast.Compare(left=fact.comparators[0], ops=[turned()], comparators=[fact.left])
    return fact


def _denied(fact: ast.expr) -> ast.expr:
    fact = _plain(fact)
    if isinstance(fact, ast.UnaryOp) and isinstance(fact.op, ast.Not):
        return fact.operand
    if isinstance(fact, ast.Compare) and len(fact.ops) == 1:
        contrary = _CONTRARIES[type(fact.ops[0])]()
        return ast.Compare(left=fact.left, ops=[contrary], comparators=fact.comparators)
    return ast.UnaryOp(op=ast.Not(), operand=fact)


def _comparisons(facts: list[ast.expr]) -> Iterator[_Fact]:
    for fact in facts:
        if isinstance(fact, ast.Compare) and len(fact.ops) == 1:
            try:
                value = ast.literal_eval(fact.comparators[0])
            except ValueError:
                continue
            yield _Fact(ast.dump(fact.left), type(fact.ops[0]), value)


def _nothing_common(one: _Fact, other: _Fact) -> bool:
    for some, more in ((one, other), (other, one)):
        values = _only(some)
        if values is not None:
            return not any(_fits(value, more) for value in values)
    return _is_above(one, other) or _is_above(other, one)


def _only(fact: _Fact) -> list[Any] | None:
    """The only values that fit, where these are few."""
    if fact.op is ast.Eq:
        return [fact.value]
    return list(fact.value) if fact.op is ast.In and isinstance(fact.value, list | tuple) else None


def _fits(value: Any, fact: _Fact) -> bool:
    """Whether it may; what cannot be compared may."""
    test = COMPARISONS[fact.op]
    try:
        return test(value, fact.value)
    except TypeError:
        return True


def _is_above(high: _Fact, low: _Fact) -> bool:
    if high.op not in {ast.Gt, ast.GtE} or low.op not in {ast.Lt, ast.LtE}:
        return False
    if not (isinstance(high.value, int | float) and isinstance(low.value, int | float)):
        return False
    both = high.op is ast.GtE and low.op is ast.LtE
    return high.value > low.value if both else high.value >= low.value
