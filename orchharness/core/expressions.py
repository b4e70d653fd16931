"""The expressions of `when`, read: what they may hold, what they read, and what is wrong with them.

They are the few forms of Python that are listed here. There are no attributes of objects, no methods and no loops: an
expression ends, and soon. What other tools write is told by the words to write instead.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from orchharness.core.status import OVER, GateState, TaskState
from orchharness.errors import ConditionError
from orchharness.record import record

MOST = 1_000  # characters
_DEEPEST = 40
_OF_ITEMS: Final = ("status", "score", "verdict")
CONSTANTS: Final[Mapping[str, Any]] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "none": None,
    "None": None,
    "null": None,
}
_KNOWN: Final = "vars.NAME, inputs.NAME.json, status('ID'), score('G'), verdict('G')"
_EXAMPLE: Final = "write a comparison like status('ID') == 'passed', joined by 'and', 'or', 'not'"
FUNCTIONS: Final = ("len", "int", "float")
ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod)
_FOREIGN: Final = (
    (re.compile(r"\{\{|\}\}|\{%|\$\{"), "write the expression alone, without braces around it"),
    (re.compile(r"&&"), "write 'and' for '&&'"),
    (re.compile(r"\|\|"), "write 'or' for '||'"),
    (re.compile(r"!(?!=)"), "write 'not' for '!'"),
    (re.compile(r"\|\s*(length|count)\b"), "write len(…) for '| length'"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "write '==' for '='"),
)
_TASKS: Final = re.compile(r"\b(?:tasks|needs|gates|steps|jobs|nodes)\.([A-Za-z][\w-]*)", re.ASCII)
_BARE: Final = re.compile(r"\b(status|score|verdict)\(\s*([A-Za-z][\w-]*)\s*\)", re.ASCII)
_STRING: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


class Read(NamedTuple):
    """Something an expression reads: `what` is vars, inputs, status, score or verdict."""

    what: str
    name: str


@record(kw_only=False)
class Expression:
    """A condition that can be evaluated."""

    text: str
    tree: ast.expr
    reads: tuple[Read, ...]


@lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """The expression that the text is.

    Raises:
        ConditionError: it is none; the message says what to write instead.
    """
    if not text.strip():
        raise ConditionError(f"it is empty: {_EXAMPLE}")
    if len(text) > MOST:
        raise ConditionError(f"longer than {MOST} characters: let a task decide, and read its output")
    _refuse_foreign(text)
    try:
        with warnings.catch_warnings():  # Python's own about its escapes; they are refused by what they give
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ConditionError(f"{text!r} is no expression: {_EXAMPLE}") from None
    _refuse_depth(tree)
    _refuse_never_true(tree)
    return Expression(text, tree, tuple(dict.fromkeys(_reads(tree))))


def _refuse_foreign(text: str) -> None:
    """What other tools write, told by the words: most of it would parse as something else, or not at all."""
    if found := _TASKS.search(text):
        # `tasks.EN-027` would be a subtraction.
        kind = "a subtraction" if "-" in found[1] else "unknown here"
        raise ConditionError(f"{found[0]!r} is {kind}: write status('{found[1]}')")
    if found := _BARE.search(text):
        raise ConditionError(f"the id stands in quotes: write {found[1]}('{found[2]}')")
    bare = _STRING.sub("''", text)
    for pattern, instead in _FOREIGN:
        if pattern.search(bare):
            raise ConditionError(instead)


def _refuse_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ConditionError("nested too deeply: let a task decide, and read its output")


def _reads(node: ast.expr) -> Iterator[Read]:
    """What the expression reads; raises ConditionError at a form that conditions do not have."""
    if isinstance(node, ast.Compare):
        _refuse_odd_words(node)
        _refuse_identity(node)
    parts = _parts(node)
    if parts is not None:
        for part in parts:
            yield from _reads(part)
    elif isinstance(node, ast.Call):
        yield _item_read(node)
    elif isinstance(node, ast.Attribute | ast.Subscript):
        yield from _member_read(node)
    elif isinstance(node, ast.Name):
        raise ConditionError(f"unknown name {node.id!r} (known here: {_KNOWN})")
    else:
        raise ConditionError(f"{ast.unparse(node)!r} is more than a condition can hold: {_EXAMPLE}")


def _parts(node: ast.expr) -> Sequence[ast.expr] | None:
    """The parts of a form that is plain; None of one that reads something, or that conditions do not have."""
    match node:
        case ast.Constant(value=value) if value is None or type(value) in {str, int, float, bool}:
            return ()
        case ast.Name(id=name) if name in CONSTANTS:
            return ()
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            return (part,)
        case ast.Compare(left=left, comparators=others):
            return (left, *others)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC):
            return (left, right)
        case ast.Call(func=ast.Name(id=name), args=[given], keywords=[]) if name in FUNCTIONS:
            return (given,)
        case _:
            return None


def _item_read(call: ast.Call) -> Read:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    match call:
        case ast.Call(args=[ast.Constant(value=str(item))], keywords=[]) if name in _OF_ITEMS:
            return Read(name, item)
        case _:
            pass
    if name in _OF_ITEMS:
        what = "'G'" if name != "status" else "'ID'"
        raise ConditionError(f"{name} takes one id in quotes: write {name}({what})")
    if name in {"always", "success", "failure", "cancelled"}:
        rule = {"always": "all_done", "success": "all_success"}.get(name)
        instead = (
            f"'trigger_rule: {rule}'" if rule else "status('ID') == 'failed', with 'trigger_rule: all_done'"
        )
        raise ConditionError(f"unknown function '{name}()': write {instead}")
    raise ConditionError(
        f"unknown function {ast.unparse(call.func)!r} (known here: {_KNOWN}, len, int, float)"
    )


def _member_read(node: ast.Attribute | ast.Subscript) -> Iterator[Read]:
    path = list[Any]()
    at: ast.expr = node
    while isinstance(at, ast.Attribute | ast.Subscript):
        path.append(key_of(at))
        at = at.value
    root = at.id if isinstance(at, ast.Name) else ""
    path.reverse()
    if root not in {"vars", "inputs"}:
        if root:
            dotted = ".".join([root, *(str(p) for p in path)])
            raise ConditionError(f"unknown name {root!r} in {dotted!r} (known here: {_KNOWN})")
        yield from _reads(node.value)
        return
    name = path[0]
    if not isinstance(name, str):
        raise ConditionError(f"write {root}.NAME")
    if root == "vars" and len(path) > 1:
        raise ConditionError(f"vars.{name} is a text and has no parts")
    if root == "inputs" and path[1:2] != ["json"]:
        raise ConditionError(f"of an input a condition reads the content: write inputs.{name}.json")
    yield Read(root, name)


def key_of(node: ast.Attribute | ast.Subscript) -> str | int:
    """The member that is named; raises ConditionError when that is computed."""
    if isinstance(node, ast.Attribute):
        return node.attr
    match node.slice:
        case ast.Constant(value=str(key)) | ast.Constant(value=int(key)):
            return key
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(key))):
            return -key
        case _:
            pass
    raise ConditionError("in square brackets stands a key in quotes, or a number")


def _refuse_never_true(node: ast.expr) -> None:
    """Refuse what is no condition whatever it reads, where true or false is wanted."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _refuse_never_true(part)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _refuse_never_true(part)
        case _:
            what = _never_true(node)
            if what:
                raise ConditionError(
                    f"{ast.unparse(node)} is {what}, not true or false: compare it{_hint(node)}"
                )


