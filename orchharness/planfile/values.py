"""The single values of the language: text, counts, durations, ratios, choices, lists of words.

Each shape has `read(node, problems)`, which gives the value or raises a `FieldError` that says what to write.
They are plain classes: dataclasses would add a third of a millisecond each to the start of every run.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError, Problems, listed

ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_YES: Final = frozenset({"true", "yes", "on", "y", "1"})
_NO: Final = frozenset({"false", "no", "off", "n", "0"})
_NAMING: Final = ("id", "name", "key", "task", "gate", "phase", "track")
_MAX_DECIMALS: Final = 12
_MOST_MONEY: Final = 1_000_000_000

# ruff: noqa: D102, ARG002 - `Shape.read` is described once; not every shape needs both arguments


class Shape(Protocol):
    """How one value is read."""

    def read(self, node: Node, problems: Problems) -> Any:
        """The value; raises FieldError."""
        ...


class Raw:
    """Any value, left as a node for a reader that knows more.

    `hint` says in words what belongs there, `form` names its JSON Schema in `export`.
    """

    __slots__ = ("form", "hint")

    def __init__(self, hint: str = "any value", form: str = "") -> None:
        self.hint = hint
        self.form = form

    def read(self, node: Node, problems: Problems) -> Node:
        return node


class Text:
    """Text; a number is taken as it is written."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> str:
        return no_boolean(text_of(node)).text


class Identifier:
    """An id of the language."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> str:
        scalar = no_boolean(text_of(node))
        check_id(scalar)
        return scalar.text


class Boolean:
    """`true` or `false`."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> bool:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return value
        word = node.text.lower() if isinstance(node, Scalar) else ""
        write = ": write true" if word in _YES else ": write false" if word in _NO else ""
        raise FieldError(node, f"expected true or false, found {describe(node)}{write}")


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


class Money:
    """An amount of US dollars, more than nothing, exactly as written."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> Decimal:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(node, Scalar):
            found = re.search(r"[0-9]+(?:\.[0-9]+)?", node.text) if isinstance(node, Scalar) else None
            write = f": write {found[0]}" if found is not None else ""
            raise FieldError(node, f"expected a number of US dollars, found {describe(node)}{write}")
        if not 0 < value <= _MOST_MONEY:
            raise FieldError(
                node, f"{short(node.text)} is out of range: more than nothing, at most {_MOST_MONEY:,}"
            )
        return Decimal(str(value))


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
        from orchharness.planfile.foreign import SYNONYMS  # only where something is wrong

        same = SYNONYMS.get(scalar.text.lower().replace("-", "_"))
        guess = (
            f"; did you mean {same!r}?" if same in self.options else problems.guess(scalar.text, self.options)
        )
        raise FieldError(node, f"{short(scalar.text)} is not one of {listed(self.options)}{guess}")


class Words:
    """A list of words, or one word; read as their nodes, so that each keeps its place."""

    __slots__ = ("options", "what")

    def __init__(self, what: str = "names", options: tuple[str, ...] = ()) -> None:
        self.what = what
        self.options = options  # what the words may be, where that is known; who uses them says so

    def read(self, node: Node, problems: Problems) -> tuple[Scalar, ...]:
        if isinstance(node, Sequence):
            return tuple(text_of(item, f"only {self.what} in the list") for item in node.items)
        if isinstance(node, Scalar) and node.value is not None:
            return (node,)
        names = list(node.entries) if isinstance(node, Mapping) else []
        write = f": write [{', '.join(names)}]" if names and all(map(ID.fullmatch, names)) else ""
        raise FieldError(node, f"expected a list of {self.what}, found {describe(node)}{write}")


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


def no_boolean(scalar: Scalar, what: str = "text", *, numbers: bool = True) -> Scalar:
    """The scalar itself, unless it means something else than text.

    Raises:
        FieldError: it is a boolean (or a number, when `numbers` is False).
    """
    value = scalar.value if scalar.plain else None
    if isinstance(value, bool) or (not numbers and isinstance(value, int | float)):
        raise FieldError(
            scalar, f"expected {what}, found {describe(scalar)}: put it in quotes when it is text"
        )
    return scalar


def mapping_of(node: Node, write: str = "") -> Mapping:
    """The node itself if it is a mapping.

    Raises:
        FieldError: it is something else; the message ends with `write`, unless it can say more.
    """
    if isinstance(node, Mapping):
        return node
    key = _naming_key(node)
    if key:
        first = node.items[0].value(key)  # type: ignore[attr-defined]
        name = first.text if isinstance(first, Scalar) and ID.fullmatch(first.text) else f"the-{key}"
        raise FieldError(
            node, f"expected a mapping, found a list: write `{name}: {{…}}` instead of `- {key}: {name}`"
        )
    raise FieldError(node, f"expected a mapping, found {describe(node)}{write}")


def _naming_key(node: Node) -> str | None:
    """`id` for a list whose items all have an `id`, or what else names them."""
    if not isinstance(node, Sequence) or not node.items:
        return None
    items = [item for item in node.items if isinstance(item, Mapping)]
    return next(
        (key for key in _NAMING if len(items) == len(node.items) and all(i.value(key) for i in items)), None
    )


def check_id(scalar: Scalar) -> None:
    """Raises FieldError unless the text is an id."""
    if not ID.fullmatch(scalar.text):
        hint = "a letter, then letters, digits, _ and -, at most 64 in all"
        raise FieldError(scalar, f"{short(scalar.text)} is no id: {hint}")


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
        raise FieldError(node, f"expected a number from 0 to 1, found {short(text)}{_meant_ratio(text)}")
    if not 0 <= number <= 1:
        guess = f": did you mean {number.normalize() / 100:f}?" if 2 <= number <= 100 else ""
        raise FieldError(node, f"{text} is not from 0 to 1{guess}")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _MAX_DECIMALS:
        raise FieldError(node, f"{text} has more than {_MAX_DECIMALS} decimals")
    return number


def _meant_ratio(text: str) -> str:
    """`: did you mean 0.92?` for `92%`, `92/100` and `0,92`, else nothing."""
    if match := re.fullmatch(r"([0-9]{1,3})(?:\.[0-9]{1,6})?\s*(?:%|/\s*100)", text.strip()):
        number = Decimal(re.split(r"[\s%/]", text.strip())[0]) / 100
        return f": did you mean {number.normalize():f}?" if int(match.group(1)) <= 100 else ""
    if match := re.fullmatch(r"([01]),([0-9]{1,6})", text.strip()):
        return f": did you mean {match.group(1)}.{match.group(2)}?"
    return ""


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
    return f"the text {short(value)}"


def short(text: str) -> str:
    """The text in quotes, cut off where it is long."""
    return repr(text) if len(text) <= 60 else repr(text[:57] + "…")
