"""The scheduler for xdist, with workers that only record what they were sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchharness.pytest_plugin.dispatch import DISPATCH, Dispatch
from orchharness.pytest_plugin.live import Job
from orchharness.pytest_plugin.scheduler import PlanScheduling

PARKED = "::orchharness-parked"
ITEMS = ["a.plan.yaml::t::a", "a.plan.yaml::t::b"]


class Worker:
    """What the scheduler uses of xdist's WorkerController."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.workerinput = {"workerid": name}
        self.sent: list[list[int]] = []
        self.asked = threading.Event()
        self.shutting_down = False
        self.dead = False

    def send_runtest_some(self, indices: list[int]) -> None:
        if self.dead:
            raise OSError("cannot send to a closed channel")
        self.sent.append(list(indices))

    def send_steal(self, indices: list[int]) -> None:
        assert indices == []
        self.asked.set()
        if self.dead:
            raise OSError("cannot send to a closed channel")

    def shutdown(self) -> None:
        self.shutting_down = True

    def __repr__(self) -> str:
        return str(self.gateway.id)


def job(name: str, index: int, track: str = "t") -> Job:
    plan = SimpleNamespace(item=lambda _: SimpleNamespace(phase="", track=track))
    live: Any = SimpleNamespace(plan=plan, index={name: index})
    request: Any = SimpleNamespace(folder=f"/acts/{name}", act=name, key=name, item=name)
    return Job(live, request)


class Plans:
    """Stands for `LivePlans`: gives out what a test put into `ready`."""

    def __init__(self) -> None:
        self.ready: list[Any] = []
        self.ordinary: list[list[int]] = []
        self.taken: list[Any] = []
        self.failed: list[tuple[Any, str]] = []
        self.finished: list[tuple[Any, Any]] = []
        self.generous = False  # gives out more than there is room for, as a resume does
        self.host: Any = None
        self.rooms: list[int] = []
        self.over, self.stopped, self.broken, self.undecided = False, "", "", 0
        self.due: float | None = None
        self.asked_to_stop = ""

    def sort_out(self, collection: list[str], files: dict[str, list[str]]) -> list[list[int]]:
        return self.ordinary

    def watch(self) -> None:
        self.stopped = self.asked_to_stop

    def advance(self, room: int) -> list[Any]:
        self.rooms.append(room)
        room = 99 if self.generous else room
        given, self.ready = self.ready[: max(0, room)], self.ready[max(0, room) :]
        return given

    def take(self, job: Any) -> None:
        self.taken.append(job)

    def fail(self, job: Any, detail: str, *, deadly: bool = False) -> None:
        del deadly
        self.failed.append((job, detail))

    def finish(self, job: Any, result: Any) -> None:
        self.finished.append((job, result))

    def wake_at(self) -> float | None:
        return self.due

    def interrupt(self, reason: str, given: list[Any], queued: list[Any]) -> None:
        self.interrupted = (reason, given, queued)


class Config:
    """What the scheduler uses of pytest's Config."""

    def __init__(self, folder: Path, workers: int, **values: Any) -> None:
        self.values = {
            "tx": ["popen"] * workers,
            "dist": "load",
            "continue_on_collection_errors": False,
        } | values
        self.session = SimpleNamespace(testsfailed=0, testscollected=0, shouldfail=False, shouldstop=False)
        self.pluginmanager = SimpleNamespace(get_plugin={"session": self.session}.get)
        self.stash = pytest.Stash()
        self.stash[DISPATCH] = Dispatch()
        folder.mkdir(exist_ok=True)

    def getvalue(self, name: str) -> Any:
        return self.values[name]

    def get_verbosity(self) -> int:
        return 0


@pytest.fixture
def plans() -> Plans:
    return Plans()


