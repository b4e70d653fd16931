"""The plan's graph as it stands, drawn from left to right: a box for each task and gate, a curve for each edge.

Above `MOST` items it is drawn of tracks. A need of a whole group goes through a point that stands for the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Plan, reads_of
from orchharness.record import record
from orchharness.report.history import History, ItemPast
from orchharness.report.layout import Layout, Place
from orchharness.report.packing import CHAR
from orchharness.report.text import line, plural

MOST = 160  # items
_HEIGHT, _GAP_X, _GAP_Y, _PAD = 36.0, 54.0, 14.0, 8.0
_LONGEST = 28  # characters of a name in a box
Lay = Callable[[int, Sequence[tuple[int, int]]], Layout | None]


@record
class Node:
    """A box; of kind `group` it is a point with a name beside it."""

    id: str
    kind: str  # task, gate, track or group
    name: str
    note: str
    state: str
    x: float
    y: float
    width: float
    height: float
    title: str


@record
class Link:
    """A curve from one node to another. `cross`: the ids of the cross-pollination edges it stands for."""

    path: str
    head: str
    cross: str
    title: str
    at: tuple[float, float]  # where its name stands, where it has one


@record
class Graph:
    """The picture, in pixels. `edges` says the same in words: who needs what."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    edges: tuple[tuple[str, str], ...]
    note: str
    missing: bool  # there is no library that finds places, so nothing is drawn


@record
class _Box:
    """A node before it has a place."""

    id: str
    kind: str
    name: str
    note: str = ""
    state: str = ""


def graph(plan: Plan, history: History, lay: Lay) -> Graph | None:
    """The picture of the selected part of the plan; None where there is nothing to see."""
    selected = [item for item in history.selected if item in plan.tasks or item in plan.gates]
    by_track = len(selected) > MOST
    boxes, edges = (_tracks if by_track else _items)(plan, history, selected)
    if len(boxes) < 2 or len(boxes) > 4 * MOST or not edges:
        return None
    number = {box.id: n for n, box in enumerate(boxes)}
    drawn = _direct(edges)
    pairs = [(number[a], number[b]) for a, b in drawn]
    placed = lay(len(boxes), pairs)
    return Graph(
        **_drawn(boxes, drawn, placed),
        edges=tuple(_words(boxes, edges)),
        note="There are many items: each box is a track." if by_track else "",
        missing=placed is None,
    )


Edges = Mapping[tuple[str, str], str]  # (from, to) -> names of cross-pollination edges


def _items(plan: Plan, history: History, selected: Sequence[str]) -> tuple[list[_Box], Edges]:
    known = set(selected)
    boxes = {item: _box(plan, history, item) for item in selected}
    edges: dict[tuple[str, str], str] = {}
    for item in selected:
        for need in _needs(plan, item):
            if need in known:
                edges[need, item] = ""
            elif need in plan.groups:
                _through_group(plan, need, item, known, boxes, edges)
    for edge in plan.edges:
        source = edge.source if edge.source in known else ""
        gate = plan.tasks[source].gate if source in plan.tasks else None
        for target in edge.targets:
            if source and target in known:  # what a task with a gate of its own makes is released by the gate
                ends = (gate or source, target) if (gate or source) in known else (source, target)
                edges[ends] = ", ".join(part for part in (edges.get(ends), line(edge.id, 40)) if part)
    return list(boxes.values()), edges


def _needs(plan: Plan, item: str) -> list[str]:
    task = plan.tasks.get(item)
    if task is not None:
        reads = [r for r in reads_of(task) if r in plan.gates or not plan.tasks[r].gate]
        return list(dict.fromkeys((*task.needs, *reads)))
    gate = plan.gates[item]
    return list(dict.fromkeys((*gate.of, *gate.of_gates, *gate.needs)))


def _through_group(
    plan: Plan,
    group: str,
    item: str,
    known: set[str],
    boxes: dict[str, _Box],
    edges: dict[tuple[str, str], str],
) -> None:
    members = [m for m in plan.groups[group] if m in known]
    if not members or item in members:
        return
    if group not in boxes:
        boxes[group] = _Box(id=group, kind="group", name=line(group.partition(":")[2], _LONGEST))
        used = {need for member in members for need in _needs(plan, member)}
        edges.update({(last, group): "" for last in members if last not in used})
    edges[group, item] = ""


def _box(plan: Plan, history: History, item: str) -> _Box:
    past = history.items.get(item) or ItemPast()
    if item in plan.tasks:
        rounds = max((act.iteration for act in past.acts), default=0)
        note = past.state + (f", {rounds} iterations" if rounds > 1 else "")
        return _Box(id=item, kind="task", name=item, note=note, state=past.state)
    score = next((r.score for r in reversed(past.rounds) if r.score is not None), None)
    note = past.state + (f" {score}" if score is not None else "")
    return _Box(id=item, kind="gate", name=item, note=note, state=past.state)


