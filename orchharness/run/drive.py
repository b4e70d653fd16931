"""One run of one plan: the only writer of its journal, its state file and its report.

Rules that hold here:
  * Journal before act: an instruction is journalled and synced before it is carried out, one sync a turn;
    a result is journalled before any dependent starts.
  * A record goes to the journal, then to the view for people, then to watchers (`orchharness_update`), once each.
  * When the journal, or anything else of the run, cannot be written any more, nothing new starts; what runs is
    left to end. What ends then and cannot be taken in has no end in the journal: a resumed run looks at it again.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import CancelAct, Orchestrator, RunView, StartTask
from orchharness.core.past import Started, item_of
from orchharness.core.plan import Recovery
from orchharness.core.status import RunState, Transition
from orchharness.errors import JournalError, OrchError
from orchharness.journal import RunLock, StateFile
from orchharness.run.act import ActRequest, ActResult, is_disk
from orchharness.run.directory import RunDirectory
from orchharness.run.entries import Start, finished, not_started, start_of, started, wanted_of
from orchharness.run.frozen import Watched
from orchharness.run.hidden import hidden_by, redacted, redactor_of
from orchharness.run.leftovers import end_leftovers
from orchharness.run.opening import FRESH, Beginning, Opened, Opening
from orchharness.run.outages import OutageNotes
from orchharness.run.past import find_run, mark_closed
from orchharness.run.preflight import Ahead, look_ahead
from orchharness.run.questions import Questions
from orchharness.run.reporting import LiveReport
from orchharness.run.scrub import scrub
from orchharness.run.summary import (
    allowed_lines,
    budget_lines,
    gate_lines,
    parked_text,
    question_lines,
    stop_lines,
)
from orchharness.run.surroundings import Surroundings, Turn, lock_root
from orchharness.run.usage import Usage

if TYPE_CHECKING:
    from orchharness.core.plan import Plan


__all__ = ["PlanRun", "Surroundings", "Turn"]

_ENDED_BY_ITSELF = frozenset({Outcome.SUCCESS, Outcome.EXIT, Outcome.EVIDENCE})
_LOOK = 0.5  # seconds between two looks for people's answers


class PlanRun:
    """Drives one plan. `begin` once, then `turn`, `finished` until `over`, then `end`."""

    def __init__(
        self,
        plan: Plan,
        selected: Sequence[str],
        where: Surroundings,
        say: Callable[[Transition], None] = lambda _: None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.where = where
        self.run = Orchestrator(plan, selected)
        self.view = RunView(self.run)
        self.broken: str | None = None  # why nothing can be journalled any more
        self.hidden = hidden_by(plan, os.environ)
        self.warnings: list[str] = [*plan.warnings, *self.hidden.warnings]
        self._unscrubbed: list[str] = []  # acts that are over, of which something may still write
        self.directory: RunDirectory | None = None
        self.late: dict[str, list[str]] = {}  # gates whose inputs changed after they were decided
        self._say = say
        self._outages = OutageNotes(note)
        self.reasons: Mapping[str, str] = {}  # item -> why it is reused, or what happens to it
        self.going_on_with = ""  # what the run begins with, for people
        self.reused = 0  # acts of earlier sessions and runs whose results count
        self._attach: list[Started] = []  # acts of an earlier session that have no end yet
        self._adrift: set[str] = set()  # those that were given to the runner
        self.waits = where.waits  # for people's answers
        self._open: dict[str, tuple[Start, str]] = {}  # act that was asked for -> its key
        self._keys: list[str] = []  # of all acts
        self._names: set[str] = set()  # of all acts whose results count
        self._undone: set[str] = set()  # items of acts not started, or not taken in, for want of room
        self._locks: list[RunLock] = []
        self._asked = True  # people may have been asked by an earlier session
        self.usage: dict[str, Usage] = {}  # item -> what all its acts took
        self.scores: dict[str, list[str]] = {}  # gate -> score per judgement
        self.acts, self.spent = 0, 0.0  # of this session, and their seconds
        self.began_at = 0.0
        self._left_at = 0.0  # when this session left it, also where the run is not over
        self.end_state: str | None = None

    # ---- begin and end -----------------------------------------------------------------------

    def begin(self, how: Beginning = FRESH) -> None:
        """Make the run directory, or go on in that of an earlier run; freeze what judges; write the first record.

        Raises:
            OrchError: it cannot be started; nothing was spawned.
            NotReadyError: agents cannot work as the plan asks.
            RunBusyError: another orchestrator works in the same workspace, or drives the same run.
        """
        plan, where = self.plan, self.where
        self.began_at = where.wall()
        try:
            if plan.copy is None:
                self._locks.append(lock_root(where))
            if self.replayed and how.resume and how.run:
                msg = f"--orch-resume={how.run}: plan {plan.id!r} is replayed, and a replay is not gone on with: leave it out"
                raise OrchError(msg)
            goes_on = how.resume and not self.replayed  # a replay is made anew in seconds
            earlier = find_run(where.home, plan.id, plan.path, how.run) if goes_on else None
            if goes_on and earlier is None:
                self.warnings.append("there is no run to go on with: this is a new one")
            ahead = self._look_ahead()
            self.warnings += ahead.warnings
            opening = Opening(
                plan=plan,
                selected=self.run.selected,
                where=where,
                locks=self._locks,
                now=self.began_at,
                hidden=self.hidden.names,
                clients=ahead.versions,
            )
            self._take_over(
                opening.fresh(how) if earlier is None else opening.resumed(earlier, named=bool(how.run))
            )
        except OSError as error:
            msg = f"plan {plan.id!r} cannot be started: {error}; --orch-dir FOLDER puts runs elsewhere"
            raise OrchError(msg) from None
        self._sync()
        if self.broken is not None:
            msg = f"plan {plan.id!r} cannot be started: {self.broken}; --orch-dir FOLDER puts runs elsewhere"
            raise OrchError(msg)

    def _look_ahead(self) -> Ahead:
        if self.replayed:
            return Ahead()  # no agent will be asked, and none need be there
        return look_ahead(self.plan, self.run.selected, self.where, self.hidden.redactor)

    def _take_over(self, opened: Opened) -> None:
        """Go on from there: journal how it was opened, and show it."""
        self.directory, self.journal = opened.directory, opened.journal
        # By now former values may be known.
        self.hidden = replace(self.hidden, redactor=redactor_of(self.hidden.names))
        self.prepare, self.frozen, self.reasons = opened.prepare, opened.frozen, opened.reasons
        self.run, self.going_on_with = opened.run, opened.origin
        self.given: Sequence[str] = opened.event.header.get("given", ())
        self.view = RunView(self.run)
        self.warnings += opened.warnings
        self._keys += opened.keys
        self._attach = list(opened.open)
        self._unscrubbed += opened.dropped
        self.questions = Questions(opened.directory.decisions)
        replayed = self.replayed
        self._state = StateFile(opened.directory.state, self.plan, opened.directory.run_id, replayed=replayed)
        self._live = LiveReport(self.where.reports, self.plan, opened.directory, self.began_at)
        self._record(opened.event, opened.then)
        for event, then in opened.kept:
            self._names.add(event.act)
            if isinstance(opened.event, ev.RunStarted):
                self._append(event, [t.to_record() for t in then])
            for transition in then:
                self._note_score(transition)
            if isinstance(event, ev.TaskFinished | ev.JudgementFinished):
                item = item_of(event)
                self.usage.setdefault(item, Usage()).add(event.act, event.seconds, event.usage)
                self.reused += not event.again
        if self.reasons:
            self._state.update(map(self.run.status, self.run.selected), self.view.state, self.began_at)

    def end(self, reason: str = "") -> RunState:
        """End what acts left behind, check once more what judged, write the last record, state file and report."""
        self._ask()
        self.warnings += end_leftovers(self._keys)
        if self.where.tape is not None:
            self.warnings += self.where.tape.end(self.run, self._names)
        for act in self._unscrubbed:
            self._scrub(act)
        self.warnings = [self.hidden.redactor.text(warning) for warning in self.warnings]
        changed = self.frozen.changed(self._expected) if not self.broken else {}
        gates = self.run.gates
        late = {g: p for g, p in changed.items() if g in gates and gates[g].state in {"passed", "waived"}}
        if late:
            self.late = late
            paths = tuple(dict.fromkeys(p for found in late.values() for p in found))
            self._record(ev.GateInputsChanged(at=self.where.wall(), gates=tuple(late), paths=paths))
        state = self.run.state
        reason = reason or parked_text(self.run)
        self._record(ev.RunFinished(at=self.where.wall(), state=str(state), reason=reason))
        self._sync()
        if self.broken is None:
            self._write_views()
        if self.directory is not None and self.broken is None:
            mark_closed(self.directory)
        self.close()
        self.end_state = str(state)
        return state

    def _expected(self, gate: str, watched: Watched) -> Watched:
        from orchharness.run.pinned import expected_tests

        return expected_tests(self.run, self.plan.gates[gate], self.prepare.parts, watched)

    def close(self) -> None:
        """Give locks and descriptors back."""
        if hasattr(self, "journal"):
            try:
                self.journal.close()
            except JournalError as error:
                self.broken = self.broken or str(error)
        for lock in self._locks:
            lock.release()
        self._locks = []
        self._left_at = self.ended_at

    def _write_views(self) -> None:
        now = self.where.wall()
        self._state.parked = ""  # nobody waits any more
        self._state.flush(now, force=True)
        assert self.directory is not None
        where = self.directory
        problem = self.where.reports.write(
            self.plan, where.journal, where.report, self.warnings, self.where.host
        )
        if problem is not None:
            self.warnings.append(f"the report could not be written: {problem}")

    @property
    def ended_at(self) -> float:
        """When this session left it; now, where it did not come to that."""
        return self._left_at or self.where.wall()

    @property
    def replayed(self) -> str:
        """That agents did not run, and where their answers came from; empty when they did."""
        tape = self.where.tape
        return tape.note() if tape is not None and tape.source else ""

    # ---- turns -------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.run.over and not (self.waits and self.run.asks and self.run.stop is None)

    def wake_at(self) -> float | None:
        """When `turn` should be asked again even if nothing happens: a retry is due, or the state file."""
        now = self.where.wall()
        due = [at for at in (self.run.wake_at(),) if at is not None]
        if self.run.asks and (self.waits or not self.run.over):
            due.append(now + _LOOK)
        shown = self._state.due_in(now)
        if self.run.running and math.isfinite(self._live.due):
            due.append(self._live.due)
        return min([*due, now + shown]) if shown < math.inf else min(due, default=None)

    def turn(self, free: int) -> Turn:
        """What to do next with so many free places; everything in it is journalled."""
        self._show()  # what was too soon to show when it happened
        self._ask()
        self._weigh()
        self._give_up()
        starts = self._found_again() if self._attach else []
        room = min(free, self.plan.parallel - self.run.running)
        instructions = self.run.decide(self.where.wall(), room)
        self._state.parked = self._outages.look(self.run)
        if not instructions and not starts:
            return Turn()
        fresh = [i for i in instructions if not isinstance(i, CancelAct)]
        for start in fresh:
            key = secrets.token_hex(16)
            self._open[start.act] = (start, key)
            self._record(started(start, self.where.wall(), key))
        if fresh:
            self._sync()
        ready, failed = self._prepare([*starts, *fresh])
        self._show()
        cancel = tuple(i.act for i in instructions if isinstance(i, CancelAct))
        return Turn(tuple(ready), cancel, tuple(failed))

    def _weigh(self) -> None:
        """Evaluate the conditions of tasks that may start: what is decided by one lets the next be asked."""
        while self.broken is None and self.run.stop is None and self.run.weighing:
            from orchharness.run.conditions import evaluated

            for task in self.run.weighing:
                if task in self.run.weighing:  # else what was just decided has settled it
                    self._record(evaluated(self.run, self.prepare.store, task, self.where.wall()))

    def _give_up(self) -> None:
        """Wait no longer for engines that were waited for long enough; what fails by that may let conditions be asked."""
        while self.broken is None and (over := self.run.exhausted(self.where.wall())):
            for engine, why in over:
                self._record(ev.PatienceEnded(at=self.where.wall(), engine=engine, reason=why))
            self._weigh()

    def _ask(self) -> None:
        """Show people what is asked, and take what they answered."""
        if self.broken is not None or not (self.run.asks or self._asked):
            return
        try:
            self.questions.publish(self.run)
            found = list(self.questions.answers(self.run, self.where.wall())) if self.run.stop is None else []
        except OSError as error:
            self._break(f"what people are asked cannot be written: {error}")
            return
        self._asked = self.run.asks
        for answer in found:
            if isinstance(answer, str):
                self.warnings.append(answer)
            elif self.run.expects(answer):  # an answer before it may have changed what is asked
                self._record(answer)
        if found:
            self._sync()
            self._ask()

    def _prepare(self, starts: Sequence[Start]) -> tuple[list[ActRequest], list[ActResult]]:
        """The acts that can be executed, and the results of those that cannot."""
        ready, failed = list[ActRequest](), list[ActResult]()
        for start in starts:
            key, outcome = self._open[start.act][1], Outcome.ERROR
            try:
                if self.broken is None:
                    ready.append(self._request(start, key))
                    self._keys.append(key)
                    continue
                # What is not journalled must not be spawned: a resumed run would not know of it.
                detail, outcome = f"not started: {self.broken}", Outcome.CANCELLED
            except (OrchError, OSError) as error:
                detail = str(error)
                if is_disk(error):
                    self._break(f"the run's folder cannot be written: {error}")
                    outcome = Outcome.CANCELLED
            except Exception as error:  # noqa: BLE001 - one act that cannot be prepared must not end the run
                detail = f"cannot be prepared: {type(error).__name__}: {error}"
            disk = self.broken is not None
            failed.append(not_started(start.act, key, detail, self.where.wall(), outcome, disk=disk))
        if self.broken is None:
            return ready, failed
        # It may have broken when some were ready. Only what runs already is seen to.
        for request in [r for r in ready if r.act not in self._adrift]:
            ready.remove(request)
            why = f"not started: {self.broken}"
            failed.append(not_started(request.act, request.key, why, self.where.wall(), disk=True))
        return ready, failed

    def _found_again(self) -> list[Start]:
        """The acts of an earlier session that have no end: whoever executes them looks into their folders."""
        adrift, self._attach = self._attach, []
        for event in adrift:
            self._open[event.act] = (start_of(event), event.key)
        self._adrift.update(event.act for event in adrift)
        return [start_of(event) for event in adrift]

    def _request(self, start: Start, key: str) -> ActRequest:
        known = self.prepare.stored(self.run, start.act, key) if start.act in self._adrift else None
        if known is not None:
            return self._asks(start, known)
        if isinstance(start, StartTask):
            return self._asks(start, self.prepare.task(self.run, start, key))
        return self._asks(start, self.prepare.judgement(self.run, start, key))

    def _asks(self, start: Start, request: ActRequest) -> ActRequest:
        tape = self.where.tape
        return request if tape is None else tape.asks(start, request)

    def finished(self, result: ActResult, request: ActRequest | None = None) -> list[str]:
        """Take in a result; the items that are final now, in order of decision.

        A result whose key is not the journalled one is not believed.
        """
        asked = self._open.get(result.act)
        if asked is None or asked[1] != result.key:
            self.warnings.append(f"{result.act}: a result that nobody asked for was ignored")
            return []
        start, _ = self._open.pop(result.act)
        if result.disk:
            return self._untaken(start, result)
        item = wanted_of(start)
        self.usage.setdefault(item, Usage()).add(result.act, result.seconds, result.usage)
        self.acts += 1
        self._names.add(result.act)
        self.spent += result.seconds
        if self.where.tape is not None:
            self.where.tape.over(start, request, result)
        event = finished(start, result, request, self.where.wall())
        if result.outcome is Outcome.LOST:
            event = self._recovered(start, event, adrift=result.act in self._adrift)
        self._record(event)
        if result.outcome in _ENDED_BY_ITSELF:
            self._scrub(result.act)
        else:
            self._unscrubbed.append(result.act)
        self._weigh()
        self._show()
        return self.run.take_final()

    def _untaken(self, start: Start, result: ActResult) -> list[str]:
        """The run breaks where it has not yet, and with it the act counts as never taken in."""
        if self.broken is None:
            self._break(f"the run's folder cannot be written: {result.detail}")
        self._undone.add(wanted_of(start))
        self._keys = [key for key in self._keys if key != result.key]  # what it left may go on
        if result.seconds:
            self.acts += 1
            self.spent += result.seconds
        self._record(finished(start, replace(result, outcome=Outcome.CANCELLED), None, self.where.wall()))
        return [item for item in self.run.take_final() if item not in self._undone]

    def _scrub(self, act: str) -> None:
        """Take out of the act's files what must not be kept. After the record: what is tried again needs them whole."""
        if self.directory is not None:
            self.warnings += scrub(str(self.directory.act(act)), self.hidden.redactor)

    def _recovered(
        self, start: Start, event: ev.TaskFinished | ev.JudgementFinished, *, adrift: bool
    ) -> ev.TaskFinished | ev.JudgementFinished:
        """What the plan says of an act that cannot be found; `adrift`: it was running when its orchestrator died."""
        if not isinstance(start, StartTask) or isinstance(event, ev.JudgementFinished):
            return replace(event, again=adrift)
        match self.plan.worker(start.task).recovery:
            case Recovery.RERUN:
                return replace(event, excused=adrift)
            case Recovery.ASK:
                return replace(event, asks=True)
            case Recovery.FAIL:
                return event

    def stop(self, reason: str, *, cancel: bool, interrupted: bool = False) -> None:
        """Start nothing any more; with `cancel` the running acts are ended by the next turn."""
        self._record(
            ev.StopRequested(at=self.where.wall(), reason=reason, cancel=cancel, interrupted=interrupted)
        )

    def summary_lines(self) -> list[str]:
        """For the terminal: time, gates that did not simply pass, what was left undone."""
        wall = self.ended_at - self.began_at
        lines = [
            f"{self.acts} act{'s' * (self.acts != 1)} in {wall:.1f} s; one after another: {self.spent:.1f} s"
        ]
        if self.where.tape is not None:
            lines += self.where.tape.lines()
        if self.reused:
            lines.append(f"{self.reused} act{'s' * (self.reused != 1)} of earlier sessions reused")
        return [
            *lines,
            *allowed_lines(self.run),
            *gate_lines(self.run, self.scores),
            *stop_lines(self.run, self._undone),
            *self._broken_lines(),
            *self._waiting_lines(),
        ]

    def _broken_lines(self) -> list[str]:
        if self.broken is None or self.directory is None or self.replayed:
            return []
        from orchharness.run.commands import resume_command

        command = resume_command(self.directory, self.plan.path, str(self.where.root), self.given, Path.cwd())
        return [f"to go on, once it can be written again: {command}"]

    def _waiting_lines(self) -> list[str]:
        if self.directory is None:
            return []
        place = (self.directory, self.where.root, self.given)
        replayed = bool(self.replayed)
        return [
            *budget_lines(self.run, self.ended_at, *place, replayed=replayed),
            *question_lines(self.run, *place, replayed=replayed),
        ]

    # ---- records -----------------------------------------------------------------------------

    def _append(self, event: ev.Event, then: Sequence[Mapping[str, Any]]) -> None:
        if self.broken is None:
            try:
                self.journal.append(ev.to_record(event), then=then, mono=self.where.mono())
            except JournalError as error:
                self._break(str(error))

    def _record(self, event: ev.Event, then: Sequence[Mapping[str, Any]] = ()) -> None:
        """Apply, journal, show and tell: in this order, so that an impossible event never reaches the journal."""
        event = redacted(event, self.hidden.redactor)
        transitions = self.run.apply(event)
        self._append(event, [*then, *(t.to_record() for t in transitions)])
        for transition in transitions:
            self._note_score(transition)
            self._say(transition)
        if transitions and hasattr(self, "_state"):
            self._state.update((self.run.status(t.item) for t in transitions), self.view.state, event.at)
        for plugin, said in self.where.host.update(event, self.view):
            fault = self.hidden.redactor.text(said)
            self.warnings.append(f"plugin {plugin!r}: orchharness_update: {fault}")
            if not isinstance(event, ev.HookFailed):
                self._record(
                    ev.HookFailed(at=self.where.wall(), hook="orchharness_update", plugin=plugin, error=fault)
                )

    def _note_score(self, transition: Transition) -> None:
        # What a person decides changes no score.
        # Who fails while it is refined was not judged either.
        if transition.score is not None and transition.was not in {transition.state, "paused", "refining"}:
            self.scores.setdefault(transition.item, []).append(transition.score)

    def _break(self, why: str) -> None:
        self.broken = self.hidden.redactor.text(why)
        stop = ev.StopRequested(at=self.where.wall(), reason=self.broken, cancel=False, interrupted=True)
        self.run.apply(stop)

    def _sync(self) -> None:
        if self.broken is None:
            try:
                self.journal.sync()
            except (JournalError, OSError) as error:
                self._break(str(error))

    def _show(self) -> None:
        if self.broken is None:
            try:
                self._state.flush(self.where.wall())
                self._live.show(self.where.wall(), self.warnings)
            except OSError as error:
                self._break(f"the state file cannot be written: {error}")
