"""An explanation as text, Markdown, JSON or a Mermaid diagram."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchharness.core.definition import plain
from orchharness.core.plan import Plan
from orchharness.explain.facts import Explanation
from orchharness.explain.mermaid import mermaid
from orchharness.explain.sections import Section, heading, sections

FORMATS = ("text", "json", "markdown", "mermaid")


def render(plan: Plan, found: Explanation, format_: str = "text") -> str:
    """The explanation of the plan in one of `FORMATS`, with a line break at its end."""
    if format_ == "json":
        return json.dumps(plain(found), indent=1) + "\n"
    if format_ == "mermaid":
        return mermaid(plan, found)
    if format_ == "markdown":
        return _markdown(plan, found)
    return _text(found)


def _text(found: Explanation) -> str:
    parts = [f"{heading(found)}\n"]
    for section in sections(found):
        lines = [f"  {line}" for line in section.lines]
        parts.append("\n".join([section.title.upper(), *lines, *_columns(section.rows)]) + "\n")
    return "\n".join(parts)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"    {'  '.join(c.ljust(w) for c, w in zip(row, widths, strict=True))}".rstrip() for row in rows]


def _markdown(plan: Plan, found: Explanation) -> str:
    parts = [f"# {_escaped(heading(found))}\n"]
    parts += [_markdown_section(section) for section in sections(found)]
    parts.append(f"## The graph\n\n```mermaid\n{mermaid(plan, found)}```\n")
    return "\n".join(parts)


def _markdown_section(section: Section) -> str:
    parts = [f"## {section.title}", "\n".join(f"* {_escaped(line)}" for line in section.lines)]
    if section.rows:
        head, *rows = ["| " + " | ".join(map(_escaped, row)) + " |" for row in section.rows]
        parts.append("\n".join([head, "|" + "---|" * len(section.rows[0]), *rows]))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    for character in "\\`*_[]|<":
        text = text.replace(character, f"\\{character}")
    return text
