"""What stands on a track or phase and counts for all of it: `sequence`, `needs`, `resources`, `trigger_rule`.

What stands nearer to a task wins: its own, then the track's, then the phase's. Needs are added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise, product
from typing import Any

from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft
from orchharness.planfile.edges import check_phase, node_of
from orchharness.planfile.names import Draft, Names, copies_of, in_words, tasks_of
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError, listed
from orchharness.planfile.shapes import Fields

Group = PhaseDraft | TrackDraft


def add_sequences(phases: list[PhaseDraft]) -> None:
    """In a sequence each task needs the one before it."""
    for track in (track for phase in phases for track in phase.tracks if track.sequence):
        # The copies of one task stand in one place of the sequence.
        places = [list(copies) for _, copies in groupby(track.tasks(), key=lambda task: id(task.key))]
        for before, after in pairwise(places):
            for task, needed in product(after, before):
                _add(task, needed.released_by, f"the 'sequence' of {in_words(track)}")


def add_group_needs(context: Context, phases: list[PhaseDraft], names: Names) -> None:
    """What a group needs, its tasks without a predecessor in the group need; to be called when all else is added."""
    behind: dict[str, list[str]] = {}
    for group in _groups(phases):
        words: tuple[Scalar, ...] = group.fields.get("needs", ())
        if not words:
            continue
        if not behind:
            behind = _gates_behind(names)
        inside = _inside(group, behind)
        at = context.at(group.key, copies_of(group))
        heads = [task for task in tasks_of(group) if inside.isdisjoint(task.needs)]
        for word in words:
            try:
                found = names.find(at.word(word), group).drafts
                names.count_edges(len(found) * len(heads) if len(found) > 1 else 0, word)
                for needed in found:
                    _check_direction(group, needed, word)
            except FieldError as error:
                context.problems.add(error.node, f"needs: {error.message}")
                continue
            for task, needed in product(heads, found):
                _add(task, node_of(needed), f"the 'needs' of {in_words(group)}")


def check_resources(context: Context, phases: list[PhaseDraft]) -> None:
    """Note counters of groups that are not there, or not as often."""
    for group in _groups(phases):
        check_counters(context, group.fields, in_words(group))


def check_counters(context: Context, fields: Fields, who: str) -> dict[str, int]:
    """The counters that the mapping's `resources` takes; what is wrong with them is noted."""
    taken: dict[str, int] = {} if "resources" in context.unread else fields.get("resources", {})
    for name, amount in taken.items():
        node = fields.at("resources")
        if name not in context.counters:
            guess = context.problems.guess(name, context.counters)
            what = f"unknown counter {name!r}{guess} (in limits.resources: {listed(context.counters)})"
            context.problems.add(node, f"resources: {what}")
        elif amount > context.counters[name]:
            most = context.counters[name]
            what = f"takes {amount} of {name!r}, but there are only {most}: it would wait for ever"
            context.problems.add(node, f"resources: {who} {what}")
    return taken


def resources_of(context: Context, task: TaskDraft) -> dict[str, int]:
    """The counters that the task takes, by itself or for its groups."""
    own = check_counters(context, task.fields, repr(task.id))
    return {**task.phase.fields.get("resources", {}), **task.track.fields.get("resources", {}), **own}


def inherited(task: TaskDraft, key: str, default: Any) -> Any:
    """The task's value of the key, or that of its track, or of its phase."""
    nearest = (task.fields, task.track.fields, task.phase.fields)
    return next((found for fields in nearest if (found := fields.get(key)) is not None), default)


def _groups(phases: list[PhaseDraft]) -> Iterator[Group]:
    """Tracks before their phase: what a track needs of the same phase is a predecessor in the phase."""
    for phase in phases:
        yield from phase.tracks
        if not phase.implicit:
            yield phase


def _add(task: TaskDraft, node: str, origin: str) -> None:
    if node not in task.needs:
        task.needs[node] = None
        task.origins[node] = origin


def _gates_behind(names: Names) -> dict[str, list[str]]:
    """Node -> the gates that wait for it."""
    behind: dict[str, list[str]] = {}
    for gate in names.gates.values():
        for node in gate.needs:
            behind.setdefault(node, []).append(gate.id)
    return behind


def _inside(group: Group, behind: dict[str, list[str]]) -> set[str]:
    """The nodes that come after a task of the group: it, its tracks, and gates, which may stand elsewhere."""
    todo = [task.id for task in tasks_of(group)]
    if isinstance(group, PhaseDraft):
        todo += [track.node for track in group.tracks if track.tasks()]
    found = set(todo)
    for node in todo:  # grows while it is walked
        for gate in behind.get(node, ()):
            if gate not in found:
                found.add(gate)
                todo.append(gate)
    return found


def _check_direction(group: Group, needed: Draft, node: Node) -> None:
    """Raises FieldError when waiting for it can never end."""
    who = in_words(group)
    if needed is group:
        raise FieldError(node, f"{who} needs itself")
    if _holds(group, needed):
        raise FieldError(
            node,
            f"{who} needs {in_words(needed)}, which is part of it: write this on the tasks that wait for it",
        )
    phase = group if isinstance(group, PhaseDraft) else group.phase
    if needed is phase:
        raise FieldError(
            node, f"{who} needs {in_words(needed)}, which it is part of: name the items it waits for"
        )
    check_phase(who if group is phase else f"{who} of phase {phase.id!r}", phase, needed, node)


def _holds(group: Group, needed: Draft) -> bool:
    if isinstance(group, PhaseDraft):
        return not isinstance(needed, PhaseDraft) and needed.phase is group
    return isinstance(needed, TaskDraft | GateDraft) and needed in group.items
