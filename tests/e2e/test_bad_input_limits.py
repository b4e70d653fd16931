"""Agents without measure: they print without end, sleep for ever, fork away, ignore signals. The others are unharmed."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import pytest

from orchharness.run import flight

MIB = 1024 * 1024


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of output that a slow machine reaches in a moment."""
    for place in ("orchharness.run.flight.OUTPUT_LIMIT", "orchharness.run.runner.OUTPUT_LIMIT"):
        monkeypatch.setattr(place, 8 * MIB)


@pytest.mark.parametrize("how", ["head -c 1000000000 /dev/zero", "head -c 1000000000 /dev/zero >&2", "yes"])
@pytest.mark.usefixtures("small_limit")
def test_a_task_that_prints_without_end_is_ended_and_cut(play: Any, how: str) -> None:
    play.plan(f"tasks:\n  loud: {{run: [sh, -c, '{how}']}}\n  quiet: {{run: [sh, -c, 'sleep 0.3']}}\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("printed more than")
    sizes = [p.stat().st_size for p in play.act("loud.i1.a1").glob("std*.log")]
    assert max(sizes) <= 8 * MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_the_limit_of_output_is_in_the_message() -> None:
    assert flight.TOO_MUCH == "printed more than 100 MiB: ended"


@pytest.mark.usefixtures("small_limit")
def test_a_judge_that_prints_without_end_is_ended(play: Any) -> None:
    play.plan(
        """
        tasks:
          work: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}, gate: {checks: [{run: ['yes']}], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("printed more than")
    assert max(p.stat().st_size for p in play.act("G-work.i1.checks.a1").glob("*.log")) <= 8 * MIB


def test_a_task_that_takes_too_long_is_ended_in_time(play: Any, alive: Any) -> None:
    play.plan("tasks:\n  slow: {run: [sleep, '971'], timeout: 1s}\n  other: {run: 'true'}\n")

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("timed out after 1 s")
    (finished,) = (r for r in play.journal("TaskFinished") if r["task"] == "slow")
    assert 1.0 <= finished["seconds"] < 10
    assert not alive("sleep\x00971")


def test_a_task_that_ignores_the_request_to_end_is_killed(play: Any, alive: Any) -> None:
    play.plan(
        "tasks: {deaf: {run: [sh, -c, 'trap \"\" TERM INT HUP; while :; do sleep 972; done'], timeout: 1s}}\n"
    )

    play.run()

    play.outcomes(failed=1)
    (finished,) = play.journal("TaskFinished")
    assert finished["outcome"] == "timeout"
    assert 1.0 <= finished["seconds"] < 10
    assert not alive("sleep 972") + alive("sleep\x00972")


def test_a_silent_task_is_ended_and_a_talking_one_is_not(play: Any) -> None:
    talk = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done"
    play.plan(
        f"defaults: {{idle_timeout: 1s}}\ntasks:\n  silent: {{run: [sleep, '973']}}\n  talking: {{run: [sh, -c, '{talk}']}}\n"
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("no sign of life for 1 s")
    (finished,) = (r for r in play.journal("TaskFinished") if r["task"] == "silent")
    assert 1.0 <= finished["seconds"] < 10


def test_a_judge_that_talks_is_not_ended_as_silent(play: Any, critic: Any) -> None:
    critic(
        "judge.py",
        """
        for n in range(8):
            print(n, file=sys.stderr, flush=True)
            time.sleep(0.25)
        say({'criteria': {'c': 1}})
        """,
    )
    play.plan(
        """
        critics: {judge: {run: [python, judge.py], criteria: {c: 1}, idle_timeout: 1s}}
        tasks:
          work: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}, gate: {critics: [judge]}}
        """
    )

    play.run()

    play.outcomes(passed=2)


DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open("daemon.pid", "w").write(str(os.getpid()))
time.sleep(974)
"""


def test_a_daemon_that_an_act_leaves_behind_is_ended_with_the_run_and_told(play: Any) -> None:
    play.file("daemon.py", DAEMON)
    play.plan(
        "tasks: {a: {run: [sh, -c, 'python3 daemon.py; while [ ! -s daemon.pid ]; do sleep 0.02; done']}}\n"
    )

    play.run()

    play.outcomes(passed=1)
    pid = int((play.root / "daemon.pid").read_text())
    play.says("warning: left running by an act and was ended: ", f"daemon.py (pid {pid})")
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and b") Z" not in Path(f"/proc/{pid}/stat").read_bytes():
        assert time.monotonic() < deadline, "the daemon is still there"
        time.sleep(0.01)


def test_a_daemon_of_a_task_that_is_timed_out_is_ended_with_it(play: Any, alive: Any) -> None:
    play.file("daemon_of_the_slow.py", DAEMON)
    play.plan(
        "tasks: {a: {run: [sh, -c, 'python3 daemon_of_the_slow.py; while [ ! -s daemon.pid ]; do sleep 0.02; done; sleep 975'], timeout: 2s}}\n"
    )

    play.run()

    play.outcomes(failed=1)
    play.says("timed out after 2 s")
    assert "left running" not in play.text
    assert not alive("daemon_of_the_slow.py")


def test_an_agent_that_replaces_its_logs_by_pipes_stops_nobody(play: Any) -> None:
    play.plan(
        "tasks: {a: {run: [sh, -c, 'cd $ORCH_TASK_DIR; rm std*.log; mkfifo stdout.log stderr.log agent-result.json; mkdir result.json; exit 3']}}\n"
    )

    play.run()

    play.outcomes(failed=1)
    play.says("exit 3")


def test_an_agent_that_removes_its_own_folder_fails_alone(play: Any) -> None:
    play.plan("tasks:\n  a: {run: [sh, -c, 'rm -rf $ORCH_TASK_DIR']}\n  b: {run: 'true'}\n")

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("left no exit status")
