"""From the fields of a plan file to a `Plan` in which every name is resolved.

All problems of the file are collected; the `Plan` is made only when there are none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchharness.core.plan import OUTAGE, Agent, Critic, Edge, Gate, Phase, Plan, Task, Track
from orchharness.planfile.agents import read_agents, read_critics
from orchharness.planfile.conditions import check_conditions, read_conditions
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import PhaseDraft, TrackDraft
from orchharness.planfile.edges import add_barrier, add_needs, add_reads, read_cross_pollination
from orchharness.planfile.execution import read_lanes, read_protocol
from orchharness.planfile.files import absolute
from orchharness.planfile.gates import Staff, add_judged, build_gate, check_scores, resolve_members
from orchharness.planfile.graph import Graph
from orchharness.planfile.groups import add_group_needs, add_sequences, check_resources
from orchharness.planfile.inputs import read_inputs
from orchharness.planfile.judges import Judges
from orchharness.planfile.lint import check_cycles, check_files, check_menders, check_writes
from orchharness.planfile.matrices import Matrices
from orchharness.planfile.matrix import titled
from orchharness.planfile.names import Names
from orchharness.planfile.outputs import read_outputs
from orchharness.planfile.people import check_skips, warn_of_idle_phases
from orchharness.planfile.problems import FieldError
from orchharness.planfile.settings import read_budget, read_copy
from orchharness.planfile.shapes import Fields
from orchharness.planfile.standing import check_sources, check_thresholds
from orchharness.planfile.structure import read_phases, settle
from orchharness.planfile.tasks import build_task, find_agent
from orchharness.planfile.writes import Concurrency, WriteIndex, is_apart
from orchharness.record import record


@record(frozen=False)
class _Parts:
    """The parts of a plan, before the checks over the whole of it."""

    phases: list[PhaseDraft]
    names: Names
    agents: dict[str, Agent]
    critics: dict[str, Critic]
    tasks: dict[str, Task]
    gates: dict[str, Gate]
    groups: dict[str, tuple[str, ...]]
    edges: tuple[Edge, ...]


def load(context: Context, fields: Fields, path: Path, data: bytes) -> Plan | None:
    """The plan; None when something is wrong with it, which is noted in the context's problems."""
    copy = _read_workspace(context, fields)
    parts = _read_parts(context, fields)
    limits: Fields | None = fields.get("limits")
    budget = read_budget(limits, context.problems)
    phases = tuple(_phase(phase, context) for phase in parts.phases)
    graph = Graph(_waits_for(parts))
    check_cycles(context, graph, parts.names)
    if not context.problems:
        check_skips(context, parts.names, graph)
        check_scores(context, parts.gates, parts.names, parts.critics)
        check_thresholds(context, parts.gates, parts.names, parts.critics)
        check_sources(context, parts.gates, graph, parts.names)
        _check_files(context, parts, graph)
    if context.problems:
        return None
    return Plan(
        id=fields.get("plan") or _default_id(path),
        path=absolute(path),
        digest=hashlib.sha256(data).hexdigest(),
        phases=phases,
        tasks=parts.tasks,
        gates=parts.gates,
        critics=parts.critics,
        agents=parts.agents,
        groups=parts.groups,
        edges=parts.edges,
        vars=dict(context.templates.variables),
        copy=copy,
        replay=fields.get("replay", False),
        parallel=limits.get("parallel", 3) if limits else 3,
        resources=context.counters,
        budget=budget,
        outage=limits.get("outage", OUTAGE) if limits else OUTAGE,
        definitions=tuple(context.definitions),
        fragments=context.fragments,
        title=fields.get("title"),
        description=fields.get("description"),
        protocol=read_protocol(fields),
        warnings=context.problems.warnings(),
    )


def _read_workspace(context: Context, fields: Fields) -> str | None:
    try:
        copy = read_copy(context, fields)
    except FieldError as error:
        context.problems.add_error(error)
        return None
    if copy is not None:
        context.base, context.copied = Path(copy), True
    return copy


