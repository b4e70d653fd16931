"""Columns of text for a terminal."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence

_GAP = "  "


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """The rows as lines, every column as wide as its widest cell; columns that are empty throughout are left out."""
    kept = [n for n in range(len(rows[0])) if any(row[n] for row in rows[1:])] if rows else []
    widths = {n: max(width(row[n]) for row in rows) for n in kept}
    lines = [
        indent + _GAP.join(row[n] + " " * (widths[n] - width(row[n])) for n in kept).rstrip() for row in rows
    ]
    return "".join(f"{text}\n" for text in lines)


def width(text: str) -> int:
    """The columns that the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, columns: int) -> str:
    """The text, at most that wide; what is left out is shown by an ellipsis."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[: min(len(text) - 1, columns)]
    return f"{text}…"


def columns(default: int = 100) -> int:
    """The width of the terminal; of something else, the default."""
    try:
        return max(40, os.get_terminal_size(1).columns)
    except OSError:
        return default
