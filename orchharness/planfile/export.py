"""The JSON Schema of plans (draft 2020-12), made from the tables by which plans are read.

It is for editors, which know one value at a time: it refuses what is wrong by its shape. What names mean, and whether
files are there, only reading the plan can tell. Whatever reading accepts, the schema accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchharness.core.acts import Kind
from orchharness.core.plan import LANGUAGE_VERSION, Refine, Session
from orchharness.planfile.durations import PATTERN, RANGE_PATTERN, Duration, Estimate
from orchharness.planfile.forms import FORMS, ID_PATTERN, IGNORED, NAMES, PATH, TEXT, WORD, Json
from orchharness.planfile.kindschemas import COMMAND_KEYS, options_schema
from orchharness.planfile.meanings import default, meaning
from orchharness.planfile.people import THEN
from orchharness.planfile.schema import (
    AGENT,
    BUDGET,
    CHECK,
    CRITIC,
    CROSS,
    FILE_CHECK,
    INPUT,
    JSON_CHECK,
    LANE,
    MENDER,
    NOT_ASKING,
    OPTION,
    OUTPUT,
    PHASE,
    PLAN,
    PLATEAU,
    PROMPT_FILE,
    PYTEST_CHECK,
    SKIP,
    TASK,
    TRACK,
    VARIABLE,
)
from orchharness.planfile.shapes import ANYWHERE, Either, Named, Table
from orchharness.planfile.values import (
    Boolean,
    Choice,
    Count,
    Counters,
    Identifier,
    Money,
    Raw,
    Shape,
    Text,
    Words,
)

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TABLES: Final[Mapping[str, tuple[Json, Table]]] = {
    "prompt": ({"type": "string", "minLength": 1}, PROMPT_FILE),
    "variable": ({"type": ["string", "number", "boolean", "null"]}, VARIABLE),
    "output": (PATH, OUTPUT),
    "file check": (PATH, FILE_CHECK),
    "json check": (PATH, JSON_CHECK),
    "then": ({"enum": list(THEN)}, SKIP),
    "plateau": ({"const": "off"}, PLATEAU),
}
_LISTS: Final[Mapping[str, tuple[Json, Table]]] = {
    "input": ({"type": "string", "pattern": r"[./]"}, INPUT),
    "pytest check": (WORD, PYTEST_CHECK),
}


def _with_tasks(*parts: str) -> Json:
    """A group: its tasks stand in it, or come from a fragment."""
    return {
        "anyOf": [{"required": [part]} for part in (*parts, "include")],
        "dependentSchemas": {"include": {"properties": dict.fromkeys(parts, False)}},
        "dependentRequired": {"with": ["include"]},
    }


_RULES: Final[tuple[tuple[Table, Json], ...]] = (
    (BUDGET, {"anyOf": [{"required": [unit]} for unit in BUDGET.keys]}),
    (PROMPT_FILE, {"required": ["file"]}),
    (INPUT, {"required": ["path"]}),
    (FILE_CHECK, {"required": ["path"]}),
    (JSON_CHECK, {"required": ["path"]}),
    (PYTEST_CHECK, {"required": ["paths"]}),
    (OUTPUT, {"oneOf": [{"required": ["path"]}, {"required": ["from"]}]}),
    (CHECK, {"oneOf": [{"required": [kind]} for kind in ("run", "file", "json", "pytest")]}),
    (CROSS, {"required": ["from", "to"]}),
    (PLATEAU, {"required": ["gain"]}),
    (MENDER, {"oneOf": [{"required": ["run"]}, {"required": ["agent"]}]}),
    (TRACK, _with_tasks("tasks")),
    (PHASE, _with_tasks("tasks", "tracks", "gates")),
    (OPTION, {"required": ["id", "then"]}),
    (SKIP, {"required": ["skip"]}),
    (CRITIC, {"dependentRequired": {"shell": ["run"]}}),
)


def json_schema(kinds: Mapping[str, Kind], critic_kinds: Mapping[str, Kind]) -> Json:
    """The schema of a whole plan, with the options of these kinds."""
    return _Export(kinds, critic_kinds).whole()


class _Export:
    """One schema while it is made: every table is a definition, and is referred to."""

    def __init__(self, kinds: Mapping[str, Kind], critic_kinds: Mapping[str, Kind]) -> None:
        self.kinds = kinds
        self.critic_kinds = critic_kinds
        self.definitions: Json = {}

    def whole(self) -> Json:
        plan = self._table(PLAN)
        parts = [{"required": [part]} for part in ("tasks", "tracks", "phases")]
        return {
            "$schema": DRAFT,
            "title": f"A plan for orchharness, language version {LANGUAGE_VERSION}",
            **plan,
            "required": ["orchharness"],
            "anyOf": parts,
            "dependentSchemas": {
                "phases": {"properties": dict.fromkeys(("tasks", "tracks", "gates"), False)},
                "execution": {"properties": dict.fromkeys(("phases", "tracks"), False)},
            },
            "$defs": dict(sorted(self.definitions.items())),
        }

    def shape(self, shape: Shape) -> Json:
        """The schema of one value."""
        match shape:
            case Table():
                return self._reference(shape)
            case Named():
                return self._named(shape)
            case Either():
                return {"anyOf": [{"type": "boolean"}, self._attached(shape.table)]}
            case Raw():
                return self._form(shape.form)
            case Choice():
                return {"enum": list(shape.options)}
            case Count():
                return {"type": "integer", "minimum": shape.least, "maximum": shape.most}
            case Words(options=options) if options:
                return {
                    "anyOf": [{"type": "array", "items": {"enum": list(options)}}, {"enum": list(options)}]
                }
            case _:
                return dict(_PLAIN.get(type(shape), {}))

    def _form(self, form: str) -> Json:
        if form in FORMS:
            return dict(FORMS[form])
        if form in _TABLES:
            plain, table = _TABLES[form]
            return {"anyOf": [plain, self._reference(table)]}
        if form in _LISTS:
            plain, table = _LISTS[form]
            listed = {"type": "array", "items": plain, "minItems": 1}
            return {"anyOf": [plain, listed, self._reference(table)]}
        return self._special(form)

    def _special(self, form: str) -> Json:
        """Forms that no other one is like."""
        match form:
            case "refine":
                one = {"anyOf": [{"enum": [*Refine, *Session]}, self._reference(MENDER)]}
                return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 2}]}
            case "checks" | "options":
                return {"type": "array", "items": self._reference(CHECK if form == "checks" else OPTION)}
            case "lanes":
                lane = self._reference(LANE)
                protocol = {"orchestrator_protocol": True}
                return {
                    "type": "object",
                    "properties": protocol,
                    "patternProperties": IGNORED,
                    "additionalProperties": lane,
                }
            case "agent":
                return self._by_kind("agent", self.kinds)
            case "critic":
                return self._by_kind("critic", self.critic_kinds)
            case _:
                return {}

    def _named(self, shape: Named) -> Json:
        pattern = ID_PATTERN if shape.ids else NAMES.get(shape.entry, ID_PATTERN)
        entry = self.shape(shape.shape)
        if shape.entry == "gate":
            asks = {"required": ["kind", "needs"]}  # a gate that asks a person may be about nothing
            entry = {"allOf": [entry, {"anyOf": [{"required": ["of"]}, asks]}]}
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^x-|{pattern}"},
            "patternProperties": IGNORED,
            "additionalProperties": entry,
        }

    def _attached(self, table: Table) -> Json:
        """A gate that hangs on something: that is what it judges."""
        return {
            "allOf": [
                self._reference(table),
                {"properties": dict.fromkeys(("of", "needs", "aggregate"), False)},
            ]
        }

    def _reference(self, table: Table) -> Json:
        name = table.what.removeprefix("a ").removeprefix("an ").replace(" ", "-").replace("'", "")
        if name not in self.definitions:
            self.definitions[name] = {}  # a table that holds itself would never end
            self.definitions[name] = self._table(table)
        return {"$ref": f"#/$defs/{name}"}

    def _table(self, table: Table) -> Json:
        keys = {**table.keys, **ANYWHERE}
        found: Json = {
            "type": "object",
            "properties": {name: self._described(table, name, keys[name]) for name in keys},
            "patternProperties": IGNORED,
            "additionalProperties": False,
        }
        if table is TASK:
            found |= {
                "oneOf": [{"required": [who]} for who in ("run", "agent", "ask")],
                "dependentRequired": {"shell": ["run"]},
                "dependentSchemas": {
                    "ask": {
                        "properties": dict.fromkeys((*sorted(NOT_ASKING - {"run", "agent"}), "gate"), False)
                    }
                },
            }
        for other, rule in _RULES:
            if other is table:
                found |= rule
        return found

    def _described(self, table: Table, name: str, shape: Shape) -> Json:
        about = meaning(table.what, name)
        usual = default(table.what, name)
        found = {**({"description": about} if about else {}), **self.shape(shape)}
        return found if usual is None else {**found, "default": usual}

    def _by_kind(self, role: str, kinds: Mapping[str, Kind]) -> Json:
        """What may be written depends on the kind: `command` has the language's own keys, others their options."""
        own = AGENT if role == "agent" else CRITIC
        names = sorted({"command", *(["agent"] if role == "critic" else []), *kinds})
        plain = {"properties": {"kind": {"enum": [n for n in ("command", "agent") if n in names]}}}
        branches = []
        for name, kind in sorted(kinds.items()):
            if name in plain["properties"]["kind"]["enum"]:
                continue
            is_kind = {"properties": {"kind": {"const": name}}, "required": ["kind"]}
            kept = COMMAND_KEYS if role == "agent" else (*own.keys,)
            language = {key: self._described(own, key, own.keys[key]) for key in kept}
            language |= {key: self._described(own, key, ANYWHERE[key]) for key in ANYWHERE}
            options = options_schema(kind, role, language, self.definitions)
            branches.append({"if": is_kind, "then": options})
        who = [{"required": ["run"]}, *([{"required": ["agent", "prompt"]}] if role == "critic" else [])]
        command = {**self._reference(own), "oneOf": who}
        return {
            "type": "object",
            "properties": {
                "kind": {"enum": names, "description": f"which plugin runs it: {', '.join(names)}"}
            },
            "anyOf": [{"required": ["kind"]}, *who],
            "allOf": [{"if": {**plain}, "then": command}, *branches],
        }


_PLAIN: Final[Mapping[type, Json]] = {
    Text: TEXT,
    Identifier: {"type": "string", "pattern": ID_PATTERN},
    Boolean: {"type": "boolean"},
    Money: {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
    Duration: {"type": "string", "pattern": PATTERN},
    Estimate: {"type": "string", "pattern": RANGE_PATTERN},
    Words: {"anyOf": [{"type": "array", "items": WORD}, WORD]},
    Counters: {
        "type": "object",
        "propertyNames": {"pattern": ID_PATTERN},
        "additionalProperties": {"type": "integer", "minimum": 1},
    },
}