class Session:
    def __init__(
        self, folder: Path, plans: Plans, workers: int = 2, items: list[str] | None = None, **values: Any
    ) -> None:
        self.config = Config(folder, workers, **values)
        self.sched = PlanScheduling(self.config, None, plans)  # type: ignore[arg-type]
        self.workers = [Worker(f"gw{n}") for n in range(workers)]
        self.items = items or ITEMS

    def collect(self, *workers: Worker) -> None:
        for worker in workers or self.workers:
            self.sched.add_node(worker)  # type: ignore[arg-type]
        for worker in workers or self.workers:
            self.sched.add_node_collection(worker, [*self.items, PARKED])  # type: ignore[arg-type]
        if self.sched.collection_is_completed:
            self.sched.schedule()

    def done(self, worker: Worker, index: int) -> None:
        self.sched.mark_test_complete(worker, index)  # type: ignore[arg-type]

    def dies(self, worker: Worker, *, begun: bool = True) -> str | None:
        order = self.sched._dispatch.folder / worker.workerinput["workerid"]
        if begun and order.exists():
            order.replace(order.with_suffix(".taken"))
        return self.sched.remove_node(worker)  # type: ignore[arg-type]


@pytest.fixture
def make(tmp_path: Path, plans: Plans) -> Iterator[Any]:
    made: list[Session] = []

    def session(*args: Any, **kwargs: Any) -> Session:
        made.append(Session(tmp_path, plans, *args, **kwargs))
        return made[-1]

    yield session
    for one in made:
        one.sched._alarm.stop()
        one.config.stash[DISPATCH].close()


def test_every_order_ends_with_the_parked_item(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0), job("b", 1)]
    s = make()
    s.collect()

    assert [w.sent for w in s.workers] == [[[0, 2]], [[1, 2]]]
    assert (s.sched._dispatch.folder / "gw0").read_bytes() == b"/acts/a"


def test_nothing_is_given_out_before_all_have_collected(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make()
    s.collect(s.workers[0])

    assert not s.sched.collection_is_completed
    assert s.workers[0].sent == []
    assert not s.sched.tests_finished


def test_several_workers_of_one_specification_are_all_waited_for(make: Any, plans: Plans) -> None:
    s = make(2, tx=["2*popen"])
    s.collect(s.workers[0])

    assert not s.sched.collection_is_completed
    s.collect(s.workers[1])
    assert s.sched.collection_is_completed


def test_the_parked_item_is_counted_by_nobody(make: Any) -> None:
    s = make(1)
    s.sched.add_node(s.workers[0])
    told = [*ITEMS, PARKED]
    s.sched.add_node_collection(s.workers[0], told)

    assert told == ITEMS
    assert s.config.session.testscollected == 2


def test_an_idle_worker_that_runs_the_parked_item_changes_nothing(make: Any, plans: Plans) -> None:
    s = make(1)
    s.collect()
    asked = len(plans.rooms)
    s.done(s.workers[0], 2)

    assert len(plans.rooms) == asked


def test_a_result_is_taken_before_anything_is_given_out(make: Any, plans: Plans) -> None:
    plans.ready = [a := job("a", 0)]
    s = make(1)
    s.collect()
    plans.ready = [job("b", 1)]
    s.done(s.workers[0], 0)

    assert plans.taken == [a]
    assert s.workers[0].sent == [[0, 2], [1, 2]]


def test_the_same_item_is_sent_again_for_every_act(make: Any, plans: Plans) -> None:
    s = make(1)
    s.collect()
    for n in range(3):
        plans.ready = [job(f"a{n}", 0)]
        s.sched.remove_pending_tests_from_node(s.workers[0], [])
        s.done(s.workers[0], 0)

    assert s.workers[0].sent == [[0, 2]] * 3


def test_a_track_keeps_to_its_worker_where_that_one_is_free(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0, "left"), job("b", 1, "right")]
    s = make()
    s.collect()
    s.done(s.workers[0], 0)
    plans.ready = [job("b2", 1, "right"), job("a2", 0, "left")]
    s.done(s.workers[1], 1)

    assert [w.sent[1:] for w in s.workers] == [[[0, 2]], [[1, 2]]]


