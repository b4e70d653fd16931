"""The runner with plugins that do not keep to the rules: whatever they do, each act has one result, and soon."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchharness.agents.local import NeverBegan
from orchharness.core.acts import (
    Finished,
    Handle,
    Kind,
    Lost,
    Outcome,
    Queued,
    Running,
    SpawnRequest,
    Unknown,
)
from orchharness.errors import OrchError
from orchharness.hookspecs import hookimpl
from orchharness.plugins import PluginHost
from orchharness.pytest_plugin import ending
from orchharness.pytest_plugin.ending import after_worker
from orchharness.run import flight
from orchharness.run import runner as runner_module
from orchharness.run.act import ActRequest, ActResult, is_disk, read_result, write_result
from orchharness.run.runner import Runner

KEY = "0123456789abcdef0123456789abcdef"


class Engine:
    """A plugin whose answers are given one by one; the last one is repeated. An exception is raised."""

    def __init__(self) -> None:
        self.spawned: list[SpawnRequest] = []
        self.handles: list[Any] = [Handle(kind="engine", data={"job": 7})]
        self.answers: list[Any] = [Finished(ok=True)]
        self.cancels: list[Any] = [True]
        self.polls = 0
        self.cancelled = 0

    @hookimpl
    def orchharness_agent_kinds(self) -> list[Kind]:
        return [Kind(name="engine")]

    @hookimpl
    def orchharness_spawn(self, request: SpawnRequest) -> Any:
        self.spawned.append(request)
        return self._next(self.handles)

    @hookimpl
    def orchharness_poll(self, handle: Handle) -> Any:
        self.polls += 1
        return self._next(self.answers)

    @hookimpl
    def orchharness_cancel(self, handle: Handle) -> Any:
        self.cancelled += 1
        return self._next(self.cancels)

    @staticmethod
    def _next(values: list[Any]) -> Any:
        value = values.pop(0) if len(values) > 1 else values[0]
        if isinstance(value, BaseException):
            raise value
        return value() if callable(value) and not isinstance(value, type) else value


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def runner(engine: Engine) -> Iterator[Runner]:
    made = Runner(PluginHost.load([engine], entry_points=False))
    yield made
    made.close()


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[..., ActRequest]:
    def make(act: str = "T.i1.a1", **more: Any) -> ActRequest:
        folder, key = tmp_path / act, more.pop("key", KEY)
        folder.mkdir()
        spawn = SpawnRequest(
            key=key,
            act=act,
            kind=more.pop("kind", "engine"),
            folder=str(folder),
            cwd=str(tmp_path),
            argv=more.pop("argv", ()),
            env=more.pop("env", {}),
        )
        return ActRequest(act=act, key=key, role="task", item="T", folder=str(folder), spawn=spawn, **more)

    return make


def finish(runner: Runner, seconds: float = 10) -> ActResult:
    """The one result."""
    deadline = time.monotonic() + seconds
    while True:
        results = runner.wait(0.05)
        if results:
            (result,) = results
            assert not runner.running
            return result
        assert time.monotonic() < deadline, "no result"


def test_a_handle_that_its_plugin_does_not_store_is_stored(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    request = request_of()
    runner.start(request)

    assert finish(runner).outcome is Outcome.SUCCESS
    stored = json.loads(Path(request.folder, "handle.json").read_text())
    assert (stored["kind"], stored["data"], stored["key"]) == ("engine", {"job": 7}, KEY)


def test_an_act_that_has_a_handle_is_not_spawned_again(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    request = request_of()
    engine.answers = [Running(), Running(), Finished(ok=True)]
    runner.start(request)
    other = Runner(PluginHost.load([engine], entry_points=False))
    other.start(request)

    assert finish(other).outcome is Outcome.SUCCESS
    assert len(engine.spawned) == 1
    other.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "engine", "key": "another", "data": {}}'])
def test_a_handle_that_was_cut_off_or_is_another_acts_is_none(
    runner: Runner, request_of: Any, engine: Engine, text: str
) -> None:
    request = request_of()
    Path(request.folder, "handle.json").write_text(text)
    runner.start(request)

    assert finish(runner).outcome is Outcome.SUCCESS
    assert len(engine.spawned) == 1


def test_an_act_that_ended_in_time_is_not_timed_out_because_another_result_is_read_first(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    ended = request_of(kind="command", argv=("true",), timeout=60.0)
    runner.start(ended)  # and nobody looks
    pid = json.loads(Path(ended.folder, "handle.json").read_text())["data"]["pid"]
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.utime(Path(ended.folder, "pid"), (time.time() - 61, time.time() - 61))
    known = request_of("U.i1.a1", key=KEY[::-1])
    result = ActResult(
        act=known.act, key=known.key, outcome=Outcome.EXIT, started=1.0, ended=2.0, seconds=1.0
    )
    write_result(Path(known.folder), result)

    other = Runner(PluginHost.load([engine], entry_points=False))
    other.start(known)
    other.start(ended)
    found = {result.act: result.outcome for result in other.wait(10)}
    other.close()

    assert found == {"U.i1.a1": Outcome.EXIT, "T.i1.a1": Outcome.SUCCESS}


def test_a_handle_that_a_crash_cut_off_does_not_stand_for_an_act(
    runner: Runner, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "given by the caller")
    request = request_of(
        kind="command",
        argv=("sh", "-c", 'echo "$T"'),
        env={"T": "${TOKEN}"},
        secret={"T": "${TOKEN}"},
        timeout=60.0,
    )
    path = Path(request.folder, "handle.json")
    path.write_text("")
    os.utime(path, (time.time() - 61, time.time() - 61))
    runner.start(request)

    assert finish(runner).outcome is Outcome.SUCCESS
    assert Path(request.folder, "stdout.log").read_text() == "given by the caller\n"


def test_limits_run_from_the_spawn_also_for_who_finds_the_act_again(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    request = request_of(timeout=60.0)
    engine.answers = [Running()]
    path = Path(request.folder, "handle.json")
    path.write_text(json.dumps({"kind": "engine", "key": KEY, "data": {}}))
    os.utime(path, (time.time() - 61, time.time() - 61))
    runner.start(request)

    result = finish(runner)

    assert result.outcome is Outcome.TIMEOUT
    assert result.seconds >= 61
    assert result.started < time.time() - 60


def test_a_result_with_the_key_is_read_and_nothing_is_spawned(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    request = request_of()
    known = ActResult(act=request.act, key=KEY, outcome=Outcome.EXIT, started=1.0, ended=2.0, seconds=1.0)
    write_result(Path(request.folder), known)
    runner.start(request)

    assert finish(runner) == known
    assert not engine.spawned


@pytest.mark.parametrize(
    "text", ["", "[]", '{"key": "other"}', f'{{"key": "{KEY}"}}', f'{{"key": "{KEY}", "outcome": "great"}}']
)
def test_a_planted_result_is_not_believed(request_of: Any, text: str) -> None:
    folder = Path(request_of().folder)
    (folder / "result.json").write_text(text)

    assert read_result(folder, KEY) is None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (SystemExit(3), "SystemExit: 3"),
        (pytest.fail.Exception("no"), "Failed: no"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_whatever_spawn_raises_fails_its_act(
    runner: Runner, request_of: Any, engine: Engine, error: BaseException, says: str
) -> None:
    engine.handles = [error]
    runner.start(request_of())

    result = finish(runner)

    assert result.outcome is Outcome.ERROR
    assert says in result.detail


def test_an_interrupt_goes_through(runner: Runner, request_of: Any, engine: Engine) -> None:
    engine.handles = [KeyboardInterrupt()]

    with pytest.raises(KeyboardInterrupt):
        runner.start(request_of())


@pytest.mark.parametrize("handle", [None, "job 7", {"job": 7}, Handle(kind="other", data={})])
def test_a_spawn_that_returns_no_handle_fails_its_act(
    runner: Runner, request_of: Any, engine: Engine, handle: Any
) -> None:
    engine.handles = [handle]
    runner.start(request_of())

    assert finish(runner).outcome is Outcome.ERROR


def test_a_handle_that_json_cannot_hold_fails_its_act_and_is_cancelled(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    engine.handles = [Handle(kind="engine", data={"socket": object()})]
    runner.start(request_of())

    result = finish(runner)

    assert result.outcome is Outcome.ERROR
    assert "holds what JSON cannot" in result.detail
    assert engine.cancelled == 1


def test_a_pid_in_a_plugins_own_handle_is_not_taken_for_one_of_ours(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    engine.handles = [Handle(kind="engine", data={"pid": "none of yours"})]
    runner.start(request_of())

    assert finish(runner).outcome is Outcome.SUCCESS


def test_a_poll_that_raises_is_asked_again(runner: Runner, request_of: Any, engine: Engine) -> None:
    engine.answers = [
        OSError("no route"),
        pytest.skip.Exception("x"),
        Unknown("later"),
        Queued(),
        Finished(ok=True),
    ]
    runner.start(request_of())

    assert finish(runner).outcome is Outcome.SUCCESS
    assert engine.polls == 5


def test_a_poll_that_answers_with_something_else_ends_its_act(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    engine.answers = ["done"]
    runner.start(request_of())

    result = finish(runner)

    assert result.outcome is Outcome.ERROR
    assert "orchharness_poll returned 'done', which is not what the hook promises" in result.detail
    assert engine.cancelled == 1


@pytest.mark.parametrize(
    "answer",
    [
        Finished(ok="yes"),  # type: ignore[arg-type]
        Finished(ok=True, exit="0"),  # type: ignore[arg-type]
        Finished(ok=True, detail=b"x"),  # type: ignore[arg-type]
        Finished(ok=True, summary=7),  # type: ignore[arg-type]
        Finished(ok=True, usage=[1]),  # type: ignore[arg-type]
    ],
)
def test_an_answer_of_wrong_types_fails_its_act(
    runner: Runner, request_of: Any, engine: Engine, answer: Finished
) -> None:
    engine.answers = [answer]
    runner.start(request_of())

    result = finish(runner)

    assert result.outcome is Outcome.ERROR
    assert result.detail.startswith("its plugin's answer: its '")


def test_of_the_usage_only_what_can_be_counted_is_recorded(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    usage = {"input_tokens": 3, "usd": float("nan"), "output_tokens": -1, "mood": object()}
    engine.answers = [Finished(ok=True, usage=usage)]
    runner.start(request_of())

    assert finish(runner).usage == {"input_tokens": 3}


def test_a_lost_act_says_so(runner: Runner, request_of: Any, engine: Engine) -> None:
    engine.answers = [Lost("the node is gone")]
    runner.start(request_of())

    result = finish(runner)

    assert (result.outcome, result.detail) == (Outcome.LOST, "the node is gone")


def test_handles_that_cannot_wake_are_polled_with_growing_pauses(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    engine.answers = [Running()]
    runner.start(request_of(timeout=1.0))

    finish(runner)

    assert 3 <= engine.polls <= 12


def test_a_process_whose_end_is_not_the_acts_end_does_not_wake_for_ever(
    runner: Runner, request_of: Any, engine: Engine, tmp_path: Path
) -> None:
    from orchharness.agents.local import LocalProcess

    request = request_of(timeout=1.0)

    def spawn() -> Handle:
        handle = LocalProcess.spawn(request.spawn, ("/bin/true",), kind="engine")
        return Handle(kind="engine", data=handle.data)

    engine.handles, engine.answers = [spawn], [Running()]
    runner.start(request)

    assert finish(runner).outcome is Outcome.TIMEOUT
    assert engine.polls <= 15


@pytest.mark.parametrize("answer", [False, None, "gone", SystemExit(1), OSError("no")])
def test_a_cancel_that_does_not_work_ends_the_act_and_is_told(
    runner: Runner, request_of: Any, engine: Engine, answer: Any
) -> None:
    engine.answers, engine.cancels = [Running()], [answer]
    runner.start(request_of())
    runner.cancel(KEY)

    result = finish(runner)

    assert result.outcome is Outcome.CANCELLED
    assert result.detail.startswith("cancelled; ")


def test_a_cancel_that_does_not_return_is_not_waited_for_for_ever(
    runner: Runner, request_of: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_CANCEL_LIMIT", 0.3)
    release = threading.Event()
    engine.answers, engine.cancels = [Running()], [lambda: release.wait(20)]
    runner.start(request_of())
    runner.cancel(KEY)

    result = finish(runner)
    release.set()

    assert result.outcome is Outcome.CANCELLED
    assert "did not return from orchharness_cancel" in result.detail


def test_acts_that_are_being_ended_do_not_stop_the_others(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    release = threading.Event()
    engine.answers, engine.cancels = [Running()], [lambda: release.wait(20)]
    runner.start(request_of("A.i1.a1", key="A" * 32))
    runner.cancel("A" * 32)
    engine.answers = [Finished(ok=True)]
    runner.start(request_of("B.i1.a1"))
    deadline = time.monotonic() + 10
    results: list[ActResult] = []
    while not results:
        results = runner.wait(0.1)
        assert time.monotonic() < deadline

    assert [r.act for r in results] == ["B.i1.a1"]
    release.set()
    finish(runner)


def test_a_wait_without_a_limit_ends_when_it_is_woken(runner: Runner) -> None:
    timer = threading.Timer(0.1, runner.wake)
    timer.start()

    assert runner.wait(None) == []
    timer.join()


def test_a_thousand_wakes_are_one_and_none_after_the_end(engine: Engine) -> None:
    runner = Runner(PluginHost.load([engine], entry_points=False))
    for _ in range(100_000):
        runner.wake()
    assert runner.wait(None) == []
    runner.close()

    runner.wake()  # by now the number may belong to another file


def test_an_odd_failure_while_evidence_is_looked_at_fails_the_act_alone(
    runner: Runner, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: Any) -> None:
        raise UnicodeError("a name nobody can read")

    monkeypatch.setattr("orchharness.run.flight.after_task", odd)
    runner.start(request_of())

    result = finish(runner)

    assert result.outcome is Outcome.ERROR
    assert "its work cannot be looked at: UnicodeError: a name nobody can read" in result.detail


@pytest.mark.parametrize(("argv", "timeout", "outcome"), [("0", 25.0, "success"), ("60", 0.5, "timeout")])
def test_a_time_limit_ends_what_takes_longer_and_nothing_else(
    runner: Runner, request_of: Any, argv: str, timeout: float, outcome: str
) -> None:
    runner.start(request_of(kind="command", argv=("sleep", argv), timeout=timeout))

    result = finish(runner, 20)

    assert result.outcome == outcome
    assert result.seconds < 10


# ---- a disk that takes nothing more ------------------------------------------------------------------------

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_what_cannot_be_spawned_for_want_of_room_is_the_disks_fault_and_is_spawned_when_there_is_room(
    runner: Runner, request_of: Any, engine: Engine, number: int
) -> None:
    request = request_of()
    engine.handles = [OSError(number, "no room"), Handle(kind="engine", data={"job": 7})]
    runner.start(request)
    assert finish(runner).disk

    runner.start(request)

    found = finish(runner)
    assert (found.outcome, found.disk) == (Outcome.SUCCESS, False)
    assert len(engine.spawned) == 2


def test_another_error_of_a_spawn_is_the_acts(runner: Runner, request_of: Any, engine: Engine) -> None:
    engine.handles = [PermissionError(errno.EACCES, "not you")]
    runner.start(request_of())

    assert not finish(runner).disk


def test_a_disk_that_is_behind_another_error_is_seen() -> None:
    def refused() -> None:
        try:
            raise FULL
        except OSError as error:
            msg = f"it cannot be started: {error}"
            raise OrchError(msg) from None

    with pytest.raises(OrchError) as raised:
        refused()

    assert is_disk(raised.value)
    assert not is_disk(OrchError("it cannot be started"))


def test_evidence_that_finds_no_room_is_looked_at_again_by_who_comes_later(
    runner: Runner, request_of: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise FULL

    request = request_of()
    with monkeypatch.context() as disk:
        disk.setattr(flight, "after_task", full)
        runner.start(request)
        assert finish(runner).disk

    runner.start(request)

    found = finish(runner)
    assert (found.outcome, found.disk) == (Outcome.SUCCESS, False)
    assert len(engine.spawned) == 1


def test_who_finds_no_result_of_a_worker_looks_at_the_act(
    runner: Runner, request_of: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise FULL

    host = PluginHost.load([engine], entry_points=False)
    over, never = request_of("over"), request_of("never")
    monkeypatch.setattr(runner_module, "write_result", full)
    monkeypatch.setattr(ending, "write_result", full)
    runner.start(over)
    assert finish(runner).outcome is Outcome.SUCCESS
    assert read_result(Path(over.folder), KEY) is None

    assert after_worker(host, over, "no result").outcome is Outcome.SUCCESS
    assert after_worker(host, never, "no result").disk
    monkeypatch.undo()
    found = after_worker(host, never, "no result")
    assert (found.detail, found.disk) == ("no result", False)


def test_what_never_began_for_want_of_room_is_not_lost(
    runner: Runner, request_of: Any, engine: Engine
) -> None:
    engine.answers = [NeverBegan("no room")]
    runner.start(request_of())

    found = finish(runner)

    assert (found.detail, found.disk, found.seconds) == ("no room", True, 0.0)


def test_a_worker_that_found_no_room_is_believed_when_there_is_room_again(
    request_of: Any, engine: Engine
) -> None:
    request = request_of()
    Path(request.folder, "result.json.part").touch()

    assert after_worker(PluginHost.load([engine], entry_points=False), request, "no result").disk
