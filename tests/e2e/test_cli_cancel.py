"""`orchharness cancel`: nothing of the run is left, and the journal says so."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_sessions import AGENT, DEAF, LIMIT, Sessions, wait_for

from orchharness.journal import read_journal

TWO = """
limits: {parallel: 3}
tasks:
  left: {run: [sh, agent.sh, left]}
  right: {run: [sh, agent.sh, right]}
  after: {run: [touch, after.ran], needs: [left, right]}
"""
STUBBORN = """
tasks:
  deaf: {run: [sh, deaf.sh]}
  after: {run: [touch, after.ran], needs: [deaf]}
"""


@pytest.fixture
def sessions(play) -> Iterator[Sessions]:
    play.file("agent.sh", AGENT)
    play.file("deaf.sh", DEAF)
    made = Sessions(play.root)
    yield made
    made.close()


@contextmanager
def lost(journal: Path, how: str) -> Iterator[None]:
    """The journal without a whole record, and as it was again afterwards: the tests find the agents by it."""
    whole = journal.read_bytes()
    journal.unlink()
    if how != "missing":
        journal.write_bytes(whole[:50] if how == "torn" else b"")
    try:
        yield
    finally:
        journal.write_bytes(whole)


def states(sessions: Sessions) -> dict[str, str]:
    return {item["id"]: item["state"] for item in sessions.status()["items"]}


def test_an_orchestrator_that_lives_is_asked_to_end_its_run(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    done = sessions.call("cancel")

    assert done.returncode == 0, done.stderr
    assert sessions.alive() == []
    assert "is interrupted: its orchestrator ended it; was running and was ended: left, right" in done.stdout
    assert "goes on with: pytest play.plan.yaml --orch-resume" in done.stdout
    assert session.wait(LIMIT) == pytest.ExitCode.INTERRUPTED
    assert sessions.journal()[-1]["event"] == "RunFinished"


def test_other_plans_of_the_session_are_said_to_end_with_it(play, sessions: Sessions):
    for name in ("left", "right"):
        play.file(f"copied/{name}/agent.sh", f"touch {sessions.root}/{name}.started; sleep 100")
        play.plan(
            f"workspace: {{copy: copied/{name}}}\ntasks: {{{name}: {{run: [sh, agent.sh]}}}}", f"p-{name}"
        )
    sessions.start()
    sessions.until("left", "right")
    unclear = sessions.call("cancel")
    (run,) = sessions.run_dirs("p-left")
    done = sessions.call("cancel", run.name)

    assert unclear.returncode == 2
    assert "more than one run is at work, say which one to end: " in unclear.stderr
    assert done.returncode == 0
    assert f"plan p-right (run {sessions.run_dirs('p-right')[0].name}) is of the same session" in done.stdout
    assert sessions.alive() == []


def test_without_an_orchestrator_every_agent_is_ended_with_all_it_started(play, sessions: Sessions):
    """An agent that does not listen to SIGTERM, and a child of it in a session of its own."""
    play.plan(STUBBORN)
    session = sessions.start()
    sessions.until("deaf", "child")
    sessions.kill(session)
    before = sessions.alive()
    done = sessions.call("cancel")
    after = sessions.alive()
    records = sessions.journal()

    assert len(before) >= 2
    assert done.returncode == 0, done.stderr
    assert after == []
    assert "ending deaf (pid " in done.stdout
    assert "is cancelled: nothing of it is left" in done.stdout
    assert [r["event"] for r in records[-3:]] == ["StopRequested", "TaskFinished", "RunFinished"]
    assert (records[-2]["outcome"], records[-1]["state"]) == ("cancelled", "cancelled")
    assert states(sessions) == {"deaf": "cancelled", "after": "skipped"}
    assert read_journal(sessions.run_dirs()[-1] / "journal.jsonl").torn is None
    assert "state:   cancelled" in (sessions.run_dirs()[-1] / "ORCHESTRATION.yaml").read_text()
    assert (sessions.run_dirs()[-1] / "report.html").exists()
    assert not list((sessions.run_dirs()[-1].parent / "open").iterdir())


def test_a_cancelled_run_can_be_gone_on_with(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    sessions.call("cancel")
    for name in ("left", "right"):
        (sessions.root / f"{name}.go").touch()
    resumed = sessions.start("play.plan.yaml", "--orch-resume").wait(LIMIT)

    assert resumed == 0, sessions.said()
    assert (sessions.root / "after.ran").exists()
    assert states(sessions) == {"left": "passed", "right": "passed", "after": "passed"}


def test_what_ended_by_itself_is_not_thrown_away(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    (sessions.root / "left.go").touch()
    wait_for(lambda: sessions.status()["agents_alive"] == 1)
    sessions.call("cancel")
    (sessions.root / "right.go").touch()
    resumed = sessions.start("play.plan.yaml", "--orch-resume").wait(LIMIT)
    started = [r["act"] for r in sessions.journal() if r["event"] == "TaskStarted"]

    assert resumed == 0, sessions.said()
    assert [act for act in started if act.startswith("left")] == ["left.i1.a1"]
    assert len([act for act in started if act.startswith("right")]) == 2


def test_a_run_whose_plan_cannot_be_read_any_more_is_cancelled_all_the_same(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    frozen = sessions.run_dirs()[-1] / "plan.yaml"
    frozen.write_text("no plan")
    done = sessions.call("cancel")

    assert done.returncode == 0, done.stderr
    assert "the plan cannot be read as it was" in done.stdout
    assert sessions.alive() == []
    assert states(sessions) == {"left": "cancelled", "right": "cancelled", "after": "waiting"}
    assert sessions.status()["state"] == "cancelled"


def test_a_damaged_journal_protects_no_agent(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    journal = sessions.run_dirs()[-1].resolve() / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b'"RunStarted"', b'"RunStopped"', 1))
    done = sessions.call("cancel", "latest")
    left = sessions.alive()

    assert done.returncode == 1
    assert f"{journal}:1: the journal is damaged here" in done.stderr
    assert "the run's agents on this machine were ended" in done.stderr
    assert left == []


@pytest.mark.parametrize("words", [(), ("latest",)])
@pytest.mark.parametrize("how", ["emptied", "torn", "missing"])
def test_a_journal_that_lost_its_records_protects_no_agent(
    play, sessions: Sessions, how: str, words: tuple[str, ...]
):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    journal = sessions.run_dirs()[-1].resolve() / "journal.jsonl"
    with lost(journal, how):
        done = sessions.call("cancel", *words)
    left = sessions.alive()

    assert done.returncode == 1
    assert f"{journal}" in done.stderr
    assert "the run's agents on this machine were ended" in done.stderr
    assert left == []


def test_nor_one_whose_starter_was_killed_before_it_kept_the_handle(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    run = sessions.run_dirs()[-1].resolve()
    for act in ("left.i1.a1", "right.i1.a1"):
        (run / "acts" / act / "handle.json").unlink(missing_ok=True)
    with lost(run / "journal.jsonl", "missing"):
        done = sessions.call("cancel")
    left = sessions.alive()

    assert "the run's agents on this machine were ended" in done.stderr
    assert left == []


@pytest.mark.parametrize("how", ["emptied", "missing"])
def test_nothing_is_started_beside_the_agents_of_a_journal_that_lost_its_records(
    play, sessions: Sessions, how: str
):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    run = sessions.run_dirs()[-1].resolve()
    with lost(run / "journal.jsonl", how):
        fresh = sessions.start().wait(LIMIT)
        resumed = sessions.start("play.plan.yaml", "--orch-resume").wait(LIMIT)
        status, cleaned = sessions.call("status"), sessions.call("clean", "--keep", "0")

    assert (fresh, resumed) == (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.TESTS_FAILED)
    assert f"agents of the unfinished run {run.name} are still at work (left.i1.a1, right.i1.a1)" in (
        sessions.said().replace("\n", "")
    )
    assert (status.returncode, status.stdout) == (1, "")
    assert f"{run / 'journal.jsonl'}" in status.stderr
    assert "damaged  kept  2 agents alive" in cleaned.stdout
    assert sessions.run_dirs() == [sessions.root / ".orchharness" / run.parent.name / run.name]
    assert sorted(p.name for p in (run / "acts").iterdir()) == ["left.i1.a1", "right.i1.a1"]
    assert sessions.status()["agents_alive"] == 2


def test_a_damaged_run_with_living_agents_is_at_work(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    journal = sessions.run_dirs()[-1] / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"event"', b'"evenT"', 1))
    done = sessions.call("cancel")
    again = sessions.call("cancel")

    assert done.returncode == 1
    assert "the run's agents on this machine were ended" in done.stderr
    assert sessions.alive() == []
    assert (again.returncode, again.stdout) == (
        0,
        "nothing to cancel: no run of this project is at work\n",
    )


def test_nothing_to_cancel_is_no_failure_and_changes_nothing(play, sessions: Sessions):
    play.plan("tasks: {one: {run: [touch, one.ran]}}")
    assert sessions.start().wait(LIMIT) == 0
    journal = sessions.run_dirs()[-1] / "journal.jsonl"
    before = journal.read_bytes()
    newest, named = sessions.call("cancel"), sessions.call("cancel", "latest")

    assert (newest.returncode, newest.stdout) == (0, "nothing to cancel: no run of this project is at work\n")
    assert named.returncode == 0
    assert "nothing to cancel: nothing of run" in named.stdout
    assert journal.read_bytes() == before


def test_what_got_away_from_a_run_that_is_over_is_ended(play, sessions: Sessions):
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    (marker,) = {r["key"] for r in sessions.journal() if r.get("task") == "left" and "key" in r}
    sessions.call("cancel")
    session.wait(LIMIT)
    stray = subprocess.Popen(
        ["sleep", "100"], env={**os.environ, f"ORCH_ACT_{marker[:16]}": "1"}, start_new_session=True
    )
    try:
        wait_for(lambda: sessions.alive() != [])
        done = sessions.call("cancel", "latest")

        assert stray.wait(LIMIT) == -9
        assert "left running by an act and was ended: sleep 100" in done.stdout
    finally:
        stray.kill()
        stray.wait()


def test_a_process_that_only_has_the_orchestrators_number_is_left_alone(play, sessions: Sessions):
    """Pids are used again: the lock file still names the dead orchestrator's."""
    play.plan(TWO)
    session = sessions.start()
    sessions.until("left", "right")
    sessions.kill(session)
    innocent = subprocess.Popen(["sleep", "100"])
    try:
        (sessions.run_dirs()[-1] / "lock").write_text(f"{innocent.pid}\n")
        found = sessions.status()
        done = sessions.call("cancel")

        assert found["orchestrator"] is None
        assert done.returncode == 0, done.stderr
        assert innocent.poll() is None
        assert sessions.alive() == []
    finally:
        innocent.kill()
        innocent.wait()