def test_no_more_acts_are_asked_for_than_workers_are_free(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make()
    s.collect()

    assert plans.rooms == [2]
    s.sched.remove_pending_tests_from_node(s.workers[0], [])
    assert plans.rooms == [2, 1]


def test_it_is_finished_when_all_plans_are_over_and_not_while_an_act_runs(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make(1)
    s.collect()
    plans.over = True

    assert not s.sched.tests_finished
    assert s.sched.has_pending
    s.done(s.workers[0], 0)
    assert s.sched.tests_finished
    assert not s.sched.has_pending


def test_a_plan_that_is_over_without_an_act_is_finished_at_once(make: Any, plans: Plans) -> None:
    plans.over = True
    s = make(1)
    s.collect()

    assert s.sched.tests_finished


# ---- ordinary tests ------------------------------------------------------------------------------


def test_ordinary_tests_go_out_file_by_file_and_before_the_plans(make: Any, plans: Plans) -> None:
    plans.ordinary, plans.ready = [[0, 1], [2]], [job("a", 3)]
    s = make(2, ["x.py::a", "x.py::b", "y.py::c", "a.plan.yaml::t::a"])
    s.collect()

    assert [w.sent for w in s.workers] == [[[0, 1, 4]], [[2, 4]]]
    s.done(s.workers[1], 2)
    s.done(s.workers[0], 0)
    assert plans.rooms == []
    s.done(s.workers[0], 1)
    assert plans.rooms == [2]


def test_when_the_session_stops_no_more_ordinary_tests_go_out(make: Any, plans: Plans) -> None:
    plans.ordinary = [[0], [1]]
    s = make(1)
    s.collect()
    plans.asked_to_stop = "enough"
    plans.over = True
    s.done(s.workers[0], 0)

    assert s.workers[0].sent == [[0, 2]]
    assert s.sched.tests_finished


def test_a_worker_that_dies_over_an_ordinary_test_gives_back_the_rest_of_its_file(
    make: Any, plans: Plans
) -> None:
    plans.ordinary = [[0, 1, 2]]
    s = make(2, ["x.py::a", "x.py::b", "x.py::c", "a.plan.yaml::t::a"])
    s.collect()
    s.done(s.workers[0], 0)

    assert s.dies(s.workers[0]) == "x.py::b"
    assert s.workers[1].sent == [[2, 4]]


# ---- workers that die ----------------------------------------------------------------------------


def test_the_act_of_a_dead_worker_goes_to_one_that_is_free(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make()
    s.collect()

    assert s.dies(s.workers[0]) is None
    assert s.workers[1].sent == [[0, 2]]
    assert plans.failed == []


def test_the_act_of_a_dead_worker_waits_for_a_replacement(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make(1)
    s.collect()
    s.dies(s.workers[0])
    plans.over = True

    assert not s.sched.tests_finished
    clone = Worker("gw9")
    s.collect(clone)
    assert clone.sent == [[0, 2]]


def test_an_act_that_takes_two_workers_with_it_is_failed(make: Any, plans: Plans) -> None:
    plans.ready = [a := job("a", 0)]
    s = make(3)
    s.collect()
    s.dies(s.workers[0])
    s.dies(s.workers[1])

    assert plans.failed == [(a, "2 workers died while they executed it")]
    assert s.workers[2].sent == []


def test_a_worker_that_died_before_it_began_is_no_victim_of_its_act(make: Any, plans: Plans) -> None:
    plans.ready = [job("a", 0)]
    s = make(3)
    s.collect()
    s.dies(s.workers[0])
    s.dies(s.workers[1], begun=False)

    assert plans.failed == []
    assert s.workers[2].sent == [[0, 2]]


def test_a_worker_that_cannot_be_told_is_not_counted_as_a_death(make: Any, plans: Plans) -> None:
    plans.ready = [a := job("a", 0)]
    s = make()
    s.workers[0].dead = True
    s.collect()
    s.dies(s.workers[0])

    assert s.workers[1].sent == [[0, 2]]
    assert a.deaths == 0


def test_when_no_worker_can_be_told_the_act_is_kept(make: Any, plans: Plans) -> None:
    plans.ready, plans.over = [job("a", 0)], True
    s = make(1)
    s.workers[0].dead = True
    s.collect()

    assert not s.sched.tests_finished
    s.dies(s.workers[0])
    clone = Worker("gw9")
    s.collect(clone)
    assert clone.sent == [[0, 2]]


def test_a_worker_that_shuts_down_gets_nothing(make: Any, plans: Plans) -> None:
    s = make()
    s.collect()
    s.workers[0].shutting_down = True
    plans.ready = [job("a", 0)]
    s.sched.remove_pending_tests_from_node(s.workers[1], [])

    assert s.workers[0].sent == []
    assert s.workers[1].sent == [[0, 2]]


def test_xdist_is_told_of_a_worker_that_was_never_there(make: Any) -> None:
    s = make()

    with pytest.raises(KeyError):
        s.dies(Worker("gw7"))


def test_a_worker_that_dies_while_it_collects_is_not_waited_for(make: Any, plans: Plans) -> None:
    s = make()
    for worker in s.workers:
        s.sched.add_node(worker)
    s.dies(s.workers[0])
    s.sched.add_node_collection(s.workers[1], [*ITEMS, PARKED])

    assert not s.sched.collection_is_completed
    s.collect(Worker("gw2"))
    assert s.sched.collection_is_completed


# ---- collections ---------------------------------------------------------------------------------


def test_a_first_worker_that_collected_other_items_is_an_error_that_shows_them(make: Any) -> None:
    s = make()
    s.collect(s.workers[0])
    s.items = [ITEMS[0], "a.plan.yaml::t::z"]

    with pytest.raises(pytest.UsageError) as caught:
        s.collect(s.workers[1])
    assert str(caught.value) == (
        "worker gw1 collected 'a.plan.yaml::t::z' where the first worker collected 'a.plan.yaml::t::b' (item 2);"
        " collection must not depend on time, chance or the worker. No plan was started"
    )


def test_a_worker_that_collected_no_plan_at_all_is_an_error(make: Any) -> None:
    s = make()
    s.collect(s.workers[0])
    s.sched.add_node(s.workers[1])

    with pytest.raises(pytest.UsageError, match="collected nothing where the first worker collected"):
        s.sched.add_node_collection(s.workers[1], [])


def test_a_replacement_with_other_items_is_sent_home_and_the_last_one_ends_the_session(
    make: Any, plans: Plans
) -> None:
    plans.ready = [job("a", 0)]
    s = make(1)
    s.collect()
    s.dies(s.workers[0])
    s.items = ["x.py::new", *ITEMS]
    clone = Worker("gw9")
    s.collect(clone)

    assert clone.shutting_down
    assert clone.sent == []
    assert s.sched.tests_finished


@pytest.mark.parametrize("how", ["each", "loadgroup"])
def test_distributions_that_change_what_an_item_is_are_refused(make: Any, how: str) -> None:
    s = make(1, dist=how)

    with pytest.raises(pytest.UsageError, match=f"--dist {how}: write --dist load"):
        s.collect()


def test_errors_of_collection_interrupt_the_session(make: Any) -> None:
    s = make(1)
    s.config.session.testsfailed = 2

    with pytest.raises(pytest.Session.Interrupted, match="2 errors during collection"):
        s.collect()


# ---- time ----------------------------------------------------------------------------------------


def test_a_worker_is_asked_for_nothing_when_a_retry_is_due_and_its_answer_brings_it(
    make: Any, plans: Plans
) -> None:
    plans.due = time.time() + 0.05
    s = make(1)
    s.collect()

    assert s.workers[0].asked.wait(5)
    plans.due, plans.ready = None, [job("a", 0)]
    s.sched.remove_pending_tests_from_node(s.workers[0], [])
    assert s.workers[0].sent == [[0, 2]]


def test_a_dead_worker_is_not_what_the_clock_hangs_on(make: Any, plans: Plans) -> None:
    plans.ready, plans.due = [job("a", 0)], time.time() + 0.05
    s = make()
    s.workers[0].dead = True
    s.collect()

    assert s.workers[1].asked.wait(5)
    assert not s.workers[0].asked.is_set()


def test_a_clock_that_rings_after_the_worker_died_harms_nobody(make: Any, plans: Plans) -> None:
    plans.due = time.time() + 0.05
    s = make(1)
    s.collect()
    s.workers[0].dead = True

    assert s.workers[0].asked.wait(5)
    s.dies(s.workers[0])
    clone = Worker("gw9")
    plans.due = time.time()
    s.collect(clone)
    assert clone.asked.wait(5)


class Watcher:
    """Stands for the `Runner` of acts that no worker has time for."""

    def __init__(self, host: Any) -> None:
        self.started: list[str] = []
        self.results: list[Any] = []
        self.closed = False
        WATCHERS.append(self)

    def start(self, request: Any) -> None:
        self.started.append(request.act)

    def wait(self, timeout: float) -> list[Any]:
        assert timeout == 0
        found, self.results = self.results, []
        return found

    def close(self) -> None:
        self.closed = True


WATCHERS: list[Watcher] = []


@pytest.fixture
def three(make: Any, plans: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Job]]:
    """A session with one worker that resumes three acts: all but the last one have a handle."""
    monkeypatch.setattr("orchharness.pytest_plugin.surplus.Runner", Watcher)
    WATCHERS.clear()
    plans.generous, plans.ready = True, [job(name, n % 2) for n, name in enumerate("abc")]
    for one in plans.ready:
        one.request.folder = str(tmp_path / one.request.act)
        Path(one.request.folder).mkdir()
        handle = {"kind": "k", "key": one.request.key, "data": {}}
        if one.request.act != "c":
            Path(one.request.folder, "handle.json").write_text(json.dumps(handle))
    jobs = [*plans.ready]
    return make(1), jobs


def test_what_runs_and_finds_no_free_worker_is_watched_here(
    three: tuple[Any, list[Job]], plans: Plans
) -> None:
    s, (_, b, _) = three
    s.collect()

    (watcher,) = WATCHERS
    assert s.workers[0].sent == [[0, 2]]
    assert watcher.started == ["b"]
    assert s.workers[0].asked.wait(5)
    watcher.results.append(result := SimpleNamespace(key="b"))
    s.sched.remove_pending_tests_from_node(s.workers[0], [])
    assert plans.finished == [(b, result)]


def test_what_does_not_run_yet_waits_for_a_worker(three: tuple[Any, list[Job]], plans: Plans) -> None:
    s, _ = three
    s.collect()
    s.done(s.workers[0], 0)

    assert s.workers[0].sent == [[0, 2], [0, 2]]  # a, then c; they share their place
    assert WATCHERS[0].started == ["b"]


def test_what_killed_a_worker_is_not_watched_here(three: tuple[Any, list[Job]], plans: Plans) -> None:
    s, _ = three
    s.collect()
    s.dies(s.workers[0])

    assert WATCHERS[0].started == ["b"]


def test_an_interrupt_ends_what_is_watched_here_too(three: tuple[Any, list[Job]], plans: Plans) -> None:
    s, (a, b, c) = three
    s.collect()
    s.sched.interrupt("Ctrl-C")

    assert plans.interrupted == ("Ctrl-C", [a], [c, b])
    assert WATCHERS[0].closed


# ---- the end -------------------------------------------------------------------------------------


def test_an_act_that_nobody_can_go_on_with_is_failed_at_the_end(make: Any, plans: Plans) -> None:
    plans.ready = [a := job("a", 0)]
    s = make(1)
    s.collect()
    s.dies(s.workers[0])
    plans.undecided = 1

    with pytest.raises(
        pytest.Session.Interrupted, match=r"not every item .* \(1 left\): the workers were lost"
    ):
        s.sched.end(_with_exceptions(s.config.session))
    assert [job for job, _ in plans.failed] == [a]


def test_an_end_with_everything_decided_raises_nothing(make: Any, plans: Plans) -> None:
    plans.over = True
    s = make(1)
    s.collect()

    s.sched.end(_with_exceptions(s.config.session))


def test_an_interrupt_names_the_acts_that_were_given_and_those_that_wait(make: Any, plans: Plans) -> None:
    plans.ready = [a := job("a", 0), b := job("b", 1)]
    s = make(2)
    s.collect()
    s.workers[1].shutting_down = True
    s.dies(s.workers[0])
    s.sched.interrupt("Ctrl-C")

    assert plans.interrupted == ("Ctrl-C", [b], [a])


def _with_exceptions(session: Any) -> Any:
    session.Failed, session.Interrupted = pytest.Session.Failed, pytest.Session.Interrupted
    return session
