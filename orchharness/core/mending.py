"""Menders: agents of a gate that work on its findings in place of the members.

Rules that hold here:
  * A mender is asked when its gate refines, and has the gate's allowance: `G-1.mender.i2.a1` makes what iteration 2 of
    the gate judges. It is tried again like a task, and when it fails for good, so does the gate.
  * What it wrote anew of the members' outputs is theirs from then on. Those members count as having worked: their own
    gates judge the new bytes first, and the members after them go to work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchharness.core.acts import Outcome
from orchharness.core.events import TaskFinished, TaskStarted
from orchharness.core.ledger import Ledger
from orchharness.core.plan import gate_of, mender_of
from orchharness.core.records import GateRecord, TaskRecord
from orchharness.core.refining import Refining
from orchharness.core.releasing import Releases, digests
from orchharness.core.scheduling import backoff
from orchharness.core.status import GateState

_TOUCHED = {"created", "changed"}


class Mending:
    """What menders do."""

    def __init__(self, ledger: Ledger, releases: Releases, refining: Refining) -> None:
        self._ledger = ledger
        self._releases = releases
        self._refining = refining

    def expects(self, event: TaskStarted) -> bool:
        """Whether the gate waits for this act of its mender."""
        mender, record = self._records(event.task)
        waits = record.refinement.mending and not mender.running
        return waits and (event.iteration, event.attempt) == (record.iteration + 1, mender.attempt + 1)

    def started(self, event: TaskStarted) -> None:
        """The mender works.

        Raises:
            ImpossibleTransitionError: nobody asked for it.
        """
        ledger, (mender, record) = self._ledger, self._records(event.task)
        if not self.expects(event):
            ledger.refuse(record.id, f"nobody asked its mender for iteration {event.iteration}")
        if not ledger.act_started(event.act, event.task, None):
            ledger.reserve(ledger.mender_ticket(record), event.act, hold_track=False)
        mender.iteration, mender.attempt, mender.act = event.iteration, event.attempt, event.act
        mender.running, record.act = True, event.act

    def finished(self, event: TaskFinished) -> None:
        """The mender's act is over.

        Raises:
            ImpossibleTransitionError: it did not run.
        """
        ledger, (mender, record) = self._ledger, self._records(event.task)
        ledger.act_over(event.act, event.task, None)
        mender.running, record.ended = False, event.at
        mender.session = event.session or mender.session
        mender.note_end(event.act, event.outcome)
        if event.outcome is Outcome.SUCCESS:
            self._succeeded(mender, record, event)
        elif event.again or event.excused or (event.outcome is Outcome.CANCELLED and ledger.stop is not None):
            mender.excused = mender.excused + 1 if event.excused else mender.attempt
            ledger.queue.offer(ledger.mender_ticket(record))
        elif ledger.parks(event):
            mender.excused += 1
            record.limited = ledger.words(event)
            ledger.explain(record, record.limited)
            if record.gate.owner is not None:
                ledger.queue.release(record.gate.owner)
            ledger.queue.offer(ledger.mender_ticket(record))
        elif self.retries(mender, event.outcome):
            wait = backoff(mender.task.retry, mender.attempt - mender.excused)
            ledger.queue.offer(ledger.mender_ticket(record), event.at + wait if wait else None)
        else:
            what = event.detail or str(event.outcome)
            self._fail(record, f"{event.task} {event.outcome} in iteration {mender.iteration}: {what}")

    def barred(self, record: GateRecord, why: str) -> None:
        """Nobody will do what the gate waits for."""
        mender = self._ledger.menders[mender_of(record.id)]
        if record.refinement.mending and not mender.running:
            self._fail(record, f"{mender.id}: {why}")

    def _fail(self, record: GateRecord, reason: str) -> None:
        self._refining.doom(record, (GateState.FAILED, reason))
        self._refining.mended(record, [])

    @staticmethod
    def retries(mender: TaskRecord, outcome: Outcome) -> bool:
        """Whether the policy of the mender lets an act that ended so be tried again."""
        retry = mender.task.retry
        return outcome in retry.on and mender.attempt - mender.excused < retry.attempts

    def _records(self, mender: str) -> tuple[TaskRecord, GateRecord]:
        return self._ledger.menders[mender], self._ledger.gates[gate_of(mender)]

    def _succeeded(self, mender: TaskRecord, record: GateRecord, event: TaskFinished) -> None:
        retried = mender.attempt > 1
        mender.outputs, mender.findings = event.outputs, None
        fresh: dict[str, dict[str, Any]] = {}
        for name, found in event.outputs.items():
            task, _, output = name.rpartition(".")
            if self._ledger.tasks[task].task.ask is not None:  # what a person answered stands
                continue
            if _mended(self._ledger.tasks[task].outputs.get(output, ()), found, retried=retried):
                fresh.setdefault(task, {})[output] = found
        roots = self._refining.set_out(record, list(fresh))
        for task in roots:
            self._give(self._ledger.tasks[task], fresh[task], mender.id)
        self._refining.mended(record, roots)

    def _give(self, member: TaskRecord, outputs: dict[str, Any], by: str) -> None:
        """The new bytes are the member's from here on."""
        member.outputs = {**member.outputs, **outputs}
        self._ledger.note(member, f"mended by {by}")
        if member.task.gate is None:
            self._releases.release(member)


def _mended(known: Sequence[Any], found: Sequence[Any], *, retried: bool) -> bool:
    """Whether the mender made other bytes of an output. What somebody else changed before it was not its work.

    An attempt that failed may have written what the one that passed only found.
    """
    if digests(known) == digests(found):
        return False
    paths = {entry["path"] for entry in known}
    touched = any(entry["path"] not in paths or entry.get("how") in _TOUCHED for entry in found)
    return retried or touched or bool(paths - {entry["path"] for entry in found})
