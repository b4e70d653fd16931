"""The plans of a session whose acts are executed elsewhere: begun, asked for acts, reported, ended.

Rules that hold here:
  * `advance` goes on until nothing more can be decided without an act: no event need come for what follows
    from an act that could not be prepared, or from a plan that could not be started.
  * An item is reported once; what is not reported when the session ends was not run, and the session says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchharness.core.status import SUCCESS
from orchharness.errors import OrchError
from orchharness.plugins import PluginHost
from orchharness.pytest_plugin.ending import SPAWNING, after_worker, cancel, end_all, ended, no_result
from orchharness.pytest_plugin.live import Job, LivePlan
from orchharness.pytest_plugin.plans import plans_of
from orchharness.pytest_plugin.reports import Target, emit, emit_late, emit_refused, late_texts
from orchharness.pytest_plugin.scan import plan_texts
from orchharness.run.act import ActResult, read_result
from orchharness.run.drive import PlanRun


class LivePlans:
    """All plans of the session. Knows nothing of workers but how many acts may start."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._plans = plans_of(config)
        self._lives: list[LivePlan] = []
        self.stopped = ""

    @property
    def host(self) -> PluginHost:
        """The plugins of the session."""
        return self._plans.host

    @property
    def over(self) -> bool:
        """Whether no plan will ask for anything any more."""
        return all(live.over for live in self._lives)

    @property
    def undecided(self) -> int:
        """How many items were not reported."""
        return sum(len(live.unreported) for live in self._lives)

    @property
    def broken(self) -> str:
        """Why a run could not be recorded to its end."""
        return next((v.run.broken for v in self._lives if v.run is not None and v.run.broken), "")

    def wake_at(self) -> float | None:
        """When `advance` should be asked again even if nothing happens."""
        due = [at for v in self._lives if v.run and not v.over and (at := v.run.wake_at()) is not None]
        return min(due, default=None)

    def sort_out(self, collection: Sequence[str], told: Mapping[str, Any]) -> list[list[int]]:
        """Find out which item each index is; the plans are read from the bytes the workers had.

        Args:
            collection: The node ids of all items.
            told: `files`, the node ids of plan files -> their paths; `pulled_in`, path -> items others need.

        Returns:
            The indices of ordinary tests, file by file.

        Raises:
            UsageError: a plan cannot be read here as it was read in the workers.
        """
        lives = {file: self._read(paths) for file, paths in told["files"].items()}
        self._plans.pulled_in = {Path(p): frozenset(items) for p, items in told.get("pulled_in", {}).items()}
        batches: dict[str, list[int]] = {}
        for index, nodeid in enumerate(collection):
            file, _, rest = nodeid.partition("::")
            item_id = rest.partition("::")[2]  # it may hold "::" itself, a track's name cannot
            live = lives.get(file)
            if live is None or item_id not in live.known:
                batches.setdefault(file, []).append(index)
            else:
                self._place(live, nodeid, item_id, index)
        self._lives = list(lives.values())
        return list(batches.values())

    def _read(self, paths: Sequence[str]) -> LivePlan:
        if len(paths) > 1:
            msg = f"{' and '.join(paths)} have the same name in pytest, being outside its root: run them one by one"
            raise pytest.UsageError(msg)
        path = Path(paths[0])
        try:
            plan = self._plans.read(path, plan_texts(self._config).get(str(path)))
        except OrchError as error:
            raise pytest.UsageError(str(error)) from None
        return LivePlan(plan, path)

    def _place(self, live: LivePlan, nodeid: str, item_id: str, index: int) -> None:
        live.index[item_id] = index
        live.unreported[item_id] = None
        where = os.path.relpath(live.path, self._config.rootpath)
        live.targets[item_id] = Target(
            item_id=item_id,
            nodeid=nodeid,
            path=live.path,
            location=(where, live.plan.item(item_id).line - 1, item_id),
            keywords={item_id: 1},
        )

    # ---- while it runs -----------------------------------------------------------------------

    def advance(self, room: int) -> list[Job]:
        """Decide everything that can be decided now; the acts to start, at most `room`."""
        found: list[Job] = []
        changed = True
        while changed:
            self.watch()
            changed = self._begin_more()
            for live in self._lives:
                if live.run is not None and not live.over:
                    changed |= self._turn(live, live.run, room, found)
                    changed |= self._end_if_over(live, live.run)
        return found

    def watch(self) -> None:
        """Stop when enough failed, or when another plugin wants it: xdist does not see our reports."""
        session: Any = self._config.pluginmanager.get_plugin("session")
        reason = session.shouldfail or session.shouldstop
        if reason and not self.stopped:
            self.stop(str(reason))

    def stop(self, reason: str) -> None:
        """Start nothing any more; what runs comes to its end."""
        self.stopped = reason
        running = [a for v in self._lives if v.run is not None and not v.over for a in v.run.run.acts]
        if running:
            self._plans.terminal.stopping(reason, running, cancel=False)
        for live in self._lives:
            if live.run is None:
                live.over = True
            elif not live.over:
                live.run.stop(reason, cancel=False)

    def _begin_more(self) -> bool:
        """Begin what may: one plan that works in the project root, all others. Whether one was refused."""
        refused = False
        root_busy = any(v.run is not None and not v.over and v.plan.copy is None for v in self._lives)
        for live in self._lives:
            if live.run is not None or live.over or (live.plan.copy is None and root_busy):
                continue
            if self._begin(live):
                root_busy = root_busy or live.plan.copy is None
            else:
                refused = True
        return refused

    def _begin(self, live: LivePlan) -> bool:
        plans = self._plans
        say, note = plans.terminal.moved, plans.terminal.note
        run = PlanRun(live.plan, list(live.index), plans.surroundings(live.plan), say, note)
        try:
            run.begin(plans.beginning(live.path))
        except OrchError as error:
            run.close()
            live.over = True
            live.unreported.clear()
            emit_refused(self._config, list(live.targets.values()), error)
            return False
        live.run = run
        plans.terminal.began(run)
        self._decided(live, run, run.run.take_final())
        return True

    def _turn(self, live: LivePlan, run: PlanRun, room: int, found: list[Job]) -> bool:
        if run.broken and not self.stopped:
            self.stop(run.broken)
        turn = run.turn(max(0, room - len(found)))
        self._decided(live, run, run.run.take_final())
        found += [Job(live, request) for request in turn.start]
        for result in turn.failed:
            self._decided(live, run, run.finished(result))
            self.watch()
        return bool(turn.failed)

    def take(self, job: Job) -> None:
        """A worker came back from the act: its result is in its folder."""
        folder = Path(job.request.folder)
        result = read_result(folder, job.request.key)
        if result is None:
            fault = _text_of(folder / "fault") or "no result"
            detail = f"the worker that executed it came back with: {fault}"
            result = after_worker(self._plans.host, job.request, detail)
        self.finish(job, result)

    def fail(self, job: Job, detail: str, *, deadly: bool = False) -> None:
        """Nobody will execute the act to its end: it is ended, and failed, unless it has ended already.

        One that is `deadly` is not looked at here: what killed its workers would kill the controller.
        """
        found = None
        if deadly:
            cancel(self._plans.host, job.request, patience=0.0)
        else:
            found = ended(self._plans.host, job.request, patience=0.0)
        self.finish(job, found or no_result(job.request, detail))

    def finish(self, job: Job, result: ActResult) -> None:
        """What came of the act is known."""
        run = job.live.run
        assert run is not None
        self._decided(job.live, run, run.finished(result, job.request))

    def _decided(self, live: LivePlan, run: PlanRun, final: Iterable[str], *, ended: bool = False) -> None:
        for item_id in final:
            if item_id in live.unreported:
                del live.unreported[item_id]
                emit(self._config, live.targets[item_id], run, ended=ended)

    def _end_if_over(self, live: LivePlan, run: PlanRun) -> bool:
        if not run.over:
            return False
        live.over = True
        self._decided(live, run, run.run.take_final())
        state = run.end(self.stopped)
        if state == "paused" or (state == "failed" and not self.stopped):
            self._decided(live, run, list(live.unreported), ended=True)
        for gate, text in late_texts(run).items():
            emit_late(self._config, live.targets[gate], text)
        self._plans.paused = self._plans.paused or state == "paused"
        return True

    # ---- when it ends before its time --------------------------------------------------------

    def interrupt(self, reason: str, given: Sequence[Job], queued: Sequence[Job]) -> None:
        """End the acts that workers were given and those that wait for one, journal it, write the reports."""
        open_ = [(v, v.run) for v in self._lives if v.run is not None and not v.over]
        for _, run in open_:
            run.stop(reason, cancel=True, interrupted=True)
        jobs = [*given, *queued]
        if open_:
            self._plans.terminal.stopping(reason, [j.request.act for j in jobs])
        patience = [SPAWNING] * len(given) + [0.0] * len(queued)
        results = end_all(self._plans.host, [job.request for job in jobs], patience, reason)
        for job, result in zip(jobs, results, strict=True):
            drive = job.live.run
            assert drive is not None
            final = drive.finished(result, job.request)
            self._decided(job.live, drive, [i for i in final if drive.run.status(i).state in SUCCESS])
        for live, run in open_:
            run.end(reason)
            live.over = True

    def detach(self) -> int:
        """Leave the agents running, and say how many acts do; who resumes the run finds them in their folders."""
        open_ = [v.run for v in self._lives if v.run is not None and not v.over]
        for run in open_:
            run.close()
        return sum(run.run.running for run in open_)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
