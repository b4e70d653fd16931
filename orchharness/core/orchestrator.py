"""The orchestrator: events go in, instructions come out. It decides everything and does nothing.

Rules that hold here:
  * `apply` is the only way a run changes; what cannot have happened is refused with the item's history.
  * `decide` gives each instruction once; the caller journals a `...Started` event, applies it, then acts.
  * An item is *settled* when what needs it may look at it, and *final* when no gate can send it back to work.
    Only final items are reported, each once.
  * No clock: times come with events and with `decide`.
Replaying a journal's events in order gives the same object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, assert_never

from orchharness.core import events as ev
from orchharness.core import releasing
from orchharness.core.acts import Outcome
from orchharness.core.asking import Asking, Objection, Question
from orchharness.core.instructions import CancelAct, Instruction, StartJudgement, StartTask
from orchharness.core.judging import Judging
from orchharness.core.ledger import Due, Ledger
from orchharness.core.mending import Mending
from orchharness.core.outages import Outage
from orchharness.core.plan import EMPTY, Gate, Plan, Session, Task, gate_of, mender_of
from orchharness.core.records import Findings, GateRecord, Seat, TaskRecord
from orchharness.core.scheduling import Ticket
from orchharness.core.spent import Spent
from orchharness.core.status import FAILURES, OVER, ItemStatus, RunState, Transition
from orchharness.core.views import read_only
from orchharness.core.working import Working

__all__ = ["CancelAct", "Instruction", "Orchestrator", "RunView", "StartJudgement", "StartTask"]


class RunView:
    """What a watcher may see of the run: read-only, always as it stands."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan:
        """The plan."""
        if self._plan is None:
            self._plan = read_only(self._orchestrator.plan)
        return self._plan

    @property
    def state(self) -> str:
        """The run's state."""
        return str(self._orchestrator.state)

    @property
    def counts(self) -> Mapping[str, int]:
        """State -> how many items are in it."""
        return self._orchestrator.counts

    def status(self, item: str) -> ItemStatus:
        """How one item stands."""
        found: ItemStatus = read_only(self._orchestrator.status(item))
        return found

    def items(self) -> Iterator[ItemStatus]:
        """How every item of the run stands, in plan order."""
        return (self.status(i) for i in self._orchestrator.selected)


