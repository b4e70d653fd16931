"""What a journal tells a later session: the acts that count, those without an end, and the run as it stood.

A run may have been resumed, each time with another plan. `RunResumed` says what of the records before it was dropped,
forgiven or moved, so its acts are those of all sessions less that, in the order in which they count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from orchharness.core.events import (
    ActEvent,
    ConditionEvaluated,
    DecisionTaken,
    Event,
    GateInputsChanged,
    JudgementFinished,
    JudgementStarted,
    RunFinished,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskStarted,
)
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.plan import EMPTY, Plan, gate_of
from orchharness.record import field, record

Started = TaskStarted | JudgementStarted
Finished = TaskFinished | JudgementFinished


@record
class Past:
    """What a journal tells of a run, as far as a later session needs it."""

    acts: tuple[ActEvent, ...]  # those whose results were not dropped before
    taken: frozenset[
        str
    ]  # the names of all acts there ever were, of questions that were answered, of conditions
    keys: Mapping[str, str]  # act -> its key
    selected: tuple[str, ...]
    leaps: frozenset[str] = frozenset()  # acts that took the place of an earlier iteration
    went_on: Mapping[str, int] = field(default=EMPTY)  # verdicts that do not end their gate, see `RunResumed`
    tampered: frozenset[str] = frozenset()  # gates whose inputs were changed under way
    ended: bool = False  # the last session said that the run is over
    times: int = 0  # how often it was resumed
    history: tuple[Event, ...] = ()  # everything, for the sums of budgets

    @property
    def open(self) -> tuple[Started, ...]:
        """The acts that were started and are not known to have ended."""
        over = {e.act for e in self.acts if isinstance(e, Finished)}
        return tuple(e for e in self.acts if isinstance(e, Started) and e.act not in over)


def item_of(event: ActEvent) -> str:
    """The task or gate of the act; of a mender's, its gate."""
    match event:
        case TaskStarted() | TaskFinished() | ConditionEvaluated():
            return gate_of(event.task)
        case DecisionTaken():
            return event.item
        case _:
            return event.gate


def past_of(events: Iterable[Event]) -> Past:
    """What a later session needs of a journal."""
    acts, keys, tampered, leaps = list[ActEvent](), dict[str, str](), set[str](), set[str]()
    names, history, went_on = set[str](), list[Event](), dict[str, int]()
    selected, ended, times = tuple[str, ...](), False, 0
    for event in events:
        history.append(event)
        match event:
            case RunStarted():
                selected = event.selected
                went_on.update(event.went_on)
            case RunResumed():
                acts = in_place(acts, event.moved)
                leaps.update(event.moved)
                went_on.update(event.went_on)
                acts = [_forgiven(e, event.again) for e in acts if e.act not in event.dropped]
                selected, ended, times = event.selected, False, times + 1
                tampered.clear()
            case TaskStarted() | JudgementStarted():
                acts.append(event)
                keys[event.act] = event.key
            case TaskFinished() | JudgementFinished():
                acts.append(event)
            case DecisionTaken() | ConditionEvaluated():
                acts.append(event)
                names.add(event.act)
            case GateInputsChanged():
                tampered.update(event.gates)
            case RunFinished():
                ended = True
            case _:
                pass
    return Past(
        acts=tuple(acts),
        taken=frozenset(names | keys.keys()),
        keys=keys,
        selected=selected,
        leaps=frozenset(leaps),
        went_on=went_on,
        tampered=frozenset(tampered),
        ended=ended,
        times=times,
        history=tuple(history),
    )


def _forgiven(event: ActEvent, again: Collection[str]) -> ActEvent:
    return replace(event, again=True) if event.act in again and isinstance(event, Finished) else event


def in_place(acts: Sequence[ActEvent], moved: Mapping[str, str]) -> list[ActEvent]:
    """The events with those of moved acts where the first one stood of the act whose place they take."""
    if not moved:
        return list(acts)
    away: dict[str, list[ActEvent]] = {act: [e for e in acts if e.act == act] for act in moved}
    takes = {place: act for act, place in moved.items()}
    found: list[ActEvent] = []
    for event in acts:
        found += away.pop(takes.pop(event.act, ""), ())
        if event.act not in moved:
            found.append(event)
    return found


def replay(plan: Plan, events: Sequence[Event]) -> Orchestrator:
    """The run as its journal tells it, also when it was resumed. `plan` is the one of the last session.

    Raises:
        ImpossibleTransitionError: the journal is not one of this plan.
    """
    at = max((n for n, e in enumerate(events) if isinstance(e, RunResumed)), default=-1)
    past = past_of(events[: at + 1])
    first = events[max(at, 0)]
    selected = first.selected if isinstance(first, RunStarted | RunResumed) else None
    before = past.history[:-1]  # the last one begins the session
    run = Orchestrator(
        plan, selected, taken=past.taken, leaps=past.leaps, went_on=past.went_on, history=before
    )
    for event in past.acts:
        if item_of(event) in run.tasks or item_of(event) in run.gates:
            run.apply(event)
    for later in events[max(at, 0) :]:
        run.apply(later)
    return run
