"""What costs time or goes wrong easily, although the plan is right."""

from __future__ import annotations

from collections.abc import Iterator

from orchharness.core.plan import Plan, Task, reads_of
from orchharness.explain.facts import Danger, Hazard, Unit
from orchharness.explain.files import may_meet, shared_writes
from orchharness.explain.order import Order
from orchharness.explain.schedule import Useful
from orchharness.explain.spawns import again
from orchharness.explain.words import length, names, node_in_words

_HALF = 0.5
_NOISE = 1e-6  # of a sum of estimates


def hazards(order: Order, path: list[str], useful: Useful, unit: Unit) -> Iterator[Hazard]:
    """All of them: what bounds the whole first."""
    yield from _bounds(order, path, useful, unit)
    yield from _gates_on_path(order, path, unit)
    yield from _waits(order, unit)
    yield from _shared(order.plan)


def _bounds(order: Order, path: list[str], useful: Useful, unit: Unit) -> Iterator[Hazard]:
    tasks = [i for i in path if i in order.weight]
    critical = sum(order.weight[t] for t in tasks)
    heavy = max(tasks, key=lambda t: order.weight[t], default=None)
    if unit is Unit.SECONDS and heavy is not None and len(order.weight) > 1:
        own = order.weight[heavy]
        if own >= _HALF * useful.shortest:
            share = f"{own / useful.shortest:.0%}" if useful.shortest else "all"
            text = (
                f"{heavy} is {share} of the shortest time: to split it would win more than any further agent"
            )
            yield Hazard(kind=Danger.ONE_TASK, items=(heavy,), text=text)
    if useful.shortest > critical * (1 + _NOISE):
        text = (
            f"with any number of agents it takes {length(useful.shortest, unit)}, longer than the critical path "
            f"({length(critical, unit)}): counters or foreground tasks keep tasks apart that need nothing of each other"
        )
        yield Hazard(kind=Danger.HELD_BACK, items=(), text=text)
    parallel = order.plan.parallel
    if parallel < useful.width:
        text = f"'limits.parallel' is {parallel}, up to {useful.width} agents would make it faster"
        yield Hazard(kind=Danger.LIMIT, items=(), text=text)
    elif parallel > useful.width and len(order.weight) > useful.width:
        text = (
            f"'limits.parallel' is {parallel}; by what is known more than {useful.width} at once win nothing"
        )
        yield Hazard(kind=Danger.LIMIT, items=(), text=text)


def _gates_on_path(order: Order, path: list[str], unit: Unit) -> Iterator[Hazard]:
    weights = {t: order.weight[t] for t in path if t in order.weight}
    gates = [order.plan.gates[i] for i in path if i in order.plan.gates]
    more = {g.id: cost for g in gates if (cost := again(order.plan, g, weights)) > 0}
    if not more:
        return
    critical = sum(weights.values())
    text = (
        f"when work goes back until the iterations of {names(list(more))} are used up, "
        f"the critical path is {length(critical + sum(more.values()), unit)} instead of {length(critical, unit)}"
    )
    yield Hazard(kind=Danger.GATES_ON_PATH, items=tuple(more), text=text)


def _waits(order: Order, unit: Unit) -> Iterator[Hazard]:
    """Needs that carry nothing, and tasks that could start earlier by what they read."""
    place = {p.id: n for n, p in enumerate(order.plan.phases)}
    for task in order.plan.tasks.values():
        idle = _order_only(order.plan, task, place)
        if idle:
            text = _idle_text(order, task, idle, unit)
            yield Hazard(kind=Danger.ORDER_ONLY, items=(task.id, *idle), text=text)
        reads = [order.finish[i] for i in _released(order.plan, task)]
        start = order.start(task.id)
        if not reads or start <= max(reads) + _NOISE:
            continue
        late = [n for n in order.before[task.id] if order.finish[n] > max(reads) + _NOISE and n not in idle]
        if late:
            text = (
                f"{task.id} has all it reads after {length(max(reads), unit)} and starts after "
                f"{length(start, unit)}: it waits for {names([node_in_words(n) for n in late])}"
            )
            yield Hazard(kind=Danger.WAITS_FOR_MORE, items=(task.id, *late), text=text)


def _idle_text(order: Order, task: Task, idle: list[str], unit: Unit) -> str:
    start = order.start(task.id)
    without = max((order.finish[n] for n in order.before[task.id] if n not in idle), default=0.0)
    sooner = (
        f"; without, it could start after {length(without, unit)} instead of {length(start, unit)}"
        if without < start - _NOISE
        else ""
    )
    shown = names([node_in_words(n) for n in idle])
    return f"{task.id} needs {shown} and reads nothing of it; if only the order was meant, that need could go{sooner}"


def _released(plan: Plan, task: Task) -> list[str]:
    """The items that let go what the task reads."""
    found = []
    for item in reads_of(task):
        producer = plan.tasks.get(item)
        found.append(producer.gate if producer is not None and producer.gate is not None else item)
    return found


def _order_only(plan: Plan, task: Task, place: dict[str, int]) -> list[str]:
    """Needs inside the phase whose makers the task neither reads nor shares files with."""
    reads = {*reads_of(task), *(item for c in task.when for item in c.items)}
    found = []
    for node in task.needs:
        if node.startswith("phase:"):
            continue
        makers = _makers(plan, node)
        here = [m for m in makers if place[plan.item(m).phase] == place[task.phase]]
        if not here or node in reads or reads.intersection(makers):
            continue
        if not any(_share_files(task, plan.tasks[m]) for m in here if m in plan.tasks):
            found.append(node)
    return found


def _makers(plan: Plan, node: str) -> tuple[str, ...]:
    """The tasks behind a node, itself included; a gate that only stands over gates has none."""
    if node in plan.groups:
        return plan.groups[node]
    gate = plan.gates.get(node)
    return (node, *gate.of) if gate is not None else (node,)


def _share_files(task: Task, maker: Task) -> bool:
    """Whether the order keeps writers apart, or lets the task find files that the other one writes."""
    files = [*task.writes, *(i.files for i in task.inputs if i.files is not None)]
    return any(may_meet(one, other) for one in files for other in maker.writes)


def _shared(plan: Plan) -> Iterator[Hazard]:
    for pattern, tasks in shared_writes(plan.tasks):
        counters = set(plan.tasks[tasks[0]].resources).intersection(*(plan.tasks[t].resources for t in tasks))
        how = f"the counter {min(counters)!r} keeps them apart" if counters else "they run one after another"
        if not counters and all(plan.tasks[t].when for t in tasks):
            how = "their conditions or their order keep them apart"
        text = f"{pattern} is written by {names(tasks)}: {how}, and the last one's bytes stay"
        yield Hazard(kind=Danger.SHARED_WRITES, items=tuple(tasks), text=text)
