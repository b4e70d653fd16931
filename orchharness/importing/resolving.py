"""From names to what they mean: who waits for whom, what gates judge, where named edges begin and end.

A dependency on an id that is not in the file stops the import, unless it was asked to leave such ones out.
Texts that are conditions rather than ids ("two reviewers agree") are told, and are no contradiction.
"""

from __future__ import annotations

import re

from orchharness.importing.draft import Any, Cross, Draft, Gate, Group, Point, Ref, Task, Thing, Wait
from orchharness.importing.notes import About, Notes, shown
from orchharness.importing.registry import Registry, chain_of, in_words, plain, things_of
from orchharness.record import record

_AGGREGATE = re.compile(r"\b(aggregate|mean|average)\b", re.IGNORECASE)


@record(frozen=False)
class Resolver:
    """Resolves the names of one draft."""

    draft: Draft
    registry: Registry
    notes: Notes
    leave_unknown: bool = False

    def resolve(self) -> None:
        """Fill in all waits, gates, points and edges."""
        self._join_gates()
        for gate in self._gates():
            self._judge(gate)
        for thing in things_of(self.draft):
            self._waits(thing)
        for point in self.draft.points:
            point.resolved = [
                t for ref in point.members for t in self._members(point, ref) if isinstance(t, Task | Group)
            ]
        self.draft.crosses = [cross for cross in self.draft.crosses if self._cross(cross)]

    def _gates(self) -> list[Gate]:
        return [t for t in things_of(self.draft) if isinstance(t, Gate)]

    def _join_gates(self) -> None:
        """A gate named here and described there is one gate."""
        described: dict[str, Gate] = {}
        for gate in self._gates():
            if _is_named_only(gate):
                continue
            first = described.setdefault(plain(gate.name), gate)
            if first is not gate:
                self._join(first, gate)
        for thing in [t for t in things_of(self.draft) if isinstance(t, Task | Group)]:
            for gate in list(thing.gates):
                known = described.get(plain(gate.name))
                if known is None:
                    described[plain(gate.name)] = gate
                elif known is not gate:
                    thing.gates.remove(gate)
                    self._forget(gate)
                    if known.owner is None and not known.judged:
                        known.of = []
                        self._hang(known, thing)
                    elif known.owner is not thing:
                        known.judged.append(thing)

    def _hang(self, gate: Gate, thing: Task | Group) -> None:
        gate.judged, gate.mean_of = [], []
        gate.owner, gate.parent = thing, thing if isinstance(thing, Group) else thing.parent
        self.draft.gates = [g for g in self.draft.gates if g is not gate]
        thing.gates.append(gate)

    def _join(self, first: Gate, gate: Gate) -> None:
        if None not in {first.threshold, gate.threshold} and first.threshold != gate.threshold:
            self.notes.contradict(
                f"gate {shown(gate.name)} has the threshold {first.threshold} and the threshold {gate.threshold}",
                first.place,
                gate.place,
            )
        first.threshold = first.threshold or gate.threshold
        first.iterations = first.iterations or gate.iterations
        first.critics += [c for c in gate.critics if c not in first.critics]
        first.criteria = first.criteria or gate.criteria
        first.rationale = first.rationale or gate.rationale
        first.person = first.person or gate.person
        if first.owner is None and gate.owner is not None:
            owner, first.of = gate.owner, []
            owner.gates.remove(gate)
            self._hang(first, owner)
        elif gate.owner is not None:
            gate.owner.gates.remove(gate)
        else:
            self.draft.gates = [g for g in self.draft.gates if g is not gate]
            first.of += gate.of if first.owner is None else []
        self._forget(gate)

    def _forget(self, gate: Gate) -> None:
        for known in self.registry.names.values():
            known[:] = [(rank, thing) for rank, thing in known if thing is not gate]

    def _judge(self, gate: Gate) -> None:
        if gate.owner is not None:
            if gate.judged:
                gate.judged.insert(0, gate.owner)
                gate.owner.gates.remove(gate)
                gate.owner = None
                self.draft.gates.append(gate)
            return
        for ref in gate.of:
            for thing in self._find(gate, ref, "judges"):
                if isinstance(thing, Gate):
                    gate.mean_of.append(thing)
                elif (
                    isinstance(thing, Task | Group)
                    and thing not in gate.judged
                    and thing is not self.draft.root
                ):
                    gate.judged.append(thing)
        if len(gate.judged) == 1 and not gate.mean_of and not gate.judged[0].gates:
            self._hang(gate, gate.judged[0])
        elif not gate.judged and not gate.mean_of:
            self._judge_all(gate)

    def _judge_all(self, gate: Gate) -> None:
        if not (gate.final or "final" in gate.name.lower()):
            self.notes.left(
                f"gate {shown(gate.name)} does not say what it judges: add it by hand", gate.place
            )
            self.draft.gates = [g for g in self.draft.gates if g is not gate]
            self._forget(gate)
            return
        others = [g for g in self._gates() if g is not gate and not g.person and (g.owner or g.judged)]
        if others and _AGGREGATE.search(gate.rationale or ""):
            gate.mean_of = others
        else:
            gate.judged = [*self.draft.root.groups, *self.draft.root.tasks]
            self.notes.add(About.CARRIED, f"gate {shown(gate.name)} is taken to judge all of it", gate.place)

    def _waits(self, thing: Any) -> None:
        for ref in thing.refs:
            for target in self._find(thing, ref, "waits for"):
                self._wait(thing, target, ref)
        for ref in thing.blocks:
            for target in self._find(thing, ref, "goes before"):
                self._wait(target, thing, ref)

    def _wait(self, thing: Any, target: Any, ref: Ref) -> None:
        if target is thing:
            self.notes.contradict(f"{in_words(thing)} waits for itself", ref.word)
        elif isinstance(target, Group) and target in chain_of(thing):
            self.notes.contradict(
                f"{in_words(thing)} waits for {in_words(target)}, which it is part of", ref.word
            )
        elif isinstance(thing, Group) and thing in chain_of(target) and not isinstance(target, Gate):
            self.notes.contradict(
                f"{in_words(thing)} waits for {in_words(target)}, which is part of it", ref.word
            )
        elif not self._against_order(thing, target, ref):
            thing.waits.setdefault(id(target), Wait(target, ref.word if ref.word.line else None))

    def _against_order(self, thing: Any, target: Any, ref: Ref) -> bool:
        mine, theirs = [*chain_of(thing), thing], [*chain_of(target), target]
        for depth, (one, other) in enumerate(zip(mine, theirs, strict=False)):
            if one is other:
                continue
            above = mine[depth - 1] if depth else None
            if not (
                isinstance(above, Group) and above.ordered and one in above.groups and other in above.groups
            ):
                return False
            if above.groups.index(other) < above.groups.index(one):
                return False
            said = f"{in_words(thing)} waits for {in_words(target)} of {in_words(other)}, which comes later"
            self.notes.contradict(
                said if other is not target else said.replace(f" of {in_words(other)}", ""), ref.word
            )
            return True
        return False

    def _find(self, who: Thing, ref: Ref, verb: str) -> list[Any]:
        found = self.registry.find(ref, who)
        others = [t for t in found if t is not who]
        found = others or found
        if found:
            return found
        said = f"{in_words(who)} {verb} {shown(ref.word.text)}, "
        if ref.loose:
            self.notes.left(f"{said}which names nothing in the file", ref.word)
        elif self.leave_unknown:
            self.notes.left(f"{said}which is not in the file: left out, as asked", ref.word)
        else:
            self.notes.contradict(f"{said}which is not in the file", ref.word)
        return []

    def _members(self, point: Point, ref: Ref) -> list[Any]:
        found = self.registry.find(ref, self.draft.root, points=False)
        if not found:
            self.notes.left(f"{in_words(point)} has {shown(ref.word.text)}, which is not described", ref.word)
        return found[:1]

    def _cross(self, cross: Cross) -> bool:
        source, target = (self._end(cross, refs) for refs in (cross.source, cross.target))
        if not source or not target:
            self.notes.left(f"edge {shown(cross.name)}: its ends are not in the file", cross.place)
            return False
        cross.ends = (self._finest(source), target)
        return True

    def _end(self, cross: Cross, refs: list[Ref]) -> list[Any]:
        who = Thing(name=cross.name, place=cross.place, kind="edge")
        found: list[Any] = []
        for ref in refs:
            known = self.registry.find(ref, who)
            if not known and not ref.loose:
                self._find(who, ref, "names")
            found += [t for t in known if not isinstance(t, Point) and t not in found]
        tasks: list[Any] = [t for t in found if isinstance(t, Task)]
        for task in tasks:
            apart = [
                g for g in found if isinstance(g, Group) and g not in chain_of(task) and task not in tasks[1:]
            ]
            for group in sorted(apart, key=lambda g: -len(chain_of(g)))[:1] if refs is cross.target else []:
                self.notes.contradict(
                    f"edge {shown(cross.name)} goes to {in_words(task)} of {in_words(group)}, which is not in it",
                    cross.place,
                )
        return tasks or [self._finest(found)] if found else []

    def _finest(self, found: list[Any]) -> Any:
        """The one that says most exactly: a task, a gate, else the innermost group."""
        ranks = {Task: 0, Gate: 1}
        return min(found, key=lambda t: (ranks.get(type(t), 2), -len(chain_of(t))))


def _is_named_only(gate: Gate) -> bool:
    return (gate.rationale or "").startswith("named by ") and gate.threshold is None and not gate.critics
