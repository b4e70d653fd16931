"""The critical path as it was measured: which acts, one after another, made the run as long as it was.

From the act that ended last the walk goes back to whichever act it was waiting for and that ended latest: an earlier
attempt or iteration, the judgement that sent it back, or the last act behind one of its needs. "Before" is the order
of the journal, not of clocks; so the walk always ends. Waiting for a free place or a foreground task is no edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchharness.core.plan import Plan, reads_of
from orchharness.report.history import Act


def critical_path(plan: Plan, acts: Sequence[Act]) -> tuple[Act, ...]:
    """The acts on the path, in the order they ran."""
    return _Walk(plan, acts).path()


class _Walk:
    def __init__(self, plan: Plan, acts: Sequence[Act]) -> None:
        self._plan = plan
        self._acts = acts
        self._of: dict[str, list[Act]] = {}
        for act in acts:
            self._of.setdefault(act.item, []).append(act)
        self._judged_by: dict[str, list[str]] = {}
        for gate in plan.gates.values():
            for task in gate.of:
                self._judged_by.setdefault(task, []).append(gate.id)
        self._behind_node: dict[
            str, tuple[int, tuple[Act, ...], Act | None]
        ] = {}  # many items need one group

    def path(self) -> tuple[Act, ...]:
        act = _last(self._acts)
        found = []
        while act is not None:
            found.append(act)
            act = self._before(act)
        return tuple(reversed(found))

    def _before(self, act: Act) -> Act | None:
        return _last(a for a in self._behind(act) if a.over is not None and a.over < act.begun)

    def _behind(self, act: Act) -> Iterable[Act]:
        yield from self._of.get(act.item, ())
        for gate in self._judged_by.get(act.item, ()):
            yield from (a for a in self._of.get(gate, ()) if a.iteration < act.iteration)
        for node in dict.fromkeys(self._nodes(act.item)):
            yield from self._acts_of(node, act.begun)

    def _nodes(self, item: str) -> tuple[str, ...]:
        task = self._plan.tasks.get(item)
        if task is not None:
            return (*task.needs, *reads_of(task), *self._edges_to(task.id))
        gate = self._plan.gates.get(item)
        return () if gate is None else (*gate.of, *gate.of_gates, *gate.needs)

    def _edges_to(self, task: str) -> Iterable[str]:
        return (edge.source for edge in self._plan.edges if task in edge.targets)

    def _acts_of(self, node: str, begun: int) -> Iterable[Act]:
        """The acts that had to end before the node was over; only the last of them where all were by then."""
        if node not in self._behind_node:
            members = self._plan.groups.get(node, (node,))
            acts = tuple(
                act for member in members for act in self._item(member, set()) if act.over is not None
            )
            self._behind_node[node] = (max((act.over or 0 for act in acts), default=0), acts, _last(acts))
        over, acts, last = self._behind_node[node]
        if over < begun:
            return () if last is None else (last,)
        return acts

    def _item(self, item: str, seen: set[str]) -> Iterable[Act]:
        if item in seen:
            return
        seen.add(item)
        yield from self._of.get(item, ())
        gate = self._plan.gates.get(item)
        if gate is not None and item not in self._of:  # its score is computed from what is below it
            for member in (*gate.of, *gate.of_gates):
                yield from self._item(member, seen)


def _last(acts: Iterable[Act]) -> Act | None:
    return max(acts, key=lambda act: (act.end, act.begun), default=None)
