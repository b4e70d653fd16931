"""The single values of the language: text, counts, durations, ratios, choices, lists of words.

Each shape has `read(node, problems)`, which gives the value or raises a `FieldError` that says what to write.
They are plain classes: dataclasses would add a third of a millisecond each to the start of every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError, Problems, listed

ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NUMBER: Final = r"(\d{1,9}(?:\.\d{1,6})?)"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_ISO: Final = re.compile(rf"P(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?")
_SECONDS: Final = (86_400, 3_600, 60, 1)
_TEN_YEARS: Final = 3650 * 86_400
_MAX_DECIMALS: Final = 12

# ruff: noqa: D102, ARG002 - `Shape.read` is described once; not every shape needs both arguments


class Shape(Protocol):
    """How one value is read."""

    def read(self, node: Node, problems: Problems) -> Any:
        """The value; raises FieldError."""
        ...


class Raw:
    """Any value, left as a node for a reader that knows more. `hint` says in words what belongs there."""

    __slots__ = ("hint",)

    def __init__(self, hint: str = "any value") -> None:
        self.hint = hint

    def read(self, node: Node, problems: Problems) -> Node:
        return node


class Text:
    """Text; a number is taken as it is written."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> str:
        return text_of(node).text


class Identifier:
    """An id of the language."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> str:
        scalar = text_of(node)
        check_id(scalar)
        return scalar.text


class Boolean:
    """`true` or `false`."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> bool:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return value
        raise FieldError(node, f"expected true or false, found {describe(node)}")


class Count:
    """A whole number."""

    __slots__ = ("least", "most")

    def __init__(self, least: int = 1, most: int = 1_000_000_000) -> None:
        self.least = least
        self.most = most

    def read(self, node: Node, problems: Problems) -> int:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int):
            raise FieldError(node, f"expected a whole number, found {describe(node)}")
        if not self.least <= value <= self.most:
            raise FieldError(node, f"{value} is out of range: at least {self.least}, at most {self.most}")
        return value


class Duration:
    """A time span, read as seconds."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> float:
        scalar = text_of(node, "a duration")
        text = scalar.text.strip()
        if scalar.plain and isinstance(scalar.value, int | float):
            raise FieldError(node, f"{text}: say the unit, e.g. {text}s or {text}m")
        match = _DURATION.fullmatch(text) or _ISO.fullmatch(text.upper())
        if match is None or not any(match.groups()):
            raise FieldError(node, f"{text!r} is no duration: write it like 90s, 30m, 2h, 1d, 1h30m or PT30M")
        seconds = sum(float(n) * unit for n, unit in zip(match.groups(), _SECONDS, strict=True) if n)
        if not 0 < seconds <= _TEN_YEARS:
            raise FieldError(node, f"{text!r} is out of range: more than nothing, at most 3650d")
        return seconds


class Choice:
    """One of some words. `later` are words of the language that this version does not know yet."""

    __slots__ = ("later", "options")

    def __init__(self, options: tuple[str, ...], later: tuple[str, ...] = ()) -> None:
        self.options = options
        self.later = later

    def read(self, node: Node, problems: Problems) -> str:
        scalar = text_of(node, f"one of {listed(self.options)}")
        if scalar.text in self.options:
            return scalar.text
        if scalar.text in self.later:
            raise FieldError(
                node, f"{scalar.text!r} is not supported yet: write one of {listed(self.options)}"
            )
        guess = problems.guess(scalar.text, self.options)
        raise FieldError(node, f"{scalar.text!r} is not one of {listed(self.options)}{guess}")


class Words:
    """A list of words, or one word; read as their nodes, so that each keeps its place."""

    __slots__ = ("what",)

    def __init__(self, what: str = "names") -> None:
        self.what = what

    def read(self, node: Node, problems: Problems) -> tuple[Scalar, ...]:
        if isinstance(node, Sequence):
            return tuple(text_of(item, f"a list of {self.what}") for item in node.items)
        if isinstance(node, Scalar) and node.value is not None:
            return (node,)
        raise FieldError(node, f"expected a list of {self.what}, found {describe(node)}")


class Counters:
    """Names with counts: `{gpu: 1}`."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, (key, value) in mapping_of(node).entries.items():
            check_id(key)
            try:
                counts[name] = Count(1).read(value, problems)
            except FieldError as error:
                raise FieldError(value, f"{name!r}: {error.message}") from None
        return counts


