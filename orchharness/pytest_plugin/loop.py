"""Running plans in one process: the orchestrator and all agents' acts side by side, no xdist.

Rules that hold here:
  * Ordinary tests run first, through the stock loop.
  * Plans that work in the project root run one after another, those with a workspace of their own side by side.
  * After `-x` nothing new starts and running acts finish; after Ctrl-C they are ended.
  * Every act that was journalled as started is journalled as finished, unless the session detaches.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.main import pytest_runtestloop as stock_loop

from orchharness.core.acts import Outcome
from orchharness.core.status import SUCCESS
from orchharness.errors import OrchError
from orchharness.pytest_plugin.collector import PlanItem
from orchharness.pytest_plugin.plans import Plans, no_garbage, plans_of
from orchharness.pytest_plugin.reports import Target, emit, emit_late, emit_refused
from orchharness.pytest_plugin.signals import DetachError, Signals
from orchharness.run.act import ActResult
from orchharness.run.drive import PlanRun
from orchharness.run.runner import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from orchharness.run.act import ActRequest

_ENDING = 10.0  # seconds in which acts are waited for after an interrupt
_HASTE = 3.0  # the same, once asked a second time: enough for every local process
# They guard Python code of tests; around our reports they would only cost time, and pytest-timeout be wrong.
_GUARDS = ("warnings", "assertion", "faulthandler", "unittest", "runner")


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
    if ordinary:
        everything, session.items = session.items, ordinary
        try:
            stock_loop(session)
        finally:
            session.items = everything
    if getattr(option, "setuponly", False) or getattr(option, "setupplan", False):
        return True  # only shows fixtures: nothing may be spawned
    files: dict[Path, list[PlanItem]] = {}
    for item in session.items:
        if isinstance(item, PlanItem):
            files.setdefault(item.path, []).append(item)
    try:
        LocalLoop(session, files.values()).run()
    finally:
        gc.unfreeze()
    return True


class _File:
    """One plan of the session, and what is to be reported of it."""

    def __init__(self, items: list[PlanItem]) -> None:
        self.plan = items[0].plan_file.plan
        self.every = {i.item_id: i for i in items}
        self.items = dict(self.every)  # not reported yet
        self.hook = items[0].ihook

    def target(self, item_id: str) -> Target:
        """Where pytest shows the item."""
        item = self.every[item_id]
        return Target(
            item_id=item.item_id,
            nodeid=item.nodeid,
            path=item.path,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
        )


class LocalLoop:
    """The loop of one process."""

    def __init__(self, session: pytest.Session, files: Iterable[list[PlanItem]]) -> None:
        self.session = session
        self.config = session.config
        self.plans: Plans = plans_of(session.config)
        self.waiting = [_File(items) for items in files]
        self.live: dict[_File, PlanRun] = {}
        self.runner = Runner(self.plans.host, keep=False)
        self.signals = Signals(self.runner.wake)
        self.requests: dict[str, tuple[_File, ActRequest]] = {}  # by key: names are unique in a plan only
        self._news: list[tuple[_File, str]] = []  # decided, not reported yet
        self.stopped = ""
        self.broken = ""
        self._protocol = _protocol_hook(session.config)

    def run(self) -> None:
        """Until every plan is over.

        Raises:
            Failed: enough failed.
            Interrupted: a signal or a plugin asked to stop, or a run could not be recorded any more.
        """
        session = self.session
        with ExitStack() as stack:
            stack.callback(self.runner.close)
            stack.enter_context(self.signals)
            try:
                self._until_over()
            except DetachError:
                self._detach()
                raise session.Interrupted("the terminal went away; agents go on") from None
            except KeyboardInterrupt as signal:
                reason = str(signal) or "Ctrl-C"
                if self.signals.forced:
                    self.plans.host.mute()  # else the hook that hangs would hang again
                self._end_all(reason)
                raise session.Interrupted(reason) from None
            except BaseException:
                self._end_all("internal error")
                raise
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop or self.broken:
            raise session.Interrupted(session.shouldstop or self.broken)

    def _until_over(self) -> None:
        while True:
            # A signal is heard when a turn is whole: nothing is lost between a result and its record.
            with self.signals.held():
                self._begin_more()
                if not self.live:
                    return
                # What follows from an act that could not be prepared brings no event that would end the wait.
                unprepared = [self._turn(file) for file in list(self.live)]
                self._tell()
                if self._end_over() or any(unprepared):
                    continue
                patience = self._patience()
                if patience is None and not self.requests:
                    names = ", ".join(file.plan.id for file in self.live)
                    msg = f"nothing runs and nothing will, but not everything is decided: {names}"
                    raise RuntimeError(msg)  # a bug of ours; better said than waited for
                for result in self.runner.wait(patience):
                    self._take(result)

    # ---- plans -------------------------------------------------------------------------------

    def _begin_more(self) -> None:
        """Start plans: all that have a workspace of their own, and one that works in the project root."""
        if self.stopped:
            self.waiting.clear()
        root_busy = any(file.plan.copy is None for file in self.live)
        for file in list(self.waiting):
            if self.stopped or (file.plan.copy is None and root_busy):
                continue
            self.waiting.remove(file)
            self._begin(file)
            root_busy = any(file.plan.copy is None for file in self.live)

    def _begin(self, file: _File) -> None:
        run = PlanRun(file.plan, list(file.items), self.plans.surroundings(), self.plans.terminal.moved)
        try:
            run.begin()
        except OrchError as error:
            run.close()
            emit_refused(self.config, [file.target(i) for i in file.items], str(error))
            self._watch_session()
            return
        self.live[file] = run
        self.plans.terminal.began(run)
        gc.freeze()  # it lives to the end: no need to look through it for garbage again and again

    def _end_over(self) -> bool:
        """End the plans that are over; whether any was."""
        over = [(file, run) for file, run in self.live.items() if run.over]
        for file, run in over:
            self._decided(file, run.run.take_final())
            self._tell()
            with no_garbage():
                state = run.end(self.stopped)
            if state == "paused" or (state == "failed" and not self.stopped):
                for item_id in list(file.items):
                    self._report(file, item_id, ended=True)
            for gate, paths in run.late.items():
                text = f"gate inputs changed after {gate} was decided: {', '.join(paths)}"
                emit_late(self.config, file.target(gate), text)
            self.plans.paused = self.plans.paused or state == "paused"
            self.broken = self.broken or run.broken or ""
            del self.live[file]
        return bool(over)

    # ---- acts --------------------------------------------------------------------------------

    def _turn(self, file: _File) -> bool:
        """Start and end what is due; whether an act could not be prepared."""
        run = self.live[file]
        if run.broken and not self.stopped:
            self._stop(run.broken)
        turn = run.turn(run.plan.parallel)
        for request in turn.start:
            self.requests[request.key] = (file, request)
            self.runner.start(request)
        if turn.cancel:
            self._cancel(file, set(turn.cancel))
        for result in turn.failed:
            self._decided(file, run.finished(result))
        return bool(turn.failed)

    def _cancel(self, file: _File, acts: set[str]) -> None:
        for key, (owner, request) in self.requests.items():
            if owner is file and request.act in acts:
                self.runner.cancel(key)

    def _patience(self) -> float | None:
        """Seconds until a retry is due."""
        due = [at for run in self.live.values() if (at := run.wake_at()) is not None]
        return max(0.0, min(due) - time.time()) if due else None

    def _take(self, result: ActResult) -> None:
        file, request = self.requests.pop(result.key)
        self._decided(file, self.live[file].finished(result, request))

    # ---- reports -----------------------------------------------------------------------------

    def _decided(self, file: _File, final: Iterable[str]) -> None:
        """Good news is told when the next acts are on their way; bad news first, since it may stop the session."""
        found = list(final)
        self._news += [(file, item_id) for item_id in found]
        status = self.live[file].run.status
        if any(status(item_id).state not in SUCCESS for item_id in found):
            self._tell()

    def _tell(self) -> None:
        """Report what was decided, in that order."""
        news, self._news = self._news, []
        for file, item_id in news:
            self._report(file, item_id)

    def _report(self, file: _File, item_id: str, *, ended: bool = False) -> None:
        """Let pytest run the item's protocol, in which it is reported, once whatever other plugins do."""
        item, run = file.items.pop(item_id), self.live[file]
        told = False

        def protocol() -> bool:
            nonlocal told
            if not told:
                told = True
                emit(self.config, file.target(item_id), run, ended=ended, hook=file.hook)
            return True

        item.orch_protocol = protocol
        self._protocol(item=item, nextitem=None)
        protocol()
        self._watch_session()

    def _watch_session(self) -> None:
        """`-x` and its like: obeyed after every report."""
        reason = self.session.shouldfail or self.session.shouldstop
        if reason and not self.stopped:
            self._stop(str(reason))

    def _stop(self, reason: str) -> None:
        """Start nothing any more; what runs comes to its end."""
        self.stopped = reason
        if self.runner.running:
            self.plans.terminal.stopping(reason, self.runner.running, cancel=False)
        for run in self.live.values():
            run.stop(reason, cancel=False)

    # ---- when it ends before its time --------------------------------------------------------

    def _end_all(self, reason: str) -> None:
        """End every act, journal it, write the reports. A second signal shortens the waiting."""
        self.waiting.clear()
        self._tell()
        self.plans.terminal.stopping(reason, self.runner.running)
        with self.signals.held(), ExitStack() as stack:
            for key in self.requests:
                self.runner.cancel(key)
            for file, run in self.live.items():
                stack.callback(self._end_run, file, run, reason)
            for run in self.live.values():
                run.stop(reason, cancel=True, interrupted=True)
            limit = time.monotonic() + _ENDING
            while self.runner.running and time.monotonic() < limit:
                for result in self.runner.wait(limit - time.monotonic()):
                    self._take_quietly(result)
                if self.signals.taken():
                    limit = min(limit, time.monotonic() + _HASTE)
            for result in self.runner.wait(0):
                self._take_quietly(result)
            self.signals.taken()

    def _take_quietly(self, result: ActResult) -> None:
        file, request = self.requests.pop(result.key)
        self.live[file].finished(result, request)

    def _end_run(self, file: _File, run: PlanRun, reason: str) -> None:
        """Journal what is not known to have ended, and the end."""
        try:
            for key, (owner, request) in list(self.requests.items()):
                if owner is file:
                    del self.requests[key]
                    run.finished(_unknown(request, f"{reason}; it may still be running"), request)
            run.end(reason)
        finally:
            run.close()

    def _detach(self) -> None:
        for run in self.live.values():
            run.close()
        self.live.clear()


def _unknown(request: ActRequest, detail: str) -> ActResult:
    now = time.time()
    return ActResult(
        act=request.act,
        key=request.key,
        outcome=Outcome.CANCELLED,
        started=now,
        ended=now,
        seconds=0.0,
        detail=detail,
    )


def _protocol_hook(config: pytest.Config) -> Any:
    """`pytest_runtest_protocol` without the plugins that guard what a test does: no test runs in it here."""
    manager = config.pluginmanager
    names = list(_GUARDS)
    if not _session_timeout(config):
        names.append("timeout")
    guards = [plugin for name in names if (plugin := manager.get_plugin(name)) is not None]
    return manager.subset_hook_caller("pytest_runtest_protocol", guards)


def _session_timeout(config: pytest.Config) -> bool:
    """Whether pytest-timeout is to end the session as a whole, which is obeyed."""
    try:
        return bool(config.getoption("session_timeout", None) or config.getini("session_timeout"))
    except ValueError:  # it is not installed
        return False
