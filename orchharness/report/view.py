"""The report as values: everything the template shows, computed from the plan, the records and what lies beside them.

Pure: no clock, no files. What was written by agents and critics is cleaned and bounded here, escaped by the template.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report import heading
from orchharness.report.acts import ActGroup, act_groups
from orchharness.report.blocked import BlockedRow, blocked
from orchharness.report.critical import critical_path
from orchharness.report.facts import Fact, Pace, facts, paces
from orchharness.report.figure import Timeline
from orchharness.report.gates import GateView, gate_view, worst_finding
from orchharness.report.graph import Graph, graph
from orchharness.report.heading import ORDER, past_of
from orchharness.report.history import History, read
from orchharness.report.layout import layout
from orchharness.report.material import Material
from orchharness.report.plantext import PlanText, plan_text
from orchharness.report.sections import SectionView
from orchharness.report.tables import (
    ArtifactRow,
    Row,
    TaskRow,
    TroubleRow,
    WaiverRow,
    artifacts,
    bounded,
    task_row,
    troubles,
    waivers,
)
from orchharness.report.text import LIMIT, clean, line, moment
from orchharness.report.timeline import timeline

MANY_ITEMS, MANY_ACTS, MANY_GATES = 300, 5000, 60
TASKS, GATES, ARTIFACTS, TROUBLES, BLOCKED, WARNINGS, EDGES = 2500, 2500, 1000, 300, 1000, 300, 100
_CAUSES = 12
MANY_TEXTS = 400  # acts
FOLDED = 200  # rows of a table; above that it is folded
_BAD = frozenset({"failed", "error", "lost", "paused", "cancelled"})


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
    acts: tuple[ActGroup, ...]
    waivers: tuple[WaiverRow, ...]
    graph: Graph | None
    text: PlanText | None
    anchors: frozenset[str]  # what a link on the page can lead to: `task-ID`, `gate-ID`, `act-NAME`
    paces: tuple[Pace, ...]
    waiting: tuple[str, ...]  # items that wait for a person
    written: float  # when it was made, in seconds since the epoch
    sections: tuple[SectionView, ...] = ()  # of plugins

    @property
    def many_tasks(self) -> bool:
        """Whether the tasks are folded by lane."""
        return len(self.tasks) > FOLDED

    @property
    def task_groups(self) -> tuple[tuple[str, tuple[TaskRow, ...]], ...]:
        """The tasks by lane where there are many, each to be unfolded by itself; else nothing."""
        if not self.many_tasks:
            return ()
        groups: dict[str, list[TaskRow]] = {}
        name = ""
        for row in self.tasks:
            name = row.first or name
            groups.setdefault(name, []).append(row)
        return tuple((name, tuple(rows)) for name, rows in groups.items())

    @property
    def written_at(self) -> str:
        """When it was made, for people."""
        return moment(self.written)

    @property
    def many_acts(self) -> bool:
        """Whether there are so many acts that each has one text for all it was told and printed."""
        return sum(len(group.acts) for group in self.acts) > MANY_TEXTS

    @property
    def few_acts(self) -> bool:
        """Whether all acts can be shown at once."""
        return sum(len(group.acts) for group in self.acts) <= 60


def build(
    plan: Plan,
    records: Sequence[Mapping[str, Any]],
    *,
    now: float,
    warnings: Sequence[str] = (),
    look: Callable[[History], Material] = lambda _: Material(),
) -> ReportView:
    """The view of a run as its records tell it; `now` (seconds since the epoch) is for runs without an end.

    `warnings` are the caller's own, such as a journal's torn tail. `look` finds what lies beside the journal.
    """
    history = read(plan, records, now=now)
    material = look(history)
    selected = [item for item in history.selected if item in plan.tasks or item in plan.gates]
    many = len(selected) > MANY_ITEMS or len(history.acts) > MANY_ACTS
    limit = LIMIT // 10 if many else LIMIT
    path = critical_path(plan, history.acts)
    causes = list(_causes(plan, history, selected))
    left_out: dict[str, int] = {}
    tasks = _tasks(plan, history, selected, limit, left_out)
    gates = _gates(plan, history, selected, limit, left_out, material)
    groups, left_out["acts"] = act_groups(plan, history, material, limit)
    return ReportView(
        title=line(plan.title or plan.id),
        plan=line(plan.id),
        run=history.run,
        when=heading.when(history),
        state=history.state if history.finished else "running",
        verdict=heading.verdict(plan, history, selected),
        unfinished=heading.unfinished(history, records, now),
        facts=tuple(facts(plan, history, path)),
        task_counts=_counts(history, [item for item in selected if item in plan.tasks]),
        gate_counts=_counts(history, [item for item in selected if item in plan.gates]),
        causes=tuple(causes[:_CAUSES]),
        more_causes=max(0, len(causes) - _CAUSES),
        timeline=timeline(plan, history, path),
        critical=tuple(act.name for act in path),
        edges=tuple(_bound("edges", list(_edges(plan)), EDGES, left_out)),
        gates=tuple(gates),
        tasks=tuple(tasks),
        acts=tuple(groups),
        waivers=tuple(_bound("waivers", waivers(plan, history), WARNINGS, left_out)),
        graph=graph(plan, history, layout),
        text=plan_text(plan, material.plan),
        anchors=_anchors(tasks, gates, groups),
        paces=tuple(paces(plan, history, path)),
        waiting=tuple(_waiting(history, selected)),
        written=now,
        blocked=tuple(_bound("blocked", blocked(plan, history), BLOCKED, left_out)),
        artifacts=tuple(_bound("artifacts", artifacts(plan, history), ARTIFACTS, left_out)),
        troubles=tuple(_bound("troubles", troubles(history, limit), TROUBLES, left_out)),
        warnings=tuple(_bound("warnings", _warnings(plan, history, selected, warnings), WARNINGS, left_out)),
        left_out=left_out,
        notes=tuple(heading.notes(plan, history, selected)),
        protocol=tuple((line(key, 80), clean(value, 1000)) for key, value in plan.protocol.items()),
        description=clean(plan.description),
        about=tuple(heading.about(plan, history)),
        header=heading.pretty(history.header),
        replayed=line(history.header.get("replayed"), 300),
        simulated=heading.simulated(history),
    )


def _anchors(
    tasks: Sequence[TaskRow], gates: Sequence[GateView], groups: Sequence[ActGroup]
) -> frozenset[str]:
    acts = (f"act-{act.name}" for group in groups for act in group.acts)
    return frozenset((*(f"task-{t.id}" for t in tasks), *(f"gate-{g.id}" for g in gates), *acts))


def _waiting(history: History, selected: Sequence[str]) -> Iterable[str]:
    return (item for item in selected if past_of(history, item).state == "paused")


def _bound(name: str, rows: Sequence[Row], most: int, left_out: dict[str, int]) -> list[Row]:
    kept, left_out[name] = bounded(rows, most, [False] * len(rows))
    return kept


def _counts(history: History, items: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = Counter(past_of(history, item).state for item in items)
    known = [state for state in ORDER if counts[state]]
    return tuple((state, counts[state]) for state in [*known, *sorted(counts.keys() - set(ORDER))])


def _causes(plan: Plan, history: History, selected: Sequence[str]) -> Iterable[Cause]:
    for item in selected:
        past = past_of(history, item)
        if past.state in _BAD:
            acts = [act for act in past.acts if act.over is not None]
            reason = past.reason or (line(acts[-1].result.get("detail"), 500) if acts else "")
            kind = "gate" if item in plan.gates else "task"
            yield Cause(id=item, type=kind, state=past.state, reason=reason, finding=worst_finding(past))


def _edges(plan: Plan) -> Iterable[EdgeView]:
    for edge in plan.edges:
        targets, carried = line(", ".join(edge.targets)), line(", ".join(edge.artifacts))
        yield EdgeView(id=line(edge.id, 80), source=line(edge.source, 80), targets=targets, artifacts=carried)


def _gates(
    plan: Plan,
    history: History,
    selected: Sequence[str],
    limit: int,
    left_out: dict[str, int],
    material: Material,
) -> list[GateView]:
    gates = [plan.gates[item] for item in selected if item in plan.gates]
    pasts = [past_of(history, gate.id) for gate in gates]
    matters = [past.state not in {"passed", "skipped", "waiting"} or len(past.rounds) > 1 for past in pasts]
    kept, left_out["gates"] = bounded(gates, GATES, matters)
    brief = len(gates) > MANY_GATES  # what passed at once is then told in one line
    return [gate_view(plan, history, gate, limit, material.read, brief=brief) for gate in kept]


def _tasks(
    plan: Plan, history: History, selected: Sequence[str], limit: int, left_out: dict[str, int]
) -> list[TaskRow]:
    tasks = [plan.tasks[item] for item in selected if item in plan.tasks]
    matters = [past_of(history, task.id).state in _BAD for task in tasks]
    kept, left_out["tasks"] = bounded(tasks, TASKS, matters)
    rows, lane = [], None
    for task in kept:
        name = task.track if task.track == task.phase else f"{task.phase} / {task.track}"
        rows.append(task_row(task, past_of(history, task.id), limit, "" if name == lane else name))
        lane = name
    return rows


def _warnings(plan: Plan, history: History, selected: Sequence[str], more: Sequence[str]) -> list[str]:
    found = [line(warning, 1000) for warning in (*more, *plan.warnings)] + history.notes
    found += [f"{item}: {warning}" for item in selected for warning in past_of(history, item).warnings]
    return list(dict.fromkeys(found))
