"""The report as values: everything the template shows, computed from the plan and the records alone.

Pure: no clock, no files. What was written by agents and critics is cleaned and bounded here, escaped by the template.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.blocked import BlockedRow, blocked
from orchharness.report.critical import critical_path
from orchharness.report.facts import Fact, facts
from orchharness.report.figure import Timeline
from orchharness.report.gates import GateView, gate_view, worst_finding
from orchharness.report.history import History, ItemPast, read
from orchharness.report.tables import (
    ArtifactRow,
    Row,
    TaskRow,
    TroubleRow,
    artifacts,
    bounded,
    task_row,
    troubles,
)
from orchharness.report.text import LIMIT, clean, duration, line, moment, plural
from orchharness.report.timeline import timeline

MANY_ITEMS, MANY_ACTS, MANY_GATES = 300, 5000, 60
TASKS, GATES, ARTIFACTS, TROUBLES, BLOCKED, WARNINGS = 2000, 300, 600, 300, 1000, 300
_CAUSES = 12
_BAD = frozenset({"failed", "error", "lost", "paused", "cancelled"})
_ORDER = (
    "failed", "error", "lost", "cancelled", "paused", "waived", "skipped",
    "refining", "judging", "running", "ready", "waiting", "passed",
)  # fmt: skip


@record
class Cause:
    """An item at the root of a run that did not pass."""

    id: str
    type: str
    state: str
    reason: str
    finding: str  # the worst one of the gate's last judgement


@record
class EdgeView:
    """A cross-pollination edge, in words."""

    id: str
    source: str
    targets: str
    artifacts: str


@record
class ReportView:
    """Everything that is shown. The `left_out` of a table says how many rows it lacks."""

    title: str
    plan: str
    run: str
    when: str
    state: str
    verdict: str
    unfinished: str
    facts: tuple[Fact, ...]
    task_counts: tuple[tuple[str, int], ...]
    gate_counts: tuple[tuple[str, int], ...]
    causes: tuple[Cause, ...]
    more_causes: int
    timeline: Timeline
    critical: tuple[str, ...]
    edges: tuple[EdgeView, ...]
    gates: tuple[GateView, ...]
    tasks: tuple[TaskRow, ...]
    blocked: tuple[BlockedRow, ...]
    artifacts: tuple[ArtifactRow, ...]
    troubles: tuple[TroubleRow, ...]
    warnings: tuple[str, ...]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    protocol: tuple[tuple[str, str], ...]
    description: str
    about: tuple[tuple[str, str], ...]
    header: str
    replayed: str  # where the agents' answers came from; empty for a run in which agents ran
    simulated: tuple[str, ...]  # what was assumed; empty for a run that took place


def build(
    plan: Plan, records: Sequence[Mapping[str, Any]], *, now: float, warnings: Sequence[str] = ()
) -> ReportView:
    """The view of a run as its records tell it; `now` (seconds since the epoch) is for runs without an end.

    `warnings` are the caller's own, such as a journal's torn tail.
    """
    history = read(plan, records, now=now)
    selected = [item for item in history.selected if item in plan.tasks or item in plan.gates]
    many = len(selected) > MANY_ITEMS or len(history.acts) > MANY_ACTS
    limit = LIMIT // 10 if many else LIMIT
    path = critical_path(plan, history.acts)
    causes = list(_causes(plan, history, selected))
    left_out: dict[str, int] = {}
    return ReportView(
        title=line(plan.title or plan.id),
        plan=line(plan.id),
        run=history.run,
        when=_when(history),
        state=history.state if history.finished else "running",
        verdict=_verdict(plan, history, selected),
        unfinished=_unfinished(history, records, now),
        facts=tuple(facts(history, path)),
        task_counts=_counts(history, [item for item in selected if item in plan.tasks]),
        gate_counts=_counts(history, [item for item in selected if item in plan.gates]),
        causes=tuple(causes[:_CAUSES]),
        more_causes=max(0, len(causes) - _CAUSES),
        timeline=timeline(plan, history, path),
        critical=tuple(act.name for act in path),
        edges=tuple(_edges(plan)),
        gates=tuple(_gates(plan, history, selected, limit, left_out)),
        tasks=tuple(_tasks(plan, history, selected, limit, left_out)),
        blocked=tuple(_bound("blocked", blocked(plan, history), BLOCKED, left_out)),
        artifacts=tuple(_bound("artifacts", artifacts(history), ARTIFACTS, left_out)),
        troubles=tuple(_bound("troubles", troubles(history, limit), TROUBLES, left_out)),
        warnings=tuple(_bound("warnings", _warnings(plan, history, selected, warnings), WARNINGS, left_out)),
        left_out=left_out,
        notes=tuple(_notes(plan, history, selected)),
        protocol=tuple((line(key, 80), clean(value, 1000)) for key, value in plan.protocol.items()),
        description=clean(plan.description),
        about=tuple(_about(plan, history)),
        header=_pretty(history.header),
        replayed=line(history.header.get("replayed"), 300),
        simulated=_simulated(history),
    )


def _past(history: History, item: str) -> ItemPast:
    return history.items.get(item) or ItemPast()


def _bound(name: str, rows: Sequence[Row], most: int, left_out: dict[str, int]) -> list[Row]:
    kept, left_out[name] = bounded(rows, most, [False] * len(rows))
    return kept


def _when(history: History) -> str:
    if not history.run:
        return ""
    if _simulated(history):
        return f"{_virtual(history.started)} to {_virtual(history.last)}, on a virtual clock"
    start, end = moment(history.started), moment(history.last)
    same_day = start[:10] == end[:10]
    return f"{start.removesuffix(' UTC')} to {end[11:] if same_day else end}"


def _simulated(history: History) -> tuple[str, ...]:
    """What a simulation assumed; whatever stands there marks the page, so that no such run is taken for a real one."""
    said = history.header.get("simulated")
    if not said:
        return ()
    texts = said if isinstance(said, list | tuple) else ["nothing is known of what was assumed"]
    return tuple(line(text, 500) for text in texts[:40])


def _virtual(at: float) -> str:
    """A moment of a simulation: a time of day, and which day it is since it began."""
    return f"day {int(at // 86400) + 1}, {moment(at)[11:16]}"


def _verdict(plan: Plan, history: History, selected: Sequence[str]) -> str:
    tasks = [_past(history, item).state for item in selected if item in plan.tasks]
    gates = [_past(history, item).state for item in selected if item in plan.gates]
    total = " and ".join(plural(len(s), word) for s, word in ((tasks, "task"), (gates, "gate")) if s)
    states = Counter([*tasks, *gates])
    if not total:
        return "Nothing was selected, so nothing was run."
    if states["passed"] == len(selected):
        return f"All of it passed: {total}."
    done = f"{states['passed']:,} of {len(selected):,} passed ({total})"
    rest = [f"{states[state]:,} {state}" for state in _ORDER if states[state] and state != "passed"]
    return f"{done}; {', '.join(rest)}."


def _unfinished(history: History, records: Sequence[Mapping[str, Any]], now: float) -> str:
    if not records:
        return "The journal is empty: the run has not begun."
    if history.finished:
        return ""
    silent = duration(max(0.0, now - history.last))
    text = f"This run has no end in its journal: it is still going on, or was killed. Last record {silent} before this"
    cut = " The picture is cut off some time after it." if now > history.horizon + 1 else ""
    return f"{text} report.{cut}"


def _counts(history: History, items: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = Counter(_past(history, item).state for item in items)
    known = [state for state in _ORDER if counts[state]]
    return tuple((state, counts[state]) for state in [*known, *sorted(counts.keys() - set(_ORDER))])


def _causes(plan: Plan, history: History, selected: Sequence[str]) -> Iterable[Cause]:
    for item in selected:
        past = _past(history, item)
        if past.state in _BAD:
            acts = [act for act in past.acts if act.over is not None]
            reason = past.reason or (line(acts[-1].result.get("detail"), 500) if acts else "")
            kind = "gate" if item in plan.gates else "task"
            yield Cause(id=item, type=kind, state=past.state, reason=reason, finding=worst_finding(past))


def _edges(plan: Plan) -> Iterable[EdgeView]:
    for edge in plan.edges[:100]:
        targets, carried = line(", ".join(edge.targets)), line(", ".join(edge.artifacts))
        yield EdgeView(id=line(edge.id, 80), source=line(edge.source, 80), targets=targets, artifacts=carried)


def _gates(
    plan: Plan, history: History, selected: Sequence[str], limit: int, left_out: dict[str, int]
) -> list[GateView]:
    gates = [plan.gates[item] for item in selected if item in plan.gates]
    pasts = [_past(history, gate.id) for gate in gates]
    matters = [past.state not in {"passed", "skipped", "waiting"} or len(past.rounds) > 1 for past in pasts]
    kept, left_out["gates"] = bounded(gates, GATES, matters)
    brief = len(gates) > MANY_GATES  # what passed at once is then told in one line
    return [gate_view(plan, history, gate, limit, brief=brief) for gate in kept]


def _tasks(
    plan: Plan, history: History, selected: Sequence[str], limit: int, left_out: dict[str, int]
) -> list[TaskRow]:
    tasks = [plan.tasks[item] for item in selected if item in plan.tasks]
    matters = [_past(history, task.id).state in _BAD for task in tasks]
    kept, left_out["tasks"] = bounded(tasks, 1000 if len(history.acts) > MANY_ACTS else TASKS, matters)
    rows, lane = [], None
    for task in kept:
        name = task.track if task.track == task.phase else f"{task.phase} / {task.track}"
        rows.append(task_row(task, _past(history, task.id), limit, "" if name == lane else name))
        lane = name
    return rows


def _warnings(plan: Plan, history: History, selected: Sequence[str], more: Sequence[str]) -> list[str]:
    found = [line(warning, 1000) for warning in (*more, *plan.warnings)] + history.notes
    found += [f"{item}: {warning}" for item in selected for warning in _past(history, item).warnings]
    return list(dict.fromkeys(found))


def _notes(plan: Plan, history: History, selected: Sequence[str]) -> Iterable[str]:
    everything = len(plan.tasks) + len(plan.gates)
    if len(selected) < everything:
        yield f"Only {len(selected):,} of the plan's {everything:,} items were selected."
    if history.digest and history.digest != plan.digest:
        yield "The plan given to this report is not the one that ran: its digest is another. Use the run's own copy."


def _about(plan: Plan, history: History) -> Iterable[tuple[str, str]]:
    yield "Plan file", line(plan.path, 500)
    yield "Plan digest", history.digest or line(plan.digest, 80)
    yield "Run", history.run
    yield "Engine", line(history.header.get("engine") or history.header.get("version"))
    yield "Journal format", line(history.header.get("format"), 20)
    yield "Parallel acts", line(history.header.get("parallel") or plan.parallel, 20)


def _pretty(header: Mapping[str, Any]) -> str:
    try:
        return clean(json.dumps(dict(header), indent=2, ensure_ascii=False, default=str), 8000)
    except (TypeError, ValueError, RecursionError):
        return ""
