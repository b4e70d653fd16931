"""The plan's graph as a Mermaid flowchart: phases and tracks as boxes, the critical path in bold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from orchharness.core.graph import needs_of
from orchharness.core.plan import Phase, Plan, reads_of
from orchharness.explain.facts import Explanation, Unit
from orchharness.explain.words import length


def mermaid(plan: Plan, found: Explanation) -> str:
    """The flowchart: solid arrows carry artifacts or lead to a gate, dotted ones are order only."""
    nodes = {item: f"n{place}" for place, item in enumerate([*plan.tasks, *plan.gates])}
    boxes = {f"phase:{p.id}": f"p{place}" for place, p in enumerate(plan.phases)}
    tracks = [f"track:{p.id}/{t.id}" for p in plan.phases for t in p.tracks]
    boxes |= {name: f"t{place}" for place, name in enumerate(tracks)}
    lines = ["flowchart LR"]
    for phase in plan.phases:
        lines += _phase(plan, phase, nodes, boxes)
    filled = [boxes[f"phase:{p.id}"] for p in plan.phases if p.items]
    lines += [f"  {one} ==> {other}" for one, other in pairwise(filled)]
    lines += _arrows(plan, nodes, boxes)
    critical = ",".join(nodes[i] for i in found.critical_path)
    if critical:
        lines += ["  classDef critical stroke-width:4px", f"  class {critical} critical"]
    return "\n".join(lines) + "\n"


def _phase(plan: Plan, phase: Phase, nodes: dict[str, str], boxes: dict[str, str]) -> Iterator[str]:
    if not phase.items:
        return
    yield f'  subgraph {boxes[f"phase:{phase.id}"]}["{phase.id}"]'
    inside: set[str] = set()
    for track in phase.tracks:
        if len(phase.tracks) == 1 and track.id == phase.id:
            continue
        inside.update(track.items)
        if track.items:
            yield f'    subgraph {boxes[f"track:{phase.id}/{track.id}"]}["{track.id}"]'
            yield from _items(plan, track.items, nodes, "      ")
            yield "    end"
    yield from _items(plan, [i for i in phase.items if i not in inside], nodes, "    ")
    yield "  end"


def _items(plan: Plan, items: Iterable[str], nodes: dict[str, str], indent: str) -> Iterator[str]:
    for item in items:
        task = plan.tasks.get(item)
        if task is None:
            yield f'{indent}{nodes[item]}{{{{"{item}"}}}}'
        else:
            time = "" if task.estimate is None else f"<br/>{length(task.estimate, Unit.SECONDS)}"
            yield f'{indent}{nodes[item]}["{item}{time}"]'


def _arrows(plan: Plan, nodes: dict[str, str], boxes: dict[str, str]) -> Iterator[str]:
    names = {(e.source, target): e.id for e in plan.edges for target in e.targets}
    for item, place in nodes.items():
        task = plan.tasks.get(item)
        reads = set(reads_of(task)) if task is not None else set()
        for node in needs_of(plan, item):
            if node.startswith("phase:"):
                continue
            gate = plan.gates.get(node)
            carriers = {node, gate.owner} if gate is not None else {node, *plan.groups.get(node, ())}
            name = next((names[c, item] for c in carriers if c is not None and (c, item) in names), "")
            arrow = "-->" if task is None or reads.intersection(carriers) else "-.->"
            yield f"  {nodes.get(node) or boxes[node]} {arrow}{f'|{name}|' if name else ''} {place}"
