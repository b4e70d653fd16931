"""Cross-pollination in the timeline: from the producer's last act to the start of the consumer's first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from orchharness.core.plan import Edge, Plan
from orchharness.report.figure import WIDTH, Arrow, Bar, Chain, Lane
from orchharness.report.history import Act, History
from orchharness.report.packing import text_width
from orchharness.report.text import line

Drawn = Mapping[str, tuple[int, Bar]]  # act -> the number of its lane, and its bar


def arrows(plan: Plan, history: History, lanes: Sequence[Lane], drawn: Drawn) -> Iterable[Arrow]:
    """An arrow for each edge whose both ends ran. Names never cover a bar or a label."""
    taken = [_box(bar) for lane in lanes for bar in lane.bars]
    taken += [box for lane in lanes for bar in lane.bars if (box := _label_box(bar)) is not None]
    taken += [(0.0, lane.y, 10 + text_width(f"{lane.name}  {lane.detail}"), lane.y + 22) for lane in lanes]
    for edge in plan.edges:
        for target in edge.targets:
            ends = _ends(history, edge, target)
            if ends is not None:
                yield _arrow(edge, target, drawn[ends[0].name], drawn[ends[1].name], taken)


def chain(critical: Sequence[Act], drawn: Drawn) -> Iterable[Chain]:
    """The lines between the acts of the critical path."""
    for before, after in pairwise(critical):
        if before.name in drawn and after.name in drawn:
            (lane0, a), (lane1, b) = drawn[before.name], drawn[after.name]
            x0, y0, x1, y1 = ends = (a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2)
            yield Chain(ends=ends, lanes=(lane0, lane1), path=f"M{x0:.1f} {y0:.1f}V{y1:.1f}H{x1:.1f}")


def _ends(history: History, edge: Edge, target: str) -> tuple[Act, Act] | None:
    producer, consumer = (history.items.get(item) for item in (edge.source, target))
    if producer is None or consumer is None or not consumer.acts:
        return None
    first = consumer.acts[0]
    before = [act for act in producer.acts if act.over is not None and act.over < first.begun]
    return (max(before, key=lambda act: act.end), first) if before else None


_Box = tuple[float, float, float, float]


def _box(bar: Bar) -> _Box:
    return (bar.x, bar.y, bar.x + bar.width, bar.y + bar.height)


def _label_box(bar: Bar) -> _Box | None:
    if not bar.label:
        return None
    width = text_width(bar.label)
    left = bar.label_x - width if bar.label_end else bar.label_x
    return (left, bar.y - 14, left + width, bar.y)


def _arrow(edge: Edge, target: str, begin: tuple[int, Bar], end: tuple[int, Bar], taken: list[_Box]) -> Arrow:
    (lane0, source), (lane1, to) = begin, end
    x0, y0 = source.x + source.width, source.y + source.height / 2
    x1, y1 = to.x - 1, to.y + to.height / 2
    bend = max(24.0, abs(x1 - x0) / 2)
    points = ((x0, y0), (x0 + bend, y0), (x1 - bend, y1), (x1, y1))
    name = line(edge.id, 24)
    title = f"{name}: {line(edge.source)} to {line(target)}" + (
        f" ({line(', '.join(edge.artifacts))})" if edge.artifacts else ""
    )
    a, b, c, d = (f"{x:.1f} {y:.1f}" for x, y in points)
    return Arrow(
        name=name,
        ends=(x0, y0, x1, y1),
        lanes=(lane0, lane1),
        path=f"M{a}C{b} {c} {d}",
        head=f"M{x1:.1f} {y1:.1f}l-7 -4v8z",
        place=_place(points, text_width(name) + 10, taken),
        title=title,
    )


def _place(
    points: tuple[tuple[float, float], ...], width: float, taken: list[_Box]
) -> tuple[float, float, float] | None:
    for aside in (0.0, width / 2 + 5, -width / 2 - 5):
        for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.12, 0.88):
            x, y = _bezier(points, share)
            box = (x + aside - width / 2, y - 11, x + aside + width / 2, y + 11)
            inside = box[0] > 2 and box[2] < WIDTH - 2
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                return (round(x + aside, 1), round(y, 1), round(width, 1))
    return None


def _bezier(points: tuple[tuple[float, float], ...], t: float) -> tuple[float, float]:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (sum(w * p[axis] for w, p in zip(weights, points, strict=True)) for axis in (0, 1))
    return x, y


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
