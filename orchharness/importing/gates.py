"""Gates of orchestration files: those that hang on a task or group, and those that stand apart.

A gate says who judges, from which score it passes, and how often the work may be done again. A file that only says
`criteria: "the checklist"` gives no weights: one criterion, `quality`, stands for it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from orchharness.importing import values, words
from orchharness.importing.criteria import read_criteria
from orchharness.importing.draft import Gate, Group, Ref, Task
from orchharness.importing.notes import Source, shown
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_PERSON: Final = re.compile(r"\b(human|user|manual|person|ceo|owner|approv\w*)\b", re.IGNORECASE)
_PEOPLE: Final = (
    "requires_human",
    "human_approval",
    "approval_required",
    "requires_approval",
    "manual",
    "user_approval",
)
_SETTINGS: Final = frozenset(
    {"threshold", "status", "criteria", "reviewers", "type", "after_phase", "conditions", "name", "of"}
)
ASKS: Final = re.compile(r"user|human|person|ask|pause|escalat|manual", re.IGNORECASE)
_CRITIC: Final = re.compile(r"[A-Za-z][\w.-]{1,60}")
_NO_CRITICS: Final = frozenset(
    {
        "validation",
        "binary",
        "gate",
        "quality",
        "score",
        "human",
        "user",
        "manual",
        "approval",
        "quality_gate",
        "hard",
        "soft",
        "fan_out",
        "fan_in",
    }
)


def own_gates(source: Source, owner: Task | Group, body: Mapping) -> list[Gate]:
    """The gates that a mapping describes for itself; a gate that is only named (`gate: QG-1`) is waited for later."""
    found: list[Gate] = []
    for key in words.OWN_GATES:
        node = source.value(body, key)
        if isinstance(node, Mapping):
            found.append(read_gate(source, node, _name(source, node, f"G-{owner.name}"), node))
        elif isinstance(node, Scalar):
            found.append(_said_gate(owner, key, node))
        elif isinstance(node, Sequence):
            said = [item for item in node.items if isinstance(item, Scalar) and item.value is not None]
            found += [_said_gate(owner, key, item) for item in said]
    if not found:
        found += _from_settings(source, owner, body)
    fails = values.text(source.value(body, *words.FAILURES)) or ""
    for gate in found:
        gate.asks = gate.asks or bool(ASKS.search(fails))
        gate.owner, gate.parent = owner, owner if isinstance(owner, Group) else owner.parent
    return found


def _said_gate(owner: Task | Group, key: str, node: Scalar) -> Gate:
    """`gate: QG-1` is a name; `gate: The owner approves the draft.` is what is asked."""
    word = node.text.strip()
    if re.fullmatch(r"[\w.-]{1,64}", word):
        return Gate(name=word, place=node, rationale=f"named by {key}")
    gate = Gate(name=f"G-{owner.name}", place=node, rationale=values.cleaned(word))
    gate.person = bool(_PERSON.search(word))
    return gate


def _from_settings(source: Source, owner: Task | Group, body: Mapping) -> list[Gate]:
    threshold = values.ratio(source.value(body, *words.THRESHOLDS))
    if threshold is None:
        return []
    gate = Gate(name=f"G-{owner.name}", place=body, threshold=threshold)
    gate.iterations = values.count(source.value(body, *words.ITERATIONS))
    gate.critics = _critics(source, source.value(body, "critic", "critic_agent", "critics", "reviewer"))
    return [gate]


def read_gate(source: Source, body: Mapping, name: str, place: Node) -> Gate:
    """The gate that a mapping describes."""
    gate = Gate(name=name, place=place)
    gate.title = values.line(source.value(body, "name", "title"))
    node = source.value(body, *words.THRESHOLDS)
    gate.threshold = values.ratio(node)
    if gate.threshold is None and isinstance(node, Scalar):
        source.notes.left(f"threshold {shown(node.text)}: no number, so the usual 0.90 counts", node)
    gate.iterations = values.count(source.value(body, *words.ITERATIONS))
    if gate.iterations is None:
        gate.iterations = values.count(source.value(source.value(body, "iteration"), "max"))
    gate.asks = bool(ASKS.search(values.text(source.value(body, *words.FAILURES)) or ""))
    gate.score = values.ratio(body.value("score"))
    gate.status = (values.text(body.value("status") or body.value("result")) or "").lower()
    for key in words.CRITICS:
        gate.critics += [c for c in _critics(source, source.value(body, key)) if c not in gate.critics]
    criteria = source.value(body, *words.CRITERIA)
    gate.criteria = read_criteria(source, criteria, name)
    gate.rationale = _asked(source, body)
    asked = " ".join([gate.rationale or "", gate.title or "", values.text(body.value("type")) or ""])
    gate.person = any(
        (values.text(source.value(body, k)) or "").lower() in {"true", "yes"} for k in _PEOPLE
    ) or (not gate.critics and bool(_PERSON.search(asked)))
    for key in words.JUDGED:
        gate.of += _judged(source, body, key)
    return gate


def _asked(source: Source, body: Mapping) -> str | None:
    rows = []
    for key in (*words.CONDITIONS, "description", "approval_for", "question", "gate_check"):
        rows += [row for row in values.lines(source.value(body, key)) if row not in rows]
    return "\n".join(rows) or None


def _judged(source: Source, body: Mapping, key: str) -> list[Ref]:
    node = source.value(body, key)
    refs = []
    for word in values.words(node):
        name = f"phase-{word.text}" if "phase" in key and word.text.isdecimal() else word.text
        refs.append(Ref(Scalar(word.line, word.column, name, plain=False), loose=key == "prerequisites"))
    return refs


def _critics(source: Source, node: Node | None) -> list[str]:
    found: list[str] = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        inner = source.value(item, "agent", "id", "name") if isinstance(item, Mapping) else item
        said = values.text(inner)
        if said and _CRITIC.fullmatch(said) and said.lower() not in _NO_CRITICS and said not in found:
            found.append(said)
    return found


def read_gates(source: Source, node: Node, found: list[Gate]) -> None:
    """The gates of `quality_gates` and the like: a list, a mapping, or groups of them."""
    if isinstance(node, Sequence):
        for item in node.items:
            if isinstance(item, Mapping):
                found.append(read_gate(source, item, _name(source, item, "gate"), item))
            elif isinstance(item, Scalar) and item.value is not None:
                source.notes.left("gate that is only a text: nothing says what it judges", item)
        return
    if not isinstance(node, Mapping):
        return
    if "id" in node.entries or len(_SETTINGS & node.entries.keys()) > 1:
        found.append(read_gate(source, node, _name(source, node, "gate"), node))
        return
    for name, (key, value) in node.entries.items():
        if isinstance(value, Sequence) and any(isinstance(i, Mapping) for i in value.items):
            source.key(node, name)
            read_gates(source, value, found)
        elif isinstance(value, Mapping):
            source.key(node, name)
            gate = read_gate(source, value, _name(source, value, name), key)
            gate.final = "final" in name.lower()
            gate.aliases.append(name)
            found.append(gate)


def _name(source: Source, body: Mapping, otherwise: str) -> str:
    return values.text(source.value(body, "id")) or values.text(source.value(body, "gate")) or otherwise


def score_of(gates: list[Gate]) -> Decimal | None:
    """The threshold that most of them have."""
    found = [gate.threshold for gate in gates if gate.threshold is not None]
    return max(set(found), key=lambda value: (found.count(value), value)) if found else None
