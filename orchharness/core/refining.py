"""Refining: a gate's members go back to work on its findings, and whoever judged the replaced bytes judges again.

Rules that hold here:
  * Of the gates over several tasks that share one, only one is *at work* (judging or refining) at a time: bytes that
    are judged do not change, and a task works on one gate's findings.
  * A gate with a mender sends that to work instead (see `mending`); the members after what it changed follow.
  * A refined task whose bytes changed is judged by its own gate first; only then the members after it go to work.
  * When all members are through, the other gates that had judged the replaced bytes judge again, and only then the
    gate itself. They may refine in turn; the gate is *parked* meanwhile. Gates wait only for those opened later, so
    this ends.
  * A gate does not end while somebody works for it: if a member is lost, it is *doomed* and ends when the others
    are back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from orchharness.core import graph
from orchharness.core.gating import as_text
from orchharness.core.ledger import Due, Ledger
from orchharness.core.plan import Refine
from orchharness.core.records import Findings, GateRecord, Refinement, TaskRecord
from orchharness.core.status import SUCCESS, GateState, TaskState


class Judge(Protocol):
    """What refining asks of judging."""

    def judge(self, record: GateRecord) -> None:
        """Judge in a new iteration."""

    def not_changed(self, record: GateRecord) -> None:
        """A round of refinement brought no new work."""

    def end(self, record: GateRecord, state: GateState, reason: str) -> None:
        """Decide the gate."""


class Refining:
    """Who works on findings, and which gate may be at work."""

    def __init__(self, ledger: Ledger, judge: Judge) -> None:
        self._ledger = ledger
        self._judge = judge
        self._shared: dict[str, list[GateRecord]] = {}
        self._next: dict[str, dict[str, list[str]]] = {}

    # ---- one gate at work over a task ------------------------------------------------------------

    def open(self, record: GateRecord) -> None:
        """The gate can judge: at once, or when no other gate is at work on its tasks.

        One that lost a member stays queued: it hears in a moment that what it needs is no success any more.
        """
        record.queued = record.bereft or any(other.turn for other in self._sharing(record))
        if not record.queued:
            self._start(record)

    def closed(self, record: GateRecord) -> None:
        """The gate is decided or waits for a person: others may want its tasks."""
        record.turn, record.stale, record.queued = 0, False, False
        record.refinement = Refinement()
        if record.gate.owner is None and record.gate.of:
            self._ledger.due.append((Due.CLOSED, record.id))

    def others_may_go(self, closed: GateRecord) -> None:
        """A gate ended: first those judge again whose bytes were replaced, then those go on that waited for them."""
        sharing = self._sharing(closed)
        for other in sharing:
            if other.stale:
                self._reopen(other)
        for other in sharing:
            if other.refinement.parked:
                self._round_over(other)
        for other in sharing:
            if other.queued:
                self.open(other)

    def _sharing(self, record: GateRecord) -> list[GateRecord]:
        """The other gates that judge one of its tasks, itself no task's own gate."""
        if record.gate.owner is not None:
            return []
        found = self._shared.get(record.id)
        if found is None:
            gates = {g.id: g for t in record.gate.of for g in self._ledger.over[t] if g is not record}
            found = self._shared[record.id] = list(gates.values())
        return found

    def _start(self, record: GateRecord) -> None:
        record.turn, record.queued, record.stale = self._ledger.next_turn(), False, False
        self._judge.judge(record)

    def _reopen(self, record: GateRecord) -> None:
        if all(not other.turn or other.refinement.parked for other in self._sharing(record)):
            self._start_over(record)

    def _start_over(self, record: GateRecord) -> None:
        record.since, record.idle_iterations = record.iteration, 0
        record.trend.clear()
        self._start(record)

    def busy_with(self, record: GateRecord) -> str | None:
        """The other gate that is at work on tasks of this one, if one is."""
        return next((other.id for other in self._sharing(record) if other.turn), None)

    def refine_again(self, record: GateRecord, reason: str) -> None:
        """A gate that was closed goes to work again, with as many iterations as it had."""
        record.since, record.idle_iterations = record.iteration, 0
        record.trend.clear()
        record.turn = self._ledger.next_turn()
        self.refine(record, reason)

    # ---- sending to work -------------------------------------------------------------------------

    def refine(self, record: GateRecord, reason: str) -> None:
        """Send the gate's mender to work on the findings, or the blamed members and those after them."""
        gate = record.gate
        self._ledger.move(
            record, GateState.REFINING, reason, score=record.score_text, warnings=tuple(record.warnings)
        )
        if gate.mender is not None:
            self._ask_mender(record, self._ledger.menders[gate.mender.id])
            return
        named = [f.get("task") for f in record.verdict.findings] if record.verdict else []
        able = self._able(record)
        blamed = [t for t in able if t in named or (self._ledger.tasks[t].task.base or t) in named]
        first = blamed if blamed and gate.refine is Refine.BLAMED else able
        pending = self._round(record, first)
        record.refinement = Refinement(pending=pending)
        self._send(record, [t for t, before in pending.items() if not before])
        if not pending:  # only people's answers: nobody can work on them
            self._round_over(record)

    def _able(self, record: GateRecord) -> list[str]:
        """The members that can work on findings: what a person answered stands."""
        return [t for t in record.gate.of if self._ledger.plan.tasks[t].ask is None]

    def _round(self, record: GateRecord, first: Iterable[str]) -> dict[str, set[str]]:
        """Member that is to work, with those of them that it waits for: the first ones and all after them."""
        after = self._after(record)
        targets = _reach(first, after)
        pending: dict[str, set[str]] = {t: set() for t in self._able(record) if t in targets}
        for task in pending:
            for later in after[task]:
                pending[later].add(task)
        return pending

    def _ask_mender(self, record: GateRecord, mender: TaskRecord) -> None:
        record.refinement = Refinement(mending=True)
        mender.attempt = mender.excused = 0
        mender.findings = _told(record)
        self._ledger.queue.offer(self._ledger.mender_ticket(record))

    def set_out(self, record: GateRecord, changed: list[str]) -> list[str]:
        """Begin the round after a mender: of the members whose bytes it changed, those that nobody else works on."""
        work = record.refinement
        work.pending = self._round(record, changed)
        roots = [t for t, before in work.pending.items() if not before]
        work.sent.update(roots)
        return roots

    def mended(self, record: GateRecord, members: list[str]) -> None:
        """The mender is through: these members count as having worked."""
        record.refinement.mending = False
        for name in members:
            task = self._ledger.tasks[name]
            task.refined_by, task.changed = record.id, True
        for name in members:
            self.came_back(self._ledger.tasks[name])
        if not members:
            self._round_over(record)

    def doom(self, record: GateRecord, how: tuple[GateState, str]) -> None:
        """The gate ends so, once nobody works for it any more."""
        if record.refinement.doom is None:
            record.refinement.doom = how

    def _after(self, record: GateRecord) -> dict[str, list[str]]:
        found = self._next.get(record.id)
        if found is None:
            ledger = self._ledger
            able = self._able(record)
            found = graph.nearest_after(ledger.plan, able, ledger.needs.waiting) if able else {}
            self._next[record.id] = found
        return found

    def _send(self, record: GateRecord, tasks: Iterable[str]) -> None:
        told = _told(record)
        for task_id in tasks:
            task = self._ledger.tasks[task_id]
            record.refinement.sent.add(task_id)
            task.refined_by, task.findings = record.id, told
            task.attempt = task.excused = 0
            self._ledger.move(task, TaskState.READY, f"refine for {record.id}")
            self._ledger.queue.offer(self._ledger.ticket(task_id, first=True))

    # ---- coming back -----------------------------------------------------------------------------

    def came_back(self, task: TaskRecord) -> None:
        """A refined task passed: its own gate judges the new bytes first, unless it is the one that asked."""
        record, own = self._sender_of(task), self._ledger.gates.get(task.task.gate or "")
        if task.changed:
            record.refinement.fresh = True
            for other in self._ledger.over.get(task.id, ()):
                if other is not record:
                    other.stale = other.stale or (other.can_reopen and not other.bereft)
                    other.refinement.fresh = True  # parked: it has not seen these bytes
        if own is not None and own is not record:
            if task.changed and own.state in SUCCESS:
                own.sender = record.id
                self._start_over(own)
                return
            self._ledger.queue.release(task.id)  # nobody judges it that would do so
            if own.state not in SUCCESS:
                self._lost(task.id, f"{own.id} {own.state} in refinement")
        self._through(record, task.id)

    def did_not_come_back(self, task: TaskRecord) -> None:
        """A refined task did not pass: gates at work on it have nothing to judge."""
        record = self._sender_of(task)
        reason = f"{task.id} {task.state} in iteration {task.iteration}: {task.reason}"
        self.doom(record, (GateState.FAILED, reason))
        self._lost(task.id, reason)
        self._through(record, task.id)

    def _sender_of(self, task: TaskRecord) -> GateRecord:
        sender, task.refined_by = task.refined_by, None
        return self._ledger.gates[str(sender)]

    def own_gate_ended(self, own: GateRecord) -> None:
        """A task's own gate was decided, perhaps for a wider gate that had the task refined."""
        (sender, own.sender), task = (own.sender, None), own.gate.owner
        if task is None:
            return
        if own.state not in SUCCESS:
            self._lost(task, f"{own.id} {own.state} in refinement")
        if sender is not None:
            self._through(self._ledger.gates[sender], task)

    def _lost(self, task: str, reason: str) -> None:
        for record in self._ledger.over.get(task, ()):
            if record.stale:  # it does not judge again: who waits for that need not
                self._ledger.due.append((Due.CLOSED, record.id))
            record.bereft, record.stale = True, False
            if record.turn:
                self.doom(record, (GateState.FAILED, reason))

    def _through(self, record: GateRecord, task: str) -> None:
        work = record.refinement
        work.sent.discard(task)
        work.pending.pop(task, None)
        if work.doom is None:
            free = []
            for later in self._after(record)[task]:
                work.pending[later].discard(task)
                if not work.pending[later]:
                    free.append(later)
            if free:
                self._send(record, free)
        if not work.sent:
            self._round_over(record)

    def _round_over(self, record: GateRecord) -> None:
        """Nobody works for the gate: it goes on, unless others judge the new bytes first."""
        work, sharing = record.refinement, self._sharing(record)
        work.parked = any(other.stale or other.turn > record.turn for other in sharing)
        if work.parked:
            for other in sharing:
                if other.stale:
                    self._reopen(other)
        elif work.doom is not None:
            self._judge.end(record, *work.doom)
        elif work.fresh:
            record.idle_iterations = 0
            self._judge.judge(record)
        else:
            self._judge.not_changed(record)


def _told(record: GateRecord) -> Findings:
    return Findings(
        gate=record.id,
        iteration=record.iteration,
        score=record.score_text,
        threshold=as_text(record.gate.threshold),
        findings=record.verdict.findings if record.verdict else (),
    )


def _reach(first: Iterable[str], after: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(first)
    while todo:
        task = todo.pop()
        if task not in found:
            found.add(task)
            todo.extend(after[task])
    return found
