"""Plans in sessions of their own: what a test is told of them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from orchharness import OrchError
from orchharness.testing import run_plan, start_plan
from orchharness.testing.session import Played

PLAIN = ("-p", "no:hypothesispytest")
PLAN = """
orchharness: 1
agents: {author: {kind: scripted, script: {task: two, do: [{fork: daemon}, exit]}}}
critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.5, 1]}}
tasks:
  one: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}
  two: {agent: author, outputs: {b: b.md}}
  three: {agent: author, needs: [two], outputs: {c: c.md}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "conftest.py").write_text("from orchharness.testing import *\n")
    (folder / "p.plan.yaml").write_text(PLAN)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder / "p.plan.yaml"


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_session_says_all_that_came_of_the_plan(project: Path, tmp_path: Path, words: tuple[str, ...]):
    played = run_plan(project, tmp_path, *PLAIN, *words, timeout=25)

    assert played.status == 1
    assert played.outcomes == {"passed": 2, "failed": 1, "skipped": 1}
    assert played.states() == {"one": "passed", "G-one": "passed", "two": "failed", "three": "skipped"}
    assert played.history("G-one") == ["ready", "judging", "refining", "ready", "judging", "passed"]
    assert [(e["iteration"], e["attempt"]) for e in played.starts("judge")] == [(1, 1), (2, 1)]
    assert [e["task"] for e in played.starts() if "task" in e].count("one") == 2
    assert played.starts("three") == []
    assert len(played.journal("JudgementFinished")) == 2
    assert played.left_behind() == []
    assert "REFINE G-one 0.50 < 0.90, iteration 2" in played.text


def test_a_session_can_be_watched_and_interrupted(project: Path, tmp_path: Path):
    project.write_text(PLAN.replace("{task: two, do: [{fork: daemon}, exit]}", "{task: one, do: hang}"))
    session = start_plan(project, tmp_path, *PLAIN)
    session.until_started("one")
    assert session.so_far.status == -1
    session.process.send_signal(signal.SIGINT)

    played = session.wait(20)

    assert played.status == 2
    assert played.states()["one"] == "cancelled"


def test_agents_and_critics_that_are_alive_are_listed(project: Path, tmp_path: Path):
    hangs = PLAN.replace("{fork: daemon}, exit", "{fork: daemon}, hang")
    project.write_text(hangs.replace("scores: [0.5, 1]", "scores: [1], script: {do: hang}"))
    session = start_plan(project, tmp_path, *PLAIN)
    session.until_started("judge", "two")
    while '"daemon"' not in (tmp_path / "starts.jsonl").read_text():
        assert session.process.poll() is None
    left = session.so_far.left_behind()
    session.process.send_signal(signal.SIGINT)
    played = session.wait(20)

    assert {played.starts(name)[0]["pid"] for name in ("judge", "two")} < set(left)
    assert played.left_behind() == []


def test_a_pid_that_is_used_again_is_nobody_left_behind(tmp_path: Path):
    noted = tmp_path / "starts.jsonl"
    noted.write_text(json.dumps({"what": "start", "pid": os.getpid(), "born": 1}) + "\n")

    assert Played(status=0, text="", runs=tmp_path, noted=noted).left_behind() == []


def test_a_session_that_takes_too_long_is_ended_with_its_agents(project: Path, tmp_path: Path):
    project.write_text(
        PLAN.replace("{task: two, do: [{fork: daemon}, exit]}", "{do: [{fork: session}, hang]}")
    )
    session = start_plan(project, tmp_path, *PLAIN)
    session.until_started("one", "two")

    with pytest.raises(OrchError, match=r"the session was not over after 0\.1 s:\n"):
        session.wait(0.1)

    assert session.so_far.status == 2
    assert session.so_far.left_behind() == []
    assert not any(Path(f"/proc/{entry['pid']}").exists() for entry in session.so_far.starts())


def test_waiting_for_what_never_starts_is_an_error(project: Path, tmp_path: Path):
    session = start_plan(project, tmp_path, *PLAIN)

    with pytest.raises(OrchError, match="not all of three have started"):
        session.until_started("three")

    session.wait(20)


def test_what_was_refused_has_no_journal(project: Path, tmp_path: Path):
    project.write_text(PLAN.replace("needs:", "neds:"))

    played = run_plan(project, tmp_path, *PLAIN, timeout=20)

    assert played.outcomes == {"error": 1}
    assert played.starts() == []
    with pytest.raises(OrchError, match="did you mean 'needs'"):
        played.journal()


def test_the_environment_is_that_of_the_test_but_for_the_outer_session(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    project.write_text(
        "orchharness: 1\ntasks: {t: {run: [sh, -c, 'echo $ONE $TWO'], outputs: {o: {from: stdout}}}}\n"
    )
    monkeypatch.setenv("ONE", "1")

    played = run_plan(project, tmp_path, *PLAIN, env={"TWO": "2"}, timeout=20)

    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"
    assert played.outcomes == {"passed": 1}
    assert (played.folder / "acts/t.i1.a1/stdout.log").read_text() == "1 2\n"
