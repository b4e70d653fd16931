"""`orchharness status`, `runs`, `logs` and `clean` beside runs that go on, and after their orchestrator was killed."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest
from cli_sessions import AGENT, LIMIT, Sessions, wait_for

PLAN = """
limits: {parallel: 2}
tasks:
  quick: {run: [sh, -c, "echo ok > q.md; printf 'quick \\\\033[31mdone\\\\033[0m\\\\n'; echo oops >&2"], outputs: {q: q.md}, gate: {id: G-Q, checks: [{file: {path: q.md}}]}}
  slow: {run: [sh, agent.sh, slow], needs: [quick]}
  after: {run: [touch, after.ran], needs: [slow]}
"""


@pytest.fixture
def sessions(play) -> Iterator[Sessions]:
    play.file("agent.sh", AGENT)
    made = Sessions(play.root)
    yield made
    made.close()


@pytest.fixture
def at_work(play, sessions: Sessions):
    """A run whose `slow` is at work."""
    play.plan(PLAN)
    session = sessions.start()
    sessions.until("slow")
    return session


def test_a_run_that_goes_on_is_told_from_another_terminal(sessions: Sessions, at_work):
    wait_for(lambda: "slow begins" in sessions.call("status").stdout)
    text = sessions.call("status").stdout
    found = sessions.status()
    items = {item["id"]: item for item in found["items"]}
    (act,) = items["slow"]["acts"]

    assert f"orchestrator alive (pid {at_work.pid}), 1 agent alive" in text
    assert "passed: 1 of 3 tasks, 1 of 1 gate" in text
    assert f"pid {act['pid']} alive" in text
    assert "ago: slow begins" in text
    assert "after  waiting  slow (running)" in text
    assert f"orchharness logs {found['run']} slow -f" in text
    assert f"orchharness cancel {found['run']}" in text
    assert "--orch-resume" not in text  # it goes on by itself
    assert (found["state"], found["orchestrator"], found["agents_alive"]) == ("running", at_work.pid, 1)
    assert (act["agent"], act["said"]) == ("alive", "slow begins")
    assert items["after"]["waits_for"] == "slow"


def test_a_run_whose_orchestrator_was_killed_is_told_as_it_is(sessions: Sessions, at_work):
    sessions.kill(at_work)
    listed = sessions.call("runs").stdout
    text = sessions.call("status").stdout
    found = sessions.status()
    (sessions.root / "slow.go").touch()
    wait_for(lambda: sessions.status()["agents_alive"] == 0)
    later = sessions.call("status").stdout

    assert "unfinished, agents alive: 1" in listed
    assert "interrupted" in listed
    assert "orchestrator gone, 1 agent alive and at work without it" in text
    assert "goes on with:    pytest play.plan.yaml --orch-resume" in text
    assert (found["state"], found["finished"], found["orchestrator"]) == ("interrupted", False, None)
    assert "agent ended, its result is not read yet" in later
    assert "ago: slow is done" in later


def test_a_finished_run_is_told_without_its_plan(play, sessions: Sessions):
    play.plan(PLAN)
    (sessions.root / "slow.go").touch()
    assert sessions.start().wait(LIMIT) == 0
    (sessions.root / "play.plan.yaml").unlink()
    text = sessions.call("status").stdout

    assert ": passed after " in text
    assert "orchestrator done, nothing of the run is alive" in text
    assert "report.html" in text
    assert "--orch-resume" not in text


def test_looking_again_and_again_disturbs_no_run(sessions: Sessions, at_work):
    for _ in range(5):
        assert sessions.call("status").returncode == 0
    sessions.kill(at_work)
    (sessions.root / "slow.go").touch()
    resumed = sessions.start("play.plan.yaml", "--orch-resume")
    while resumed.poll() is None:
        sessions.call("status")

    assert resumed.returncode == 0
    assert "another orchestrator" not in sessions.said()


# ---- logs ------------------------------------------------------------------------------------------


def test_logs_are_what_the_newest_act_printed(sessions: Sessions, at_work):
    plain = sessions.call("logs", "latest", "quick").stdout
    errors = sessions.call("logs", "latest", "quick", "--stderr").stdout
    named = sessions.call("logs", "latest", "quick", "--act", "quick.i1.a1").stdout
    gate = sessions.call("logs", "latest", "G-Q")

    assert plain == named == "quick \x1b[31mdone\x1b[0m\n"  # a pipe gets every byte
    assert errors == "oops\n"
    assert gate.returncode == 0


def test_on_a_terminal_escapes_are_removed_unless_they_are_asked_for(sessions: Sessions, at_work):
    def on_terminal(*words: str) -> bytes:
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-m", "orchharness", "logs", "latest", "quick", *words]
        try:
            subprocess.run(argv, cwd=sessions.root, stdout=theirs, timeout=LIMIT, check=True)
            return os.read(ours, 4096)
        finally:
            os.close(ours)
            os.close(theirs)

    assert on_terminal() == b"quick done\r\n"
    assert on_terminal("--raw") == b"quick \x1b[31mdone\x1b[0m\r\n"


def test_logs_are_followed_until_the_act_ends(sessions: Sessions, at_work):
    follower = sessions.begin("logs", "latest", "slow", "-f")
    first = follower.stdout.readline()
    (sessions.root / "slow.go").touch()
    rest, _ = follower.communicate(timeout=LIMIT)

    assert first == "slow begins\n"
    assert rest == "slow is done\n"
    assert follower.returncode == 0


def test_logs_are_followed_to_the_end_without_an_orchestrator(sessions: Sessions, at_work):
    sessions.kill(at_work)
    follower = sessions.begin("logs", "latest", "slow", "-f")
    follower.stdout.readline()
    (sessions.root / "slow.go").touch()
    rest, _ = follower.communicate(timeout=LIMIT)

    assert rest == "slow is done\n"


def test_what_printed_nothing_is_said_with_its_reason(sessions: Sessions, at_work):
    waiting = sessions.call("logs", "latest", "after")
    unknown = sessions.call("logs", "latest", "afer")
    act = sessions.call("logs", "latest", "quick", "--act", "quick.i2.a1")

    assert (waiting.returncode, waiting.stderr) == (
        1,
        "orchharness: 'after' printed nothing: it is waiting for slow\n",
    )
    assert unknown.returncode == 2
    assert "has no task or gate 'afer'; it has: quick, G-Q, slow, after" in unknown.stderr
    assert act.returncode == 2
    assert "'quick' has no act 'quick.i2.a1'; it has: quick.i1.a1" in act.stderr


# ---- clean -----------------------------------------------------------------------------------------


def test_clean_leaves_runs_alone_that_are_at_work(sessions: Sessions, at_work):
    beside = sessions.call("clean", "--keep", "0")
    sessions.kill(at_work)
    after = sessions.call("clean", "--keep", "0")

    assert f"its orchestrator is alive (pid {at_work.pid})" in beside.stdout
    assert "1 agent alive; `orchharness cancel` ends them" in after.stdout
    assert sessions.status()["agents_alive"] == 1


def test_clean_removes_a_real_run_with_its_store(play, sessions: Sessions):
    play.plan(PLAN)
    (sessions.root / "slow.go").touch()
    assert sessions.start().wait(LIMIT) == 0
    done = sessions.call("clean", "--keep", "0")

    assert "1 run removed" in done.stdout
    assert json.loads(sessions.call("runs", "--json").stdout) == []
    assert not list((sessions.root / ".orchharness").rglob("store"))
