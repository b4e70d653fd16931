"""Which items are final: decided, and nothing can change that any more. Each is reported once.

A task's own gate can send it back; so can every gate over several tasks that has iterations left. Gates that judge
a common task can make each other judge again, so what such a family of gates covers becomes final together, when
all of the family that may refine are decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from orchharness.core.plan import Gate, Plan, Then


class Finality:
    """Counts, for every item, who may still change it."""

    def __init__(self, plan: Plan, items: Iterable[str], gates: Mapping[str, Gate]) -> None:
        self._holders: dict[str, int] = dict.fromkeys(items, 0)
        self._covers: defaultdict[str, list[str]] = defaultdict(list)  # own gate or family -> items
        self._families: defaultdict[str, list[str]] = defaultdict(list)  # gate -> those that wait for it
        self._undecided: dict[str, int] = {}  # family -> how many of those are not settled
        self._settled: set[str] = set()
        self._candidates: list[str] = []  # looked at when they are taken: by then everything has followed
        for gate in gates.values():
            if gate.owner is not None:
                self._cover(gate.id, gate.owner)
        above = _above(gates.values())
        for name, family in _families(gates.values()).items():
            if any(map(_may_refine, family)):
                touched = _touched(plan, family, above)
                # Who judges again for the others may ask a person then, and is undecided meanwhile.
                asking = [i for i in touched if i in gates and gates[i].options]
                changing = dict.fromkeys([*(g.id for g in family if _may_refine(g)), *asking])
                self._undecided[name] = len(changing)
                for item in changing:
                    self._families[item].append(name)
                for item in touched:
                    self._cover(name, item)

    def _cover(self, holder: str, item: str) -> None:
        self._covers[holder].append(item)
        self._holders[item] += 1

    def settled(self, item: str) -> None:
        """The item is decided; asking again changes nothing."""
        if item in self._settled:
            return
        self._settled.add(item)
        self._release(item)
        for family in self._families.get(item, ()):
            self._undecided[family] -= 1
            if not self._undecided[family]:
                self._release(family)
        self._candidates.append(item)

    def reopened(self, item: str) -> None:
        """The item was decided and is not any more: it waits for a person now."""
        if item in self._settled:
            self._settled.discard(item)
            for family in self._families.get(item, ()):
                self._undecided[family] += 1

    def take(self) -> list[str]:
        """The items that became final since the last call, in order."""
        found: list[str] = []
        for item in self._candidates:
            if not self._holders[item] and item in self._settled:
                self._holders[item] = -1  # never again
                found.append(item)
        self._candidates.clear()
        return found

    def _release(self, holder: str) -> None:
        for item in self._covers.pop(holder, ()):
            self._holders[item] -= 1
            self._candidates.append(item)


def _may_refine(gate: Gate) -> bool:
    return gate.max_iterations > 1 or any(o.then is Then.RETRY for o in gate.options)


def _families(gates: Iterable[Gate]) -> dict[str, list[Gate]]:
    """Gates over several tasks, those that share one together, under a name no item has."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    wide = [g for g in gates if g.owner is None and g.of]
    for gate in wide:
        for task in gate.of:
            parent[root(task)] = root(gate.of[0])
    families: defaultdict[str, list[Gate]] = defaultdict(list)
    for gate in wide:
        families[f"family:{root(gate.of[0])}"].append(gate)
    return families


def _above(gates: Iterable[Gate]) -> dict[str, list[str]]:
    """Gate -> the gates that stand over it."""
    above: defaultdict[str, list[str]] = defaultdict(list)
    for gate in gates:
        for member in gate.of_gates:
            above[member].append(gate.id)
    return above


def _touched(plan: Plan, family: list[Gate], above: Mapping[str, list[str]]) -> dict[str, None]:
    """What a refinement by one of the family can change: tasks, their own gates, the family, gates over any of them."""
    found: dict[str, None] = {}
    for gate in family:
        found[gate.id] = None
        for task in gate.of:
            found[task] = None
            own = plan.tasks[task].gate
            if own is not None:
                found[own] = None
    todo = list(found)
    while todo:
        for over in above.get(todo.pop(), ()):
            if over not in found:
                found[over] = None
                todo.append(over)
    return found
