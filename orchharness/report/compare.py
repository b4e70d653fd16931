"""Two runs side by side: how each item ended, with which score, in what time and for what money. Pure; no plan needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchharness.core.plan import gate_of
from orchharness.record import record
from orchharness.report.pauses import Pauses
from orchharness.report.text import entries, line, mapping, number

_ENDS = frozenset({"TaskFinished", "JudgementFinished"})


@dataclass(slots=True)
class ItemSums:
    """One item in one run. `usd` is None where no act told a price."""

    state: str = "waiting"
    score: str | None = None
    iterations: int = 0
    acts: int = 0
    seconds: float = 0.0
    usd: float | None = None

    def to_record(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class RunSums:
    """One run. `state` is `running` where its journal has no end; `tokens` are those read and written."""

    run: str
    plan: str
    state: str
    seconds: float
    acts: int
    usd: float | None
    tokens: int | None
    items: dict[str, ItemSums]

    def to_record(self) -> dict[str, Any]:
        """As JSON, without the items."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "items"}


@record
class Pair:
    """One item in both runs; None where a run does not have it."""

    id: str
    before: ItemSums | None
    after: ItemSums | None

    @property
    def differs(self) -> bool:
        """Whether it ended otherwise: in another state, with another score, or after more or fewer iterations."""
        return self._ending(self.before) != self._ending(self.after)

    def _ending(self, one: ItemSums | None) -> tuple[Any, ...] | None:
        return None if one is None else (one.state, one.score, one.iterations)


def sums(records: Sequence[Mapping[str, Any]]) -> RunSums:
    """What a run came to, by its journal."""
    run = RunSums(run="", plan="", state="running", seconds=0.0, acts=0, usd=None, tokens=None, items={})
    times = [at for entry in records if (at := number(entry.get("at"))) is not None]
    run.seconds = Pauses(records).time(min(times), max(times)) if times else 0.0
    for entry in records:
        kind = entry.get("event")
        if kind == "RunStarted":
            run.run, run.plan = line(entry.get("run")), line(entry.get("plan"))
        if kind in {"RunStarted", "RunResumed"}:
            run.state = "running"
            for item in entry.get("selected", ()):
                run.items.setdefault(line(item, 80), ItemSums())
        elif kind == "RunFinished":
            run.state = line(entry.get("state"), 40)
        elif kind in _ENDS:
            _add(run, entry)
        for transition in entries(entry.get("then")):
            _move(run, transition)
    return run


def pairs(before: RunSums, after: RunSums) -> list[Pair]:
    """All items of both runs, in the order of the later one."""
    return [
        Pair(id=item, before=before.items.get(item), after=after.items.get(item))
        for item in dict.fromkeys((*after.items, *before.items))
    ]


def _add(run: RunSums, entry: Mapping[str, Any]) -> None:
    item = run.items.setdefault(gate_of(line(entry.get("task") or entry.get("gate"), 80)), ItemSums())
    item.acts += 1
    run.acts += 1
    item.seconds += max(0.0, number(entry.get("seconds")) or 0.0)
    usage = mapping(entry.get("usage"))
    usd = number(usage.get("usd"))
    if usd is not None:
        item.usd, run.usd = (item.usd or 0.0) + usd, (run.usd or 0.0) + usd
    for name in ("input_tokens", "output_tokens"):
        count = number(usage.get(name))
        if count is not None:
            run.tokens = (run.tokens or 0) + round(count)


def _move(run: RunSums, transition: Mapping[str, Any]) -> None:
    item = run.items.setdefault(line(transition.get("item"), 80), ItemSums())
    item.state = line(transition.get("state"), 40)
    item.iterations = max(item.iterations, int(number(transition.get("iteration")) or 0))
    if transition.get("score") is not None:
        item.score = line(transition.get("score"), 20)
