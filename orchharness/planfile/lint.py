"""Checks over the whole plan: cycles, files that two tasks write at once, files that nobody makes, own judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from orchharness.core.plan import Command, Critic, Gate, Must, OutputKind, Task
from orchharness.planfile.checks import command_words
from orchharness.planfile.context import Context
from orchharness.planfile.files import existing_file
from orchharness.planfile.gates import producing_agents
from orchharness.planfile.graph import Graph
from orchharness.planfile.names import Names
from orchharness.planfile.nodes import Node
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
        context.problems.add(
            first.key, f"cycle: {way} (each waits for the one before it): take one of these needs out"
        )


def check_writes(context: Context, index: WriteIndex, at: Concurrency, names: Names) -> None:
    """Note tasks that can run at once and may write the same file."""
    for clash in find_clashes(index, at):
        (one, first), (other, second) = sorted(clash, key=lambda claim: claim[0].order)
        what = (
            f"both may write {first!r}"
            if first == second
            else f"may write {first!r} and {second!r}, which can be the same file"
        )
        context.problems.add(
            names.tasks[other.id].key,
            f"tasks {one.id!r} and {other.id!r} can run at once and {what}: "
            "order them with 'needs', or let both take a counter of 1 from limits.resources",
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


def with_gate_inputs(
    context: Context, gates: Mapping[str, Gate], tasks: Mapping[str, Task], index: WriteIndex, names: Names
) -> dict[str, tuple[str, ...]]:
    """For every check command, by gate and place, the files that its words name (`G-1:0` → absolute paths)."""
    found: dict[str, tuple[str, ...]] = {}
    for gate in gates.values():
        members = [tasks[name] for name in gate.of]
        for place, check in enumerate(gate.checks):
            if check.command is None:
                continue
            node = names.gates[gate.id].key
            found[f"{gate.id}:{place}"] = tuple(
                _pinned(context, check.command, members, index, node, f"a check of its gate {gate.id!r}")
            )
    return found


def critic_inputs(context: Context, critic: Critic, index: WriteIndex) -> tuple[str, ...]:
    """The files that a critic's command names and nobody writes, after those that it lists."""
    if critic.command is None:
        return critic.inputs
    named = _pinned(context, critic.command, [], index, None, "")
    return tuple(dict.fromkeys([*critic.inputs, *named]))


def warn_of_own_judges(
    context: Context, gates: Mapping[str, Gate], critics: Mapping[str, Critic], names: Names
) -> None:
    """Warn of critics that are the agent whose work they judge."""
    for gate in gates.values():
        agents = producing_agents(names.gates[gate.id]) if gate.critics else {}
        for name in gate.critics:
            agent = critics[name].agent
            if agent is not None and agent in agents:
                what = f"critic {name!r} of gate {gate.id!r} is the agent {agent!r} itself, which does task {agents[agent].id!r}"
                context.problems.warn(names.gates[gate.id].key, what)


def _pinned(
    context: Context, command: Command, members: list[Task], index: WriteIndex, node: Node | None, judge: str
) -> Iterator[str]:
    """Files that a judge's command names: gate inputs, which no member may write."""
    for word in command_words(context, command):
        path = existing_file(context.base, word)
        if path is None:
            continue
        inside = _inside(context.base, path)
        # What the workspace is copied from stays as it is, whatever is written in the copy.
        original = inside is None or (context.copied and Path(word).is_absolute())
        writers = [] if original or inside is None else list(index.writers(inside))
        own = [writer for writer, _ in writers if any(writer is member for member in members)]
        if not writers:
            yield str(path)
        elif own and inside is not None and not any(_is_output(writer, inside) for writer in own):
            context.problems.add(
                node,
                f"task {own[0].id!r} may write {inside!r}, which {judge} uses: take the file out of its 'writes', "
                "or keep what judges outside of what it may write",
            )


def _inside(base: Path, path: Path) -> str | None:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return None


def _is_output(task: Task, path: str) -> bool:
    return any(
        o.kind is OutputKind.FILE and o.must is not Must.EXIST and may_meet(path, o.path)
        for o in task.outputs
    )
