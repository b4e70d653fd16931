"""The lock that makes the one writer one."""

import os
import subprocess
import sys

import pytest

from orchharness.errors import RunBusyError
from orchharness.journal import RunLock


def test_a_second_orchestrator_is_refused_with_the_owners_pid(tmp_path):
    with RunLock(tmp_path / "lock"), pytest.raises(RunBusyError) as caught:
        RunLock(tmp_path / "lock").acquire()

    assert str(caught.value) == (
        f"{tmp_path}: another orchestrator owns it (pid {os.getpid()}); wait until it is done"
    )


def test_a_released_lock_can_be_taken_again(tmp_path):
    first = RunLock(tmp_path / "deep" / "lock").acquire()
    first.release()
    first.release()
    second = RunLock(tmp_path / "deep" / "lock").acquire()

    assert second.held
    assert not first.held
    second.release()


def test_taking_a_held_lock_again_is_fine(tmp_path):
    lock = RunLock(tmp_path / "lock").acquire()

    assert lock.acquire() is lock
    lock.release()


def test_the_lock_of_a_dead_owner_is_free(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from orchharness.journal import RunLock\n"
        "RunLock(Path(sys.argv[1])).acquire(); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lock")], check=False, env=dict(os.environ)
    )

    assert done.returncode == 9
    assert (tmp_path / "lock").read_text().strip().isdigit()
    RunLock(tmp_path / "lock").acquire().release()


def test_a_lock_is_not_inherited_by_what_is_spawned(tmp_path):
    lock = RunLock(tmp_path / "lock").acquire()
    child = subprocess.Popen(["sleep", "20"])
    lock.release()
    try:
        RunLock(tmp_path / "lock").acquire().release()
    finally:
        child.kill()
        child.wait()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "target")

    with pytest.raises(OSError, match="symbolic"):
        RunLock(tmp_path / "lock").acquire()
    assert (tmp_path / "target").read_text() == "precious"
