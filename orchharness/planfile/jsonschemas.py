"""JSON Schemas that outputs and checks name: files beside the plan, which must be schemas before anything is spent."""

from __future__ import annotations

from pathlib import Path

from orchharness.planfile.context import Context
from orchharness.planfile.files import MAX_BYTES, definition
from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import FieldError


def schema_file(context: Context, node: Node) -> str:
    """The absolute path of the JSON Schema that a plan names; it is recorded as a definition.

    Raises:
        FieldError: there is no such file, it is no JSON or no schema, or schemas cannot be checked on this machine.
    """
    from importlib.util import find_spec

    if find_spec("jsonschema") is None:
        raise FieldError(node, "a schema needs the package jsonschema: pip install 'orchharness[schema]'")
    path = definition(context, node, "a JSON Schema file")
    _check(Path(path), node)
    return path


def _check(path: Path, node: Node) -> None:
    import json  # only plans with schemas pay for it

    name = path.name
    try:
        text = path.read_text("utf-8-sig") if path.stat().st_size <= MAX_BYTES else ""
        schema = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise FieldError(node, f"schema {name!r} cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        what = f"schema {name!r} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise FieldError(node, what) from None
    except (ValueError, RecursionError) as error:
        raise FieldError(node, f"schema {name!r} is no JSON: {error}") from None
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "its top"
        raise FieldError(
            node, f"schema {name!r} is no JSON Schema: at {place}: {error.message:.200}"
        ) from None
    except Exception as error:  # noqa: BLE001 - an odd $schema or $ref raises whatever the library likes
        raise FieldError(node, f"schema {name!r} is no JSON Schema: {error!s:.200}") from None
