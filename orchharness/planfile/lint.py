"""Checks over the whole plan: cycles, files that two tasks write at once, input files that nobody makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from orchharness.core.plan import Gate, OutputKind, Task
from orchharness.planfile.context import Context
from orchharness.planfile.graph import Graph
from orchharness.planfile.names import Names
from orchharness.planfile.paths import matches_something, may_meet
from orchharness.planfile.writes import Concurrency, WriteIndex, find_clashes


def check_cycles(context: Context, graph: Graph, names: Names) -> None:
    """Note every cycle, at its first item."""
    for cycle in graph.cycles():
        drafts = [(place, names.tasks.get(node) or names.gates.get(node)) for place, node in enumerate(cycle)]
        orders = [(draft.order, place, draft) for place, draft in drafts if draft is not None]
        _, place, first = min(orders, key=lambda found: found[0])
        turned = [*cycle[place:], *cycle[:place], cycle[place]]
        way = " → ".join(node.replace(":", " ") for node in turned)
        origins = "".join(f"; {words}" for words in _origins(turned, names))
        context.problems.add(
            first.key,
            f"cycle: {way} (each waits for the one before it{origins}): take one of these needs out",
        )


def _origins(cycle: list[str], names: Names) -> Iterator[str]:
    """Where the edges of a cycle are from that do not stand on the tasks themselves."""
    for before, after in pairwise(cycle):
        task = names.tasks.get(after)
        if task is not None and before in task.origins:
            yield f"{after!r} for {before.replace(':', ' ')!r} by {task.origins[before]}"


def check_writes(context: Context, index: WriteIndex, at: Concurrency, names: Names) -> None:
    """Note tasks that can run at once and may write the same file."""
    for clash in find_clashes(index, at):
        (one, first), (other, second) = sorted(clash, key=lambda claim: claim[0].order)
        what = (
            f"both may write {first!r}"
            if first == second
            else f"may write {first!r} and {second!r}, which can be the same file"
        )
        if other.id in names.tasks and one.id in names.tasks:
            who, key = f"tasks {one.id!r} and {other.id!r}", names.tasks[other.id].key
            way = "order them with 'needs', or let both take a counter of 1 from limits.resources"
        else:
            who = " and ".join(_worker(task.id, names) for task in (one, other))
            key = names.gates[other.id if other.id in names.gates else one.id].key
            way = "order them with 'needs', or narrow the 'writes' of the mender"
        context.problems.add(key, f"{who} can run at once and {what}: {way}")


def _worker(item: str, names: Names) -> str:
    return f"task {item!r}" if item in names.tasks else f"the mender of gate {item!r}"


def check_menders(
    context: Context,
    gates: Mapping[str, Gate],
    tasks: Mapping[str, Task],
    index: WriteIndex,
    at: Concurrency,
    names: Names,
) -> None:
    """Note menders that may change what a task made before which their gate does not judge."""
    for gate in gates.values():
        if gate.mender is None:
            continue
        mine = [o.path for o in gate.mender.outputs]
        told = set(gate.of)
        for pattern in gate.mender.writes:
            for writer, path in index.writers(pattern):
                before = writer.id in tasks and at.is_before(writer, replace(gate.mender, id=gate.id))
                if writer.id in told or not before or any(may_meet(path, own) for own in mine):
                    continue
                told.add(writer.id)
                context.problems.add(
                    names.gates[gate.id].key,
                    f"the mender of gate {gate.id!r} may write {path!r} of task {writer.id!r}, which the gate does not "
                    f"judge: name {writer.id!r} in its 'of', or narrow the mender's 'writes'",
                )


def check_files(
    context: Context, tasks: Mapping[str, Task], index: WriteIndex, at: Concurrency, names: Names
) -> None:
    """Note input files that are outputs of others, are written meanwhile, or are never there."""
    for task in tasks.values():
        for known in task.inputs:
            if known.files is not None:
                node = names.tasks[task.id].fields.get("inputs")[known.name][1]
                what = _file_fault(context, task, known.files, index, at)
                if what:
                    context.problems.add(node, f"input {known.name!r}: {what}")


def _file_fault(context: Context, task: Task, pattern: str, index: WriteIndex, at: Concurrency) -> str:
    made = False
    for writer, written in index.writers(pattern):
        made = True
        if writer is task:
            continue
        before = at.ordered(writer, task)
        if before and not at.is_before(writer, task):
            continue
        output = next(
            (o.name for o in writer.outputs if o.path == written and o.kind is OutputKind.FILE), None
        )
        if output is not None:
            return f"{pattern!r} is output {output!r} of task {writer.id!r}: write '{writer.id}.{output}', which names the edge"
        if at.at_once(writer, task):
            return f"task {writer.id!r} may write {pattern!r} at the same time: let this task need it, or read one of its outputs"
    if not made and not matches_something(context.base, pattern):
        return f"{pattern!r} matches nothing in the workspace, and no task writes it"
    return ""
