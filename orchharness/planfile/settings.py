"""The parts of a plan that stand beside the work: version, variables, limits, defaults, the workspace's folder."""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Final

from orchharness.core.plan import LANGUAGE_VERSION, Budget, Retry
from orchharness.planfile.context import Context, Defaults
from orchharness.planfile.files import absolute, existing_file, folder_of, guess_file
from orchharness.planfile.nodes import Mapping, Node, Scalar
from orchharness.planfile.problems import FieldError, Problems, listed
from orchharness.planfile.schema import BUDGET, RETRY_ON, VARIABLE
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import describe, mapping_of, text_of

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CALLERS: Final = re.compile(r"\$\{(?![A-Za-z_][A-Za-z0-9_]*\})")


def check_version(plan: Fields, problems: Problems) -> None:
    """Note a missing or unknown language version."""
    if "orchharness" not in plan:
        if plan.is_unread("orchharness"):
            return
        problems.add(
            plan.node, f"the language version is missing: write 'orchharness: {LANGUAGE_VERSION}' first"
        )
        return
    node = plan.at("orchharness")
    if not (isinstance(node, Scalar) and node.value == LANGUAGE_VERSION and not isinstance(node.value, bool)):
        quoted = isinstance(node, Scalar) and not node.plain and node.text == str(LANGUAGE_VERSION)
        known = f"this version understands {LANGUAGE_VERSION} (a number, without quotes)"
        found = "it is in quotes" if quoted else f"found {describe(node)}"
        problems.add(node, f"orchharness: {known}, {found}: write 'orchharness: {LANGUAGE_VERSION}'")


def read_variables(plan: Fields, given: AbstractMapping[str, str], problems: Problems) -> dict[str, str]:
    """The final values of the variables; what is missing or unknown is noted."""
    declared: dict[str, tuple[Scalar, Node | None]] = plan.get("vars", {})
    for name in given:
        if name not in declared and not plan.is_unread("vars"):
            guess = problems.guess(name, declared)
            problems.add(
                None,
                f"--orch-var {name}: the plan has no variable {name!r}{guess} (it has: {listed(declared)})",
            )
    values: dict[str, str] = {}
    for name, (key, node) in declared.items():
        values[name] = given.get(name, "")  # so that a wrong variable is not unknown as well
        if not _NAME.fullmatch(name):
            problems.add(key, f"{name!r} cannot be a variable's name: letters, digits and _ only")
        if node is None:
            continue
        try:
            values[name] = _value(key, node, given.get(name), problems)
        except FieldError as error:
            problems.add(error.node, f"variable {name!r}: {error.message}")
    return values


def read_defaults(plan: Fields, problems: Problems) -> Defaults:
    """`defaults`, without the gate's."""
    fields: Fields | None = plan.get("defaults")
    if fields is None:
        return Defaults()
    return Defaults(
        timeout=fields.get("timeout"),
        idle_timeout=fields.get("idle_timeout"),
        retry=read_retry(fields, Retry(), problems),
    )


def read_retry(owner: Fields, default: Retry, problems: Problems) -> Retry:
    """`retry` of a mapping, laid over the default."""
    fields: Fields | None = owner.get("retry")
    if fields is None:
        return default
    faults = default.on
    if fields.get("on") is not None:
        words: tuple[Scalar, ...] = fields.get("on")
        for word in words:
            if word.text not in RETRY_ON:
                guess = problems.guess(word.text, RETRY_ON)
                problems.add(word, f"on: {word.text!r} is not one of {listed(RETRY_ON)}{guess}")
        faults = frozenset(word.text for word in words)
    return Retry(
        attempts=fields.get("attempts", default.attempts),
        backoff=fields.get("backoff", default.backoff),
        on=faults,
    )


def read_budget(owner: Fields | None, problems: Problems) -> Budget | None:
    """`budget` of a mapping; None when it has none. One that limits nothing is noted."""
    fields: Fields | None = owner.get("budget") if owner is not None else None
    if fields is None:
        return None
    found = Budget(**{unit: fields.get(unit) for unit in BUDGET.keys})
    if not found.units and not fields.broken and not any(unit in fields for unit in BUDGET.keys):
        problems.add(
            fields.node, "budget: it limits nothing: write one or more of usd, tokens, wall and spawns"
        )
    return found


def read_copy(context: Context, plan: Fields) -> str | None:
    """The absolute path of the folder that the workspace is a copy of; None: the project root itself.

    Raises:
        FieldError: it is no folder.
    """
    fields: Fields | None = plan.get("workspace")
    if fields is None or "copy" not in fields:
        return None
    node = fields.at("copy")
    text = context.templates.render(node, "a folder")
    folder = folder_of(context, node)
    path = absolute(folder / text)
    try:
        found = Path(path).is_dir()
    except (OSError, ValueError):
        found = False
    if not found:
        where = "where the command was typed" if folder is context.cwd else "the plan file"
        if existing_file(folder, text) is not None:
            raise FieldError(node, f"copy: {text!r} is a file: name the folder to copy")
        guess = guess_file(folder, text)
        raise FieldError(node, f"copy: there is no folder {text!r}{guess} (relative to {where})")
    return path


def read_environment(context: Context, fields: Fields) -> dict[str, str]:
    """`env`: names and values, the values as written (`${NAME}` and templates are for later)."""
    node = fields.get("env")
    if node is None:
        return {}
    values: dict[str, str] = {}
    try:
        entries = mapping_of(node, ": write {NAME: value}").entries
    except FieldError as error:
        context.problems.add(error.node, f"env: {error.message}")
        return {}
    for name, (key, value) in entries.items():
        try:
            values[name] = _environment_value(key, value)
        except FieldError as error:
            context.problems.add(error.node, f"env: {error.message}")
    return values


def _environment_value(key: Scalar, node: Node) -> str:
    if not _NAME.fullmatch(key.text):
        what = f"{key.text!r} cannot be the name of an environment variable: letters, digits and _ only"
        raise FieldError(key, what)
    if key.text.startswith("ORCH_"):
        raise FieldError(
            key, f"{key.text!r}: names that begin with ORCH_ are set by orchharness, choose another"
        )
    text = "" if isinstance(node, Scalar) and not node.plain and not node.text else text_of(node).text
    if _CALLERS.search(text):
        raise FieldError(node, f"{text!r}: write ${{NAME}} for a variable of the caller's environment")
    return text


def _value(key: Scalar, node: Node, given: str | None, problems: Problems) -> str:
    if not isinstance(node, Mapping):
        node_text = node.text if isinstance(node, Scalar) and not node.plain else None
        if given is not None:
            return given
        if isinstance(node, Scalar) and node.value is None:
            raise _missing(key)
        return node_text if node_text is not None else text_of(node).text
    fields = VARIABLE.read(node, problems)
    value = given
    if value is None and fields.get("default") is not None:
        value = text_of(fields.at("default")).text if not _is_quoted_empty(fields.at("default")) else ""
    if value is None:
        if fields.get("required") is False or fields.broken:
            return ""
        raise _missing(key)
    choices: tuple[Scalar, ...] | None = fields.get("choices")
    if choices is not None and value not in {choice.text for choice in choices}:
        place = None if given is not None else fields.at("default")
        words = [choice.text for choice in choices]
        raise FieldError(place, f"{value!r} is not one of {listed(words)}{problems.guess(value, words)}")
    return value


def _is_quoted_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.plain and not node.text


def _missing(key: Scalar) -> FieldError:
    return FieldError(key, f"there is no value: give it with --orch-var {key.text}=VALUE")
