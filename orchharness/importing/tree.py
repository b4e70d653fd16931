"""The shape of an orchestration file: which mappings are groups, which are tasks, whatever words they stand under.

Rules that hold here:
  * A member of `phases`, `tracks`, `tasks`, … is a group when it holds such a word itself, else a task.
  * Members of `phases`, `waves`, `stages` wait for the one before them, unless they say what they wait for.
  * A word in a list of members (`agents: [a, b]`) names a task that is described elsewhere, or is one.
"""

from __future__ import annotations

import re
from typing import Final

from orchharness.importing import values, words
from orchharness.importing.dialects import is_work
from orchharness.importing.draft import Group, Ref, Task, Thing
from orchharness.importing.gates import own_gates
from orchharness.importing.members import Member, are_ids, is_collection, members_of, name_of, singular
from orchharness.importing.notes import Source, is_nothing, shown
from orchharness.importing.tasks import fill_task, fill_thing, mode_of
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

MAX_LEVELS: Final = 12
_ONLY_GROUPS: Final = frozenset(
    {"pipeline", "track", "lane", "stream", "workstream", "team", "cluster", "parallel_track"}
)
_TELLING: Final = frozenset({*words.DEPENDENCIES, *words.OUTPUTS, *words.PROMPTS, "agent", "worker", "task"})
_SAID: Final = frozenset(
    {"reviewers", "critics", "evaluators", "inputs", "outputs", "artifacts", "user_options"}
)
_NUMBERED: Final = re.compile(r"(phase|track|wave|stage|pipeline)[_-]?[0-9a-z]{1,3}", re.IGNORECASE)


def walk(source: Source, group: Group, body: Mapping, level: int = 0) -> None:
    """Read all that the mapping holds into the group."""
    if level > MAX_LEVELS:
        source.notes.left("groups in groups, deeper than can be read", body)
        return
    for name, (key, value) in list(body.entries.items()):
        if is_nothing(value) or (level == 0 and name == "agents" and _is_roster(body, value)):
            continue
        if name in words.ORDERED:
            if is_collection(value):
                source.key(body, name)
                _read_ordered(source, group, body, key, value, level)
        elif name in words.GROUPS or name in words.TASKS:
            _walk_members(source, group, body, name, value, level)
        else:
            _walk_other(source, group, body, key, value, level)


def _walk_members(source: Source, group: Group, body: Mapping, name: str, value: Node, level: int) -> None:
    if is_collection(value):
        source.key(body, name)
        _read_members(source, group, name, value, level)
    elif isinstance(value, Sequence) and are_ids(value):
        source.key(body, name)
        group.members += [Ref(word) for word in values.words(value)]


def _walk_other(source: Source, group: Group, body: Mapping, key: Scalar, value: Node, level: int) -> None:
    name = key.text
    if isinstance(value, Mapping) and _is_single(name, value, level):
        source.key(body, name)
        member = Member(name_of(source, value, name), key, value, name)
        _read_one(source, group, member, _kind_of(name), level)
    elif not words.is_record(name) and name not in _ELSEWHERE and _is_unnamed_work(value, level):
        source.key(body, name)
        if level:
            inner = Group(name=name, place=key, kind="group", parent=group)
            inner.sequence = "seri" in name or "sequen" in name
            group.groups.append(inner)
            group = inner
        _read_members(source, group, name, value, level)


def _is_roster(body: Mapping, value: Node) -> bool:
    """Whether the agents are those who work, not their work: nothing of it waits, makes something or has a state."""
    if not any(name in body.entries for name in words.CONTAINERS if name != "agents"):
        return False
    telling = {
        *words.DEPENDENCIES,
        *words.OUTPUTS,
        *words.CONTAINERS,
        "status",
        "phase",
        "track",
        "prompt",
        "task",
    }
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
        return any(isinstance(item, Mapping | Sequence) for item in value.items) or are_ids(value)
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


