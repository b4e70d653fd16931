"""`orchharness watch` beside runs that go on, on a terminal and without one."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_sessions import AGENT, LIMIT, Sessions

sys.path.insert(0, str(Path(__file__).parents[1] / "plugin"))
from terminals import Screened  # noqa: E402

PLAN = """
limits: {parallel: 2}
tasks:
  slow: {run: [sh, agent.sh, slow], estimate: 5m}
  after: {run: [touch, after.ran], needs: [slow], estimate: 1m}
"""
Watch = Callable[..., Screened]


@pytest.fixture
def sessions(play) -> Iterator[Sessions]:
    play.file("agent.sh", AGENT)
    play.plan(PLAN)
    made = Sessions(play.root)
    yield made
    made.close()


@pytest.fixture
def at_work(sessions: Sessions):
    session = sessions.start()
    sessions.until("slow")
    return session


@pytest.fixture
def watch(sessions: Sessions) -> Iterator[Watch]:
    found: list[Screened] = []

    def begin(*words: str) -> Screened:
        argv = [sys.executable, "-m", "orchharness", "watch", *words]
        found.append(Screened(argv, sessions.root))
        return found[-1]

    yield begin
    for one in found:
        one.close()


def test_a_run_is_watched_to_its_end_from_two_terminals(sessions: Sessions, at_work, watch: Watch):
    one, other = watch(), watch("latest")
    for screen in (one, other):
        screen.until(lambda screen=screen: screen.shows("slow begins"))
    shown = [line for line in one.lines if line]
    (sessions.root / "slow.go").touch()

    assert one.end() == other.end() == 0
    assert shown[0].startswith("── play ")
    assert "1 of 2 agents  0/2 passed" in shown[0]
    assert "left" in shown[0]
    assert any("slow " in line and "slow begins" in line for line in shown)
    assert any("waits: after for slow (running)" in line for line in shown)
    assert at_work.wait(LIMIT) == 0
    for screen in (one, other):
        assert " of plan play: passed after " in screen.all[0]
        assert not any("waits:" in line or line.startswith("── ") for line in screen.all)


@pytest.mark.parametrize("how", ["q", "\x03", "SIGTERM"])
def test_who_has_seen_enough_leaves_the_run_and_the_terminal_as_they_were(
    sessions: Sessions, at_work, watch: Watch, how: str
):
    screen = watch()
    before = termios.tcgetattr(screen.ours)
    screen.until(lambda: screen.shows("slow begins"))
    if how == "SIGTERM":
        screen.process.send_signal(signal.SIGTERM)
    else:
        screen.type(how)
    status = screen.end()

    assert status == 0
    assert [line.partition("^C")[0] or line for line in screen.all][-1].startswith(
        "the run goes on; orchharness watch "
    )
    assert not any(line.startswith("── ") for line in screen.all)
    assert termios.tcgetattr(screen.ours) == before
    assert at_work.poll() is None
    assert sessions.status()["agents_alive"] == 1


def test_a_run_that_is_over_is_told_at_once(sessions: Sessions, at_work, watch: Watch):
    (sessions.root / "slow.go").touch()
    assert at_work.wait(LIMIT) == 0
    screen = watch()

    assert screen.end() == 0
    assert ": passed after " in screen.all[0]
    assert b"\x1b7" not in screen.bytes


def test_a_run_whose_orchestrator_is_killed_is_told_as_interrupted(sessions: Sessions, at_work, watch: Watch):
    screen = watch()
    screen.until(lambda: screen.shows("slow begins"))
    sessions.kill(at_work)

    assert screen.end() == 0
    assert ": interrupted after at least " in screen.text
    assert "orchestrator gone, 1 agent alive and at work without it" in screen.text


def test_without_a_terminal_the_run_is_told_once(sessions: Sessions, at_work):
    found = sessions.call("watch")

    assert found.returncode == 0
    assert found.stderr == "no terminal to watch in: this is how the run stands now\n"
    assert "orchestrator alive" in found.stdout
    assert found.stdout.splitlines()[1:3] == sessions.call("status").stdout.splitlines()[1:3]


def test_a_run_that_is_not_there_is_wrong_use(sessions: Sessions, at_work):
    found = sessions.call("watch", "nope")

    assert found.returncode == 2
    assert "there is no run 'nope'" in found.stderr
