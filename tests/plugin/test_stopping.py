"""Sessions that end before their time: `-x`, Ctrl-C, SIGTERM, a closed terminal, a person who is asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from local_sessions import CHAIN, LIMIT, cases, end_group, journal, plan, run, run_folder, states, wait_for

from orchharness.journal import read_journal
from orchharness.journal.lock import RunLock
from orchharness.pytest_plugin import signals

AGENT = """
import pathlib, signal, sys, time
name = sys.argv[1]
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(name + ".started").touch()
until = time.monotonic() + 20
while time.monotonic() < until and not pathlib.Path(name + ".go").exists():
    time.sleep(0.01)
pathlib.Path(name + ".ended").touch()
"""
LONG = """
limits: {parallel: 2}
tasks:
  left: {run: [python, agent.py, left]}
  right: {run: [python, agent.py, right, deaf]}
  after: {run: [touch, after.ran], needs: [left]}
"""

LIMITED = """
limits: {outage: 1h}
agents:
  a: {kind: command, run: [sh, -c, 'echo "{\\"status\\": \\"limited\\", \\"retry_after\\": 40}" > $ORCH_RESULT; exit 1']}
tasks:
  left: {agent: a, outputs: {text: left.md}}
"""


class Session:
    """A pytest session in a process and group of its own."""

    def __init__(self, pytester: pytest.Pytester, *words: str) -> None:
        self.path = pytester.path
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
        self.process = subprocess.Popen(
            argv,
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until_started(self, *names: str) -> None:
        wait_for(lambda: all((self.path / f"{n}.started").exists() for n in names))

    def send(self, number: int) -> float:
        self.process.send_signal(number)
        return time.monotonic()

    def output(self) -> str:
        return self.process.communicate(timeout=LIMIT)[0]


@pytest.fixture
def start(pytester: pytest.Pytester) -> Iterator[object]:
    pytester.makepyfile(agent=AGENT)
    sessions: list[Session] = []

    def begin(*words: str) -> Session:
        sessions.append(Session(pytester, *words))
        return sessions[-1]

    yield begin
    for session in sessions:
        end_group(session.process.pid)
        session.process.wait()
        session.process.stdout.close()


def agents(path: Path) -> list[str]:
    """Command lines of this test's agents that are still alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "cwd") == str(path) and b"agent.py" in (folder / "cmdline").read_bytes():
                found.append((folder / "cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


def kinds(pytester: pytest.Pytester) -> list[str]:
    return [record["event"] for record in journal(pytester)]


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupt_ends_everything_and_says_what_was_running(
    pytester: pytest.Pytester, start, number: int, reason: str
):
    plan(pytester, LONG)
    session = start()
    session.until_started("left", "right")
    sent = session.send(number)
    wait_for(lambda: not agents(pytester.path))
    took = time.monotonic() - sent
    text = session.output()
    records = read_journal(run_folder(pytester) / "journal.jsonl").records

    assert took < 2 + 1  # a second for a machine that is busy
    assert f"{reason}: ending what runs: left, right" in text
    assert f"stopped: {reason}" in text
    assert "was running and was ended: left, right" in text
    assert f"!!! Interrupted: {reason} !!!" in text
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert records[-1]["event"] == "RunFinished"
    assert records[-1]["state"] == "interrupted"
    assert states(pytester) == {"left": "cancelled", "right": "cancelled", "after": "skipped"}
    assert not (pytester.path / "after.ran").exists()
    assert (run_folder(pytester) / "report.html").exists()


def test_a_second_ctrl_c_is_no_reason_to_leave_anything_behind(pytester: pytest.Pytester, start):
    plan(pytester, LONG)
    session = start()
    session.until_started("left", "right")
    for _ in range(4):
        session.send(signal.SIGINT)
        time.sleep(0.05)
    text = session.output()

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in text
    assert agents(pytester.path) == []
    assert journal(pytester)[-1]["state"] == "interrupted"


TWICE = """
    import os, signal
    import orchharness.pytest_plugin.signals as signals
    from orchharness import hookimpl

    signals._PATIENCE = 600  # however long it takes to end here

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    @hookimpl
    def orchharness_update(event, run):
        if type(event).__name__ == "TaskFinished":
            interrupt()

    def pytest_keyboard_interrupt():
        interrupt()

    def pytest_sessionfinish(session):
        if not hasattr(session.config, "workerinput"):
            interrupt()

    def pytest_terminal_summary(terminalreporter):
        interrupt()
        terminalreporter.write_line("summed up")
    """


@pytest.mark.parametrize("mode", [[], ["-n2"]], ids=["n0", "n2"])
def test_a_ctrl_c_that_comes_twice_does_not_tear_the_end_of_the_session(
    pytester: pytest.Pytester, start, mode: list[str]
):
    pytester.makeconftest(TWICE)
    plan(pytester, CHAIN)
    session = start(*mode)
    text = session.output()

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "summed up" in text
    assert "!!! Interrupted: Ctrl-C !!!" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("mode", [[], ["-n1"]], ids=["n0", "n1"])
def test_after_an_interrupted_session_its_process_hears_ctrl_c_as_before(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mode: list[str]
):
    monkeypatch.setattr(signals, "_PATIENCE", 600)  # what the conftest sets as well is undone
    pytester.makeconftest(TWICE)
    plan(pytester, CHAIN)
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    result = run(pytester, *mode)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_ctrl_c_a_second_after_the_interrupt_acts_as_ever(monkeypatch: pytest.MonkeyPatch):
    now, heard = [0.0], []
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: now[0]))
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    own = signal.getsignal(signal.SIGINT)
    try:
        taken = signals.Signals()
        with pytest.raises(KeyboardInterrupt), taken:
            signal.raise_signal(signal.SIGINT)
        now[0] = 0.9
        signal.raise_signal(signal.SIGINT)
        assert heard == []
        now[0] = 1.1
        signal.raise_signal(signal.SIGINT)
        assert heard == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        taken.release()
        signal.signal(signal.SIGINT, before)