def _read_ordered(source: Source, group: Group, body: Mapping, key: Scalar, value: Node, level: int) -> None:
    name = key.text
    inner = Group(name=name, place=key, kind=name, parent=group, ordered=True)
    found = list(members_of(source, value, singular(name)))
    alone = (
        level > 0 and sum(1 for word in words.CONTAINERS if _has_members(word, body.value(word) or key)) == 1
    )
    if alone and not any(has_work(member.body) for member in found):
        group.sequence = True  # its tasks are the group's own
        for member in found:
            _read_one(source, group, member, singular(name), level)
        return
    if any(has_work(member.body) for member in found):
        for member in found:
            _read_one(source, inner, member, singular(name), level, alone=True)
    else:
        inner.sequence = True
        for member in found:
            _read_one(source, inner, member, singular(name), level)
    group.groups.append(inner)


def _read_members(source: Source, group: Group, name: str, value: Node, level: int) -> None:
    for member in members_of(source, value, singular(name)):
        _read_one(source, group, member, singular(name), level)


def _read_one(
    source: Source, group: Group, member: Member, kind: str, level: int, *, alone: bool = False
) -> None:
    """Read a member; `alone`: a task gets a group to itself, since its neighbours are groups."""
    body = member.body
    if are_ids(body) or (isinstance(body, Mapping) and has_work(body)):
        _read_group(source, group, member, kind, level)
        return
    if kind in _ONLY_GROUPS and isinstance(body, Mapping) and not _TELLING & body.entries.keys():
        source.notes.left(f"{kind} {shown(member.name)}: no task is in it", member.place)
        source.told(body)
        return
    if not alone:
        _read_task(source, group, member, member.name, kind)
        return
    outer = Group(name=member.name, place=member.place, kind=kind, parent=group)
    _alias(outer, member)
    group.groups.append(outer)
    task = _read_task(source, outer, member, f"{member.name}-work", kind)
    outer.refs, task.refs = task.refs, []
    outer.blocks, task.blocks = task.blocks, []
    outer.gates, task.gates, task.aliases = task.gates, [], []
    for gate in outer.gates:
        gate.owner = outer


def _read_group(source: Source, group: Group, member: Member, kind: str, level: int) -> None:
    inner = Group(name=member.name, place=member.place, kind=kind, parent=group)
    group.groups.append(inner)
    _alias(inner, member)
    if isinstance(member.body, Mapping):
        _fill_group(source, inner, member.body)
        walk(source, inner, member.body, level + 1)
    else:
        inner.members += [Ref(word) for word in values.words(member.body)]
    inner.first = level == 0 and kind == "phase" and group.parent is None


def _read_task(source: Source, group: Group, member: Member, name: str, kind: str) -> Task:
    body = member.body
    task = Task(name=name, place=member.place, parent=group, kind=kind, from_words=isinstance(body, Scalar))
    task.local = isinstance(body, Mapping) and not _has_id(body)
    _alias(task, member)
    group.tasks.append(task)
    if isinstance(body, Mapping):
        fill_task(source, task, body)
    elif member.key is not None:
        task.title = values.line(body)
    return task


def _has_id(body: Mapping) -> bool:
    found = (values.text(body.value(key)) for key in ("id", "key", "card"))
    return any(name is not None and not name.isdecimal() for name in found)


def _fill_group(source: Source, group: Group, body: Mapping) -> None:
    fill_thing(source, group, body)
    said = values.text(source.value(body, *words.REASONS)) or values.text(
        source.value(body, "description", "question")
    )
    group.rationale = said
    mode = mode_of(source, body)
    group.sequence = group.ordered = mode == "sequence"
    if mode in {"foreground", "background"}:
        group.mode = mode
    group.gates += own_gates(source, group, body)


def _alias(thing: Thing, member: Member) -> None:
    body = member.body
    names: list[str | None] = [member.key] if member.key else []
    if isinstance(body, Mapping):
        names += [
            values.text(body.value(k))
            for k in ("id", "path_id", "short_alias", "task_ref", "task_id", "slug")
        ]
    thing.aliases += [name for name in names if name and name != thing.name]


def _kind_of(name: str) -> str:
    match = _NUMBERED.fullmatch(name)
    return match.group(1).lower() if match else name
