"""How much is left to do of a run: the longest way through what is not decided yet. Pure, but for reading the files.

How long an item takes is what its acts took in an earlier run, else its estimate. A task of which neither is known
counts as nothing and is said to be unknown; a gate of which nothing is known takes no time, as in `explain`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from orchharness.core.acts import Outcome
from orchharness.core.plan import gate_of
from orchharness.core.status import OVER
from orchharness.live.picture import Item, Picture
from orchharness.record import record
from orchharness.report.text import mapping, number
from orchharness.run.resume import DEFINITION, OUTLOOK


@record
class Left:
    """Seconds on the critical path from now on; `unknown` tasks are not in it. None: nothing at all is known."""

    seconds: float | None
    unknown: int = 0


@record
class Outlook:
    """What the session froze of the plan (`core.outlook`), and which of its items are gates.

    `order`: the nodes, each after all it waits for.
    """

    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    before: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, str] = field(default_factory=dict)
    gates: frozenset[str] = frozenset()
    order: Sequence[str] = ()

    def type_of(self, item: str) -> Literal["task", "gate"]:
        """What the item is."""
        return "gate" if item in self.gates else "task"

    def blocker(self, picture: Picture, item: str) -> Item | None:
        """The first item that this one waits for; None when nothing is known to be in its way."""
        for node in self.before.get(item, ()):
            for name in (node,) if node in self.places else self.before.get(node, ()):
                known = picture.items.get(name)
                if known is not None and known.state not in OVER:
                    return known
        return None

    def left(self, picture: Picture, lengths: Mapping[str, float], now: float) -> Left:
        """The time left, when items take as long as `lengths` say, else as they are estimated."""
        rest: dict[str, float] = {}
        known = unknown = 0
        for node in reversed(self.order):
            own = 0.0
            item = picture.items.get(node)
            if item is not None and item.state not in OVER:
                length = lengths.get(node, self.seconds.get(node))
                known += length is not None
                unknown += length is None and node not in self.gates
                own = 0.0 if length is None else max(0.0, length - _elapsed(item, now))
            rest[node] = own + max((rest[n] for n in self.after.get(node, ())), default=0.0)
        return Left(seconds=max(rest.values(), default=0.0) if known else None, unknown=unknown)


def _elapsed(item: Item, now: float) -> float:
    return max((now - act.began for act in item.open), default=0.0)


def outlook_in(session: Path) -> Outlook:
    """What is known of the plan of that session; of what its folder does not have, nothing is."""
    definition = _json(session / DEFINITION)
    gates = frozenset(name for name, entry in definition.items() if "of" in mapping(entry))
    try:
        return _outlook(_json(session / OUTLOOK), gates)
    except (TypeError, LookupError):
        return Outlook(gates=gates)


def _outlook(found: Mapping[str, Any], gates: frozenset[str]) -> Outlook:
    after = {node: tuple(map(str, later)) for node, later in mapping(found.get("after")).items()}
    places = {i: (str(p[0]), str(p[1])) for i, p in mapping(found.get("places")).items()}
    before: dict[str, list[str]] = {}
    for node, later in after.items():
        for waiting in later:
            before.setdefault(waiting, []).append(node)
    seconds = {t: s for t, v in mapping(found.get("seconds")).items() if (s := number(v)) is not None}
    return Outlook(
        places=places,
        after=after,
        before=before,
        seconds=seconds,
        thresholds={g: str(t) for g, t in mapping(found.get("thresholds")).items()},
        gates=gates,
        order=_sorted([*places, *(n for n in before if n not in places)], after, before),
    )


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def _sorted(nodes: Iterable[str], after: Mapping[str, Sequence[str]], before: Mapping[str, Any]) -> list[str]:
    missing = {node: len(before.get(node, ())) for node in nodes}
    order = [node for node, count in missing.items() if not count]
    for node in order:  # grows while it is walked
        for later in after.get(node, ()):
            missing[later] -= 1
            if not missing[later]:
                order.append(later)
    return order


def lengths_of(records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Item -> what its acts took that succeeded, on average, in the run of these records."""
    found: dict[str, list[float]] = {}
    adopted: set[str] = set()
    for entry in records:
        act = str(entry.get("act"))
        if entry.get("adopted"):
            adopted.add(act)  # it ran in another run, and took no time in this one
        if entry.get("outcome") == Outcome.SUCCESS and act not in adopted:
            seconds = number(entry.get("seconds"))
            if seconds is not None:
                found.setdefault(gate_of(str(entry.get("task") or entry.get("gate"))), []).append(seconds)
    return {item: sum(times) / len(times) for item, times in found.items()}