def test_what_was_decided_before_ctrl_c_is_reported(pytester: pytest.Pytester, start):
    pytester.makeconftest(
        """
        import os, signal
        from orchharness import hookimpl

        @hookimpl
        def orchharness_update(event, run):
            if type(event).__name__ == "TaskFinished" and event.task == "one":
                os.kill(os.getpid(), signal.SIGINT)
        """
    )
    plan(
        pytester, CHAIN.replace("other: {run: [touch, other.ran]}", "other: {run: [python, agent.py, other]}")
    )
    session = start("--junitxml=out.xml")
    text = session.output()

    assert "1 passed" in text
    assert "Interrupted: Ctrl-C" in text
    assert {
        name.rpartition(".")[2]: kind for name, (kind, _) in cases(pytester.path / "out.xml").items()
    } == {"one": "passed"}
    assert not (pytester.path / "two.ran").exists()
    assert journal(pytester)[-1]["state"] == "interrupted"


HANGING = """
import time
from orchharness import LocalProcess, Kind, hookimpl

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="stuck")]

@hookimpl
def orchharness_spawn(request):
    return LocalProcess.spawn(request, request.argv)

@hookimpl
def orchharness_poll(handle):
    return LocalProcess.poll(handle)

@hookimpl
def orchharness_cancel(handle):
    open("asked.started", "w").close()
    time.sleep(60)
"""


def test_a_second_ctrl_c_leaves_what_cannot_be_ended_and_says_so(pytester: pytest.Pytester, start):
    pytester.makeconftest(HANGING)
    plan(
        pytester,
        "agents: {x: {kind: stuck, run: [python, agent.py, left]}}\ntasks: {left: {agent: x}, after: {run: ['true'], needs: [left]}}\n",
    )
    session = start()
    session.until_started("left")
    session.send(signal.SIGINT)
    session.until_started("asked")
    session.send(signal.SIGINT)
    text = session.output()
    (pytester.path / "left.go").touch()

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Interrupted: Ctrl-C" in text
    ended = next(r for r in journal(pytester) if r["event"] == "TaskFinished")
    assert ended["detail"] == "Ctrl-C; it may still be running"
    assert journal(pytester)[-1]["state"] == "interrupted"
    wait_for(lambda: not agents(pytester.path))


def test_ctrl_c_reaches_a_session_whose_hook_hangs(pytester: pytest.Pytester, start):
    pytester.makeconftest(
        """
        import time
        from orchharness import hookimpl

        @hookimpl
        def orchharness_update(event, run):
            if type(event).__name__ == "TaskFinished":
                open("hook.started", "w").close()
                time.sleep(60)
        """
    )
    plan(pytester, CHAIN)
    session = start()
    session.until_started("hook")
    session.send(signal.SIGINT)
    time.sleep(1.1)
    session.send(signal.SIGINT)
    text = session.output()

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Interrupted: Ctrl-C" in text


