"""What stops a session before its time: enough failures, Ctrl-C, SIGTERM, a terminal that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from xdist_sessions import (
    alive,
    cases,
    end_group,
    journal,
    lines_of,
    plan,
    run_folder,
    session,
    states,
    wait_for,
)

FAILS_WHILE_OTHERS_RUN = """
limits: {parallel: 2}
tasks:
  slow: {run: [sh, -c, "touch slow; sleep 1; touch done"]}
  bad: {run: [sh, -c, "while [ ! -e slow ]; do sleep 0.02; done; exit 1"]}
  next: {needs: [slow], run: [touch, next]}
"""


@pytest.mark.parametrize("mode", ["-n0", "-n2"])
@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_after_enough_failures_nothing_new_starts_and_what_runs_comes_to_its_end(
    pytester: pytest.Pytester, option: str, mode: str
) -> None:
    plan(pytester, FAILS_WHILE_OTHERS_RUN)

    result = session(pytester, mode, option, "--junitxml=junit.xml")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "stopping after 1 failures: nothing new starts, still running: slow*",
            "*! stopping after 1 failures !*",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (pytester.path / "done").exists()
    assert not (pytester.path / "next").exists()
    assert {c: found[0] for c, found in cases(pytester.path / "junit.xml").items()} == {
        "a.plan.yaml.tasks.slow": "passed",
        "a.plan.yaml.tasks.bad": "failure",
    }


@pytest.mark.parametrize("mode", ["-n0", "-n2"])
def test_enough_failures_of_ordinary_tests_keep_the_plan_from_starting(
    pytester: pytest.Pytester, mode: str
) -> None:
    pytester.makepyfile(test_o="def test_bad(): assert 0")
    plan(pytester, "tasks: {a: {run: [touch, started]}}")

    result = session(pytester, mode, "-x")

    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not (pytester.path / "started").exists()


@pytest.mark.parametrize("mode", ["-n0", "-n1"])
def test_failures_of_tests_and_of_tasks_are_counted_together(pytester: pytest.Pytester, mode: str) -> None:
    pytester.makepyfile(test_o="def test_bad(): assert 0")
    plan(
        pytester,
        "tasks: {a: {run: ['false']}, b: {run: [touch, started], needs: [a], trigger_rule: all_done}}",
    )

    result = session(pytester, mode, "--maxfail=2")

    result.assert_outcomes(failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not (pytester.path / "started").exists()


LONG = """
limits: {parallel: 2}
tasks:
  a: {run: [sh, -c, "echo $$ > pid.part; mv pid.part a.pid; sleep 60"]}
  b: {run: [sh, -c, "echo $$ > pid2.part; mv pid2.part b.pid; sleep 60"]}
  c: {run: ["true"], needs: [a]}
"""


class Session:
    """A pytest session in a process group of its own, with its acts running."""

    def __init__(self, pytester: pytest.Pytester, *args: str) -> None:
        plan(pytester, LONG)
        self.out = pytester.path / "out.txt"
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
                cwd=pytester.path,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            for name in ("a.pid", "b.pid"):
                wait_for((pytester.path / name).exists)
        except AssertionError:
            self.end()
            raise AssertionError(self.out.read_text()) from None
        self.acts = [int((pytester.path / n).read_text()) for n in ("a.pid", "b.pid")]

    def workers(self) -> list[int]:
        """Children that execnet began; what renders reports is a child as well."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        children = [p for t in tasks.iterdir() for p in (t / "children").read_text().split()]
        return [int(p) for p in children if b"sys.stdin.readline" in Path(f"/proc/{p}/cmdline").read_bytes()]

    def end(self) -> str:
        try:
            self.process.wait(25)
        finally:
            end_group(self.process.pid)
        return self.out.read_text()


@pytest.mark.parametrize(
    ("how", "number", "name"),
    [
        ("controller", signal.SIGINT, "Ctrl-C"),
        ("group", signal.SIGINT, "Ctrl-C"),
        ("controller", signal.SIGTERM, "SIGTERM"),
    ],
)
def test_an_interrupt_ends_all_acts_and_says_what_was_running(
    pytester: pytest.Pytester, how: str, number: signal.Signals, name: str
) -> None:
    running = Session(pytester, "-n2")
    workers = running.workers()

    (os.killpg if how == "group" else os.kill)(running.process.pid, number)
    out = running.end()

    assert running.process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert not [p for p in running.acts if alive(p)]
    wait_for(lambda: not [p for p in workers if alive(p)])
    found = states(pytester)
    assert (found["a"], found["b"]) == ("cancelled", "cancelled")
    assert found["c"] != "passed"
    assert journal(pytester)[-1]["event"] == "RunFinished"
    assert f"{name}: ending what runs: a, b" in out
    assert "was running and was ended: a, b" in out
    assert f"Interrupted: {name}" in out
    assert "INTERNALERROR" not in out
    assert "Traceback" not in out


def test_when_the_terminal_goes_away_the_agents_go_on(pytester: pytest.Pytester) -> None:
    running = Session(pytester, "-n2")
    try:
        os.kill(running.process.pid, signal.SIGHUP)
        out = running.end()

        assert running.process.returncode == pytest.ExitCode.INTERRUPTED, out
        assert all(alive(p) for p in running.acts)
        assert "the terminal went away; agents go on" in out
        assert journal(pytester)[-1]["event"] != "RunFinished"
    finally:
        for pid in running.acts:
            end_group(os.getpgid(pid))


def test_workers_of_a_dead_controller_leave_and_the_agents_go_on(pytester: pytest.Pytester) -> None:
    running = Session(pytester, "-n2")
    try:
        workers = running.workers()
        assert len(workers) == 2

        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)

        wait_for(lambda: not [p for p in workers if alive(p)], 10)
        assert all(alive(p) for p in running.acts)
        assert "Traceback" not in running.out.read_text()
    finally:
        end_group(running.process.pid)
        for pid in running.acts:
            end_group(os.getpgid(pid))


def test_a_plugin_that_stops_the_session_stops_the_plans(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(
        """
def pytest_runtest_logreport(report):
    if report.when == "call" and report.failed and session:
        session[0].shouldstop = "a plugin wants it"
session = []
def pytest_sessionstart(session): globals()["session"].append(session)
"""
    )
    plan(
        pytester,
        "tasks: {a: {run: ['false']}, b: {run: [touch, started], needs: [a], trigger_rule: all_done}}",
    )

    result = session(pytester, "-n1")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Interrupted: a plugin wants it*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert lines_of(run_folder(pytester) / "nothing") == []
    assert not (pytester.path / "started").exists()
