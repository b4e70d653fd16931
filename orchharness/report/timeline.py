"""The timeline as numbers: a lane per track, a bar per act, arrows for cross-pollination, a time axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.arrows import arrows
from orchharness.report.figure import PAD, WIDTH, Bar, Gridline, Lane, Timeline
from orchharness.report.history import RUNNING, Act, History, Round
from orchharness.report.packing import Block, Span, fill, pack, text_width, ticks
from orchharness.report.text import duration, line

AXIS = 30.0
THIN_ABOVE = 1500  # bars
BARE_ABOVE = 5000  # bars; not even a tooltip then
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


class _Scale:
    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.span = max(end - start, 0.001)

    def x(self, at: float) -> float:
        share = min(1.0, max(0.0, (at - self.start) / self.span))
        return PAD + share * (WIDTH - 2 * PAD)


@record
class _Entry:
    """Something to be drawn, before it has a place."""

    act: Act | None
    item: str
    key: str
    start: float
    end: float
    label: str
    needed: bool  # the label must be drawn
    title: str


def timeline(plan: Plan, history: History, critical: Sequence[Act]) -> Timeline:
    """The picture of a run."""
    scale = _Scale(history.started, max(history.horizon, history.last))
    groups = _entries(plan, history)
    count = sum(len(entries) for _, _, entries in groups)
    notes = []
    if len(groups) > MANY_LANES:
        groups = _by_phase(plan, groups)
        notes.append("There are many tracks: each lane is a phase.")
    thin = count > THIN_ABOVE
    names = frozenset(act.name for act in critical)
    lanes = _lanes(groups, scale, names, THIN if thin else NORMAL)
    if not thin and lanes and sum(lane.height for lane in lanes) > MANY_ROWS * NORMAL.row:
        thin = True
        lanes = _lanes(groups, scale, names, THIN)
    if thin:
        notes.append(
            f"{count:,} bars: drawn thin and without names; hold the pointer over one to see what it is."
        )
    height = lanes[-1].y + lanes[-1].height if lanes else AXIS
    return Timeline(
        width=WIDTH,
        height=height + 4,
        axis=AXIS,
        lanes=tuple(lanes),
        grid=_grid(scale),
        arrows=() if thin else tuple(arrows(plan, history, lanes, _drawn(groups, lanes))),
        thin=thin,
        bars=count,
        bare=count > BARE_ABOVE,
        notes=tuple(notes),
    )


_Group = tuple[str, str, list[_Entry]]


def _entries(plan: Plan, history: History) -> list[_Group]:
    groups: list[_Group] = []
    for phase in plan.phases:
        for track in phase.tracks:
            entries = [entry for item in track.items for entry in _of_item(plan, history, item)]
            if entries:
                name = track.title or track.id
                detail = "" if track.id == phase.id else line(phase.title or phase.id, 60)
                groups.append((line(name, 60), detail, entries))
    return groups


def _by_phase(plan: Plan, groups: list[_Group]) -> list[_Group]:
    merged: dict[str, list[_Entry]] = {}
    for _, _, entries in groups:
        merged.setdefault(plan.item(entries[0].item).phase, []).extend(entries)
    titles = {phase.id: phase.title or phase.id for phase in plan.phases}
    return [(line(titles[phase], 60), "", entries) for phase, entries in merged.items()]


def _of_item(plan: Plan, history: History, item: str) -> Iterable[_Entry]:
    past = history.items.get(item)
    if past is None:
        return
    gate = plan.gates.get(item)
    key = item if gate is None else gate.owner or item
    several = len({act.iteration for act in past.acts}) > 1
    for place, act in enumerate(past.acts):
        yield _Entry(
            act=act,
            item=item,
            key=key,
            start=act.start,
            end=act.end,
            label=_label(act, first=not place, several=several),
            needed=act.critic is None and not place,
            title=_title(act, history.started),
        )
    if not past.acts and past.rounds:
        last = past.rounds[-1]
        title = _verdict(item, last, history.started)
        yield _Entry(
            act=None, item=item, key=key, start=last.at, end=last.at, label=item, needed=True, title=title
        )


def _label(act: Act, *, first: bool, several: bool) -> str:
    if act.critic is not None:
        return f"{act.item} i{act.iteration}" if several else act.item
    if first:
        return f"{act.item} i{act.iteration}" if several else act.item
    return f"i{act.iteration}" if act.attempt == 1 else f"i{act.iteration} a{act.attempt}"


def _title(act: Act, start: float) -> str:
    who = (
        f"{act.item}, its mender"
        if act.mends
        else act.item
        if act.critic is None
        else f"{act.item}, judged by {act.judge}"
    )
    attempt = f", attempt {act.attempt}" if act.attempt > 1 else ""
    when = f"{duration(act.start - start)} to {duration(act.end - start)}"
    outcome = "still running" if act.outcome == RUNNING else act.outcome
    return f"{who}, iteration {act.iteration}{attempt}: {outcome}, {duration(act.seconds)} ({when})"


def _verdict(gate: str, last: Round, start: float) -> str:
    score = f", score {last.score}" if last.score is not None else ""
    return f"{gate}: {last.state}{score}, {duration(last.at - start)} after the start"


def _lanes(groups: list[_Group], scale: _Scale, critical: frozenset[str], sizes: Sizes) -> list[Lane]:
    lanes = []
    y = AXIS
    for name, detail, entries in groups:
        bars, rows = _bars(entries, scale, critical, sizes, y + sizes.head)
        height = sizes.head + rows * sizes.row + sizes.foot
        lanes.append(Lane(name=name, detail=detail, y=y, height=height, bars=tuple(bars)))
        y += height
    return lanes


def _bars(
    entries: list[_Entry], scale: _Scale, critical: frozenset[str], sizes: Sizes, top: float
) -> tuple[list[Bar], int]:
    with_labels = sizes is NORMAL
    spans = [_bar_span(entry, scale) for entry in entries]
    labels = [_label_span(entry.label, span) for entry, span in zip(entries, spans, strict=True)]
    blocks = [
        Block(bar=span, label=label if with_labels and entry.needed else None, key=entry.key)
        for entry, span, label in zip(entries, spans, labels, strict=True)
    ]
    rows = pack(blocks)
    shown = _shown(entries, blocks, labels, rows) if with_labels else [False] * len(entries)
    bars = [
        _bar(entry, span, label if show else None, top + row * sizes.row, sizes, critical)
        for entry, span, label, row, show in zip(entries, spans, labels, rows, shown, strict=True)
    ]
    return bars, max(rows, default=-1) + 1


def _shown(entries: list[_Entry], blocks: list[Block], labels: list[Span], rows: list[int]) -> list[bool]:
    shown = [block.label is not None for block in blocks]
    for row in set(rows):
        inside = [n for n, r in enumerate(rows) if r == row]
        taken = [label for n in inside if (label := blocks[n].label) is not None]
        rest = [n for n in inside if not shown[n] and _may_show(entries[n], blocks[n].bar, labels[n])]
        rest.sort(key=lambda n: (_is_critic(entries[n]), labels[n]))
        for n, fits in zip(rest, fill(taken, [labels[n] for n in rest]), strict=True):
            shown[n] = fits
    return shown


def _may_show(entry: _Entry, bar: Span, label: Span) -> bool:
    """A critic's name stands only over a bar as wide as itself: else it would seem to be the next bar's."""
    return not _is_critic(entry) or label.x1 - label.x0 <= bar.x1 - bar.x0


def _is_critic(entry: _Entry) -> bool:
    return entry.act is not None and entry.act.critic is not None


def _bar_span(entry: _Entry, scale: _Scale) -> Span:
    x0, x1 = scale.x(entry.start), scale.x(entry.end)
    least = 10.0 if entry.act is None else _LEAST
    x0 = min(x0, WIDTH - PAD - least)
    return Span(round(x0, 1), round(max(x1, x0 + least), 1))


def _label_span(label: str, bar: Span) -> Span:
    width = text_width(label)
    if bar.x0 + width <= WIDTH - 2:
        return Span(bar.x0, bar.x0 + width)
    return Span(bar.x1 - width, bar.x1)


def _bar(
    entry: _Entry, span: Span, label: Span | None, top: float, sizes: Sizes, critical: frozenset[str]
) -> Bar:
    act = entry.act
    kind = "verdict" if act is None else "critic" if act.critic is not None else "task"
    return Bar(
        x=span.x0,
        y=top + sizes.above,
        width=round(max(_LEAST, span.x1 - span.x0 - 1), 1),
        height=sizes.bar,
        kind=kind,
        shade=1 if act is None else min(3, act.iteration),
        ok=act is None or act.ok,
        running=act is not None and act.outcome == RUNNING,
        critical=act is not None and act.name in critical,
        label="" if label is None else entry.label,
        label_x=span.x0 if label is None or label.x0 == span.x0 else span.x1,
        label_end=label is not None and label.x0 != span.x0,
        title=entry.title,
    )


def _drawn(groups: list[_Group], lanes: list[Lane]) -> dict[str, Bar]:
    drawn: dict[str, Bar] = {}
    for (_, _, entries), lane in zip(groups, lanes, strict=True):
        drawn |= {e.act.name: bar for e, bar in zip(entries, lane.bars, strict=True) if e.act is not None}
    return drawn


def _grid(scale: _Scale) -> tuple[Gridline, ...]:
    lines = []
    for tick in ticks(scale.span, 12):
        x = scale.x(scale.start + tick.seconds)
        lines.append(Gridline(x=round(x, 1), label=tick.label, end=x > WIDTH - 60))
    return tuple(lines)
