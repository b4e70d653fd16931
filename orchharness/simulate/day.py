"""A simulated run told as a day: what is spawned, polled, judged and unblocked, by the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from orchharness.core import events as ev
from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.gating import CHECKS
from orchharness.core.plan import Edge, Mode, Plan
from orchharness.core.status import SUCCESS
from orchharness.simulate.telling import Told

_DAY = 86_400
_TOLD = frozenset(
    {"passed", "failed", "skipped", "lost", "error", "paused", "waived", "refining", "cancelled"}
)


def day(plan: Plan, told: Sequence[Told], start: float, most: int = 200) -> list[str]:
    """The lines of it; `start` is in seconds after midnight. A long one is cut after so many lines."""
    story = _Story(plan)
    lines: list[str] = []
    date = 0
    for moment, group in groupby(told, key=lambda one: one.event.at):
        here = list(story.of(list(group)))
        at = start + moment
        if here and at // _DAY != date:
            date = int(at // _DAY)
            lines.append(f"day {date + 1}")
        lines += [f"{clock(at) if not n else '':<{len(clock(at))}}  {text}" for n, text in enumerate(here)]
    left = len(lines) - most
    return lines if left <= 0 else [*lines[:most], f"and {left:,} lines more; the report has all of it"]


def clock(at: float) -> str:
    """Seconds as a clock shows them: `14:30`, with seconds where they are not whole minutes."""
    whole = round(at) % _DAY
    seconds = f":{whole % 60:02d}" if whole % 60 else ""
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}{seconds}"


class _Story:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._to: dict[str, list[Edge]] = {}  # task -> named edges that end there
        self._from: dict[str, list[Edge]] = {}  # item whose success opens the edge -> those
        for edge in plan.edges:
            for target in edge.targets:
                self._to.setdefault(target, []).append(edge)
            self._from.setdefault(graph.released_by(plan, edge.source), []).append(edge)

    def of(self, moment: Sequence[Told]) -> Iterator[str]:
        """What happened at one moment, in the order in which it did; spawns that follow each other as one."""
        for starts, group in groupby(moment, key=lambda one: isinstance(one.event, ev.TaskStarted)):
            if starts:
                yield from self._spawned(
                    [one.event for one in group if isinstance(one.event, ev.TaskStarted)]
                )
                continue
            for one in group:
                yield from self._happened(one)

    def _spawned(self, events: Sequence[ev.TaskStarted]) -> Iterator[str]:
        if len(events) == 1:
            mode = self._plan.worker(events[0].task).mode
            alone = ": nothing else starts until it is decided" if mode is Mode.FOREGROUND else ""
            yield f"spawn {self._named(events[0])} in the {mode}{alone}"
            return
        yield f"spawn together, in the background ({len(events)}):"
        yield from (f"  {self._named(event)}" for event in events)

    def _named(self, event: ev.TaskStarted) -> str:
        extra = [f"iteration {event.iteration}"] if event.iteration > 1 else []
        extra += [f"attempt {event.attempt}"] if event.attempt > 1 else []
        extra += [f"has {_carried(edge)} from {edge.source}" for edge in self._to.get(event.task, ())]
        return f"{event.task} ({'; '.join(extra)})" if extra else event.task

    def _happened(self, told: Told) -> Iterator[str]:
        event = told.event
        match event:
            case ev.TaskFinished():
                made = "; read its outputs: " + ", ".join(event.outputs) if event.outputs else ""
                yield f"poll: {event.task} {_ended(event.outcome, event.detail)}{made}"
            case ev.JudgementStarted():
                yield f"judge {event.gate}: {self._judge(event)}"
            case ev.JudgementFinished() if event.outcome is not Outcome.SUCCESS:
                yield f"poll: {event.critic} of {event.gate} {_ended(event.outcome, event.detail)}"
            case ev.RunFinished():
                yield f"the run is over: {event.state}" + (f" ({event.reason})" if event.reason else "")
            case _:
                pass
        yield from self._updated(told)

    def _judge(self, event: ev.JudgementStarted) -> str:
        if event.critic == CHECKS:
            return "its checks"
        critic, gate = self._plan.critics[event.critic], self._plan.gates[event.gate]
        holds = f": {gate.track} waits, other tracks go on" if critic.mode is Mode.FOREGROUND else ""
        return f"{event.critic} in the {critic.mode}{holds}"

    def _updated(self, told: Told) -> Iterator[str]:
        if isinstance(told.event, ev.RunStarted):
            return
        for t in told.then:
            if t.state in _TOLD:
                yield f"state updated: {t.item} {t.state}" + (f": {t.reason}" if t.state == "skipped" else "")
            if t.state in SUCCESS:
                for edge in self._from.get(t.item, ()):
                    yield f"{_carried(edge)} is there for {', '.join(edge.targets)}"
        free = [
            t.item
            for t in told.then
            if t.state == "ready" and t.was == "waiting" and t.item in self._plan.tasks
        ]
        if free:
            rest = f" and {len(free) - 8:,} more" if len(free) > 8 else ""  # noqa: PLR2004 - fits a line
            yield f"unblocked: {', '.join(free[:8])}{rest}"


def _carried(edge: Edge) -> str:
    return f"{edge.id} ({', '.join(edge.artifacts)})" if edge.artifacts else edge.id


def _ended(outcome: Outcome, detail: str) -> str:
    return "complete" if outcome is Outcome.SUCCESS else f"ended: {detail or outcome}"
