"""An explanation as titled sections of sentences and tables, for every format that people read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from orchharness.core.definition import plain
from orchharness.explain.facts import Danger, Explanation, Limit, Spawn, Unit
from orchharness.explain.words import count, folded, length, names, way
from orchharness.record import record

_MOST = 20  # rows, and sentences of a section; JSON has all
_OF_A_KIND = 8  # hazards


@record
class Section:
    """A title, sentences, and a table whose first row is its head."""

    title: str
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def sections(found: Explanation) -> list[Section]:
    """All sections, the most important first."""
    every: tuple[Callable[[Explanation], Section], ...] = (_time, _waves, _advice, _hazards, _spawns)
    more = [_limits(found)] if found.limits else []
    return [*(make(found) for make in every), *more]


def heading(found: Explanation) -> str:
    """The plan in a line."""
    title = f": {one_line(found.title)}" if found.title else ""
    return f"plan {found.plan}{title} ({count(found.tasks, 'task')}, {count(found.gates, 'gate')})"


def one_line(text: str) -> str:
    """The text without line breaks and whatever is not printable."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _time(found: Explanation) -> Section:
    if not found.tasks:
        return Section(title="How long", lines=("there are no tasks",))
    rows = [
        ("AGENTS", "TIME", "TIMES FASTER"),
        *((f"{w.agents:,}", length(w.length, found.unit), f"{w.speedup:.1f}") for w in found.widths),
    ]
    return Section(title="How long", lines=tuple(_time_lines(found)), rows=tuple(rows))


def _time_lines(found: Explanation) -> Iterator[str]:
    yield f"one after another: {length(found.sequential, found.unit)}"
    yield (
        f"critical path: {length(found.critical_length, found.unit)}, which no number of agents shortens: "
        f"{way(found.critical_path)}"
    )
    yield f"longest chain: {found.longest_chain:,} of {count(found.tasks, 'task')} one after another"
    yield _useful(found)
    yield from _unknown(found)
    yield "first round only: judgements, starting agents and further iterations come on top, nobody estimated them"


def _useful(found: Explanation) -> str:
    if found.useful_width == 1:
        return "useful width: 1 agent, nothing runs side by side"
    about = "" if found.width_is_exact else "at most "
    best = found.sequential / found.shortest if found.shortest else 1.0
    return (
        f"useful width: {about}{count(found.useful_width, 'agent')}, with which it takes "
        f"{length(found.shortest, found.unit)}, {best:.1f} times as fast as one alone; more win nothing"
    )


def _unknown(found: Explanation) -> Iterator[str]:
    missing = len(found.without_estimate)
    if found.unit is Unit.TASKS:
        yield "no task has an 'estimate', so time is unknown: every task counts as 1"
    elif missing:
        yield (
            f"{missing} of {count(found.tasks, 'task')} have no 'estimate', their time is unknown "
            f"({names(found.without_estimate)}): the others sum to {length(found.known, found.unit)}; "
            f"above, each unknown one counts as the mean, {length(found.assumed, found.unit)}"
        )


def _waves(found: Explanation) -> Section:
    lines = [f"{w.number}. {folded(w.tasks, 12)}" for w in found.waves[:_MOST]]
    return Section(
        title="Waves: what nothing in the graph keeps apart", lines=tuple(_cut(lines, len(found.waves)))
    )


def _advice(found: Explanation) -> Section:
    lines = []
    for advice in found.advice[:_MOST]:
        times = ""
        if advice.tasks > 1:
            times = f" ({length(advice.sequential, found.unit)} one after another, {length(advice.shortest, found.unit)} at best)"
        lines.append(f"{advice.name}: {advice.counsel}{times}: {'; '.join(advice.why)}")
    return Section(title="Side by side, or not? Advice only", lines=tuple(_cut(lines, len(found.advice))))


