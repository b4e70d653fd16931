"""`orchharness runs`: which runs, in which order, and what of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs_by_hand import AT

from orchharness.core import events as ev
from orchharness.journal import Journal, RunLock


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def test_the_newest_run_comes_first_whatever_its_plan(project):
    project.run("20260101-100000-aaaaaa", plan="b")
    project.run("20260103-100000-cccccc", plan="a")
    project.run("20260102-100000-bbbbbb", plan="b")
    _, out, _ = project.call("runs")

    assert [row[0] for row in rows(out)] == [
        "20260103-100000-cccccc",
        "20260102-100000-bbbbbb",
        "20260101-100000-aaaaaa",
    ]


def test_a_run_is_told_with_its_state_and_what_passed(project):
    project.run("20260101-100000-aaaaaa", state="failed")
    _, out, _ = project.call("runs")
    _, as_json, _ = project.call("runs", "--json")
    (found,) = json.loads(as_json)

    assert "failed" in out
    assert "1 min 30 s" in out
    assert "1/2" in out
    assert "0/1" in out
    assert found["run"] == "20260101-100000-aaaaaa"
    assert (found["state"], found["finished"], found["seconds"]) == ("failed", True, 90.0)
    assert (found["tasks"], found["gates"]) == ({"passed": 1, "all": 2}, {"passed": 0, "all": 1})
    assert (found["orchestrator"], found["agents_alive"]) == (None, 0)
    assert found["plan_file"] == str(project.root / "a.plan.yaml")


def test_a_run_without_an_end_and_orchestrator_is_interrupted_and_unfinished(project):
    project.run("20260101-100000-aaaaaa", state=None)
    _, out, _ = project.call("runs")

    assert rows(out)[0][2] == "interrupted"
    assert rows(out)[0][-1] == "unfinished"


def test_the_time_between_two_sessions_is_none_that_the_run_took(project):
    run = project.run("20260101-100000-aaaaaa", state="failed")
    with Journal.reopen(run.journal).journal as journal:
        journal.append(ev.to_record(ev.RunResumed(at=AT + 1000, digest="d", selected=("one", "two", "G-2"))))
        journal.append(ev.to_record(ev.RunFinished(at=AT + 1003, state="failed")))
    _, out, _ = project.call("runs")
    _, told, _ = project.call("status")
    (found,) = json.loads(project.call("runs", "--json")[1])

    assert "1 min 33 s" in out
    assert "failed after 1 min 33 s\n" in told
    assert found["seconds"] == 93


def test_who_holds_the_lock_is_the_orchestrator(project):
    run = project.run("20260101-100000-aaaaaa", state=None)
    with RunLock(run.root / "lock"):
        _, out, _ = project.call("runs", "--json")
    (found,) = json.loads(out)

    assert found["state"] == "running"
    assert found["orchestrator"] > 0


def test_looking_takes_no_lock(project, monkeypatch: pytest.MonkeyPatch):
    """An orchestrator that comes at that moment would be refused, with the pid of one that is long gone."""
    run = project.run("20260101-100000-aaaaaa", state=None)
    with RunLock(run.root / "lock"):

        def refuse(*_: object) -> None:
            pytest.fail("a lock was touched")

        with monkeypatch.context() as patch:
            patch.setattr("fcntl.flock", refuse)
            patch.setattr("fcntl.lockf", refuse)
            status, out, _ = project.call("status")

    assert status == 0
    assert "orchestrator alive" in out


def test_a_journal_that_is_damaged_hides_no_other_run(project):
    bad = project.run("20260102-100000-bbbbbb")
    project.run("20260101-100000-aaaaaa")
    lines = bad.journal.read_bytes().splitlines(keepends=True)
    bad.journal.write_bytes(lines[0] + b"{}\n" + b"".join(lines[2:]))
    status, out, _ = project.call("runs")
    other, _, err = project.call("status", "20260102")

    assert status == 0
    assert rows(out)[0][2] == "damaged"
    assert rows(out)[1][2] == "passed"
    assert other == 1
    assert f"{bad.journal}:2: the journal is damaged here" in err
    assert "Traceback" not in err


def test_no_runs_are_no_failure_and_it_says_where_they_were_looked_for(project):
    status, out, err = project.call("runs")

    assert (status, out) == (0, "")
    assert f"no runs of {project.root} (looked in {project.home})" in err


def test_the_root_is_found_from_a_folder_below_it(project, monkeypatch: pytest.MonkeyPatch):
    project.run("20260101-100000-aaaaaa")
    below = project.root / "src" / "deep"
    below.mkdir(parents=True)
    (project.root / "src" / "tox.ini").write_text("[tox]\n")  # says nothing of pytest: not the root
    (project.root / "src" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(below)
    _, out, _ = project.call("runs")

    assert "20260101-100000-aaaaaa" in out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\norch_dir = kept\n"),
        ("tox.ini", "[tox]\n[pytest]\norch_dir = kept\n"),
        ("setup.cfg", "[tool:pytest]\norch_dir = kept\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\norch_dir = "kept"\n'),
    ],
)
def test_the_ini_file_says_where_runs_are_kept(project, name: str, text: str):
    run = project.run("20260101-100000-aaaaaa")
    (project.root / "pytest.ini").unlink()
    (project.root / ".orchharness").unlink()
    (project.root / name).write_text(text)
    project.home.rename(project.root / "kept")
    _, out, _ = project.call("runs", "--json")

    assert [Path(found["folder"]).name for found in json.loads(out)] == [run.run_id]
    assert json.loads(out)[0]["folder"].startswith(str(project.root / "kept"))


def test_options_name_another_project_and_another_folder(
    project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project.run("20260101-100000-aaaaaa")
    monkeypatch.chdir(tmp_path)
    _, elsewhere, _ = project.call("runs")
    _, by_root, _ = project.call("runs", "--root", "project")
    _, by_folder, _ = project.call("runs", "--orch-dir", str(project.home))
    _, every, _ = project.call("runs", "--all")

    assert elsewhere == ""
    assert all("20260101-100000-aaaaaa" in text for text in (by_root, by_folder, every))
    assert str(project.root) in every
