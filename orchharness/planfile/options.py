"""Options of plugin kinds: checked by the plugin's pydantic model, with the places of the plan."""

from __future__ import annotations

from typing import Any

from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence, to_python
from orchharness.planfile.problems import FieldError, Problems, listed


def model_fields(model: type[Any]) -> frozenset[str]:
    """The keys a plan may write for a pydantic model: names and aliases."""
    fields: dict[str, Any] = model.model_fields
    aliases = {field.alias for field in fields.values() if field.alias}
    return frozenset(fields) | aliases


def validate_options(
    model: type[Any] | None, node: Mapping, who: str, key: Scalar, problems: Problems
) -> dict[str, Any]:
    """The options with their defaults, as JSON types; problems are noted at the keys they are about."""
    known = model_fields(model) if model is not None else frozenset[str]()
    takes_any = model is not None and model.model_config.get("extra") == "allow"
    unknown = [] if takes_any else [name for name in node.entries if name not in known]
    for name in unknown:
        guess = problems.guess(name, known)
        problems.add(
            node.entries[name][0], f"{who} has no option {name!r}{guess} (it has: {listed(sorted(known))})"
        )
    if model is None:
        return {}
    from pydantic import ValidationError  # only plans with such options pay for it

    data = {name: to_python(value) for name, (_, value) in node.entries.items() if name not in unknown}
    try:
        dumped: dict[str, Any] = model.model_validate(data).model_dump(mode="json", exclude_unset=False)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            _note(fault, node, who, key, problems)
        return {}
    except RecursionError:
        raise FieldError(key, "the options are nested too deeply") from None
    return dumped


def _note(fault: Any, node: Mapping, who: str, key: Scalar, problems: Problems) -> None:
    place, option = fault["loc"], ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing" and len(place) == 1:
        problems.add(key, f"{who} needs the option {option!r}")
        return
    at = _find(node, place)
    about = f"option {option!r}: " if option else ""
    problems.add(key if at is node else at, f"{who}: {about}{fault['msg']}")


def _find(node: Node, place: tuple[str | int, ...]) -> Node:
    """The node that an error's path leads to, as far as it leads (parts may name a branch of a union)."""
    for part in place:
        if isinstance(node, Mapping):
            entry = node.entries.get(str(part))
            node = entry[1] if entry else node
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return node
