"""Time limits and endings, for every shape of command: in time, and nothing of the act is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from chaos_facts import journal_of
from chaos_faults import acts
from chaos_project import Project, Session, lines_of, until

LIMIT = 1.0  # seconds, the time limit of each act
LATE = 0.5  # how late a time limit may be
GONE = 2.0  # seconds after which nothing of an ended act is left
MODES = ["-n0", "-n2"]

# Says when it began, and when it was told to end; `deaf` stays all the same.
PROCESS = """
import os, signal, sys, time
name, deaf = sys.argv[1], "deaf" in sys.argv
def say(what):
    with open(os.path.join(os.environ["CHAOS_LOG"], what), "a") as file:
        file.write(f"{name} {time.time()}\\n")
def told(*_):
    say("told")
    if not deaf:
        os._exit(0)
signal.signal(signal.SIGTERM, told)
say("began")
while True:
    time.sleep(0.01)
"""
SHAPES = {
    "plain": "exec python3 -S process.py plain.plain",
    "children": "python3 -S process.py children.one; true",
    "background": "python3 -S process.py background.one & python3 -S process.py background.two & wait",
    "own_session": "setsid python3 -S process.py own_session.away & python3 -S process.py own_session.near; true",
    "left_behind": "(setsid python3 -S process.py left_behind.away &) ; python3 -S process.py left_behind.near; true",
    "deaf": "trap '' TERM; python3 -S process.py deaf.deaf deaf; true",
    "deaf_session": "setsid python3 -S process.py deaf_session.away deaf & python3 -S process.py deaf_session.near deaf; true",
}
PARTS = {
    "plain": 1,
    "children": 1,
    "background": 2,
    "own_session": 2,
    "left_behind": 2,
    "deaf": 1,
    "deaf_session": 2,
}


def plan_of(shapes: list[str], timeout: str = "") -> str:
    limit = f", timeout: {timeout}" if timeout else ""
    tasks = "".join(f"  {s}: {{run: [sh, {s}.sh]{limit}}}\n" for s in shapes)
    return f"limits: {{parallel: {len(shapes)}}}\ntasks:\n{tasks}"


@pytest.fixture
def shaped(project: Callable[[str], Project]) -> Callable[..., Project]:
    """A project whose tasks have these shapes."""

    def make(shapes: list[str], timeout: str = "") -> Project:
        one = project(plan_of(shapes, timeout))
        (one.root / "process.py").write_text(PROCESS)
        for shape in shapes:
            (one.root / f"{shape}.sh").write_text(SHAPES[shape] + "\n")
        return one

    return make


def began(project: Project, shapes: list[str]) -> bool:
    """Whether every process of the shapes is up."""
    return len(lines_of(project.log / "began")) == sum(PARTS[s] for s in shapes)


def told_of(project: Project, shape: str) -> list[float]:
    """When the processes of the shape were told to end."""
    return [float(line.split()[1]) for line in lines_of(project.log / "told") if line.startswith(f"{shape}.")]


def none_left(session: Session) -> bool:
    return not acts(session)


def watch(session: Session) -> dict[str, float]:
    """Until the session is over: shape -> when a process of its act was seen last, by the wall clock."""
    seen: dict[str, float] = {}
    while not session.over:
        seen |= dict.fromkeys((act.name.partition(".")[0] for act in acts(session)), time.time())
        time.sleep(0.01)
    return seen


@pytest.mark.parametrize("mode", MODES)
def test_a_time_limit_is_kept_and_nothing_of_the_act_is_left(shaped, mode: str):
    one = shaped(list(SHAPES), f"{LIMIT:g}s")
    session = one.start(mode)
    seen = watch(session)

    outcomes = {r["task"]: r["outcome"] for r in journal_of(one) if r["event"] == "TaskFinished"}
    assert outcomes == dict.fromkeys(SHAPES, "timeout"), session.text
    for shape in SHAPES:
        # What a file says of its making is the only clock that stands outside the harness.
        spawned = (one.run_folder / "acts" / f"{shape}.i1.a1" / "pid").stat().st_mtime
        told = told_of(one, shape)
        assert len(told) == PARTS[shape], shape
        assert min(told) - spawned >= LIMIT - 0.05, f"{shape}: too early"
        assert max(told) - spawned <= LIMIT + LATE, f"{shape}: too late"
        assert seen[shape] - max(told) <= GONE, f"{shape}: something was left"
    assert not one.left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("mode", "shapes"),
    [
        ("-n0", list(SHAPES)),
        ("-n2", ["left_behind", "deaf_session"]),
    ],
    ids=lambda v: v if isinstance(v, str) else "+".join(v) if len(v) < 3 else "all",
)
def test_two_seconds_after_an_interrupt_nothing_of_any_act_is_left(
    shaped, mode: str, shapes: list[str], number: int
):
    one = shaped(shapes)
    session = one.start(mode)
    until(lambda: began(one, shapes), "every process of the acts")
    session.process.send_signal(number)
    sent = time.monotonic()
    until(lambda: none_left(session), "the end of the acts")
    took = time.monotonic() - sent

    assert took <= GONE
    assert session.status == pytest.ExitCode.INTERRUPTED, session.text
    assert {r["outcome"] for r in journal_of(one) if r["event"] == "TaskFinished"} == {"cancelled"}
    assert not one.left()


@pytest.mark.parametrize("mode", MODES)
def test_a_time_limit_goes_on_while_nobody_watches_and_ends_the_act_when_it_is_watched_again(
    shaped, mode: str
):
    one = shaped(["background"], "2s")
    session = one.start(mode)
    until(lambda: began(one, ["background"]), "every process of the act")
    session.process.kill()
    session.wait()

    resumed = one.run(mode, "--orch-resume")

    spawned = (one.run_folder / "acts" / "background.i1.a1" / "pid").stat().st_mtime
    told = told_of(one, "background")
    assert resumed.status == pytest.ExitCode.TESTS_FAILED
    assert "timed out after 2 s" in resumed.text
    assert len(told) == PARTS["background"]
    assert min(told) - spawned >= 2 - 0.05
    assert not one.left()


def test_acts_that_no_worker_has_time_to_watch_are_held_to_their_limits(shaped):
    shapes = ["background", "deaf", "own_session"]
    one = shaped(shapes, "6s")
    session = one.start("-n3")
    until(lambda: began(one, shapes), "every process of the acts")
    session.process.kill()
    session.wait()

    resumed = one.run("-n1", "--orch-resume")

    results = {r["task"]: r for r in journal_of(one) if r["event"] == "TaskFinished"}
    assert {s: r["outcome"] for s, r in results.items()} == dict.fromkeys(shapes, "timeout"), resumed.text
    for shape in shapes:
        spawned = (one.run_folder / "acts" / f"{shape}.i1.a1" / "pid").stat().st_mtime
        told = told_of(one, shape)
        assert len(told) == PARTS[shape], shape
        assert min(told) - spawned >= 6 - 0.05, f"{shape}: too early"
        assert max(told) - spawned <= 6 + LATE, f"{shape}: too late"
        assert 6 - 0.05 <= results[shape]["seconds"] <= 6 + GONE + LATE, shape
    assert not one.left()


MANY = """
limits: {parallel: 6}
defaults: {timeout: 20s}
tasks:
  one: {run: [sh, work.sh, one], outputs: {o: one.txt}}
  two: {run: [sh, work.sh, two], outputs: {o: two.txt}}
  quiet: {run: [sh, work.sh, quiet], outputs: {o: quiet.txt}, idle_timeout: 3s}
  quiet_too: {run: [sh, work.sh, quiet_too], outputs: {o: quiet_too.txt}, idle_timeout: 3s}
  gone: {run: [sh, work.sh, gone], outputs: {o: gone.txt}, timeout: 3s}
  gone_too: {run: [sh, work.sh, gone_too], outputs: {o: gone_too.txt}, timeout: 3s}
