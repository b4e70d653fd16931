"""The tables of the report: tasks, artifacts, and acts that did not succeed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from orchharness.core.plan import Plan, Task
from orchharness.record import record
from orchharness.report.history import Act, History, ItemPast
from orchharness.report.text import clean, duration, entries, line, mapping, short, size

FILES = 6  # of one task and direction, shown in its row


@record
class FileRow:
    """A file of a task."""

    name: str
    path: str
    short: str
    sha256: str
    note: str  # how it was made, or whose it is


@record
class TaskRow:
    """One task, ready to be shown."""

    id: str
    title: str
    state: str
    reason: str
    agent: str
    iterations: int
    acts: int
    time: str
    detail: str
    summary: str
    inputs: tuple[FileRow, ...]
    more_inputs: int
    outputs: tuple[FileRow, ...]
    more_outputs: int
    first: str  # the lane's name where a new one begins


@record
class Reader:
    """An act that was given an artifact; `edge` is the cross-pollination it came over, where it did."""

    item: str
    type: str
    note: str
    edge: str


@record
class WaiverRow:
    """A gate that was let through."""

    id: str
    score: str
    threshold: str
    reason: str
    by: str


@record
class ArtifactRow:
    """One version of one file: who made it, and whom these bytes went to."""

    name: str
    path: str
    short: str
    sha256: str
    size: str
    how: str
    producer: str
    maker: str  # the item that made it
    type: str
    iteration: int
    consumers: tuple[Reader, ...]
    superseded: bool


@record
class TroubleRow:
    """An act that did not succeed, or was not the first attempt."""

    act: str
    item: str
    critic: str
    attempt: int
    outcome: str
    detail: str
    exit: str
    time: str


Row = TypeVar("Row")


def bounded(rows: Sequence[Row], most: int, matters: Sequence[bool]) -> tuple[list[Row], int]:
    """At most `most` rows in their order: those that matter first, then the latest; and how many were left out."""
    if len(rows) <= most:
        return list(rows), 0
    order = sorted(range(len(rows)), key=lambda n: (not matters[n], -n))
    return [rows[n] for n in sorted(order[:most])], len(rows) - most


def task_row(task: Task, past: ItemPast, limit: int, first: str) -> TaskRow:
    """The row of one task; `limit` bounds each text."""
    done = [act for act in past.acts if act.over is not None]
    last: Mapping[str, Any] = done[-1].result if done else {}
    inputs = list(_files(last.get("inputs"), "item"))
    outputs = list(_files(last.get("outputs"), "how"))
    return TaskRow(
        id=task.id,
        title=line(task.title),
        state=past.state,
        reason=past.reason,
        agent=line(_who(task), 120),
        iterations=max((act.iteration for act in past.acts), default=0),
        acts=len(past.acts),
        time=duration(sum(act.seconds for act in past.acts)) if past.acts else "",
        detail=clean(last.get("detail"), limit),
        summary=clean(last.get("summary"), limit),
        inputs=tuple(inputs[:FILES]),
        more_inputs=max(0, len(inputs) - FILES),
        outputs=tuple(outputs[:FILES]),
        more_outputs=max(0, len(outputs) - FILES),
        first=line(first),
    )


def _files(named: Any, note: str) -> Iterable[FileRow]:
    for name, files in mapping(named).items():
        for file in entries(files):
            yield FileRow(
                name=line(name, 80),
                path=line(file.get("path"), 300),
                short=short(file.get("sha256")),
                sha256=line(file.get("sha256"), 80),
                note=line(file.get(note), 80),
            )


def artifacts(plan: Plan, history: History) -> list[ArtifactRow]:
    """Every version of every output that an act wrote, in the order they were made, and where its bytes went."""
    readers = _readers(plan, history)
    made = list(_made(history))
    newest = {(name, str(file.get("path"))): n for n, (act, name, file) in enumerate(made)}
    return [
        ArtifactRow(
            name=line(name, 160),
            path=line(file.get("path"), 300),
            short=short(file.get("sha256")),
            sha256=line(file.get("sha256"), 80),
            size=size(file.get("size")),
            how=line(file.get("how"), 20),
            producer=f"mender of {act.item}" if act.mends else act.item,
            maker=act.item,
            type="gate" if act.item in plan.gates else "task",
            iteration=act.iteration,
            consumers=tuple(readers.get((name.rpartition(".")[0], str(file.get("sha256"))), {}).values()),
            superseded=newest[name, str(file.get("path"))] != n,
        )
        for n, (act, name, file) in enumerate(made)
    ]


def _made(history: History) -> Iterable[tuple[Act, str, Mapping[str, Any]]]:
    seen = set()
    for act in sorted(history.acts, key=lambda a: (a.over is None, a.over)):
        for output, files in mapping(act.result.get("outputs")).items():
            name = output if act.mends else f"{act.item}.{output}"
            for file in entries(files):
                key = (name, str(file.get("path")), str(file.get("sha256")))
                if key not in seen:
                    seen.add(key)
                    yield act, name, file


def waivers(plan: Plan, history: History) -> list[WaiverRow]:
    """The gates that did not pass and were let through, by a person or by the plan."""
    rows = []
    for item in history.selected:
        past, gate = history.items.get(item), plan.gates.get(item)
        if past is None or gate is None or past.state != "waived":
            continue
        score = next((r.score for r in reversed(past.rounds) if r.score is not None), "")
        said = past.decision
        who = line(said.get("by"), 80) if said else "the plan (on_exhausted: accept)"
        why = clean(said.get("note"), 2000) if said else ""
        threshold = str(gate.threshold) if gate.critics or gate.of_gates else ""
        rows.append(
            WaiverRow(id=item, score=score or "", threshold=threshold, reason=why or past.reason, by=who)
        )
    return rows


def _readers(plan: Plan, history: History) -> dict[tuple[str, str], dict[str, Reader]]:
    """(producer, digest) -> who was given it, by name and iteration, in order."""
    crossing = {(edge.source, target): line(edge.id, 40) for edge in plan.edges for target in edge.targets}
    found: dict[tuple[str, str], dict[str, Reader]] = {}
    for act in history.acts:
        type_ = "gate" if act.item in plan.gates else "task"
        note = f"i{act.iteration}"
        for files in mapping(act.result.get("inputs")).values():
            for file in entries(files):
                source = str(file.get("item"))
                reader = Reader(
                    item=act.item, type=type_, note=note, edge=crossing.get((source, act.item), "")
                )
                found.setdefault((source, str(file.get("sha256"))), {})[f"{act.item} {note}"] = reader
        for artifact, files in mapping(act.result.get("artifacts")).items():
            for file in entries(files):
                key = (str(artifact).rpartition(".")[0], str(file.get("sha256")))
                found.setdefault(key, {})[f"{act.item} {note}"] = Reader(
                    item=act.item, type=type_, note=note, edge=""
                )
    return found


def troubles(history: History, limit: int) -> list[TroubleRow]:
    """Acts that did not succeed, and further attempts."""
    return [
        TroubleRow(
            act=line(act.name, 120),
            item=act.item,
            critic=act.judge,
            attempt=act.attempt,
            outcome=act.outcome,
            detail=clean(act.result.get("detail"), limit),
            exit=line(act.result.get("exit"), 12),
            time=duration(act.seconds),
        )
        for act in history.acts
        if not act.ok or act.attempt > 1
    ]


def _who(task: Task) -> str:
    if task.ask is not None:
        return "a person"
    return f"{task.agent} ({task.kind})" if task.agent and task.agent != task.kind else task.kind
