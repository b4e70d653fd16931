"""The tree of a plan file: nodes that know their places, and what plain words mean by the YAML 1.2 core rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,64}|0o[0-7]{1,64}|0x[0-9a-fA-F]{1,64}")
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]{1,64}|[0-9]{1,64}(\.[0-9]{0,64})?)([eE][-+]?[0-9]{1,4})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class Node:
    """A value of the file; line and column count from 1. `source` is there only in fragments: ask `fragment_of`."""

    __slots__ = ("column", "line", "source")

    source: Fragment | None

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


class Fragment:
    """One place at which a fragment is included; `at` is the path there, `outer` the fragment in which that stands.

    `declared` are the fragment's variables, `given` the values that stand beside the include.
    """

    __slots__ = ("at", "declared", "given", "outer", "path", "prefix", "shown", "text")

    def __init__(
        self,
        *,
        path: Path,
        shown: str,
        text: str,
        at: Node,
        outer: Fragment | None,
        prefix: str,
        given: dict[str, tuple[Scalar, Node]],
    ) -> None:
        self.path, self.shown, self.text = path, shown, text
        self.at, self.outer, self.prefix, self.given = at, outer, prefix, given
        self.declared: dict[str, tuple[Scalar, Any]] = {}


def fragment_of(node: Node | None) -> Fragment | None:
    """The fragment that the node is from; None for the plan itself."""
    return getattr(node, "source", None)


class Scalar(Node):
    """One word or text, as written. `plain`: without quotes, so that it may mean a number or a boolean."""

    __slots__ = ("plain", "text")

    def __init__(self, line: int, column: int, text: str, plain: bool) -> None:
        self.line = line
        self.column = column
        self.text = text
        self.plain = plain

    @property
    def value(self) -> str | int | float | bool | None:
        """What the text means by the YAML 1.2 core rules."""
        text = self.text
        if not self.plain:
            return text
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        if _FLOAT.fullmatch(text):
            return _float(text)
        return text


class Inside(Scalar):
    """A word of a fragment that was rendered: it names something in it."""

    __slots__ = ()

    def __init__(self, written: Scalar, text: str) -> None:
        super().__init__(written.line, written.column, text, plain=False)
        self.source = fragment_of(written)


class Outside(Inside):
    """A word of a fragment that was rendered with what was handed over: it names something outside of it."""

    __slots__ = ()


def prefixes(word: Scalar | None, *, lexical: bool = False) -> list[str]:
    """What may stand before the name that the word means, in the order in which it is looked for.

    A word of a fragment names what is in the fragment; with `lexical` also what is around it.
    """
    fragment = fragment_of(word)
    if fragment is None:
        return [""]
    found = [] if isinstance(word, Outside) else [fragment.prefix]
    if lexical or isinstance(word, Outside):
        while fragment.outer is not None:
            fragment = fragment.outer
            found.append(fragment.prefix)
        found.append("")
    return found


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        self.items: list[Node] = []


class Mapping(Node):
    """A mapping: the text of each key → the key's node and its value, in the order of the file."""

    __slots__ = ("entries", "lossy")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        self.lossy = False  # a key of it was refused: do not complain about what is missing
        self.entries: dict[str, tuple[Scalar, Node]] = {}

    def value(self, key: str) -> Node | None:
        """The value of that key, if it is there."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


def to_python(node: Node) -> Any:
    """The node as plain values, as YAML's core schema has them; keys are text."""
    if isinstance(node, Mapping):
        return {key: to_python(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [to_python(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.value


def _float(text: str) -> float:
    # Python has no dot before inf and nan.
    return float(text.replace(".", "") if text[-1] in "fFnN" else text)
