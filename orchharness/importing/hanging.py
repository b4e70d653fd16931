"""Which gates hang on what they judge, and which stand alone in which phase."""

from __future__ import annotations

from orchharness.importing.draft import Draft, Gate, Group


def sort_gates(draft: Draft) -> dict[int, list[Gate]]:
    """The gates that stand alone, by the place of their phase; the others stay on their tasks and groups, one each."""
    phases = draft.phases or []
    loose: list[Gate] = [*draft.gates]
    for group in [draft.root, *below(draft.root)]:
        hangs = group in phases or (group.tasks and not group.groups and group is not draft.root)
        loose += group.gates[1:] if hangs else group.gates
        group.gates = group.gates[:1] if hangs else []
        for task in group.tasks:
            loose += task.gates[1:]
            task.gates = task.gates[:1]
    sorted_: dict[int, list[Gate]] = {}
    for gate in loose:
        if gate.owner is not None:
            gate.judged, gate.owner = [gate.owner], None
        sorted_.setdefault(_place(draft, gate), []).append(gate)
    return sorted_


def below(group: Group) -> list[Group]:
    """The groups below a group."""
    return [inner for child in group.groups for inner in (child, *below(child))]


def _place(draft: Draft, gate: Gate) -> int:
    """The last phase in which something is that it judges or waits for."""
    phases = draft.phases or []
    if gate.final:
        return max(0, len(phases) - 1)
    targets = [*gate.judged, *gate.mean_of, *(wait.target for wait in gate.waits.values())]
    names = {id(target) for target in targets}
    found = 0
    for place, phase in enumerate(phases):
        inside = {id(group) for group in (phase, *below(phase))} | {id(task) for task in phase.all_tasks()}
        inside |= {id(owned) for group in (phase, *below(phase)) for owned in group.gates}
        inside |= {id(owned) for task in phase.all_tasks() for owned in task.gates}
        if names & inside:
            found = place
    return found
