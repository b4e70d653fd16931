"""Strict JSON, and JSON Schema: what an output with a `schema` must be.

Strict: UTF-8, no `NaN` or `Infinity`, no numbers beyond floating point, no key twice: readers disagree about
each of these, and what two readers understand differently is no evidence.
"""

from __future__ import annotations

import importlib
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchharness.errors import OrchError
from orchharness.workspace.files import shown

_LARGEST = 64 << 20


class NotJsonError(ValueError):
    """The text is no strict JSON; the message says why and where."""


def parse_json(data: bytes | str) -> Any:
    """The value.

    Raises:
        NotJsonError: it is none.
    """
    if len(data) > _LARGEST:
        msg = f"is too long to be read as JSON: {len(data)} bytes, at most {_LARGEST} are read"
        raise NotJsonError(msg)
    try:
        text = data if isinstance(data, str) else data.decode()
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
    except RecursionError:
        msg = "is nested too deeply"
    except ValueError as error:
        msg = f"is not JSON: {error}"
    raise NotJsonError(msg)


def schema_problem(data: bytes, schema: str) -> str | None:
    """Why the document does not fit the schema, or None when it does. Nothing is ever fetched.

    Args:
        data: The document.
        schema: Path of the JSON Schema.

    Raises:
        OrchError: the schema itself cannot be used.
    """
    try:
        document = parse_json(data)
    except NotJsonError as error:
        return str(error)
    try:
        source = Path(schema).read_bytes()
    except OSError as error:
        msg = f"schema {shown(schema)} cannot be read: {error.strerror}"
        raise OrchError(msg) from None
    validator = _validator(schema, source)
    try:
        errors = sorted(validator.iter_errors(document), key=lambda e: e.json_path)
    except RecursionError:
        return "is nested too deeply for its schema"
    except Exception as error:  # jsonschema lets errors of several libraries through: a $ref, a bad pattern
        msg = f"schema {shown(schema)} cannot be used: {error}"
        raise OrchError(msg) from error
    if not errors:
        return None
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return (
        "does not fit its schema: "
        + "; ".join(f"{e.json_path}: {_short(e.message)}" for e in errors[:3])
        + more
    )


@lru_cache(maxsize=32)
def _validator(path: str, source: bytes) -> Any:
    """The validator of a schema; `source` is part of the key, so that an edited schema is not a stale one."""
    try:
        jsonschema = importlib.import_module("jsonschema")
        registry = importlib.import_module("jsonschema_specifications").REGISTRY
    except ImportError:
        msg = "an output with a `schema` needs the package jsonschema: pip install 'orchharness[schema]'"
        raise OrchError(msg) from None
    try:
        schema = parse_json(source)
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except (NotJsonError, jsonschema.SchemaError) as error:
        msg = f"schema {shown(path)} cannot be used: {getattr(error, 'message', error)}"
        raise OrchError(msg) from None
    # A registry of its own: jsonschema's default one fetches remote references over the network.
    return kind(schema, registry=registry)


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "…"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        msg = f"key {twice!r} stands twice in one object"
        raise ValueError(msg)
    return result


def _refuse_constant(name: str) -> Any:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        msg = f"the number {text} is too large"
        raise ValueError(msg)
    return value
