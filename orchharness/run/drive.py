"""One run of one plan: the only writer of its journal, its state file and its report.

Rules that hold here:
  * Journal before act: an instruction is journalled and synced before it is carried out, one sync a turn;
    a result is journalled before any dependent starts.
  * Watchers (`orchharness_update`) are told after the record is written, once per event.
  * When the journal cannot be written any more, nothing new starts; what runs is left to end.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import CancelAct, Orchestrator, RunView, StartJudgement, StartTask
from orchharness.core.status import OVER, RunState, Transition
from orchharness.errors import JournalError, OrchError
from orchharness.journal import FORMAT, Journal, RunLock, StateFile, read_journal
from orchharness.run import directory as places
from orchharness.run.act import ActRequest, ActResult
from orchharness.run.directory import RunDirectory
from orchharness.run.frozen import FrozenInputs
from orchharness.run.prepare import Preparer
from orchharness.workspace.store import Store

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run is started in. `home` is the folder of the project's runs; `plugins` are conftest files with hooks."""

    root: Path
    home: Path
    host: PluginHost
    versions: Mapping[str, str]
    plugins: tuple[str, ...] = ()
    wall: Callable[[], float] = time.time
    mono: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done now: acts to execute, acts to end, and results known without executing."""

    start: tuple[ActRequest, ...] = ()
    cancel: tuple[str, ...] = ()
    failed: tuple[ActResult, ...] = ()


class PlanRun:
    """Drives one plan. `begin` once, then `turn`, `finished` until `over`, then `end`."""

    def __init__(
        self,
        plan: Plan,
        selected: Sequence[str],
        where: Surroundings,
        say: Callable[[Transition], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.where = where
        self.run = Orchestrator(plan, selected)
        self.view = RunView(self.run)
        self.broken: str | None = None  # why nothing can be journalled any more
        self.warnings: list[str] = list(plan.warnings)
        self.directory: RunDirectory | None = None
        self.late: dict[str, list[str]] = {}  # gates whose inputs changed after they were decided
        self._say = say
        self._keys: dict[str, str] = {}
        self._locks: list[RunLock] = []
        self.seconds: dict[str, float] = {}  # item -> seconds of all its acts
        self.scores: dict[str, list[str]] = {}  # gate -> score per judgement
        self.acts = 0
        self.began_at = 0.0
        self.ended_at = 0.0
        self.end_state: str | None = None

    # ---- begin and end -----------------------------------------------------------------------

    def begin(self) -> None:
        """Make the run directory, freeze what judges, copy the workspace, write the header.

        Raises:
            OrchError: it cannot be started; nothing was spawned.
            RunBusyError: another orchestrator works in the same workspace.
        """
        plan, where = self.plan, self.where
        self.began_at = now = where.wall()
        try:
            self.directory = directory = places.create(where.home, plan.id, plan.path, now)
            places.link(where.root, where.home)
            self._lock(directory)
            workspace = self._workspace(directory)
            (directory.root / "plan.yaml").write_bytes(Path(plan.path).read_bytes())
            self.frozen = FrozenInputs(plan, where.root, workspace, directory.definitions, where.plugins)
            self.journal = Journal.create(directory.journal)
            self._state = StateFile(directory.state, plan, directory.run_id)
        except OSError as error:
            msg = f"plan {plan.id!r} cannot be started: {error}; --orch-dir FOLDER puts runs elsewhere"
            raise OrchError(msg) from None
        self.prepare = Preparer(
            plan=plan,
            directory=directory,
            root=where.root,
            workspace=workspace,
            store=Store(directory.store),
            frozen=self.frozen,
            plugins=where.plugins,
        )
        self._record(
            ev.RunStarted(
                at=now,
                run=directory.run_id,
                plan=plan.id,
                digest=plan.digest,
                selected=self.run.selected,
                header=self._header(workspace),
            )
        )
        self._sync()

    def _header(self, workspace: Path) -> dict[str, Any]:
        where = self.where
        header: dict[str, Any] = {
            "format": FORMAT,
            "plan_file": self.plan.path,
            "root": str(where.root),
            "workspace": str(workspace),
            "versions": dict(where.versions),
            "parallel": self.plan.parallel,
        }
        if self.plan.vars:
            header["vars"] = dict(self.plan.vars)
        if where.plugins:
            header["conftests"] = list(where.plugins)
        if self.warnings:
            header["warnings"] = list(self.warnings)
        return header

    def _lock(self, directory: RunDirectory) -> None:
        self._locks = [RunLock(directory.root / "lock")]
        if self.plan.copy is None:
            self._locks.append(RunLock(self.where.home / "workspace.lock"))
        for lock in self._locks:
            lock.acquire()

    def _workspace(self, directory: RunDirectory) -> Path:
        if self.plan.copy is None:
            return self.where.root
        from orchharness.workspace.copying import copy_workspace

        self.warnings += copy_workspace(Path(self.plan.copy), directory.workspace, skip=directory.root)
        return directory.workspace

    def end(self, reason: str = "") -> RunState:
        """Check once more what judged, write the last record, the state file and the report."""
        changed = self.frozen.changed() if not self.broken else {}
        gates = self.run.gates
        late = {g: p for g, p in changed.items() if g in gates and gates[g].state in {"passed", "waived"}}
        if late:
            self.late = late
            paths = tuple(dict.fromkeys(p for found in late.values() for p in found))
            self._record(ev.GateInputsChanged(at=self.where.wall(), gates=tuple(late), paths=paths))
        state = self.run.state
        self._record(ev.RunFinished(at=self.where.wall(), state=str(state), reason=reason))
        self._sync()
        if self.broken is None:
            self._write_views()
        self.close()
        self.end_state, self.ended_at = str(state), self.where.wall()
        return state

    def close(self) -> None:
        """Give locks and descriptors back."""
        if hasattr(self, "journal"):
            self.journal.close()
        for lock in self._locks:
            lock.release()
        self._locks = []

    def _write_views(self) -> None:
        assert self.directory is not None
        now = self.where.wall()
        try:
            from orchharness.report import write_report

            self._state.flush(now, force=True)
            records = read_journal(self.directory.journal).records
            write_report(self.plan, records, self.directory.report, now=now, warnings=self.warnings)
        except Exception as error:  # noqa: BLE001 - the views can be made again; what happened must not be lost
            self.warnings.append(f"the report could not be written: {type(error).__name__}: {error}")

    # ---- turns -------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.run.over

    def turn(self, free: int) -> Turn:
        """What to do next with so many free places; everything in it is journalled."""
        if self.broken is not None:
            return Turn()
        instructions = self.run.decide(self.where.wall(), min(free, self.plan.parallel - self.run.running))
        if not instructions:
            return Turn()
        starts = [i for i in instructions if not isinstance(i, CancelAct)]
        for start in starts:
            self._keys[start.act] = key = secrets.token_hex(16)
            self._record(_started(start, self.where.wall(), key))
        if starts:
            self._sync()
        ready, failed = [], []
        for start in starts:
            try:
                ready.append(self._prepare(start))
            except (OrchError, OSError) as error:
                failed.append(self._unprepared(start.act, str(error)))
        self._show()
        cancel = tuple(i.act for i in instructions if isinstance(i, CancelAct))
        return Turn(tuple(ready), cancel, tuple(failed))

    def _prepare(self, start: StartTask | StartJudgement) -> ActRequest:
        key = self._keys[start.act]
        if isinstance(start, StartTask):
            return self.prepare.task(self.run, start, key)
        return self.prepare.judgement(self.run, start, key)

    def _unprepared(self, act: str, detail: str) -> ActResult:
        now = self.where.wall()
        return ActResult(
            act=act,
            key=self._keys[act],
            outcome=Outcome.ERROR,
            started=now,
            ended=now,
            seconds=0.0,
            detail=detail,
        )

    def finished(self, result: ActResult, request: ActRequest | None = None) -> list[str]:
        """Take in a result; the items that are final now, in order of decision.

        A result whose key is not the journalled one is not believed.
        """
        key = self._keys.pop(result.act, None)
        if key is None or key != result.key:
            self.warnings.append(f"{result.act}: a result that nobody asked for was ignored")
            return []
        item = result.act.partition(".")[0]
        self.seconds[item] = self.seconds.get(item, 0.0) + result.seconds
        self.acts += 1
        self._record(_finished(result, request, self.where.wall()))
        self._show()
        return self.run.take_final()

    def stop(self, reason: str, *, cancel: bool, interrupted: bool = False) -> None:
        """Start nothing any more; with `cancel` the running acts are ended by the next turn."""
        self._record(
            ev.StopRequested(at=self.where.wall(), reason=reason, cancel=cancel, interrupted=interrupted)
        )

    def summary_lines(self) -> list[str]:
        """For the terminal: time, gates that did not simply pass, what was left undone."""
        wall, total = self.ended_at - self.began_at, sum(self.seconds.values())
        lines = [f"{self.acts} acts in {wall:.1f} s; one after another: {total:.1f} s"]
        for record in self.run.gates.values():
            status = record.status()
            scores = self.scores.get(status.id, [])
            if len(scores) > 1 or status.state not in {"passed", "skipped", "waiting"}:
                text = f"{status.id} {status.state} {' → '.join(scores)}".rstrip()
                lines.append(text + (f" (threshold {status.threshold})" if scores else ""))
        stop = self.run.stop
        if stop is not None:
            cancelled = [t.id for t in self.run.tasks.values() if t.state == "cancelled"]
            undone = [i for i in self.run.selected if self.run.status(i).state not in OVER]
            lines.append(f"stopped: {stop.reason}")
            if cancelled:
                lines.append(f"was running and was ended: {', '.join(cancelled)}")
            if undone:
                lines.append(f"not done: {', '.join(undone[:20])}{' …' if len(undone) > 20 else ''}")
        return lines

    # ---- records -----------------------------------------------------------------------------

    def _record(self, event: ev.Event) -> None:
        """Apply, journal, show and tell: in this order, so that an impossible event never reaches the journal."""
        transitions = self.run.apply(event)
        if self.broken is None:
            try:
                self.journal.append(
                    ev.to_record(event), then=[t.to_record() for t in transitions], mono=self.where.mono()
                )
            except JournalError as error:
                self._break(str(error))
        for transition in transitions:
            if transition.score is not None and transition.was != transition.state:
                self.scores.setdefault(transition.item, []).append(transition.score)
            self._say(transition)
        for plugin, error in self.where.host.update(event, self.view):
            self.warnings.append(f"plugin {plugin!r}: orchharness_update: {error}")
            if not isinstance(event, ev.HookFailed):
                self._record(
                    ev.HookFailed(at=self.where.wall(), hook="orchharness_update", plugin=plugin, error=error)
                )
        if transitions and hasattr(self, "_state"):
            self._state.update((self.view.status(t.item) for t in transitions), self.view.state, event.at)

    def _break(self, why: str) -> None:
        self.broken = why
        self.run.apply(ev.StopRequested(at=self.where.wall(), reason=why, cancel=False, interrupted=True))

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
            except OSError as error:
                self._break(f"the state file cannot be written: {error}")


def _started(start: StartTask | StartJudgement, at: float, key: str) -> ev.Event:
    if isinstance(start, StartTask):
        return ev.TaskStarted(
            at=at, task=start.task, iteration=start.iteration, attempt=start.attempt, act=start.act, key=key
        )
    return ev.JudgementStarted(
        at=at,
        gate=start.gate,
        critic=start.critic,
        iteration=start.iteration,
        attempt=start.attempt,
        act=start.act,
        key=key,
    )


def _finished(result: ActResult, request: ActRequest | None, at: float) -> ev.Event:
    """The event of a result. `request` is None only when the act could not be prepared."""
    item, _, rest = result.act.partition(".i")
    judged = request.role == "critic" if request is not None else rest.count(".") > 1
    common: dict[str, Any] = {
        "at": at,
        "act": result.act,
        "outcome": result.outcome,
        "started": result.started,
        "seconds": result.seconds,
        "detail": result.detail,
        "usage": result.usage,
    }
    if judged:
        return ev.JudgementFinished(
            gate=item,
            critic=rest.split(".")[1],
            evaluation=result.evaluation,
            artifacts=request.artifacts if request else {},
            **common,
        )
    return ev.TaskFinished(
        task=item,
        exit=result.exit,
        outputs=result.outputs,
        changed=result.changed,
        inputs=request.inputs if request else {},
        summary=result.summary,
        session=result.session,
        **common,
    )
