"""`inputs` of a task: artifacts of other tasks, evaluations of gates, or files of the workspace."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orchharness.core.plan import Input, Source
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, TaskDraft
from orchharness.planfile.names import Draft, Names, in_words, tasks_of
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.outputs import check_names
from orchharness.planfile.paths import workspace_path
from orchharness.planfile.problems import FieldError, SaidError, listed
from orchharness.planfile.schema import INPUT
from orchharness.planfile.values import text_of

EVALUATION: Final = "evaluation"
_SPOKEN: Final = re.compile(
    r"(?:\$?\{\{\s*)?(?:tasks\.)?([\w-]+(?:\[[^\[\]/]+\])?)\.(?:outputs\.)?([\w-]+)(?:\s*\}\})?", re.ASCII
)
_GROUP: Final = re.compile(r"[A-Za-z][\w-]*/[A-Za-z][\w-]*(\[[^\[\]/]+\])?\.\*", re.ASCII)


class Artifacts(NamedTuple):
    """Artifacts that a word names; `many`: always a list, however many there are."""

    sources: list[Source]
    many: bool = False


def read_inputs(context: Context, task: TaskDraft, names: Names) -> None:
    """Fill in the task's inputs; what is wrong is noted."""
    named: dict[str, tuple[Scalar, Node | None]] = task.fields.get("inputs", {})
    check_names(context, "input", {name: key for name, (key, _) in named.items()})
    for name, (_, node) in named.items():
        if node is None:
            continue
        try:
            task.inputs.append(_input(context, task, names, name, node))
        except FieldError as error:
            if not isinstance(error, SaidError):
                context.problems.add(error.node, f"input {name!r}: {error.message}")
            task.inputs.append(Input(name=name))


def find_sources(
    names: Names, item_id: str, output: str, node: Scalar, reader: TaskDraft | GateDraft
) -> Artifacts:
    """The artifact `item_id.output`; of an item that a matrix copies, that of every copy.

    Raises:
        FieldError: there is no such item, or it has no such output.
    """
    found = names.find(node, reader, item_id)
    return Artifacts([_source(names, item, item_id, output, node) for item in found.drafts], found.many)


def _source(names: Names, item: Draft, item_id: str, output: str, node: Scalar) -> Source:
    if isinstance(item, GateDraft):
        if output != EVALUATION:
            raise FieldError(node, f"gate {item.id!r} has only '{item.id}.{EVALUATION}', not {output!r}")
        return Source(item=item.id, output=None)
    if not isinstance(item, TaskDraft):
        raise FieldError(
            node, f"{in_words(item)} has no outputs of its own: write '{item_id}.*' for all of them"
        )
    outputs = [known.name for known in item.outputs]
    if output in outputs:
        return Source(item=item.id, output=output)
    if output == EVALUATION and item.gate:
        raise FieldError(node, f"an evaluation belongs to a gate: write '{item.gate.id}.{EVALUATION}'")
    guess = names.guess(output, outputs)
    raise FieldError(node, f"task {item.id!r} has no output {output!r}{guess} (it has: {listed(outputs)})")


def _input(context: Context, task: TaskDraft, names: Names, name: str, node: Node) -> Input:
    if isinstance(node, Sequence):
        if not node.items:
            raise FieldError(node, "the list is empty: write TASK.output, or {path: …}")
        listed_here = [_listed(context, names, task, item) for item in node.items]
        sources = [source for artifacts in listed_here for source in artifacts.sources]
        return Input(name=name, sources=tuple(dict.fromkeys(sources)), gathered=True)
    if isinstance(node, Mapping):
        fields = INPUT.read(node, context.problems)
        if fields.broken:
            raise SaidError
        if "path" not in fields:
            raise FieldError(node, "write TASK.output as plain text, or {path: …} for files")
        return _files(context, name, fields.at("path"))
    scalar = context.word(text_of(node, "TASK.output, a list of them, or {path: …}"))
    if "/" in scalar.text and not _is_group_of_track(names, scalar):
        return _files(context, name, node)
    artifacts = _references(names, task, scalar)
    return Input(name=name, sources=tuple(artifacts.sources), gathered=artifacts.many)


def _is_group_of_track(names: Names, scalar: Scalar) -> bool:
    return _GROUP.fullmatch(scalar.text) is not None and bool(
        names.look(scalar, text=scalar.text.removesuffix(".*")).drafts
    )


def _files(context: Context, name: str, node: Node) -> Input:
    return Input(name=name, files=workspace_path(context.templates.render(node, "a path"), node))


def _listed(context: Context, names: Names, task: TaskDraft, node: Node) -> Artifacts:
    scalar = context.word(text_of(node, "TASK.output"))
    if "/" in scalar.text and not _is_group_of_track(names, scalar):
        raise FieldError(
            node, f"{scalar.text!r} is a file: a list gathers TASK.output only; write {{path: …}} for files"
        )
    return _references(names, task, scalar)


def _references(names: Names, task: TaskDraft, scalar: Scalar) -> Artifacts:
    item_id, dot, output = scalar.text.rpartition(".")
    if not dot or not item_id or output.endswith("]"):
        raise FieldError(scalar, _no_reference(names, task, scalar))
    if output == "*":
        return Artifacts(_all_of(names, task, scalar, item_id), many=True)
    if not names.look(scalar, task, item_id).drafts:
        spoken = _SPOKEN.fullmatch(scalar.text)
        if spoken and names.look(scalar, task, spoken[1]).drafts:
            meant = f"{spoken[1]}.{spoken[2]}"
            raise FieldError(scalar, f"{scalar.text!r} is no TASK.output: write '{meant}'")
        what = f"unknown id {item_id!r} in {scalar.text!r}{names.hint(scalar, item_id)} (write './{scalar.text}' for a file)"
        raise FieldError(scalar, what)
    found = find_sources(names, item_id, output, scalar, task)
    if any(source.item == task.id for source in found.sources):
        raise FieldError(scalar, f"task {task.id!r} would read its own output")
    return found


def _no_reference(names: Names, task: TaskDraft, scalar: Scalar) -> str:
    named = next(iter(names.look(scalar, task).drafts), None)
    if isinstance(named, TaskDraft):
        outputs = listed([output.name for output in named.outputs])
        return f"say which output: '{scalar.text}.NAME' (task {scalar.text!r} has: {outputs})"
    return f"{scalar.text!r} is no TASK.output: write './{scalar.text}' for a file"


def _all_of(names: Names, task: TaskDraft, scalar: Scalar, item_id: str) -> list[Source]:
    named = names.find(scalar, task, item_id).drafts
    groups = [draft for draft in named if not isinstance(draft, GateDraft)]
    if not groups:
        raise FieldError(scalar, f"gate {named[0].id!r} has only '{named[0].id}.{EVALUATION}'")
    found: list[Source] = []
    for group in groups:
        members = tasks_of(group)
        if task in members:
            what = f"task {task.id!r} is part of {in_words(group)}: name the outputs it reads"
            raise FieldError(scalar, what)
        found += [Source(item=m.id, output=output.name) for m in members for output in m.outputs]
    if not found:
        raise FieldError(scalar, f"{in_words(groups[0])} has no outputs")
    return found
