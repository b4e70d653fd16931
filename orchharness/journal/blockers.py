"""What a waiting item waits for, kept up to date item by item: groups are counted, never walked again."""

from __future__ import annotations

from collections.abc import Iterable

from orchharness.core.plan import Gate, Plan, Task


class Blockers:
    """The needs of the plan's items that are not over yet."""

    def __init__(self, plan: Plan) -> None:
        self._open = dict.fromkeys((*plan.tasks, *plan.gates), 1) | {
            g: len(i) for g, i in plan.groups.items()
        }
        self._groups: dict[str, list[str]] = {}
        for group, items in plan.groups.items():
            for item in items:
                self._groups.setdefault(item, []).append(group)
        both: list[Task | Gate] = [*plan.tasks.values(), *plan.gates.values()]
        self._needs = {item.id: item.needs for item in both}
        self._waiting: dict[str, list[str]] = {}
        for item, needs in self._needs.items():
            for need in needs:
                self._waiting.setdefault(need, []).append(item)

    def of(self, item: str) -> list[str]:
        """The item's needs that are not over, as the plan names them."""
        return [need for need in self._needs[item] if self._open.get(need, 0)]

    def turn(self, item: str, *, over: bool) -> Iterable[str]:
        """Notes that the item is over, or is not any more; gives the items whose blockers are others now."""
        step = -1 if over else 1
        for node in (item, *self._groups.get(item, ())):
            before = self._open[node]
            self._open[node] = before + step
            if not before or not self._open[node]:
                yield from self._waiting.get(node, ())
