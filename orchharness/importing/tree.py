"""The shape of an orchestration file: which mappings are groups, which are tasks, whatever words they stand under.

Rules that hold here:
  * A member of `phases`, `tracks`, `tasks`, … is a group when it holds such a word itself, else a task.
  * Members of `phases`, `waves`, `stages` wait for the one before them, unless they say what they wait for.
  * A word in a list of members (`agents: [a, b]`) names a task that is described elsewhere, or is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from orchharness.importing import values, words
from orchharness.importing.dialects import is_work
from orchharness.importing.draft import Group, Ref, Task, Thing
from orchharness.importing.gates import own_gates
from orchharness.importing.notes import Source, is_nothing, shown
from orchharness.importing.tasks import fill_task, fill_thing, mode_of
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

MAX_LEVELS: Final = 12
_ONLY_GROUPS: Final = frozenset({"pipeline", "track", "lane", "stream", "workstream", "team", "cluster", "parallel_track"})
_TELLING: Final = frozenset({*words.DEPENDENCIES, *words.OUTPUTS, *words.PROMPTS, "agent", "worker", "task"})
_SAID: Final = frozenset({"reviewers", "critics", "evaluators", "inputs", "outputs", "artifacts", "user_options"})
_NUMBERED: Final = re.compile(r"(phase|track|wave|stage|pipeline)[_-]?[0-9a-z]{1,3}", re.IGNORECASE)
_ID: Final = re.compile(r"[\w.:/-]{1,80}")


class Member(NamedTuple):
    """One of a collection: what it is called, where, and what it says."""

    name: str
    place: Node
    body: Node
    key: str | None


def walk(source: Source, group: Group, body: Mapping, level: int = 0) -> None:
    """Read all that the mapping holds into the group."""
    if level > MAX_LEVELS:
        source.notes.left("groups in groups, deeper than can be read", body)
        return
    for name, (key, value) in list(body.entries.items()):
        if is_nothing(value):
            continue
        if name in words.ORDERED:
            if _collection(source, value):
                source.key(body, name)
                _read_ordered(source, group, body, key, value, level)
        elif level == 0 and name == "agents" and _is_roster(body, value):
            continue
        elif name in words.GROUPS or name in words.TASKS:
            if _collection(source, value):
                source.key(body, name)
                _read_members(source, group, name, value, level)
            elif isinstance(value, Sequence) and _are_ids(value):
                source.key(body, name)
                group.members += [Ref(word) for word in values.words(value)]
        elif isinstance(value, Mapping) and _is_single(name, value, level):
            source.key(body, name)
            _read_one(source, group, Member(_name_of(source, value, name), key, value, name), _kind_of(name), level)
        elif not words.is_record(name) and name not in _ELSEWHERE and _is_unnamed_work(value, level):
            source.key(body, name)
            if level == 0:
                _read_members(source, group, name, value, level)
            else:
                inner = Group(name=name, place=key, kind="group", parent=group, sequence="seri" in name or "sequen" in name)
                group.groups.append(inner)
                _read_members(source, inner, name, value, level)


def _is_roster(body: Mapping, value: Node) -> bool:
    """Whether the agents are those who work, not their work: nothing of it waits, makes something or has a state."""
    if not any(name in body.entries for name in words.CONTAINERS if name != "agents"):
        return False
    telling = {*words.DEPENDENCIES, *words.OUTPUTS, *words.CONTAINERS, "status", "phase", "track", "prompt", "task"}
    members = value.items if isinstance(value, Sequence) else []
    if isinstance(value, Mapping):
        members = [inner for _, inner in value.entries.values()]
    return not any(isinstance(member, Mapping) and telling & member.entries.keys() for member in members)


_ELSEWHERE: Final = {
    *words.GATES, *words.OWN_GATES, *words.BARRIERS, *words.CROSS, *words.WRAPPERS,
    "execution_queue", "execution", "critics", "next_actions",
}  # fmt: skip


def has_work(body: Node) -> bool:
    """Whether the mapping holds groups or tasks of its own, or names of some."""
    if not isinstance(body, Mapping):
        return False
    for name, (_, value) in body.entries.items():
        if name in words.CONTAINERS and _has_members(name, value):
            return True
        if name in _ELSEWHERE or words.is_record(name):
            continue
        if isinstance(value, Mapping) and _holds_mappings(value):
            return True
        if isinstance(value, Sequence) and name not in words.LISTS and name not in _SAID and is_work(value):
            return True
    return False


def _is_unnamed_work(value: Node, level: int) -> bool:
    """Work under a word that is not known: at the top in any collection, further down in lists of mappings."""
    return is_work(value) and (level == 0 or isinstance(value, Sequence))


def _has_members(name: str, value: Node) -> bool:
    if isinstance(value, Sequence):
        return any(isinstance(item, Mapping | Sequence) for item in value.items) or _are_ids(value)
    if not isinstance(value, Mapping):
        return False
    if name in words.SINGLE_GROUPS or name in words.SINGLE_TASKS:
        return True
    return any(isinstance(inner, Mapping | Sequence) for _, inner in value.entries.values())


def _holds_mappings(body: Mapping) -> bool:
    """Whether a mapping under an unknown word holds described tasks: `task_2_cycle: {agents: [{id: …}]}`."""
    for name in (*words.ORDERED, *words.GROUPS, *words.TASKS):
        value = body.value(name)
        if isinstance(value, Sequence) and any(
            isinstance(item, Mapping) and "id" in item.entries for item in value.items
        ):
            return True
    return False


def _is_single(name: str, value: Mapping, level: int) -> bool:
    if name in words.SINGLE_GROUPS or name in words.SINGLE_TASKS:
        return True
    if name in _ELSEWHERE or words.is_record(name):
        return False
    if _NUMBERED.fullmatch(name):
        return has_work(value) or "agent" in value.entries
    if level == 0 and {"agent", "id"} <= value.entries.keys():
        return True
    return _holds_mappings(value) and name not in words.GROUPS


def _collection(source: Source, value: Node) -> bool:
    """Whether it is one of mappings (or, in a mapping, of lists or titles), not of plain words."""
    if isinstance(value, Sequence):
        return any(isinstance(item, Mapping) for item in value.items)
    if not isinstance(value, Mapping):
        return False
    inner = [node for _, node in value.entries.values()]
    titles = all(isinstance(node, Scalar) and len(node.text.split()) > 1 for node in inner)
    return titles or any(isinstance(node, Mapping) or _are_ids(node) for node in inner)


def _are_ids(node: Node) -> bool:
    """A list of words that can be ids, not of sentences or paths."""
    if not isinstance(node, Sequence) or not node.items:
        return False
    return all(isinstance(i, Scalar) and _ID.fullmatch(i.text) and not i.text.endswith((".md", "/")) for i in node.items)


def members_of(source: Source, value: Node) -> Iterator[Member]:
    """The members of a collection."""
    if isinstance(value, Sequence):
        for place, item in enumerate(value.items, 1):
            if isinstance(item, Mapping):
                yield Member(_name_of(source, item, str(place)), item, item, None)
            elif isinstance(item, Scalar) and not is_nothing(item):
                yield Member(item.text, item, item, None)
            else:
                source.notes.left("a list among the members", item)
        return
    assert isinstance(value, Mapping)
    for name, (_, body) in value.entries.items():
        if isinstance(body, Mapping) or _are_ids(body) or _is_title(body):
            yield Member(_name_of(source, body, name), source.key(value, name), body, name)


def _is_title(body: Node) -> bool:
    return isinstance(body, Scalar) and len(body.text.split()) > 1


def _name_of(source: Source, body: Node, otherwise: str) -> str:
    for name in words.IDS:
        found = values.text(body.value(name)) if isinstance(body, Mapping) else None
        if found and (name not in {"agent", "title", "name"} or not otherwise[:1].isalpha()):
            if name not in {"agent", "title", "name"}:
                source.value(body, name)
            if len(found) <= 80 and (name != "title" or not otherwise.isdecimal()):
                return found
    return otherwise


def _read_ordered(source: Source, group: Group, body: Mapping, key: Scalar, value: Node, level: int) -> None:
    name = key.text
    inner = Group(name=name, place=key, kind=name, parent=group, ordered=True)
    found = list(members_of(source, value))
    alone = level > 0 and sum(1 for word in words.CONTAINERS if _has_members(word, body.value(word) or key)) == 1
    if alone and not any(has_work(member.body) for member in found):
        group.sequence = True  # its tasks are the group's own
        for member in found:
            _read_one(source, group, member, _singular(name), level)
        return
    if any(has_work(member.body) for member in found):
        for member in found:
            _read_one(source, inner, member, _singular(name), level, alone=True)
    else:
        inner.sequence = True
        for member in found:
            _read_one(source, inner, member, _singular(name), level)
    group.groups.append(inner)


def _read_members(source: Source, group: Group, name: str, value: Node, level: int) -> None:
    for member in members_of(source, value):
        _read_one(source, group, member, _singular(name), level)


def _read_one(source: Source, group: Group, member: Member, kind: str, level: int, *, alone: bool = False) -> None:
    """Read a member; `alone`: a task gets a group to itself, since its neighbours are groups."""
    body = member.body
    if _are_ids(body) or (isinstance(body, Mapping) and has_work(body)):
        inner = Group(name=member.name, place=member.place, kind=kind, parent=group)
        group.groups.append(inner)
        _alias(inner, member)
        if isinstance(body, Mapping):
            _fill_group(source, inner, body)
            walk(source, inner, body, level + 1)
        else:
            inner.members += [Ref(word) for word in values.words(body)]
        inner.first = level == 0 and kind == "phase" and group.parent is None
        return
    if alone:
        outer = Group(name=member.name, place=member.place, kind=kind, parent=group)
        _alias(outer, member)
        group.groups.append(outer)
        group = outer
    if kind in _ONLY_GROUPS and isinstance(body, Mapping) and not _TELLING & body.entries.keys():
        source.notes.left(f"{kind} {shown(member.name)}: no task is in it", member.place)
        source.told(body)
        return
    task = Task(name=f"{member.name}-work" if alone else member.name, place=member.place, parent=group)
    task.from_words, task.kind = isinstance(body, Scalar), kind
    task.local = isinstance(body, Mapping) and not _has_id(body)
    _alias(task, member)
    group.tasks.append(task)
    if isinstance(body, Mapping):
        fill_task(source, task, body)
    elif member.key is not None:
        task.title = values.line(body)
    if alone:
        group.refs, task.refs = task.refs, []
        group.gates, task.gates = task.gates, []
        group.aliases, task.aliases = task.aliases, []


def _has_id(body: Mapping) -> bool:
    return any(isinstance(body.value(key), Scalar) for key in ("id", "key", "card"))


def _fill_group(source: Source, group: Group, body: Mapping) -> None:
    fill_thing(source, group, body)
    said = values.text(source.value(body, *words.REASONS)) or values.text(source.value(body, "description", "question"))
    group.rationale = said
    mode = mode_of(source, body)
    group.sequence = mode == "sequence"
    if mode in {"foreground", "background"}:
        group.mode = mode
    group.gates += own_gates(source, group, body)


def _alias(thing: Thing, member: Member) -> None:
    body = member.body
    names = [member.key] if member.key else []
    if isinstance(body, Mapping):
        names += [values.text(body.value(k)) for k in ("id", "path_id", "short_alias", "task_ref", "task_id", "slug")]
    thing.aliases += [name for name in names if name and name != thing.name]


def _kind_of(name: str) -> str:
    match = _NUMBERED.fullmatch(name)
    return match.group(1).lower() if match else name


def _singular(name: str) -> str:
    return {"stories": "story", "work_items": "item", "workItems": "item"}.get(name, name.removesuffix("s"))
