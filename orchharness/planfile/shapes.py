"""Mappings with known keys: a table of key → shape, and what was read by it.

The tables themselves stand in `schema`. Reading never stops at the first problem: a wrong value is noted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from typing import Any, Final

from orchharness.core.plan import EMPTY
from orchharness.planfile.nodes import Mapping, Node, Scalar
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.values import FOREIGN, Shape, Text, check_id, describe, mapping_of

_ANYWHERE: Final[AbstractMapping[str, Shape]] = {"title": Text(), "description": Text()}


class Fields:
    """What was read of one mapping. A key that was written wrongly is `in` it, but `get` gives the default."""

    __slots__ = ("broken", "node", "values")

    def __init__(self, node: Mapping, values: dict[str, Any], *, broken: bool = False) -> None:
        self.node = node
        self.values = values
        self.broken = (
            broken  # no mapping, or keys of it were refused: do not complain about what is missing in it
        )

    def __contains__(self, key: str) -> bool:
        return key in self.node.entries

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or the default."""
        return self.values.get(key, default)

    def key(self, key: str) -> Node:
        """The place of the key; of the mapping, when the key is not there."""
        entry = self.node.entries.get(key)
        return entry[0] if entry else self.node

    def at(self, key: str) -> Node:
        """The place of the key's value; of the mapping, when the key is not there."""
        entry = self.node.entries.get(key)
        return entry[1] if entry else self.node


def no_fields(node: Node) -> Fields:
    """Fields for something that could not be read at all."""
    return Fields(Mapping(node.line, node.column), {}, broken=True)


class Table:
    """A mapping with known keys.

    `later`: keys of the language that this version refuses by name. `hints`: what to write instead of a key that
    belongs elsewhere (looked at before the general `FOREIGN` words).
    """

    __slots__ = ("hints", "keys", "later", "what")

    def __init__(
        self,
        *,
        what: str,
        keys: AbstractMapping[str, Shape],
        later: frozenset[str] = frozenset(),
        hints: AbstractMapping[str, str] = EMPTY,
    ) -> None:
        self.what = what
        self.keys = keys
        self.later = later
        self.hints = hints

    def read(self, node: Node, problems: Problems) -> Fields:
        """The mapping's fields; a FieldError only when it is no mapping."""
        if node.__class__ is not Mapping:
            try:
                node = mapping_of(node)
            except FieldError as error:
                raise FieldError(error.node, f"{self.what}: {error.message}") from None
        values: dict[str, Any] = {}
        keys = self.keys
        assert isinstance(node, Mapping)
        for name, (key, value) in node.entries.items():
            shape = keys.get(name) or self._other(name, key, problems)
            if shape is None:
                continue
            try:
                values[name] = shape.read(value, problems)
            except FieldError as error:
                prefix = "" if error.node is not value or error.message.startswith(name) else f"{name}: "
                problems.add(error.node, prefix + error.message)
        return Fields(node, values, broken=node.lossy)

    def _other(self, name: str, key: Scalar, problems: Problems) -> Shape | None:
        if name in _ANYWHERE:
            return _ANYWHERE[name]
        if not name.startswith("x-"):
            problems.add(key, self._unknown(name, problems))
        return None

    def _unknown(self, name: str, problems: Problems) -> str:
        if name in self.later:
            return f"{name!r} in {self.what} is not supported yet: leave it out"
        hint = self.hints.get(name) or FOREIGN.get(name)
        if hint:
            return f"unknown key {name!r} in {self.what}: {hint}"
        return f"unknown key {name!r} in {self.what}{problems.guess(name, [*self.keys, *self.later])}"


class Named:
    """Names of one's own with values of one shape: read as name → (key, value); `entry` is what one is, in words."""

    __slots__ = ("entry", "ids", "shape")

    def __init__(self, entry: str, shape: Shape, *, ids: bool = True) -> None:
        self.entry = entry
        self.shape = shape
        self.ids = ids

    def read(self, node: Node, problems: Problems) -> dict[str, tuple[Scalar, Any]]:
        """The entries; those that could not be read are there as broken `Fields`, so that their names are known."""
        read: dict[str, tuple[Scalar, Any]] = {}
        for name, (key, value) in mapping_of(node).entries.items():
            if name.startswith("x-"):
                continue
            try:
                if self.ids:
                    check_id(key)
                read[name] = (key, self.shape.read(value, problems))
            except FieldError as error:
                problems.add(
                    error.node, f"{self.entry}: {error.message}" if error.node is key else error.message
                )
                read[name] = (key, no_fields(value) if isinstance(self.shape, Table) else None)
        return read


class Either:
    """A boolean that is short for a mapping: kept as it is; or the mapping, read by the table."""

    __slots__ = ("table",)

    def __init__(self, table: Table) -> None:
        self.table = table

    def read(self, node: Node, problems: Problems) -> Any:
        """The boolean, or the table's fields."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        if isinstance(node, Scalar):
            raise FieldError(node, f"expected true or a mapping, found {describe(node)}")
        return self.table.read(node, problems)
