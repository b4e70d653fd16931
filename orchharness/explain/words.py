"""Numbers and names for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchharness.explain.facts import Unit
from orchharness.simulate.words import listed, long

_COPIES: Final = 4  # that are told one by one


def length(value: float, unit: Unit) -> str:
    """A length: `35 h`, `1 h 30 min`, `2 min 05 s`, `12.5 s`; `4 tasks` where there are no estimates."""
    if unit is Unit.TASKS:
        return count(round(value), "task")
    return long(value)


def count(number: int, word: str) -> str:
    """`1 task`, `1,200 tasks`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def names(items: Sequence[str], most: int = 8) -> str:
    """The names, cut off after `most`."""
    return listed(items, most)


def folded(items: Sequence[str], most: int = 8) -> str:
    """The names, cut off after `most`; of many copies that a matrix makes of one, the first and how many there are."""
    of: dict[str, list[str]] = {}
    for item in items:
        of.setdefault(item.partition("[")[0], []).append(item)
    shown: list[str] = []
    for copies in of.values():
        shown += copies if len(copies) <= _COPIES else [f"{copies[0]} and {len(copies) - 1:,} more like it"]
    return names(shown, most)


def way(items: Sequence[str], most: int = 12) -> str:
    """The items as a way; the middle of a long one is left out."""
    if len(items) > most:
        left = len(items) - most
        items = [*items[: most // 2], f"… {left:,} more …", *items[-(most // 2) :]]
    return " → ".join(items)


def node_in_words(node: str) -> str:
    """A node of the graph: an item by its id, a group as `phase build`, `track build/track_a`."""
    return node.replace(":", " ", 1)
