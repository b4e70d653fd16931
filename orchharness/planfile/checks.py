"""`checks` of a gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from orchharness.core.plan import Check, CheckKind, Command, Source, is_template
from orchharness.planfile.commands import read_command
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft, TaskDraft
from orchharness.planfile.files import definition, existing_file
from orchharness.planfile.inputs import find_sources
from orchharness.planfile.jsonschemas import schema_file
from orchharness.planfile.names import Names
from orchharness.planfile.nodes import Mapping as MappingNode
from orchharness.planfile.nodes import Node, Scalar, Sequence
from orchharness.planfile.outputs import RUN
from orchharness.planfile.paths import workspace_path
from orchharness.planfile.problems import FieldError
from orchharness.planfile.schema import CHECK, FILE_CHECK, JSON_CHECK, PYTEST_CHECK
from orchharness.planfile.shapes import Fields, Table
from orchharness.planfile.templates import Scope, TemplateError, uses_of
from orchharness.planfile.values import describe, ratio, text_of

_KINDS: Final = tuple(kind.value for kind in CheckKind)
_MAX_NAME: Final = 60


class _Judging(NamedTuple):
    """Who names something, and what names mean."""

    names: Names
    gate: GateDraft


def read_checks(context: Context, node: Node | None, gate: GateDraft, names: Names) -> tuple[Check, ...]:
    """The checks of a gate; what is wrong is noted."""
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        context.problems.add(node, f"checks: expected a list, found {describe(node)}: write `- run: …` items")
        return ()
    scope = scope_of(gate.members)
    judging = _Judging(names, gate)
    checks: list[Check] = []
    for item in node.items:
        try:
            check = _check(context, item, scope, judging)
        except FieldError as error:
            context.problems.add(error.node, error.message)
            continue
        if check is not None:
            checks.append(check)
    return tuple(checks)


def scope_of(tasks: list[TaskDraft]) -> Scope:
    """What templates that are rendered for these tasks can read."""
    return Scope(
        inputs={known.name for task in tasks for known in task.inputs},
        outputs={known.name for task in tasks for known in task.outputs},
    )


def _check(context: Context, node: Node, scope: Scope, judging: _Judging) -> Check | None:
    if isinstance(node, Scalar):
        raise FieldError(node, f"a check is a mapping: write {{run: {node.text or 'the command'}}}")
    fields = CHECK.read(node, context.problems)
    kinds = [kind for kind in _KINDS if kind in fields]
    if fields.broken and not kinds:
        return None
    if len(kinds) != 1:
        found = f"found {' and '.join(kinds)}" if kinds else "found none"
        raise FieldError(node, f"a check has one of {', '.join(_KINDS)}; {found}")
    kind = CheckKind(kinds[0])
    inputs, sources = _inputs(context, fields, judging)
    if kind is CheckKind.RUN:
        command = read_command(context, fields, scope)
        if command is None:
            return None
        name, options = _shortened("run " + " ".join(_word(w) for w in command.argv)), dict[str, Any]()
    else:
        if "shell" in fields:
            raise FieldError(fields.key("shell"), "'shell' belongs to 'run'")
        command = None
        options = _options(context, kind, fields.get(kinds[0]), scope)
        about = options["path"] if "path" in options else " ".join(options["paths"])
        name = _shortened(f"{kind} {about}")
    schema: tuple[str, ...] = (options["schema"],) if "schema" in options else ()
    return Check(
        kind=kind,
        name=name,
        command=command,
        options=options,
        inputs=(*inputs, *schema),
        sources=sources,
        timeout=fields.get("timeout", context.defaults.timeout),
    )


def _options(context: Context, kind: CheckKind, node: Node, scope: Scope) -> dict[str, Any]:
    try:
        return _READERS[kind](context, node, scope)
    except FieldError as error:
        raise FieldError(error.node, f"{kind}: {error.message}") from None


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_NAME else text[: _MAX_NAME - 1] + "…"


def _word(word: str) -> str:
    """A word of a command as people call it: a path by its last part."""
    return word.rpartition("/")[2] or word


def _inputs(
    context: Context, fields: Fields, judging: _Judging
) -> tuple[tuple[str, ...], tuple[Source, ...]]:
    """Files beside the plan, and artifacts written as TASK.output."""
    files: list[str] = []
    sources: list[Source] = []
    for word in fields.get("inputs", ()):
        item, dot, output = word.text.rpartition(".")
        try:
            known = dot and judging.names.look(word, judging.gate, item).drafts
            if known and existing_file(context.plan_dir, word.text) is None:
                sources += find_sources(judging.names, item, output, word, judging.gate).sources
            else:
                files.append(definition(context, word))
        except FieldError as error:
            context.problems.add(error.node, f"inputs: {error.message}")
    return tuple(files), tuple(sources)


def _file(context: Context, node: Node, scope: Scope) -> dict[str, Any]:
    fields = _fields(context, node, FILE_CHECK)
    options: dict[str, Any] = {"path": _path(context, fields.at("path") if fields else node, scope)}
    for name in ("min_bytes", "contains", "matches") if fields else ():
        if fields is not None and fields.get(name) is not None:
            options[name] = fields.get(name)
    if "matches" in options and fields is not None:
        try:
            re.compile(options["matches"])
        except (re.error, RecursionError, OverflowError) as error:
            raise FieldError(fields.at("matches"), f"matches: not a regular expression: {error}") from None
    return options


def _json(context: Context, node: Node, scope: Scope) -> dict[str, Any]:
    fields = _fields(context, node, JSON_CHECK)
    options: dict[str, Any] = {"path": _path(context, fields.at("path") if fields else node, scope)}
    if fields is None:
        return options
    if fields.get("schema") is not None:
        options["schema"] = schema_file(context, fields.at("schema"))
    if fields.get("expr") is not None:
        _check_expression(fields.get("expr"), fields.at("expr"))
        options["expr"] = fields.get("expr")
    return options


def _check_expression(text: str, node: Node) -> None:
    """Raises FieldError unless it is an expression over `data`."""
    if "}}" in text:
        raise FieldError(node, "expr: write the expression alone, without {{ and }}")
    try:
        uses = uses_of(f"{{{{ ({text}\n) }}}}")
    except TemplateError as error:
        raise FieldError(node, f"expr: {str(error).removeprefix('template: ')}") from None
    for name in sorted({use.name for use in uses} - {"data"}):
        what = f"expr: unknown name {name!r}: the content of the file is 'data', write 'data.{name}'"
        raise FieldError(node, what)


def _pytest(context: Context, node: Node, scope: Scope) -> dict[str, Any]:
    if isinstance(node, MappingNode):
        fields = PYTEST_CHECK.read(node, context.problems)
        words: tuple[Scalar, ...] = fields.get("paths", ())
        least = fields.get("min")
    else:
        least = None
        words = PYTEST_CHECK.keys["paths"].read(node, context.problems)
    if not words:
        raise FieldError(node, "write the paths of the tests: {pytest: {paths: [tests]}}")
    options: dict[str, Any] = {"paths": [_path(context, word, scope) for word in words]}
    if least is not None:
        options["min"] = float(ratio(context.templates.render(least, "a share"), least))
    return options


_READERS: Final[Mapping[CheckKind, Callable[[Context, Node, Scope], dict[str, Any]]]] = {
    CheckKind.FILE: _file,
    CheckKind.JSON: _json,
    CheckKind.PYTEST: _pytest,
}


def _fields(context: Context, node: Node, table: Table) -> Fields | None:
    """The fields of the long form; None for a path alone."""
    if not isinstance(node, MappingNode):
        return None
    fields = table.read(node, context.problems)
    if "path" not in fields:
        raise FieldError(node, "'path' is missing")
    return fields


def _path(context: Context, node: Node, scope: Scope) -> str:
    """A path that the check looks at: rendered when it is judged, so only checked here."""
    text = text_of(node, "a path").text
    if is_template(text):
        context.templates.check(text, node, scope)
        return text
    return text if text.startswith(RUN) else workspace_path(text, node)


def command_words(context: Context, command: Command | None) -> list[str]:
    """The words of a command that are known before the run: without inputs, outputs and findings."""
    if command is None or command.shell:
        return []
    known = {"plan_dir": str(context.plan_dir), "root": str(context.root)}
    words = (context.templates.render_known(word, known) for word in command.argv)
    return [word for word in words if word]
