"""What the records tell: acts with their times, and how each item went. The transitions are the truth for states.

A record this version does not know is passed over, so that a newer journal of the same major version can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from orchharness.core.budget import tally
from orchharness.core.events import from_record
from orchharness.core.plan import Plan, gate_of
from orchharness.core.spent import Spent
from orchharness.core.terms import terms_of
from orchharness.errors import JournalError
from orchharness.record import record
from orchharness.report.pauses import Pauses
from orchharness.report.text import entries, line, mapping, moment, number, plural

RUNNING = "running"
_DROPPED = {"outcome": "cancelled", "detail": "its work does not count for the plan as it is now"}
_VERDICTS = frozenset({"passed", "refining", "failed", "error", "paused", "waived"})


@record
class Act:
    """One spawn. `begun` and `over` are places in the journal; `end` of a running act is the report's horizon."""

    name: str
    item: str  # the task, or the gate a critic judges for
    critic: str | None
    iteration: int
    attempt: int
    sample: int  # which of the critic's judgements of the iteration it is
    begun: int
    over: int | None
    start: float
    end: float
    outcome: str
    result: Mapping[str, Any]  # the record of its end, empty while it runs
    mends: bool = False  # it is of the gate's mender
    ready: float | None = None  # since when it could have been started, where it had to wait for that
    paused: float = 0.0  # seconds since then that lie between two sessions

    @property
    def waited(self) -> float:
        """How long it waited for a free place, a counter or its next attempt, with all it needs there."""
        return 0.0 if self.ready is None else max(0.0, self.start - self.ready - self.paused)

    @property
    def seconds(self) -> float:
        """How long it took, or takes already."""
        return self.end - self.start

    @property
    def judge(self) -> str:
        """The critic, and which of its judgements it is where that is not the first one; empty for a task's act."""
        name = line(self.critic) if self.critic is not None else ""
        return name if self.sample == 1 else f"{name} (judgement {self.sample})"

    @property
    def ok(self) -> bool:
        """Whether it succeeded, or may still."""
        return self.outcome in {"success", RUNNING}


@record
class Round:
    """One verdict of a gate, `refining` included; `score` is the decimal as text."""

    iteration: int
    state: str
    score: str | None
    reason: str
    at: float


class Step(NamedTuple):
    """A state that an item came into, and when."""

    state: str
    at: float


@dataclass(slots=True)
class ItemPast:
    """How one item stands and came there."""

    state: str = "waiting"
    reason: str = ""
    iteration: int = 0
    warnings: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    decision: Mapping[str, Any] = field(default_factory=dict)  # the record of what a person decided last
    acts: list[Act] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class History:
    """A run, as far as its journal tells. `state` is `running` when it has no end."""

    run: str = ""
    plan: str = ""
    digest: str = ""
    selected: tuple[str, ...] = ()
    header: Mapping[str, Any] = field(default_factory=dict)
    started: float = 0.0
    last: float = 0.0  # time of the last record
    horizon: float = 0.0  # where the picture ends
    state: str = RUNNING
    reason: str = ""
    finished: bool = False
    notes: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    items: dict[str, ItemPast] = field(default_factory=dict)
    spent: tuple[Spent, ...] = ()  # of the plan's budgets
    pauses: Pauses = field(default_factory=Pauses)

    @property
    def seconds(self) -> float:
        """How long it took, to its end or to where the picture ends; without the time between its sessions."""
        return self.pauses.time(self.started, self.horizon)


def read(plan: Plan, records: Sequence[Mapping[str, Any]], *, now: float) -> History:
    """The history of a run. `now` ends what has no end, unless nothing was heard for long: then it is cut."""
    history = History(selected=(*plan.tasks, *plan.gates), started=now, last=now)
    open_acts: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for place, entry in enumerate(records):
        at = number(entry.get("at"))
        if at is not None:
            history.last = at
            history.started = history.started if place else at
        history.pauses.add(entry)
        _run_event(history, entry)
        _act_event(history, open_acts, place, entry)
        if entry.get("event") == "DecisionTaken":
            history.items.setdefault(str(entry.get("item")), ItemPast()).decision = entry
        for transition in entries(entry.get("then")):
            _transition(history, transition, history.last, resumed=entry.get("event") == "RunResumed")
    ended = max((act.end for act in history.acts), default=history.last)
    history.horizon = max(history.last, ended)
    if not history.finished and records:
        history.horizon = _cut(history, now)
    for name, (place, entry) in open_acts.items():
        history.acts.append(_act(name, place, entry, None, {}, history.horizon))
    history.acts.sort(key=lambda act: act.begun)
    history.acts = list(_with_waits(history))
    for act in history.acts:
        history.items.setdefault(act.item, ItemPast()).acts.append(act)
    history.spent = _spent(plan, records, history.last if history.finished else history.horizon)
    return history


def _spent(plan: Plan, records: Sequence[Mapping[str, Any]], at: float) -> tuple[Spent, ...]:
    terms = terms_of(plan)
    if terms is None:
        return ()
    events = []
    for entry in records:
        with suppress(JournalError):  # of a newer version, or damaged: the rest still counts
            events.append(from_record(entry))
    return tally(terms, events).spent(at)