def _hazards(found: Explanation) -> Section:
    kinds: dict[Danger, list[str]] = {}
    for hazard in found.hazards:
        kinds.setdefault(hazard.kind, []).append(f"{hazard.kind}: {hazard.text}")
    lines = [line for texts in kinds.values() for line in _cut(texts[:_OF_A_KIND], len(texts))]
    return Section(title="Worth a look", lines=tuple(lines) or ("nothing",))


def _spawns(found: Explanation) -> Section:
    rows = [("WHAT", "KIND", "FIRST ROUND", "UP TO", "OPTIONS AS WRITTEN")]
    rows += [(_who(s), s.kind, f"{s.first:,}", f"{s.most:,}", written(s)) for s in found.spawns[:_MOST]]
    known = "unknown" if found.unit is Unit.TASKS else length(found.known, found.unit)
    if found.unit is Unit.SECONDS and found.without_estimate:
        known += f" and {count(len(found.without_estimate), 'task')} of unknown time"
    lines = [
        f"{count(found.first_acts, 'act')} in the first round, up to {found.most_acts:,} when every gate uses up "
        "its iterations; retries after faults are not counted",
        f"time of the first round's tasks: {known}; time of judgements: unknown",
    ]
    if found.replayed:
        lines.insert(
            0, "replay: true: what was recorded is replayed, not spawned; --orch-record spawns all of it"
        )
    return Section(
        title="What will be spawned",
        lines=tuple(_cut(lines, len(lines) + len(found.spawns[_MOST:]))),
        rows=tuple(rows),
    )


def _limits(found: Explanation) -> Section:
    """Only what nobody needs to guess: what acts will cost is unknown."""
    lines = [text for limit in found.limits[:_MOST] for text in _limit_lines(limit)]
    return Section(title="Budgets", lines=tuple(_cut(lines, len(lines) + len(found.limits[_MOST:]))))


def _limit_lines(limit: Limit) -> Iterator[str]:
    kind, _, name = limit.scope.partition(":")
    who = "the run" if not name else f"{kind} {name.rpartition('/')[2]}"
    spawns, wall, least = limit.budget.get("spawns"), limit.budget.get("wall"), limit.least_seconds
    if spawns is not None:
        few = "it will be reached in the first round" if spawns < limit.first else "it may be reached"
        says = "enough but for retries after faults" if spawns >= limit.most else few
        yield f"{who}: {spawns:,.0f} spawns for {limit.first:,} acts in the first round, up to {limit.most:,}: {says}"
    if wall is not None:
        span = length(wall, Unit.SECONDS)
        known = "how long it takes is unknown" if least is None else ""
        if least is not None:
            known = f"the first round takes at least {length(least, Unit.SECONDS)}"
            known += ": it will be reached" if least > wall else ""
        yield f"{who}: {span} of time; {known}"
    dear = [unit for unit in ("usd", "tokens") if unit in limit.budget]
    if dear:
        amounts = " and ".join(
            f"{limit.budget[u]:,.2f} USD" if u == "usd" else f"{limit.budget[u]:,.0f} tokens" for u in dear
        )
        yield f"{who}: {amounts}; what acts cost is unknown before they ran"


def _who(spawn: Spawn) -> str:
    if spawn.role == "checks":
        return "rounds of checks"
    return (
        f"{spawn.role}s of {spawn.name}"
        if spawn.role == "task" and spawn.name
        else spawn.name or "plain commands"
    )


def written(spawn: Spawn) -> str:
    """The options and the command line of an agent, as the plan has them; safe to print."""
    parts = [f"{name}: {json.dumps(plain(value))}" for name, value in spawn.options.items()]
    if spawn.command:
        parts.append(f"run: {json.dumps(list(spawn.command))}")
    return one_line(", ".join(parts))


def _cut(lines: list[str], all_: int) -> list[str]:
    return lines if len(lines) >= all_ else [*lines, f"and {all_ - len(lines):,} more, see --json"]
