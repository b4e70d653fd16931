"""Questions about a plan's graph: what an item waits for and pulls in, how long the rest is, who comes after whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from orchharness.core.plan import Gate, Plan, Task, group_node
from orchharness.errors import OrchError


def needs_of(plan: Plan, item_id: str) -> tuple[str, ...]:
    """The nodes the item waits for: what the plan says, and what follows from gates.

    * Who waits for a task with a gate of its own waits for that gate.
    * A task waits for what the checks of its own gate read: it holds its resources, and a foreground task the
      whole plan, until that gate is decided, so what it reads must not wait for them in turn.
    * A gate over tasks of its own phase leaves earlier phases to the trigger rules of those tasks, so that the
      gate of a clean-up judges it although something failed before.
    """
    item = plan.item(item_id)
    nodes: list[str] = []
    if isinstance(item, Gate):
        nodes += (*item.of, *item.of_gates)
        judges_at_home = bool(item.of) and all(plan.tasks[t].phase == item.phase for t in item.of)
        nodes += (n for n in item.needs if not (judges_at_home and n.startswith("phase:")))
        nodes += _check_sources(item)
    else:
        nodes += item.needs
        if item.gate is not None:
            nodes += _check_sources(plan.gates[item.gate])
    return tuple(dict.fromkeys(released_by(plan, n, item) for n in nodes if n != item_id))


def _check_sources(gate: Gate) -> list[str]:
    return [s.item for c in gate.checks for s in c.sources if s.item != gate.owner]


def released_by(plan: Plan, node: str, waiter: Task | Gate | None = None) -> str:
    """What stands for needing the node: for a task with a gate of its own the gate, but not for that gate itself."""
    task = plan.tasks.get(node)
    if task is None or task.gate is None or (waiter is not None and task.gate == waiter.id):
        return node
    return task.gate


def subject_of(plan: Plan, gate: Gate) -> tuple[str, ...]:
    """The nodes that must be a success for the gate to have something to judge: members, and what its checks read."""
    return tuple(released_by(plan, n, gate) for n in (*gate.of, *gate.of_gates, *_check_sources(gate)))


def chances_of(plan: Plan, task: Task) -> tuple[str, ...]:
    """The nodes of which one must be a success under `one_success`: what the task itself needs.

    The phase before it is one of them only where it needs nothing else: else a good earlier phase would be enough.
    """
    phases = [p.id for p in plan.phases]
    place = phases.index(task.phase)
    before = group_node("phase", phases[place - 1]) if place else None
    named = [n for n in task.needs if n != before]
    return tuple(released_by(plan, n, task) for n in named or task.needs)


def closure(plan: Plan, chosen: Iterable[str]) -> frozenset[str]:
    """The chosen items and everything they need: their needs, a task's own gate, a gate's members.

    Raises:
        OrchError: a chosen item is not in the plan.
    """
    found: set[str] = set()
    todo = list(chosen)
    for item_id in todo:
        if item_id not in plan.tasks and item_id not in plan.gates and item_id not in plan.groups:
            msg = f"plan {plan.id!r} has no task, gate or group {item_id!r}"
            raise OrchError(msg)
    while todo:
        node = todo.pop()
        if node in found:
            continue
        found.add(node)
        if node in plan.groups:
            todo.extend(plan.groups[node])
            continue
        todo.extend(needs_of(plan, node))
        task = plan.tasks.get(node)
        if task is None:
            todo.extend(plan.gates[node].of)
        elif task.gate is not None:
            todo.append(task.gate)
    return frozenset(n for n in found if n not in plan.groups)


def dependents(plan: Plan, selected: Collection[str]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Node -> nodes that wait for it, and node -> how many it waits for; over selected items and the groups in use.

    Raises:
        OrchError: a selected item waits for one that is not selected.
    """
    waiting: dict[str, list[str]] = {}
    missing: dict[str, int] = dict.fromkeys(selected, 0)
    groups = {g: [i for i in items if i in missing] for g, items in plan.groups.items()}
    used: dict[str, None] = {}
    for item_id in selected:
        needs = [n for n in needs_of(plan, item_id) if groups.get(n, True)]  # an empty group is over
        missing[item_id] = len(needs)
        for node in needs:
            waiting.setdefault(node, []).append(item_id)
            if node in groups:
                used[node] = None
            elif node not in missing:
                msg = f"{item_id!r} needs {node!r}, which is not selected: select what graph.closure gives"
                raise OrchError(msg)
    for group in used:
        missing[group] = len(groups[group])
        for item_id in groups[group]:
            waiting.setdefault(item_id, []).append(group)
    return waiting, missing


def tails(
    plan: Plan, waiting: Mapping[str, list[str]], weights: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Node -> the longest time from its start to the end of the plan, by estimates or the given weights of nodes.

    Tasks without an estimate count as the mean of those that have one (1 s where none has), gates as nothing.

    Raises:
        OrchError: items wait for each other.
    """
    if weights is None:
        known = [t.estimate for t in plan.tasks.values() if t.estimate is not None]
        default = sum(known) / len(known) if known else 1.0
        weights = {t.id: default if t.estimate is None else t.estimate for t in plan.tasks.values()}
    result: dict[str, float] = {}
    for node in reversed(_in_order(plan, waiting)):
        own = weights.get(node, 0.0)
        result[node] = own + max([result[n] for n in waiting.get(node, ())], default=0.0)
    return result


def _in_order(plan: Plan, waiting: Mapping[str, list[str]]) -> list[str]:
    """The nodes, each after all it waits for."""
    before = dict.fromkeys([*plan.tasks, *plan.gates, *waiting], 0)
    for after in waiting.values():
        for node in after:
            before[node] = before.get(node, 0) + 1
    order = [n for n, count in before.items() if not count]
    for node in order:  # grows while it is walked
        for later in waiting.get(node, ()):
            before[later] -= 1
            if not before[later]:
                order.append(later)
    if len(order) < len(before):
        left = ", ".join(sorted(n for n, count in before.items() if count)[:10])
        msg = f"these wait for each other (what the checks of a gate read counts too): {left}; take one edge out"
        raise OrchError(msg)
    return order


def nearest_after(
    plan: Plan, members: Collection[str], waiting: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Member -> the members that come next after it; the way there may lead through items that are no members."""
    wanted = set(members)
    if len(wanted) == 1:
        return {m: [] for m in wanted}
    place = {p.id: n for n, p in enumerate(plan.phases)}
    last = max(place[plan.item(m).phase] for m in members)

    def leads_on(node: str) -> bool:  # nothing of a later phase leads back to a member
        if node in plan.groups:
            return not node.startswith("phase:") or place[node.removeprefix("phase:")] < last
        return place[plan.item(node).phase] <= last

    found: dict[str, list[str]] = {}
    for member in members:
        seen = {member}
        todo = deque([member])
        after: list[str] = []
        while todo:
            for node in waiting.get(todo.popleft(), ()):
                if node in seen or not leads_on(node):
                    continue
                seen.add(node)
                (after if node in wanted else todo).append(node)
        found[member] = after
    return found