"""
WORK = """
echo "$1" >>"$CHAOS_LOG/starts"
while ! [ -e "$1.go" ]; do sleep 0.05; done
echo done >"$1.txt"
"""


def test_acts_that_no_worker_has_time_to_watch_come_to_their_own_ends(project):
    """Of each pair one at least is not the worker's. What is gone is lost, also when its limit is over."""
    one = project(MANY)
    (one.root / "work.sh").write_text(WORK)
    session = one.start("-n6")
    until(lambda: len(one.started()) == 6, "every act")
    session.process.kill()
    session.wait()
    for name in ("gone", "gone_too"):
        (one.root / f"{name}.go").touch()
        spawned = one.run_folder / "acts" / f"{name}.i1.a1" / "pid"
        os.killpg(int(spawned.read_text()), signal.SIGKILL)
        until(lambda spawned=spawned: time.time() > spawned.stat().st_mtime + 3, "the time limit")
    for name in ("one", "two"):
        (one.root / f"{name}.go").touch()

    resumed = one.run("-n1", "--orch-resume")

    found: dict[str, list[str]] = {}
    at: dict[str, float] = {}
    for record in journal_of(one):
        if record["event"] == "TaskFinished":
            found.setdefault(record["task"], []).append(record["outcome"])
            at[record["task"]] = record["at"]
    again = ["lost", "success"]
    wanted = {"one": ["success"], "two": ["success"], "quiet": ["idle"], "quiet_too": ["idle"]}
    assert found == wanted | {"gone": again, "gone_too": again}, resumed.text
    assert abs(at["quiet"] - at["quiet_too"]) < 2, "one was watched after the other"
    assert sorted(one.started()) == sorted([*wanted, *["gone", "gone_too"] * 2])
    assert not one.left()
