"""Which tasks may write which files: an index over all `writes`, and the check that none are written at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from orchharness.core.plan import Mode, Must, OutputKind, Task, Workspace
from orchharness.planfile.graph import Graph
from orchharness.planfile.outputs import RUN
from orchharness.planfile.paths import WILD, is_glob, literal_prefix, may_meet

MAX_PAIRS: Final = 500_000
_Claim = tuple[Task, str]


class WriteIndex:
    """Patterns with the tasks that may write them, found by the folders they begin with.

    What a task writes in a workspace of its own is left out, unless it is asked for `everywhere`.
    """

    def __init__(self, tasks: Iterable[Task], *, everywhere: bool = False) -> None:
        self.patterns: dict[str, list[Task]] = {}
        self._at: dict[str, _Folder] = {}
        self._below: dict[str, list[str]] = {}
        for task in tasks:
            for pattern in _claims(task, everywhere=everywhere):
                self._add(pattern, task)

    def writers(self, pattern: str) -> Iterator[_Claim]:
        """The tasks that may write what the pattern means, each with its own pattern."""
        prefix = literal_prefix(pattern)
        above = (self._at[folder].all() for folder in _folders(prefix) if folder in self._at)
        for other in [*chain.from_iterable(above), *self._below.get(prefix, ())]:
            if may_meet(pattern, other):
                for task in self.patterns[other]:
                    yield task, other

    def meeting_pairs(self) -> Iterator[tuple[str, str]]:
        """Each two different patterns that may mean the same file, once."""
        for pattern in self.patterns:
            prefix = literal_prefix(pattern)
            above = [
                other
                for folder in _folders(prefix)
                if folder in self._at
                for other in self._at[folder].near(pattern, folder)
            ]
            same = (
                other for other in self._at[prefix].near(pattern, prefix) if _is_first(other, pattern, prefix)
            )
            for other in chain(above, same):
                if may_meet(pattern, other):
                    yield other, pattern

    def _add(self, pattern: str, task: Task) -> None:
        known = self.patterns.setdefault(pattern, [])
        known.append(task)
        if len(known) > 1:
            return
        prefix = literal_prefix(pattern)
        self._at.setdefault(prefix, _Folder()).add(pattern, prefix)
        for folder in (*_folders(prefix), prefix):
            self._below.setdefault(folder, []).append(pattern)


class _Folder:
    """Patterns whose wildcards begin in one folder, by the letters before the first wildcard, and by the file's name.

    Two patterns can mean one file only where the one's letters begin the other's, and where their names, if both have
    one without wildcards, are the same. So most of the others need no look.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[str]]] = {}

    def add(self, pattern: str, folder: str) -> None:
        named = self._found.setdefault(_head(pattern, folder), {})
        named.setdefault(_name(pattern), []).append(pattern)

    def all(self) -> Iterator[str]:
        """All patterns here."""
        return chain.from_iterable(chain.from_iterable(named.values()) for named in self._found.values())

    def near(self, pattern: str, folder: str) -> Iterator[str]:
        """The patterns with letters that begin those of `pattern` (or are the same), and with a name that fits."""
        head, name = _head(pattern, folder), _name(pattern)
        for length in range(len(head) + 1):
            named = self._found.get(head[:length])
            if named is None:
                continue
            for own in named if not name else ("", name):
                yield from named.get(own, ())


def _head(pattern: str, folder: str) -> str:
    """The letters of the part after `folder` that stand before its first wildcard."""
    rest = pattern[len(folder) :].lstrip("/")
    part = rest.partition("/")[0]
    return "" if "**" in part else WILD.split(part, maxsplit=1)[0]


def _name(pattern: str) -> str:
    """The name of the file, where it is no pattern and cannot be a folder; else nothing."""
    name = pattern.rpartition("/")[2]
    return name if is_glob(pattern) and not is_glob(name) and "." in name else ""


def _is_first(one: str, other: str, folder: str) -> bool:
    """Whether it is `one` that finds `other` of the same folder: each pair is to be found once."""
    first, second = _head(one, folder), _head(other, folder)
    return one < other if first == second else len(first) < len(second)