def text_of(node: Node, what: str = "text") -> Scalar:
    """The node itself if it is a text (a number counts as written).

    Raises:
        FieldError: it is a list, a mapping or nothing.
    """
    if node.__class__ is Scalar and (node.text or not node.plain) and node.value is not None:
        return node
    raise FieldError(node, f"expected {what}, found {describe(node)}")


def mapping_of(node: Node) -> Mapping:
    """The node itself if it is a mapping.

    Raises:
        FieldError: it is something else.
    """
    if isinstance(node, Mapping):
        return node
    if (
        isinstance(node, Sequence)
        and node.items
        and all(isinstance(i, Mapping) and i.value("id") for i in node.items)
    ):
        raise FieldError(
            node, "expected a mapping, found a list: write `the-id: {…}` instead of `- id: the-id`"
        )
    raise FieldError(node, f"expected a mapping, found {describe(node)}")


def check_id(scalar: Scalar) -> None:
    """Raises FieldError unless the text is an id."""
    if not ID.fullmatch(scalar.text):
        hint = "a letter, then letters, digits, _ and -, at most 64 in all"
        raise FieldError(scalar, f"{_short(scalar.text)} is no id: {hint}")


def ratio(text: str, node: Node) -> Decimal:
    """A number from 0 to 1, exactly as written.

    Raises:
        FieldError: it is none.
    """
    try:
        number = (
            Decimal(text)
            if re.fullmatch(r"[-+]?[0-9]*\.?[0-9]*", text) and len(text) <= 40
            else Decimal("NaN")
        )
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_nan():
        raise FieldError(node, f"expected a number from 0 to 1, found {_short(text)}")
    if not 0 <= number <= 1:
        guess = f": did you mean {number.normalize() / 100:f}?" if 2 <= number <= 100 else ""
        raise FieldError(node, f"{text} is not from 0 to 1{guess}")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _MAX_DECIMALS:
        raise FieldError(node, f"{text} has more than {_MAX_DECIMALS} decimals")
    return number


def describe(node: Node) -> str:
    """What stands there, for a sentence that begins with `expected`."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    assert isinstance(node, Scalar)
    value = node.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {node.text}"
    if isinstance(value, int | float):
        return f"the number {node.text}"
    return f"the text {_short(value)}"


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57] + "…")


FOREIGN: Final[AbstractMapping[str, str]] = {
    "depends_on": "write 'needs'",
    "depends": "write 'needs'",
    "dependencies": "write 'needs'",
    "requires": "write 'needs'",
    "after": "write 'needs'",
    "if": "write 'when' (not supported yet)",
    "name": "write 'title'",
    "steps": "write 'tasks'",
    "jobs": "write 'tasks'",
    "stages": "write 'phases'",
    "command": "write 'run'",
    "cmd": "write 'run'",
    "script": "write 'run'",
    "id": "the id is the key of the mapping: leave 'id' out",
    "status": "a plan holds no state: leave it out, the run keeps it",
    "state": "a plan holds no state: leave it out, the run keeps it",
    "environment": "write 'env'",
    "working_directory": "write 'cwd'",
    "continue_on_error": "write 'allow_failure: true'",
    "continue-on-error": "write 'allow_failure: true'",
    "strategy": "write 'matrix: {NAME: [values]}'",
    "retries": "write 'retry: {attempts: N}'",
    "parallelism": "write 'limits: {parallel: N}'",
    "artifacts": "write 'outputs'",
    "variables": "write 'vars'",
    "version": "write 'orchharness: 1'",
}
"""Words of other tools, and what to write here."""
