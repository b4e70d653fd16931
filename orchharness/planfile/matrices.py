"""Reading `matrix`: its values, and the copies and ids that follow from them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import field
from itertools import product
from typing import Final

from orchharness.planfile.context import Context
from orchharness.planfile.matrix import Copies, Copy, joined, values_of
from orchharness.planfile.nodes import Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.shapes import Fields
from orchharness.planfile.templates import Templates
from orchharness.planfile.values import describe, mapping_of, text_of
from orchharness.planfile.variables import NAME
from orchharness.record import record

_SAFE: Final = re.compile(r"[A-Za-z0-9_.+-]{1,32}")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.+-]+")
_REFERENCE: Final = re.compile(r"[A-Za-z][\w-]*(\[[^\]]*\])?\.[A-Za-z*][\w-]*", re.ASCII)
_MAX_SUFFIX: Final = 64
_MAX_VALUE: Final = 1_000
_SHORT: Final = 24  # characters that are kept of what is no part of an id as it stands
_LATER: Final = {
    "include": "write the combinations as values of the lists",
    "exclude": "leave them out with lists that hold only what is wanted, or with two tasks",
}


@record(frozen=False)
class Matrices:
    """The matrices of one plan while its tasks are made."""

    context: Context
    _taken: dict[str, dict[str, Copies]] = field(default_factory=dict)

    @property
    def problems(self) -> Problems:
        """Where to note what is wrong."""
        return self.context.problems

    def chains(self, fields: Fields, key: Node, outer: Copies = ()) -> Iterator[Copies]:
        """What the mapping stands for: itself when it has no matrix, one that is only named when that is wrong."""
        node = fields.get("matrix")
        if node is None:
            yield outer
            return
        values = self._read(node, outer)
        for combination in product(*values.values()):
            suffix = "-".join(_form(value) for value in combination)
            copy = Copy(owner=key, values=dict(zip(values, combination, strict=True)), suffix=suffix or "x")
            yield (*outer, copy)

    def name(self, base: str, copies: Copies) -> str:
        """The id of the copy: `base` with the values in brackets. Ids are the same in upper and lower case."""
        if not copies:
            return base
        taken = self._taken.setdefault(base.lower(), {})
        suffix = joined(copies)
        if len(suffix) > _MAX_SUFFIX or not _is_same(taken.setdefault(suffix.lower(), copies), copies):
            suffix = _short(suffix, "\0".join(values_of(copies).values()))
            taken[suffix.lower()] = copies
        return f"{base}[{suffix}]"

    def _read(self, node: Node, outer: Copies) -> dict[str, list[str]]:
        """Name -> values. What is wrong is noted, and there all the same, so that who names it is not told that, too."""
        try:
            entries = mapping_of(node, ": write {NAME: [value, …]}").entries
            if not entries:
                raise FieldError(node, "there are no values: write {name: [value, …]}")  # noqa: TRY301
        except FieldError as error:
            self.problems.add(error.node, f"matrix: {error.message}")
            return {}
        templates = self.context.at(node, outer).templates
        known = templates.matrix
        values: dict[str, list[str]] = {}
        for name, (key, listed) in entries.items():
            try:
                _check_name(key, listed, known)
                values[name] = _values(name, listed, templates)
            except FieldError as error:
                self.problems.add(error.node, f"matrix: {error.message}")
                values[name] = ["x"]
        return values


def _check_name(key: Scalar, node: Node, known: AbstractMapping[str, str]) -> None:
    name = key.text
    if name in _LATER and not isinstance(node, Scalar):
        raise FieldError(key, f"{name!r} in a matrix is not supported yet: {_LATER[name]}")
    if not NAME.fullmatch(name):
        raise FieldError(key, f"{name!r} cannot be a name in a matrix: letters, digits and _ only")
    if name in known:
        raise FieldError(key, f"{name!r} is in the matrix of the group already: choose another name")


def _values(name: str, node: Node, templates: Templates) -> list[str]:
    if isinstance(node, Scalar) and _REFERENCE.fullmatch(node.text) and isinstance(node.value, str):
        what = (
            f"{name!r} over what a task makes ({node.text}) is not supported yet: write the values as a list"
        )
        raise FieldError(node, what)
    if not isinstance(node, Sequence):
        raise FieldError(node, f"{name!r}: expected a list of values, found {describe(node)}: write [a, b]")
    if not node.items:
        raise FieldError(
            node, f"{name!r} is an empty list: nothing would be made; write a value, or leave it out"
        )
    found: dict[str, Node] = {}
    for item in node.items:
        value = _value(name, item, templates)
        if value in found:
            raise FieldError(item, f"{name!r}: {value!r} is here twice: first in line {found[value].line}")
        found[value] = item
    return list(found)


def _value(name: str, node: Node, templates: Templates) -> str:
    if isinstance(node, Scalar) and not node.plain and not node.text:
        return ""
    try:
        value = templates.render(text_of(node, "a text, a number, true or false"))
    except FieldError as error:
        raise FieldError(error.node, f"{name!r}: {error.message}") from None
    if len(value) > _MAX_VALUE:
        raise FieldError(node, f"{name!r}: the value is longer than {_MAX_VALUE} characters")
    return value


def _form(value: str) -> str:
    """The value as a part of an id: as it is, or what is left of it with a digest of all of it."""
    return value if _SAFE.fullmatch(value) else _short(value, value)


def _short(text: str, whole: str) -> str:
    kept = _UNSAFE.sub("_", text).strip("_")[:_SHORT].rstrip("_.-+")
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{kept}-{digest}" if kept else digest


def _is_same(one: Copies, other: Copies) -> bool:
    return len(one) == len(other) and all(a.is_of(b) for a, b in zip(one, other, strict=True))
