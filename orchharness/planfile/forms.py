"""JSON Schemas of single values, by the names that `Raw` shapes give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchharness.core.plan import LANGUAGE_VERSION
from orchharness.planfile.values import ID

Json = dict[str, Any]
ID_PATTERN: Final = f"^{ID.pattern}$"
NAME: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
NAMES: Final = {"variable": NAME, "variable of the fragment": NAME}
IGNORED: Final[Json] = {"^x-": True}
TEXT: Final[Json] = {"type": ["string", "number"]}
WORD: Final[Json] = {"type": ["string", "number", "boolean"]}
PATH: Final[Json] = {
    "type": ["string", "number", "boolean"],
    "pattern": r"\{\{|\{%|^(?![/~]|[A-Za-z]:)[^\\]+$",
}
RATIO: Final[Json] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"\{\{|\{%|^[-+]?[0-9]*\.?[0-9]*$", "minLength": 1},
    ]
}
FORMS: Final[Mapping[str, Json]] = {
    "text": {"type": ["string", "number", "boolean"]},
    "scalar": {"type": ["string", "number", "boolean", "null"]},
    "path": PATH,
    "version": {"const": LANGUAGE_VERSION},
    "ratio": RATIO,
    "command": {
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": WORD, "minItems": 1}]
    },
    "env": {
        "type": "object",
        "propertyNames": {"pattern": "^(?!ORCH_)[A-Za-z_][A-Za-z0-9_]{0,63}$"},
        "additionalProperties": WORD,
    },
    "matrix": {
        "type": "object",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"type": "array", "items": WORD, "minItems": 1},
        "minProperties": 1,
    },
    "fragment": {**TEXT, "pattern": r"^(?![/~])(?!.*\{[{%])(?!.*\.plan\.ya?ml$)"},
    "criteria": {"type": "object", "propertyNames": {"pattern": ID_PATTERN}, "additionalProperties": RATIO},
}
