"""One run of one plan: what is written in which order, and what is believed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchharness.core.acts import Outcome
from orchharness.errors import JournalError, OrchError, RunBusyError
from orchharness.hookspecs import hookimpl
from orchharness.journal import Journal, StateFile, read_journal
from orchharness.planfile import read_plan
from orchharness.plugins import PluginHost
from orchharness.run import directory as places
from orchharness.run.act import ActResult
from orchharness.run.drive import PlanRun, Surroundings

CHAIN = "tasks:\n  a: {run: 'true'}\n  b: {needs: [a], run: 'true'}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def run_of(root: Path) -> Iterator[Callable[..., PlanRun]]:
    made: list[PlanRun] = []

    def make(text: str = CHAIN, plugins: tuple[object, ...] = (), **more: Any) -> PlanRun:
        path = root / "p.plan.yaml"
        path.write_text(f"orchharness: 1\n{text}")
        host = PluginHost.load(plugins, entry_points=False)
        plan = read_plan(
            path, root=root, kinds=host.kinds, critic_kinds=host.critic_kinds, variables={}, cwd=root
        )
        home = more.pop("home", None) or places.project_home(root)
        run = PlanRun(
            plan,
            [*plan.tasks, *plan.gates],
            Surroundings(root=root, home=home, host=host, versions={}),
            **more,
        )
        made.append(run)
        return run

    yield make
    for run in made:
        run.close()


def result(act: str, key: str, outcome: Outcome = Outcome.SUCCESS) -> ActResult:
    return ActResult(act=act, key=key, outcome=outcome, started=1.0, ended=2.0, seconds=1.0)


def test_a_record_goes_to_the_journal_then_to_the_view_then_to_watchers(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    class Watcher:
        @hookimpl
        def orchharness_update(self, event: Any, run: Any) -> None:
            order.append(f"hook {type(event).__name__}")

    def told(name: str, original: Any) -> Any:
        def wrapper(*args: Any, **options: Any) -> Any:
            order.append(name)
            return original(*args, **options)

        return wrapper

    run = run_of(plugins=(Watcher(),))
    run.begin()
    monkeypatch.setattr(Journal, "append", told("journal", Journal.append))
    monkeypatch.setattr(StateFile, "update", told("view", StateFile.update))
    order.clear()
    run.turn(1)

    assert order == ["journal", "view", "hook TaskStarted"]


def test_a_start_is_synced_before_its_act_is_prepared(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    run = run_of()
    run.begin()
    monkeypatch.setattr(Journal, "sync", lambda _: order.append("sync"))
    monkeypatch.setattr(run, "_request", lambda start, _: order.append(start.act))
    run.turn(1)

    assert order == ["sync", "a.i1.a1"]


def test_what_could_not_be_journalled_is_not_spawned(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of()
    run.begin()

    def full(*_: Any, **__: Any) -> int:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Journal, "append", full)
    turn = run.turn(1)
    for failed in turn.failed:
        run.finished(failed)

    assert turn.start == ()
    assert [(f.act, f.outcome, f.detail) for f in turn.failed] == [
        ("a.i1.a1", Outcome.CANCELLED, "not started: the disk is full")
    ]
    assert run.broken == "the disk is full"
    assert run.over
    assert run.end() == "interrupted"


def test_acts_can_be_ended_although_nothing_can_be_journalled(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of()
    run.begin()
    run.turn(1)

    def full(*_: Any, **__: Any) -> int:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Journal, "append", full)
    run.stop("Ctrl-C", cancel=True, interrupted=True)

    assert run.turn(1).cancel == ("a.i1.a1",)


def test_a_run_whose_first_record_cannot_be_written_does_not_begin(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Journal, "append", full)

    with pytest.raises(OrchError, match="cannot be started: the disk is full; --orch-dir FOLDER"):
        run_of().begin()


def test_a_result_is_believed_once_and_only_with_the_journalled_key(run_of: Any) -> None:
    run = run_of()
    run.begin()
    (request,) = run.turn(1).start

    assert run.finished(result(request.act, "another key"), request) == []
    assert run.finished(result("b.i1.a1", request.key), request) == []
    assert run.finished(result(request.act, request.key), request) == ["a"]
    assert run.finished(result(request.act, request.key), request) == []
    assert len(run.warnings) == 3


def test_an_act_that_cannot_be_prepared_fails_alone(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("tasks:\n  a: {run: 'true'}\n  b: {run: 'true'}\n")
    run.begin()
    original = run.prepare.task

    def odd(orchestrator: Any, start: Any, key: str) -> Any:
        if start.task == "a":
            raise RecursionError("too deep")
        return original(orchestrator, start, key)

    monkeypatch.setattr(type(run.prepare), "task", lambda _, *args: odd(*args))
    turn = run.turn(2)

    assert [r.act for r in turn.start] == ["b.i1.a1"]
    assert [f.detail for f in turn.failed] == ["cannot be prepared: RecursionError: too deep"]


def test_a_hook_that_raises_is_told_and_ends_nothing(run_of: Any) -> None:
    class Watcher:
        @hookimpl
        def orchharness_update(self, event: Any, run: Any) -> None:
            raise ValueError(type(event).__name__)

    run = run_of(plugins=(Watcher(),))
    run.begin()
    run.turn(1)

    assert any("orchharness_update: ValueError: TaskStarted" in w for w in run.warnings)


def test_a_run_that_was_torn_away_took_as_long_as_until_now(run_of: Any) -> None:
    run = run_of()
    run.begin()
    before = float(run.summary_lines()[0].split(" in ")[1].split()[0])
    run.close()

    after = float(run.summary_lines()[0].split(" in ")[1].split()[0])
    assert 0 <= before <= after < 60


def test_a_second_run_in_the_same_root_is_refused_wherever_it_keeps_its_runs(
    run_of: Any, tmp_path: Path
) -> None:
    run_of().begin()

    with pytest.raises(RunBusyError, match=r"another session runs a plan in .*project \(pid \d+\): wait"):
        run_of(home=tmp_path / "elsewhere").begin()
    assert not (tmp_path / "elsewhere").exists()


def test_an_end_that_cannot_be_synced_is_told(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("tasks: {a: {run: 'true'}}\n")
    run.begin()
    (request,) = run.turn(1).start
    run.finished(result(request.act, request.key), request)

    def full(_: Any) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Journal, "sync", full)
    run.end()

    assert run.broken == "the disk is full"


def test_plain_tasks_use_nothing_of_the_workspace_and_no_gate(run_of: Any) -> None:
    run = run_of("tasks: {a: {run: 'true'}}\n")
    run.begin()
    (request,) = run.turn(1).start
    folder = Path(request.folder)

    assert sorted(p.name for p in folder.iterdir()) == ["request.json"]
    assert run.directory is not None
    present = {p.name for p in run.directory.root.iterdir()}
    assert not present & {"definitions", "store", "files", "scratch", "workspace"}


def test_home_folders_of_two_roots_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    homes = {places.project_home(Path(p)) for p in ("/a/same", "/b/same", "/")}

    assert len(homes) == 3


def test_a_lock_that_cannot_stand_in_the_state_folder_stands_with_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    assert places.workspace_lock(tmp_path, tmp_path / "runs") == tmp_path / "runs/workspace.lock"


def test_replacing_a_value_keeps_the_rest() -> None:
    known = result("a.i1.a1", "k")

    assert replace(known, detail="x").outcome is Outcome.SUCCESS


SIDE_BY_SIDE = "tasks:\n  a: {run: 'true', retry: {attempts: 2}}\n  b: {run: 'true', retry: {attempts: 2}}\n  c: {run: 'true'}\nlimits: {parallel: 2}\n"


def records(run: PlanRun) -> list[tuple[str, str]]:
    return [(r["event"], r.get("act", "")) for r in read_journal(run.directory.journal).records]


def test_what_finds_no_room_breaks_the_run_and_has_no_end_in_the_journal(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(SIDE_BY_SIDE)
    run.begin()
    turn = run.turn(2)
    first, second = turn.start
    full = result(first.act, first.key, Outcome.ERROR)

    said = run.finished(replace(full, detail="no room", disk=True), first)
    assert said == []
    assert run.broken == "the run's folder cannot be written: no room"
    assert not run.over
    assert run.turn(2).start == ()
    assert run.finished(result(second.act, second.key), second) == ["b"]
    assert run.over
    assert run.end() == "interrupted"

    assert records(run) == [("RunStarted", ""), ("TaskStarted", "a.i1.a1"), ("TaskStarted", "b.i1.a1")]
    lines = run.summary_lines()
    assert lines[0].startswith("2 acts in ")
    assert "stopped: the run's folder cannot be written: no room" in lines
    assert "not done: a, c" in lines
    assert not any("was ended" in line for line in lines)
    assert any(line.startswith("to go on, once it can be written again: pytest ") for line in lines)


def test_when_one_act_finds_no_room_for_its_files_none_of_its_turn_is_started(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(SIDE_BY_SIDE)
    run.begin()
    make = run._request

    def full(start: Any, key: str) -> Any:
        if start.act == "b.i1.a1":
            raise OSError(errno.ENOSPC, "no room")
        return make(start, key)

    monkeypatch.setattr(run, "_request", full)
    turn = run.turn(2)

    assert turn.start == ()
    assert sorted(found.act for found in turn.failed) == ["a.i1.a1", "b.i1.a1"]
    assert [run.finished(found) for found in turn.failed] == [[], []]
    assert run.over
    assert run.end() == "interrupted"
    assert records(run) == [("RunStarted", ""), ("TaskStarted", "a.i1.a1"), ("TaskStarted", "b.i1.a1")]
    assert run.summary_lines()[0].startswith("0 acts in ")
    assert "not done: a, b, c" in run.summary_lines()


def test_a_judgement_that_finds_no_room_leaves_its_gate_undecided(run_of: Any) -> None:
    run = run_of("tasks: {a: {run: 'true', gate: {checks: [{run: 'true'}]}}}\n")
    run.begin()
    (task,) = run.turn(1).start
    run.finished(result(task.act, task.key), task)
    (judge,) = run.turn(1).start

    said = run.finished(replace(result(judge.act, judge.key, Outcome.ERROR), disk=True), judge)

    assert said == []
    assert run.over
    assert run.end() == "interrupted"
    assert [event for event, _ in records(run)][-1] == "JudgementStarted"
