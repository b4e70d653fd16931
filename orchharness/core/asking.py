"""People: what waits for them, and what their answers do.

Rules that hold here:
  * A question has a name and a number; an answer to an earlier one of the same item counts for nothing.
  * Who let something through, when and why, is kept with the gate.
  * A person never makes a score: what one lets through below the threshold is `waived`, with the score it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchharness.core.events import ANSWER, DecisionTaken
from orchharness.core.gating import Verdict
from orchharness.core.judging import Judging
from orchharness.core.ledger import Ledger
from orchharness.core.plan import Option, Recovery, Severity, Then
from orchharness.core.records import GateRecord, Record, TaskRecord
from orchharness.core.status import GateState
from orchharness.core.working import Working
from orchharness.record import record

_LOST = (
    Option(id=Recovery.RERUN, label="do it again", then=Then.RETRY),
    Option(id=Recovery.FAIL, label="let it fail", then=Then.FAIL),
)


@record
class Objection:
    """Why an answer cannot be taken. `later`: it can be in a while."""

    text: str
    later: bool = False


@record
class Question:
    """What a person is asked. Without options the answer is text. `judged`: others judged before."""

    name: str
    item: str
    number: int
    text: str
    options: tuple[Option, ...] = ()
    reason: str = ""
    score: str | None = None
    threshold: str | None = None
    judged: bool = False


class Asking:
    """What waits for people."""

    def __init__(self, ledger: Ledger, judging: Judging, working: Working) -> None:
        self._ledger = ledger
        self._judging = judging
        self._working = working

    def questions(self) -> tuple[Question, ...]:
        """What waits for an answer, in the order of asking."""
        return tuple(_question(r) for r in self._ledger.asking.values())

    def objection(self, event: DecisionTaken) -> Objection | None:
        """Why the answer cannot be taken; None: it can."""
        asked = self._ledger.asking.get(event.item)
        if asked is None or asked.asked != event.number:
            return Objection(text=f"{event.item} does not ask that now")
        if isinstance(asked, TaskRecord) and asked.task.ask is not None:
            words = event.option == ANSWER
            return None if words else Objection(text=f"{event.item} asks for words, not for an option")
        options = _options(asked)
        option = next((o for o in options if o.id == event.option), None)
        if option is None:
            known = ", ".join(o.id for o in options) or "none"
            return Objection(text=f"{event.item} has no option {event.option!r} (it has: {known})")
        if isinstance(asked, GateRecord) and option.then is Then.RETRY:
            return self._hindrance(asked)
        return None

    def _hindrance(self, gate: GateRecord) -> Objection | None:
        """Why nobody can work on it again."""
        if gate.bereft:
            return Objection(text=f"a member of {gate.id} was lost: there is nothing to work on")
        busy = self._judging.refining.busy_with(gate)
        return Objection(text=f"{busy} is at work on its tasks", later=True) if busy else None

    def decided(self, event: DecisionTaken) -> None:
        """Take the answer.

        Raises:
            ImpossibleTransitionError: nobody asked.
        """
        objection = self.objection(event)
        if objection is not None:
            self._ledger.refuse(event.item, objection.text)
        asked = self._ledger.asking[event.item]
        if isinstance(asked, TaskRecord):
            self._working.answered(asked, event.option, event.note)
            return
        option = next(o for o in asked.gate.options if o.id == event.option)
        asked.decision = {
            "by": event.by,
            "at": event.decided or event.at,
            "option": event.option,
            "note": event.note,
        }
        self._choose(asked, option, event)

    def _choose(self, gate: GateRecord, option: Option, event: DecisionTaken) -> None:
        said = f"{event.option} by {event.by}" + (f": {event.note}" if event.note else "")
        match option.then:
            case Then.FAIL:
                self._judging.end(gate, GateState.FAILED, said)
            case Then.RETRY:
                self._again(gate, event, said)
            case Then.PAUSE:
                self._judging.pause(gate, said)
            case _:
                self._let_through(gate, said)
                self._drop(option.skip, f"left out at {gate.id}: {said}")

    def _let_through(self, gate: GateRecord, said: str) -> None:
        # Where only a person judges, that is the verdict; elsewhere it is one in spite of the judges.
        shown = (
            f" (score {gate.score_text}, threshold {gate.status().threshold})"
            if gate.score is not None
            else ""
        )
        state = GateState.PASSED if gate.gate.human else GateState.WAIVED
        self._judging.end(gate, state, said + shown)

    def _again(self, gate: GateRecord, event: DecisionTaken, said: str) -> None:
        """Send the work back, with what the person said among the findings."""
        wish = {"severity": str(Severity.MAJOR), "what": event.note or "do it again", "critic": event.by}
        before = gate.verdict or Verdict(passed=False, score=None, reason=said)
        gate.verdict = replace(before, findings=(*before.findings, wish))
        self._ledger.ask_no_more(gate)
        self._judging.refining.refine_again(gate, said)

    def _drop(self, items: Iterable[str], reason: str) -> None:
        tasks, gates = self._ledger.tasks, self._ledger.gates
        waiting = [
            r for i in items if (r := tasks.get(i) or gates.get(i)) is not None and r.state == "waiting"
        ]
        self._ledger.dropped.update(r.id for r in waiting)
        for left_out in waiting:
            if isinstance(left_out, TaskRecord):
                self._working.drop(left_out, reason)
            else:
                self._judging.end(left_out, GateState.SKIPPED, reason)


def _options(asked: Record) -> tuple[Option, ...]:
    if isinstance(asked, GateRecord):
        return asked.gate.options
    return () if asked.task.ask is not None else _LOST


def _question(asked: Record) -> Question:
    status = asked.status()
    if isinstance(asked, GateRecord):
        text = asked.gate.question or f"{asked.id} did not pass: what now?"
    else:
        text = asked.task.ask or f"{asked.id} was running and cannot be found: is it done again?"
    return Question(
        name=asked.question,
        item=asked.id,
        number=asked.asked,
        text=text,
        options=_options(asked),
        reason=status.reason,
        score=status.score,
        threshold=status.threshold,
        judged=isinstance(asked, GateRecord) and not asked.gate.human,
    )
