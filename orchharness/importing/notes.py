"""What an import has to say: what came over, what did not and why, what contradicts itself; each with its lines.

Rules that hold here:
  * Notes with the same words are one note with several lines, so that a long file makes a short list.
  * A key that nobody asked for is found by its absence from `used`: nothing has to be remembered to be listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from typing import Final

from orchharness.importing.words import RECORDS, is_record
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.record import record

MAX_SHOWN: Final = 60  # characters of somebody else's text in a sentence of ours


class About(StrEnum):
    """What a note is about, in the order in which they are told."""

    CONTRADICTION = "contradiction"
    CARRIED = "carried over"
    RENAMED = "renamed"
    LEFT = "not carried over"
    STATE = "contradiction in the state"
    TODO = "to do"


@record
class Note:
    """One thing to say, and the lines of the source it is about (from 1, ascending)."""

    about: About
    text: str
    lines: tuple[int, ...] = ()


@record(frozen=False)
class Notes:
    """Collects notes."""

    found: dict[tuple[About, str], dict[int, None]] = field(default_factory=dict)

    def add(self, about: About, text: str, *nodes: Node | None) -> None:
        """Keep it; the same words again add their lines."""
        lines = self.found.setdefault((about, text), {})
        for node in nodes:
            if node is not None and node.line:
                lines[node.line] = None

    def contradict(self, text: str, *nodes: Node | None) -> None:
        """Keep what makes the graph or a verdict undecidable."""
        self.add(About.CONTRADICTION, text, *nodes)

    def left(self, text: str, *nodes: Node | None) -> None:
        """Keep what did not come over."""
        self.add(About.LEFT, text, *nodes)

    def all(self) -> tuple[Note, ...]:
        """All notes: by what they are about, then by line."""
        order = list(About)
        notes = [
            Note(about=about, text=text, lines=tuple(sorted(lines)))
            for (about, text), lines in self.found.items()
        ]
        return tuple(sorted(notes, key=lambda n: (order.index(n.about), n.lines[:1] or (0,), n.text)))


@record(frozen=False)
class Source:
    """The tree of a file while it is read. Asking for a key marks it as used."""

    tree: Node
    notes: Notes
    used: set[int] = field(default_factory=set)
    counts_hours: bool | None = None  # whether the file counts hours anywhere; None: nobody looked yet

    def value(self, node: Node | None, *names: str) -> Node | None:
        """The value of the first of these keys that has one."""
        if not isinstance(node, Mapping):
            return None
        found: Node | None = None
        for name in names:
            entry = node.entries.get(name)
            if entry is None or (found is not None):
                continue
            self.used.add(id(entry[0]))
            if not is_nothing(entry[1]):
                found = entry[1]
        return found

    def key(self, node: Mapping, name: str) -> Scalar:
        """The key itself, marked as used."""
        self.used.add(id(node.entries[name][0]))
        return node.entries[name][0]

    def told(self, node: Node | None) -> None:
        """Mark all that is in it as used: it is told as a whole."""
        pending = [node]
        while pending:
            inner = pending.pop()
            if isinstance(inner, Sequence):
                pending += inner.items
            elif isinstance(inner, Mapping):
                fresh = [(key, value) for key, value in inner.entries.values() if id(key) not in self.used]
                self.used.update(id(key) for key, _ in fresh)
                pending += [value for _, value in fresh]

    def tell_unused(self) -> None:
        """Note every key that nobody asked for; what is below it is not told again."""
        for key, value in _unused(self.tree, self.used):
            name = shown(key.text)
            if is_record(key.text):
                self.notes.left(f"{name}: a plan holds no state and no record", key)
            elif not is_nothing(value):
                below = " with all below it" if isinstance(value, Mapping) else ""
                self.notes.left(f"{name}{below}", key)


def is_nothing(node: Node) -> bool:
    """Whether it is null or an empty list or mapping."""
    if isinstance(node, Scalar):
        return node.value is None
    return not (
        node.items if isinstance(node, Sequence) else node.entries if isinstance(node, Mapping) else 1
    )


def shown(text: str) -> str:
    """Somebody else's text inside a sentence of ours: one line, in quotes, cut."""
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else "�" for c in text)
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def _unused(tree: Node, used: set[int]) -> Iterator[tuple[Scalar, Node]]:
    pending, seen = [tree], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:  # aliases
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            pending += node.items
        elif isinstance(node, Mapping):
            for name, (key, value) in node.entries.items():
                if id(key) in used and name not in RECORDS:
                    pending.append(value)
                elif id(key) not in used:
                    yield key, value