class Orchestrator:
    """One run of a plan, or of the selected part of it (`selected` must be closed, see `graph.closure`).

    In a run that is resumed, `taken` are names of acts that stand for something else already, and `leaps` acts that
    may be the first of their task whatever their iteration, since the ones before do not count. `went_on`: verdicts that
    no longer end their gate, see `RunResumed`. `history`: all that the run's journal holds of earlier sessions; it counts
    for budgets, whose sums begin with the record of this session.
    """

    def __init__(
        self,
        plan: Plan,
        selected: Collection[str] | None = None,
        *,
        taken: Collection[str] = (),
        leaps: Collection[str] = (),
        went_on: Mapping[str, int] = EMPTY,
        history: Iterable[ev.Event] = (),
    ) -> None:
        self._ledger = Ledger(plan, selected, taken, history)
        releases = releasing.Releases(self._ledger)
        self._judging = Judging(self._ledger, releases, went_on)
        self._working = Working(self._ledger, releases, self._judging.refining, frozenset(leaps))
        self._asking = Asking(self._ledger, self._judging, self._working)
        self._mending = Mending(self._ledger, releases, self._judging.refining)
        self._cancelled: set[str] = set()
        self.finished: ev.RunFinished | None = None
        self._work_off()

    # ---- what can be asked -------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self._ledger.plan

    @property
    def selected(self) -> tuple[str, ...]:
        """The items of this run, in plan order."""
        return self._ledger.selected

    @property
    def tasks(self) -> Mapping[str, TaskRecord]:
        """The tasks of this run."""
        return self._ledger.tasks

    @property
    def gates(self) -> Mapping[str, GateRecord]:
        """The gates of this run."""
        return self._ledger.gates

    @property
    def settled(self) -> Mapping[str, bool]:
        """Node that is decided -> whether it counts as a success."""
        return self._ledger.needs.settled

    @property
    def stop(self) -> ev.StopRequested | None:
        """The request to stop, if there was one."""
        return self._ledger.stop

    @property
    def running(self) -> int:
        """How many acts run, or were given out to be started."""
        return self._ledger.queue.running

    @property
    def acts(self) -> tuple[str, ...]:
        """The acts that run."""
        return tuple(self._ledger.acts)

    @property
    def counts(self) -> Mapping[str, int]:
        """State -> how many items are in it."""
        return {state: count for state, count in self._ledger.counts.items() if count}

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        if self.stop is not None:
            return not self._ledger.acts
        return self._ledger.queue.idle and not self._ledger.weighing

    @property
    def state(self) -> RunState:
        """The run's state as its items say."""
        if not self.over and self.finished is None:
            return RunState.RUNNING
        counts, stop = self._ledger.counts, self.stop
        undecided = sum(counts.values()) - sum(counts[s] for s in OVER)
        if stop is not None and stop.interrupted and (undecided or counts["cancelled"]):
            return RunState.INTERRUPTED
        if any(counts[s] for s in FAILURES) and self._fails():
            return RunState.FAILED
        if counts["cancelled"]:
            return RunState.CANCELLED if stop is not None and stop.cancel else RunState.FAILED
        if self._ledger.asking or self._ledger.queue.parked:
            return RunState.PAUSED
        return RunState.FAILED if undecided else RunState.PASSED

    def _fails(self) -> bool:
        """Whether something failed that the plan does not allow to fail."""
        ledger = self._ledger
        found = [r.id for kind in (ledger.tasks, ledger.gates) for r in kind.values() if r.state in FAILURES]
        return any(not ledger.plan.may_fail(i) for i in found)

    def status(self, item: str) -> ItemStatus:
        """How one item stands."""
        return (self._ledger.tasks.get(item) or self._ledger.gates[item]).status()

    def take_final(self) -> list[str]:
        """Items that became final since the last call, in order of decision."""
        return self._ledger.finality.take()

    def wake_at(self) -> float | None:
        """When `decide` should be asked again even if nothing happens, in seconds since the epoch."""
        if self.stop:
            return None
        ledger = self._ledger
        due = (ledger.queue.wake_at(), ledger.outages.wake_at(ledger.engine_is_waited_for))
        wake = min((at for at in due if at is not None), default=None)
        used_up = ledger.budgets.over_at() if ledger.budgets is not None else None
        return wake if wake is None or used_up is None else min(wake, used_up)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The engines that take no work, also those that one act is tried with."""
        return tuple(self._ledger.outages.now_shut())

    def given_up(self, engine: str) -> bool:
        """Whether the plan waits for the engine no longer."""
        return self._ledger.outages.given_up(engine)

    def exhausted(self, now: float) -> list[tuple[str, str]]:
        """Engines that the plan waits for no longer, and why: the caller says so with `PatienceEnded`."""
        ledger = self._ledger
        return [] if self.stop else ledger.outages.exhausted(now, ledger.engine_is_waited_for)

    def worker(self, worker: str) -> TaskRecord:
        """What is known of a task, or of a gate's mender."""
        return self._ledger.menders[worker] if worker in self._ledger.menders else self._ledger.tasks[worker]

    def findings_for(self, worker: str) -> Findings | None:
        """The findings that the next act of the task or mender works on."""
        return self.worker(worker).findings

    def session_of(self, worker: str) -> str | None:
        """The agent's session that the next act goes on with, where it works on findings and the gate lets it."""
        record = self.worker(worker)
        gate = self._ledger.gates.get(
            gate_of(worker) if worker in self._ledger.menders else record.refined_by or ""
        )
        fresh = gate is not None and gate.gate.session is Session.FRESH
        return None if fresh else record.session

    def inputs_of(self, task: Task) -> dict[str, list[dict[str, Any]]]:
        """Input -> the released artifacts it reads: `{"path", "sha256", "size", "item"}`, or an `evaluation`."""
        return releasing.inputs_of(self._ledger, task)

    def artifacts_of(self, gate: Gate) -> dict[str, list[dict[str, Any]]]:
        """`TASK.output` -> the artifacts the gate judges."""
        return releasing.artifacts_of(self._ledger, gate)

    def released(self, task: str) -> bool:
        """Whether others may read the task's outputs: it passed, and its own gate let it through."""
        return releasing.released(self._ledger, task)

    def evaluation_of(self, gate: str) -> dict[str, Any]:
        """The evaluation of a gate as it stands: verdict, score, findings and what each critic said."""
        return releasing.evaluation_of(self._ledger.gates[gate])

    @property
    def weighing(self) -> Mapping[str, str]:
        """Task whose `when` is to be evaluated -> the name of that evaluation. Nothing else may be waited for."""
        return dict(self._ledger.weighing)

    def standing(self, item: str) -> releasing.Standing:
        """How an item that is decided stands, as a `when` sees it."""
        return releasing.standing(self._ledger, item)

    def read_by_when(self, task: str) -> dict[str, Any]:
        """What the `when` of the task looks at, as a journal keeps it: see `ConditionEvaluated`."""
        return releasing.read_by_when(self._ledger, self._ledger.tasks[task].task)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What waits for a person, in the order of asking."""
        return self._asking.questions()

    @property
    def asks(self) -> bool:
        """Whether anything waits for a person."""
        return bool(self._ledger.asking)

    @property
    def parked(self) -> Mapping[str, str]:
        """Item whose work waits for a raised budget -> which one."""
        return {gate_of(name.partition("/")[0]): why for name, why in self._ledger.queue.parked.items()}

    def spent(self, now: float) -> tuple[Spent, ...]:
        """How the plan's budgets stand; nothing when it has none."""
        budgets = self._ledger.budgets
        return budgets.spent(now) if budgets is not None else ()

    def objection(self, event: ev.DecisionTaken) -> Objection | None:
        """Why the decision cannot be taken; None: it can."""
        return self._asking.objection(event)

    def read_by(self, gate: str, critic: str) -> dict[str, dict[str, Any]]:
        """What a critic of the gate finds that comes after others: critic -> its score and all that it said."""
        return releasing.read_by(self._ledger.gates[gate], self.plan.critics[critic])

    # ---- events ------------------------------------------------------------------------------

    def expects(
        self, event: ev.TaskStarted | ev.JudgementStarted | ev.DecisionTaken | ev.ConditionEvaluated
    ) -> bool:
        """Whether the act could start now, limits and resources aside, the decision be taken, the `when` be told."""
        if isinstance(event, ev.ConditionEvaluated):
            return self._working.wonders(event)
        if isinstance(event, ev.DecisionTaken):
            return self.objection(event) is None
        if isinstance(event, ev.TaskStarted):
            mends = event.task in self._ledger.menders
            return self._mending.expects(event) if mends else self._working.expects(event)
        return self._judging.expects(event)

    def dooms(self, event: ev.TaskFinished | ev.JudgementFinished) -> bool:
        """Whether the end of an act that runs, not applied yet, would be the end of its item by a fault of execution."""
        if isinstance(event, ev.JudgementFinished):
            return self._judging.dooms(event)
        record = self.worker(event.task)
        failed = event.outcome is not Outcome.SUCCESS and not self._ledger.parks(event)
        tried_again = (
            event.again or event.excused or event.asks or self._working.retries(record, event.outcome)
        )
        return failed and not tried_again

    def apply(self, event: ev.Event) -> tuple[Transition, ...]:
        """Change the run by what happened, and say what that did to the items.

        Raises:
            ImpossibleTransitionError: it cannot have happened; the run is not usable afterwards.
        """
        self._ledger.count(event)
        match event:
            case ev.TaskStarted():
                (self._mending if event.task in self._ledger.menders else self._working).started(event)
            case ev.TaskFinished():
                (self._mending if event.task in self._ledger.menders else self._working).finished(event)
            case ev.JudgementStarted():
                self._judging.started(event)
            case ev.JudgementFinished():
                self._judging.finished(event)
            case ev.DecisionTaken():
                self._asking.decided(event)
            case ev.ConditionEvaluated():
                self._working.weighed(event)
            case ev.GateInputsChanged():
                self._judging.inputs_changed(event)
            case ev.StopRequested():
                self._stop(event)
            case ev.RunStarted() | ev.RunResumed() | ev.RunFinished() | ev.HookFailed() | ev.PatienceEnded():
                self.finished = event if isinstance(event, ev.RunFinished) else self.finished
            case _:
                assert_never(event)
        self._work_off()
        return self._ledger.take_log()

    def _stop(self, event: ev.StopRequested) -> None:
        before = self.stop
        if before is not None:
            cancel, interrupted = before.cancel or event.cancel, before.interrupted or event.interrupted
            event = replace(before, cancel=cancel, interrupted=interrupted)
        self._ledger.stop = event

    def _work_off(self) -> None:
        """Do what follows from what was done, until nothing more does."""
        while self._ledger.due or self._found_more():
            what, item = self._ledger.due.popleft()
            task, gates = self._ledger.tasks.get(item), self._ledger.gates
            match what:
                case Due.NEEDS_OVER if task is not None:
                    self._working.needs_over(task)
                case Due.NEEDS_OVER:
                    self._judging.needs_over(gates[item])
                case Due.REVOKED if task is not None:
                    self._working.revoked(task)
                case Due.REVOKED:
                    self._judging.revoked(gates[item])
                case Due.CLOSED:
                    self._judging.refining.others_may_go(gates[item])
                case Due.RECOUNT:
                    self._judging.recount(gates[item])
                case Due.PARKED if task is not None:
                    self._working.parked(task)
                case Due.PARKED:
                    self._judging.parked(gates[item])
                case _:
                    assert_never(what)

    def _barred(self, ticket: Ticket, why: str) -> None:
        """Let fail what nobody will do."""
        task = self._ledger.tasks.get(ticket.item)
        if task is not None:
            self._working.barred(task, why)
        elif ticket.critic is None:
            self._mending.barred(self._ledger.gates[ticket.item], why)
        else:
            seat = Seat(ticket.critic, ticket.sample)
            self._judging.barred(self._ledger.gates[ticket.item], seat, why)

    def _found_more(self) -> bool:
        """Whether work was offered that a reached budget stops, or that nobody will do."""
        while barred := self._ledger.queue.take_barred():
            for ticket, why in barred:
                self._barred(ticket, why)
        self._ledger.park()
        return bool(self._ledger.due)

    # ---- instructions ------------------------------------------------------------------------

    def decide(self, now: float, free: int) -> list[Instruction]:
        """What to do next, at most `free` new acts; each instruction is given once.

        Args:
            now: Seconds since the epoch; decides which retries are due.
            free: How many more acts may run.
        """
        if self.stop is not None:
            acts = self._ledger.acts if self.stop.cancel else ()
            cancel = [a for a in acts if a not in self._cancelled]
            self._cancelled.update(cancel)
            return [CancelAct(act=a) for a in cancel]
        queue, found = self._ledger.queue, list[Instruction]()
        if self._ledger.budgets is not None:
            self._ledger.budgets.look(now)
            self._work_off()
        queue.wake(now)
        self._ledger.pass_time(now)
        while len(found) < free:
            ticket = queue.take()
            if ticket is None:
                break
            found.append(self._instruction(ticket))
            self._charge(found[-1], ticket)
        return found

    def _charge(self, start: Instruction, ticket: Ticket) -> None:
        """What was given out counts at once: the next one may be one too many."""
        if self._ledger.budgets is not None:
            self._ledger.budgets.issue(start.act, ticket.item, ticket.critic)
            self._work_off()

    def _instruction(self, ticket: Ticket) -> StartTask | StartJudgement:
        start: StartTask | StartJudgement
        if ticket.critic is None and ticket.item in self._ledger.gates:
            asking = self._ledger.gates[ticket.item]
            name = mender_of(asking.id)
            iteration, attempt = asking.iteration + 1, self._ledger.menders[name].attempt + 1
            act = self._ledger.free_name(f"{name}.i{iteration}.a{attempt}")
            start = StartTask(task=name, iteration=iteration, attempt=attempt, act=act)
            hold = False
        elif ticket.critic is None:
            record = self._ledger.tasks[ticket.item]
            iteration, attempt = record.next_iteration, record.attempt + 1
            act = self._ledger.free_name(f"{record.id}.i{iteration}.a{attempt}")
            start = StartTask(task=record.id, iteration=iteration, attempt=attempt, act=act)
            hold = False
        else:
            gate, seat = self._ledger.gates[ticket.item], Seat(ticket.critic, ticket.sample)
            attempt = gate.open[seat] + 1
            act = self._ledger.free_name(f"{gate.id}.i{gate.iteration}.{seat.name}.a{attempt}")
            start = StartJudgement(
                gate=gate.id,
                critic=seat.critic,
                iteration=gate.iteration,
                attempt=attempt,
                act=act,
                sample=seat.sample,
            )
            hold = self._judging.bench.holds_track(seat.critic)
        self._ledger.reserve(ticket, act, hold_track=hold)
        self._ledger.issued[act] = ticket.item
        return start
