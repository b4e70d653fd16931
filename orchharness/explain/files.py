"""Which tasks may write the same file, and whether two paths can mean one.

A hint, cheaper than what the plan's reader decides by: globs are compared by what stands before their first and
after their last wildcard, so it says yes too often rather than too rarely.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from orchharness.core.plan import Task, Workspace

_WILD = "*?["
_MOST_PAIRS = 50_000


def may_meet(one: str, other: str) -> bool:
    """Whether some file could be meant by both paths or globs; a folder stands for what is below it."""
    if one == other:
        return True
    heads = _head(one), _head(other)
    short, long = sorted(heads, key=len)
    if not long.startswith(short):
        return False
    plain = [path for path in (one, other) if _head(path) == path]
    if len(plain) == 2:  # noqa: PLR2004 - both: one is a folder above the other
        return long[len(short) : len(short) + 1] == "/"
    tails = sorted((_tail(one), _tail(other)), key=len)
    return tails[1].endswith(tails[0]) or any(_holds(path, heads) for path in plain)


def _holds(folder: str, heads: tuple[str, str]) -> bool:
    return any(head.startswith(f"{folder}/") for head in heads)


def shared_writes(tasks: Mapping[str, Task]) -> Iterator[tuple[str, list[str]]]:
    """Path or glob -> the tasks that may write what it means, where there are several; in plan order."""
    writers: dict[str, list[str]] = {}
    for task in tasks.values():
        for pattern in dict.fromkeys(task.writes) if task.workspace is Workspace.SHARED else ():
            writers.setdefault(pattern, []).append(task.id)
    shared = {p: dict.fromkeys(found) for p, found in writers.items()}
    for one, other in _pairs(sorted(writers)):
        if may_meet(one, other):
            wider = min(one, other, key=lambda p: len(_head(p)))
            shared[wider] |= dict.fromkeys([*writers[one], *writers[other]])
    for pattern, found in shared.items():
        if len(found) > 1:
            yield pattern, sorted(found, key=lambda t: tasks[t].order)


def _pairs(patterns: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs that can meet: what begins with the same text stands together when it is sorted."""
    pairs = 0
    for pattern in patterns:
        head = _head(pattern)
        for other in _beginning_with(patterns, head):
            if other != pattern:
                pairs += 1
                if pairs > _MOST_PAIRS:
                    return
                yield pattern, other


def _beginning_with(patterns: list[str], head: str) -> Iterable[str]:
    place = bisect_left(patterns, head)
    while place < len(patterns) and patterns[place].startswith(head):
        yield patterns[place]
        place += 1


def _head(path: str) -> str:
    """What stands before the first wildcard."""
    return path[: min((place for c in _WILD if (place := path.find(c)) >= 0), default=len(path))]


def _tail(path: str) -> str:
    """What stands after the last wildcard."""
    return path[max(path.rfind(c) for c in "*?]") + 1 :]
