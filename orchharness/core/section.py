"""What a plugin adds to the report of a run: plain values, no HTML. Whatever they hold is shown as text.

A section is built of parts, in their order. Texts may come from agents: the report cleans, bounds and escapes them.
"""

from __future__ import annotations

from typing import Any

from orchharness.record import record


@record(kw_only=False)
class Text:
    """A paragraph."""

    text: str


@record(kw_only=False)
class Verbatim:
    """Text whose lines and spaces stay as they are: a log, a piece of code. `title` is what it is folded under."""

    text: str
    title: str = ""


@record(kw_only=False)
class Table:
    """Rows under headings; a cell is text or a number."""

    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


Part = Text | Verbatim | Table


@record(kw_only=False)
class Section:
    """A section of the report: its heading, and what stands below it."""

    title: str
    parts: tuple[Part, ...] = ()
