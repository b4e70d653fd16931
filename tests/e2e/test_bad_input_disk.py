"""A disk that is full or refuses, sessions beside each other, and an orchestrator that is killed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchharness.errors import JournalError
from orchharness.journal import Journal, read_journal

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-ra"]


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """What `holds` returns once it is true."""
    deadline = time.monotonic() + 15
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
    return found


@pytest.fixture
def session(play: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts sessions that go on beside the test, and ends them with it."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PYTEST, *words], cwd=play.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


# ---- the disk --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not can_mount(), reason="no right to mount a small file system")
def test_a_full_disk_stops_the_run_cancels_nothing_and_is_said(play: Any) -> None:
    play.plan(
        """
        limits: {parallel: 2}
        tasks:
          goes_on: {run: [sh, -c, 'touch begun; while [ ! -e full ]; do sleep 0.02; done; sleep 0.5; touch went_on']}
          filler: {run: [sh, -c, 'while [ ! -e begun ]; do sleep 0.02; done; cat /dev/zero > small/fill 2>/dev/null; touch full']}
          next: {needs: [filler], run: [touch, next]}
        """
    )
    (play.root / "small").mkdir()
    command = (
        f"mount -t tmpfs -o size=1m none small && {' '.join(PYTEST)} --orch-dir small/runs play.plan.yaml"
    )

    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command],
        cwd=play.root,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )

    assert (play.root / "went_on").exists(), done.stdout + done.stderr
    assert not (play.root / "next").exists()
    assert "No space left on device" in done.stdout
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.skipif(not can_mount(), reason="no right to mount a small file system")
def test_a_disk_that_cannot_be_written_is_refused_in_one_line(play: Any) -> None:
    play.plan("tasks: {a: {run: [touch, ran]}}\n")
    (play.root / "small").mkdir()
    command = f"mount -t tmpfs -o ro none small && {' '.join(PYTEST)} --orch-dir small/runs play.plan.yaml"

    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command],
        cwd=play.root,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )

    assert "cannot be made: Read-only file system; --orch-dir FOLDER puts runs elsewhere" in done.stdout
    assert "1 error" in done.stdout
    assert done.returncode == 1
    assert not (play.root / "ran").exists()


@pytest.mark.parametrize(
    ("method", "at"), [("append", n) for n in range(1, 9)] + [("sync", n) for n in range(1, 7)]
)
def test_a_journal_that_breaks_at_any_record_ends_the_run_red_and_says_so(
    play: Any, monkeypatch: pytest.MonkeyPatch, method: str, at: int
) -> None:
    original, calls = getattr(Journal, method), []

    def failing(self: Journal, *args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) >= at:
            raise JournalError(f"{self.path}: {os.strerror(errno.ENOSPC)}")
        return original(self, *args, **options)

    monkeypatch.setattr(Journal, method, failing)
    play.plan(
        """
        tasks:
          a: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}, gate: {checks: [{run: [test, -s, a.md]}]}}
          b: {needs: [a], run: [sh, -c, 'echo x > b.md'], outputs: {b: b.md}}
          c: {needs: [b], run: 'true'}
        """
    )

    play.run()

    play.says("No space left on device")
    assert play.status != 0
    assert "INTERNALERROR" not in play.text


def test_a_state_file_that_cannot_be_written_stops_the_run(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchharness.journal import StateFile

    def failing(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(StateFile, "flush", failing)
    play.plan("tasks:\n  a: {run: 'true'}\n  b: {needs: [a], run: 'true'}\n")

    play.run()

    play.says("No space left on device")
    assert play.status != 0
    assert "INTERNALERROR" not in play.text


def test_a_result_that_cannot_be_stored_is_not_lost(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("orchharness.run.runner.write_result", failing)
    play.plan("tasks:\n  a: {run: 'true'}\n  b: {needs: [a], run: 'true'}\n")

    play.run()

    play.outcomes(passed=2)


# ---- sessions --------------------------------------------------------------------------------------------


def test_a_second_session_in_the_same_root_is_refused_with_the_pid_of_the_first(
    play: Any, session: Any
) -> None:
    play.plan("tasks: {a: {run: [sh, -c, 'touch begun; while [ ! -e go ]; do sleep 0.02; done']}}\n")
    first = session("play.plan.yaml")
    eventually((play.root / "begun").exists, "the first session")

    play.run("play.plan.yaml", "--orch-dir", "elsewhere", subprocess=True)
    second = play.text
    (play.root / "go").touch()
    output, _ = first.communicate(timeout=20)

    play.outcomes(errors=1)
    assert f"another session runs a plan in {play.root} (pid {first.pid}): wait until it is done" in second
    assert play.status == 1
    assert "1 passed" in output
    assert not list((play.root / "elsewhere").rglob("journal.jsonl"))


def test_plans_with_a_workspace_of_their_own_run_side_by_side(play: Any, session: Any) -> None:
    play.file("ws/a", "")
    wait = "touch {root}/{me}; while [ ! -e {root}/{other} ]; do sleep 0.02; done"
    for me, other in (("one", "two"), ("two", "one")):
        run = wait.format(root=play.root, me=me, other=other)
        play.plan(f"workspace: {{copy: ws}}\ntasks: {{a: {{run: [sh, -c, '{run}'], timeout: 15s}}}}\n", me)

    sessions = [session(f"{name}.plan.yaml") for name in ("one", "two")]
    outputs = [s.communicate(timeout=25)[0] for s in sessions]

    assert ["1 passed" in o for o in outputs] == [True, True], outputs


def test_the_lock_is_free_when_its_owner_was_killed(play: Any, session: Any, alive: Any) -> None:
    play.plan("tasks: {a: {run: [sh, -c, 'touch begun; test -e go || sleep 976']}}\n")
    first = session("play.plan.yaml")
    eventually((play.root / "begun").exists, "the first session")
    first.kill()
    first.wait()
    for pid in alive("sleep\x00976"):
        os.kill(pid, signal.SIGKILL)
    (play.root / "go").touch()

    play.run()

    play.outcomes(passed=1)


# ---- kill -9 ---------------------------------------------------------------------------------------------


def test_after_a_kill_the_journal_can_be_read_and_the_agents_go_on(play: Any, session: Any) -> None:
    play.plan(
        """
        tasks:
          a: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}}
          b: {needs: [a], run: [sh, -c, 'touch begun; while [ ! -e go ]; do sleep 0.02; done; touch done']}
        """
    )
    first = session("play.plan.yaml")
    eventually((play.root / "begun").exists, "the second task")
    first.send_signal(signal.SIGKILL)
    first.wait()

    records = read_journal(play.run_dir / "journal.jsonl").records
    (play.root / "go").touch()

    assert [r["event"] for r in records][-1] == "TaskStarted"
    eventually((play.root / "done").exists, "the agent's end")
    exit_file = play.act("b.i1.a1") / "exit"
    eventually(lambda: exit_file.exists() and exit_file.read_text() == "0\n", "its exit status")


def test_a_torn_last_record_is_left_out_and_told(play: Any) -> None:
    play.plan("tasks: {a: {run: 'true'}}\n")
    play.run()
    path = play.run_dir / "journal.jsonl"
    text = path.read_bytes()
    path.write_bytes(text[:-20])

    content = read_journal(path)

    assert len(content.records) == text.count(b"\n") - 1
    assert "the last record was cut off" in str(content.torn)


def test_nothing_of_a_run_is_kept_in_the_project_but_a_link(play: Any) -> None:
    play.plan("tasks: {a: {run: 'true'}}\n")

    play.run()

    left = sorted(p.name for p in play.root.iterdir())
    assert left == [".orchharness", "play.plan.yaml", "tox.ini"]
    assert (play.root / ".orchharness").is_symlink()
    assert (play.root / ".orchharness").readlink() == play.run_dir.parent.parent
