"""Sections that plugins add: bounded and cleaned here, since they may hold what agents wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchharness.core.section import Section, Table, Text, Verbatim
from orchharness.record import record
from orchharness.report.text import clean, line

SECTIONS, PARTS, ROWS, CELLS, LONGEST = 20, 40, 500, 20, 20_000


@record
class PartView:
    """One part: `text`, `verbatim` or `table`. `more` is how many rows are left out."""

    kind: str
    text: str = ""
    title: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0


@record
class SectionView:
    """A section, ready to be shown."""

    id: str
    plugin: str
    title: str
    parts: tuple[PartView, ...]


def section_views(found: Iterable[tuple[str, Section]]) -> tuple[SectionView, ...]:
    """The sections, each with the name of its plugin."""
    return tuple(
        SectionView(
            id=f"section-{number}",
            plugin=line(plugin, 80),
            title=line(section.title, 120) or line(plugin, 80),
            parts=tuple(_part(part) for part in _listed(section.parts)[:PARTS]),
        )
        for number, (plugin, section) in zip(range(SECTIONS), found, strict=False)
    )


def _part(part: Any) -> PartView:
    match part:
        case Verbatim(text=text, title=title):
            return PartView(kind="verbatim", text=clean(text, LONGEST), title=line(title, 200))
        case Table(head=head, rows=rows):
            listed = _listed(rows)
            return PartView(
                kind="table",
                head=tuple(line(cell, 120) for cell in _listed(head)[:CELLS]),
                rows=tuple(
                    tuple(clean(cell, 2000) for cell in _listed(row)[:CELLS]) for row in listed[:ROWS]
                ),
                more=max(0, len(listed) - ROWS),
            )
        case Text(text=text):
            return PartView(kind="text", text=clean(text, LONGEST))
        case _:
            return PartView(kind="text", text=clean(part, LONGEST))


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]
