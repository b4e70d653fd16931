"""The language of plans as tables: keys, meanings and defaults as reading has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orch_markdown import Row, code, marked, table


def language() -> str:
    """Every key of a plan: by table, with its type, its meaning and its default."""
    from orchharness.planfile.schema import FRAGMENT, PLAN

    found: dict[int, Any] = {}
    _tables(PLAN, found)
    _tables(FRAGMENT, found)
    parts = [_language_table(one) for one in found.values()]
    return "\n".join([*parts, *_kinds()])


def _tables(shape: Any, found: dict[int, Any]) -> None:
    """All tables that a shape leads to, each once, in the order in which they are met."""
    from orchharness.planfile.shapes import Table

    for one in _inside(shape):
        if not isinstance(one, Table):
            _tables(one, found)
        elif id(one) not in found:
            found[id(one)] = one
            for value in one.keys.values():
                _tables(value, found)


def _inside(shape: Any) -> Iterator[Any]:
    """The tables of a shape itself, and the shapes that its values have."""
    from orchharness.planfile import export, schema
    from orchharness.planfile.shapes import Either, Named, Table
    from orchharness.planfile.values import Raw

    forms = {
        **{name: known for name, (_, known) in {**export._TABLES, **export._LISTS}.items()},
        "checks": schema.CHECK,
        "options": schema.OPTION,
        "refine": schema.MENDER,
        "lanes": schema.LANE,
        "agent": schema.AGENT,
        "critic": schema.CRITIC,
    }
    match shape:
        case Table():
            yield shape
        case Either():
            yield shape.table
        case Named():
            yield from _inside(shape.shape)
        case Raw() if shape.form in forms:
            yield forms[shape.form]


def title_of(what: str) -> str:
    """The heading of a table: `a task` is `Task`."""
    words = re.sub(r"^(an?|the) ", "", what)
    return words[0].upper() + words[1:].replace("'", "`")


def _language_table(one: Any) -> str:
    from orchharness.planfile.meanings import default, meaning

    def row(key: str, shape: Any) -> Row:
        usual = default(one.what, key)
        about = marked(meaning(one.what, key))
        return (code(key), type_of(shape), about, code("" if usual is None else _yaml(usual)))

    rows = [row(key, shape) for key, shape in one.keys.items()]
    rows += [(code(key), "", "not supported yet: refused by name", "") for key in sorted(one.later)]
    return f"## {title_of(one.what)}\n\n" + table(("key", "value", "meaning", "default"), rows)


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def type_of(shape: Any) -> str:
    """What may be written there, in words."""
    from orchharness.planfile import shapes, values

    match shape:
        case values.Raw():
            more = ", ".join(_link(one) for one in _inside(shape))
            return marked(shape.hint) + (f": {more}" if more else "")
        case values.Choice():
            return ", ".join(code(option) for option in shape.options)
        case values.Count():
            return f"whole number from {shape.least}" + (f" to {shape.most:,}" if shape.most < 10**9 else "")
        case values.Words():
            return f"list of {shape.what}"
        case shapes.Table():
            return _link(shape)
        case shapes.Either():
            return f"`true`, or {_link(shape.table)}"
        case shapes.Named():
            return f"name → {type_of(shape.shape)}"
        case _:
            return _plain(shape)


def _plain(shape: Any) -> str:
    from orchharness.planfile import durations, values

    return {
        values.Text: "text",
        values.Identifier: "id",
        values.Boolean: "`true` or `false`",
        values.Money: "US dollars",
        values.Counters: "name → whole number",
        durations.Duration: "duration",
        durations.Estimate: "duration, or a range",
    }[type(shape)]


def _link(one: Any) -> str:
    title = title_of(one.what)
    anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    return f"[{one.what}](#{anchor})"


def _kinds() -> Iterator[str]:
    """Options of the kinds of agents and critics that are installed where the page is made."""
    from orchharness.plugins import PluginHost

    host = PluginHost.load()
    for role, kinds in (("Agent", host.kinds), ("Critic", host.critic_kinds)):
        for name, kind in sorted(kinds.items()):
            if kind.options is None:
                continue
            model = kind.options().model_json_schema()
            required = set(model.get("required", ()))
            rows = [
                (
                    code(key),
                    _json_type(value, model),
                    marked(value.get("description", "")),
                    _usual(key, value, required),
                )
                for key, value in model.get("properties", {}).items()
            ]
            yield f"## {role} kind `{name}`\n\n" + table(("option", "value", "meaning", "default"), rows)


def _usual(key: str, value: Mapping[str, Any], required: set[str]) -> str:
    if key in required:
        return "required"
    usual = value.get("default")
    return code(_yaml(usual)) if usual not in (None, "", [], {}) else ""


def _entry(value: Mapping[str, Any]) -> Mapping[str, Any]:
    told = value.get("additionalProperties")
    return told if isinstance(told, dict) else {}


def _json_type(value: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """The type of a JSON Schema in words."""
    if "$ref" in value:
        value = model.get("$defs", {}).get(value["$ref"].rpartition("/")[2], {})
    if "enum" in value:
        return ", ".join(code(str(option)) for option in value["enum"])
    if "const" in value:
        return code(str(value["const"]))
    branches = value.get("anyOf") or value.get("oneOf")
    if branches:
        kinds = [_json_type(one, model) for one in branches if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if value.get("type") == "array":
        return f"list of {_json_type(value.get('items', {}), model)}"
    if value.get("type") == "object":
        return f"name → {_json_type(_entry(value), model)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return words.get(str(value.get("type")), "any value")
