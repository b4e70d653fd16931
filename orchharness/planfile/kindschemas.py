"""The options of plugin kinds as JSON Schema: what their pydantic models say, beside the language's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchharness.core.acts import Kind

COMMAND_KEYS: Final = ("run", "shell", "kind")


def options_schema(
    kind: Kind, role: str, language: Mapping[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    """The schema of an agent or critic of that kind; definitions of the model are added to `definitions`."""
    found: dict[str, Any] = {
        "properties": dict(language),
        "patternProperties": {"^x-": True},
        "additionalProperties": False,
    }
    if kind.options is None:
        return found
    prefix = f"{role}.{kind.name}."
    model = kind.options().model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    definitions |= {prefix + name: value for name, value in model.pop("$defs", {}).items()}
    found["properties"] |= model.get("properties", {})
    found["additionalProperties"] = model.get("additionalProperties") is True
    if "required" in model:
        found["required"] = model["required"]
    if "description" in model:
        found["description"] = model["description"]
    return found
