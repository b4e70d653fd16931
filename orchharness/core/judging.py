"""The gates' half of the orchestrator: judging, and how a gate ends.

A gate over tasks is opened when its members are settled; then its checks and critics judge (see `bench`).
A verdict below what is demanded sends members back to work (`refining`), until the iterations are used up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from orchharness.core import gating, graph
from orchharness.core.acts import Outcome
from orchharness.core.bench import Bench
from orchharness.core.events import GateInputsChanged, JudgementFinished, JudgementStarted
from orchharness.core.gating import CHECKS, NotAnEvaluationError, Verdict
from orchharness.core.ledger import Due, Ledger
from orchharness.core.needs import Weight
from orchharness.core.plan import Gate, OnExhausted, mender_of
from orchharness.core.records import GateRecord, Seat
from orchharness.core.refining import Refining
from orchharness.core.releasing import Releases, evaluation_of
from orchharness.core.scheduling import backoff
from orchharness.core.status import FAILURES, SUCCESS, GateState

INPUTS_CHANGED = "gate inputs changed"
_WENT_ON = ", but the work went on from it"


class Judging:
    """What gates do."""

    def __init__(self, ledger: Ledger, releases: Releases, went_on: Mapping[str, int]) -> None:
        self._ledger = ledger
        self._went_on = went_on
        self._releases = releases
        self.bench = Bench(ledger)
        self.refining = Refining(ledger, self)
        self._above: defaultdict[str, list[str]] = defaultdict(list)  # gate -> gates over it
        for record in ledger.gates.values():
            for member in record.gate.of_gates:
                self._above[member].append(record.id)

    # ---- opening ---------------------------------------------------------------------------------

    def needs_over(self, record: GateRecord) -> None:
        """Everything the gate needs is settled: it judges, or is skipped."""
        if record.state != GateState.WAITING:  # an error already, what judges was changed: nobody judges
            if record.gate.owner is not None:
                self._ledger.queue.release(record.gate.owner)
            return
        cause = self._obstacle(record)
        if cause:
            self.end(record, GateState.SKIPPED, cause)
        elif record.gate.of_gates:
            record.iteration = 1
            self._look_at_gates(record)
        else:
            self.refining.open(record)

    def _obstacle(self, record: GateRecord) -> str:
        """What keeps it from judging; of failures that the plan allows only those of what it judges."""
        needs = self._ledger.needs
        subject = graph.subject_of(self._ledger.plan, record.gate)
        if record.gate.of_gates and self._counted(record.gate):
            subject = tuple(n for n in subject if n not in self._ledger.dropped)
        cause = needs.cause(record.id) or needs.cause_of(subject)
        return cause.root if cause is not None else ""

    def _counted(self, gate: Gate) -> list[str]:
        """The gates it stands over, without those that a person left out."""
        return [g for g in gate.of_gates if g not in self._ledger.dropped]

    def revoked(self, record: GateRecord) -> None:
        """Something the gate relied on is no success any more.

        What its checks read, and the phases before it, it has had: like a task that started it keeps those.
        """
        cause, gate, settled = self._obstacle(record), record.gate, self._ledger.needs.settled
        if record.queued and cause:
            self.end(record, GateState.SKIPPED, cause)
        elif gate.of_gates:
            if record.can_reopen and not all(settled[g] for g in self._counted(gate)):
                self.end(record, GateState.FAILED, cause)
        elif record.state in SUCCESS and (record.bereft or (gate.owner and not settled[gate.owner])):
            # Its verdict stands for the iteration it judged, but what it judged came to nothing.
            self._ledger.settle(record.id, ok=False, root=cause, weight=self._weight(record))

    def recount(self, record: GateRecord) -> None:
        """A gate this one stands over was decided again: its score may be another."""
        if record.can_reopen and all(self._ledger.needs.settled[g] for g in self._counted(record.gate)):
            self._look_at_gates(record)

    def _look_at_gates(self, record: GateRecord) -> None:
        """Decide a gate over gates, or ask about it; not again where they stand as before."""
        gate, over = record.gate, self._counted(record.gate)
        if gate.human:
            stand = tuple(self._ledger.gates[g].iteration for g in over)
            if stand != record.asked_on:
                record.asked_on = stand
                self.pause(record, gate.question or "")
            return
        verdict = gating.aggregate(gate, {g: self._ledger.gates[g].score for g in over})
        left_out = [
            f"{g} was left out by a person: it does not count" for g in gate.of_gates if g not in over
        ]
        verdict = replace(verdict, warnings=(*verdict.warnings, *left_out))
        if record.verdict is None or verdict.score != record.score:
            self._conclude(record, verdict)

    def judge(self, record: GateRecord) -> None:
        """Judge what is there, in a new iteration."""
        record.iteration += 1
        record.judged, record.evaluations, record.verdict = {}, {}, None
        self._ledger.ask_no_more(record)
        self._ledger.move(record, GateState.READY)
        if record.gate.human:
            self.pause(record, record.gate.question or "")
            return
        self.bench.convene(record)
        if not record.open:
            self.end(record, GateState.ERROR, "it has neither checks nor critics: nobody judges")

    # ---- judgements ------------------------------------------------------------------------------

    def started(self, event: JudgementStarted) -> None:
        """A critic's act runs.

        Raises:
            ImpossibleTransitionError: the gate does not judge, or the critic was not asked.
        """
        ledger, record = self._ledger, self._ledger.gate(event.gate)
        seat = Seat(event.critic, event.sample)
        # An error may end the gate between an instruction and its start: the act runs, its answer is not used.
        late = record.state == GateState.ERROR and event.critic in (CHECKS, *record.gate.critics)
        asked = record.open.get(seat, -1) + 1 == event.attempt
        if event.iteration != record.iteration or not (late or asked):
            ledger.refuse(record.id, f"nobody asked {seat.name!r} in iteration {event.iteration}")
        if seat in record.acts.values():
            ledger.refuse(record.id, f"{seat.name!r} judges already")
        if not ledger.act_started(event.act, record.id, event.critic):
            ticket = ledger.ticket(record.id, seat)
            ledger.reserve(ticket, event.act, hold_track=self.bench.holds_track(event.critic))
        record.acts[event.act] = seat
        if late:
            return
        self.bench.started(record, seat)
        record.limited = ""
        record.open[seat] = event.attempt
        record.act = event.act
        record.started = event.at if record.started is None else record.started
        if record.state != GateState.JUDGING:
            ledger.move(record, GateState.JUDGING)

    def expects(self, event: JudgementStarted) -> bool:
        """Whether the gate waits for this judgement."""
        record, seat = self._ledger.gates.get(event.gate), Seat(event.critic, event.sample)
        return (
            record is not None
            and record.iteration == event.iteration
            and record.open.get(seat, -1) + 1 == event.attempt
            and seat not in record.acts.values()
        )

    def finished(self, event: JudgementFinished) -> None:
        """A critic answered, or did not.

        Raises:
            ImpossibleTransitionError: it was not judging.
        """
        record = self._ledger.gate(event.gate)
        self._ledger.act_over(event.act, event.gate, event.critic)
        seat = record.acts.pop(event.act)
        if record.state != GateState.JUDGING:  # already an error: a late answer changes nothing
            return
        record.ended = event.at
        stop = self._ledger.stop
        if event.outcome is not Outcome.CANCELLED or stop is None:
            self._take_answer(record, seat, event)
        if stop is not None and record.state == GateState.JUDGING and not record.acts:
            self._ledger.move(record, GateState.READY, "the judgement was not finished")
        self.parked(record)

    def parked(self, record: GateRecord) -> None:
        """A budget or an engine keeps its critics from judging: once nobody judges, others may have what it holds."""
        names = [mender_of(record.id), *(f"{record.id}/{seat.name}" for seat in record.open)]
        why = next((w for n in names if (w := self._ledger.queue.parked.get(n))), None)
        why = why or (record.limited if record.open else None)
        if not why or record.acts or record.id in self._ledger.issued.values():
            return
        self.bench.let_tracks_go(record)
        if record.state == GateState.JUDGING:
            self._ledger.move(record, GateState.READY, why)
        else:
            self._ledger.explain(record, why)
        if record.gate.owner is not None:
            self._ledger.queue.release(record.gate.owner)

    def _take_answer(self, record: GateRecord, seat: Seat, event: JudgementFinished) -> None:
        if event.outcome is not Outcome.SUCCESS:
            self._judge_failed(record, seat, event, event.detail or str(event.outcome))
            return
        judged = self._read(event)
        if isinstance(judged, NotAnEvaluationError):
            self._judge_failed(record, seat, event, f"not an evaluation: {judged}")
            return
        record.open.pop(seat)
        record.judged[seat] = judged
        record.evaluations[seat] = dict(event.evaluation)
        self.bench.answered(record, event.critic)
        if not record.open:
            self._conclude(
                record, gating.decide(record.gate, [record.judged[seat] for seat in record.answered])
            )

    def _judge_failed(self, record: GateRecord, seat: Seat, event: JudgementFinished, detail: str) -> None:
        wait = 0.0
        if event.again:
            record.excused[seat] = record.open[seat]
        elif self._ledger.parks(event):
            record.excused[seat] += 1
            record.limited = self._ledger.words(event)
        elif detail.startswith(INPUTS_CHANGED):
            self.end(record, GateState.ERROR, detail)
            return
        elif self._retries(record, seat, event):
            count = record.open[seat] - record.excused[seat]
            wait = backoff(self._ledger.plan.critics[event.critic].retry, count)
        else:
            self.end(record, GateState.ERROR, f"{event.critic}: {detail}")
            return
        ticket = self._ledger.ticket(record.id, seat)
        self._ledger.queue.offer(ticket, event.at + wait if wait else None)

    def _retries(self, record: GateRecord, seat: Seat, event: JudgementFinished) -> bool:
        """Whether the critic's policy lets a judgement that failed so be tried again."""
        if event.critic == CHECKS:
            return False
        retry = self._ledger.plan.critics[event.critic].retry
        # An answer that is no evaluation is a fault of execution of the judge, like an exit status.
        kind = "exit" if event.outcome in {Outcome.SUCCESS, Outcome.ERROR} else str(event.outcome)
        return kind in retry.on and record.open[seat] - record.excused[seat] < retry.attempts

    def dooms(self, event: JudgementFinished) -> bool:
        """Whether the event, which was not applied yet, makes its gate an error: nobody judges."""
        record = self._ledger.gates[event.gate]
        if (
            event.again
            or self._ledger.parks(event)
            or record.state != GateState.JUDGING
            or self._retries(record, record.acts[event.act], event)
        ):
            return False
        return event.outcome is not Outcome.SUCCESS or isinstance(self._read(event), NotAnEvaluationError)

    def barred(self, record: GateRecord, seat: Seat, why: str) -> None:
        """Nobody will do the judgement."""
        if seat in record.open and record.state in {GateState.READY, GateState.JUDGING}:
            self.end(record, GateState.ERROR, f"{seat.critic}: {why}")

    def _read(self, event: JudgementFinished) -> gating.Judged | NotAnEvaluationError:
        try:
            if event.critic == CHECKS:
                return gating.judge_checks(event.evaluation)
            return gating.judge(self._ledger.plan.critics[event.critic], event.evaluation)
        except NotAnEvaluationError as error:
            return error

    def inputs_changed(self, event: GateInputsChanged) -> None:
        """What judges was changed during the run: no verdict of these gates can be believed."""
        reason = f"{INPUTS_CHANGED}: {', '.join(event.paths)}"
        for gate_id in event.gates:
            record = self._ledger.gates.get(gate_id)
            if record is None or record.state in {GateState.ERROR, GateState.FAILED, GateState.SKIPPED}:
                continue
            if record.state == GateState.REFINING:
                record.refinement.doom = (GateState.ERROR, reason)
            else:
                self.end(record, GateState.ERROR, reason)

    # ---- verdicts --------------------------------------------------------------------------------

    def _conclude(self, record: GateRecord, verdict: Verdict) -> None:
        """A verdict was computed: pass, refine, or end as the plan says."""
        record.verdict, record.score = verdict, verdict.score
        record.warnings += [w for w in verdict.warnings if w not in record.warnings]
        gate, done = record.gate, record.iteration - record.since
        exhausted = done >= gate.max_iterations or bool(gate.of_gates)
        record.trend.append(verdict.score)
        flat = "" if verdict.passed else gating.flat(gate.plateau, record.trend)
        if self._has_gone_on(record):
            self.refining.refine(record, verdict.reason + _WENT_ON)
        elif verdict.passed and (exhausted or done >= gate.min_iterations):
            self.end(record, GateState.PASSED, verdict.reason)
        elif exhausted or flat:
            self._exhaust(record, verdict.reason + flat)
        else:
            more = f", but {gate.min_iterations} iterations are asked for" if verdict.passed else ""
            record.idle_iterations = 0
            self.refining.refine(record, verdict.reason + more)

    def not_changed(self, record: GateRecord) -> None:
        """The same bytes are not judged again; two such rounds in a row exhaust the gate."""
        record.iteration += 1
        record.idle_iterations += 1
        gate, verdict, done = record.gate, record.verdict, record.iteration - record.since
        reason = f"no new work: {verdict.reason}" if verdict else "no new work"
        exhausted = done >= gate.max_iterations or record.idle_iterations >= 2
        record.trend.append(record.score)
        flat = "" if verdict and verdict.passed else gating.flat(gate.plateau, record.trend)
        if self._has_gone_on(record):
            self.refining.refine(record, reason + _WENT_ON)
        elif verdict and verdict.passed and (exhausted or done >= gate.min_iterations):
            self.end(record, GateState.PASSED, reason)
        elif exhausted or flat:
            self._exhaust(record, reason + flat)
        else:
            self.refining.refine(record, reason)

    def _has_gone_on(self, record: GateRecord) -> bool:
        """Whether the work that followed is there already, so that the verdict decides nothing any more."""
        return record.iteration <= self._went_on.get(record.act or "", 0)

    def _exhaust(self, record: GateRecord, reason: str) -> None:
        match record.gate.on_exhausted:
            case OnExhausted.FAIL:
                self.end(record, GateState.FAILED, reason)
            case OnExhausted.ACCEPT:
                record.decision = {
                    "by": "the plan",
                    "at": self._ledger.now,
                    "option": "accept",
                    "note": reason,
                }
                self.end(record, GateState.WAIVED, f"accepted by the plan: {reason}")
            case OnExhausted.ASK:
                self.pause(record, reason)
            case how:
                assert_never(how)

    def pause(self, record: GateRecord, reason: str) -> None:
        """Only a person can decide it now."""
        self._close(record, GateState.PAUSED, reason)
        self._ledger.ask(record)
        self._ledger.finality.reopened(record.id)

    def _close(self, record: GateRecord, state: GateState, reason: str) -> None:
        self._ledger.ask_no_more(record)
        self.bench.dismiss(record)
        extra: dict[str, Any] = {"score": record.score_text, "warnings": tuple(record.warnings)}
        self._ledger.move(record, state, reason, **extra)
        if record.verdict is not None or record.decision:
            record.decided = evaluation_of(record)
        owner = self._ledger.tasks.get(record.gate.owner or "")
        if owner is not None and not owner.at_work:  # else it gives back what it holds when it is through
            self._ledger.queue.release(owner.id)
        self.refining.closed(record)

    def end(self, record: GateRecord, state: GateState, reason: str) -> None:
        """The gate is decided."""
        self._close(record, state, reason)
        ok, owner = state in SUCCESS, record.gate.owner
        if ok and owner is not None:
            self._releases.release(self._ledger.tasks[owner])
        root = "" if ok else reason if state is GateState.SKIPPED else f"{record.id} {state}"
        self._ledger.settle(record.id, ok=ok, root=root, weight=self._weight(record))
        self._ledger.due.extend((Due.RECOUNT, g) for g in self._above.get(record.id, ()))
        self.refining.own_gate_ended(record)

    def _weight(self, record: GateRecord) -> Weight:
        """How much it weighs that the gate is no success."""
        owner, failed = self._ledger.tasks.get(record.gate.owner or ""), record.state in FAILURES
        if record.id in self._ledger.dropped:
            return Weight.ALLOWED
        if owner is not None and owner.task.allow_failure and (failed or owner.state in FAILURES):
            return Weight.ALLOWED
        cause = self._ledger.needs.cause(record.id)
        return Weight.FAILURE if failed else cause.weight if cause is not None else Weight.HARMLESS
