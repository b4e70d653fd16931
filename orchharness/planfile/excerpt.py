"""The part of a line that is shown below a problem, with the place of the caret under it."""

from __future__ import annotations

from typing import Final, NamedTuple

_MOST: Final = 120
_BEFORE: Final = 80  # shown before the place, in a line that is longer


class Excerpt(NamedTuple):
    """What is shown, and how many columns of a terminal stand before the caret."""

    text: str
    caret: int


def excerpt(line: str, column: int) -> Excerpt | None:
    """The line around a column (from 1); None when there is nothing to see."""
    start = 0 if len(line) <= _MOST or column <= _BEFORE else column - 1 - _BEFORE
    shown = line[start : start + _MOST]
    if not shown.strip():
        return None
    before = "…" if start else ""
    after = "…" if len(line) > start + _MOST else ""
    text = "".join(c if c.isprintable() else " " for c in shown)
    return Excerpt((before + text + after).rstrip(), len(before) + _width(text[: column - 1 - start]))


def _width(text: str) -> int:
    """The columns that a text takes in a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # only where something is wrong

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
