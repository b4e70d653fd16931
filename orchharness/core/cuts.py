"""Work that gates had done and would not ask for by the plan as it is now: since they ask for less, or judge more often.

Rules that hold here:
  * Work counts, once it was done. A verdict that would end its gate now, and did not then, decides nothing where the
    work went on from it: the last verdict does.
  * Where a gate is to judge what was replaced since, it judges what is there, and so do those that share its tasks.
  * One pass over the past finds the first cut of whatever hangs together; what comes after may look different when the
    cut is mended. What followed from a verdict must fit then, or the cut was none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from orchharness.core.acts import Outcome
from orchharness.core.events import ActEvent, JudgementFinished, JudgementStarted, TaskStarted
from orchharness.record import record

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.past import Finished
    from orchharness.core.plan import Plan
    from orchharness.core.status import Transition

_ENDS = {"passed", "failed", "waived", "paused"}  # of a gate that does not refine any more


@record
class Cut:
    """An act that a gate would not have asked for.

    `judgement`: the last one of the gate when it ended, in that `iteration`; None where it waits for more of them.
    """

    act: str
    gate: str
    judgement: str | None = None
    iteration: int = 0
    vain: bool = False


class Cuts:
    """The cuts of one pass. `known` are those of the passes before."""

    def __init__(self, plan: Plan, waiting: Mapping[str, Collection[str]], known: Sequence[Cut]) -> None:
        """`waiting`: item -> what needs it."""
        self.found: list[Cut] = []
        self._plan, self._waiting, self._known = plan, waiting, known
        self._over: dict[str, list[str]] = {}  # task -> gates over it
        for gate in plan.gates.values():
            for task in gate.of:
                self._over.setdefault(task, []).append(gate.id)
        self._touched: set[str] = set()  # what the cuts of this pass may have changed
        self.anew = self._reached_from({cut.gate for cut in known if cut.judgement is None})

    def went_on(self, before: Mapping[str, int]) -> dict[str, int]:
        """Which verdicts decide nothing, see `RunResumed`. `before`: those of earlier sessions."""
        found = dict(before)
        for cut in self._known:
            if cut.judgement is not None:
                found[cut.judgement] = max(cut.iteration, found.get(cut.judgement, 0))
        return found

    def note(
        self,
        event: TaskStarted,
        item: str,
        end: Finished | None,
        run: Orchestrator,
        kept: Sequence[tuple[ActEvent, Sequence[Transition]]],
    ) -> None:
        """Find the gate that kept the act from counting, if it did, and the act came to something or goes on."""
        if (
            event.iteration == 1
            or item in self._touched
            or not (end is None or end.outcome is Outcome.SUCCESS)
        ):
            return
        if item in run.gates:  # a mender's work bears the number of the iteration that it is for
            over = [item] if self._plan.gates[item].mender is not None else []
            following = run.gates[item].iteration + 1
        else:
            over = [gate for gate in self._over.get(item, ()) if gate in run.gates]
            following = run.tasks[item].next_iteration
        if event.iteration != following:
            return
        told = (gate for entry in reversed(kept) if (gate := _ended_or_judged(*entry, over)) is not None)
        last, waiting = next(told, None), [gate for gate in over if run.gates[gate].open]
        if last is not None and run.gates[last].state in _ENDS:
            ended = run.gates[last]
            cut = Cut(act=event.act, gate=last, judgement=ended.act, iteration=ended.iteration)
        elif waiting:
            cut = Cut(act=event.act, gate=waiting[0])
        else:
            return
        self.found.append(cut)
        self._touched |= self._reached_from({cut.gate} - self._touched)

    def _reached_from(self, items: Collection[str]) -> set[str]:
        """These with all that waits for them, their members, and the gates over those."""
        found, todo = set(items), list(items)
        while todo:
            at = todo.pop()
            members = self._plan.gates[at].of if at in self._plan.gates else ()
            later = {*self._waiting.get(at, ()), *members, *self._over.get(at, ())} - found
            found |= later
            todo += later
        return found


def _ended_or_judged(event: ActEvent, then: Sequence[Transition], gates: Collection[str]) -> str | None:
    """Which of the gates judged with the event, or ended by it."""
    if isinstance(event, JudgementStarted | JudgementFinished):
        return event.gate if event.gate in gates else None
    return next((t.item for t in then if t.item in gates and t.state in _ENDS), None)
