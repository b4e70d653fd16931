"""Which family a document is of: told by what is in it, never by the file's name."""

from __future__ import annotations

from typing import Final

from orchharness.importing.words import (
    AGENTS,
    BARRIERS,
    CONTAINERS,
    CROSS,
    DEPENDENCIES,
    GATES,
    REVERSE,
    WRAPPERS,
)
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

ORCHESTRATION: Final = "orchestration"
TASK_MASTER: Final = "task-master"
ACTIONS: Final = "github-actions"
PLAN: Final = "plan"
IN_WORDS: Final = {
    ORCHESTRATION: "an orchestration file",
    TASK_MASTER: "Task Master tasks",
    ACTIONS: "a GitHub Actions workflow",
    PLAN: "a plan of orchharness",
}
_JOB: Final = frozenset({"steps", "runs-on", "uses"})
_COMMANDS: Final = frozenset({"needs", "run", "script", "command"})
_TASK_MASTER: Final = frozenset({"subtasks", "testStrategy", "details", "dependencies", "priority"})


def dialect_of(tree: Node) -> str | None:
    """The family, or None."""
    if isinstance(tree, Sequence):
        return TASK_MASTER if _are_tasks(tree) else None
    if not isinstance(tree, Mapping):
        return None
    if "orchharness" in tree.entries and {"tasks", "tracks", "phases", "execution"} & tree.entries.keys():
        return PLAN
    if _is_actions(tree):
        return ACTIONS
    if _are_tasks(tree.value("tasks")) or tags_of(tree):
        return TASK_MASTER
    return ORCHESTRATION if _is_orchestration(tree) else None


def tags_of(tree: Mapping) -> list[str]:
    """The tags of a tagged Task Master file."""
    found = []
    for name, (_, value) in tree.entries.items():
        if isinstance(value, Mapping) and isinstance(value.value("tasks"), Sequence):
            tasks = value.value("tasks")
            assert isinstance(tasks, Sequence)
            if not tasks.items or _are_tasks(tasks):
                found.append(name)
    return found if any(_has_tasks(tree, name) for name in found) else []


def _has_tasks(tree: Mapping, name: str) -> bool:
    tag = tree.value(name)
    tasks = tag.value("tasks") if isinstance(tag, Mapping) else None
    return isinstance(tasks, Sequence) and bool(tasks.items)


def _are_tasks(node: Node | None) -> bool:
    """Whether it is a list of what Task Master writes."""
    if not isinstance(node, Sequence) or not node.items:
        return False
    tasks = [item for item in node.items if isinstance(item, Mapping)]
    known = [
        t for t in tasks if "id" in t.entries and "title" in t.entries and _TASK_MASTER & t.entries.keys()
    ]
    return len(known) * 2 > len(node.items)


def _is_actions(tree: Mapping) -> bool:
    jobs = tree.value("jobs")
    if not isinstance(jobs, Mapping) or not jobs.entries:
        return False
    bodies = [value for _, value in jobs.entries.values() if isinstance(value, Mapping)]
    if "on" in tree.entries or any(_JOB & body.entries.keys() for body in bodies):
        return bool(bodies)
    return bool(bodies) and all(_COMMANDS & body.entries.keys() for body in bodies)


def _is_orchestration(tree: Mapping) -> bool:
    words = {*CONTAINERS, *GATES, *BARRIERS, *CROSS, "execution_queue", "execution"}
    if any(isinstance(tree.value(word), Mapping | Sequence) for word in words):
        return True
    if any(
        isinstance(tree.value(word), Mapping) and _is_orchestration_part(tree.value(word), words)
        for word in WRAPPERS
    ):
        return True
    return any(is_work(value) for _, value in tree.entries.values())


def _is_orchestration_part(node: Node | None, words: set[str]) -> bool:
    return isinstance(node, Mapping) and any(
        isinstance(node.value(word), Mapping | Sequence) for word in words
    )


def is_work(node: Node | None) -> bool:
    """Whether a collection under a word of its own holds work: most of its members wait for others or have agents."""
    members = node.items if isinstance(node, Sequence) else []
    if isinstance(node, Mapping):
        members = [value for _, value in node.entries.values()]
    bodies = [member for member in members if isinstance(member, Mapping)]
    telling = {
        *DEPENDENCIES,
        *REVERSE,
        *AGENTS,
        "card",
        "agent",
        "agents",
        "tasks",
        "worker",
        "waves",
        "phases",
        "steps",
    }
    working = [
        body
        for body in bodies
        if telling & body.entries.keys()
        and any(isinstance(body.value(k), Scalar | Sequence | Mapping) for k in telling)
    ]
    return len(working) >= 1 and len(working) * 2 > len(members)
