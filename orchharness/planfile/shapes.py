"""Mappings with known keys: a table of key → shape, and what was read by it.

The tables themselves stand in `schema`. Reading never stops at the first problem: a wrong value is noted and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from typing import Any, Final

from orchharness.core.plan import EMPTY
from orchharness.planfile.near import nearest
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.values import Shape, Text, check_id, describe, mapping_of

_QUOTED: Final = re.compile("'([a-z_]+)")  # the words that a message tells to write
ANYWHERE: Final[AbstractMapping[str, Shape]] = {"title": Text(), "description": Text()}


class Fields:
    """What was read of one mapping. A key that was written wrongly is `in` it, but `get` gives the default.

    `broken`: it is no mapping, or keys of it were refused: do not complain about what is missing in it.
    `meant`: known keys that the refused ones stand for, as far as that can be guessed.
    """

    __slots__ = ("broken", "meant", "node", "values")

    def __init__(
        self,
        node: Mapping,
        values: dict[str, Any],
        *,
        broken: bool = False,
        meant: frozenset[str] = frozenset(),
    ) -> None:
        self.node = node
        self.values = values
        self.broken = broken
        self.meant = meant

    def __contains__(self, key: str) -> bool:
        return key in self.node.entries

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or the default."""
        return self.values.get(key, default)

    def is_unread(self, key: str) -> bool:
        """Whether the key was written, or meant, but could not be read: what it would have said is not known."""
        return key in self.meant or (key in self.node.entries and key not in self.values)

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
    belongs elsewhere (looked at before the general `FOREIGN` words). `write`: what to write instead of no mapping.
    `entries`: what a mapping under an unknown key is probably one of, and where those belong.
    """

    __slots__ = ("entries", "hints", "keys", "later", "what", "write")

    def __init__(
        self,
        *,
        what: str,
        keys: AbstractMapping[str, Shape],
        later: frozenset[str] = frozenset(),
        hints: AbstractMapping[str, str] = EMPTY,
        write: str = "",
        entries: str = "",
    ) -> None:
        self.what = what
        self.keys = keys
        self.later = later
        self.hints = hints
        self.write = write
        self.entries = entries

    def read(self, node: Node, problems: Problems) -> Fields:
        """The mapping's fields; a FieldError only when it is no mapping."""
        if node.__class__ is not Mapping:
            try:
                node = mapping_of(node, self._colon(node) or instead(self.write, node))
            except FieldError as error:
                raise FieldError(error.node, f"{self.what}: {error.message}") from None
        values: dict[str, Any] = {}
        refused: list[str] = []
        keys = self.keys
        assert isinstance(node, Mapping)
        for name, (key, value) in node.entries.items():
            shape = keys.get(name) or ANYWHERE.get(name)
            if shape is None:
                if not name.startswith("x-"):
                    refused.append(self._unknown(name, value, problems))
                    problems.add(key, refused[-1])
                continue
            try:
                values[name] = shape.read(value, problems)
            except FieldError as error:
                prefix = "" if error.node is not value or error.message.startswith(name) else f"{name}: "
                problems.add(error.node, prefix + error.message)
        if not refused:
            return Fields(node, values, broken=node.lossy)
        meant = frozenset(word for what in refused for word in _QUOTED.findall(what) if word in keys)
        return Fields(node, values, broken=True, meant=meant)

    def _colon(self, node: Node) -> str:
        """What to write instead of `run:make`, which is a text."""
        key, colon, rest = node.text.partition(":") if isinstance(node, Scalar) else ("", "", "")
        return f": write '{key}: {rest}', with a space" if colon and key in self.keys else ""

    def _unknown(self, name: str, value: Node, problems: Problems) -> str:
        if name in self.later:
            return f"{name!r} in {self.what} is not supported yet: leave it out"
        from orchharness.planfile.foreign import foreign_word  # only where something is wrong

        start = f"unknown key {name!r} in {self.what}"
        if name[:1].isspace():
            return f"{start}: the line begins with U+{ord(name[0]):04X}, indent with plain spaces"
        hint = (
            self.hints.get(name) or foreign_word(name) or (self._near(name) if problems.may_guess() else None)
        )
        if (
            not hint
            and self.entries
            and isinstance(value, Mapping)
            and {"run", "agent"} & value.entries.keys()
        ):
            hint = self.entries
        if hint:
            return f"{start}: {hint}"
        guess = problems.guess(name, [*self.keys, *self.later])
        return start + (guess or problems.once(f" (known there: {', '.join([*self.keys, *ANYWHERE])})"))

    def _near(self, name: str) -> str | None:
        """What to write instead of a misspelt foreign word, where no own word is near."""
        from orchharness.planfile.foreign import FOREIGN

        known = [*self.keys, *self.later]
        if nearest(name, known) is not None:
            return None
        foreign = nearest(name, [*self.hints, *FOREIGN], most=1)
        return (self.hints.get(foreign) or FOREIGN.get(foreign)) if foreign else None


def instead(write: str, node: Node) -> str:
    """`: write …` with what stands there put in for `VALUE`; nothing when there is nothing to say."""
    if not write:
        return ""
    value = "…"
    if (
        isinstance(node, Scalar)
        and not isinstance(node.value, bool | None)
        and len(node.text) <= 60
        and "\n" not in node.text
    ):
        value = node.text
    words = (
        [item.text for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
    )
    if isinstance(node, Sequence) and words and len(words) == len(node.items) <= 8:
        value = f"[{', '.join(words)}]"
    many = value if words else f"[{value}]"
    first = f"{words[0]}, …" if len(words) > 1 else words[0] if words else value
    return f": write {write.replace('VALUE', value).replace('FIRST', first).replace('LIST', many)}"


class Named:
    """Names of one's own with values of one shape: read as name → (key, value); `entry` is what one is, in words.

    `write`: what to write instead of something that is no mapping.
    """

    __slots__ = ("entry", "ids", "shape", "write")

    def __init__(self, entry: str, shape: Shape, *, ids: bool = True, write: str = "") -> None:
        self.entry = entry
        self.shape = shape
        self.ids = ids
        self.write = write or ("{the-id: …}" if ids else "{NAME: …}")

    def read(self, node: Node, problems: Problems) -> dict[str, tuple[Scalar, Any]]:
        """The entries; those that could not be read are there as broken `Fields`, so that their names are known."""
        read: dict[str, tuple[Scalar, Any]] = {}
        for name, (key, value) in mapping_of(node, instead(self.write, node)).entries.items():
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
            write = (
                instead(self.table.write, node) if node.value is not None else ": write true, or leave it out"
            )
            raise FieldError(node, f"expected true or a mapping, found {describe(node)}{write}")
        return self.table.read(node, problems)
