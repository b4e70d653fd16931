"""The controller's side of xdist: the orchestrator decides, workers execute, one act at a time each.

Rules that hold here:
  * Ordinary tests run first, file by file, as they do without xdist; then the plans.
  * The scheduler is driven by worker events alone. What must happen at a time (a retry that is due) is brought in
    by a timer that asks a worker to give nothing back: the answer enters here, on the main thread.
  * Whatever an event was, all that follows from it is done before it is left: there may be no next event.
  * xdist may shut workers down and replace them on its own; an act whose worker is gone is given to another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, MutableSequence, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.errors import OrchError
from orchharness.pytest_plugin import SCHEDULER
from orchharness.pytest_plugin.controller import Job, LivePlans
from orchharness.pytest_plugin.dispatch import DISPATCH, Dispatch
from orchharness.pytest_plugin.plans import plans_of
from orchharness.pytest_plugin.signals import DetachError, Signals
from orchharness.pytest_plugin.worker import PARKED

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_MOST_DEATHS = 2  # workers one act may take with it
_SHORTEST = 0.02  # seconds of the timer


def brief_worker(node: WorkerController, texts: dict[str, bytes]) -> None:
    """Tell a worker the plans and where to look for work; also one that replaces a dead one.

    Raises:
        UsageError: a plugin breaks the rules of the hooks.
    """
    config = node.config
    try:
        plans = plans_of(config)
    except OrchError as error:
        raise pytest.UsageError(str(error)) from None
    if DISPATCH not in config.stash:
        config.stash[DISPATCH] = Dispatch()
        config.pluginmanager.register(Controller(config), "orchharness-controller")
    node.workerinput["orch_plans"] = dict(texts)
    node.workerinput["orch_conftests"] = list(plans.conftests)
    node.workerinput["orch_dispatch"] = str(config.stash[DISPATCH].folder)


class Controller:
    """What surrounds xdist's loop in a session with plan files: signals, and an end that leaves nothing open."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.signals = Signals()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the workers, then end what is still open."""
        with self.signals:
            try:
                result = yield
            except BaseException as error:
                self._failed(error)
                if session.shouldfail and type(error).__module__.startswith("xdist."):
                    # what `-x` is without workers: the tests failed, nobody interrupted anything
                    raise session.Failed(session.shouldfail) from None
                raise
            finally:
                self._config.stash[DISPATCH].close()
        scheduler = self._config.stash.get(SCHEDULER, None)
        if scheduler is not None and not scheduler.handed_over:
            scheduler.end(session)
        return result

    def _failed(self, error: BaseException) -> None:
        scheduler = self._config.stash.get(SCHEDULER, None)
        if scheduler is None or scheduler.handed_over:
            return
        # a worker that was not told to start its act yet will not find it any more
        self._config.stash[DISPATCH].close()
        if isinstance(error, DetachError):
            scheduler.live.detach()
            raise KeyboardInterrupt("the terminal went away; agents go on") from None
        scheduler.interrupt("interrupted" if isinstance(error, KeyboardInterrupt) else "internal error")


