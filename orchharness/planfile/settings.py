"""The parts of a plan that stand beside the work: version, variables, limits, defaults, the workspace's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from orchharness.core.plan import LANGUAGE_VERSION, Budget, Retry
from orchharness.planfile.context import Context, Defaults
from orchharness.planfile.files import absolute, existing_file, folder_of, guess_file
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError, Problems, listed
from orchharness.planfile.schema import BUDGET, RETRY_ON
from orchharness.planfile.shapes import Fields
from orchharness.planfile.values import describe, mapping_of, text_of
from orchharness.planfile.variables import NAME

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
    if not NAME.fullmatch(key.text):
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
