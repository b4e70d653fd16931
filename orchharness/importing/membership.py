"""Who is in which group, when members are named in one place and described in another; and every id once."""

from __future__ import annotations

from typing import Final

from orchharness.importing.draft import Draft, Group, Ref, Task, Thing
from orchharness.importing.notes import About, Notes, shown
from orchharness.importing.registry import Registry, chain_of, in_words, plain, things_of
from orchharness.importing.words import CONTAINERS

_CALLED_BY_ID: Final = frozenset({"task with subtasks", "enabler", "feature", "epic", "story"})


def settle_members(draft: Draft, registry: Registry, notes: Notes) -> None:
    """Put everything where it is said to be; drop groups without anything."""
    _adopt_homes(draft, registry, notes)
    for group in [t for t in things_of(draft) if isinstance(t, Group)]:
        described = bool(group.groups or group.tasks)
        for ref in group.members:
            _adopt(group, ref, registry, notes, described=described)
    _drop_empty(draft.root, notes)
    _check_twice(draft, notes)
    _check_groups(draft, notes)


def _check_groups(draft: Draft, notes: Notes) -> None:
    """The same for groups that are called by ids, not by numbers."""
    seen: dict[str, Group] = {}
    for group in [t for t in things_of(draft) if isinstance(t, Group) and t.kind in _CALLED_BY_ID]:
        first = seen.setdefault(group.name.lower(), group)
        if first is not group:
            notes.contradict(f"{group.kind} {shown(group.name)} is described twice", first.place, group.place)


def _adopt_homes(draft: Draft, registry: Registry, notes: Notes) -> None:
    """`phase: 2` on a task that stands outside of all groups; what it says elsewhere has to be so already."""
    for thing in [t for t in things_of(draft) if isinstance(t, Task | Group) and t.home]:
        free = thing.parent is draft.root
        for ref in thing.home:
            found = _homes(thing, ref, registry)
            if free and len(found) == 1 and thing not in chain_of(found[0]):
                _move(thing, found[0])
                free = False
            elif plain(ref.word.text) != plain(thing.name) and not any(g in chain_of(thing) for g in found):
                notes.left(
                    f"{in_words(thing)} says it is in {shown(ref.word.text)}: it stands elsewhere", ref.word
                )


def _homes(thing: Thing, ref: Ref, registry: Registry) -> list[Group]:
    found = [t for t in registry.find(ref, thing, points=False) if isinstance(t, Group) and t is not thing]
    if not found and ref.word.text.isdecimal():
        found = [t for _, t in registry.names.get(f"phase-{ref.word.text}", []) if isinstance(t, Group)]
    return found


def _adopt(group: Group, ref: Ref, registry: Registry, notes: Notes, *, described: bool) -> None:
    found = [
        t for t in registry.find(ref, group, points=False) if isinstance(t, Task | Group) and t is not group
    ]
    thing = found[0] if found else None
    if thing is None:
        if described:
            notes.left(f"member {shown(ref.word.text)}: nothing of that name is described", ref.word)
            return
        task = Task(name=ref.word.text, place=ref.word, parent=group, from_words=True, kind="task")
        group.tasks.append(task)
        registry.add(task)
    elif group in chain_of(thing):
        return
    elif thing in chain_of(group):
        notes.left(f"member {shown(ref.word.text)}: the group is part of it", ref.word)
    elif _is_free(thing):
        _move(thing, group)
    else:
        home = thing.parent
        assert home is not None
        notes.contradict(
            f"{in_words(thing)} is in {in_words(home)} and in {in_words(group)}", thing.place, ref.word
        )


def _is_free(thing: Task | Group) -> bool:
    """Whether it only stands in a list of all, in no group of its own."""
    parent = thing.parent
    return parent is None or not parent.name or (parent.name in CONTAINERS and not parent.ordered)


def _move(thing: Thing, group: Group) -> None:
    old = thing.parent
    if isinstance(thing, Task):
        if old is not None:
            old.tasks = [t for t in old.tasks if t is not thing]
        group.tasks.append(thing)
    elif isinstance(thing, Group):
        if old is not None:
            old.groups = [g for g in old.groups if g is not thing]
        group.groups.append(thing)
    thing.parent = group


def _drop_empty(group: Group, notes: Notes) -> None:
    for child in group.groups:
        _drop_empty(child, notes)
    empty = [child for child in group.groups if not child.tasks and not child.groups]
    for child in empty:
        if child.name not in CONTAINERS:
            notes.left(f"{in_words(child)}: no task is in it", child.place)
    group.groups = [child for child in group.groups if child not in empty]


def _check_twice(draft: Draft, notes: Notes) -> None:
    """An id that two descriptions share is a contradiction; names of agents that nobody waits for are told apart."""
    asked = {plain(ref.word.text) for t in things_of(draft) for ref in (*t.refs, *t.blocks)}
    asked |= {plain(ref.word.text) for cross in draft.crosses for ref in (*cross.source, *cross.target)}
    seen: dict[str, Task] = {}
    for task in draft.root.all_tasks():
        first = seen.setdefault(task.name.lower(), task)
        if first is task:
            continue
        if task.kind == "agent" and first.parent is not task.parent and plain(task.name) not in asked:
            notes.add(
                About.RENAMED,
                f"{shown(task.name)} is there several times: told apart by the group",
                task.place,
            )
        elif task.local or first.local:
            continue  # told apart by their groups
        else:
            same = "with the same text" if _said(first) == _said(task) else "with different content"
            notes.contradict(f"task {shown(task.name)} is described twice, {same}", first.place, task.place)


def _said(task: Task) -> tuple[object, ...]:
    return task.title, tuple(task.said), task.agent, tuple(task.outputs)
