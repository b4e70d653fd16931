"""Named edges whose ends are groups: to the tasks that such a group begins with, from the gate that it ends with."""

from __future__ import annotations

from orchharness.importing.draft import Any, Draft, Group, Task, Wait
from orchharness.importing.notes import About, Notes, shown


def narrow_crosses(draft: Draft, notes: Notes) -> None:
    """Make every edge one from a task or gate to tasks, or plain needs where that cannot be."""
    kept = []
    for cross in draft.crosses:
        assert cross.ends is not None
        start, targets = cross.ends
        if isinstance(start, Group) and start.gates:
            start = start.gates[0]
        heads = [task for target in targets for task in _heads(target)]
        if isinstance(start, Group) or not heads:
            for target in targets:
                target.waits.setdefault(id(start), Wait(start, cross.place))
            said = f"edge {shown(cross.name)} begins at a group: it is written as needs, and carries nothing by name"
            notes.add(About.CARRIED, said, cross.place)
            continue
        cross.ends = (start, list({id(t): t for t in heads}.values()))
        kept.append(cross)
    draft.crosses = kept


def _heads(target: Any) -> list[Task]:
    """The tasks of a group that wait for nothing inside it."""
    if isinstance(target, Task):
        return [target]
    if not isinstance(target, Group):
        return []
    inside = {id(task) for task in target.all_tasks()} | {id(group) for group in _below(target)}
    heads: list[Task] = []
    leaves = target.leaves()
    if target.ordered:
        leaves = target.groups[0].leaves() if target.groups else leaves
    for leaf in leaves:
        if leaf is not target and any(key in inside for key in leaf.waits):
            continue
        tasks = leaf.tasks[:1] if leaf.sequence else leaf.tasks
        heads += [task for task in tasks if not any(key in inside for key in task.waits)]
    return heads


def _below(group: Group) -> list[Group]:
    return [inner for child in group.groups for inner in (child, *_below(child))]
