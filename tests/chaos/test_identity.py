"""Whose run, whose process, whose file: nothing of one is ever taken for another's."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_facts import facts, journal_of
from chaos_plans import plan_of
from chaos_project import LONG, Project, stat_of, until

RUNS = """
tasks:
  a: {run: [sh, "{{ plan_dir }}/agent.sh", "0.01", a.txt], outputs: {text: a.txt}}
  b: {inputs: {text: a.text}, run: [sh, "{{ plan_dir }}/agent.sh", "0.01", b.txt], outputs: {text: b.txt}}
"""
ENDLESS = 'tasks: {a: {run: [sh, agent.sh, "30", a.txt], outputs: {text: a.txt}}}\n'


# ---- the agent's process -------------------------------------------------------------------------


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that belongs to nobody, and leads a session and a group as an act's leader does."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def orphaned(project: Project, *words: str) -> Path:
    """The folder of an act whose orchestrator was killed while it ran."""
    session = project.start(*words)
    until(project.started, "the agent")
    until((folder := project.run_folder / "acts" / "a.i1.a1").joinpath("handle.json").exists, "its handle")
    session.process.kill()
    session.wait()
    until(lambda: not session.workers(), "the end of the workers")
    return folder


def changed(folder: Path, **values: object) -> None:
    """Give the stored handle other values."""
    path = folder / "handle.json"
    handle = json.loads(path.read_text())
    handle["data"] |= values
    path.write_text(json.dumps(handle))


def quicken(project: Project) -> None:
    agent = project.root / "agent.sh"
    agent.write_text(agent.read_text().replace('sleep "$1"', ""))


@pytest.mark.parametrize("mode", ["-n0", "-n2"])
def test_a_pid_that_is_used_again_is_neither_taken_for_the_agent_nor_killed(project, bystander, mode: str):
    one = project(ENDLESS)
    folder = orphaned(one, mode)
    one.end_all()
    changed(folder, pid=bystander.pid, start=int(stat_of(bystander.pid)[19]) + 1)
    (folder / "pid").write_text(f"{bystander.pid}\n")
    quicken(one)

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert "lost: its process is gone" in resumed.text
    assert one.started() == ["a.i1.a1", "a.i1.a2"]
    assert bystander.poll() is None


@pytest.mark.parametrize("mode", ["-n0", "-n2"] if LONG else ["-n0"])
def test_an_act_that_ended_does_not_take_who_has_its_pid_now_with_it(project, bystander, mode: str):
    one = project('tasks: {a: {run: [sh, agent.sh, "0.5", a.txt], outputs: {text: a.txt}}}\n')
    folder = orphaned(one, mode)
    until(lambda: (folder / "exit").exists() and (folder / "exit").read_text() == "0\n", "the agent's end")
    changed(folder, pid=bystander.pid, start=int(stat_of(bystander.pid)[19]) + 1)

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert one.started() == ["a.i1.a1"]
    assert bystander.poll() is None


def test_who_has_the_pid_of_an_act_now_outlives_the_interrupt_that_ends_the_run(project, bystander):
    one = project(ENDLESS)
    folder = orphaned(one)
    one.end_all()
    changed(folder, pid=bystander.pid, start=int(stat_of(bystander.pid)[19]) + 1)
    session = one.start("--orch-resume")
    until(lambda: len(one.started()) > 1, "the second act")
    session.process.send_signal(signal.SIGINT)

    assert session.status == pytest.ExitCode.INTERRUPTED
    assert not one.left()
    assert bystander.poll() is None


@pytest.mark.parametrize("mode", ["-n0", "-n2"] if LONG else ["-n0"])
def test_after_a_restart_of_the_machine_acts_are_lost_and_done_again(project, bystander, mode: str):
    one = project(ENDLESS)
    folder = orphaned(one, mode)
    one.end_all()
    # After a restart the same pid, with the same start time, may well be there again.
    changed(folder, boot="another", pid=bystander.pid, start=int(stat_of(bystander.pid)[19]))
    quicken(one)

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert "lost: the machine was restarted" in resumed.text
    assert one.started() == ["a.i1.a1", "a.i1.a2"]
    (lost,) = (r for r in journal_of(one) if r.get("outcome") == "lost")
    assert lost["detail"] == "the machine was restarted"
    assert bystander.poll() is None


def test_after_a_restart_what_is_not_to_be_done_again_is_lost(project):
    one = project(ENDLESS.replace("run:", "recovery: fail, run:"))
    folder = orphaned(one)
    one.end_all()
    changed(folder, boot="another")

    resumed = one.run("--orch-resume")

    assert resumed.status == pytest.ExitCode.TESTS_FAILED
    assert facts(one).states == {"a": "lost"}
    assert one.started() == ["a.i1.a1"]


def test_the_end_of_an_act_counts_also_after_a_restart(project):
    one = project('tasks: {a: {run: [sh, agent.sh, "0.5", a.txt], outputs: {text: a.txt}}}\n')
    folder = orphaned(one)
    until(lambda: (folder / "exit").exists() and (folder / "exit").read_text() == "0\n", "the agent's end")
    changed(folder, boot="another")

    assert one.run("--orch-resume").status == 0
    assert one.started() == ["a.i1.a1"]


@pytest.mark.parametrize("over", [False, True])
def test_an_act_whose_orchestrator_died_while_it_was_started_is_found_and_not_started_again(project, over):
    one = project('tasks: {a: {run: [sh, agent.sh, "0.5", a.txt], outputs: {text: a.txt}}}\n')
    folder = orphaned(one)
    (folder / "handle.json").unlink()
    if over:
        until(
            lambda: (folder / "exit").exists() and (folder / "exit").read_text() == "0\n", "the agent's end"
        )

    resumed = one.run("--orch-resume")

    assert resumed.status == 0
    assert "a re-attached: its orchestrator died while it was started" in resumed.text
    assert one.started() == ["a.i1.a1"]
    (end,) = (r for r in journal_of(one) if r["event"] == "TaskFinished")
    assert 0.45 <= end["seconds"] < 20  # from its spawn, by a coarse clock


def test_an_act_on_another_machine_is_not_lost_and_not_started_again(project):
    one = project(ENDLESS)
    folder = orphaned(one)
    one.end_all()
    changed(folder, boot="another", host="elsewhere")
    session = one.start("--orch-resume")
    until(lambda: "re-attached" in session.text or session.over, "the resumed session")
    time.sleep(0.5)  # it is a moment in which nothing may happen

    assert not session.over, session.text
    assert one.started() == ["a.i1.a1"]
    assert not [r for r in journal_of(one) if r["event"] == "TaskFinished"]


# ---- the run -------------------------------------------------------------------------------------


def plan_folder(project: Project, folder: str, name: str = "p") -> Path:
    """Another plan of the project, with agents that write into its own folder."""
    target = project.root / folder
    target.mkdir(exist_ok=True)
    for script in ("agent.sh", "judge.sh"):
        (target / script).write_text((project.root / script).read_text())
    path = target / f"{name}.plan.yaml"
    tag = f"{folder}_{name}".replace("-", "_")
    path.write_text(
        "orchharness: 1\n" + RUNS.replace(" a.txt", f" {tag}_a.txt").replace(" b.txt", f" {tag}_b.txt")
    )
    return path


def runs(project: Project) -> dict[str, list[str]]:
    """Plan file -> the events of its only run."""
    found: dict[str, list[str]] = {}
    for path in project.state.glob("orchharness/*/*/*/journal.jsonl"):
        if path.parent.is_symlink():
            continue
        records = [json.loads(line) for line in path.read_text().splitlines()]
        name = os.path.relpath(records[0]["header"]["plan_file"], project.root)
        assert name not in found, f"{name} has a second run"
        found[name] = [r["event"] for r in records]
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("x", "p"), ("y", "p")),
        (("x", "p"), ("x", "p-2")),
        (("x", "p"), ("x", "pq")),
        (("x", "P"), ("y", "p")),
    ],
)
def test_plans_of_one_name_or_of_names_that_begin_alike_never_mix(project, first, second):
    one = project(RUNS)
    one.plan_file.unlink()
    paths = [plan_folder(one, *first), plan_folder(one, *second)]
    names = [os.path.relpath(p, one.root) for p in paths]
    for path in paths:
        assert one.run(str(path), CHAOS_KILL_AFTER="3").status == -signal.SIGKILL
    begun = ["RunStarted", "TaskStarted", "TaskFinished"]
    assert runs(one) == {names[0]: begun, names[1]: begun}

    resumed = one.run(names[0], "--orch-resume")

    assert resumed.status == 0, resumed.text
    ends = ["RunResumed", "TaskStarted", "TaskFinished", "RunFinished"]
    assert runs(one)[names[0]][3:] == ends
    assert runs(one)[names[1]][3:] == []
    assert one.run(names[1], "--orch-resume").status == 0
    assert runs(one)[names[1]][3:] == ends
    assert sorted(one.started()) == ["a.i1.a1", "a.i1.a1", "b.i1.a1", "b.i1.a1"]


def test_two_runs_of_one_plan_at_once_each_have_their_own_work(project):
    one = project(
        "vars: {text: {default: x}}\nworkspace: {copy: given}\n"
        "tasks:\n"
        '  a: {run: [sh, -c, \'echo "$0" >>"$CHAOS_LOG/starts"; sleep 0.6; echo "$0" >a.txt\', "{{ vars.text }}"], outputs: {text: a.txt}}\n'
        "  b: {inputs: {text: a.text}, run: [sh, -c, 'cp \"$ORCH_INPUT_TEXT\" b.txt'], outputs: {text: b.txt}}\n"
    )
    both = {v: one.start("--orch-var", f"text={v}") for v in ("left", "right")}
    until(lambda: len(one.started()) == 2, "both agents")
    folders = {}
    for path in one.state.glob("orchharness/*/p-*/*/journal.jsonl"):
        if not path.parent.is_symlink():
            folders[json.loads(path.read_text().splitlines()[0])["header"]["vars"]["text"]] = path.parent
    for session in both.values():
        session.process.kill()
        session.wait()

    resumed = {v: one.start(f"--orch-resume={folders[v].name}", "--orch-var", f"text={v}") for v in both}

    for value, session in resumed.items():
        assert session.status == 0, session.text
        for name in ("a.txt", "b.txt"):
            assert (folders[value] / "workspace" / name).read_text() == f"{value}\n"
    assert sorted(one.started()) == ["left", "right"]


def test_a_second_fresh_run_starts_everything_of_its_own(project, undisturbed):
    one = project(plan_of("chain"))
    one.run()
    first = one.run_folder

    assert one.run().status == 0
    assert one.run_folder != first
    assert set(one.started()) == set(undisturbed("chain").starts)
    assert {one.started().count(a) for a in one.started()} == {2}


# ---- the files of a run --------------------------------------------------------------------------

BY_AGENTS = frozenset({"agent-result.json", "answer.json"})  # theirs is the choice who reads what they write


@pytest.mark.parametrize(("shape", "mode"), [("full", "-n0"), ("wide", "-n2")])
def test_nobody_else_can_read_what_is_in_a_run_directory(project, shape: str, mode: str):
    one = project(plan_of(shape))
    one.run(mode, CHAOS_KILL_AFTER="8")
    assert one.run(mode, "--orch-resume").status == 0
    home = one.run_folder.parent.parent
    # The modes of the work are the work's own.
    outside = {one.run_folder / name for name in ("workspace", "scratch", "files")}

    wrong = [
        f"{stat.S_IMODE(path.lstat().st_mode):o} {path.relative_to(home)}"
        for path in [home, *home.rglob("*")]
        if not path.is_symlink()
        and path.name not in BY_AGENTS
        and outside.isdisjoint((path, *path.parents))
        and path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]

    assert wrong == []


def test_the_modes_of_what_agents_write_are_their_own(project):
    one = project("tasks: {a: {run: [sh, -c, 'umask >mask; echo x >a.txt'], outputs: {text: a.txt}}}\n")
    before = os.umask(0o027)
    try:
        session = one.run()
    finally:
        os.umask(before)

    assert session.status == 0, session.text
    assert (one.root / "mask").read_text() == "0027\n"
    assert stat.S_IMODE((one.root / "a.txt").stat().st_mode) == 0o640


def test_a_resume_that_leaves_out_an_agent_at_work_is_refused_and_touches_nothing(project):
    one = project(
        'tasks:\n  a: {run: [sh, agent.sh, "60", a.txt], outputs: {text: a.txt}}\n  b: {run: ["true"]}\n'
    )
    folder = orphaned(one)

    refused = one.run("p.plan.yaml::tasks::b", "--orch-resume")
    pid = int((folder / "pid").read_text())

    assert refused.status == pytest.ExitCode.TESTS_FAILED
    assert "agents of a are still at work, which was not chosen: choose them too, or" in refused.text
    assert Path(f"/proc/{pid}").exists()
    assert one.started() == ["a.i1.a1"]


def test_an_earlier_run_is_not_gone_on_with_beside_agents_of_a_later_one(project):
    one = project('tasks: {a: {run: [sh, agent.sh, "0.2", a.txt], outputs: {text: a.txt}}}\n')
    one.run()
    first = one.run_folder.name
    (one.root / "agent.sh").write_text((one.root / "agent.sh").read_text().replace('"$1"', "60"))
    session = one.start()
    until(lambda: len(one.started()) > 1, "the second agent")
    session.process.kill()
    session.wait()

    refused = one.run(f"--orch-resume={first}")

    assert refused.status == pytest.ExitCode.TESTS_FAILED
    assert f"agents of the unfinished run {one.run_folder.name} are still at work (a.i1.a1)" in refused.text
    assert one.started() == ["a.i1.a1"] * 2


# Its agent kills the group that it leads with its wrapper, once: nobody can tell how it ended.
VANISHES = """
tasks:
  a: {run: [sh, -c, 'echo a >>"$CHAOS_LOG/starts"; [ -e again ] || { touch again; kill -9 0; }'], recovery: RECOVERY}
"""


@pytest.mark.parametrize(
    ("recovery", "status", "says"),
    [
        ("ask", 7, "a was running and cannot be found: is it done again?"),
        ("fail", 1, "its process is gone and left no exit status"),
        ("fail, retry: {attempts: 3, on: [lost]}", 1, "its process is gone and left no exit status"),
    ],
)
def test_what_must_not_be_done_twice_is_not_done_twice_whoever_saw_it_vanish(project, recovery, status, says):
    one = project(VANISHES.replace("RECOVERY", recovery))

    first, second, third = one.run(), one.run("--orch-resume"), one.run("--orch-resume")

    assert [first.status, second.status, third.status] == [status] * 3
    assert says in first.text
    assert one.started() == ["a"]
