"""Orchestration files: pipelines, phases, tracks and tasks in many dialects, read into one draft."""

from __future__ import annotations

import re
from typing import Final

from orchharness.importing import values, words
from orchharness.importing.criteria import read_criteria
from orchharness.importing.draft import Cross, Draft, Group, Ref
from orchharness.importing.gates import ASKS, read_gates
from orchharness.importing.lanes import is_lanes, read_lanes, read_modes
from orchharness.importing.members import members_of
from orchharness.importing.notes import Source
from orchharness.importing.points import read_barriers, read_queue
from orchharness.importing.tasks import paths_in, refs_of
from orchharness.importing.tree import walk
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_SETTINGS: Final = (
    "quality", "constraints", "quality_framework", "feedback_loop", "quality_config", "settings", "config",
    "critic_config", "adversarial_protocol", "thresholds", "global", "limits",
)  # fmt: skip
_ENDS: Final = ("task", "agent", "gate", "enabler", "phase", "track", "pipeline", "id")


def read_orchestration(source: Source) -> Draft:
    """The draft of it."""
    tree = source.tree
    draft = Draft(root=Group(name="", place=tree))
    assert isinstance(tree, Mapping)
    bodies = [tree]
    for name in words.WRAPPERS:
        wrapper = source.value(tree, name)
        if isinstance(wrapper, Mapping):
            bodies.append(wrapper)
    for body in reversed(bodies):
        _read_header(source, draft, body, wrapped=body is not tree)
    for body in bodies:
        execution = body.value("execution")
        if isinstance(execution, Mapping) and is_lanes(execution):
            source.key(body, "execution")
            read_lanes(source, draft, execution)
        walk(source, draft.root, body)
    for body in bodies:
        _read_parts(source, draft, body)
    return draft


def _read_header(source: Source, draft: Draft, body: Mapping, *, wrapped: bool) -> None:
    if wrapped or "tasks" not in body.entries or "id" in body.entries:
        draft.name = values.text(source.value(body, "id", "plan_id", "workflow_id")) or draft.name
    draft.title = values.line(source.value(body, "name", "title")) or draft.title
    draft.description = (
        values.text(source.value(body, "description", "goal", "objective")) or draft.description
    )
    _read_settings(source, draft, body)
    for name in _SETTINGS:
        inner = source.value(body, name)
        if isinstance(inner, Mapping):
            _read_settings(source, draft, inner)
            for deeper in _SETTINGS:
                below = source.value(inner, deeper)
                if isinstance(below, Mapping):
                    _read_settings(source, draft, below)


def _read_settings(source: Source, draft: Draft, body: Mapping) -> None:
    draft.threshold = draft.threshold or values.ratio(source.value(body, *words.THRESHOLDS))
    draft.iterations = draft.iterations or values.count(source.value(body, *words.ITERATIONS))
    draft.asks = draft.asks or bool(ASKS.search(values.text(source.value(body, *words.FAILURES)) or ""))
    draft.parallel = draft.parallel or values.count(source.value(body, *words.PARALLEL))
    if not draft.criteria and not isinstance(body.value("criteria"), Scalar):
        criteria = source.value(body, "scoring_dimensions", "evaluation_criteria", "criteria", "dimensions")
        draft.criteria = read_criteria(source, criteria, "the file's critic")
    if draft.critic is None:
        named = source.value(body, "critic", "critic_agent") or (
            source.value(body, "agent") if "output_format" in body.entries else None
        )
        draft.critic = values.text(named)


def _read_parts(source: Source, draft: Draft, body: Mapping) -> None:
    for name in words.GATES:
        node = source.value(body, name)
        if node is not None:
            read_gates(source, node, draft.gates)
    for name in words.BARRIERS:
        node = source.value(body, name)
        if node is not None and not isinstance(node, Scalar):
            read_barriers(source, draft, node)
    _read_critics(source, draft, body)
    queue = source.value(body, "execution_queue")
    if queue is not None:
        read_queue(source, draft, queue)
    for name in words.CROSS:
        node = source.value(body, name)
        if isinstance(node, Sequence | Mapping):
            for member in members_of(source, node):
                _read_cross(source, draft, member.name, member.place, member.body)
    execution = source.value(body, "execution")
    if isinstance(execution, Mapping) and not is_lanes(execution):
        read_modes(source, draft, execution)


def _read_critics(source: Source, draft: Draft, body: Mapping) -> None:
    critics = body.value("critics")
    if not isinstance(critics, Mapping | Sequence):
        return
    source.key(body, "critics")
    for member in members_of(source, critics):
        if isinstance(member.body, Mapping):
            draft.critic = draft.critic or member.name
            criteria = source.value(member.body, *words.CRITERIA)
            draft.criteria = draft.criteria or read_criteria(source, criteria, member.name)
            said = values.text(source.value(member.body, "prompt", "description", "role"))
            if said:
                draft.texts[member.name] = said


def _read_cross(source: Source, draft: Draft, name: str, place: Node, body: Node) -> None:
    if not isinstance(body, Mapping):
        source.notes.left("an edge that is no mapping", place)
        return
    start = _end(source, source.value(body, "from", "source", "producer"))
    end = _end(source, source.value(body, "to", "target", "consumer", "consumers"))
    if not start or not end:
        source.notes.left("an edge without both ends (from and to)", place)
        return
    trigger = refs_of(source.value(body, "trigger", "when", "condition"), loose=True)
    cross = Cross(name=name, place=place, source=[*start, *trigger], target=end)
    information = source.value(body, "information", "content", "data")
    for holder in (body, information):
        cross.paths += paths_in(
            source, source.value(holder, "artifact_path", "artifact_paths", "artifacts", "artifact", "files")
        )
    rows = [values.line(source.value(body, "name", "title")), values.line(information)]
    rows.append(values.line(source.value(information, "summary")))
    rows += values.lines(source.value(information, "details")) + values.lines(
        source.value(body, "usage_in_target")
    )
    rows += [values.line(ref.word) for ref in trigger]
    cross.rationale = "\n".join(row for row in rows if row) or None
    draft.crosses.append(cross)


def _end(source: Source, node: Node | None) -> list[Ref]:
    """The names at one end, those of tasks first."""
    if isinstance(node, Mapping):
        return [ref for key in _ENDS for ref in refs_of(source.value(node, key))]
    refs = []
    for ref in refs_of(node):
        found = re.split(r"[\s/]+", ref.word.text.strip())
        word = found[0] if len(found) > 1 and "/" not in ref.word.text else ref.word.text
        refs.append(Ref(Scalar(ref.word.line, ref.word.column, word, plain=False)))
    return refs
