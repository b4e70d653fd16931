"""What the report says of the run as a whole: when it was, how it went, and what the reader must know of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Plan
from orchharness.report.history import History, ItemPast
from orchharness.report.text import clean, duration, line, moment, plural

ORDER = (
    "failed", "error", "lost", "cancelled", "paused", "waived", "skipped",
    "refining", "judging", "running", "ready", "waiting", "passed",
)  # fmt: skip


def past_of(history: History, item: str) -> ItemPast:
    """How an item stands, also one that nothing happened to."""
    return history.items.get(item) or ItemPast()


def when(history: History) -> str:
    """When it was, on a virtual clock where it was simulated."""
    if not history.run:
        return ""
    if simulated(history):
        return f"{_virtual(history.started)} to {_virtual(history.last)}, on a virtual clock"
    start, end = moment(history.started), moment(history.last)
    same_day = start[:10] == end[:10]
    return f"{start.removesuffix(' UTC')} to {end[11:] if same_day else end}"


def simulated(history: History) -> tuple[str, ...]:
    """What a simulation assumed; whatever stands there marks the page, so that no such run is taken for a real one."""
    said = history.header.get("simulated")
    if not said:
        return ()
    texts = said if isinstance(said, list | tuple) else ["nothing is known of what was assumed"]
    return tuple(line(text, 500) for text in texts[:40])


def _virtual(at: float) -> str:
    """A moment of a simulation: a time of day, and which day it is since it began."""
    return f"day {int(at // 86400) + 1}, {moment(at)[11:16]}"


def verdict(plan: Plan, history: History, selected: Sequence[str]) -> str:
    """How many items stand how, in a sentence."""
    tasks = [past_of(history, item).state for item in selected if item in plan.tasks]
    gates = [past_of(history, item).state for item in selected if item in plan.gates]
    total = " and ".join(plural(len(s), word) for s, word in ((tasks, "task"), (gates, "gate")) if s)
    states = Counter([*tasks, *gates])
    if not total:
        return "Nothing was selected, so nothing was run."
    if states["passed"] == len(selected):
        return f"All of it passed: {total}."
    done = f"{states['passed']:,} of {len(selected):,} passed ({total})"
    rest = [f"{states[state]:,} {state}" for state in ORDER if states[state] and state != "passed"]
    return f"{done}; {', '.join(rest)}."


def unfinished(history: History, records: Sequence[Mapping[str, Any]], now: float) -> str:
    """That the run has no end, where it has none."""
    if not records:
        return "The journal is empty: the run has not begun."
    if history.finished:
        return ""
    silent = duration(max(0.0, now - history.last))
    text = f"This run has no end in its journal: it is still going on, or was killed. Last record {silent} before this"
    cut = " The picture is cut off some time after it." if now > history.horizon + 1 else ""
    return f"{text} report.{cut}"


def notes(plan: Plan, history: History, selected: Sequence[str]) -> Iterable[str]:
    """What the reader must know before believing the numbers."""
    everything = len(plan.tasks) + len(plan.gates)
    if len(selected) < everything:
        yield f"Only {len(selected):,} of the plan's {everything:,} items were selected."
    if history.digest and history.digest != plan.digest:
        yield "The plan given to this report is not the one that ran: its digest is another. Use the run's own copy."


def about(plan: Plan, history: History) -> Iterable[tuple[str, str]]:
    """What was run, by what."""
    yield "Plan file", line(plan.path, 500)
    yield "Plan digest", history.digest or line(plan.digest, 80)
    yield "Run", history.run
    yield "Engine", line(history.header.get("engine") or history.header.get("version"))
    yield "Journal format", line(history.header.get("format"), 20)
    yield "Parallel acts", line(history.header.get("parallel") or plan.parallel, 20)


def pretty(header: Mapping[str, Any]) -> str:
    """The journal's header as it stands there."""
    try:
        return clean(json.dumps(dict(header), indent=2, ensure_ascii=False, default=str), 8000)
    except (TypeError, ValueError, RecursionError):
        return ""
