import os
import signal
import time

import pytest

from orchharness.agents import proc
from orchharness.agents.command import marker_of
from orchharness.agents.local import LocalProcess
from orchharness.core.acts import Finished

# Leaves the session and the group, and is nobody's child any more.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
        time.sleep(600)
    os._exit(0)
os.wait()
if len(sys.argv) > 2:
    time.sleep(600)
"""
STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.fork()
open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
time.sleep(600)
"""
# Each process makes the next and ends; every one is in a session of its own.
HOPPER = """
import os, sys, time
open(sys.argv[1], "w").write("up\\n")
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.002)
"""
RESPAWNER = """
import os, sys
def child():
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "600"])
for _ in range(5):
    child()
open(sys.argv[1], "w").write("up\\n")
while True:
    os.wait()
    child()
"""


def gone(pid):
    found = proc.look(pid)
    return found is None or not found.alive


@pytest.fixture
def started(acts, line_from):
    """Starts Python code that says a line when it is up; the handle and the line."""

    def start(code, *words):
        path, read = line_from
        handle = acts.python(code, str(path), *words)
        return handle, read()

    return start


def test_a_daemon_that_left_session_and_group_is_ended(acts, started):
    handle, pid = started(DAEMON, "stay")

    assert LocalProcess.cancel(handle)
    assert gone(int(pid))


def test_a_daemon_is_ended_also_when_the_act_itself_is_over(acts, started):
    handle, pid = started(DAEMON)
    result = acts.wait(handle)

    assert result == Finished(ok=True, exit=0)
    assert [found.pid for found in LocalProcess.sweep(acts.keys)] == [int(pid)]
    assert LocalProcess.cancel(handle)
    assert gone(int(pid))


def test_processes_that_ignore_every_polite_signal_are_ended(started):
    handle, _ = started(STUBBORN)

    assert LocalProcess.cancel(handle, grace=0.1)


def test_stopped_processes_are_ended(acts, line_from):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"echo $$ >{path}; sleep 600")
    for pid in (int(read()), acts.pid(handle)):
        os.kill(pid, signal.SIGSTOP)

    assert LocalProcess.cancel(handle)


def test_a_process_that_hops_from_pid_to_pid_is_ended(acts, started):
    handle, _ = started(HOPPER)

    assert LocalProcess.cancel(handle, grace=0.0)
    assert LocalProcess.sweep(acts.keys) == []


def test_children_that_are_started_again_whenever_they_die_are_ended(acts, started):
    handle, _ = started(RESPAWNER)

    assert LocalProcess.cancel(handle, grace=0.05)
    assert LocalProcess.sweep(acts.keys) == []


def test_a_child_without_the_marker_is_found_through_its_parents_and_session(acts, line_from):
    path, read = line_from
    handle = acts.spawn(
        "sh", "-c", f"env -i sh -c 'echo $$ >{path}; exec sleep 600' & env -i setsid sleep 600"
    )
    pid = int(read())

    assert LocalProcess.cancel(handle)
    assert gone(pid)


def test_a_polite_process_gets_its_time_to_clean_up(acts, tmp_path, line_from):
    path, read = line_from
    script = (
        f"trap 'echo cleaned >{tmp_path}/done; exit 0' TERM; echo up >{path}; while :; do sleep 0.01; done"
    )
    handle = acts.spawn("sh", "-c", script)
    read()

    assert LocalProcess.cancel(handle, grace=10.0)
    assert (tmp_path / "done").read_text() == "cleaned\n"


def test_cancelling_does_not_wait_longer_than_it_must(acts, line_from):
    path, read = line_from
    handle = acts.spawn("sh", "-c", f"echo up >{path}; exec sleep 600")
    read()
    begun = time.monotonic()

    assert LocalProcess.cancel(handle, grace=10.0)
    assert time.monotonic() - begun < 5


def test_an_act_within_an_act_is_found_by_both_markers(acts, line_from, monkeypatch):
    path, read = line_from
    outer = "0123456789abcdef" * 2
    monkeypatch.setenv(marker_of(outer).partition("=")[0], "1")
    handle = acts.spawn("sh", "-c", f"echo $$ >{path}; exec sleep 600")
    pid = int(read())

    assert pid in {found.pid for found in LocalProcess.sweep([outer])}
    assert pid in {found.pid for found in LocalProcess.sweep(acts.keys)}
    assert LocalProcess.cancel(handle)


@pytest.mark.parametrize("more", [0, 300])
def test_a_process_is_found_also_while_it_becomes_another_program(acts, line_from, tmp_path, more):
    """Also where its environment is more than a page of the kernel, or a buffer of Python's, holds."""
    path, read = line_from
    (tmp_path / "again.sh").write_text("exec sh again.sh\n")
    variables = "".join(f"export A{number}={'x' * 100}\n" for number in range(more))
    (tmp_path / "first.sh").write_text(f"{variables}echo $$ >{path}\nexec sh again.sh\n")
    handle = acts.spawn("sh", "-c", f"cd {tmp_path} && exec sh first.sh")
    pid = int(read())

    assert all(pid in {found.pid for found in LocalProcess.sweep(acts.keys)} for _ in range(300))
    assert LocalProcess.cancel(handle)


def test_sweep_finds_only_what_was_asked_for_and_names_its_command(acts, line_from):
    path, read = line_from
    first = acts.spawn("sh", "-c", f"echo up >{path}; exec sleep 601")
    read()
    second = acts.spawn("sh", "-c", f"echo up >{path}; exec sleep 602")
    read()

    commands = [found.command for found in LocalProcess.sweep(acts.keys[:1])]
    assert any("sleep 601" in command for command in commands)
    assert not any("sleep 602" in command for command in commands)
    assert LocalProcess.sweep([]) == []
    assert LocalProcess.cancel(first)
    assert LocalProcess.cancel(second)


def test_end_kills_what_sweep_found_and_nothing_that_carries_no_marker(acts):
    acts.pid(acts.spawn("sleep", "600"))  # it is there before it is looked for
    bystander = os.posix_spawn("/bin/sleep", ("sleep", "600"), {})
    try:
        while found := LocalProcess.sweep(acts.keys):
            LocalProcess.end([bystander, *(survivor.pid for survivor in found)])
        assert not gone(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)


def test_markers_differ_by_name_for_any_key():
    keys = ["0" * 32, "1" * 32, "not hex, but long enough to be a key", "short", "SHORT"]
    names = [marker_of(key).partition("=")[0] for key in keys]

    assert len(set(names)) == len(keys)
    assert all(name.startswith("ORCH_ACT_") and len(name) == 25 and name.isidentifier() for name in names)
    assert marker_of("ABCDEF0123456789ff") == "ORCH_ACT_abcdef0123456789=1"
