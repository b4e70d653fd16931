"""`inputs` of a task: artifacts of other tasks, evaluations of gates, or files of the workspace."""

from __future__ import annotations

import re
from typing import Final

from orchharness.core.plan import Input, Source
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, TaskDraft
from orchharness.planfile.names import Names, in_words, tasks_of
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.outputs import check_names
from orchharness.planfile.paths import workspace_path
from orchharness.planfile.problems import FieldError, SaidError, listed
from orchharness.planfile.schema import INPUT
from orchharness.planfile.values import text_of

EVALUATION: Final = "evaluation"
_SPOKEN: Final = r"(?:\$?\{\{\s*)?(?:tasks\.)?([\w-]+)\.(?:outputs\.)?([\w-]+)(?:\s*\}\})?"
_GROUP: Final = re.compile(r"[A-Za-z][\w-]*/[A-Za-z][\w-]*\.\*", re.ASCII)


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


def find_source(names: Names, item_id: str, output: str, node: Scalar) -> Source:
    """The artifact `item_id.output`.

    Raises:
        FieldError: there is no such item, or it has no such output.
    """
    item = names.find(node, item_id)
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
        sources = [source for item in node.items for source in _listed(names, task, item)]
        return Input(name=name, sources=tuple(dict.fromkeys(sources)), gathered=True)
    if isinstance(node, Mapping):
        fields = INPUT.read(node, context.problems)
        if fields.broken:
            raise SaidError
        if "path" not in fields:
            raise FieldError(node, "write TASK.output as plain text, or {path: …} for files")
        return _files(context, name, fields.at("path"))
    scalar = text_of(node, "TASK.output, a list of them, or {path: …}")
    if "/" in scalar.text and not _is_group_of_track(names, scalar.text):
        return _files(context, name, node)
    return Input(
        name=name, sources=tuple(_references(names, task, scalar)), gathered=scalar.text.endswith(".*")
    )


def _is_group_of_track(names: Names, text: str) -> bool:
    return _GROUP.fullmatch(text) is not None and names.get(text.removesuffix(".*")) is not None


def _files(context: Context, name: str, node: Node) -> Input:
    return Input(name=name, files=workspace_path(context.templates.render(node, "a path"), node))


def _listed(names: Names, task: TaskDraft, node: Node) -> list[Source]:
    scalar = text_of(node, "TASK.output")
    if "/" in scalar.text and not _is_group_of_track(names, scalar.text):
        raise FieldError(
            node, f"{scalar.text!r} is a file: a list gathers TASK.output only; write {{path: …}} for files"
        )
    return _references(names, task, scalar)


def _references(names: Names, task: TaskDraft, scalar: Scalar) -> list[Source]:
    item_id, dot, output = scalar.text.rpartition(".")
    if not dot or not item_id:
        raise FieldError(scalar, _no_reference(names, scalar))
    if output == "*":
        return _all_of(names, task, scalar, item_id)
    if names.get(item_id) is None and (spoken := re.fullmatch(_SPOKEN, scalar.text, re.ASCII)):
        meant = f"{spoken[1]}.{spoken[2]}"
        if names.get(spoken[1]) is not None:
            raise FieldError(scalar, f"{scalar.text!r} is no TASK.output: write '{meant}'")
    if names.get(item_id) is None:
        guess = names.guess(item_id, names.all())
        what = f"unknown id {item_id!r} in {scalar.text!r}{guess} (write './{scalar.text}' for a file)"
        raise FieldError(scalar, what)
    source = find_source(names, item_id, output, scalar)
    if source.item == task.id:
        raise FieldError(scalar, f"task {task.id!r} would read its own output")
    return [source]


def _no_reference(names: Names, scalar: Scalar) -> str:
    named = names.get(scalar.text)
    if isinstance(named, TaskDraft):
        outputs = listed([output.name for output in named.outputs])
        return f"say which output: '{scalar.text}.NAME' (task {scalar.text!r} has: {outputs})"
    return f"{scalar.text!r} is no TASK.output: write './{scalar.text}' for a file"


def _all_of(names: Names, task: TaskDraft, scalar: Scalar, item_id: str) -> list[Source]:
    group = names.find(scalar, item_id)
    if isinstance(group, GateDraft):
        raise FieldError(scalar, f"gate {group.id!r} has only '{group.id}.{EVALUATION}'")
    members = tasks_of(group)
    if task in members:
        raise FieldError(scalar, f"task {task.id!r} is part of {in_words(group)}: name the outputs it reads")
    sources = [Source(item=member.id, output=output.name) for member in members for output in member.outputs]
    if not sources:
        raise FieldError(scalar, f"{in_words(group)} has no outputs")
    return sources
