"""What is drawn in the timeline, before it has a place: acts, verdicts without acts, and waiting for people."""

from __future__ import annotations

from collections.abc import Iterable

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.history import RUNNING, Act, History, ItemPast, Round
from orchharness.report.spending import money_of
from orchharness.report.text import duration, line


@record
class Entry:
    """Something to be drawn, before it has a place."""

    act: Act | None
    item: str
    key: str
    start: float
    end: float
    label: str
    needed: bool  # the label must be drawn
    title: str
    kind: str


Group = tuple[str, str, str, list[Entry]]  # id, name, detail


def entries_of(plan: Plan, history: History) -> list[Group]:
    """What is drawn of each track in which something happened."""
    groups: list[Group] = []
    for phase in plan.phases:
        for track in phase.tracks:
            entries = [entry for item in track.items for entry in _of_item(plan, history, item)]
            if entries:
                name = track.title or track.id
                detail = "" if track.id == phase.id else line(phase.title or phase.id, 60)
                groups.append((f"{phase.id}/{track.id}", line(name, 60), detail, entries))
    return groups


def by_phase(plan: Plan, groups: list[Group]) -> list[Group]:
    """The same with one group per phase."""
    merged: dict[str, list[Entry]] = {}
    for *_, entries in groups:
        merged.setdefault(plan.item(entries[0].item).phase, []).extend(entries)
    titles = {phase.id: phase.title or phase.id for phase in plan.phases}
    return [(phase, line(titles[phase], 60), "", entries) for phase, entries in merged.items()]


def _of_item(plan: Plan, history: History, item: str) -> Iterable[Entry]:
    past = history.items.get(item)
    if past is None:
        return
    gate = plan.gates.get(item)
    key = item if gate is None else gate.owner or item
    several = len({act.iteration for act in past.acts}) > 1
    for place, act in enumerate(past.acts):
        yield Entry(
            act=act,
            item=item,
            key=key,
            start=act.start,
            end=act.end,
            label=_label(act, first=not place, several=several),
            needed=act.critic is None and not place,
            title=_title(act, history.started),
            kind="task" if act.critic is None else "critic",
        )
    for start, end in _pauses(past, history):
        title = f"{item} waits for a person\n{_span(start, end, history.started)}"
        yield Entry(act=None, item=item, key=key, start=start, end=end, label=item, needed=True, title=title, kind="pause")  # fmt: skip
    if not past.acts and past.rounds and past.rounds[-1].state != "paused":
        last = past.rounds[-1]
        title = _verdict(item, last, history.started)
        yield Entry(act=None, item=item, key=key, start=last.at, end=last.at, label=item, needed=True, title=title, kind="verdict")  # fmt: skip


def _pauses(past: ItemPast, history: History) -> Iterable[tuple[float, float]]:
    """When it waited for a person."""
    ends = [step.at for step in past.steps[1:]] + [max(history.horizon, history.last)]
    for step, end in zip(past.steps, ends, strict=False):
        if step.state == "paused" and end > step.at:
            yield step.at, end


def _label(act: Act, *, first: bool, several: bool) -> str:
    if act.critic is not None:
        return f"{act.item} i{act.iteration}" if several else act.item
    if first:
        return f"{act.item} i{act.iteration}" if several else act.item
    return f"i{act.iteration}" if act.attempt == 1 else f"i{act.iteration} a{act.attempt}"


def _title(act: Act, start: float) -> str:
    """What a bar stands for, a fact a line."""
    who = (
        f"{act.item}, its mender"
        if act.mends
        else act.item
        if act.critic is None
        else f"{act.item}, judged by {act.judge}"
    )
    attempt = f", attempt {act.attempt}" if act.attempt > 1 else ""
    outcome = "still running" if act.outcome == RUNNING else act.outcome
    lines = [f"{who}, iteration {act.iteration}{attempt}", f"{outcome}, {_span(act.start, act.end, start)}"]
    if act.waited >= 0.1:
        lines.append(f"waited {duration(act.waited)} before it")
    spent = money_of(act.result.get("usage"))
    return "\n".join([*lines, *([spent] if spent else [])])


def _span(start: float, end: float, origin: float) -> str:
    return f"{duration(end - start)} ({duration(start - origin)} to {duration(end - origin)})"


def _verdict(gate: str, last: Round, start: float) -> str:
    score = f", score {last.score}" if last.score is not None else ""
    return f"{gate}: {last.state}{score}\n{duration(last.at - start)} after the start"