def test_a_closed_terminal_detaches_and_agents_go_on(pytester: pytest.Pytester, start):
    plan(pytester, LONG)
    session = start()
    session.until_started("left", "right")
    session.send(signal.SIGHUP)
    text = session.output()
    alive = agents(pytester.path)
    for name in ("left", "right"):
        (pytester.path / f"{name}.go").touch()
    content = read_journal(run_folder(pytester) / "journal.jsonl")

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Interrupted: the terminal went away; agents go on" in text
    assert len([line for line in alive if "sh\0" not in line]) >= 2
    assert content.torn is None
    assert [r["event"] for r in content.records] == ["RunStarted", "TaskStarted", "TaskStarted"]
    wait_for(lambda: all((pytester.path / f"{n}.ended").exists() for n in ("left", "right")))
    acts = run_folder(pytester) / "acts"
    wait_for(lambda: all((acts / f"{n}.i1.a1" / "exit").exists() for n in ("left", "right")))
    wait_for(lambda: all((acts / f"{n}.i1.a1" / "exit").read_text() == "0\n" for n in ("left", "right")))
    with RunLock(run_folder(pytester) / "lock"):
        pass  # the lock is free for who resumes


def test_only_after_ctrl_c_do_agents_go_on_where_interrupts_detach(pytester: pytest.Pytester, start):
    plan(pytester, LONG)
    session = start("--orch-on-interrupt=detach")
    session.until_started("left", "right")
    session.send(signal.SIGTERM)
    text = session.output()
    records = read_journal(run_folder(pytester) / "journal.jsonl").records

    assert "Interrupted: SIGTERM" in text
    assert agents(pytester.path) == []
    assert [r["outcome"] for r in records if r["event"] == "TaskFinished"] == ["cancelled", "cancelled"]


@pytest.mark.parametrize("mode", [[], ["-n2"]], ids=["n0", "n2"])
@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGHUP, []), (signal.SIGINT, ["--orch-on-interrupt=detach"])],
    ids=["SIGHUP", "detach"],
)
def test_who_leaves_a_run_says_whether_an_agent_is_at_work_and_how_long_it_took(
    pytester: pytest.Pytester, start, number: int, words: list[str], mode: list[str]
):
    plan(pytester, LIMITED)
    session = start(*mode, *words)
    wait_for(lambda: list(pytester.path.glob(".orchharness/*/*/journal.jsonl")))
    wait_for(lambda: "TaskFinished" in kinds(pytester))
    session.send(number)
    text = session.output()

    assert session.process.returncode == pytest.ExitCode.INTERRUPTED
    assert "; no agent is at work" in text
    assert "agents go on" not in text
    assert "--orch-resume goes on with the run" in text
    seconds = float(re.search(r"^1 act in (\S+) s; one after another", text, re.MULTILINE)[1])
    assert 0 <= seconds < LIMIT


@pytest.mark.parametrize("mode", [[], ["-n2"]], ids=["n0", "n2"])
def test_a_report_is_named_only_where_there_is_one(pytester: pytest.Pytester, start, mode: list[str]):
    plan(pytester, LIMITED)
    session = start(*mode)
    wait_for(lambda: list(pytester.path.glob(".orchharness/*/*/journal.jsonl")))
    wait_for(lambda: "TaskFinished" in kinds(pytester))
    session.send(signal.SIGHUP)
    text = session.output()
    found = re.search(r"^(report|run directory): (.*)$", text, re.MULTILINE)

    assert found is not None
    folder = run_folder(pytester).resolve()
    there = (folder / "report.html").exists()
    assert found[1] == ("report" if there else "run directory")
    assert Path(found[2]).resolve() == (folder / "report.html" if there else folder)


def test_nohup_is_respected(pytester: pytest.Pytester, start):
    plan(pytester, "tasks: {left: {run: [python, agent.py, left]}}")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        session = start()
    finally:
        signal.signal(signal.SIGHUP, before)
    session.until_started("left")
    session.send(signal.SIGHUP)
    (pytester.path / "left.go").touch()

    assert "1 passed" in session.output()
    assert session.process.returncode == 0


FIRST_FAILS = """
limits: {parallel: 2}
tasks:
  works: {run: [python, agent.py, works]}
  breaks: {run: [sh, -c, "until [ -e works.started ]; do sleep 0.01; done; exit 1"]}
  later: {run: [touch, later.ran], needs: [works]}
"""


