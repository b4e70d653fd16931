"""What has been decided so far, and who is free to go on because of it.

A node is *settled* when what needs it may look at it: a task when it passed or ended, a gate when it is decided, a
group when all its items are. A success can be taken back later (a wider gate had the task refined, and that went
wrong); a failure stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import NamedTuple

from orchharness.core import graph
from orchharness.core.plan import Plan

_LAST = 1 << 60


class Weight(IntEnum):
    """How much a node that is no success weighs on what needs it."""

    ALLOWED = 1  # it failed and the plan allows that: only who would judge or read it is stopped
    HARMLESS = 2  # it was skipped without a failure that counts: a group may pass without it
    FAILURE = 3  # it failed, or was skipped because of a failure


class Cause(NamedTuple):
    """What went wrong at the root: the heaviest, and of those the first by plan order."""

    order: int
    root: str
    weight: Weight


class Consequence(NamedTuple):
    """Items whose needs are over now, and items that relied on a success that is none any more."""

    over: list[str]
    revoked: list[str]


class Needs:
    """Counts, for every item and group, the needs that are not settled."""

    def __init__(self, plan: Plan, selected: Collection[str]) -> None:
        self.waiting, self._missing = graph.dependents(plan, selected)
        self.settled: dict[str, bool] = {}
        self._why: dict[str, Cause] = {}  # node that is no success -> why
        self._causes: dict[str, dict[Weight, Cause]] = {}  # consumer -> the first of each weight
        self._groups = plan.groups
        self._order = {i: plan.item(i).order for i in selected}
        for group, items in plan.groups.items():
            self._order[group] = min((self._order[i] for i in items if i in self._order), default=_LAST)

    def over(self, item: str) -> bool:
        """Whether everything the item needs is settled."""
        return not self._missing[item]

    def cause(self, item: str, least: Weight = Weight.HARMLESS) -> Cause | None:
        """What of at least that weight went wrong among all that the item needs; None: nothing."""
        found = self._causes.get(item)
        return _first(c for c in found.values() if c.weight >= least) if found else None

    def cause_of(self, nodes: Iterable[str]) -> Cause | None:
        """What went wrong with these nodes; None: those that are settled are successes."""
        return _first(self._why[n] for n in nodes if n in self._why)

    def settle(self, node: str, *, ok: bool, root: str = "", weight: Weight = Weight.FAILURE) -> Consequence:
        """The node is decided, or its success is taken back.

        Args:
            node: A task, a gate or a group.
            ok: Whether it counts as a success.
            root: What went wrong at the root, if it does not.
            weight: How much that weighs.
        """
        result = Consequence([], [])
        stack = [(node, None if ok else Cause(self._order[node], root, weight))]
        while stack:
            node, cause = stack.pop()
            was = self.settled.get(node)
            if was is False:
                continue
            self.settled[node] = cause is None
            if cause is not None:
                self._why[node] = cause
            elif was is True:
                continue
            for consumer in self.waiting.get(node, ()):
                is_group = consumer in self._groups
                if cause is not None and (cause.weight is Weight.FAILURE or not is_group):
                    self._blame(consumer, cause)
                if was is None:
                    self._missing[consumer] -= 1
                if self._missing[consumer]:
                    continue
                if is_group:
                    inside = self.cause(consumer)
                    stack.append((consumer, inside and inside._replace(order=self._order[consumer])))
                else:
                    (result.over if was is None else result.revoked).append(consumer)
        return result

    def _blame(self, consumer: str, cause: Cause) -> None:
        known = self._causes.setdefault(consumer, {})
        if cause.weight not in known or cause.order < known[cause.weight].order:
            known[cause.weight] = cause


def _first(causes: Iterable[Cause]) -> Cause | None:
    return min(causes, key=lambda c: (-c.weight, c.order), default=None)
