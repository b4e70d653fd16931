"""The report of real sessions: while they go on, after them, and written again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_sessions import AGENT, LIMIT, Sessions, wait_for

PLAN = """
title: A page for the boss
tasks:
  quick: {run: [sh, -c, "echo first; echo one > q.md"], outputs: {q: q.md}}
  slow: {run: [sh, agent.sh, slow], needs: [quick], inputs: {q: quick.q}}
"""
REFINED = """
critics: {judge: {run: [python, judge.py], criteria: {quality: 1}}}
tasks:
  write: {run: [python, mend.py], outputs: {doc: doc.txt}, gate: {id: G-W, critics: [judge]}}
"""
SECTION = """
from orchharness import Section, Table, hookimpl

@hookimpl
def orchharness_report_section(view):
    return Section("Mine", (Table(("Task",), tuple((task.id,) for task in view.tasks)),))
"""


@pytest.fixture
def sessions(play) -> Iterator[Sessions]:
    play.file("agent.sh", AGENT)
    made = Sessions(play.root)
    yield made
    made.close()


def page(sessions: Sessions) -> str:
    path = sessions.run_dirs()[-1] / "report.html"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize("words", [(), ("-n", "1")])
def test_the_report_is_there_while_the_run_goes_on_and_says_so(play, sessions: Sessions, words):
    play.plan(PLAN)
    session = sessions.start("play.plan.yaml", *words)
    sessions.until("slow")
    wait_for(lambda: "slow begins" in page(sessions), sessions.said)
    going_on = page(sessions)
    Path("slow.go").touch()
    session.wait(LIMIT)

    assert "data-refresh=" in going_on
    assert "The run went on when this page was written" in going_on
    assert "data-refresh=" not in page(sessions).partition("<style>")[0]
    assert "slow is done" in page(sessions)


def test_the_report_holds_the_diff_the_logs_and_the_plan_and_can_be_written_again(play, sessions: Sessions):
    play.file(
        "mend.py",
        'import os, pathlib\nprint("mending")\n'
        'pathlib.Path("doc.txt").write_text("good\\n" if os.environ.get("ORCH_FINDINGS") else "bad\\n")\n',
    )
    play.file(
        "judge.py",
        'import json, os, pathlib\ngood = "good" in pathlib.Path(os.environ["ORCH_INPUT_DOC"]).read_text()\n'
        'print(json.dumps({"criteria": {"quality": {"score": 0.95 if good else 0.5}}, "findings": []}))\n',
    )
    play.file("conftest.py", SECTION)
    play.plan(REFINED)
    sessions.start().wait(LIMIT)
    first = page(sessions)
    (sessions.run_dirs()[-1] / "report.html").unlink()
    again = sessions.call("report", "latest")
    elsewhere = sessions.call("report", "-o", "boss.html")

    for text in (first, page(sessions), Path("boss.html").read_text(encoding="utf-8")):
        assert '<span class="del">-bad</span>' in text
        assert '<span class="add">+good</span>' in text
        assert "mending" in text
        assert '<h2 id="section-0">Mine</h2>' in text
        assert 'id: <a href="#gate-G-W">G-W</a>' in text
    assert again.stdout.endswith("/report.html\n")
    assert (again.returncode, elsewhere.returncode, elsewhere.stdout) == (0, 0, "boss.html\n")
    assert Path("boss.html").stat().st_mode & 0o077 == 0


def test_a_report_that_cannot_be_written_is_said_to_be(play, sessions: Sessions):
    play.plan("tasks: {a: {run: ['true']}}")
    sessions.start().wait(LIMIT)
    folder = sessions.call("report", "-o", ".")
    nowhere = sessions.call("report", "-o", "no/where.html")
    unknown = sessions.call("report", "1999")
    Path("play.plan.yaml").rename("moved.plan.yaml")
    moved = sessions.call("report")

    assert "-o '.': name a file in a folder that exists" in folder.stderr
    assert "-o 'no/where.html': name a file in a folder that exists" in nowhere.stderr
    assert (folder.returncode, nowhere.returncode, unknown.returncode) == (1, 1, 2)
    assert moved.returncode == 0, moved.stderr  # the run has its own copy of the plan
