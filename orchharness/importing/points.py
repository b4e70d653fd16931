"""Barriers and execution queues: what is waited for without being work.

A barrier that hands files over is work: somebody writes them. One with conditions is a gate over what it waits for.
Groups of a queue run one after another, whatever became of their `blocked_by` when work was marked as done.
"""

from __future__ import annotations

from orchharness.importing import values, words
from orchharness.importing.draft import Draft, Gate, Group, Point, Ref, Task, Wait
from orchharness.importing.members import members_of
from orchharness.importing.notes import Source
from orchharness.importing.tasks import fill_thing, filled, mode_of, paths_in, refs_of
from orchharness.importing.tree import walk
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_CONDITIONS = ("gate_conditions", "conditions", "condition", "pass_condition", "criteria", "exit_criteria")
_STREAMS = ("streams", "parallel_tracks", "tracks", "parallel_streams")


def read_barriers(source: Source, draft: Draft, node: Node) -> None:
    """Add the barriers: as points, gates, or groups with one task."""
    for member in members_of(source, node):
        if not isinstance(member.body, Mapping):
            continue
        body = member.body
        point = Point(name=member.name, place=member.place, kind="barrier")
        fill_thing(source, point, body)
        point.home = []
        after, before = source.value(body, "after_phase"), source.value(body, "before_phase")
        if not point.refs:
            point.refs = _phases(after)
        point.blocks += _phases(before)
        conditions = [row for key in _CONDITIONS for row in values.lines(source.value(body, key))]
        paths = paths_in(source, source.value(body, "artifacts", "artifact", "cross_pollination"))
        if paths:
            _add_task(source, draft, point, paths, conditions)
        elif conditions or values.ratio(body.value("threshold")) is not None:
            gate = Gate(
                name=point.name, place=point.place, title=point.title, of=point.refs, blocks=point.blocks
            )
            gate.rationale = "\n".join(conditions) or None
            gate.threshold = values.ratio(source.value(body, *words.THRESHOLDS))
            draft.gates.append(gate)
        else:
            draft.points.append(point)


def _phases(node: Node | None) -> list[Ref]:
    refs = []
    for word in values.words(node):
        name = f"phase-{word.text}" if word.text.isdecimal() else word.text
        refs.append(Ref(Scalar(word.line, word.column, name, plain=False)))
    return refs


def _add_task(source: Source, draft: Draft, point: Point, paths: list[Scalar], conditions: list[str]) -> None:
    group = Group(name=point.name, place=point.place, kind="barrier", parent=draft.root)
    group.refs, group.blocks, group.title = point.refs, point.blocks, point.title
    task = Task(
        name=f"{point.name}-handover", place=point.place, parent=group, kind="task", title=point.title
    )
    unsafe = []
    for word in paths:
        kept = values.path(filled(source, word.text.strip()))
        if kept is None:
            unsafe.append(word)
        else:
            task.outputs.setdefault(kept, word)
    if unsafe:
        source.notes.left("artifacts: not a plain path below the workspace", *unsafe)
    task.said.append("Write what is handed over here, from what was made so far.")
    if conditions:
        task.said.append("Conditions:\n" + "\n".join(f"- {row}" for row in conditions))
        gate = Gate(name=f"G-{point.name}", place=point.place, rationale="\n".join(conditions), owner=task)
        gate.parent = group
        task.gates.append(gate)
    group.tasks.append(task)
    draft.root.groups.append(group)


def read_queue(source: Source, draft: Draft, node: Node) -> None:
    """Add the groups of the queue as points; where nothing else describes work, as the work itself."""
    groups = source.value(node, "groups", "sequence", "queue", "order") if isinstance(node, Mapping) else node
    if groups is None:
        return
    if not draft.root.all_tasks() and not any(group.members for group in _below(draft.root)):
        walk(source, draft.root, _as_phases(groups))
        return
    before: Point | None = None
    for member in members_of(source, groups, "group"):
        if not isinstance(member.body, Mapping):
            source.notes.left("an entry of the queue that is no mapping", member.place)
            continue
        named = (values.text(source.value(member.body, key)) for key in ("group", "id", "name"))
        name = next((text for text in named if text), member.name)
        point = Point(name=name, place=member.place, kind="queue")
        fill_thing(source, point, member.body)
        point.home, point.sequence = [], mode_of(source, member.body) == "sequence"
        point.aliases += [f"group-{name}", *([point.title] if point.title else [])]
        for key in (*words.TASKS, "agent", "enablers", "task_id", "task", "phases", "adr"):
            point.members += refs_of(source.value(member.body, key), loose=key not in {"agents", "enablers"})
        _read_streams(source, draft, point, member.body)
        if before is not None and not point.refs:
            point.waits[id(before)] = Wait(before)
        draft.points.append(point)
        before = point


def _read_streams(source: Source, draft: Draft, point: Point, body: Mapping) -> None:
    for key in _STREAMS:
        node = source.value(body, key)
        for member in members_of(source, node) if isinstance(node, Sequence | Mapping) else []:
            stream = Point(
                name=f"{point.name} {member.name}", place=member.place, kind="stream", sequence=True
            )
            stream.members = refs_of(source.value(member.body, "agents", "tasks"))
            if isinstance(member.body, Mapping):
                stream.sequence = mode_of(source, member.body) in {None, "sequence"}
            point.members += stream.members
            draft.points.append(stream)


def _as_phases(groups: Node) -> Mapping:
    made = Mapping(groups.line, groups.column)
    made.entries["phases"] = (Scalar(groups.line, groups.column, "phases", plain=True), groups)
    return made


def _below(group: Group) -> list[Group]:
    return [group, *(inner for child in group.groups for inner in _below(child))]
