"""The plan's own text, line by line, with the ids in it as links to what became of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchharness.core.plan import Plan
from orchharness.record import record

MOST = 6000  # lines
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@record
class Piece:
    """A piece of a line; `link` is the item that it names, or empty."""

    text: str
    link: str = ""
    type: str = ""


@record
class PlanText:
    """The lines that are shown, and how many more there are."""

    lines: tuple[tuple[Piece, ...], ...]
    more: int


def plan_text(plan: Plan, text: str) -> PlanText | None:
    """None where the text is not known."""
    if not text.strip():
        return None
    known = dict.fromkeys(plan.tasks, "task") | dict.fromkeys(plan.gates, "gate")
    rows = text.split("\n")
    return PlanText(
        lines=tuple(tuple(_pieces(row, known)) for row in rows[:MOST]), more=max(0, len(rows) - MOST)
    )


def _pieces(row: str, known: dict[str, str]) -> Iterable[Piece]:
    done = 0
    code = row if not row.lstrip().startswith("#") else ""
    for match in _WORD.finditer(code):
        word = match[0]
        if word in known:
            if match.start() > done:
                yield Piece(text=row[done : match.start()])
            yield Piece(text=word, link=word, type=known[word])
            done = match.end()
    if done < len(row):
        yield Piece(text=row[done:])
