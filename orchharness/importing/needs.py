"""Which `needs` to write: what was asked for, in ids of the plan, without what another need says already."""

from __future__ import annotations

from orchharness.importing.draft import Any, Draft, Gate, Group, Point, Task
from orchharness.importing.ordering import BEGIN, END, Ordering
from orchharness.importing.registry import chain_of
from orchharness.record import field, record


@record(frozen=False)
class Needs:
    """Says what to write. The ordering must be settled and everything named."""

    draft: Draft
    ordering: Ordering
    before: dict[int, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember what comes before by the order of groups and of the queue."""
        pending = [self.draft.root]
        while pending:
            group = pending.pop()
            pending += group.groups
            if group.ordered:
                for first, then in zip(group.groups, group.groups[1:], strict=False):
                    if not then.waits:
                        self.before.setdefault(id(then), []).append(first)
        for point in self.draft.points:
            for place, member in enumerate(point.resolved):
                known = self.before.setdefault(id(member), [])
                known += [wait.target for wait in point.waits.values()]
                if point.sequence and place:
                    known.append(point.resolved[place - 1])

    def of_task(self, task: Task) -> list[str]:
        """The ids that a task needs."""
        above = (id(task.parent), BEGIN) if task.parent is not None else None
        also: list[Any] = [c.ends[0] for c in self.draft.crosses if c.ends and task in c.ends[1]]
        also += [self.ordering.things[int(source.partition(".")[0])] for source in task.inputs.values()]
        if task.parent is not None and task.parent.sequence:
            place = task.parent.tasks.index(task)
            also += task.parent.tasks[max(0, place - 1) : place]
        return self._kept(self._asked(task), also, above)

    def of_group(self, group: Group) -> list[str]:
        """The ids that a track needs: its own, and those of the groups above that are no phases."""
        asked, top = self._asked(group), group
        for above in reversed(chain_of(group)):
            if above is self.draft.root or (self.draft.phases is not None and above in self.draft.phases):
                top = above
                break
            asked += self._asked(above)
        phase = (id(top), BEGIN) if top is not group and top is not self.draft.root else None
        return self._kept(asked, [], phase)

    def of_gate(self, gate: Gate) -> list[str]:
        """The ids that a gate that stands alone needs besides what it judges."""
        return self._kept(self._asked(gate), [*gate.judged, *gate.mean_of], None)

    def names(self, thing: Any) -> list[str]:
        """The ids that stand for a thing in the plan."""
        return [target.id for target in self._written(thing)]

    def _asked(self, thing: Any) -> list[Any]:
        targets = [wait.target for wait in thing.waits.values()] + self.before.get(id(thing), [])
        found = [written for target in targets for written in self._written(target)]
        return list({id(t): t for t in found}.values())

    def _written(self, thing: Any, depth: int = 0) -> list[Any]:
        """What of it has an id in the plan."""
        if depth > 50:
            return []
        if isinstance(thing, Point):
            inner: list[Any] = (
                [w.target for w in thing.waits.values()] if not thing.resolved else list(thing.resolved)
            )
            return [t for target in inner for t in self._written(target, depth + 1)]
        if not isinstance(thing, Group):
            return [thing]
        if self.draft.phases is not None and thing in self.draft.phases:
            return [thing]
        found: list[Any] = [*thing.gates] if not thing.tasks else []
        if thing.tasks and thing is not self.draft.root:
            found.append(thing)
        found += [t for child in thing.groups for t in self._written(child, depth + 1)]
        return found

    def _kept(self, asked: list[Any], also: list[Any], above: tuple[int, str] | None) -> list[str]:
        """Without what others among them wait for."""
        known = {id(thing) for thing in also}
        keys = [(id(thing), END) for thing in (*asked, *also)]
        said = self.ordering.above_all([*keys, above] if above is not None else keys)
        return [
            thing.id
            for thing in asked
            if id(thing) not in known and not said & self.ordering.bit[id(thing), END]
        ]