def _never_true(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id="status" | "verdict")):
            return "a state"
        case ast.Call(func=ast.Name(id="score" | "len" | "int" | "float")) | ast.BinOp() | ast.UnaryOp():
            return "a number"
        case ast.Attribute(value=ast.Name(id="vars")) | ast.Subscript(value=ast.Name(id="vars")):
            return "a text"
        case ast.Constant(value=value) if not isinstance(value, bool):
            return kind_of(value)
        case ast.List() | ast.Tuple():
            return "a list"
        case ast.Name(id=name) if CONSTANTS.get(name, True) is None:
            return "none"
        case _:
            return ""


def _hint(node: ast.expr) -> str:
    shown = ast.unparse(node)
    match node:
        case ast.Call(func=ast.Name(id="status" | "verdict")):
            return f", {shown} == 'passed'"
        case ast.Call(func=ast.Name(id="score")):
            return f", {shown} >= 0.9"
        case ast.Attribute() | ast.Subscript():
            return f", {shown} == 'true'"
        case _:
            return ""


def _refuse_identity(node: ast.Compare) -> None:
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.Is | ast.IsNot) and CONSTANTS.get(ast.unparse(right), right) is not None:
            raise ConditionError("write '==' for 'is', or '!=' for 'is not'; 'is' goes with none alone")


def _refuse_odd_words(node: ast.Compare) -> None:
    """Refuse a state that does not exist: the comparison would be false for ever."""
    parts = [node.left, *node.comparators]
    calls = [p for p in parts if isinstance(p, ast.Call) and isinstance(p.func, ast.Name)]
    asked = {c.func.id for c in calls if isinstance(c.func, ast.Name)} & {"status", "verdict"}
    if not asked:
        return
    # What an item waits for is over when its condition is evaluated.
    states = [*TaskState, *GateState] if "status" in asked else [*GateState]
    known = [s for s in dict.fromkeys(map(str, states)) if s in OVER]
    for part in parts:
        for leaf in part.elts if isinstance(part, ast.List | ast.Tuple) else (part,):
            if isinstance(leaf, ast.Constant) and leaf.value not in known:
                shown = ast.unparse(leaf)
                raise ConditionError(f"nothing ends as {shown} (but as one of: {', '.join(known)})")


def kind_of(value: Any) -> str:
    """What the value is, for people."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"
