"""What the state in a file says against itself. A plan holds none of it; so these are told, and stop nothing."""

from __future__ import annotations

import re
from typing import Final

from orchharness.importing import values
from orchharness.importing.draft import Draft, Gate, Group, Point, Task
from orchharness.importing.notes import About, Notes, shown
from orchharness.importing.registry import in_words, things_of
from orchharness.importing.words import FINISHED, NOT_MEANT
from orchharness.planfile.nodes import Node, Scalar

_BEGINS: Final = ("started_at", "startedAt", "start_time", "started", "created_at", "createdAt")
_ENDS: Final = (
    "completed_at",
    "completedAt",
    "ended_at",
    "finished_at",
    "end_time",
    "completed",
    "updated_at",
    "updatedAt",
)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?:Z|\+00:?00)?)?")


def check_state(tree: Node, draft: Draft, notes: Notes) -> None:
    """Note the contradictions, and how much of the work is said to be done or dropped already."""
    _check_times(tree, notes)
    for thing in things_of(draft):
        if isinstance(thing, Gate):
            _check_gate(thing, notes)
        elif is_finished(thing.status):
            members = (
                thing.resolved
                if isinstance(thing, Point)
                else thing.all_tasks()
                if isinstance(thing, Group)
                else []
            )
            for open_ in [
                m for m in members if m.status and not is_finished(m.status) and not _is_dropped(m.status)
            ]:
                said = f"{in_words(thing)} is {shown(thing.status)}, but {in_words(open_)} in it is {shown(open_.status)}"
                notes.add(About.STATE, said, thing.place, open_.place)
        if isinstance(thing, Task) and is_finished(thing.status):
            _check_before(thing, notes)
    _count(draft, notes)


def is_finished(status: str) -> bool:
    """Whether the word says that it is done."""
    return re.sub(r"[^a-z].*", "", status) in FINISHED


def _is_dropped(status: str) -> bool:
    return re.sub(r"[^a-z].*", "", status) in NOT_MEANT


def _check_gate(gate: Gate, notes: Notes) -> None:
    if (
        gate.score is not None
        and gate.threshold is not None
        and gate.score < gate.threshold
        and is_finished(gate.status)
    ):
        said = (
            f"gate {shown(gate.name)} is {shown(gate.status)} with {gate.score}, below its {gate.threshold}"
        )
        notes.add(About.STATE, said, gate.place)


def _check_before(task: Task, notes: Notes) -> None:
    for wait in task.waits.values():
        if isinstance(wait.target, Task) and wait.target.status and not is_finished(wait.target.status):
            said = f"{in_words(task)} is {shown(task.status)}, but waits for {in_words(wait.target)}, which is {shown(wait.target.status)}"
            notes.add(About.STATE, said, task.place)


def _check_times(tree: Node, notes: Notes) -> None:
    for node in values.mappings_in(tree):
        begins = [(key, node.value(key)) for key in _BEGINS if isinstance(node.value(key), Scalar)]
        ends = [(key, node.value(key)) for key in _ENDS if isinstance(node.value(key), Scalar)]
        for begin, one in begins[:1]:
            for end, other in ends[:1]:
                if _is_later(one, other):
                    what = shown(values.text(node.value("id")) or values.text(node.value("name")) or "it")
                    notes.add(About.STATE, f"{what}: {end} is before {begin}", one, other)


def _is_later(one: Node | None, other: Node | None) -> bool:
    first, second = (_TIME.fullmatch(n.text.strip()) if isinstance(n, Scalar) else None for n in (one, other))
    if first is None or second is None:
        return False
    if first.group(2) is None or second.group(2) is None:
        return first.group(1) > second.group(1)
    return first.groups() > second.groups()


def _count(draft: Draft, notes: Notes) -> None:
    tasks = draft.root.all_tasks()
    done = [task for task in tasks if is_finished(task.status)]
    dropped = [task for task in tasks if _is_dropped(task.status)]
    if done:
        said = f"{len(done)} of {len(tasks)} tasks are marked as done: the plan does them all the same, take out what need not be"
        notes.add(About.TODO, said, *(task.place for task in done))
    if dropped:
        said = f"{len(dropped)} of {len(tasks)} tasks are marked as dropped or put off: the plan does them all the same"
        notes.add(About.TODO, said, *(task.place for task in dropped))
