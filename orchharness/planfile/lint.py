"""Checks over the whole plan: cycles, files that two tasks write at once, input files that nobody makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from orchharness.core.plan import Gate, Must, OutputKind, Task, Workspace
from orchharness.planfile.context import Context
from orchharness.planfile.graph import Graph
from orchharness.planfile.names import Names
from orchharness.planfile.paths import matches_something, may_meet
from orchharness.planfile.writes import Concurrency, WriteIndex, find_clashes

_MAX_SHOWN: Final = 20  # items of a cycle


def check_cycles(context: Context, graph: Graph, names: Names) -> None:
    """Note every cycle, at its first item."""
    for cycle in graph.cycles():
        drafts = [(place, names.tasks.get(node) or names.gates.get(node)) for place, node in enumerate(cycle)]
        orders = [(draft.order, place, draft) for place, draft in drafts if draft is not None]
        _, place, first = min(orders, key=lambda found: found[0])
        turned = [*cycle[place:], *cycle[:place], cycle[place]]
        shown = turned if len(turned) <= _MAX_SHOWN else [*turned[:8], "…", *turned[-4:]]
        way = " → ".join(node.replace(":", " ") for node in shown)
        origins = "".join(f"; {words}" for words in _origins(turned[:_MAX_SHOWN], names))
        what = f"cycle: {way} (each waits for the one before it{origins}): take one of these needs out"
        context.problems.add(first.key, what + _critic_instead(turned, names))


def _critic_instead(cycle: list[str], names: Names) -> str:
    """What to do with a task that waits for a gate, and that the judged task waits for."""
    for before, after in pairwise(cycle):
        gate = names.gates.get(before)
        if gate is not None and gate.owner is not None and after in names.tasks and len(cycle) == 4:
            return f"; or make {after!r} a critic of {before!r}, if it judges what {gate.owner.id!r} makes"
    return ""


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
        _warn_of_proofs(context, task, index, names)
        for known in task.inputs:
            if known.files is not None:
                node = names.tasks[task.id].fields.get("inputs")[known.name][1]
                what = _file_fault(context, task, known.files, index, at)
                if what:
                    context.problems.add(node, f"input {known.name!r}: {what}")


def _warn_of_proofs(context: Context, task: Task, index: WriteIndex, names: Names) -> None:
    """Outputs that are there before anything runs, and that nobody writes, prove nothing."""
    for output in task.outputs:
        if output.must is not Must.EXIST or output.kind is not OutputKind.FILE:
            continue
        if not any(index.writers(output.path)) and matches_something(context.base, output.path):
            node = names.tasks[task.id].fields.get("outputs")[output.name][1]
            what = f"output {output.name!r}: {output.path!r} is there already and no task writes it, so it proves nothing"
            context.problems.warn(node, what)


def _file_fault(context: Context, task: Task, pattern: str, index: WriteIndex, at: Concurrency) -> str:
    if task.workspace is Workspace.WORKTREE:  # others do not write there
        made = any(may_meet(pattern, own) for own in task.writes)
        return "" if made or matches_something(context.base, pattern) else _nowhere(pattern)
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
        return _nowhere(pattern)
    return ""


def _nowhere(pattern: str) -> str:
    return f"{pattern!r} matches nothing in the workspace, and no task writes it"
