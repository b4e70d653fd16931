import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_acts import SECONDS, acts_in, supervisor

from orchharness.agents.local import LocalProcess
from orchharness.agents.supervised import SUPERVISION, supervised
from orchharness.core.acts import Finished, Lost, Running

MANY = 1000
AT_ONCE = 32
SPAWNER = """
import os, select, signal, sys
from orchharness.agents.local import LocalProcess
from orchharness.agents.supervised import SUPERVISION
from orchharness.core.acts import SpawnRequest
SUPERVISION.begin()
assert select.select([SUPERVISION.channel], [], [], 20)[0]
request = SpawnRequest(key=sys.argv[1], act='a', kind='command', folder=sys.argv[2], cwd=sys.argv[2])
print(LocalProcess.spawn(request, sys.argv[3:], supervised=True).data["supervisor"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def acts(tmp_path):
    with supervisor(), acts_in(tmp_path, supervised=True) as made:
        yield made


@pytest.fixture
def gate(tmp_path):
    """A fifo that acts wait at, and a function that lets one through."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path, lambda: path.write_text("go\n")


def supervisor_of(handle):
    return handle.data["supervisor"]


def wait_for_end(pid):
    """Until a process that is not ours, or is, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], SECONDS)[0], "it did not end"
    finally:
        os.close(descriptor)


def descriptors(pid="self"):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children():
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


# ---- when somebody is killed -------------------------------------------------------------------------------


def test_when_who_asked_is_killed_the_act_goes_on_and_the_supervisor_ends_with_it(acts, gate):
    path, go = gate
    request = acts.request(("sh", "-c", f"read x <{path}; echo survived; exit 5"))
    spawner = subprocess.run(
        [sys.executable, "-c", SPAWNER, request.key, request.folder, *request.argv],
        check=False,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pid = int(spawner.stdout)
    while not Path(request.folder, "handle.json").exists():
        pass
    handle = acts.start(request)

    assert spawner.returncode == -signal.SIGKILL
    assert LocalProcess.poll(handle) == Running()
    go()
    assert acts.wait(handle) == Finished(ok=False, exit=5, detail="exit 5", answer="survived\n")
    wait_for_end(pid)


def test_when_the_supervisor_is_killed_acts_go_on_and_their_ends_are_lost(acts, gate):
    path, go = gate
    handle = acts.spawn("sh", "-c", f"read x <{path}; echo went on >{path}.out")
    acts.pid(handle)
    os.kill(supervisor_of(handle), signal.SIGKILL)
    acts.wait_for_leader(handle)

    assert LocalProcess.poll(handle) == Running()
    go()
    assert acts.wait(handle) == Lost("its process is gone and left no exit status")
    assert Path(f"{path}.out").read_text() == "went on\n"


def test_when_the_supervisor_is_killed_acts_are_started_without_it(acts):
    first = acts.spawn("true")
    acts.wait(first)
    os.kill(supervisor_of(first), signal.SIGKILL)
    wait_for_end(supervisor_of(first))
    second = acts.spawn("sh", "-c", "exit 3")

    assert second.data["pid"] != 0
    assert acts.wait(second).exit == 3


def test_an_act_that_a_killed_supervisor_did_not_come_to_is_started_all_the_same(acts):
    first = acts.spawn("true")
    acts.wait(first)
    os.kill(supervisor_of(first), signal.SIGSTOP)
    handle = acts.spawn("sh", "-c", "echo started; exit 3")
    assert LocalProcess.poll(handle) == Running()
    os.kill(supervisor_of(handle), signal.SIGKILL)
    acts.wait_for_leader(handle)

    assert acts.wait(handle) == Finished(ok=False, exit=3, detail="exit 3", answer="started\n")


def test_signals_of_a_terminal_or_a_polite_end_do_not_reach_the_acts_through_it(acts, gate):
    path, go = gate
    handle = acts.spawn("sh", "-c", f"read x <{path}; exit 4")
    pid = supervisor_of(handle)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    acts.pid(handle)

    assert os.getsid(pid) == pid
    go()
    assert acts.wait(handle).exit == 4


# ---- one act, one start ------------------------------------------------------------------------------------


def test_it_starts_nothing_that_somebody_else_has_claimed(acts):
    request = acts.request(("sh", "-c", "echo started"))
    claim = Path(request.folder, "pid")
    claim.write_text("1\n")
    handle = SUPERVISION.spawn(request, request.argv, "command", ("/bin/echo", "x"), {})
    acts.wait_for_leader(handle)

    assert acts.wait(handle) == Lost("its process is gone and left no exit status")
    assert sorted(path.name for path in Path(request.folder).iterdir()) == ["pid"]


def test_an_act_that_is_cancelled_before_the_supervisor_comes_to_it_is_never_started(acts):
    first = acts.spawn("true")
    acts.wait(first)
    pid = supervisor_of(first)
    os.kill(pid, signal.SIGSTOP)
    handle = acts.spawn("touch", "started")

    assert LocalProcess.cancel(handle)
    os.kill(pid, signal.SIGCONT)
    acts.wait(acts.spawn("true"))  # requests are taken in order
    assert not (acts.root / "started").exists()
    assert acts.wait(handle) == Lost("its process is gone and left no exit status")


def test_what_an_act_puts_in_place_of_its_exit_file_stops_nobody(acts):
    fifo = acts.spawn("sh", "-c", 'mkfifo "$D/exit"; exit 3', env={"D": str(acts.root / "act-1")})
    forged = acts.spawn("sh", "-c", 'echo 0 >"$D/exit"; exit 4', env={"D": str(acts.root / "act-2")})
    folder = acts.spawn("sh", "-c", 'mkdir "$D/exit"; exit 5', env={"D": str(acts.root / "act-3")})

    assert [acts.wait(handle).exit for handle in (fifo, forged, folder)] == [3, 4, 5]


# ---- many acts, and nothing left of them -------------------------------------------------------------------


def test_a_thousand_quick_acts_all_end_with_their_own_status_and_leave_no_descriptor(acts):
    def run(count):
        live = []
        for number in range(count):
            if len(live) == AT_ONCE:
                yield acts.wait(live.pop(0)).exit
            live.append(acts.spawn("sh", "-c", f"exit {number % 7}"))
        for handle in live:
            yield acts.wait(handle).exit

    first = acts.spawn("true")
    acts.wait(first)
    pid = supervisor_of(first)
    before = descriptors(), descriptors(pid)
    ends = list(run(MANY))

    assert ends == [number % 7 for number in range(MANY)]
    assert (descriptors(), descriptors(pid)) == before


def test_it_holds_nothing_of_its_caller_but_the_channel(acts):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003
    SUPERVISION.end()
    SUPERVISION.begin()
    assert select.select([SUPERVISION.channel], [], [], SECONDS)[0]
    handle = acts.spawn("true")
    pid = supervisor_of(handle)
    os.close(writer)

    assert os.read(reader, 1) == b""  # nobody else holds it open
    os.close(reader)
    acts.wait(handle)  # while it starts one it holds more
    assert descriptors(pid) <= 7  # channel, two of /dev/null, the pipe of its signals, an act's


def test_it_ends_when_nobody_asks_any_more_and_leaves_no_zombie(acts):
    before = children()
    handle = acts.spawn("true")
    acts.wait(handle)
    SUPERVISION.end()

    assert not Path(f"/proc/{supervisor_of(handle)}").exists()
    assert children() == before - {str(supervisor_of(handle))}


def test_an_act_that_goes_on_after_the_session_keeps_its_supervisor_until_it_ends(acts, gate):
    path, go = gate
    handle = acts.spawn("sh", "-c", f"read x <{path}; exit 3")
    acts.pid(handle)
    SUPERVISION.end()

    assert LocalProcess.poll(handle) == Running()
    go()
    assert acts.wait(handle).exit == 3
    os.waitpid(supervisor_of(handle), 0)


# ---- where there is none -----------------------------------------------------------------------------------


def test_a_few_acts_have_no_supervisor():
    with supervised(1):
        assert SUPERVISION.channel is None


def test_a_session_within_a_session_leaves_the_outer_supervisor_alone(acts):
    with supervised(MANY):
        pass
    handle = acts.spawn("true")

    assert handle.data["pid"] == 0
    assert acts.wait(handle).exit == 0


@pytest.mark.parametrize("program", ["", "/no/such/python", "/bin/false", "/bin/true"])
def test_where_it_cannot_be_started_acts_are_started_as_they_are_without_it(tmp_path, monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    before = descriptors()
    with supervised(MANY), acts_in(tmp_path, supervised=True) as acts:
        if SUPERVISION.channel is not None:
            assert select.select([SUPERVISION.channel], [], [], SECONDS)[0]
        handle = acts.spawn("sh", "-c", "exit 3")
        assert handle.data["pid"] != 0
        assert acts.wait(handle).exit == 3

    assert descriptors() == before


def test_an_act_that_is_too_large_for_a_request_is_started_all_the_same(acts):
    handle = acts.spawn("sh", "-c", 'echo "${#1}"', "sh", "x" * 100_000)

    assert handle.data["pid"] != 0
    assert acts.wait(handle).answer == "100000\n"
