"""The `execution:` block beside a flat `tasks:` map: lanes instead of phases and tracks.

A foreground lane with members becomes a phase of its name; adjacent background lanes become the tracks of one phase.
That phase has the name of its lane, or of its lanes joined by `-and-`. A lane without members sets a critic's mode.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import replace
from typing import Any, Final

from orchharness.core.plan import Critic, Mode
from orchharness.planfile.drafts import PhaseDraft, nothing
from orchharness.planfile.matrices import Matrices
from orchharness.planfile.nodes import Node, Scalar, to_python
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.schema import LANE
from orchharness.planfile.shapes import Fields
from orchharness.planfile.structure import IMPLICIT, Head, add_gates, add_track, new_phase
from orchharness.planfile.values import check_id, mapping_of

PROTOCOL: Final = "orchestrator_protocol"
_Lane = tuple[str, Scalar, Fields]
_Named = dict[str, tuple[Scalar, Any]]


def read_protocol(plan: Fields) -> dict[str, Any]:
    """`orchestrator_protocol`, as written: shown, never carried out."""
    node = plan.get("execution")
    try:
        protocol = to_python(mapping_of(mapping_of(node).value(PROTOCOL) or node)) if node is not None else {}
    except FieldError:
        return {}
    return protocol if node is not None and mapping_of(node).value(PROTOCOL) else {}


def read_lanes(
    plan: Fields, critics: AbstractMapping[str, Critic], made: Matrices
) -> tuple[list[PhaseDraft], dict[str, Critic]]:
    """The phases that the lanes make, and the critics with the modes that lanes give them."""
    problems = made.problems
    lanes = _lanes(plan, problems)
    if lanes is None:
        return [], dict(critics)
    working = [lane for lane in lanes if _members(lane[2])]
    judging = {name: (key, lane) for name, key, lane in lanes if not _members(lane)}
    beside = [other for other in ("phases", "tracks") if other in plan]
    for other in beside:
        what = f"{other!r} beside 'execution': write a flat 'tasks' map, or leave 'execution' out"
        problems.add(plan.key(other), what)
    if beside:
        return [], dict(critics)
    if not lanes and not plan.get("tasks"):
        problems.add(plan.key("execution"), "the plan has no tasks: write 'tasks: {the-id: {run: …}}'")
    tasks: _Named = plan.get("tasks", {})
    phases = _phases(working, _dealt(working, tasks, problems), made)
    _place_gates(phases, plan.get("gates", {}), plan.node, made)
    return phases, _with_modes(critics, judging, problems)


def _lanes(plan: Fields, problems: Problems) -> list[_Lane] | None:
    lanes: list[_Lane] = []
    try:
        entries = mapping_of(plan.at("execution")).entries
    except FieldError as error:
        problems.add(error.node, f"execution: {error.message}")
        return None
    for name, (key, node) in entries.items():
        if name == PROTOCOL or name.startswith("x-"):
            continue
        try:
            check_id(key)
            lanes.append((name, key, LANE.read(node, problems)))
        except FieldError as error:
            problems.add_error(error)
    return lanes


def _members(lane: Fields) -> tuple[Scalar, ...]:
    return (*lane.get("tasks", ()), *lane.get("agents", ()))


def _dealt(lanes: list[_Lane], tasks: _Named, problems: Problems) -> dict[str, _Named]:
    """For every lane the tasks it names; a task that no lane names, or two, is noted."""
    taken: dict[str, tuple[str, Scalar]] = {}
    dealt: dict[str, _Named] = {}
    for name, _, lane in lanes:
        dealt[name] = {}
        for member in _members(lane):
            if member.text not in tasks:
                guess = problems.guess(member.text, tasks)
                problems.add(member, f"lane {name!r} names {member.text!r}, which is no task{guess}")
            elif member.text in taken:
                before, at = taken[member.text]
                problems.add(
                    member, f"task {member.text!r} is named twice: by lane {before!r} in line {at.line}, too"
                )
            else:
                taken[member.text] = (name, member)
                dealt[name][member.text] = tasks[member.text]
    for name, (key, _) in tasks.items():
        if name not in taken:
            problems.add(key, f"no lane of 'execution' names task {name!r}")
    return dealt


def _phases(lanes: list[_Lane], dealt: dict[str, _Named], made: Matrices) -> list[PhaseDraft]:
    phases: list[PhaseDraft] = []
    together: list[_Lane] = []
    for lane in lanes:
        if lane[2].get("mode") == Mode.FOREGROUND:
            phases += _parallel(together, dealt, made)
            together = []
            phases += _parallel([lane], dealt, made)
        else:
            together.append(lane)
    return phases + _parallel(together, dealt, made)


def _parallel(lanes: list[_Lane], dealt: dict[str, _Named], made: Matrices) -> list[PhaseDraft]:
    """One phase whose tracks are the lanes; nothing when there are none."""
    if not lanes:
        return []
    name = "-and-".join(lane[0] for lane in lanes)
    if len(name) > 64:
        name = f"{lanes[0][0][:48]}-and-{len(lanes) - 1}-more"
    _, key, fields = lanes[0]
    phase = new_phase(name, key, fields if len(lanes) == 1 else nothing(key))
    for lane_name, lane_key, lane in lanes:
        add_track(phase, Head(lane_name, lane_key), lane, dealt[lane_name], made)
    return [phase]


def _place_gates(phases: list[PhaseDraft], gates: _Named, node: Node, made: Matrices) -> None:
    """Gates that stand alone belong to the phase of the last thing they judge."""
    if not phases and gates:
        phases.append(new_phase(IMPLICIT, node, nothing(node), implicit=True))
    where = {name: index for index, phase in enumerate(phases) for name in _names(phase)}
    for name, (key, fields) in gates.items():
        of: tuple[Scalar, ...] = fields.get("of", ())
        where[name] = max((where.get(word.text, len(phases) - 1) for word in of), default=len(phases) - 1)
        add_gates(phases[where[name]], {name: (key, fields)}, made)


def _names(phase: PhaseDraft) -> list[str]:
    return [
        phase.id,
        *(track.id for track in phase.tracks),
        *(name for item in phase.items() for name in (item.id, item.base)),
    ]


def _with_modes(
    critics: AbstractMapping[str, Critic], lanes: dict[str, tuple[Scalar, Fields]], problems: Problems
) -> dict[str, Critic]:
    by_name = {name.lower().replace("_", "-"): name for name in critics}
    changed = dict(critics)
    for name, (key, lane) in lanes.items():
        critic = by_name.get(name.lower().replace("_", "-"))
        if critic is None:
            guess = problems.guess(name, critics)
            problems.add(key, f"lane {name!r} names no 'tasks' or 'agents', and no critic has that id{guess}")
        elif lane.get("mode"):
            changed[critic] = replace(changed[critic], mode=Mode(lane.get("mode")))
    return changed
