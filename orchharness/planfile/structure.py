"""Phases, tracks, tasks and gates as they stand in the file, in plan order, before names are resolved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from orchharness.core.plan import Mode
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft, nothing
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import Problems
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import ID

_TASKS: Final = "{tasks: {the-id: {run: …}}}"
IMPLICIT: Final = "tasks"  # the phase of a plan without phases, and the track of its top-level tasks

_Named = dict[str, tuple[Scalar, Any]]


def read_phases(plan: Fields, problems: Problems) -> list[PhaseDraft]:
    """The phases of a plan without an `execution` block, in order."""
    if "phases" not in plan:
        return [_phase(IMPLICIT, plan.node, plan, problems, implicit=True)]
    for key in ("tasks", "tracks", "gates"):
        if key in plan:
            problems.add(plan.key(key), f"{key!r} beside 'phases': write it inside of a phase")
    phases: _Named = plan.get("phases", {})
    if not phases and not plan.is_unread("phases"):
        problems.add(plan.key("phases"), f"the plan has no phases: write 'phases: {{the-id: {_TASKS}}}'")
    return [_phase(name, key, fields, problems) for name, (key, fields) in phases.items()]


def new_phase(name: str, key: Node, fields: Fields, *, implicit: bool = False) -> PhaseDraft:
    """A phase without tracks yet."""
    mode = Mode.BACKGROUND if implicit else Mode(fields.get("mode", Mode.BACKGROUND))
    return PhaseDraft(id=name, key=key, fields=fields, mode=mode, implicit=implicit)


def add_track(
    phase: PhaseDraft, name: str, key: Node, fields: Fields, tasks: _Named, problems: Problems
) -> None:
    """Add a track with its tasks, each followed by its own gate."""
    track = TrackDraft(
        id=name,
        key=key,
        phase=phase,
        fields=fields,
        mode=Mode(fields.get("mode", phase.mode)),
        sequence=fields.get("sequence", False),
    )
    phase.tracks.append(track)
    for task_id, (task_key, task_fields) in tasks.items():
        mode = Mode(task_fields.get("mode", track.mode))
        task = TaskDraft(id=task_id, key=task_key, fields=task_fields, phase=phase, track=track, mode=mode)
        track.items.append(task)
        task.gate = _own_gate(task_fields, task_id, phase, track.id, problems)
        if task.gate:
            task.gate.owner, task.gate.members = task, [task]
            track.items.append(task.gate)


def add_group_gate(group: PhaseDraft | TrackDraft, problems: Problems) -> None:
    """Add the gate that hangs on the whole track or phase, if there is one."""
    phase = group if isinstance(group, PhaseDraft) else group.phase
    gate = _own_gate(group.fields, group.id, phase, group.id, problems)
    if gate is None:
        return
    tracks = phase.tracks if group is phase else [group]
    gate.members = [task for track in tracks if isinstance(track, TrackDraft) for task in track.tasks()]
    if not gate.members:
        problems.add(gate.key, f"gate {gate.id!r} judges nothing: there are no tasks here")
    (phase.gates if isinstance(group, PhaseDraft) else group.items).append(gate)


def add_gates(phase: PhaseDraft, gates: _Named) -> None:
    """Add gates that stand alone."""
    for name, (key, fields) in gates.items():
        phase.gates.append(
            GateDraft(id=name, key=key, fields=fields, phase=phase, track=phase.id, alone=True)
        )


def settle(phases: list[PhaseDraft], problems: Problems) -> None:
    """Give every item its place in the plan, every gate a track, and check that ids are there once."""
    order = 0
    for index, phase in enumerate(phases):
        phase.index = index
        _check_once(((track.id, track.key, "track") for track in phase.tracks), problems)
        if phase.gates and all(track.id != phase.id for track in phase.tracks):
            # Every item is in one track: these gates are in the one of the phase's name.
            phase.tracks.append(
                TrackDraft(id=phase.id, key=phase.key, phase=phase, fields=nothing(phase.key))
            )
        items = phase.items()
        if not items and not phase.fields.get("tracks") and not _is_unread(phase):
            what = "the plan" if phase.implicit else f"phase {phase.id!r}"
            problems.add(phase.key, f"{what} has no tasks: write 'tasks: {{the-id: {{run: …}}}}'")
        for item in items:
            item.order = order
            order += 1
    _check_ids(phases, problems)


def _is_unread(phase: PhaseDraft) -> bool:
    """Whether there may be tasks in it that could not be read, which is noted already."""
    fields = phase.fields
    parts = [part for part in ("tasks", "tracks", "phases", "gates", "execution") if part in fields]
    return fields.broken or any(
        part not in fields.values or getattr(fields.at(part), "lossy", False) for part in parts
    )


def _phase(name: str, key: Node, fields: Fields, problems: Problems, *, implicit: bool = False) -> PhaseDraft:
    phase = new_phase(name, key, fields, implicit=implicit)
    for part in fields.node.entries:
        if part == "tasks":
            add_track(phase, name, fields.key(part), nothing(key), fields.get(part, {}), problems)
            phase.tracks[-1].sequence = fields.get("sequence", False)
        elif part == "tracks":
            tracks: _Named = fields.get(part, {})
            for track_id, (track_key, track) in tracks.items():
                add_track(phase, track_id, track_key, track, track.get("tasks", {}), problems)
                if not track.get("tasks") and "tasks" not in track and not track.broken:
                    problems.add(
                        track_key, f"track {track_id!r} has no tasks: write 'tasks: {{the-id: {{run: …}}}}'"
                    )
                add_group_gate(phase.tracks[-1], problems)
    if not implicit:
        if "sequence" in fields and "tracks" in fields:
            what = f"'sequence' on phase {name!r}, whose tracks run at the same time: write it on a track"
            problems.add(fields.key("sequence"), what)
        add_group_gate(phase, problems)
    add_gates(phase, fields.get("gates", {}))
    return phase


def _own_gate(
    fields: Fields, name: str, phase: PhaseDraft, track: str, problems: Problems
) -> GateDraft | None:
    gate: bool | Fields | None = fields.get("gate")
    if gate is None or gate is False:
        return None
    key = fields.key("gate")
    own = gate if isinstance(gate, Fields) else nothing(fields.at("gate"))
    gate_id: str = own.get("id") or f"G-{name}"
    if not ID.fullmatch(gate_id) and ID.fullmatch(name):
        problems.add(key, f"{gate_id!r} is too long for an id: give the gate an 'id'")
    for other in ("of", "needs", "aggregate"):
        if other in own:
            judge = "; what judges it is a critic of the gate" if other == "needs" else ""
            what = (
                f"gate {gate_id!r} hangs on {name!r}: leave {other!r} out, or write it under 'gates'{judge}"
            )
            problems.add(own.key(other), what)
    return GateDraft(id=gate_id, key=key, fields=own, phase=phase, track=track)


def _check_ids(phases: list[PhaseDraft], problems: Problems) -> None:
    named: list[tuple[str, Node, str]] = []
    for phase in phases:
        if not phase.implicit:
            named.append((phase.id, phase.key, "phase"))
        named += [
            (item.id, item.key, "task" if isinstance(item, TaskDraft) else "gate") for item in phase.items()
        ]
    _check_once(named, problems)


def _check_once(named: Iterable[tuple[str, Node, str]], problems: Problems) -> None:
    first: dict[str, tuple[str, Node, str]] = {}
    for name, key, what in named:
        before = first.setdefault(name.lower(), (name, key, what))
        if before[1] is not key:
            case = "" if before[0] == name else " (upper and lower case are the same)"
            problems.add(
                key,
                f"{what} {name!r}: the id is taken by {before[2]} {before[0]!r} in line {before[1].line}{case}",
            )
