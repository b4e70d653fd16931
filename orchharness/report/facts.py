"""The numbers at the head of the report: how long the run took, and against what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from orchharness.record import record
from orchharness.report.history import Act, History
from orchharness.report.text import duration, line, mapping, number

_BUDGETS = 8


@record
class Fact:
    """A number at the head of the report."""

    name: str
    value: str
    note: str = ""


def facts(history: History, path: Sequence[Act]) -> Iterable[Fact]:
    """Wall time, the sum of all acts, the critical path `path`, and what agents say they used."""
    end = max((act.end for act in history.acts), default=history.last)
    wall = max(history.last if history.finished else history.horizon, end) - history.started
    total = sum(act.seconds for act in history.acts)
    yield Fact(name="Wall time", value=duration(wall), note="" if history.finished else "so far")
    if history.acts and wall > 0:
        yield Fact(name="One after another", value=duration(total), note=_speed(total / wall))
        busy = sum(act.seconds for act in path)
        yield Fact(name="Critical path", value=duration(busy), note=_share(busy, wall))
        at_once = _most_at_once(history.acts)
        yield Fact(name="Acts", value=f"{len(history.acts):,}", note=f"{at_once:,} at once at most")
    yield from _usage(history)
    for spent in sorted(history.spent, key=lambda s: not s.reached)[:_BUDGETS]:
        name = line(spent.name, 80)
        yield Fact(name=name.capitalize(), value=spent.text, note="reached" if spent.reached else "")


def _speed(factor: float) -> str:
    return (
        f"this run: {factor:.1f} times faster"
        if factor >= 1.05
        else "nothing was won by running side by side"
    )


def _share(busy: float, wall: float) -> str:
    share = min(1.0, busy / wall)
    return f"{share:.0%} of the wall time" + ("; the rest is waiting" if share < 0.9 else "")


def _most_at_once(acts: Sequence[Act]) -> int:
    edges = sorted(
        [(act.start, 1) for act in acts] + [(act.end, -1) for act in acts]
    )  # an end frees its place first
    most = running = 0
    for _, step in edges:
        running += step
        most = max(most, running)
    return most


def _usage(history: History) -> Iterable[Fact]:
    sums: dict[str, float] = defaultdict(float)
    said = "as assumed" if history.header.get("simulated") else "as the agents reported it"
    for act in history.acts:
        for key, value in mapping(act.result.get("usage")).items():
            amount = number(value)
            if amount is not None and amount >= 0 and key in {"input_tokens", "output_tokens", "usd"}:
                sums[key] += amount
    if sums["input_tokens"] or sums["output_tokens"]:
        tokens = f"{sums['input_tokens']:,.0f} in, {sums['output_tokens']:,.0f} out"
        yield Fact(name="Tokens", value=f"{sums['input_tokens'] + sums['output_tokens']:,.0f}", note=tokens)
    if sums["usd"]:
        yield Fact(name="Cost", value=f"${sums['usd']:,.2f}", note=said)