class PlanScheduling:
    """Implements xdist's scheduling protocol; hands over to a stock scheduler when no plan item was collected."""

    def __init__(self, config: pytest.Config, log: Any, live: LivePlans | None = None) -> None:
        from xdist.workermanage import parse_tx_spec_config

        self.config, self.log = config, log
        self.live = live or LivePlans(config)
        self.collection: list[str] | None = None
        self._dispatch: Dispatch = config.stash[DISPATCH]
        controller = config.pluginmanager.get_plugin("orchharness-controller")
        self._signals: Signals = controller.signals if controller else Signals()
        self._wanted = len(parse_tx_spec_config(config))
        self._nodes: dict[WorkerController, bool] = {}  # whether it has told its collection
        self._gone: set[WorkerController] = set()  # could not be reached; xdist will say that it is down
        self._stock: Any = None
        self._ordinary: deque[list[int]] = deque()
        self._busy: dict[WorkerController, Job | list[int]] = {}
        self._queue: deque[Job] = deque()
        self._tracks: dict[WorkerController, tuple[str, str]] = {}
        self._timer: threading.Timer | None = None
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
        return list(self._stock.nodes if self._stock else self._nodes)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every first worker has told its collection."""
        if self._stock:
            return bool(self._stock.collection_is_completed)
        return self._started or sum(self._nodes.values()) >= self._wanted

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
        return self._started and not (self._busy or self._queue or self._ordinary) and self.live.over

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready; it collects next."""
        if self._stock:
            self._stock.add_node(node)
        else:
            self._nodes[node] = False

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker tells its collection: the first decides, the others must be the same.

        Raises:
            Interrupted: collection failed; as without xdist, nothing is run then.
            UsageError: this kind of distribution cannot run plans, or the workers' collections differ.
        """
        if self._stock:
            self._stock.add_node_collection(node, collection)
            return
        ids = list(collection)
        if self.collection is None:
            self._refuse_broken()
            if not any(i.endswith(f"::{PARKED}") for i in ids):
                self._hand_over(node, ids)
                return
            self._refuse_distribution()
            for note in self._dispatch.notes(node):
                plans_of(self.config).terminal.note(note)
            self.collection = ids
        elif ids != self.collection:
            self._differs(node, ids)
            return
        self._nodes[node] = True
        self._uncount_parked(collection)

    def _uncount_parked(self, collection: Sequence[str]) -> None:
        """Xdist has counted the parked item, and goes on counting what is in its list."""
        assert self.collection is not None
        if isinstance(collection, MutableSequence):
            collection.pop()
        if self._session is not None:
            self._session.testscollected = len(self.collection) - 1

    def _refuse_broken(self) -> None:
        session = self._session
        if session is not None and session.testsfailed:
            if not self.config.getvalue("continue_on_collection_errors"):
                errors = "error" if session.testsfailed == 1 else "errors"
                raise pytest.Session.Interrupted(f"{session.testsfailed} {errors} during collection")

    def _refuse_distribution(self) -> None:
        how = self.config.getvalue("dist")
        if how in {"each", "loadgroup"}:
            msg = f"plans cannot be run with --dist {how}: write --dist load, or leave --dist out"
            raise pytest.UsageError(msg)

    def _differs(self, node: WorkerController, ids: list[str]) -> None:
        assert self.collection is not None
        node.shutdown()
        del self._nodes[node]
        name = node.gateway.id
        where, mine, others = _first_difference(ids, self.collection)
        what = f"worker {name} collected {mine} where the first worker collected {others} (item {where})"
        if not self._started:
            msg = f"{what}; collection must not depend on time, chance or the worker. No plan was started"
            raise pytest.UsageError(msg)
        # A file was edited while the session goes on: the workers that know the old one finish it.
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"{what}; it is not used")
        self._forsaken = not self._nodes

    def _hand_over(self, node: WorkerController, ids: list[str]) -> None:
        """No plan item: the stock scheduler, or another plugin's, does everything."""
        from orchharness import pytest_plugin

        make = self.config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", [pytest_plugin])
        self._stock = make(config=self.config, log=self.log)
        for other in self._nodes:
            self._stock.add_node(other)
        self._stock.add_node_collection(node, ids)

    def schedule(self) -> None:
        """Everybody has collected: begin; called again when a replacement has collected."""
        if self._stock:
            self._stock.schedule()
            return
        with self._signals.held():
            if not self._started:
                assert self.collection is not None
                self._ordinary.extend(self.live.sort_out(self.collection[:-1]))
                self._started = True
            self._go_on()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has run an index: an act's result is in its folder."""
        if self._stock:
            self._stock.mark_test_complete(node, item_index, duration)
            return
        assert self.collection is not None
        if item_index == len(self.collection) - 1:
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
        del self._nodes[node]
        self._gone.discard(node)
        with self._signals.held():
            lost = self._take_back(self._busy.pop(node, None))
            self._go_on()
        return lost

    def _take_back(self, work: Job | list[int] | None) -> str | None:
        if isinstance(work, Job):
            work.deaths += 1
            if work.deaths < _MOST_DEATHS:
                self._queue.appendleft(work)
            else:
                self.live.fail(work, f"{work.deaths} workers died while they executed it")
        elif work:
            assert self.collection is not None
            if work[1:]:
                self._ordinary.appendleft(work[1:])
            return self.collection[work[0]]
        return None

    # ---- giving out work ---------------------------------------------------------------------

    @property
    def _session(self) -> Any:
        return self.config.pluginmanager.get_plugin("session")

    def _free(self) -> list[WorkerController]:
        return [
            n
            for n, collected in self._nodes.items()
            if collected and n not in self._busy and n not in self._gone and not n.shutting_down
        ]

    def _go_on(self) -> None:
        """Do all that follows, and give work to free workers."""
        if not self._started:
            return
        self.live.watch()
        if self.live.stopped:
            self._ordinary.clear()
        if not self._ordinary and not any(isinstance(w, list) for w in self._busy.values()):
            self._queue.extend(self.live.advance(len(self._free()) - len(self._queue)))
        self._give_out()
        self._set_timer()

    def _give_out(self) -> None:
        while (self._ordinary or self._queue) and (free := self._free()):
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
        assert self.collection is not None
        try:
            node.send_runtest_some([*indices, len(self.collection) - 1])
        except OSError:
            self._gone.add(node)
            return False
        self._busy[node] = work
        return True

    def _set_timer(self) -> None:
        """Come back when a retry is due, through a worker's answer: the controller has no clock of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.live.wake_at()
        node = next((n for n in self._nodes if n not in self._gone and not n.shutting_down), None)
        if due is None or node is None:
            return

        def ask() -> None:
            with suppress(OSError):  # the worker has died: its end brings the scheduler back
                node.send_steal([])

        self._timer = threading.Timer(max(_SHORTEST, due - time.time()), ask)
        self._timer.daemon = True
        self._timer.start()

    # ---- the end of the session --------------------------------------------------------------

    def interrupt(self, reason: str) -> None:
        """End every act, journal it, write the reports."""
        self._stop_timer()
        given = [w for w in self._busy.values() if isinstance(w, Job)]
        self.live.interrupt(reason, given, list(self._queue))

    def end(self, session: pytest.Session) -> None:
        """The workers are through. What is not decided now will not be.

        Raises:
            Failed: enough failed (`-x`, `--maxfail`).
            Interrupted: another plugin stopped the session, or the workers were lost before everything was decided.
        """
        self._stop_timer()
        for job in [*self._queue, *(w for w in self._busy.values() if isinstance(w, Job))]:
            self.live.fail(job, "the worker that executed it died, and there is no other to go on with it")
        self.live.advance(0)
        if not self.live.over:
            self.live.interrupt("the workers are gone", [], [])
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        if self.collection is None or not self._started:
            msg = "the workers were lost before they had collected; no plan was started"
            raise session.Interrupted(msg)
        if self.live.undecided:
            why = self.live.broken or "the workers were lost"
            raise session.Interrupted(f"{self.live.undecided} items of plans were not decided: {why}")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _first_difference(mine: list[str], others: list[str]) -> tuple[int, str, str]:
    """Where two collections differ first, and what stands there."""
    at = next((i for i, (a, b) in enumerate(zip(mine, others, strict=False)) if a != b), None)
    if at is None:
        at = min(len(mine), len(others))
    shown = [repr(ids[at]) if at < len(ids) - 1 else "nothing" for ids in (mine, others)]
    return at + 1, shown[0], shown[1]
