"""The controller's side of xdist: the orchestrator decides, workers execute, one act at a time each.

Rules that hold here:
  * Ordinary tests run first, file by file, as they do without xdist; then the plans.
  * The scheduler is driven by worker events alone. What must happen at a time (a retry that is due) is brought in
    by a timer that asks a worker to give nothing back: the answer enters here, on the main thread.
  * Whatever an event was, all that follows from it is done before it is left: there may be no next event.
  * xdist may shut workers down and replace them on its own; an act whose worker is gone is given to another.
  * What runs already and finds no free worker is watched here: after a resume there may be more acts than workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.pytest_plugin.alarm import Alarm
from orchharness.pytest_plugin.controller import LivePlans
from orchharness.pytest_plugin.dispatch import CONTROLLER, DISPATCH, Dispatch
from orchharness.pytest_plugin.live import Job
from orchharness.pytest_plugin.roster import Roster, is_parked
from orchharness.pytest_plugin.signals import Signals
from orchharness.pytest_plugin.surplus import Surplus

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_MOST_DEATHS = 2  # workers one act may take with it


class PlanScheduling:
    """Implements xdist's scheduling protocol; hands over to a stock scheduler when no plan item was collected."""

    def __init__(self, config: pytest.Config, log: Any, live: LivePlans | None = None) -> None:
        from xdist.workermanage import parse_tx_spec_config

        self.config, self.log = config, log
        self.live = live or LivePlans(config)
        self._roster = Roster(config, len(parse_tx_spec_config(config)))
        self._dispatch: Dispatch = config.stash[DISPATCH]
        controller = config.pluginmanager.get_plugin(CONTROLLER)
        self._signals: Signals = controller.signals if controller else Signals()
        self._alarm = Alarm()
        self._stock: Any = None
        self._ordinary: deque[list[int]] = deque()
        self._busy: dict[WorkerController, Job | list[int]] = {}
        self._queue: deque[Job] = deque()
        self._surplus = Surplus(self.live)
        self._tracks: dict[WorkerController, tuple[str, str]] = {}
        self._told: dict[str, Any] = {}
        self._begun = False  # whether a worker with plan items has collected
        self._started = False
        self._forsaken = False  # no worker is left that could do anything

    # ---- xdist's protocol --------------------------------------------------------------------

    @property
    def handed_over(self) -> bool:
        """Whether a stock scheduler does everything."""
        return self._stock is not None

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers."""
        return list(self._stock.nodes if self._stock else self._roster.nodes)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every first worker has told its collection."""
        if self._stock:
            return bool(self._stock.collection_is_completed)
        return self._started or self._roster.complete

    @property
    def has_pending(self) -> bool:
        """Whether anything is left to give out."""
        return bool(self._stock.has_pending) if self._stock else self._started and not self.tests_finished

    @property
    def tests_finished(self) -> bool:
        """True exactly when every item is over, or nobody is left to do anything."""
        if self._stock:
            return bool(self._stock.tests_finished)
        if self._forsaken:
            return True
        return (
            self._started
            and not (self._busy or self._queue or self._ordinary or self._surplus.jobs)
            and self.live.over
        )

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready; it collects next."""
        if self._stock:
            self._stock.add_node(node)
        else:
            self._roster.add(node)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker tells its collection: the first decides, the others must be the same.

        Raises:
            Interrupted: collection failed; as without xdist, nothing is run then.
            UsageError: this kind of distribution cannot run plans, or the workers' collections differ.
        """
        if self._stock:
            self._stock.add_node_collection(node, collection)
            return
        if not self._begun:
            self._roster.refuse()
            if not is_parked(collection):
                self._hand_over(node, collection)
                return
            self._roster.first(node, collection)
            self._begun = True
            self._told = self._dispatch.told(node)
        elif wrong := self._roster.another(node, collection):
            if not self._started:
                msg = (
                    f"{wrong}; collection must not depend on time, chance or the worker. No plan was started"
                )
                raise pytest.UsageError(msg)
            # A file was edited while the session goes on: the workers that know the old one finish it.
            self._say(f"{wrong}; it is not used")
            self._forsaken = not self._roster.nodes

    def _say(self, text: str) -> None:
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self.config.get_verbosity() >= 0:
            reporter.write_line(text)

    def _hand_over(self, node: WorkerController, ids: Sequence[str]) -> None:
        """No plan item: the stock scheduler, or another plugin's, does everything."""
        from orchharness import pytest_plugin

        make = self.config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", [pytest_plugin])
        self._stock = make(config=self.config, log=self.log)
        for other in self._roster.nodes:
            self._stock.add_node(other)
        self._stock.add_node_collection(node, ids)

    def schedule(self) -> None:
        """Everybody has collected: begin; called again when a replacement has collected."""
        if self._stock:
            self._stock.schedule()
            return
        with self._signals.held():
            if not self._started:
                self._ordinary.extend(self.live.sort_out(self._roster.collection, self._told))
                self._started = True
                for note in self._told["notes"]:
                    self._say(note)
            self._go_on()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has run an index: an act's result is in its folder."""
        if self._stock:
            self._stock.mark_test_complete(node, item_index, duration)
            return
        if item_index == self._parked:
            return
        with self._signals.held():
            work = self._busy.get(node)
            if isinstance(work, Job):
                del self._busy[node]
                self.live.take(work)
            elif work is not None:
                work.remove(item_index)
                if not work:
                    del self._busy[node]
            self._go_on()

    def mark_test_pending(self, item: str) -> None:
        """Only stock schedulers are asked to run a crashed test again."""
        if self._stock:
            self._stock.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        """A worker gave back what it was asked for: here always nothing, at a time that was asked for."""
        if self._stock:
            self._stock.remove_pending_tests_from_node(node, indices)
            return
        with self._signals.held():
            self._go_on()

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone; its act goes on and is given to another, unless it took too many with it.

        Returns:
            The ordinary test that it ran, which failed by that.
        """
        if self._stock:
            crashed: str | None = self._stock.remove_node(node)
            return crashed
        self._roster.remove(node)
        with self._signals.held():
            lost = self._take_back(self._busy.pop(node, None), begun=self._dispatch.taken(node))
            self._go_on()
        return lost

    def _take_back(self, work: Job | list[int] | None, *, begun: bool) -> str | None:
        if isinstance(work, Job):
            work.deaths += begun  # a worker that was dead when it was given the act is no victim of it
            if work.deaths < _MOST_DEATHS:
                self._queue.appendleft(work)
            else:
                self.live.fail(work, f"{work.deaths} workers died while they executed it", deadly=True)
        elif work:
            if work[1:]:
                self._ordinary.appendleft(work[1:])
            return self._roster.collection[work[0]]
        return None

    # ---- giving out work ---------------------------------------------------------------------

    @property
    def _parked(self) -> int:
        return len(self._roster.collection)

    def _go_on(self) -> None:
        """Do all that follows, and give work to free workers."""
        if not self._started:
            return
        self._surplus.look()
        self.live.watch()
        if self.live.stopped:
            self._ordinary.clear()
        if not self._ordinary and not any(isinstance(w, list) for w in self._busy.values()):
            self._queue.extend(self.live.advance(len(self._roster.free(self._busy)) - len(self._queue)))
        self._give_out()
        self._queue = deque(job for job in self._queue if not self._surplus.take(job))
        due = [at for at in (self.live.wake_at(), self._surplus.look_at) if at is not None]
        self._alarm.set(next(iter(self._roster.reachable()), None), min(due, default=None))

    def _give_out(self) -> None:
        while (self._ordinary or self._queue) and (free := self._roster.free(self._busy)):
            if self._ordinary:
                batch = self._ordinary.popleft()
                if not self._send(free[0], batch, batch):
                    self._ordinary.appendleft(batch)
                continue
            job = self._queue.popleft()
            node = next((n for n in free if self._tracks.get(n) == job.track), free[0])
            self._dispatch.put(node, job.request.folder)
            if self._send(node, job, [job.index]):
                self._tracks[node] = job.track
            else:
                self._queue.appendleft(job)

    def _send(self, node: WorkerController, work: Job | list[int], indices: list[int]) -> bool:
        """Whether the worker could be told; one that cannot is dead, and xdist will say so."""
        try:
            node.send_runtest_some([*indices, self._parked])
        except OSError:
            self._roster.lose(node)
            return False
        self._busy[node] = work
        return True

    # ---- the end of the session --------------------------------------------------------------

    def interrupt(self, reason: str) -> None:
        """End every act, journal it, write the reports."""
        self._alarm.stop()
        given = [w for w in self._busy.values() if isinstance(w, Job)]
        self.live.interrupt(reason, given, [*self._queue, *self._surplus.close()])

    def end(self, session: pytest.Session) -> None:
        """The workers are through. What is not decided now will not be.

        Raises:
            Failed: enough failed (`-x`, `--maxfail`).
            Interrupted: another plugin stopped the session, or the workers were lost before everything was decided.
        """
        self._alarm.stop()
        given = [w for w in self._busy.values() if isinstance(w, Job)]
        for job in [*self._queue, *self._surplus.close(), *given]:
            self.live.fail(job, "the worker that executed it died, and there is no other to go on with it")
        self.live.advance(0)
        if not self.live.over:
            self.live.interrupt("the workers are gone", [], [])
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        if not self._started:
            msg = "the workers were lost before they had collected; no plan was started"
            raise session.Interrupted(msg)
        if self.live.undecided:
            why = self.live.broken or "the workers were lost"
            left = self.live.undecided
            raise session.Interrupted(f"not every item of the plans was decided ({left} left): {why}")
