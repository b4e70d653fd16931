"""Two runs side by side: of each item how it ended, its score, and what it took. Pure: values in, values out.

A figure that nobody told is unknown, never nothing: where one side is unknown there is no difference either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from orchharness.record import field, record
from orchharness.report.text import mapping, number

Figure = str | float | None
FIELDS = ("state", "score", "iterations", "acts", "seconds", "usd", "tokens")


@record
class Measure:
    """What one item, or a run as a whole, came to. Seconds are those of all acts; of a run, its makespan."""

    state: str
    score: str | None = None
    iterations: int | None = None
    acts: int = 0
    seconds: float | None = None
    usd: float | None = None
    tokens: int | None = None


@record
class Change:
    """One item in both runs. An item that one of them did not have is None there."""

    id: str
    type: str
    old: Measure | None
    new: Measure | None

    @property
    def kind(self) -> Literal["new", "gone", "changed", "same"]:
        """`changed`: it ended in another state, with another score, or took another number of iterations."""
        if self.old is None or self.new is None:
            return "gone" if self.new is None else "new"
        decisive = ("state", "score", "iterations")
        return "changed" if any(getattr(self.old, f) != getattr(self.new, f) for f in decisive) else "same"

    def to_record(self) -> dict[str, Any]:
        """As JSON: for each figure the old and the new value, null where it is not known."""
        found: dict[str, Any] = {"id": self.id, "type": self.type, "change": self.kind}
        return found | both(self.old, self.new)


@record
class Measured:
    """A run: as a whole, and item by item in plan order."""

    whole: Measure
    items: Mapping[str, Measure] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


def compare(old: Measured, new: Measured) -> list[Change]:
    """The items of the new run in its order, then those that only the old one had."""
    names = [*new.items, *(i for i in old.items if i not in new.items)]
    types = {**old.types, **new.types}
    return [
        Change(id=i, type=types.get(i, "task"), old=old.items.get(i), new=new.items.get(i)) for i in names
    ]


def both(old: Measure | None, new: Measure | None) -> dict[str, dict[str, Figure]]:
    """Figure -> its old and its new value."""
    return {name: {"old": getattr(old, name, None), "new": getattr(new, name, None)} for name in FIELDS}


def told(usages: Iterable[Mapping[str, Any]], *names: str) -> float | None:
    """The sum of what was told under these names; None when nobody told any."""
    figures = [number(mapping(usage).get(name)) for usage in usages for name in names]
    known = [f for f in figures if f is not None and f >= 0]
    return sum(known) if known else None


def total(measures: Sequence[Measure], state: str, makespan: float | None) -> Measure:
    """The run as a whole."""
    usd = [m.usd for m in measures if m.usd is not None]
    tokens = [m.tokens for m in measures if m.tokens is not None]
    return Measure(
        state=state,
        acts=sum(m.acts for m in measures),
        seconds=makespan,
        usd=sum(usd) if usd else None,
        tokens=sum(tokens) if tokens else None,
    )