def _read_parts(context: Context, fields: Fields) -> _Parts:
    problems = context.problems
    agents = read_agents(context, fields)
    critics = read_critics(context, fields, agents)
    made = Matrices(context=context)
    if "execution" in fields:
        phases, critics = read_lanes(fields, critics, made)
    else:
        phases = read_phases(fields, made)
    settle(phases, problems)
    warn_of_idle_phases(context, phases)
    names = Names(phases, problems)
    names.others = dict.fromkeys(critics, "a critic") | dict.fromkeys(agents, "an agent")
    for task in names.tasks.values():
        find_agent(context.at(task.key, task.copies), task, agents)
        read_outputs(context.at(task.key, task.copies), task)
    edges = _read_edges(context, fields, phases, names)
    defaults: Fields | None = fields.get("defaults")
    gate_defaults: Fields | None = defaults.get("gate") if defaults else None
    return _Parts(
        phases=phases,
        names=names,
        agents=agents,
        critics=critics,
        tasks={task.id: build_task(context.at(task.key, task.copies), task) for task in names.tasks.values()},
        gates={
            gate.id: build_gate(
                context.at(gate.key, gate.copies), gate, gate_defaults, names, Staff(agents, critics)
            )
            for gate in names.gates.values()
        },
        groups=_groups(phases),
        edges=edges,
    )


def _read_edges(context: Context, fields: Fields, phases: list[PhaseDraft], names: Names) -> tuple[Edge, ...]:
    for gate in names.gates.values():
        resolve_members(context.at(gate.key, gate.copies), gate, names)
        add_judged(gate)
        if gate.alone:
            add_needs(context.at(gate.key, gate.copies), gate, names)
    for task in names.tasks.values():
        add_needs(context.at(task.key, task.copies), task, names)
        if "inputs" in task.fields:
            read_inputs(context.at(task.key, task.copies), task, names)
            add_reads(context, task, names)
    edges = read_cross_pollination(context, fields, names)
    read_conditions(context, names)
    add_sequences(phases)
    add_group_needs(context, phases, names)
    check_resources(context, phases)
    for item in (item for phase in phases for item in phase.items()):
        add_barrier(item, phases)
    return edges


def _waits_for(parts: _Parts) -> dict[str, tuple[str, ...]]:
    waits = {task.id: task.needs for task in parts.tasks.values()}
    waits.update({gate.id: gate.needs for gate in parts.gates.values()})
    waits.update(parts.groups)
    return waits


def _check_files(context: Context, parts: _Parts, graph: Graph) -> None:
    """The checks that need the graph: only for plans without cycles."""
    # A mender works where its gate stands in the graph.
    menders = [replace(g.mender, id=g.id, outputs=()) for g in parts.gates.values() if g.mender is not None]
    writers = [*parts.tasks.values(), *menders]
    index = WriteIndex(writers)
    phases = {phase.id: phase.index for phase in parts.phases}
    at = Concurrency(graph, phases, context.counters)
    check_conditions(context, parts.tasks, parts.gates, parts.names, at)
    if index.patterns:
        check_writes(context, index, at, parts.names)
        check_menders(context, parts.gates, parts.tasks, index, at, parts.names)
    check_files(context, parts.tasks, index, at, parts.names)
    judges = Judges(
        context=context,
        gates=parts.gates,
        critics=parts.critics,
        index=WriteIndex(writers, everywhere=True) if any(map(is_apart, writers)) else index,
        names=parts.names,
    )
    judges.pin()
    judges.warn()


def _groups(phases: list[PhaseDraft]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for phase in phases:
        groups[phase.node] = tuple(item.id for item in phase.items())
        for track in phase.tracks:
            # To need a track is to need its own items; gates of the phase only where there is nothing else.
            groups[track.node] = tuple(item.id for item in track.items or track.all_items())
    return groups


def _phase(draft: PhaseDraft, context: Context) -> Phase:
    tracks = tuple(
        Track(
            id=track.id,
            base=track.base,
            phase=draft.id,
            mode=track.mode,
            items=tuple(item.id for item in track.all_items()),
            title=_title(track),
            budget=read_budget(track.fields, context.problems),
            rationale=track.fields.get("rationale"),
        )
        for track in draft.tracks
    )
    own: Mapping[str, Any] = {} if draft.implicit else draft.fields.values
    return Phase(
        id=draft.id,
        mode=draft.mode,
        tracks=tracks,
        items=tuple(item.id for item in draft.items()),
        title=own.get("title"),
        rationale=own.get("rationale"),
    )


def _title(track: TrackDraft) -> str | None:
    title: str | None = track.fields.get("title")
    return titled(title or track.base, track.copies) if track.copies else title


def _default_id(path: Path) -> str:
    """The file's stem as an id: `feat-005` for `feat-005.plan.yaml`."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem.removesuffix(".plan")).strip("-")
    return (stem if stem[:1].isalpha() else f"plan-{stem}")[:64].rstrip("-")
