"""Phases, tracks, tasks and gates as they stand in the file, in plan order, before names are resolved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from orchharness.core.plan import Mode
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft, nothing
from orchharness.planfile.matrices import Matrices
from orchharness.planfile.matrix import Copies, near
from orchharness.planfile.nodes import Node, Scalar, fragment_of
from orchharness.planfile.problems import Problems
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import ID

_TASKS: Final = "{tasks: {the-id: {run: …}}}"
IMPLICIT: Final = "tasks"  # the phase of a plan without phases, and the track of its top-level tasks

_Named = dict[str, tuple[Scalar, Any]]


class Head(NamedTuple):
    """The id of something and its place."""

    name: str
    key: Node


def read_phases(plan: Fields, made: Matrices) -> list[PhaseDraft]:
    """The phases of a plan without an `execution` block, in order."""
    if "phases" not in plan:
        return [_phase(IMPLICIT, plan.node, plan, made, implicit=True)]
    for key in ("tasks", "tracks", "gates"):
        if key in plan:
            made.problems.add(plan.key(key), f"{key!r} beside 'phases': write it inside of a phase")
    phases: _Named = plan.get("phases", {})
    if not phases and not plan.is_unread("phases"):
        made.problems.add(plan.key("phases"), f"the plan has no phases: write 'phases: {{the-id: {_TASKS}}}'")
    return [_phase(name, key, fields, made) for name, (key, fields) in phases.items()]


def new_phase(name: str, key: Node, fields: Fields, *, implicit: bool = False) -> PhaseDraft:
    """A phase without tracks yet."""
    mode = Mode.BACKGROUND if implicit else Mode(fields.get("mode", Mode.BACKGROUND))
    return PhaseDraft(id=name, key=key, fields=fields, mode=mode, implicit=implicit)


def add_track(
    phase: PhaseDraft, head: Head, fields: Fields, tasks: _Named, made: Matrices, copies: Copies = ()
) -> TrackDraft:
    """Add a track with its tasks, each followed by its own gate."""
    track = TrackDraft(
        id=made.name(head.name, copies),
        base=head.name,
        key=head.key,
        phase=phase,
        fields=fields,
        copies=copies,
        mode=Mode(fields.get("mode", phase.mode)),
        sequence=fields.get("sequence", False),
    )
    phase.tracks.append(track)
    for name, (key, task_fields) in tasks.items():
        for own in made.chains(task_fields, key, copies):
            _add_task(track, Head(name, key), task_fields, made, own)
    return track


def _add_task(track: TrackDraft, head: Head, fields: Fields, made: Matrices, copies: Copies) -> None:
    task = TaskDraft(
        id=made.name(head.name, copies),
        base=head.name,
        key=head.key,
        fields=fields,
        phase=track.phase,
        track=track,
        mode=Mode(fields.get("mode", track.mode)),
        copies=copies,
    )
    track.items.append(task)
    task.gate = _own_gate(task, track.id, made)
    if task.gate:
        task.gate.owner, task.gate.members = task, [task]
        track.items.append(task.gate)


def add_group_gate(group: PhaseDraft | TrackDraft, made: Matrices, copies: Copies = ()) -> None:
    """Add the gate that hangs on the whole track or phase (on this copy of it), if there is one."""
    gate = _own_gate(group, group.id, made, copies)
    if gate is None:
        return
    tracks = group.tracks if isinstance(group, PhaseDraft) else [group]
    gate.members = [task for track in tracks if near(track.copies, copies) for task in track.tasks()]
    if not gate.members:
        made.problems.add(gate.key, f"gate {gate.id!r} judges nothing: there are no tasks here")
    (group.gates if isinstance(group, PhaseDraft) else group.items).append(gate)


def add_gates(phase: PhaseDraft, gates: _Named, made: Matrices, copies: Copies = ()) -> None:
    """Add gates that stand alone."""
    for base, (key, fields) in gates.items():
        name = made.name(base, copies)
        phase.gates.append(
            GateDraft(
                id=name,
                base=base,
                key=key,
                fields=fields,
                phase=phase,
                track=phase.id,
                copies=copies,
                alone=True,
            )
        )


def settle(phases: list[PhaseDraft], problems: Problems) -> None:
    """Give every item its place in the plan, every gate a track, and check that ids are there once."""
    order = 0
    for index, phase in enumerate(phases):
        phase.index = index
        _check_once(((track.base, track.key, "track") for track in phase.tracks), problems)
        if phase.gates and all(track.id != phase.id for track in phase.tracks):
            # Every item is in one track: these gates are in the one of the phase's name.
            phase.tracks.append(
                TrackDraft(id=phase.id, base=phase.id, key=phase.key, phase=phase, fields=nothing(phase.key))
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


def _phase(name: str, key: Node, fields: Fields, made: Matrices, *, implicit: bool = False) -> PhaseDraft:
    phase = new_phase(name, key, fields, implicit=implicit)
    if not implicit and "sequence" in fields and "tracks" in fields:
        what = f"'sequence' on phase {name!r}, whose tracks run at the same time: write it on a track"
        made.problems.add(fields.key("sequence"), what)
    for copies in made.chains(fields, key):
        _fill(phase, made, copies)
    return phase


def _fill(phase: PhaseDraft, made: Matrices, copies: Copies) -> None:
    """Add the tracks and gates of one copy of the phase."""
    fields = phase.fields
    for part in fields.node.entries:
        if part == "tasks":
            head = Head(phase.id, fields.key(part))
            track = add_track(phase, head, nothing(phase.key), fields.get(part, {}), made, copies)
            track.sequence = fields.get("sequence", False)
        elif part == "tracks":
            tracks: _Named = fields.get(part, {})
            for name, (key, track_fields) in tracks.items():
                for own in made.chains(track_fields, key, copies):
                    _add_written(phase, Head(name, key), track_fields, made, own)
    if not phase.implicit:
        add_group_gate(phase, made, copies)
    add_gates(phase, fields.get("gates", {}), made, copies)


def _add_written(phase: PhaseDraft, head: Head, fields: Fields, made: Matrices, copies: Copies) -> None:
    track = add_track(phase, head, fields, fields.get("tasks", {}), made, copies)
    if not fields.get("tasks") and "tasks" not in fields and not fields.broken:
        what = f"track {head.name!r} has no tasks: write 'tasks: {{the-id: {{run: …}}}}'"
        made.problems.add(head.key, what)
    add_group_gate(track, made, copies)


def _own_gate(
    owner: TaskDraft | TrackDraft | PhaseDraft, track: str, made: Matrices, copies: Copies = ()
) -> GateDraft | None:
    fields, base = owner.fields, owner.id if isinstance(owner, PhaseDraft) else owner.base
    phase, copies = (owner, copies) if isinstance(owner, PhaseDraft) else (owner.phase, owner.copies)
    gate: bool | Fields | None = fields.get("gate")
    if gate is None or gate is False:
        return None
    key = fields.key("gate")
    own = gate if isinstance(gate, Fields) else nothing(fields.at("gate"))
    fragment = fragment_of(key)
    prefix = fragment.prefix if fragment else ""
    gate_id: str = prefix + (own.get("id") or f"G-{base.removeprefix(prefix)}")
    if not ID.fullmatch(gate_id) and ID.fullmatch(base):
        made.problems.add(key, f"{gate_id!r} is too long for an id: give the gate an 'id'")
    for other in ("of", "needs", "aggregate"):
        if other in own:
            judge = "; what judges it is a critic of the gate" if other == "needs" else ""
            what = (
                f"gate {gate_id!r} hangs on {base!r}: leave {other!r} out, or write it under 'gates'{judge}"
            )
            made.problems.add(own.key(other), what)
    name = made.name(gate_id, copies)
    return GateDraft(id=name, base=gate_id, key=key, fields=own, phase=phase, track=track, copies=copies)


def _check_ids(phases: list[PhaseDraft], problems: Problems) -> None:
    named: list[tuple[str, Node, str]] = []
    for phase in phases:
        if not phase.implicit:
            named.append((phase.id, phase.key, "phase"))
        named += [
            (item.base, item.key, "task" if isinstance(item, TaskDraft) else "gate") for item in phase.items()
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
