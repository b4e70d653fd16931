"""Resuming: which results of an earlier session count for the plan as it is now, and what is done again.

Rules that hold here:
  * The events of acts are offered to a fresh orchestrator in the order of the journal. What fits is taken over, with
    its iterations and attempts; what does not is dropped with a reason, and so is all that followed from it.
  * A result counts for the definition it was made from and the bytes it read, never for others.
  * Verdicts are computed anew from what critics said; `cuts` tells what becomes of work they would not lead to now.
  * An act without an end is taken over as running: whoever executes it looks into its folder first.
  * A fault of execution that ended an item of a run that was over is forgiven: the item is tried again, with as many
    attempts as its policy gives. A verdict is none: on the same bytes it stands. So does a failure that is allowed,
    since others went on from it, and the loss of what must not be done twice (`recovery: fail`).
Replaying the journal afterwards gives the same orchestrator: what was dropped and forgiven is in `RunResumed`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.cuts import Cut, Cuts
from orchharness.core.events import (
    ActEvent,
    ConditionEvaluated,
    DecisionTaken,
    JudgementFinished,
    JudgementStarted,
    TaskFinished,
    TaskStarted,
)
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.past import Finished, Past, Started, in_place, item_of
from orchharness.core.plan import EMPTY, Plan, Recovery
from orchharness.core.status import OVER, SUCCESS, Transition
from orchharness.record import field, record

TAMPERED = "files that judge were changed while the run went on"
_LATEST = "its tasks' latest work is judged"
_OUT_OF_TURN = "it does not follow from what is reused"


@record
class Resumption:
    """A run as it stands before it goes on.

    `kept`: what was taken over, with what it did. `reasons`: item -> why it is reused, or what happens to it.
    """

    run: Orchestrator
    kept: tuple[tuple[ActEvent, tuple[Transition, ...]], ...]
    dropped: Mapping[str, str] = field(default=EMPTY)
    again: tuple[str, ...] = ()
    moved: Mapping[str, str] = field(default=EMPTY)
    went_on: Mapping[str, int] = field(default=EMPTY)
    open: tuple[Started, ...] = ()
    reasons: Mapping[str, str] = field(default=EMPTY)


def resume(
    plan: Plan,
    selected: Collection[str],
    past: Past,
    *,
    redo: Mapping[str, str] = EMPTY,
    void: Mapping[str, str] = EMPTY,
) -> Resumption:
    """Take over what counts.

    Args:
        plan: The plan as it is now.
        selected: The items of the session.
        past: What the journal tells.
        redo: Item -> why none of its results counts.
        void: Act -> why its result does not count.
    """
    seen: dict[str, Cut] = {}
    while True:  # ends, since every round finds a cut that was not seen before, or gives one up for good
        known = [cut for cut in seen.values() if not cut.vain]
        taking = _Taking(plan, selected, past, redo=redo, void=void, cuts=known)
        found = taking.run_through()
        kept = {event.act for event, _ in found.kept}
        vain = {c.act: replace(c, vain=True) for c in known if c.judgement is not None and c.act not in kept}
        more = {c.act: c for c in taking.cuts.found if c.act not in seen}
        if not vain and not more:
            return found
        seen |= vain or more


class _Taking:
    """One pass over the past."""

    def __init__(
        self,
        plan: Plan,
        selected: Collection[str],
        past: Past,
        *,
        redo: Mapping[str, str],
        void: Mapping[str, str],
        cuts: Sequence[Cut],
    ) -> None:
        self._plan, self._past = plan, past
        self._void = void
        self._redo = dict.fromkeys(past.tampered, TAMPERED) | dict(redo)
        self._ends = {e.act: e for e in past.acts if isinstance(e, Finished)}
        self._moved: dict[str, str] = {}
        self._running: dict[str, Started] = {}
        self._waiting = graph.dependents(plan, selected)[0]
        self.cuts = Cuts(plan, self._waiting, cuts)
        self._went_on = self.cuts.went_on(past.went_on)
        self._kept: list[tuple[ActEvent, tuple[Transition, ...]]] = []
        self._dropped: dict[str, str] = {}
        self._again: list[str] = []
        self._reasons: dict[str, str] = {}
        self._roots: dict[str, str] = {}  # item that is done again -> what it follows from
        self._leap()
        leaps = past.leaps | self._moved.keys()
        self._run = Orchestrator(
            plan, selected, taken=past.taken, leaps=leaps, went_on=self._went_on, history=past.history
        )

    def run_through(self) -> Resumption:
        for event in in_place(self._past.acts, self._moved):
            item = item_of(event)
            if item not in self._plan.tasks and item not in self._plan.gates:
                self._dropped[event.act] = "it is not in the plan any more"
            elif item in self._run.tasks or item in self._run.gates:
                self._offer(event, item)
        return Resumption(
            run=self._run,
            kept=tuple(self._kept),
            dropped=self._dropped,
            again=tuple(self._again),
            moved=self._moved,
            went_on=self._went_on,
            open=tuple(self._running.values()),
            reasons={i: self._reason(i) for i in self._run.selected},
        )

    def _leap(self) -> None:
        """Where a gate judges anew, the verdicts that had its tasks refined do not count, but the work does.

        The last iteration of each task that passed takes the place of its first one.
        """
        judged_anew = self._judged_anew()
        wanted = {t for g in judged_anew for t in self._plan.gates[g].of if t not in self._redo}
        acts: dict[str, list[str]] = {}
        for event in self._past.acts:
            if isinstance(event, TaskStarted) and event.task in wanted and event.act not in self._void:
                acts.setdefault(event.task, []).append(event.act)
        for names in acts.values():
            passed = [a for a in names if a in self._ends and self._ends[a].outcome is Outcome.SUCCESS]
            if passed and passed[-1] != names[0]:
                self._moved[passed[-1]] = names[0]
                for name in names[: names.index(passed[-1])]:
                    self._dropped[name] = "a later iteration counts"

    def _judged_anew(self) -> set[str]:
        """Gates whose judge, members or predecessors are others now, or that are to judge more often."""
        void = (e for e in self._past.acts if e.act in self._void)
        found = {e.gate for e in void if isinstance(e, JudgementStarted)} | set(self._redo) | self.cuts.anew
        todo = list(found)
        while todo:
            later = set(self._waiting.get(todo.pop(), ())) - found
            found |= later
            todo += later
        return {item for item in found if item in self._plan.gates}

    def _offer(self, event: ActEvent, item: str) -> None:
        if event.act in self._dropped:
            return
        if isinstance(event, Started | DecisionTaken | ConditionEvaluated):
            why = self._obstacle(event, item)
            if why is not None:
                self._dropped[event.act] = why
                self._reasons.setdefault(item, f"re-run: {why}")
                return
            if isinstance(event, Started):
                self._running[event.act] = event
            self._take(event)
        else:
            del self._running[event.act]
            if self._run.dooms(event) and self._is_forgiven(event, item):
                self._again.append(event.act)
                said = event.detail.partition("\n")[0] or str(event.outcome)
                self._reasons[item] = f"re-run: it ended with {said}"
                event = replace(event, again=True)
            self._take(event)

    def _is_forgiven(self, event: Finished, item: str) -> bool:
        if event.outcome is Outcome.CANCELLED:
            return True
        task = self._plan.tasks.get(item)
        lost = task is not None and event.outcome is Outcome.LOST and task.recovery is Recovery.FAIL
        return self._past.ended and not lost and not (task is not None and task.allow_failure)

    def _take(self, event: ActEvent) -> None:
        self._kept.append((event, self._run.apply(event)))

    def _obstacle(self, event: Started | DecisionTaken | ConditionEvaluated, item: str) -> str | None:
        """Why the act does not count."""
        mender = self._redo.get(event.task) if isinstance(event, TaskStarted) else None
        why = self._redo.get(item) or mender or self._void.get(event.act)
        if why is not None:
            return why
        if not self._run.expects(event):
            if isinstance(event, TaskStarted):
                self.cuts.note(event, item, self._ends.get(event.act), self._run, self._kept)
            return self._done_again(item) or _OUT_OF_TURN
        return self._other_bytes(event)

    def _done_again(self, item: str) -> str | None:
        """What at the root the item follows from and is done again itself."""
        seen, todo = {item}, [item]
        while todo:
            at = todo.pop(0)
            if at != item and at in self._reasons and at not in self._run.settled:
                root = self._roots[item] = self._roots.get(at, at)
                return f"{root} is done again"
            nodes = self._plan.groups.get(at) or graph.needs_of(self._plan, at)
            todo += [n for n in nodes if n not in seen]
            seen.update(nodes)
        return None

    def _other_bytes(self, event: Started | DecisionTaken | ConditionEvaluated) -> str | None:
        """Whether the act read other bytes than it would read now."""
        if isinstance(event, ConditionEvaluated):
            same = self._run.read_by_when(event.task) == event.read
            return None if same else "what its 'when' looks at is another now"
        if isinstance(event, DecisionTaken):
            gate = self._plan.gates.get(event.item)
            asked = self._run.artifacts_of(gate) if gate is not None else {}
            other = any(_digests(entries) != _read(event.artifacts, n) for n, entries in asked.items())
            return "what it was about holds other bytes" if other else None
        end = self._ends.get(event.act)
        if (
            isinstance(end, TaskFinished)
            and isinstance(event, TaskStarted)
            and event.task in self._plan.tasks
        ):
            now = self._run.inputs_of(self._plan.tasks[event.task])
            changed = sorted(n for n, entries in now.items() if _digests(entries) != _read(end.inputs, n))
            return f"input {changed[0]!r} holds other bytes" if changed else None
        if isinstance(end, JudgementFinished) and isinstance(event, JudgementStarted):
            judged = self._run.artifacts_of(self._plan.gates[event.gate])
            if any(_digests(entries) != _read(end.artifacts, n) for n, entries in judged.items()):
                return _LATEST if event.gate in self.cuts.anew else "what it judged holds other bytes"
        return None

    def _reason(self, item: str) -> str:
        """What there is to say about the item as it stands now."""
        run, status = self._run, self._run.status(item)
        if item in {item_of(e) for e in self._running.values()}:
            return "re-attached"
        if status.state in SUCCESS and item in run.settled:
            return "reused: inputs and definition unchanged"
        if status.question:
            return "a person is asked"
        if status.state == "skipped":
            return f"skipped: {status.reason}"
        why = self._reasons.get(item)
        if why is not None:
            return why
        if status.state in OVER or status.state == "paused":
            return f"reused: {status.state}, and nothing it depends on changed"
        return "goes on" if status.iteration else "not started before"


def _digests(entries: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [(e.get("item"), e.get("path"), e.get("sha256")) for e in entries]


def _read(recorded: Mapping[str, Any], name: str) -> list[Any]:
    return _digests([e for e in recorded.get(name, ()) if "item" in e or "sha256" in e])


Judge = Callable[[Resumption], Mapping[str, str]]


def settle(
    plan: Plan, selected: Collection[str], past: Past, *, redo: Mapping[str, str], look: Judge
) -> Resumption:
    """Take over what counts, until `look` (act -> why its result does not count) finds nothing more.

    Ends, since every round makes at least one more act void.
    """
    void: dict[str, str] = {}
    while True:
        found = resume(plan, selected, past, redo=redo, void=void)
        more = {act: why for act, why in look(found).items() if act not in void}
        if not more:
            return found
        void |= more
