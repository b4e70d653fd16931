"""What every item waits for: `needs`, what it reads, cross-pollination, and the phase before."""

from __future__ import annotations

from orchharness.core.plan import Edge, Input
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, PhaseDraft, TaskDraft, TrackDraft
from orchharness.planfile.inputs import EVALUATION, Artifacts, find_sources
from orchharness.planfile.names import Draft, Names, in_words
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.outputs import variable_of
from orchharness.planfile.problems import FieldError
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import text_of


def add_needs(context: Context, item: TaskDraft | GateDraft, names: Names) -> None:
    """The needs an item states itself."""
    for word in item.fields.get("needs", ()):
        try:
            for needed in names.find(context.word(word), item).drafts:
                check_direction(item, needed, word)
                item.needs[node_of(needed)] = None
        except FieldError as error:
            context.problems.add(error.node, f"needs: {error.message}")


def add_reads(context: Context, task: TaskDraft, names: Names) -> None:
    """The needs that follow from what a task reads."""
    for source in dict.fromkeys(s.item for i in task.inputs for s in i.sources):
        needed: Draft = names.tasks.get(source) or names.gates[source]
        named = task.fields.get("inputs", {})
        reading = next(i.name for i in task.inputs if any(s.item == source for s in i.sources))
        node = named[reading][1] if reading in named else task.key
        try:
            check_direction(task, needed, node)
            task.needs[node_of(needed)] = None
        except FieldError as error:
            context.problems.add(error.node, f"input {reading!r}: {error.message}")


def add_barrier(item: TaskDraft | GateDraft, phases: list[PhaseDraft]) -> None:
    """A phase waits for the one before it."""
    if item.phase.index:
        item.needs[phases[item.phase.index - 1].node] = None


def node_of(draft: Draft) -> str:
    """The graph's node that stands for needing it: for a task with a gate of its own, the gate."""
    if isinstance(draft, TaskDraft):
        return draft.released_by
    return draft.id if isinstance(draft, GateDraft) else draft.node


def check_direction(item: TaskDraft | GateDraft, needed: Draft, node: Node) -> None:
    """Raises FieldError when waiting for it can never end, where that can be said in words."""
    who = in_words(item)
    if needed is item:
        raise FieldError(node, f"{who} needs itself")
    if isinstance(needed, GateDraft) and needed.owner is item:
        raise FieldError(node, f"{who} needs its own gate {needed.id!r}, which judges it")
    if item.phase is needed or (isinstance(needed, TrackDraft) and _is_in(item, needed)):
        raise FieldError(
            node, f"{who} needs {in_words(needed)}, which it is part of: name the items it waits for"
        )
    check_phase(f"{who} of phase {item.phase.id!r}", item.phase, needed, node)
    if isinstance(item, TaskDraft):
        _check_sequence(item, needed, node)


def check_phase(who: str, own: PhaseDraft, needed: Draft, node: Node) -> None:
    """Raises FieldError when what is needed comes in a later phase than one's own."""
    phase = needed if isinstance(needed, PhaseDraft) else needed.phase
    if phase.index > own.index:
        where = "" if phase is needed else f" of the later phase {phase.id!r}"
        later = " (a later phase)" if phase is needed else ""
        raise FieldError(
            node,
            f"{who} needs {in_words(needed)}{where}{later}: "
            "phases run in order, so this would wait for ever; move one of them",
        )


def _check_sequence(item: TaskDraft, needed: Draft, node: Node) -> None:
    task = needed.owner if isinstance(needed, GateDraft) else needed
    if not isinstance(task, TaskDraft) or task.track is not item.track or not item.track.sequence:
        return
    if task.order > item.order and task.key is not item.key:
        what = f"{in_words(item)} needs {in_words(needed)}, which comes later in the 'sequence' of track"
        raise FieldError(
            node, f"{what} {item.track.id!r}: change the order of the tasks, or leave 'sequence' out"
        )


def _is_in(item: TaskDraft | GateDraft, track: TrackDraft) -> bool:
    own = item.track.id if isinstance(item, TaskDraft) else item.track
    return item.phase is track.phase and own == track.id


def read_cross_pollination(context: Context, plan: Fields, names: Names) -> tuple[Edge, ...]:
    """The named edges; their inputs and needs are added to the tasks they lead to."""
    edges: list[Edge] = []
    for name, (key, fields) in plan.get("cross_pollination", {}).items():
        try:
            edges += _edges(name, key, fields, names)
        except FieldError as error:
            context.problems.add(error.node, f"{name}: {error.message}")
    return tuple(edges)


def _edges(name: str, key: Scalar, fields: Fields, names: Names) -> list[Edge]:
    """One edge for each item it comes from: several, when that is copied by a matrix."""
    if fields.broken:
        return []
    for needed in ("from", "to"):
        if needed not in fields:
            raise FieldError(
                key, f"{needed!r} is missing: write {{from: TASK, to: TASK, artifacts: [outputs]}}"
            )
    if fields.get("from") is None or fields.get("to") is None:
        return []
    word = text_of(fields.get("from"), "the id of a task or gate")
    _sources(names, word)
    carried: tuple[Scalar, ...] = fields.get("artifacts", ())
    leads: dict[str, list[str]] = {}
    for to in fields.get("to"):
        for target in names.find(to).drafts:
            if not isinstance(target, TaskDraft):
                raise FieldError(to, f"to: {in_words(target)} is no task: name the tasks it goes to")
            for source in _lead(names, word, target, to, carried):
                leads.setdefault(source.id, []).append(target.id)
    artifacts = tuple(artifact.text for artifact in carried)
    return [
        Edge(id=name, source=source, targets=tuple(targets), artifacts=artifacts)
        for source, targets in leads.items()
    ]


def _lead(
    names: Names, word: Scalar, target: TaskDraft, to: Scalar, carried: tuple[Scalar, ...]
) -> list[TaskDraft | GateDraft]:
    """Let the target need what the word names, and read the artifacts; the items that it names."""
    found = _sources(names, word, target)
    for source in found:
        check_direction(target, source, to)
        target.needs[node_of(source)] = None
    for artifact in carried:
        _add_input(target, find_sources(names, word.text, artifact.text, artifact, target))
    return found


def _sources(names: Names, word: Scalar, target: TaskDraft | None = None) -> list[TaskDraft | GateDraft]:
    """What the word names; only tasks and gates lead somewhere."""
    found: list[TaskDraft | GateDraft] = []
    for source in names.find(word, target).drafts:
        if not isinstance(source, TaskDraft | GateDraft):
            what = f"from: {in_words(source)} is a group: name the task or gate it comes from"
            raise FieldError(word, what)
        found.append(source)
    return found


def _add_input(target: TaskDraft, artifacts: Artifacts) -> None:
    """An input named after the artifact, unless the task has one of that name or reads the artifact already."""
    name = artifacts.sources[0].output or EVALUATION
    for known in target.inputs:
        read = set(artifacts.sources).issubset(known.sources)
        if read or variable_of(known.name) == variable_of(name):
            return
    target.inputs.append(Input(name=name, sources=tuple(artifacts.sources), gathered=artifacts.many))
