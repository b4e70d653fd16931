"""The timeline as numbers: a lane per track, a bar per act, arrows for cross-pollination, a time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.arrows import Drawn, arrows, chain
from orchharness.report.entries import Entry, Group, by_phase, entries_of
from orchharness.report.figure import PAD, WIDTH, Bar, Gridline, Lane, Timeline
from orchharness.report.history import RUNNING, Act, History
from orchharness.report.packing import Block, Span, depth, fill, pack, text_width, ticks

AXIS = 30.0
THIN_ABOVE = 1500  # bars
MANY_ROWS = 60
MANY_LANES = 60
_LEAST = 3.0  # width of a bar


@record
class Sizes:
    """Heights of a row and its parts."""

    row: float
    bar: float
    above: float  # from the top of the row to the bar: room for the label
    head: float  # of a lane: its name
    foot: float


NORMAL = Sizes(row=31, bar=12, above=15, head=24, foot=8)
THIN = Sizes(row=5, bar=4, above=0, head=22, foot=6)


class _Placed(NamedTuple):
    """An entry, the pixels of its bar, and those of the bar with the waiting that is drawn before it."""

    entry: Entry
    bar: Span
    wide: Span


class _Scale:
    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.span = max(end - start, 0.001)

    def x(self, at: float) -> float:
        share = min(1.0, max(0.0, (at - self.start) / self.span))
        return PAD + share * (WIDTH - 2 * PAD)


def timeline(plan: Plan, history: History, critical: Sequence[Act]) -> Timeline:
    """The picture of a run."""
    scale = _Scale(history.started, max(history.horizon, history.last))
    groups = entries_of(plan, history)
    count = sum(len(entries) for *_, entries in groups)
    notes = []
    if len(groups) > MANY_LANES:
        groups = by_phase(plan, groups)
        notes.append("There are many tracks: each lane is a phase.")
    placed = [_placed(entries, scale) for *_, entries in groups]
    if sum(depth(one.wide for one in lane) for lane in placed) > MANY_ROWS:
        placed = [[one._replace(wide=one.bar) for one in lane] for lane in placed]
        notes.append("Many acts waited at once: waiting is not drawn here, and is told with each act below.")
    thin = count > THIN_ABOVE
    names = frozenset(act.name for act in critical)
    lanes = _lanes(groups, placed, names, THIN if thin else NORMAL)
    if not thin and lanes and sum(lane.height for lane in lanes) > MANY_ROWS * NORMAL.row:
        thin = True
        lanes = _lanes(groups, placed, names, THIN)
    if thin:
        notes.append(
            f"{count:,} bars: drawn thin and without names; hold the pointer over one to see what it is."
        )
    height = lanes[-1].y + lanes[-1].height if lanes else AXIS
    drawn = _drawn(groups, lanes)
    return Timeline(
        width=WIDTH,
        height=height + 4,
        axis=AXIS,
        span=round(scale.span, 3),
        lanes=tuple(lanes),
        grid=_grid(scale),
        arrows=() if thin else tuple(arrows(plan, history, lanes, drawn)),
        chain=tuple(chain(critical, drawn)),
        thin=thin,
        bars=count,
        notes=tuple(notes),
    )


def _placed(entries: list[Entry], scale: _Scale) -> list[_Placed]:
    bars = ((entry, _bar_span(entry, scale)) for entry in entries)
    return [_Placed(entry, bar, _with_wait(entry, bar, scale)) for entry, bar in bars]


def _lanes(
    groups: list[Group], placed: list[list[_Placed]], critical: frozenset[str], sizes: Sizes
) -> list[Lane]:
    lanes = []
    y = AXIS
    for (lane_id, name, detail, _), inside in zip(groups, placed, strict=True):
        bars, rows = _bars(inside, critical, sizes, y + sizes.head)
        height = sizes.head + rows * sizes.row + sizes.foot
        lanes.append(Lane(id=lane_id, name=name, detail=detail, y=y, height=height, bars=tuple(bars)))
        y += height
    return lanes


def _bars(placed: list[_Placed], critical: frozenset[str], sizes: Sizes, top: float) -> tuple[list[Bar], int]:
    with_labels = sizes is NORMAL
    labels = [_label_span(entry.label, bar) for entry, bar, _ in placed]
    blocks = [
        Block(bar=wide, label=label if with_labels and entry.needed else None, key=entry.key)
        for (entry, _, wide), label in zip(placed, labels, strict=True)
    ]
    rows = pack(blocks)
    entries = [one.entry for one in placed]
    shown = _shown(entries, blocks, labels, rows) if with_labels else [False] * len(placed)
    bars = [
        _bar(entry, bar, label if show else None, top + row * sizes.row, sizes, critical, wide.x0)
        for (entry, bar, wide), label, row, show in zip(placed, labels, rows, shown, strict=True)
    ]
    return bars, max(rows, default=-1) + 1


def _shown(entries: list[Entry], blocks: list[Block], labels: list[Span], rows: list[int]) -> list[bool]:
    shown = [block.label is not None for block in blocks]
    by_row: dict[int, list[int]] = {}
    for n, row in enumerate(rows):
        by_row.setdefault(row, []).append(n)
    for inside in by_row.values():
        taken = [label for n in inside if (label := blocks[n].label) is not None]
        rest = [n for n in inside if not shown[n] and _may_show(entries[n], blocks[n].bar, labels[n])]
        rest.sort(key=lambda n: (_is_critic(entries[n]), labels[n]))
        for n, fits in zip(rest, fill(taken, [labels[n] for n in rest]), strict=True):
            shown[n] = fits
    return shown


def _may_show(entry: Entry, bar: Span, label: Span) -> bool:
    """A critic's name stands only over a bar as wide as itself: else it would seem to be the next bar's."""
    return not _is_critic(entry) or label.x1 - label.x0 <= bar.x1 - bar.x0


def _is_critic(entry: Entry) -> bool:
    return entry.act is not None and entry.act.critic is not None


def _bar_span(entry: Entry, scale: _Scale) -> Span:
    x0, x1 = scale.x(entry.start), scale.x(entry.end)
    least = 10.0 if entry.act is None else _LEAST
    x0 = min(x0, WIDTH - PAD - least)
    return Span(round(x0, 1), round(max(x1, x0 + least), 1))


def _with_wait(entry: Entry, bar: Span, scale: _Scale) -> Span:
    """The bar, with the waiting before it where that can be seen."""
    ready = entry.act.ready if entry.act is not None else None
    x0 = bar.x0 if ready is None else round(scale.x(ready), 1)
    return Span(x0, bar.x1) if bar.x0 - x0 >= _LEAST else bar


def _label_span(label: str, bar: Span) -> Span:
    width = text_width(label)
    if bar.x0 + width <= WIDTH - 2:
        return Span(bar.x0, bar.x0 + width)
    return Span(bar.x1 - width, bar.x1)


def _bar(
    entry: Entry,
    span: Span,
    label: Span | None,
    top: float,
    sizes: Sizes,
    critical: frozenset[str],
    ready: float,
) -> Bar:
    act = entry.act
    return Bar(
        x=span.x0,
        y=top + sizes.above,
        width=round(max(_LEAST, span.x1 - span.x0 - 1), 1),
        height=sizes.bar,
        kind=entry.kind,
        shade=1 if act is None else min(3, act.iteration),
        ok=act is None or act.ok,
        running=act is not None and act.outcome == RUNNING,
        critical=act is not None and act.name in critical,
        label="" if label is None else entry.label,
        label_x=span.x0 if label is None or label.x0 == span.x0 else span.x1,
        label_end=label is not None and label.x0 != span.x0,
        title=entry.title,
        link=entry.item if act is None else act.name,
        wait=(ready, round(span.x0 - ready, 1)) if ready < span.x0 else None,
    )


def _drawn(groups: list[Group], lanes: list[Lane]) -> Drawn:
    drawn: dict[str, tuple[int, Bar]] = {}
    for number, ((*_, entries), lane) in enumerate(zip(groups, lanes, strict=True)):
        bars = zip(entries, lane.bars, strict=True)
        drawn |= {entry.act.name: (number, bar) for entry, bar in bars if entry.act is not None}
    return drawn


def _grid(scale: _Scale) -> tuple[Gridline, ...]:
    lines = []
    for tick in ticks(scale.span, 12):
        x = scale.x(scale.start + tick.seconds)
        lines.append(Gridline(x=round(x, 1), label=tick.label, end=x > WIDTH - 60))
    return tuple(lines)
