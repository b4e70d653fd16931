"""The plan's graph, walked once: depths, earliest times, the critical path, the longest chain of every group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchharness.core import graph
from orchharness.core.plan import Plan
from orchharness.record import record

Group = tuple[str, str | None]  # phase and track; None: all of the phase
_MOST_TRACKS = 64  # a node behind more tracks than that only tells of its own: else wide fans cost a square


@record
class Chain:
    """The longest chain of a group: tasks, and seconds; not always of the same tasks."""

    tasks: int = 0
    length: float = 0.0


class Order:
    """What waits for what. Groups are nodes that wait for their items.

    `weight` is a task's estimate; of one without, the mean of those there are, as the orchestrator counts it too.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.waiting, self.missing = graph.dependents(plan, [i for p in plan.phases for i in p.items])
        self.tails = graph.tails(plan, self.waiting)
        known = [t.estimate for t in plan.tasks.values() if t.estimate is not None]
        self.known = bool(known)
        self.assumed = sum(known) / len(known) if known else 1.0
        self.weight: Mapping[str, float] = {
            t.id: t.estimate if t.estimate is not None else self.assumed for t in plan.tasks.values()
        }
        self.before: dict[str, list[str]] = {node: [] for node in self.missing}
        for node, consumers in self.waiting.items():
            for consumer in consumers:
                self.before[consumer].append(node)
        self.nodes = self._sorted()
        self.depth, self.finish = self._depths()

    def _sorted(self) -> list[str]:
        missing = dict(self.missing)
        order = [n for n, left in missing.items() if not left]
        for node in order:  # grows while it is walked
            for later in self.waiting.get(node, ()):
                missing[later] -= 1
                if not missing[later]:
                    order.append(later)
        return order

    def _depths(self) -> tuple[dict[str, int], dict[str, float]]:
        """Node -> tasks up to its end, and node -> when it is over at the earliest."""
        depth: dict[str, int] = {}
        finish: dict[str, float] = {}
        for node in self.nodes:
            before = self.before[node]
            depth[node] = max([depth[b] for b in before], default=0) + (node in self.weight)
            finish[node] = max([finish[b] for b in before], default=0.0) + self.weight.get(node, 0.0)
        return depth, finish

    def start(self, task: str) -> float:
        """When the task can start at the earliest."""
        return max((self.finish[b] for b in self.before[task]), default=0.0)

    def critical_path(self) -> list[str]:
        """Tasks and gates of the longest way through the plan, in order."""
        starts = [n for n in self.nodes if not self.before[n]]
        node = max(starts, key=self._rank, default=None)
        found = []
        while node is not None:
            if node not in self.plan.groups:
                found.append(node)
            node = max(self.waiting.get(node, ()), key=self._rank, default=None)
        return found

    def _rank(self, node: str) -> tuple[float, bool, bool]:
        """The longest rest; of the same, the way through a gate rather than around it."""
        return self.tails[node], node in self.plan.gates, node not in self.plan.groups

    def chains(self) -> dict[Group, Chain]:
        """Group -> its longest chain, whatever lies between its tasks."""
        best: dict[Group, Chain] = {}
        inside: dict[str, dict[Group, Chain]] = {}
        for node in self.nodes:
            phase = self._phase(node)
            if phase is None:
                continue
            here: dict[Group, Chain] = {}
            for group, chain in self._of_phase(inside, node, phase):
                here[group] = _longer(here[group], chain) if group in here else chain
            if node in self.weight:
                task = self.plan.tasks[node]
                own: tuple[Group, Group] = ((phase, None), (phase, task.track))
                if len(here) > _MOST_TRACKS:
                    here = {group: here[group] for group in own if group in here}
                for group in own:
                    was = here.get(group, Chain())
                    here[group] = Chain(tasks=was.tasks + 1, length=was.length + self.weight[node])
                    best[group] = _longer(best.get(group, Chain()), here[group])
            inside[node] = here
        return best

    def _of_phase(
        self, inside: Mapping[str, Mapping[Group, Chain]], node: str, phase: str
    ) -> Iterator[tuple[Group, Chain]]:
        for before in self.before[node]:
            if self._phase(before) == phase:
                yield from inside[before].items()

    def _phase(self, node: str) -> str | None:
        """The node's phase; None for a phase itself, behind which nothing of it comes."""
        if node in self.plan.groups:
            kind, _, name = node.partition(":")
            return name.partition("/")[0] if kind == "track" else None
        return self.plan.item(node).phase


def _longer(one: Chain, other: Chain) -> Chain:
    if one.tasks >= other.tasks and one.length >= other.length:
        return one
    return Chain(tasks=max(one.tasks, other.tasks), length=max(one.length, other.length))
