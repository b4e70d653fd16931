"""What earlier runs took and cost: from the records of their journals to times that can be drawn from.

Only acts that succeeded count. An act that a later run took over stands in both journals and counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from orchharness.core.acts import Outcome
from orchharness.simulate.assumptions import Measured


class Earlier(NamedTuple):
    """Act (a task, or `GATE/critic`) -> what it took: in its first iteration, and in later ones."""

    first: Mapping[str, Measured]
    later: Mapping[str, Measured]


def measured(journals: Iterable[Sequence[Mapping[str, Any]]]) -> Earlier:
    """What the records of those journals tell."""
    first: dict[str, dict[tuple[Any, ...], tuple[float, float]]] = {}
    later: dict[str, dict[tuple[Any, ...], tuple[float, float]]] = {}
    for records in journals:
        iterations: dict[str, int] = {}
        for record in records:
            act = str(record.get("act"))
            match record.get("event"):
                case "TaskStarted" | "JudgementStarted":
                    iterations[act] = record.get("iteration", 1)
                case "TaskFinished" | "JudgementFinished" if record.get("outcome") == Outcome.SUCCESS:
                    seconds = _amount(record.get("seconds"))
                    if seconds is None:
                        continue
                    name = str(record.get("task") or f"{record.get('gate')}/{record.get('critic')}")
                    found = (first if iterations.get(act, 1) == 1 else later).setdefault(name, {})
                    found[act, record.get("started"), seconds] = (seconds, _usd(record))
                case _:
                    pass
    return Earlier(
        *({n: Measured(tuple(acts.values())) for n, acts in kind.items()} for kind in (first, later))
    )


def _usd(record: Mapping[str, Any]) -> float:
    usage = record.get("usage")
    return (_amount(usage.get("usd")) or 0.0) if isinstance(usage, Mapping) else 0.0


def _amount(value: Any) -> float | None:
    """The number, where it is one that a time or a price can be."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) and value >= 0 else None
