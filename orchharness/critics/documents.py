"""Checks of files: `file` (there, size, text) and `json` (a schema, an expression). Results are what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchharness.critics.evaluation import strict_json
from orchharness.errors import OrchError

_LIMIT = 64 << 20  # bytes of a file that is looked into
_SHOWN = 500


def check_file(workspace: str, options: Mapping[str, Any]) -> str:
    """What is wrong with the file; with a glob, with any of its files."""
    paths, wrong = _matches(workspace, options["path"])
    for path in paths:
        wrong = wrong or _wrong_with(path, options)
    return wrong


def check_json(workspace: str, options: Mapping[str, Any]) -> str:
    """What is wrong with the JSON document, or with any that the glob matches.

    Raises:
        OrchError: the schema, the expression or the library for it cannot be used.
    """
    paths, wrong = _matches(workspace, options["path"])
    for path in paths:
        if wrong:
            break
        try:
            data = strict_json(_bytes(path))
        except ValueError as error:
            return f"{path.name} is not JSON: {error}"
        wrong = _against_schema(options["schema"], data) if options.get("schema") else ""
        wrong = wrong or (_against_expression(options["expr"], data) if options.get("expr") else "")
    return wrong


def _matches(workspace: str, pattern: str) -> tuple[list[Path], str]:
    """The files, and what is wrong: there is none, or one is a link out of where it must be."""
    import glob

    if pattern.startswith("run:"):
        msg = f"path {pattern!r} was not resolved to a file of the run"
        raise OrchError(msg)
    absolute = os.path.join(workspace, pattern)  # noqa: PTH118 - keeps a pattern a pattern
    found = [absolute] if os.path.lexists(absolute) else sorted(glob.glob(absolute, recursive=True))  # noqa: PTH207
    paths = [Path(name) for name in found if not Path(name).is_dir()]
    if not paths:
        return [], f"{pattern} does not exist"
    # What the engine gave as an absolute path is a file of the run: it may not lead out of its folder.
    inside = Path(pattern).parent if os.path.isabs(pattern) else Path(workspace)  # noqa: PTH117
    for path in paths:
        if not path.exists():
            return [], f"{pattern} is a link to nothing"
        if not path.resolve().is_relative_to(inside.resolve()):
            return [], f"{pattern} leads out of the workspace"
        if not path.is_file():
            return [], f"{pattern} is no plain file"
    return paths, ""


def _wrong_with(path: Path, options: Mapping[str, Any]) -> str:
    size, least = path.stat().st_size, options.get("min_bytes", 1)
    if size < least:
        return (
            f"{path.name} has {size} bytes, at least {least} are asked for"
            if size
            else f"{path.name} is empty"
        )
    wanted, pattern = options.get("contains") or (), options.get("matches")
    if not wanted and pattern is None:
        return ""
    text = _bytes(path).decode(errors="replace")
    for words in [wanted] if isinstance(wanted, str) else wanted:
        if words not in text:
            return f"{path.name} does not contain {words!r}"
    try:
        found = pattern is None or re.search(pattern, text, re.MULTILINE)
    except re.error as error:
        msg = f"matches {pattern!r} is not a regular expression: {error}"
        raise OrchError(msg) from None
    return "" if found else f"nothing in {path.name} matches {pattern!r}"


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > _LIMIT:
        msg = f"{path.name} is larger than {_LIMIT >> 20} MiB, too large to look into"
        raise OrchError(msg)
    return path.read_bytes()


def _against_schema(schema_path: str, data: Any) -> str:
    try:
        from jsonschema import SchemaError
        from jsonschema.exceptions import best_match
        from jsonschema.validators import validator_for
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    except ImportError:
        msg = "checking against a JSON Schema needs the package jsonschema: pip install 'orchharness[schema]'"
        raise OrchError(msg) from None
    try:
        schema = strict_json(Path(schema_path).read_bytes())
        validator = validator_for(schema)
        validator.check_schema(schema)
        # An empty registry: nothing is fetched from the network.
        error = best_match(validator(schema, registry=Registry()).iter_errors(data))
    except (OSError, ValueError, SchemaError, Unresolvable) as fault:
        msg = f"the schema {schema_path!r} cannot be used: {str(fault)[:_SHOWN]}"
        raise OrchError(msg) from None
    return f"{error.json_path}: {error.message[:_SHOWN]}" if error is not None else ""


def _against_expression(expression: str, data: Any) -> str:
    from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    try:
        compiled = environment.compile_expression(expression, undefined_to_none=False)
    except TemplateSyntaxError as error:
        msg = f"expr {expression!r} cannot be parsed: {error}"
        raise OrchError(msg) from None
    try:
        return "" if compiled(data=data) else f"expr {expression!r} does not hold"
    except UndefinedError as error:
        return f"expr {expression!r} does not hold: {str(error)[:_SHOWN]}"
    except Exception as error:  # noqa: BLE001 - the data may be of any shape
        return f"expr {expression!r} does not hold: {type(error).__name__}: {str(error)[:_SHOWN]}"
