"""What a name in a file can mean: ids, the many ways to name a phase (`alpha.phase.1`, `phase_1`), states behind ids.

A name means what is nearest to who says it. `EN-1_COMPLETE` and `TASK-4 complete (score 0.9)` mean EN-1 and TASK-4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from orchharness.importing.draft import Any, Draft, Gate, Group, Point, Ref, Task, Thing
from orchharness.importing.notes import shown

_SEPARATOR: Final = re.compile(r"[\s_.:/]+")
_STATE: Final = re.compile(
    r"(.+?)-(complete|completed|done|pass|passed|approved|finished|ready|failure|failed|success|reports?|result|status)(-.*)?"
)
_EXACT, _WEAK = 0, 1


def plain(text: str) -> str:
    """The text as names are compared."""
    return _SEPARATOR.sub("-", text.strip().lower()).strip("-")


def things_of(draft: Draft) -> list[Any]:
    """All things of a draft."""
    found: list[Any] = []
    pending = [draft.root]
    while pending:
        group = pending.pop(0)
        found += [group, *group.tasks, *group.gates, *(gate for task in group.tasks for gate in task.gates)]
        pending += group.groups
    return [*found, *draft.gates, *draft.points]


class Registry:
    """The names of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.names: dict[str, list[tuple[int, Any]]] = {}
        for thing in things_of(draft):
            self.add(thing)

    def add(self, thing: Any) -> None:
        """Make its names known."""
        if not thing.name:
            return
        for name in [thing.name, *thing.aliases]:
            self._add(name, _EXACT, thing)
        if isinstance(thing, Group):
            for name in _ways(thing):
                self._add(name, _WEAK, thing)
        if thing.title:
            self._add(thing.title, _WEAK + 1, thing)

    def find(self, ref: Ref, who: Thing, *, points: bool = True) -> list[Any]:
        """What the name means, several where they are equally near; nothing when it is unknown."""
        text = plain(ref.word.text)
        tries = [text]
        match = _STATE.fullmatch(text)
        if match:
            tries.append(match.group(1))
        if ref.loose or match:
            tokens = text.split("-")[:8]
            tries += ["-".join(tokens[:size]) for size in range(len(tokens) - 1, 0, -1)] if ref.loose else []
        for name in tries:
            found = self._nearest(name, who, points=points)
            if found:
                return found
        return []

    def _nearest(self, name: str, who: Thing, *, points: bool) -> list[Any]:
        known = [(rank, t) for rank, t in self.names.get(name, []) if points or not isinstance(t, Point)]
        if not known:
            return []
        mine = [(rank, t) for rank, t in known if isinstance(t, Point) == isinstance(who, Point)]
        known = mine or known
        best = min(rank for rank, _ in known)
        kept = {id(t): t for rank, t in known if rank == best}
        near = max(_common(t, who) for t in kept.values())
        return [t for t in kept.values() if _common(t, who) == near]

    def _add(self, name: str, rank: int, thing: Any) -> None:
        key = plain(name)
        if key:
            self.names.setdefault(key, []).append((rank, thing))


def _ways(group: Group) -> Iterator[str]:
    own = [group.name, *group.aliases, f"{group.kind}-{group.name}", f"{group.kind} {group.name}"]
    yield from own[-2:]
    above = group.parent
    while above is not None and above.name:
        for name in [above.name, *above.aliases]:
            for mine in own:
                yield f"{name}-{mine}"
                yield f"{above.kind}-{name}-{mine}"
        above = above.parent


def chain_of(thing: Thing) -> list[Group]:
    """The groups it is in, the outermost first."""
    found: list[Group] = []
    group = thing.parent
    while group is not None:
        found.append(group)
        group = group.parent
    return found[::-1]


def _common(one: Thing, other: Thing) -> int:
    mine, theirs = [*chain_of(one), one], [*chain_of(other), other]
    return sum(1 for a, b in zip(mine, theirs, strict=False) if a is b)


def in_words(thing: Thing) -> str:
    """What it is and what the file calls it."""
    if isinstance(thing, Task):
        kind = "task"
    elif isinstance(thing, Gate):
        kind = "gate"
    else:
        kind = thing.kind or "group"
    return f"{kind} {shown(thing.name)}"
