"""Task Master's `tasks.json`: tasks with subtasks, in one list or in tags.

A task with subtasks is its subtasks: it becomes a track. A number among a subtask's dependencies is a sibling where
there is one of that number, else a task; `1.2` is subtask 2 of task 1. Every tag has numbers of its own.
"""

from __future__ import annotations

from orchharness.importing import values
from orchharness.importing.dialects import tags_of
from orchharness.importing.draft import Draft, Group, Ref, Task
from orchharness.importing.notes import About, Source, shown
from orchharness.importing.words import DEPENDENCIES
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_SAID = (("description", ""), ("details", ""), ("testStrategy", "How it is tested"))


def read_task_master(source: Source) -> Draft:
    """The draft of it."""
    tree = source.tree
    draft = Draft(root=Group(name="", place=tree))
    if isinstance(tree, Mapping):
        draft.title = values.line(source.value(source.value(tree, "meta"), "projectName", "name"))
    tags = tags_of(tree) if isinstance(tree, Mapping) and "tasks" not in tree.entries else []
    if not tags:
        _read_tasks(
            source, draft.root, source.value(tree, "tasks") if isinstance(tree, Mapping) else tree, ""
        )
        return draft
    assert isinstance(tree, Mapping)
    several = sum(1 for tag in tags if _size(tree.value(tag)) > 0) > 1
    for tag in tags:
        key = source.key(tree, tag)
        group = Group(name=tag, place=key, kind="tag", parent=draft.root) if several else draft.root
        _read_tasks(source, group, source.value(tree.value(tag), "tasks"), f"{tag}-" if several else "")
        if several and (group.tasks or group.groups):
            draft.root.groups.append(group)
    if several:
        source.notes.add(
            About.RENAMED, "every tag has task numbers of its own: they stand behind the tag's name"
        )
    return draft


def _size(tag: Node | None) -> int:
    tasks = tag.value("tasks") if isinstance(tag, Mapping) else None
    return len(tasks.items) if isinstance(tasks, Sequence) else 0


def _read_tasks(source: Source, group: Group, tasks: Node | None, prefix: str) -> None:
    for body in tasks.items if isinstance(tasks, Sequence) else []:
        if not isinstance(body, Mapping):
            source.notes.left("an entry among the tasks that is no mapping", body)
            continue
        subtasks = source.value(body, "subtasks")
        if isinstance(subtasks, Sequence):
            _read_parent(source, group, body, subtasks, prefix)
        else:
            group.tasks.append(_task(source, group, body, prefix, None))


def _read_parent(source: Source, group: Group, body: Mapping, subtasks: Sequence, prefix: str) -> None:
    number = _number(source, body)
    inner = Group(name=f"{prefix}{number}", place=body, kind="task with subtasks", parent=group)
    inner.title = values.line(source.value(body, "title", "name"))
    inner.rationale = "\n\n".join(_paragraphs(source, body)) or None
    inner.refs = _refs(source, body, prefix, None, frozenset())
    inner.status = (values.text(source.value(body, "status")) or "").lower()
    siblings = frozenset(values.text(b.value("id")) or "" for b in subtasks.items if isinstance(b, Mapping))
    for part in subtasks.items:
        if isinstance(part, Mapping):
            task = _task(source, inner, part, prefix, number, siblings)
            inner.tasks.append(task)
        else:
            source.notes.left("an entry among the subtasks that is no mapping", part)
    group.groups.append(inner)
    _tell_ignored(source, body)


def _task(
    source: Source,
    group: Group,
    body: Mapping,
    prefix: str,
    parent: str | None,
    siblings: frozenset[str] = frozenset(),
) -> Task:
    number = _number(source, body)
    own = number if parent is None or number.startswith(f"{parent}.") else f"{parent}.{number}"
    task = Task(name=f"{prefix}{own}", place=body, parent=group)
    task.title = values.line(source.value(body, "title", "name"))
    task.said = _paragraphs(source, body)
    task.refs = _refs(source, body, prefix, parent, siblings)
    task.status = (values.text(source.value(body, "status")) or "").lower()
    priority = values.text(source.value(body, "priority"))
    if priority and priority.isascii() and priority.isalpha():
        task.tags.append(f"priority-{priority.lower()}")
    task.agent = values.text(source.value(body, "assignee", "agent", "agentHint"))
    _tell_ignored(source, body)
    return task


def _tell_ignored(source: Source, body: Mapping) -> None:
    source.value(body, "parentTaskId", "parentId")  # said by where it stands


def _number(source: Source, body: Mapping) -> str:
    found = values.text(source.value(body, "id"))
    if found is None:
        source.notes.contradict("a task without an id: nothing can wait for it", body)
    return found or f"line-{body.line}"


def _paragraphs(source: Source, body: Mapping) -> list[str]:
    found = []
    for key, heading in _SAID:
        said = values.text(source.value(body, key))
        if said:
            found.append(f"{heading}:\n{said}" if heading else said)
    return found


def _refs(
    source: Source, body: Mapping, prefix: str, parent: str | None, siblings: frozenset[str]
) -> list[Ref]:
    refs = []
    for word in values.words(source.value(body, *DEPENDENCIES)):
        name = word.text
        if parent is not None and name in siblings:
            name = f"{parent}.{name}" if not name.startswith(f"{parent}.") else name
        elif parent is not None and name == parent:
            source.notes.left(f"subtask depends on its own task {shown(name)}, which it is part of", word)
            continue
        refs.append(Ref(Scalar(word.line, word.column, f"{prefix}{name}", plain=False)))
    return refs
