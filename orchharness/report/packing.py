"""Geometry of the timeline: rows in which nothing overlaps, and ticks that people count in. Pure numbers, in pixels."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchharness.record import record

GAP = 0.0  # between bars of a row; drawn bars end a pixel early, so that neighbours stay apart
LABEL_GAP = 6.0  # between labels of a row
CHAR = 6.7  # width of a character of the label font: monospaced, 11 px
_STEPS = (
    *(m * 10**e for e in range(-3, 2) for m in (1, 2, 5) if m * 10**e < 20),
    *(15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400),
)


class Span(NamedTuple):
    """A stretch of a row, in pixels."""

    x0: float
    x1: float


@record
class Block:
    """A bar to be placed. `label` must have room above it; `key` blocks share a row where they can."""

    bar: Span
    label: Span | None = None
    key: str = ""


class _Row:
    def __init__(self) -> None:
        self.bars = float("-inf")
        self.labels = float("-inf")

    def takes(self, block: Block) -> bool:
        if block.bar.x0 < self.bars + GAP:
            return False
        return block.label is None or block.label.x0 >= self.labels + LABEL_GAP

    def put(self, block: Block) -> None:
        self.bars = block.bar.x1
        if block.label is not None:
            self.labels = block.label.x1


def pack(blocks: Sequence[Block]) -> list[int]:
    """A row for each block, from 0, so that neither bars nor labels of a row overlap. First fit, by start."""
    rows: list[_Row] = []
    home: dict[str, int] = {}
    places = [0] * len(blocks)
    for index in sorted(range(len(blocks)), key=lambda i: (blocks[i].bar, i)):
        block = blocks[index]
        wanted = home.get(block.key)
        if wanted is None or not rows[wanted].takes(block):
            wanted = next((n for n, row in enumerate(rows) if row.takes(block)), len(rows))
        if wanted == len(rows):
            rows.append(_Row())
        rows[wanted].put(block)
        home[block.key] = places[index] = wanted
    return places


def depth(bars: Iterable[Span]) -> int:
    """How many of the bars there are at once, at most: so many rows they need at least."""
    edges = sorted(edge for bar in bars for edge in ((bar.x1, -1), (bar.x0, 1)))
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


def fill(taken: Iterable[Span], wanted: Sequence[Span]) -> list[bool]:
    """Which of the wanted labels still have room in a row beside the taken ones, the first ones first."""
    spans = sorted(taken)
    return [_fits(spans, span) for span in wanted]


def _fits(spans: list[Span], span: Span) -> bool:
    place = bisect_right(spans, span)
    before = place == 0 or spans[place - 1].x1 + LABEL_GAP <= span.x0
    after = place == len(spans) or span.x1 + LABEL_GAP <= spans[place].x0
    if before and after:
        insort(spans, span)
    return before and after


class Tick(NamedTuple):
    """A time on the axis: seconds since the start, and how it is written."""

    seconds: float
    label: str


def ticks(span: float, most: int) -> list[Tick]:
    """At most `most` + 1 round times from 0 to `span` seconds."""
    step = next((s for s in _STEPS if span / s <= most), None)
    if step is None:
        step = 86400
        while span / step > most:
            step *= 2
    return [Tick(n * step, _label(n * step, step)) for n in range(int(span / step + 1e-9) + 1)]


def _label(seconds: float, step: float) -> str:
    if not seconds:
        return "0"
    if step < 1:
        return f"{seconds:.{3 if step < 0.01 else 2 if step < 0.1 else 1}f} s"
    whole = round(seconds)
    if step < 60:
        return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"
    if step < 3600:
        return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 3600} h" if step < 86400 else f"{whole // 86400} d"


def text_width(text: str) -> float:
    """The width of a label."""
    return len(text) * CHAR
