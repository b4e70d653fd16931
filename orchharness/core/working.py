"""The tasks' half of the orchestrator: when a task may start, and what its end means.

A fault of execution is tried again; anything else ends the task. A task that passes settles, or, when a gate had
it refined, goes back to that gate.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from orchharness.core import graph, releasing
from orchharness.core.acts import Outcome
from orchharness.core.events import ConditionEvaluated, TaskFinished, TaskStarted
from orchharness.core.ledger import Ledger
from orchharness.core.needs import Cause, Weight
from orchharness.core.plan import Recovery, Task, TriggerRule
from orchharness.core.records import TaskRecord
from orchharness.core.refining import Refining
from orchharness.core.releasing import Releases, replaced
from orchharness.core.scheduling import backoff
from orchharness.core.status import FAILURES, TaskState

_ENDINGS = {Outcome.CANCELLED: TaskState.CANCELLED, Outcome.LOST: TaskState.LOST}


class Working:
    """What tasks do."""

    def __init__(
        self, ledger: Ledger, releases: Releases, refining: Refining, leaps: Collection[str]
    ) -> None:
        self._leaps = leaps
        self._ledger = ledger
        self._releases = releases
        self._refining = refining

    def needs_over(self, record: TaskRecord) -> None:
        """Everything the task needs is settled: it is ready, or skipped, or a person is asked."""
        if record.state != TaskState.WAITING:  # a person left it out
            return
        obstacle = self._obstacle(record)
        if obstacle is not None:
            self._skip(record, obstacle)
            return
        if record.task.when:
            self._ledger.weighing[record.id] = self._ledger.free_name(f"{record.id}.when")
            return
        self._ready(record)

    def _ready(self, record: TaskRecord) -> None:
        if record.task.ask is not None:
            self._ledger.move(record, TaskState.READY, "waits for a person's answer")
            self._ledger.ask(record)
            return
        self._ledger.move(record, TaskState.READY)
        self._ledger.queue.offer(self._ledger.ticket(record.id))

    def weighed(self, event: ConditionEvaluated) -> None:
        """It is known whether the task's `when` holds: it is ready, or skipped; or has failed, since nobody can tell.

        Raises:
            ImpossibleTransitionError: nobody wanted to know.
        """
        record = self._ledger.task(event.task)
        if not self.wonders(event):
            self._ledger.refuse(record.id, "its 'when' is not to be evaluated now")
        del self._ledger.weighing[record.id]
        if event.error:
            self._failed(record, TaskState.FAILED, f"when: {event.expression}: {event.error}")
        elif event.holds:
            self._ready(record)
        else:
            reason = f"when: {event.expression} is false"
            self._ledger.move(record, TaskState.SKIPPED, reason)
            root = f"{record.id} skipped ({reason})"
            self._ledger.settle(record.id, ok=False, root=root, weight=Weight.HARMLESS)

    def wonders(self, event: ConditionEvaluated) -> bool:
        """Whether the task's `when` is to be evaluated now."""
        return event.task in self._ledger.weighing

    def drop(self, record: TaskRecord, reason: str) -> None:
        """A person leaves the task out, which waits."""
        self._ledger.weighing.pop(record.id, None)
        self._skip(record, Cause(record.task.order, reason, Weight.ALLOWED))

    def parked(self, record: TaskRecord) -> None:
        """A budget keeps it from going on: others may have what it holds."""
        why = self._ledger.queue.parked.get(record.id)
        if why is not None:
            self._ledger.explain(record, why)
            self._ledger.queue.release(record.id)

    def barred(self, record: TaskRecord, why: str) -> None:
        """Nobody will do what it waits for."""
        if record.state == TaskState.READY:
            self._failed(record, TaskState.FAILED, why)

    def revoked(self, record: TaskRecord) -> None:
        """Something the task relied on is no success any more: if it was not started yet, it must not be."""
        asks = record.id in self._ledger.asking or record.id in self._ledger.weighing
        if record.iteration or not (asks or self._ledger.queue.waits(record.id)):
            return
        obstacle = self._obstacle(record)
        if obstacle is not None:
            self._ledger.weighing.pop(record.id, None)
            self._ledger.ask_no_more(record)
            self._ledger.queue.withdraw(record.id)
            self._skip(record, obstacle)

    def _obstacle(self, record: TaskRecord) -> Cause | None:
        """Why the task must be skipped, if it must."""
        return self._forbidden(record.task) or releasing.lacking_input(self._ledger, record.task)

    def _forbidden(self, task: Task) -> Cause | None:
        """What of its needs the trigger rule of the task does not let pass."""
        needs = self._ledger.needs
        match task.trigger_rule:
            case TriggerRule.ALL_SUCCESS:
                return needs.cause(task.id)
            case TriggerRule.NONE_FAILED:
                return needs.cause(task.id, Weight.FAILURE)
            case TriggerRule.ONE_SUCCESS:
                chances = graph.chances_of(self._ledger.plan, task)
                passed = any(needs.settled.get(n) for n in chances)
                return None if passed else needs.cause_of(chances)
            case TriggerRule.ALL_DONE:
                return None
            case rule:
                assert_never(rule)

    def _skip(self, record: TaskRecord, cause: Cause) -> None:
        self._ledger.move(record, TaskState.SKIPPED, cause.root)
        self._ledger.settle(record.id, ok=False, root=cause.root, weight=self._weight(record, cause))

    def _weight(self, record: TaskRecord, cause: Cause) -> Weight:
        """How much it weighs that the task is skipped."""
        return cause.weight if record.id in self._ledger.dropped else max(cause.weight, Weight.HARMLESS)

    def started(self, event: TaskStarted) -> None:
        """The task's act runs.

        Raises:
            ImpossibleTransitionError: the task is not ready, or this is not its next act.
        """
        ledger, record = self._ledger, self._ledger.task(event.task)
        if record.state != TaskState.READY or record.question:
            ledger.refuse(record.id, f"it cannot start while it is {record.state}")
        if not self._is_next(record, event):
            numbers = (record.next_iteration, record.attempt + 1, event.iteration, event.attempt)
            ledger.refuse(record.id, "iteration {} attempt {} comes next, not {} {}".format(*numbers))
        if not ledger.act_started(event.act, event.task, None):
            ledger.reserve(ledger.ticket(event.task), event.act, hold_track=False)
        record.iteration, record.attempt, record.act = event.iteration, event.attempt, event.act
        record.started, record.ended = event.at, None
        ledger.move(record, TaskState.RUNNING)

    def finished(self, event: TaskFinished) -> None:
        """The task's act is over.

        Raises:
            ImpossibleTransitionError: it did not run.
        """
        record = self._ledger.task(event.task)
        self._ledger.act_over(event.act, event.task, None)
        record.ended = event.at
        record.session = event.session or record.session
        record.note_end(event.act, event.outcome)
        retry, count = record.task.retry, record.attempt - record.excused
        if event.outcome is Outcome.SUCCESS:
            self._passed(record, event)
        elif event.asks:
            self._ledger.move(record, TaskState.READY, event.detail or str(event.outcome))
            self._ledger.queue.release(record.id)  # others need not wait for the person
            self._ledger.ask(record)
        elif event.again or event.excused:
            record.excused = record.attempt if event.again else record.excused + 1
            # What it held was free for others when it had ended: it waits for that anew, as for the first time.
            self._ledger.queue.release(record.id)
            self._ledger.move(record, TaskState.READY, event.detail or str(event.outcome))
            self._ledger.queue.offer(self._ledger.ticket(event.task))
        elif self._ledger.parks(event):
            record.excused += 1  # it was no attempt: the work was not looked at
            self._ledger.queue.release(record.id)
            self._ledger.move(record, TaskState.READY, self._ledger.words(event))
            self._ledger.queue.offer(self._ledger.ticket(event.task))
        elif self.retries(record, event.outcome):
            reason = f"{event.detail or event.outcome}; attempt {count} of {retry.attempts}"
            self._ledger.move(record, TaskState.READY, reason)
            wait = backoff(retry, count)
            self._ledger.queue.offer(self._ledger.ticket(event.task), event.at + wait if wait else None)
        else:
            self._failed(
                record, _ENDINGS.get(event.outcome, TaskState.FAILED), event.detail or str(event.outcome)
            )

    def answered(self, record: TaskRecord, choice: str, note: str) -> None:
        """A person said what is the task's output, or whether an act that was lost is tried again."""
        self._ledger.ask_no_more(record)
        if choice == Recovery.FAIL:
            self._failed(record, TaskState.LOST, note or record.reason)
            return
        if choice == Recovery.RERUN:
            record.excused = record.attempt
        else:
            record.answer = note
        self._ledger.queue.offer(self._ledger.ticket(record.id))

    def expects(self, event: TaskStarted) -> bool:
        """Whether the act is the next one of a task that is ready."""
        record = self._ledger.tasks.get(event.task)
        ready = record is not None and record.state == TaskState.READY and not record.question
        return ready and record is not None and self._is_next(record, event)

    def _is_next(self, record: TaskRecord, event: TaskStarted) -> bool:
        """Whether the numbers are those of the next act; one that leaps over dropped iterations has its own.

        So may one that another run did: that had iterations which do not count here.
        """
        expected = (record.next_iteration, record.attempt + 1)
        leaps = not record.iteration and (event.adopted or event.act in self._leaps)
        return leaps or (event.iteration, event.attempt) == expected

    @staticmethod
    def retries(record: TaskRecord, outcome: Outcome) -> bool:
        """Whether the policy of the task lets an act that ended so be tried again."""
        retry = record.task.retry
        final = outcome is Outcome.LOST and record.task.recovery is Recovery.FAIL  # it must not be done twice
        return not final and outcome in retry.on and record.attempt - record.excused < retry.attempts

    def _passed(self, record: TaskRecord, event: TaskFinished) -> None:
        ledger = self._ledger
        # An attempt that failed may have written what the one that passed only found.
        record.changed = event.changed or bool(replaced(record.outputs, event.outputs))
        record.outputs, record.inputs, record.findings = event.outputs, event.inputs, None
        record.attempt = record.excused = 0
        idle = record.iteration > 1 and not record.changed
        ledger.move(record, TaskState.PASSED, "no new work" if idle else "")
        if record.task.gate is None:
            self._releases.release(record)
            ledger.queue.release(record.id)
        if record.refined_by is None:
            ledger.settle(record.id, ok=True)
        else:
            self._refining.came_back(record)

    def _failed(self, record: TaskRecord, state: TaskState, reason: str) -> None:
        self._ledger.move(record, state, reason)
        self._ledger.queue.release(record.id)
        allowed = record.task.allow_failure and state in FAILURES
        weight = Weight.ALLOWED if allowed else Weight.FAILURE
        self._ledger.settle(record.id, ok=False, root=f"{record.id} {state}", weight=weight)
        if record.refined_by is not None:
            self._refining.did_not_come_back(record)
