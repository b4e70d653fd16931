"""Running plans in one process: the orchestrator and all agents' acts side by side, no xdist.

Rules that hold here:
  * Ordinary tests run first, through the stock loop.
  * Plans that work in the project root run one after another, those with a workspace of their own side by side.
  * After `-x` nothing new starts and running acts finish; after Ctrl-C they are ended.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.main import pytest_runtestloop as stock_loop

from orchharness.errors import OrchError
from orchharness.pytest_plugin.collector import PlanItem
from orchharness.pytest_plugin.plans import Plans, plans_of
from orchharness.pytest_plugin.reports import Target, emit, emit_late, emit_refused
from orchharness.run.drive import PlanRun
from orchharness.run.runner import Runner

if TYPE_CHECKING:
    from orchharness.pytest_plugin.collector import PlanFile
    from orchharness.run.act import ActRequest, ActResult


class _DetachError(BaseException):
    """The terminal went away: agents go on, the orchestrator leaves."""


def run_session(session: pytest.Session) -> bool:
    """Run the session's ordinary tests, then its plans.

    Raises:
        Interrupted: collection failed, or something asked to stop.
        Failed: enough failed (`-x`, `--maxfail`).
    """
    option = session.config.option
    if session.testsfailed and not option.continue_on_collection_errors:
        errors = f"{session.testsfailed} error{'s' if session.testsfailed != 1 else ''} during collection"
        raise session.Interrupted(errors)
    if option.collectonly:
        return True
    ordinary = [i for i in session.items if not isinstance(i, PlanItem)]
    planned = [i for i in session.items if isinstance(i, PlanItem)]
    if ordinary:
        everything, session.items = session.items, ordinary
        try:
            stock_loop(session)
        finally:
            session.items = everything
    if getattr(option, "setuponly", False) or getattr(option, "setupplan", False):
        return True  # only shows fixtures: nothing may be spawned
    files: dict[PlanFile, list[PlanItem]] = {}
    for item in planned:
        files.setdefault(item.plan_file, []).append(item)
    LocalLoop(session, files).run()
    return True


def target_of(item: PlanItem) -> Target:
    """Where pytest shows the item."""
    return Target(
        item_id=item.item_id,
        nodeid=item.nodeid,
        path=item.path,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
    )


class LocalLoop:
    """The loop of one process."""

    def __init__(self, session: pytest.Session, files: dict[PlanFile, list[PlanItem]]) -> None:
        self.session = session
        self.config = session.config
        self.plans: Plans = plans_of(session.config)
        self.items = {file: {i.item_id: i for i in items} for file, items in files.items()}
        self.targets = {file: {i.item_id: target_of(i) for i in items} for file, items in files.items()}
        self.waiting = list(files)
        self.live: dict[PlanFile, PlanRun] = {}
        self.runner = Runner(self.plans.host)
        self.requests: dict[str, tuple[PlanFile, ActRequest]] = {}
        self.stopped = ""

    def run(self) -> None:
        """Until every plan is over."""
        with _signals():
            try:
                self._until_over()
            except KeyboardInterrupt:
                self._interrupt("interrupted")
                raise
            except _DetachError:
                self._detach()
                raise KeyboardInterrupt("the terminal went away; agents go on") from None
            except BaseException:
                self._interrupt("internal error")
                raise
            finally:
                self.runner.close()
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)
        if self.session.shouldstop:
            raise self.session.Interrupted(self.session.shouldstop)

    def _until_over(self) -> None:
        while True:
            self._begin_more()
            if not self.live:
                return
            for file in list(self.live):
                self._turn(file)
            if any(run.over for run in self.live.values()):
                self._end_over()
                continue
            for result in self.runner.wait(self._patience()):
                self._take(result)

    def _begin_more(self) -> None:
        """Start plans: all that have a workspace of their own, and one that works in the project root."""
        if self.stopped:
            self.waiting.clear()
        root_busy = any(run.plan.copy is None for run in self.live.values())
        for file in list(self.waiting):
            if file.plan.copy is None and root_busy:
                continue
            self.waiting.remove(file)
            root_busy = root_busy or file.plan.copy is None
            self._begin(file)

    def _begin(self, file: PlanFile) -> None:
        ids = list(self.items[file])
        run = PlanRun(file.plan, ids, self.plans.surroundings(), self.plans.terminal.moved)
        try:
            run.begin()
        except OrchError as error:
            run.close()
            self._refused(file, str(error))
            return
        self.plans.terminal.began(run)
        self.live[file] = run

    def _refused(self, file: PlanFile, text: str) -> None:
        """The run could not be started: its first item is an error, the others were not run."""
        emit_refused(self.config, list(self.targets[file].values()), text)

    def _turn(self, file: PlanFile) -> None:
        run = self.live[file]
        if run.broken and not self.stopped:
            self._stop(run.broken, cancel=False)
        turn = run.turn(run.plan.parallel)
        for request in turn.start:
            self.requests[request.act] = (file, request)
            self.runner.start(request)
        for act in turn.cancel:
            self.runner.cancel(act)
        for result in turn.failed:
            self._decided(file, run.finished(result))

    def _patience(self) -> float | None:
        """Seconds until a retry is due."""
        due = [at for run in self.live.values() if (at := run.run.wake_at()) is not None]
        return max(0.0, min(due) - time.time()) if due else None

    def _take(self, result: ActResult) -> None:
        file, request = self.requests.pop(result.act)
        self._decided(file, self.live[file].finished(result, request))

    def _decided(self, file: PlanFile, final: Sequence[str]) -> None:
        for item_id in final:
            self._report(file, item_id)

    def _report(self, file: PlanFile, item_id: str, *, ended: bool = False) -> None:
        item, run = self.items[file].pop(item_id), self.live[file]

        def protocol() -> bool:
            emit(self.config, self.targets[file][item_id], run, ended=ended)
            return True

        item.orch_protocol = protocol
        self.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        item.orch_protocol = None
        if (self.session.shouldfail or self.session.shouldstop) and not self.stopped:
            self._stop(str(self.session.shouldfail or self.session.shouldstop), cancel=False)

    def _stop(self, reason: str, *, cancel: bool, interrupted: bool = False) -> None:
        self.stopped = reason
        if self.runner.running:
            self.plans.terminal.stopping(reason, self.runner.running)
        for run in self.live.values():
            run.stop(reason, cancel=cancel, interrupted=interrupted)

    def _end_over(self) -> None:
        for file, run in list(self.live.items()):
            if not run.over:
                continue
            self._decided(file, run.run.take_final())
            state = run.end(self.stopped)
            if state == "paused" or (state == "failed" and not self.stopped):
                for item_id in list(self.items[file]):
                    self._report(file, item_id, ended=True)
            for gate, paths in run.late.items():
                text = f"gate inputs changed after {gate} was decided: {', '.join(paths)}"
                emit_late(self.config, self.targets[file][gate], text)
            self.plans.paused = self.plans.paused or state == "paused"
            del self.live[file]

    def _interrupt(self, reason: str) -> None:
        """End every act, journal it, write the reports."""
        self.waiting.clear()
        self._stop(reason, cancel=True, interrupted=True)
        for file in list(self.live):
            self._turn(file)
        while self.runner.running:
            for result in self.runner.wait(None):
                self._take_quietly(result)
        for result in self.runner.wait(0):
            self._take_quietly(result)
        for run in self.live.values():
            run.end(reason)
        self.live.clear()

    def _take_quietly(self, result: ActResult) -> None:
        file, request = self.requests.pop(result.act)
        self.live[file].finished(result, request)

    def _detach(self) -> None:
        for run in self.live.values():
            run.close()
        self.live.clear()


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM is treated as Ctrl-C; SIGHUP leaves the agents running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt("SIGTERM")

    def hang_up(number: int, frame: object) -> None:
        del number, frame
        raise _DetachError

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminate)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