def _tracks(plan: Plan, history: History, selected: Sequence[str]) -> tuple[list[_Box], Edges]:
    home: dict[str, str] = {}
    boxes: list[_Box] = []
    chosen = set(selected)
    for phase in plan.phases:
        for track in phase.tracks:
            items = [item for item in track.items if item in chosen]
            if not items:
                continue
            key = f"{phase.id}/{track.id}"
            home |= dict.fromkeys(items, key)
            states = [(history.items.get(item) or ItemPast()).state for item in items]
            good = sum(state in {"passed", "waived"} for state in states)
            worst = next(
                (s for s in ("failed", "error", "lost", "paused", "running") if s in states), "waiting"
            )
            state = "passed" if good == len(items) else worst
            name = track.id if track.id == phase.id else key
            boxes.append(_Box(id=key, kind="track", name=line(name, 60), note=f"{good:,} of {plural(len(items), 'item')}", state=state))  # fmt: skip
    edges: dict[tuple[str, str], str] = {}
    for item in selected:
        for need in _needs(plan, item):
            for source in {home[m] for m in plan.groups.get(need, (need,)) if m in home}:
                if source != home[item] and (home[item], source) not in edges:
                    edges[source, home[item]] = ""
    return boxes, edges


def _direct(edges: Edges) -> Edges:
    """Without the edges that others imply; named ones stay."""
    after: dict[str, set[str]] = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)
    reached: dict[str, set[str]] = {}

    def reach(node: str) -> set[str]:
        if node not in reached:
            reached[node] = set()  # the plan has no cycle; were there one, this ends it
            reached[node] = set().union(*({n} | reach(n) for n in after.get(node, ())))
        return reached[node]

    return {
        (a, b): cross
        for (a, b), cross in edges.items()
        if cross or not any(b in reach(n) for n in after[a] - {b})
    }


def _words(boxes: Sequence[_Box], edges: Edges) -> Iterable[tuple[str, str]]:
    names = {box.id: box.name for box in boxes}
    for box in boxes:
        needed = [
            names[a] + (f" ({cross})" if cross else "") for (a, b), cross in edges.items() if b == box.id
        ]
        if needed:
            yield box.name, ", ".join(needed)


def _drawn(boxes: Sequence[_Box], edges: Edges, placed: Layout | None) -> dict[str, Any]:
    if placed is None:
        return {"width": 0.0, "height": 0.0, "nodes": (), "links": ()}
    columns = _columns(boxes, placed)
    low = min(place.across for route in (placed.nodes, *placed.bends) for place in route)

    def y(place: Place) -> float:
        return _PAD + (place.across - low) * (_HEIGHT + _GAP_Y) + _HEIGHT / 2

    nodes = [_node(box, columns[round(at.layer)], y(at)) for box, at in zip(boxes, placed.nodes, strict=True)]
    links = []
    number = {box.id: n for n, box in enumerate(boxes)}
    for ((a, b), cross), route in zip(edges.items(), placed.bends, strict=True):
        bends = [(columns[round(p.layer)], y(p)) for p in route]
        links.append(_link(nodes[number[a]], nodes[number[b]], bends, cross))
    width = max(node.x + node.width for node in nodes) + _PAD
    height = (
        max(*(node.y + node.height for node in nodes), *(y(p) for r in placed.bends for p in r), 0) + _PAD
    )
    return {
        "width": round(width, 1),
        "height": round(height, 1),
        "nodes": tuple(nodes),
        "links": tuple(links),
    }


def _wide(box: _Box) -> float:
    shown = max(len(box.name[:_LONGEST]), 0.86 * (len(box.note) + 2))
    return 14.0 if box.kind == "group" else round(max(64.0, shown * CHAR + 22), 1)


def _columns(boxes: Sequence[_Box], placed: Layout) -> list[tuple[float, float]]:
    """Left edge and width of each layer."""
    count = 1 + max(round(p.layer) for route in (placed.nodes, *placed.bends) for p in route)
    widths = [14.0] * count
    for box, place in zip(boxes, placed.nodes, strict=True):
        widths[round(place.layer)] = max(widths[round(place.layer)], _wide(box))
    columns, x = [], _PAD
    for width in widths:
        columns.append((x, width))
        x += width + _GAP_X
    return columns


def _node(box: _Box, column: tuple[float, float], middle: float) -> Node:
    left, room = column
    width, height = _wide(box), 14.0 if box.kind == "group" else _HEIGHT
    name = box.name if len(box.name) <= _LONGEST else f"{box.name[: _LONGEST - 1]}…"
    title = f"all of {box.name}" if box.kind == "group" else f"{box.kind} {box.name}: {box.note}"
    return Node(
        id=box.id,
        kind=box.kind,
        name=name,
        note=box.note,
        state=box.state,
        x=round(left + (room - width) / 2, 1),
        y=round(middle - height / 2, 1),
        width=width,
        height=height,
        title=title,
    )


def _link(source: Node, target: Node, bends: Sequence[tuple[tuple[float, float], float]], cross: str) -> Link:
    x, y = source.x + source.width, source.y + source.height / 2
    path = f"M{x:.1f} {y:.1f}"
    end = (target.x - 6, target.y + target.height / 2)
    stops = [((left, at), (left + room, at)) for (left, room), at in bends] + [(end, end)]
    for (x1, y1), (x2, _) in stops:
        half = (x1 - x) / 2
        path += f"C{x + half:.1f} {y:.1f} {x1 - half:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        if x2 > x1:
            path += f"H{x2:.1f}"
        x, y = x2, y1
    name = f"{cross}: " if cross else ""
    head = f"M{end[0] + 6:.1f} {end[1]:.1f}l-7 -4v8z"
    begin = stops[0][0]
    return Link(
        path=path,
        head=head,
        cross=cross,
        title=f"{name}{source.name} to {target.name}",
        at=(
            round((source.x + source.width + begin[0]) / 2, 1),
            round((source.y + source.height / 2 + begin[1]) / 2 - 5, 1),
        ),
    )