def test_an_orchestrator_that_does_not_stop_is_said_not_to(play, sessions: Sessions):
    """A hook of a conftest hangs in the middle of the work: the first signal is kept until it is back."""
    play.file(
        "conftest.py",
        """
        import pathlib, time
        import orchharness
        @orchharness.hookimpl
        def orchharness_update(event, run):
            if type(event).__name__ == "TaskStarted":
                pathlib.Path("hook.started").touch()
                while not pathlib.Path("hook.go").exists():
                    time.sleep(0.01)
        """,
    )
    play.plan("tasks: {one: {run: [touch, one.ran]}}")
    session = sessions.start()
    sessions.until("hook")
    began = time.monotonic()
    done = sessions.call("cancel", "--timeout", "1s")
    took = time.monotonic() - began
    (sessions.root / "hook.go").touch()

    assert done.returncode == 1
    assert f"the orchestrator (pid {session.pid})" in done.stderr
    assert "was asked to stop and did not in 1 s; ask again with more time: --timeout 60s" in done.stderr
    assert took < 8
    assert session.wait(LIMIT) != 0


ENGINE = """
import pathlib, time
import orchharness
@orchharness.hookimpl
def orchharness_agent_kinds():
    return [orchharness.Kind(name="engine")]
@orchharness.hookimpl
def orchharness_spawn(request):
    pathlib.Path({root!r}, "job.started").touch()
    return orchharness.Handle(kind="engine", data={{"job": 7}})
@orchharness.hookimpl
def orchharness_poll(handle):
    return orchharness.Running()
@orchharness.hookimpl
def orchharness_cancel(handle):
    pathlib.Path({root!r}, "job.cancelled").write_text(str(handle.data["job"]))
    return {gone}
"""
REMOTE = "agents: {far: {kind: engine}}\ntasks: {one: {agent: far, prompt: Work.}}"