class Concurrency:
    """Whether two tasks can run at once."""

    def __init__(self, graph: Graph, phases: Mapping[str, int], counters: Mapping[str, int]) -> None:
        self._graph = graph
        self._phases = phases
        self._counters = counters

    def at_once(self, one: Task, other: Task) -> bool:
        """Whether nothing in the plan keeps them apart."""
        if one is other or is_apart(one) or is_apart(other) or self._kept_apart(one, other):
            return False
        return not self.ordered(one, other)

    def ordered(self, one: Task, other: Task) -> bool:
        """Whether one of them waits for the other."""
        first, second = sorted((one, other), key=lambda task: self._graph.place(task.id))
        return self.is_before(first, second)

    def is_before(self, first: Task, second: Task) -> bool:
        """Whether `second` waits for `first`."""
        if self._phases[first.phase] != self._phases[second.phase]:
            return self._phases[first.phase] < self._phases[second.phase]
        return self._graph.is_before(first.id, second.id)

    def is_behind(self, first: str, second: str) -> bool:
        """Whether the item `second` waits for the item `first`, whatever they are."""
        graph = self._graph
        return graph.place(first) < graph.place(second) and graph.is_before(first, second)

    def clashes(self, tasks: list[Task]) -> Iterator[tuple[Task, Task]]:
        """Tasks with the same pattern that can run at once: for each task, the nearest before it."""
        inside = sorted(tasks, key=lambda task: self._graph.place(task.id))
        if self._counter_of_all(inside):
            return
        exempted = False
        for place, later in enumerate(inside):
            for earlier in reversed(inside[:place]):
                if is_apart(earlier) or is_apart(later) or self._kept_apart(earlier, later):
                    exempted = True
                elif not self.ordered(earlier, later):
                    yield earlier, later
                    break
                elif not exempted:
                    break  # what comes before `earlier` is before `later`, too

    def _kept_apart(self, one: Task, other: Task) -> bool:
        if Mode.FOREGROUND in {one.mode, other.mode} or self._exclusive(one, other):
            return True
        return any(
            amount + other.resources.get(name, 0) > self._counters.get(name, 0)
            for name, amount in one.resources.items()
            if name in other.resources
        )

    @staticmethod
    def _exclusive(one: Task, other: Task) -> bool:
        if not (one.when and other.when):
            return False
        from orchharness.planfile.branches import exclusive

        return exclusive(one, other)

    def _counter_of_all(self, tasks: list[Task]) -> bool:
        names = set(tasks[0].resources).intersection(*(task.resources for task in tasks))
        return any(
            all(2 * task.resources[name] > self._counters.get(name, 0) for task in tasks) for name in names
        )


def find_clashes(index: WriteIndex, concurrency: Concurrency) -> Iterator[tuple[_Claim, _Claim]]:
    """Each two tasks that can run at once and may write the same file, with the patterns that meet."""
    seen: set[tuple[str, str]] = set()
    pairs = 0
    for pattern, tasks in index.patterns.items():
        if len(tasks) > 1:
            for one, other in concurrency.clashes(tasks):
                seen.add(_pair(one, other))
                yield (one, pattern), (other, pattern)
    for first, second in index.meeting_pairs():
        for one in index.patterns[first]:
            for other in index.patterns[second]:
                pairs += 1
                if pairs > MAX_PAIRS:
                    return
                if _pair(one, other) not in seen and concurrency.at_once(one, other):
                    seen.add(_pair(one, other))
                    yield (one, first), (other, second)


def _claims(task: Task, *, everywhere: bool) -> list[str]:
    runs = [RUN + o.path for o in task.outputs if o.kind is OutputKind.RUN and o.must is not Must.EXIST]
    return [*(task.writes if everywhere or not is_apart(task) else ()), *runs]


def is_apart(task: Task) -> bool:
    """Whether the task works in a folder of its own."""
    return task.workspace is not Workspace.SHARED


def _folders(path: str) -> list[str]:
    """The folders above a path, the workspace itself first."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts))] if path else []


def _pair(one: Task, other: Task) -> tuple[str, str]:
    return (one.id, other.id) if one.id < other.id else (other.id, one.id)
