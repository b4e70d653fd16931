"""The controller's side of xdist: the orchestrator decides, workers execute, one act at a time each.

The scheduler is driven by worker events alone; what must happen at a time (a retry that is due) is brought in
by a timer that asks a worker to give nothing back: the answer enters here, on the main thread.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.core.acts import Handle, Outcome
from orchharness.errors import OrchError
from orchharness.pytest_plugin import is_plan
from orchharness.pytest_plugin.plans import plans_of
from orchharness.pytest_plugin.reports import Target, emit, emit_late
from orchharness.pytest_plugin.scan import plan_texts
from orchharness.pytest_plugin.worker import PARKED
from orchharness.run.act import ActResult, read_result
from orchharness.run.drive import PlanRun

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from orchharness.core.plan import Plan
    from orchharness.run.act import ActRequest

_DISPATCH: pytest.StashKey[Path] = pytest.StashKey()
_MOST_DEATHS = 2  # workers one act may take with it


def brief_worker(node: WorkerController, texts: dict[str, bytes]) -> None:
    """Tell a worker the plans and where to look for work; also one that replaces a dead one."""
    config = node.config
    if _DISPATCH not in config.stash:
        home = plans_of(config).surroundings().home
        folder = home / f"dispatch-{secrets.token_hex(6)}"
        folder.mkdir(parents=True, mode=0o700)
        config.stash[_DISPATCH] = folder
    node.workerinput["orch_plans"] = dict(texts)
    node.workerinput["orch_conftests"] = list(plans_of(config).conftests)
    node.workerinput["orch_dispatch"] = str(config.stash[_DISPATCH])


class _LivePlan:
    """A plan file of the session: its run, and where its items stand in the collection."""

    def __init__(self, plan: Plan, path: Path) -> None:
        self.plan = plan
        self.path = path
        self.index: dict[str, int] = {}
        self.targets: dict[str, Target] = {}
        self.unreported: dict[str, None] = {}
        self.run: PlanRun | None = None
        self.over = False


class _Job:
    """An act given to a worker."""

    def __init__(self, live: _LivePlan, request: ActRequest) -> None:
        self.live, self.request = live, request
        self.deaths = 0

    @property
    def index(self) -> int:
        return self.live.index[self.request.item]


class PlanScheduling:
    """Implements xdist's scheduling protocol; hands over to a stock scheduler when no plan item was collected."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        self.config, self.log = config, log
        self.plans = plans_of(config)
        self.collection: list[str] | None = None
        self._wanted = len(config.getvalue("tx") or [])
        self._nodes: dict[WorkerController, list[str] | None] = {}
        self._stock: Any = None
        self._lives: list[_LivePlan] = []
        self._ordinary: deque[list[int]] = deque()
        self._busy: dict[WorkerController, _Job | list[int]] = {}
        self._queue: deque[_Job] = deque()
        self._tracks: dict[WorkerController, tuple[str, str]] = {}
        self._timer: threading.Timer | None = None
        self._stopped = ""
        self._started = False

    # ---- xdist's protocol --------------------------------------------------------------------

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers."""
        return list(self._stock.nodes if self._stock else self._nodes)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every first worker has told its collection."""
        if self._stock:
            return bool(self._stock.collection_is_completed)
        told = [c for c in self._nodes.values() if c is not None]
        return self._started or len(told) >= max(1, self._wanted)

    @property
    def has_pending(self) -> bool:
        """Whether anything is left to give out."""
        return bool(self._stock.has_pending) if self._stock else not self.tests_finished and self._started

    @property
    def tests_finished(self) -> bool:
        """True exactly when every item is over."""
        if self._stock:
            return bool(self._stock.tests_finished)
        if not self._started or self._busy or self._ordinary:
            return False
        return all(live.over for live in self._lives)

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready; it collects next."""
        if self._stock:
            self._stock.add_node(node)
        else:
            self._nodes[node] = None

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker tells its collection: the first decides, the others must be the same."""
        if self._stock:
            self._stock.add_node_collection(node, collection)
            return
        ids = list(collection)
        if self.collection is None:
            self.collection = ids
            if not ids or not ids[-1].endswith(f"::{PARKED}"):
                self._hand_over(node, ids)
                return
        elif ids != self.collection:
            node.shutdown()
            self._nodes.pop(node, None)
            msg = (
                f"{node.gateway.id} collected other items than the first worker; plans must not depend on it"
            )
            raise OrchError(msg)
        self._nodes[node] = ids
        # xdist has counted the parked item too
        session: Any = self.config.pluginmanager.get_plugin("session")
        if session is not None:
            session.testscollected = len(ids) - 1

    def _hand_over(self, node: WorkerController, ids: list[str]) -> None:
        """No plan item: the stock scheduler does everything."""
        scheduler = self.config.pluginmanager.get_plugin("dsession")
        self._stock = scheduler.pytest_xdist_make_scheduler(config=self.config, log=self.log)
        for other in self._nodes:
            self._stock.add_node(other)
        self._stock.add_node_collection(node, ids)

    def schedule(self) -> None:
        """Everybody has collected: begin; called again when a replacement has collected."""
        if self._stock:
            self._stock.schedule()
            return
        if not self._started:
            self._started = True
            self._sort_out()
        self._go_on()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has run an index: an act's result is in its folder."""
        if self._stock:
            self._stock.mark_test_complete(node, item_index, duration)
            return
        assert self.collection is not None
        if item_index == len(self.collection) - 1:
            return
        work = self._busy.get(node)
        if isinstance(work, _Job):
            del self._busy[node]
            self._take(work)
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
        else:
            self._go_on()

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone; its act goes on and is given to another, unless it took too many with it."""
        if self._stock:
            crashed: str | None = self._stock.remove_node(node)
            return crashed
        self._nodes.pop(node)
        work = self._busy.pop(node, None)
        if isinstance(work, _Job):
            work.deaths += 1
            if work.deaths >= _MOST_DEATHS:
                self._give_up(work)
            else:
                self._queue.appendleft(work)
            return None
        if work:
            assert self.collection is not None
            if work[1:]:
                self._ordinary.appendleft(work[1:])
            return self.collection[work[0]]
        return None

    # ---- the session -------------------------------------------------------------------------

    def _sort_out(self) -> None:
        """Which index is which item; the plans are read here, from the bytes the workers had."""
        assert self.collection is not None
        lives: dict[str, _LivePlan] = {}
        batches: dict[str, list[int]] = {}
        for index, nodeid in enumerate(self.collection[:-1]):
            file, _, rest = nodeid.partition("::")
            if not is_plan(self.config, Path(file).name):
                batches.setdefault(file, []).append(index)
                continue
            live = lives.get(file)
            if live is None:
                path = self.config.rootpath / file
                plan = self.plans.read(path, plan_texts(self.config).get(str(path)))
                lives[file] = live = _LivePlan(plan, path)
            item_id = rest.rpartition("::")[2]
            live.index[item_id] = index
            live.unreported[item_id] = None
            spec = live.plan.item(item_id)
            live.targets[item_id] = Target(
                item_id=item_id,
                nodeid=nodeid,
                path=live.path,
                location=(file, spec.line - 1, item_id),
                keywords={item_id: 1},
            )
        self._lives = list(lives.values())
        self._ordinary.extend(batches.values())

    @property
    def _session(self) -> Any:
        return self.config.pluginmanager.get_plugin("session")

    def _free(self) -> list[WorkerController]:
        return [
            n for n, c in self._nodes.items() if c is not None and n not in self._busy and not n.shutting_down
        ]

    def _go_on(self) -> None:
        """Give work to free workers until there is none, or no worker is free."""
        if not self._started:
            return
        while True:
            self._watch_session()
            self._begin_more()
            self._turns()
            if not self._end_over():
                break
        self._give_out()
        self._set_timer()

    def _watch_session(self) -> None:
        """DSession's own `-x` does not see the controller's reports."""
        session = self._session
        reason = session.shouldfail or session.shouldstop if session is not None else ""
        if reason and not self._stopped:
            self._stop(str(reason))

    def _stop(self, reason: str) -> None:
        self._stopped = reason
        self._ordinary.clear()
        for live in self._lives:
            if live.run is not None and not live.over:
                live.run.stop(reason, cancel=False)
            elif live.run is None:
                live.over = True

    def _begin_more(self) -> None:
        root_busy = any(v.run is not None and not v.over and v.plan.copy is None for v in self._lives)
        for live in self._lives:
            if live.run is not None or live.over or (live.plan.copy is None and root_busy):
                continue
            root_busy = root_busy or live.plan.copy is None
            self._begin(live)

    def _begin(self, live: _LivePlan) -> None:
        run = PlanRun(live.plan, list(live.index), self.plans.surroundings(), self.plans.terminal.moved)
        live.run = run
        try:
            run.begin()
        except OrchError as error:
            run.close()
            live.over = True
            emit_late(self.config, next(iter(live.targets.values())), str(error))
            return
        self.plans.terminal.began(run)

    def _turns(self) -> None:
        """Ask each plan what to do with the workers that are free beyond the work already queued."""
        for live in self._lives:
            run = live.run
            if run is None or live.over:
                continue
            if run.broken and not self._stopped:
                self._stop(run.broken)
            room = len(self._free()) - len(self._queue) - len(self._ordinary)
            turn = run.turn(max(0, room))
            for request in turn.start:
                self._queue.append(_Job(live, request))
            for result in turn.failed:
                self._decided(live, run.finished(result))

    def _give_out(self) -> None:
        """Acts first, then ordinary tests; a track keeps to its worker where that one is free."""
        free = self._free()
        while free and (self._queue or self._ordinary):
            if self._queue:
                job = self._queue.popleft()
                spec = job.live.plan.item(job.request.item)
                track = (spec.phase, spec.track)
                node = next((n for n in free if self._tracks.get(n) == track), free[0])
                self._tracks[node] = track
                self._put_down(node, job)
                self._send(node, job, [job.index])
            else:
                node = free[0]
                batch = self._ordinary.popleft()
                self._send(node, batch, list(batch))
            free.remove(node)

    def _put_down(self, node: WorkerController, job: _Job) -> None:
        target = self.config.stash[_DISPATCH] / str(node.workerinput["workerid"])
        part = target.with_suffix(".part")
        part.write_text(job.request.folder)
        part.replace(target)

    def _send(self, node: WorkerController, work: _Job | list[int], indices: list[int]) -> None:
        assert self.collection is not None
        self._busy[node] = work
        node.send_runtest_some([*indices, len(self.collection) - 1])

    def _take(self, job: _Job) -> None:
        run, request = job.live.run, job.request
        assert run is not None
        result = read_result(Path(request.folder), request.key)
        if result is None:
            result = self._no_result(request, "the worker came back without a result")
        self._decided(job.live, run.finished(result, request))

    @staticmethod
    def _no_result(request: ActRequest, detail: str, outcome: Outcome = Outcome.ERROR) -> ActResult:
        now = time.time()
        return ActResult(
            act=request.act,
            key=request.key,
            outcome=outcome,
            started=now,
            ended=now,
            seconds=0.0,
            detail=detail,
        )

    def _give_up(self, job: _Job) -> None:
        """The act took several workers with it: it is failed, and ended."""
        self._cancel(job.request)
        run = job.live.run
        assert run is not None
        result = self._no_result(job.request, f"{job.deaths} workers died while they executed it")
        self._decided(job.live, run.finished(result, job.request))

    def _cancel(self, request: ActRequest) -> None:
        with suppress(OSError, ValueError, KeyError, OrchError):
            record = json.loads(Path(request.folder, "handle.json").read_bytes())
            self.plans.host.cancel(Handle(kind=record["kind"], data=record["data"]))

    def _decided(self, live: _LivePlan, final: Sequence[str], *, ended: bool = False) -> None:
        assert live.run is not None
        for item_id in final:
            if item_id in live.unreported:
                del live.unreported[item_id]
                emit(self.config, live.targets[item_id], live.run, ended=ended)

    def _end_over(self) -> bool:
        """End the plans that are over; whether any was."""
        ended = False
        for live in self._lives:
            run = live.run
            if run is None or live.over or not run.over:
                continue
            ended = live.over = True
            self._decided(live, run.run.take_final())
            state = run.end(self._stopped)
            if state == "paused" or (state == "failed" and not self._stopped):
                self._decided(live, list(live.unreported), ended=True)
            for gate, paths in run.late.items():
                text = f"gate inputs changed after {gate} was decided: {', '.join(paths)}"
                emit_late(self.config, live.targets[gate], text)
            self.plans.paused = self.plans.paused or state == "paused"
        return ended

    def _set_timer(self) -> None:
        """Come back when a retry is due, through a worker's answer: the controller has no clock of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [at for v in self._lives if v.run and not v.over and (at := v.run.run.wake_at()) is not None]
        if not due or not self._nodes:
            return
        node = next(iter(self._nodes))

        def ask() -> None:
            with suppress(OSError):  # the worker has died: its end brings the scheduler back
                node.send_steal([])

        self._timer = threading.Timer(max(0.0, min(due) - time.time()), ask)
        self._timer.daemon = True
        self._timer.start()

    def session_over(self) -> None:
        """The session ends: what still runs was interrupted, and is ended and journalled."""
        if self._timer is not None:
            self._timer.cancel()
        open_ = [v for v in self._lives if v.run is not None and not v.over]
        jobs = [w for w in (*self._busy.values(), *self._queue) if isinstance(w, _Job)]
        for live in open_:
            assert live.run is not None
            live.run.stop("interrupted", cancel=True, interrupted=True)
        if jobs:
            self.plans.terminal.stopping("interrupted", [j.request.act for j in jobs])
            with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
                list(pool.map(lambda j: self._cancel(j.request), jobs))
        for job in jobs:
            assert job.live.run is not None
            result = self._no_result(job.request, "interrupted", Outcome.CANCELLED)
            job.live.run.finished(result, job.request)
        for live in open_:
            assert live.run is not None
            live.run.end("interrupted")
            live.over = True
        folder = self.config.stash.get(_DISPATCH, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