@pytest.mark.parametrize("words", [["-x"], ["--maxfail=1"]])
def test_after_x_nothing_new_starts_and_running_acts_finish(pytester: pytest.Pytester, words: list[str]):
    pytester.makepyfile(agent=AGENT)
    plan(pytester, FIRST_FAILS)
    pytester.makeconftest(
        """
        def pytest_runtest_logreport(report):
            if report.failed:
                open("works.go", "w").close()
        """
    )
    result = run(pytester, *words)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "stopping after 1 failures: nothing new starts, still running: works*",
            "stopped: stopping after 1 failures",
            "not done: later",
            "!* stopping after 1 failures !*",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (pytester.path / "works.ended").exists()
    assert not (pytester.path / "later.ran").exists()
    assert journal(pytester)[-1]["state"] == "failed"


def test_maxfail_counts_both_kinds(pytester: pytest.Pytester):
    plan(pytester, "limits: {parallel: 1}\ntasks: {one: {run: ['false']}, two: {run: [touch, two.ran]}}")
    pytester.makepyfile(test_ordinary="def test_bad(): assert 0")

    result = run(pytester, "--maxfail=2")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["!* stopping after 2 failures !*"])
    assert not (pytester.path / "two.ran").exists()


def test_x_in_an_ordinary_test_starts_no_plan(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makepyfile(test_ordinary="def test_bad(): assert 0")

    run(pytester, "-x").assert_outcomes(failed=1)
    assert not (pytester.path / ".orchharness").exists()


def test_x_starts_no_further_plan(pytester: pytest.Pytester):
    plan(pytester, "tasks: {one: {run: ['false']}}")
    plan(pytester, CHAIN, "b")

    run(pytester, "-x").assert_outcomes(failed=1)
    assert not (pytester.path / "one.ran").exists()


ASKS = """
tasks:
  work: {run: [sh, -c, "echo x > x.txt"], outputs: {x: x.txt}, gate: {id: G-X, checks: [{run: ["false"]}], max_iterations: 1, on_exhausted: ask}}
  waits: {run: [touch, waits.ran], needs: [work]}
  free: {run: ["true"]}
"""


def test_a_paused_run_ends_with_its_own_status(pytester: pytest.Pytester):
    plan(pytester, ASKS)

    result = run(pytester, "-rs", "-v", "--junitxml=out.xml")

    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["PAUSED G-X *"])
    result.stdout.fnmatch_lines(["a.plan.yaml::tasks::G-X SKIPPED (paused: *"])
    result.stdout.fnmatch_lines(["a.plan.yaml::tasks::waits SKIPPED (paused: waits for G-X)*"])
    result.stdout.fnmatch_lines(["*= plan a: paused =*"])
    assert result.ret == 7
    assert not (pytester.path / "waits.ran").exists()
    assert sum(outcome == "skipped" for outcome, _ in cases(pytester.path / "out.xml").values()) == 2


def test_a_paused_run_beside_a_failure_ends_with_1(pytester: pytest.Pytester):
    plan(pytester, ASKS)
    pytester.makepyfile(test_ordinary="def test_bad(): assert 0")

    result = run(pytester)

    result.assert_outcomes(passed=2, skipped=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_failure_in_the_paused_run_itself_ends_with_1(pytester: pytest.Pytester):
    plan(pytester, ASKS + "  bad: {run: ['false']}\n")

    result = run(pytester)

    result.assert_outcomes(passed=2, skipped=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_run_that_cannot_be_recorded_any_more_is_never_green(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    from orchharness.errors import JournalError
    from orchharness.journal import Journal

    append = Journal.append
    appended = []

    def full(self, *args, **kwargs):
        appended.append(args)
        if len(appended) > 3:
            msg = "journal.jsonl: no space left on device"
            raise JournalError(msg)
        return append(self, *args, **kwargs)

    monkeypatch.setattr(Journal, "append", full)
    plan(pytester, CHAIN)

    result = run(pytester)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*no space left on device*", "!* Interrupted: *no space left on device !*"])
    assert not (pytester.path / "three.ran").exists()


def test_a_plugin_that_raises_while_reports_are_told_leaves_nothing_running(pytester: pytest.Pytester, start):
    plan(pytester, LONG.replace("parallel: 2", "parallel: 3") + "  bad: {run: ['false']}\n")
    pytester.makeconftest(
        """
        def pytest_runtest_logreport(report):
            if report.when == "call":
                raise RuntimeError("a bug of a plugin")
        """
    )
    session = start("-o", "orch_dir=runs")
    text = session.output()

    assert "INTERNALERROR> RuntimeError: a bug of a plugin" in text
    assert session.process.returncode == pytest.ExitCode.INTERNAL_ERROR
    assert agents(pytester.path) == []
    (path,) = (pytester.path / "runs").glob("a-*/latest/journal.jsonl")
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "RunFinished"
