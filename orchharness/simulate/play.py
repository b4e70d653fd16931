"""One run of a plan by the orchestrator itself, on a virtual clock: nothing is spawned, and time jumps.

Rules that hold here:
  * Every decision is the orchestrator's. This module only says how long acts take and how they end.
  * What happens at the same moment is told before anything new is asked for.
  * Time begins at 0 and is in seconds. A gate's judgement passes with full marks, a task leaves all its outputs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import CancelAct, Orchestrator, StartJudgement, StartTask
from orchharness.core.plan import Plan, Task, Then
from orchharness.core.status import Transition
from orchharness.simulate.fate import Fate, Fates

_WISHES = (Then.PASS, Then.SKIP, Then.FAIL)  # what a person chooses: the first of these that can be
Watch = Callable[[ev.Event, Sequence[Transition]], None]


class Leg(NamedTuple):
    """An act, and the one whose end let it start (its place among all acts)."""

    item: str
    start: float
    end: float
    after: int | None


class Played(NamedTuple):
    """How a run went. `busy` is the time of all acts together, `path` what held up the end, first to last."""

    length: float
    state: str
    busy: float
    usd: float
    acts: int
    peak: int
    path: tuple[Leg, ...]


class _Ending(NamedTuple):
    at: float
    number: int
    start: StartTask | StartJudgement
    fate: Fate


def play(plan: Plan, fates: Fates, agents: int, watch: Watch | None = None) -> Played:
    """Play the plan to its end with at most that many acts at once; `watch` hears of every event."""
    return _Play(plan, fates, agents, watch).until_over()


class _Play:
    def __init__(self, plan: Plan, fates: Fates, agents: int, watch: Watch | None) -> None:
        self._plan = plan
        self._fates = fates
        self._agents = agents
        self._watch = watch
        self._run = Orchestrator(plan)
        self._now = 0.0
        self._ends: list[_Ending] = []
        self._legs: list[Leg] = []
        self._ready: dict[
            str, tuple[float, int | None]
        ] = {}  # item -> when it could go on, and because of which act
        self._last: int | None = None  # the act that ended last
        self._busy = self._usd = 0.0
        self._peak = 0

    def until_over(self) -> Played:
        plan = self._plan
        begin = ev.RunStarted(
            at=0.0, run="simulated", plan=plan.id, digest=plan.digest, selected=self._run.selected
        )
        self._apply(begin)
        self._start()
        while (moment := self._next_moment()) is not None:
            self._now = moment
            self._finish()
            self._start()
        state = str(self._run.state)
        why = "; ".join(dict.fromkeys(self._run.parked.values()))
        self._apply(ev.RunFinished(at=self._now, state=state, reason=why))
        length = self._now
        return Played(length, state, self._busy, self._usd, len(self._legs), self._peak, self._path())

    def _apply(self, event: ev.Event) -> tuple[Transition, ...]:
        found = self._run.apply(event)
        if self._watch is not None:
            self._watch(event, found)
        return found

    def _next_moment(self) -> float | None:
        wake = self._run.wake_at()
        ends = self._ends[0].at if self._ends else None
        if wake is None or wake <= self._now:  # due already: it waits for a place, not for the time
            return ends
        return wake if ends is None else min(wake, ends)

    # ---- starting ------------------------------------------------------------------------------

    def _start(self) -> None:
        while (free := self._agents - self._run.running) > 0:
            self._weigh()
            found = self._run.decide(self._now, free)
            if not found:
                break
            for instruction in found:
                self._carry_out(instruction)
        if not self._ends and self._run.wake_at() is None and self._answered():
            self._start()
        self._peak = max(self._peak, len(self._ends))

    def _answered(self) -> bool:
        """Let a person answer, so that the work goes on where that can be chosen; False: nobody is asked."""
        for asked in self._run.questions:
            chosen = sorted((_WISHES.index(o.then), o.id) for o in asked.options if o.then in _WISHES)
            if asked.options and not chosen:
                continue
            option = chosen[0][1] if chosen else ev.ANSWER
            decision = ev.DecisionTaken(
                at=self._now,
                item=asked.item,
                question=asked.name,
                number=asked.number,
                option=option,
                by="the simulation",
            )
            if self._run.objection(decision) is None:
                self._apply(decision)
                return True
        return False

    def _weigh(self) -> None:
        """Conditions are evaluated over the simulated states; what asks for the content of inputs holds."""
        while self._run.weighing:
            from orchharness.core.weighing import weigh

            for task in self._run.weighing:
                if task in self._run.weighing:
                    self._note_ready(self._apply(weigh(self._run, task, self._now)), self._last)

    def _carry_out(self, start: StartTask | StartJudgement | CancelAct) -> None:
        assert not isinstance(start, CancelAct), "only a stop cancels, and nobody stops a simulation"
        values: dict[str, Any] = {
            "at": self._now, "iteration": start.iteration, "attempt": start.attempt, "act": start.act, "key": ""
        }  # fmt: skip
        if isinstance(start, StartTask):
            item, fate = start.task, self._fates.of_task(start.task, start.iteration, start.attempt)
            self._apply(ev.TaskStarted(task=item, **values))
        else:
            item = start.gate
            fate = self._fates.of_judgement(item, start.critic, start.iteration, start.attempt, start.sample)
            self._apply(ev.JudgementStarted(gate=item, critic=start.critic, sample=start.sample, **values))
        number = len(self._legs)
        ready, because = self._ready.get(item, (0.0, None))
        waited = ready < self._now and self._last is not None and self._legs[self._last].end == self._now
        after = self._last if waited else because
        self._legs.append(Leg(item, self._now, self._now + fate.seconds, after))
        heapq.heappush(self._ends, _Ending(self._now + fate.seconds, number, start, fate))

    # ---- ending --------------------------------------------------------------------------------

    def _finish(self) -> None:
        while self._ends and self._ends[0].at <= self._now:
            ending = heapq.heappop(self._ends)
            self._busy += ending.fate.seconds
            self._usd += ending.fate.usd
            self._last = ending.number
            self._note_ready(self._apply(self._event(ending)), ending.number)
            self._weigh()
            if isinstance(ending.start, StartJudgement):  # its other critics may be asked now
                self._ready[ending.start.gate] = (self._now, ending.number)

    def _note_ready(self, then: Sequence[Transition], number: int | None) -> None:
        for transition in then:
            if transition.state == "ready":
                self._ready[transition.item] = (self._now, number)

    def _event(self, ending: _Ending) -> ev.Event:
        start, fate = ending.start, ending.fate
        values: dict[str, Any] = {
            "at": self._now,
            "act": start.act,
            "outcome": fate.outcome,
            "started": self._legs[ending.number].start,
            "seconds": fate.seconds,
            "detail": fate.detail,
        }
        if fate.usd:
            values["usage"] = {"usd": fate.usd}
        well = fate.outcome is Outcome.SUCCESS
        if isinstance(start, StartTask):
            made = _outputs(self._plan.worker(start.task), start.act) if well else {}
            return ev.TaskFinished(task=start.task, outputs=made, **values)
        said = self._fates.evaluation(start.gate, start.critic, start.iteration) if well else {}
        return ev.JudgementFinished(gate=start.gate, critic=start.critic, evaluation=said, **values)

    def _path(self) -> tuple[Leg, ...]:
        """What held up the end: from the act that ended last, back along the acts that let each other start."""
        found = []
        place = self._last
        while place is not None:
            found.append(self._legs[place])
            place = self._legs[place].after
        return tuple(reversed(found))


def _outputs(task: Task, act: str) -> Mapping[str, Any]:
    """All that the task declares, as if it had been written: others wait for it, nobody reads it."""
    return {
        o.name: ({"path": o.path or o.name, "sha256": f"simulated {act}", "size": 1, "how": "changed"},)
        for o in task.outputs
    }
