"""`outputs` and `writes` of a task: what it must produce, and what it may change."""

from __future__ import annotations

import re
from typing import Final

from orchharness.core.plan import Must, Output, OutputKind
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import TaskDraft
from orchharness.planfile.jsonschemas import schema_file
from orchharness.planfile.nodes import Mapping, Node, Scalar
from orchharness.planfile.paths import is_glob, workspace_path
from orchharness.planfile.problems import FieldError, SaidError
from orchharness.planfile.schema import OUTPUT
from orchharness.planfile.shapes import Fields, no_fields
from orchharness.planfile.values import describe

RUN: Final = "run:"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def variable_of(name: str) -> str:
    """The part of an environment variable's name that stands for an input or output."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def check_names(context: Context, what: str, names: dict[str, Scalar]) -> None:
    """Note names that are none, or that two environment variables would have in common."""
    taken: dict[str, str] = {}
    for name, key in names.items():
        if not _NAME.fullmatch(name):
            context.problems.add(
                key, f"{name!r} is no name of an {what}: a letter, then letters, digits, _ and -"
            )
            continue
        variable = f"ORCH_{what.upper()}_{variable_of(name)}"
        if variable in taken:
            context.problems.add(
                key, f"{what}s {taken[variable]!r} and {name!r} would both be {variable}: rename one"
            )
        taken.setdefault(variable, name)


def read_outputs(context: Context, task: TaskDraft) -> None:
    """Fill in the task's outputs and writes; what is wrong is noted."""
    named: dict[str, tuple[Scalar, Node | None]] = task.fields.get("outputs", {})
    if named:
        check_names(context, "output", {name: key for name, (key, _) in named.items()})
        found: list[Output] = []
        for name, (_, node) in named.items():
            if node is None:
                continue
            try:
                found.append(_output(context, task, name, node))
            except FieldError as error:
                if not isinstance(error, SaidError):
                    context.problems.add(error.node, f"output {name!r}: {error.message}")
                # Known all the same, so that whoever reads it is not told that it does not exist.
                found.append(Output(name=name, kind=OutputKind.STDOUT))
        task.outputs = tuple(found)
    if "ask" in task.fields:
        task.outputs = _answers(context, task, named)
    elif task.outputs or "writes" in task.fields:
        task.writes = _writes(context, task)


def _answers(
    context: Context, task: TaskDraft, named: dict[str, tuple[Scalar, Node | None]]
) -> tuple[Output, ...]:
    """What a person answers, under the names that the task gives it: `answer` where it gives none."""
    for output in task.outputs:
        if output.kind is not OutputKind.STDOUT:
            what = f"output {output.name!r}: a person's answer is no file: write {{from: answer}}"
            context.problems.add(named[output.name][0], what)
    return task.outputs or (Output(name="answer", kind=OutputKind.STDOUT),)


def _writes(context: Context, task: TaskDraft) -> tuple[str, ...]:
    paths = dict.fromkeys(read_writes(context, task.fields))
    for output in task.outputs:
        if output.kind is OutputKind.FILE and output.must is not Must.EXIST:
            paths[output.path] = None
    return tuple(paths)


def read_writes(context: Context, fields: Fields) -> tuple[str, ...]:
    """The patterns of `writes`; what is wrong is noted."""
    paths: dict[str, None] = {}
    for word in fields.get("writes", ()):
        try:
            text = context.templates.render(word, "a path")
            path = workspace_path(text, word, folder=True)
            paths[path if path and not text.endswith("/") else f"{path}/**".lstrip("/")] = None
        except FieldError as error:
            context.problems.add(error.node, f"writes: {error.message}")
    return tuple(paths)


def _output(context: Context, task: TaskDraft, name: str, node: Node) -> Output:
    if isinstance(node, Scalar):
        fields = no_fields(node)
        place: Node | None = node
    elif isinstance(node, Mapping):
        fields = OUTPUT.read(node, context.problems)
        place = fields.get("path")
        if fields.broken:
            raise SaidError
        if ("path" in fields) == ("from" in fields):
            raise FieldError(
                node, "write a path, 'path: …', or 'from: stdout' or 'from: answer' (one of them)"
            )
    else:
        raise FieldError(node, f"expected a path, found {describe(node)}")
    must = fields.get("must")
    is_model = task.agent is not None and task.agent.is_model
    kind, path = _where(context, task, fields, place)
    is_file = kind in {OutputKind.FILE, OutputKind.RUN}
    if must is not None and not is_file:
        raise FieldError(fields.key("must"), "'must' is for files: leave it out")
    return Output(
        name=name,
        kind=kind,
        path=path,
        must=Must(must) if must else (Must.CHANGE if is_model and is_file else Must.WRITTEN),
        schema=_schema(context, fields),
        min_bytes=fields.get("min_bytes", 1),
    )


def _where(context: Context, task: TaskDraft, fields: Fields, place: Node | None) -> tuple[OutputKind, str]:
    if place is None:
        source = OutputKind(fields.get("from", OutputKind.STDOUT))
        if "ask" in task.fields:
            return OutputKind.STDOUT, ""
        if source is OutputKind.ANSWER and task.agent is None:
            raise FieldError(fields.at("from"), "a command has no answer: write {from: stdout}")
        return source, ""
    text = context.templates.render(place, "a path")
    if not text.startswith(RUN):
        if text.endswith("/"):
            raise FieldError(place, f"{text!r} is a folder: name a file, or a glob such as {text + '**'!r}")
        return OutputKind.FILE, workspace_path(text, place)
    path = workspace_path(text[len(RUN) :], place)
    if is_glob(path):
        raise FieldError(place, f"{text!r}: a file of the run has a plain name, without wildcards")
    return OutputKind.RUN, path


def _schema(context: Context, fields: Fields) -> str | None:
    node = fields.get("schema")
    if node is None:
        return None
    return schema_file(context, node)
