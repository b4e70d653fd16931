"""What has been decided so far, and who is free to go on because of it.

A node is *settled* when what needs it may look at it: a task when it passed or ended, a gate when it is decided, a
group when all its items are. A success can be taken back later (a wider gate had the task refined, and that went
wrong); a failure stays.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from orchharness.core import graph
from orchharness.core.plan import Plan

_LAST = 1 << 60


class Consequence(NamedTuple):
    """Items whose needs are over now, and items that relied on a success that is none any more."""

    over: list[str]
    revoked: list[str]


class Needs:
    """Counts, for every item and group, the needs that are not settled."""

    def __init__(self, plan: Plan, selected: Collection[str]) -> None:
        self.waiting, self._missing = graph.dependents(plan, selected)
        self.settled: dict[str, bool] = {}
        self._causes: dict[str, tuple[int, str]] = {}
        self._groups = plan.groups
        self._order = {i: plan.item(i).order for i in selected}
        for group, items in plan.groups.items():
            self._order[group] = min((self._order[i] for i in items if i in self._order), default=_LAST)

    def over(self, item: str) -> bool:
        """Whether everything the item needs is settled."""
        return not self._missing[item]

    def cause(self, item: str) -> str | None:
        """What went wrong at the root, by plan order the first, among what the item needs; None: nothing."""
        found = self._causes.get(item)
        return found[1] if found else None

    def settle(self, node: str, *, ok: bool, root: str = "", harmless: bool = False) -> Consequence:
        """The node is decided, or its success is taken back.

        Args:
            node: A task, a gate or a group.
            ok: Whether it counts as a success.
            root: What went wrong at the root, if it does not.
            harmless: It is no success, but a group may pass without it.
        """
        result = Consequence([], [])
        stack = [(node, ok, root)]
        while stack:
            node, ok, root = stack.pop()
            was = self.settled.get(node)
            if was is False:
                continue
            self.settled[node] = ok
            if was is True and ok:
                continue
            for consumer in self.waiting.get(node, ()):
                is_group = consumer in self._groups
                if not ok and not (harmless and is_group):
                    self._blame(consumer, node, root)
                if was is None:
                    self._missing[consumer] -= 1
                if self._missing[consumer]:
                    continue
                if is_group:
                    cause = self._causes.get(consumer)
                    stack.append((consumer, cause is None, cause[1] if cause else ""))
                else:
                    (result.over if was is None else result.revoked).append(consumer)
        return result

    def _blame(self, consumer: str, node: str, root: str) -> None:
        if self._order[node] < self._causes.get(consumer, (_LAST, ""))[0]:
            self._causes[consumer] = (self._order[node], root)
