"""The graph of a draft: what comes before what, cycles in words, and which needs are said by others already.

Every group has a beginning, an end of its work, and an end with its gates; so edges between groups cost one edge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from orchharness.importing.draft import Any, Draft, Gate, Group, Point
from orchharness.importing.notes import Notes
from orchharness.importing.registry import in_words, things_of
from orchharness.planfile.nodes import Node

BEGIN: Final = "begin"
DONE: Final = "done"
END: Final = "end"
MAX_CYCLES: Final = 10
_Key = tuple[int, str]


class Ordering:
    """The graph."""

    def __init__(self, draft: Draft) -> None:
        self.things: dict[int, Any] = {id(thing): thing for thing in things_of(draft)}
        self.before: dict[_Key, dict[_Key, Node | None]] = {}
        for thing in self.things.values():
            self._add(thing)
        for first, then in _follows(draft):
            self.edge((id(then), BEGIN), (id(first), END))
        for point in draft.points:
            self._add_members(point)
        for cross in draft.crosses:
            if cross.ends is not None:
                for target in cross.ends[1]:
                    self.edge((id(target), BEGIN), (id(cross.ends[0]), END), cross.place)
        self.order: list[_Key] = []
        self.above: dict[_Key, int] = {}
        self.bit: dict[_Key, int] = {}

    def edge(self, then: _Key, first: _Key, place: Node | None = None) -> None:
        """`then` comes after `first`."""
        known = self.before.setdefault(then, {})
        if known.get(first) is None:
            known[first] = place
        self.before.setdefault(first, {})

    def _add(self, thing: Any) -> None:
        begin, done, end = ((id(thing), part) for part in (BEGIN, DONE, END))
        self.edge(done, begin)
        self.edge(end, done)
        for wait in thing.waits.values():
            self.edge(begin, (id(wait.target), END), wait.place)
        if isinstance(thing, Gate):
            self._add_gate(thing)
            return
        if isinstance(thing, Group):
            for child in (*thing.groups, *thing.tasks):
                self.edge((id(child), BEGIN), begin)
                self.edge(done, (id(child), END))
            if thing.sequence:
                for first, then in zip(thing.tasks, thing.tasks[1:], strict=False):
                    self.edge((id(then), BEGIN), (id(first), END))
        if not isinstance(thing, Point):
            for gate in thing.gates:
                self.edge((id(gate), BEGIN), done)
                self.edge(end, (id(gate), END))

    def _add_gate(self, gate: Gate) -> None:
        for judged in (*gate.judged, *gate.mean_of):
            self.edge((id(gate), BEGIN), (id(judged), END))

    def _add_members(self, point: Point) -> None:
        for member in point.resolved:
            self.edge((id(member), BEGIN), (id(point), BEGIN), point.place)
            self.edge((id(point), DONE), (id(member), END))
        if point.sequence:
            for first, then in zip(point.resolved, point.resolved[1:], strict=False):
                if first is not then:
                    self.edge((id(then), BEGIN), (id(first), END), point.place)

    def settle(self) -> bool:
        """Whether there are no cycles; then the order and what is above each are known."""
        counts = {key: len(known) for key, known in self.before.items()}
        after: dict[_Key, list[_Key]] = {}
        for key, known in self.before.items():
            for first in known:
                after.setdefault(first, []).append(key)
        ready = [key for key, number in counts.items() if not number]
        self.order = []
        for key in ready:
            self.order.append(key)
            for then in after.get(key, ()):
                counts[then] -= 1
                if not counts[then]:
                    ready.append(then)
        if len(self.order) < len(self.before):
            return False
        self.bit = {key: 1 << place for place, key in enumerate(self.order)}
        self.above = {}
        for key in self.order:
            bits = 0
            for first in self.before[key]:
                bits |= self.above[first] | self.bit[first]
            self.above[key] = bits
        return True

    def is_before(self, first: _Key, then: _Key) -> bool:
        """Whether `then` waits for `first`, by any way. After `settle`."""
        return bool(self.above[then] & self.bit[first])

    def above_all(self, keys: list[tuple[int, str]]) -> int:
        """The bits of all that any of these waits for. After `settle`."""
        bits = 0
        for key in keys:
            bits |= self.above[key]
        return bits

    def tell_cycles(self, notes: Notes) -> None:
        """Note the cycles that there are."""
        left = set(self.before) - set(self.order)
        for _ in range(MAX_CYCLES):
            cycle = self._cycle(left)
            if not cycle:
                return
            left -= set(cycle)
            places = [
                self.before[then].get(first)
                for first, then in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
            ]
            names: list[str] = []
            for key in cycle:
                said = in_words(self.things[key[0]])
                if not self.things[key[0]].name or said in names:
                    continue
                names.append(said)
            way = " → ".join([*names, names[0]]) if names else "groups"
            notes.contradict(f"cycle: {way} (each waits for the one before it)", *places)

    def _cycle(self, left: set[_Key]) -> list[_Key]:
        """One cycle among these, in order; nothing when there is none."""
        while True:  # what nothing among them waits for is in no cycle
            waited = {first for key in left for first in self.before[key] if first in left}
            kept = {key for key in left if key in waited and any(first in left for first in self.before[key])}
            if kept == left:
                break
            left = kept
        if not left:
            return []
        path, seen = [next(key for key in self.before if key in left)], dict[_Key, int]()
        while path[-1] not in seen:
            seen[path[-1]] = len(path) - 1
            path.append(next(first for first in self.before[path[-1]] if first in left))
        return path[seen[path[-1]] : -1][::-1]


def _follows(draft: Draft) -> Iterator[tuple[Group, Group]]:
    """Groups that follow one another: those of ordered ones, unless they say themselves what they wait for; phases."""
    pending = [draft.root]
    while pending:
        group = pending.pop()
        pending += group.groups
        if group.ordered:
            for first, then in zip(group.groups, group.groups[1:], strict=False):
                if not then.waits:
                    yield first, then
    phases = draft.phases or []
    yield from itertools.pairwise(phases)
