"""The numbers at the head of the report: how long the run took, and against what; what was spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.history import Act, History
from orchharness.report.spending import Spending, spending
from orchharness.report.text import dollars, duration, line, number, plural

_BUDGETS = 8
_LENGTH = 300.0  # pixels of the longest bar


@record
class Fact:
    """A number at the head of the report."""

    name: str
    value: str
    note: str = ""


@record
class Pace:
    """One of the times that are compared: a bar, as long as the time is."""

    name: str
    value: str
    note: str
    width: float
    own: bool  # it is the run's own time


def facts(plan: Plan, history: History, path: Sequence[Act]) -> Iterable[Fact]:
    """Wall time, the sum of all acts, the critical path `path`, waiting, and what agents say they used."""
    wall = history.seconds
    total = sum(act.seconds for act in history.acts)
    yield Fact(name="Wall time", value=duration(wall), note=_so_far(history))
    if history.acts and wall > 0:
        yield Fact(name="One after another", value=duration(total), note=_speed(total / wall))
        busy = sum(act.seconds for act in path)
        yield Fact(name="Critical path", value=duration(busy), note=_share(busy, wall))
        at_once = _most_at_once(history.acts)
        yield Fact(name="Acts", value=f"{len(history.acts):,}", note=f"{at_once:,} at once at most")
        waits = [act.waited for act in history.acts if act.waited >= 0.1]
        if waits:
            note = f"ready, not begun: {plural(len(waits), 'act')}, {duration(max(waits))} the longest"
            yield Fact(name="Waiting", value=duration(sum(waits)), note=note)
    yield from _usage(history, spending(plan, history.acts))
    for spent in sorted(history.spent, key=lambda s: not s.reached)[:_BUDGETS]:
        name = line(spent.name, 80)
        yield Fact(name=name.capitalize(), value=spent.text, note="reached" if spent.reached else "")


def paces(plan: Plan, history: History, path: Sequence[Act]) -> Iterable[Pace]:
    """The run's time against one act after another, and against the bound that no order of these acts can beat."""
    wall, total = history.seconds, sum(act.seconds for act in history.acts)
    if not history.acts or wall <= 0 or total <= 0:
        return
    width = max(1, int(number(history.header.get("parallel")) or plan.parallel))
    chain, even = sum(act.seconds for act in path), total / width
    bound = min(wall, max(chain, even))
    why = "the critical path alone" if chain >= even else f"all acts, {width:,} at once and never idle"
    longest = max(wall, total)
    own = "This run" if history.finished else "This run, so far"
    for name, seconds, note in (
        ("One after another", total, f"{plural(len(history.acts), 'act')}, one at a time"),
        (own, wall, _speed(total / wall, "")),
        ("Bound", bound, f"{why}: {bound / wall:.0%} of this run"),
    ):
        yield Pace(
            name=name,
            value=duration(seconds),
            note=note,
            width=round(max(1.0, _LENGTH * seconds / longest), 1),
            own=name == own,
        )


def _so_far(history: History) -> str:
    paused = history.pauses.within(history.started, history.horizon)
    notes = [
        "" if history.finished else "so far",
        f"without {duration(paused)} between sessions" if paused else "",
    ]
    return ", ".join(filter(None, notes))


def _speed(factor: float, before: str = "this run: ") -> str:
    if factor < 1.05:
        return "nothing was won by running side by side"
    return f"{before}{factor:.1f} times faster{'' if before else ' than one after another'}"


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


def _usage(history: History, spent: Spending) -> Iterable[Fact]:
    if not history.acts:
        return
    said = "as assumed" if history.header.get("simulated") else "as the agents reported it"
    if spent.tokens_in or spent.tokens_out:
        tokens = f"{spent.tokens_in:,.0f} in, {spent.tokens_out:,.0f} out"
        yield Fact(name="Tokens", value=f"{spent.tokens_in + spent.tokens_out:,.0f}", note=tokens)
    unknown = f"and {plural(spent.unpriced, 'act')} of models that told no cost" if spent.unpriced else ""
    if spent.priced:
        yield Fact(name="Cost", value=dollars(spent.usd), note=f"{said} {unknown}".strip())
    elif spent.models:
        yield Fact(
            name="Cost", value="unknown", note=f"none of {plural(spent.models, 'act')} of models told it"
        )
    else:
        yield Fact(
            name="Cost", value="none told", note="no act was a language model's, as far as the plan says"
        )
