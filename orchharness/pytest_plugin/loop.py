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
from typing import TYPE_CHECKING

import pytest
from _pytest.main import pytest_runtestloop as stock_loop

from orchharness.agents.supervised import supervised
from orchharness.core.acts import Outcome
from orchharness.core.status import SUCCESS
from orchharness.errors import OrchError
from orchharness.planfile import no_garbage
from orchharness.pytest_plugin.collector import PlanItem
from orchharness.pytest_plugin.plans import Plans, plans_of
from orchharness.pytest_plugin.showing import Showing
from orchharness.pytest_plugin.signals import DetachError, Signals, detaches, left_text
from orchharness.pytest_plugin.telling import PlanItems, Teller
from orchharness.run.drive import PlanRun
from orchharness.run.runner import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from orchharness.pytest_plugin.asking import Prompt
    from orchharness.run.act import ActRequest, ActResult

_HASTE = 3.0  # the same, once asked a second time: enough for every local process


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
    gc.unfreeze()  # what an earlier session of this process left
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
        # pytest and the interpreter look for garbage several times while they end, which took as long as a small
        # plan. Only tests must not lose what these looks find.
        (gc.unfreeze if ordinary else gc.freeze)()
    return True


class LocalLoop:
    """The loop of one process."""

    def __init__(self, session: pytest.Session, files: Iterable[list[PlanItem]]) -> None:
        self.session = session
        self.config = session.config
        self.plans: Plans = plans_of(session.config)
        self.waiting = [PlanItems(items) for items in files]
        self.live: dict[PlanItems, PlanRun] = {}
        self.runner = Runner(self.plans.host, keep=False)
        self.signals = Signals(self.runner.wake)
        self.config.add_cleanup(self.signals.release)
        self.requests: dict[str, tuple[PlanItems, ActRequest]] = {}  # by key: names are unique in a plan only
        self.stopped = ""
        self.broken = ""
        self.prompt = _prompt(session.config)
        self.teller = Teller(session.config, self._watch_session)
        self.showing = Showing(session.config, self.plans.terminal)

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
            stack.enter_context(self.showing)
            stack.enter_context(supervised(sum(len(file.every) for file in self.waiting)))
            try:
                self._until_over()
            except DetachError:
                raise session.Interrupted(left_text("the terminal went away", self._detach())) from None
            except KeyboardInterrupt as signal:
                reason = str(signal) or "Ctrl-C"
                if detaches(self.config, reason):
                    self.teller.tell()
                    raise session.Interrupted(left_text(reason, self._detach())) from None
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
                self.teller.tell()
                if self._end_over() or any(unprepared):
                    continue
                patience = self._patience()
                if patience is None and not self.requests:
                    names = ", ".join(file.plan.id for file in self.live)
                    msg = f"nothing runs and nothing will, but not everything is decided: {names}"
                    raise RuntimeError(msg)  # a bug of ours; better said than waited for
                asks = self.prompt is not None and not self.requests
                for result in () if asks else self.runner.wait(patience):
                    self._take(result)
            if asks and self.prompt is not None:  # outside: Ctrl-C at the prompt is heard at once
                with self.showing.away():
                    self.prompt.ask(self.live.values())

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

    def _begin(self, file: PlanItems) -> None:
        terminal = self.plans.terminal
        run = PlanRun(
            file.plan, list(file.every), self.plans.surroundings(file.plan), terminal.moved, terminal.note
        )
        try:
            run.begin(self.plans.beginning(file.path))
        except OrchError as error:
            run.close()
            self.teller.refuse(file, error)
            return
        self.live[file] = run
        self.plans.terminal.began(run)
        self.teller.decided(file, run, run.run.take_final())
        gc.freeze()  # it lives to the end: no need to look through it for garbage again and again

    def _end_over(self) -> bool:
        """End the plans that are over; whether any was."""
        over = [(file, run) for file, run in self.live.items() if run.over]
        for file, run in over:
            self.teller.decided(file, run, run.run.take_final())
            self.teller.tell()
            with no_garbage():
                state = run.end(self.stopped)
            if state == "paused" or (state == "failed" and not self.stopped):
                self.teller.tell_rest(file, run)
            self.teller.tell_late(file, run)
            self.plans.paused = self.plans.paused or state == "paused"
            self.broken = self.broken or run.broken or ""
            del self.live[file]
        return bool(over)

    # ---- acts --------------------------------------------------------------------------------

    def _turn(self, file: PlanItems) -> bool:
        """Start and end what is due; whether an act could not be prepared."""
        run = self.live[file]
        if run.broken and not self.stopped:
            self._stop(run.broken)
        turn = run.turn(run.plan.parallel)
        self.teller.decided(file, run, run.run.take_final())
        for request in turn.start:
            self.requests[request.key] = (file, request)
            self.runner.start(request)
        if turn.cancel:
            self._cancel(file, set(turn.cancel))
        for result in turn.failed:
            self.teller.decided(file, run, run.finished(result))
        return bool(turn.failed)

    def _cancel(self, file: PlanItems, acts: set[str]) -> None:
        for key, (owner, request) in self.requests.items():
            if owner is file and request.act in acts:
                self.runner.cancel(key)

    def _patience(self) -> float | None:
        """Seconds until a retry is due."""
        due = [at for run in self.live.values() if (at := run.wake_at()) is not None]
        return max(0.0, min(due) - time.time()) if due else None

    def _take(self, result: ActResult) -> None:
        file, request = self.requests.pop(result.key)
        run = self.live[file]
        self.teller.decided(file, run, run.finished(result, request))

    # ---- stopping ----------------------------------------------------------------------------

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
        """Tell what was decided, then end every act, journal it, and write the reports."""
        self.waiting.clear()
        try:
            self.teller.tell()
        finally:
            self.plans.terminal.stopping(reason, self.runner.running)
            with self.signals.held(), ExitStack() as stack:
                for file, run in self.live.items():
                    stack.callback(self._end_run, file, run, reason)
                for key in self.requests:
                    self.runner.cancel(key)
                for run in self.live.values():
                    run.stop(reason, cancel=True, interrupted=True)
                self._until_ended()
                self.signals.taken()

    def _until_ended(self) -> None:
        """Take the results of acts that are being ended. A second signal shortens the waiting."""
        from orchharness.pytest_plugin.ending import ENDING

        limit = time.monotonic() + ENDING
        while self.runner.running and time.monotonic() < limit:
            self._take_last(limit - time.monotonic())
            if self.signals.taken():
                limit = min(limit, time.monotonic() + _HASTE)
        self._take_last(0)

    def _take_last(self, patience: float) -> None:
        """Journal what came in. Acts that were ended are not reported, as a test is not that Ctrl-C ends."""
        for result in self.runner.wait(patience):
            file, request = self.requests.pop(result.key)
            run = self.live[file]
            final = run.finished(result, request)
            self.teller.decided(file, run, [i for i in final if run.run.status(i).state in SUCCESS])

    def _end_run(self, file: PlanItems, run: PlanRun, reason: str) -> None:
        """Journal what is not known to have ended, and the end."""
        try:
            from orchharness.pytest_plugin.ending import no_result

            for key, (owner, request) in list(self.requests.items()):
                if owner is file:
                    del self.requests[key]
                    left = no_result(request, f"{reason}; it may still be running", Outcome.CANCELLED)
                    run.finished(left, request)
            self.teller.tell()
            run.end(reason)
        finally:
            run.close()

    def _detach(self) -> int:
        """Leave the agents running; how many acts do."""
        at_work = sum(run.run.running for run in self.live.values())
        for run in self.live.values():
            run.close()
        self.live.clear()
        return at_work


def _prompt(config: pytest.Config) -> Prompt | None:
    if not config.option.orch_ask:
        return None
    from orchharness.pytest_plugin.asking import Prompt

    return Prompt(config)
