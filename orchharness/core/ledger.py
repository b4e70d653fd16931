"""The records of one run, and the only way they change. Knows no rule of the language but which transitions exist.

What follows from a change is not done at once but noted as *due*, and the orchestrator works that off in order: so
a failure at the head of ten thousand tasks needs no deep stack, and everybody sees a finished change.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Iterable
from enum import Enum, auto
from typing import Any, NoReturn

from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.budget import tally
from orchharness.core.events import (
    Event,
    JudgementFinished,
    JudgementStarted,
    PatienceEnded,
    RunResumed,
    StopRequested,
    TaskFinished,
    TaskStarted,
)
from orchharness.core.finality import Finality
from orchharness.core.needs import Needs, Weight
from orchharness.core.outages import Outages, Who, refusal, who_works
from orchharness.core.plan import MENDER, Mode, Plan, Task, mender_of
from orchharness.core.records import TRANSITIONS, GateRecord, Record, Seat, TaskRecord
from orchharness.core.scheduling import Scheduler, Ticket
from orchharness.core.status import Transition
from orchharness.core.terms import terms_of
from orchharness.errors import ImpossibleTransitionError


class Due(Enum):
    """What is to be done about an item."""

    NEEDS_OVER = auto()  # everything it needs is settled
    REVOKED = auto()  # a success it relied on is none any more
    CLOSED = auto()  # the gate is at work no longer: others may want its tasks
    RECOUNT = auto()  # a gate this one stands over was decided again
    PARKED = auto()  # work on it waits, and nothing but a raised budget brings it back


class Ledger:
    """Plan, records and queue of one run."""

    def __init__(
        self,
        plan: Plan,
        selected: Collection[str] | None,
        taken: Collection[str] = (),
        history: Iterable[Event] = (),
    ) -> None:
        self.plan = plan
        terms = terms_of(plan)
        self.budgets = tally(terms, history) if terms is not None else None
        if self.budgets is not None:
            self.budgets.sleep()
        self._taken = frozenset(taken)
        self.asking: dict[str, Record] = {}  # items that wait for a person's answer
        self.weighing: dict[str, str] = {}  # task whose `when` is to be evaluated -> name of that evaluation
        self.now = 0.0  # time of the last event
        self.dropped: set[str] = set()  # items that a person left out
        items = _chosen(plan, selected)
        self.selected: tuple[str, ...] = tuple(items)
        self.tasks = {i: TaskRecord(plan.tasks[i]) for i in items if i in plan.tasks}
        self.gates = {i: GateRecord(plan.gates[i]) for i in items if i in plan.gates}
        menders = (r.gate.mender for r in self.gates.values() if r.gate.mender is not None)
        self.menders = {m.id: TaskRecord(m) for m in menders}
        self.over = _over(self.gates.values())  # task -> the gates over it, without its own
        self.needs = Needs(plan, items)
        self.finality = Finality(plan, items, {i: r.gate for i, r in self.gates.items()})
        self.outages = Outages(plan.outage)
        self._doers: dict[Who, tuple[str, ...]] = {}  # who does acts -> what the queue knows them by
        self.queue = Scheduler(plan.resources, self.outages)
        self.acts: dict[str, tuple[str, str | None]] = {}  # running act -> item, critic
        self.issued: dict[str, str] = {}  # act that was given out and not started yet -> item
        self.stop: StopRequested | None = None
        self.counts = Counter({"waiting": len(items)})
        self.due: deque[tuple[Due, str]] = deque((Due.NEEDS_OVER, i) for i in items if self.needs.over(i))
        self._tails = graph.tails(plan, self.needs.waiting)
        self._turn = 0
        self._log: list[Transition] = []

    # ---- records -----------------------------------------------------------------------------

    def task(self, item: str) -> TaskRecord:
        """The record of the task.

        Raises:
            ImpossibleTransitionError: the run has no such task.
        """
        record = self.tasks.get(item)
        if record is None:
            self.refuse(item, "this run has no such task")
        return record

    def gate(self, item: str) -> GateRecord:
        """The record of the gate.

        Raises:
            ImpossibleTransitionError: the run has no such gate.
        """
        record = self.gates.get(item)
        if record is None:
            self.refuse(item, "this run has no such gate")
        return record

    def refuse(self, item: str, what: str) -> NoReturn:
        """Say that this cannot have happened, with what did.

        Raises:
            ImpossibleTransitionError: always.
        """
        record: Record | None = self.tasks.get(item) or self.gates.get(item)
        history = " → ".join([*record.history, str(record.state)]) if record is not None else ""
        msg = f"{item!r}: {what}" + (f" (history: {history})" if history else "")
        raise ImpossibleTransitionError(msg)

    def move(self, record: Record, state: str, reason: str = "", **extra: Any) -> None:
        """Take the item to another state, or refuse.

        Raises:
            ImpossibleTransitionError: there is no such transition.
        """
        was = str(record.state)
        if state not in TRANSITIONS[record.kind].get(was, ()):
            self.refuse(record.id, f"it cannot go from {was} to {state}")
        record.history.append(was)
        record.state, record.reason = state, reason
        self.counts[was] -= 1
        self.counts[str(state)] += 1
        extra.setdefault("iteration", record.iteration)
        self._log.append(Transition(item=record.id, was=was, state=str(state), reason=reason, **extra))

    def warn(self, record: TaskRecord, warning: str) -> None:
        """Add a warning to a task; its state stays."""
        if warning not in record.warnings:
            record.warnings.append(warning)
            state = str(record.state)
            self._log.append(
                Transition(item=record.id, was=state, state=state, reason=record.reason, warnings=(warning,))
            )

    def note(self, record: TaskRecord, reason: str) -> None:
        """Say what happened to a task that stays in its state."""
        record.reason = reason
        state = str(record.state)
        self._log.append(
            Transition(item=record.id, was=state, state=state, reason=reason, iteration=record.iteration)
        )

    def explain(self, record: Record, reason: str) -> None:
        """Say why the item stands where it is; its state stays."""
        if record.reason != reason:
            state, record.reason = str(record.state), reason
            self._log.append(
                Transition(item=record.id, was=state, state=state, reason=reason, iteration=record.iteration)
            )

    def take_log(self) -> tuple[Transition, ...]:
        """The transitions since the last call."""
        log, self._log = self._log, []
        return tuple(log)

    def next_turn(self) -> int:
        """A number that grows with every call."""
        self._turn += 1
        return self._turn

    def free_name(self, name: str) -> str:
        """The act's name; of one that an earlier act of the run had, whose result is not used, the next free one."""
        count, found = 1, name
        while found in self._taken:
            count += 1
            found = f"{name}.r{count}"
        return found

    def ask(self, record: Record) -> None:
        """A person is asked about the item."""
        record.asked += 1
        record.question = self.free_name(f"{record.id}.q{record.asked}")
        self.asking[record.id] = record

    def ask_no_more(self, record: Record) -> None:
        """The question is answered, or has lost its object."""
        record.question = ""
        self.asking.pop(record.id, None)

    # ---- what is decided -------------------------------------------------------------------------

    def settle(self, item: str, *, ok: bool, root: str = "", weight: Weight = Weight.FAILURE) -> None:
        """What needs the item may look at it; when it is no success, `root` names the cause."""
        found = self.needs.settle(item, ok=ok, root=root, weight=weight)
        self.finality.settled(item)
        self.due.extend((Due.NEEDS_OVER, i) for i in found.over)
        self.due.extend((Due.REVOKED, i) for i in found.revoked)

    # ---- budgets ---------------------------------------------------------------------------------

    def count(self, event: Event) -> None:
        """It happened: the time goes on, and what it costs is counted."""
        self.now = event.at
        self.pass_time(event.at)
        self._note_engine(event)
        if self.budgets is not None:
            self.budgets.note(event)
            self.park()

    def park(self) -> None:
        """Take out of the queue what draws on a budget that is reached."""
        if self.budgets is None:
            return
        for account, why in self.budgets.take_closed():
            self.queue.close(account, why)
        self.due.extend((Due.PARKED, ticket.item) for ticket in self.queue.take_parked())

    # ---- engines ---------------------------------------------------------------------------------

    def pass_time(self, now: float) -> None:
        """Let engines be tried whose pause is over."""
        for engine in self.outages.wake(now):
            self.queue.look_again(engine)

    def parks(self, event: TaskFinished | JudgementFinished) -> bool:
        """Whether the act waits for its engine, and is asked for again."""
        return event.outcome is Outcome.LIMITED and not event.again and bool(self._who(event).engine)

    def words(self, event: TaskFinished | JudgementFinished) -> str:
        """Why the act waits."""
        return self.outages.words(self._who(event).engine)

    def engine_is_waited_for(self, engine: str) -> bool:
        """Whether work waits for the engine."""
        return self.queue.waits_for(_account("engine", engine))

    def _who(self, event: TaskFinished | JudgementFinished) -> Who:
        if isinstance(event, TaskFinished):
            return who_works(self.plan, event.task)
        return who_works(self.plan, event.gate, event.critic)

    def _note_engine(self, event: Event) -> None:
        if isinstance(event, TaskStarted | JudgementStarted):
            self.outages.begun(event.act, event.at)
        elif isinstance(event, TaskFinished | JudgementFinished) and event.act in self.acts:
            told = (event.outcome, event.at, event.retry_after, event.detail)
            engine = self.outages.ended(event.act, *told)
            if engine:
                self.queue.admit(_account("engine", engine))
                self.queue.look_again(engine)
            if event.outcome is Outcome.REFUSED and not event.again:
                self._note_refusal(event)
        elif isinstance(event, RunResumed):
            self.outages.resumed(event.at)
        elif isinstance(event, PatienceEnded):
            if not self.outages.give_up(event.engine):
                self.refuse(event.engine, "it takes work, and is given up")
            self.queue.bar(_account("engine", event.engine), event.reason)

    def _note_refusal(self, event: TaskFinished | JudgementFinished) -> None:
        agent = self._who(event).agent
        if agent:
            worker = event.task if isinstance(event, TaskFinished) else event.gate
            self.queue.bar(_account("agent", agent), refusal(agent, event.detail, worker))

    # ---- acts ------------------------------------------------------------------------------------

    def ticket(self, item: str, seat: Seat | None = None, *, first: bool = False) -> Ticket:
        """A new place in the queue for the task, or for one of the gate's judgements."""
        spec = self.plan.item(item)
        critic = seat.critic if seat is not None else None
        worker = mender_of(item) if critic is None and item in self.gates else item
        engine, names = self._doer(worker, critic)
        spending = self.budgets.accounts(item, critic) if self.budgets is not None else ()
        return Ticket(
            rank=0 if first or seat is not None else 1,
            tail=-self._tails[item],
            order=spec.order,
            name=item if seat is None else f"{item}/{seat.name}",
            turn=self.next_turn(),
            item=item,
            critic=critic,
            sample=seat.sample if seat is not None else 1,
            track=(spec.phase, spec.track),
            foreground=isinstance(spec, Task) and spec.mode is Mode.FOREGROUND,
            resources=spec.resources if isinstance(spec, Task) else {},
            draws=(*names, *spending) if spending else names,
            engine=engine,
        )

    def _doer(self, worker: str, critic: str | None) -> tuple[str, tuple[str, ...]]:
        """The engine of such an act, and the accounts that it draws on for who does it."""
        who = who_works(self.plan, worker, critic)
        names = self._doers.get(who)
        if names is None:
            found = (("engine", who.engine), ("agent", who.agent))
            names = self._doers[who] = tuple(_account(what, name) for what, name in found if name)
        return who.engine, names

    def mender_ticket(self, record: GateRecord) -> Ticket:
        """A new place in the queue for the gate's mender."""
        return self.ticket(record.id, first=True)._replace(name=f"{record.id}.{MENDER}")

    def reserve(self, ticket: Ticket, act: str, *, hold_track: bool) -> None:
        """Count the act as running, with all it takes."""
        self.queue.started(ticket, act, hold_track=hold_track)
        if ticket.engine:
            # What was only given out begins with its event; in a replay that has come already.
            self.outages.given(act, ticket.engine, self.now if act in self.acts else math.inf)
        if ticket.foreground:
            self.queue.run_alone(frozenset({ticket.item, self.tasks[ticket.item].task.gate or ticket.item}))

    def act_started(self, act: str, item: str, critic: str | None) -> bool:
        """Note that the act runs; False: nobody asked `decide` for it, as when a journal is replayed."""
        if act in self.acts:
            self.refuse(item, f"its act {act!r} runs already")
        self.acts[act] = (item, critic)
        known = act in self.issued
        self.issued.pop(act, None)
        return known

    def act_over(self, act: str, item: str, critic: str | None) -> None:
        """Note that the act does not run any more.

        Raises:
            ImpossibleTransitionError: it did not run.
        """
        if self.acts.get(act) != (item, critic):
            self.refuse(item, f"its act {act!r} ended but did not run")
        del self.acts[act]
        self.queue.ended(act)


def _chosen(plan: Plan, selected: Collection[str] | None) -> list[str]:
    chosen = set(selected) if selected is not None else None
    return [i for p in plan.phases for i in p.items if chosen is None or i in chosen]


def _account(what: str, name: str) -> str:
    """What the queue calls an engine or an agent that tickets draw on; no scope of a budget begins so."""
    return f"{what}:{name}"


def _over(gates: Iterable[GateRecord]) -> dict[str, list[GateRecord]]:
    found: dict[str, list[GateRecord]] = {}
    for record in gates:
        for task in record.gate.of if record.gate.owner is None else ():
            found.setdefault(task, []).append(record)
    return found