def _with_waits(history: History) -> Iterable[Act]:
    """The acts, each with the moment at which its item was ready for it: the first one since then has waited."""
    used: dict[str, float] = {}
    for act in history.acts:
        past = history.items.get(act.item)
        steps = reversed(past.steps) if past is not None else ()
        at = next((step.at for step in steps if step.state == "ready" and step.at <= act.start), None)
        if at is None or used.get(act.item) == at:
            yield act
        else:
            used[act.item] = at
            yield replace(act, ready=at, paused=history.pauses.within(at, act.start))


def _cut(history: History, now: float) -> float:
    heard = history.horizon - history.started
    return max(history.horizon, min(now, history.horizon + max(60.0, 3 * heard)))


def _run_event(history: History, record: Mapping[str, Any]) -> None:
    match record.get("event"):
        case "RunStarted":
            history.run = line(record.get("run"))
            history.plan = line(record.get("plan"))
            _session(history, record)
        case "RunResumed":
            _session(history, record)
            unused = len(mapping(record.get("dropped")))
            more = f"; {plural(unused, 'earlier act')} not used" if unused else ""
            history.notes.append(f"Resumed at {moment(history.last)}{more}.")
        case "RunFinished":
            history.finished = True
            history.state = line(record.get("state"))
            history.reason = line(record.get("reason"), 1000)
        case "StopRequested":
            how = "running acts were ended" if record.get("cancel") else "running acts were let finish"
            why = line(record.get("reason"), 500)
            history.notes.append(f"Stopped at {moment(history.last)}: {why} ({how}).")
        case "GateInputsChanged":
            gates, paths = (line(", ".join(map(str, record.get(k, ()))), 1000) for k in ("gates", "paths"))
            history.notes.append(f"Files that judge {gates} changed while the run went on: {paths}.")
        case "HookFailed":
            hook, plugin = line(record.get("hook")), line(record.get("plugin"))
            history.notes.append(f"{hook} of plugin {plugin} raised: {line(record.get('error'), 1000)}")
        case _:
            pass
    if history.finished and record.get("event") not in {"RunFinished", "HookFailed"}:
        history.finished, history.state, history.reason = False, RUNNING, ""  # the run was resumed


def _session(history: History, record: Mapping[str, Any]) -> None:
    history.digest = line(record.get("digest"))
    history.selected = tuple(str(item) for item in record.get("selected", ()))
    history.header = mapping(record.get("header"))


def _act_event(
    history: History,
    open_acts: dict[str, tuple[int, Mapping[str, Any]]],
    place: int,
    record: Mapping[str, Any],
) -> None:
    name = str(record.get("act"))
    match record.get("event"):
        case "TaskStarted" | "JudgementStarted":
            open_acts.setdefault(name, (place, record))  # asked for again after a crash: it is one act
        case "RunResumed":
            for dropped in mapping(record.get("dropped")):
                if dropped in open_acts:
                    begun, start = open_acts.pop(dropped)
                    history.acts.append(_act(dropped, begun, start, place, _DROPPED, history.last))
        case "TaskFinished" | "JudgementFinished":
            begun, start = open_acts.pop(name, (place, record))
            history.acts.append(_act(name, begun, start, place, record, history.last))
        case _:
            pass


def _act(
    name: str,
    begun: int,
    start: Mapping[str, Any],
    over: int | None,
    result: Mapping[str, Any],
    horizon: float,
) -> Act:
    begin = number(result.get("started"))
    begin = (number(start.get("at")) or 0.0) if begin is None else begin
    seconds = number(result.get("seconds"))
    critic, worker = start.get("critic"), str(start.get("task") or start.get("gate"))
    return Act(
        name=name,
        item=gate_of(worker),
        mends=gate_of(worker) != worker,
        critic=None if critic is None else str(critic),
        iteration=int(number(start.get("iteration")) or 1),
        attempt=int(number(start.get("attempt")) or 1),
        sample=int(number(start.get("sample")) or 1),
        begun=begun,
        over=over,
        start=begin,
        end=max(begin, horizon if seconds is None else begin + seconds),
        outcome=RUNNING if over is None else line(result.get("outcome")),
        result=result,
    )


def _transition(history: History, transition: Mapping[str, Any], at: float, *, resumed: bool) -> None:
    past = history.items.setdefault(str(transition.get("item")), ItemPast())
    past.state = line(transition.get("state"), 40)
    past.steps.append(Step(past.state, at))
    past.reason = line(transition.get("reason"), 1000)
    past.iteration = max(past.iteration, int(number(transition.get("iteration")) or 0))
    warnings = transition.get("warnings")
    past.warnings += (
        [line(warning, 1000) for warning in warnings] if isinstance(warnings, list | tuple) else []
    )
    # What a person decides about a gate that asked is no score of another judgement, nor is another threshold.
    same = resumed or transition.get("was") == "paused"
    score = None if same else transition.get("score")
    if past.state in _VERDICTS:
        past.rounds.append(
            Round(
                iteration=int(number(transition.get("iteration")) or past.iteration or 1),
                state=past.state,
                score=None if score is None else line(score, 20),
                reason=past.reason,
                at=at,
            )
        )