def test_an_act_of_an_engine_is_ended_by_its_plugin(play, sessions: Sessions):
    play.file("conftest.py", ENGINE.format(root=str(play.root), gone=True))
    play.plan(REMOTE)
    session = sessions.start()
    sessions.until("job")
    wait_for(lambda: (sessions.run_dirs()[-1] / "acts/one.i1.a1/handle.json").exists())
    sessions.kill(session)
    seen = sessions.call("status").stdout
    done = sessions.call("cancel")

    assert "cannot be seen from here (kind 'engine')" in seen
    assert done.returncode == 0, done.stderr
    assert (sessions.root / "job.cancelled").read_text() == "7"
    assert states(sessions) == {"one": "cancelled"}


def test_what_could_not_be_ended_is_not_said_to_be(play, sessions: Sessions):
    play.file("conftest.py", ENGINE.format(root=str(play.root), gone=False))
    play.plan(REMOTE)
    session = sessions.start()
    sessions.until("job")
    wait_for(lambda: (sessions.run_dirs()[-1] / "acts/one.i1.a1/handle.json").exists())
    sessions.kill(session)
    done = sessions.call("cancel")
    found = sessions.status()

    assert done.returncode == 1
    assert "could be ended: one.i1.a1: some of its processes could not be ended" in done.stderr
    assert (found["finished"], found["items"][0]["state"]) == (False, "running")


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_a_run_with_workers_is_ended_as_well(play, sessions: Sessions, killed: bool):
    play.plan(TWO)
    session = sessions.start("play.plan.yaml", "-n2")
    sessions.until("left", "right")
    if killed:
        sessions.kill(session)
    done = sessions.call("cancel")

    assert done.returncode == 0, done.stderr
    assert sessions.alive() == []
    assert sessions.status()["finished"]
    assert sessions.call("cancel").stdout.startswith("nothing to cancel")
