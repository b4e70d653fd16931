"""`orchharness clean`: which runs go, which stay and why."""

from __future__ import annotations

import os
import time

from runs_by_hand import AT

from orchharness.core import events as ev
from orchharness.journal import RunLock
from orchharness.run.past import mark_open

TWO = ev.TaskStarted(at=AT + 61, task="two", iteration=1, attempt=1, act="two.i1.a1", key="2" * 32)


def names(project) -> list[str]:
    return sorted(p.name for p in project.home.glob("*/2026*"))


def test_all_but_the_newest_run_of_each_plan_go(project):
    for plan in ("a", "b"):
        for day in ("01", "02", "03"):
            project.run(f"202601{day}-100000-{plan * 6}", plan=plan, state="failed")
    status, out, _ = project.call("clean")

    assert status == 0
    assert names(project) == ["20260103-100000-aaaaaa", "20260103-100000-bbbbbb"]
    assert out.count(" removed") == 5  # four rows and the sum
    assert out.count("it is the newest of its plan") == 2
    assert "4 runs removed" in out


def test_keep_says_how_many_stay(project):
    for day in ("01", "02", "03"):
        project.run(f"202601{day}-100000-aaaaaa")
    project.call("clean", "--keep", "2")

    assert names(project) == ["20260102-100000-aaaaaa", "20260103-100000-aaaaaa"]


def test_only_what_is_older_goes(project):
    project.run("20260101-100000-aaaaaa", at=time.time() - 10 * 86400)
    project.run("20260102-100000-aaaaaa", at=time.time() - 3 * 86400)
    project.run("20260103-100000-aaaaaa", at=time.time())
    _, out, _ = project.call("clean", "--keep", "0", "--older-than", "7d")

    assert names(project) == ["20260102-100000-aaaaaa", "20260103-100000-aaaaaa"]
    assert "it is only 3 d" in out or "it is only 2 d 23 h" in out


def test_a_dry_run_removes_nothing_and_says_what_would_go(project):
    project.run("20260101-100000-aaaaaa")
    project.run("20260102-100000-aaaaaa")
    _, out, _ = project.call("clean", "--dry-run")

    assert len(names(project)) == 2
    assert "1 run would be removed" in out


def test_the_newest_unfinished_run_stays_and_older_ones_go(project):
    project.run("20260101-100000-aaaaaa", state=None)
    project.run("20260102-100000-aaaaaa", state=None)
    project.run("20260103-100000-aaaaaa")
    _, out, _ = project.call("clean", "--keep", "0")

    assert names(project) == ["20260102-100000-aaaaaa"]
    assert "it is unfinished and can be gone on with" in out


def test_a_run_with_an_orchestrator_stays(project):
    run = project.run("20260101-100000-aaaaaa")
    with RunLock(run.root / "lock"):
        _, out, _ = project.call("clean", "--keep", "0")

    assert names(project) == ["20260101-100000-aaaaaa"]
    assert f"its orchestrator is alive (pid {os.getpid()})" in out


def test_a_run_whose_agents_cannot_be_seen_stays(project):
    run = project.run("20260101-100000-aaaaaa", state=None, more=[TWO])
    project.run("20260102-100000-aaaaaa", state=None)
    folder = run.act("two.i1.a1")
    folder.mkdir()
    (folder / "handle.json").write_text('{"kind": "slurm", "key": "' + "2" * 32 + '", "data": {"job": 7}}')
    _, out, _ = project.call("clean", "--keep", "0")

    assert "20260101-100000-aaaaaa" in names(project)
    assert "an agent of it cannot be seen from here (kind 'slurm')" in out


def test_a_damaged_run_stays(project):
    run = project.run("20260101-100000-aaaaaa")
    run.journal.write_bytes(b"{}\n{}\n")
    _, out, _ = project.call("clean", "--keep", "0")

    assert names(project) == ["20260101-100000-aaaaaa"]
    assert "its journal is damaged" in out


def test_files_and_folders_that_cannot_be_written_go_too(project):
    run = project.run("20260101-100000-aaaaaa")
    outside = project.root / "outside"
    outside.mkdir(mode=0o500)
    for folder in (run.store / "ab", run.workspace / "src"):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 100_000)
        (folder / "file").chmod(0o400)
        folder.chmod(0o500)
    (run.workspace / "link").symlink_to(outside)
    mark_open(run)
    _, out, _ = project.call("clean", "--keep", "0")

    assert "1 run removed" in out
    assert " kB" in out
    assert not list(project.home.glob("a-*"))  # nor what stood beside it
    assert outside.stat().st_mode & 0o777 == 0o500


def test_latest_leads_to_the_newest_run_that_is_left(project):
    project.run("20260101-100000-aaaaaa", state=None)
    project.run("20260102-100000-aaaaaa")
    project.call("clean", "--keep", "0")
    (latest,) = project.home.glob("a-*/latest")

    assert latest.resolve().name == "20260101-100000-aaaaaa"


def test_what_an_earlier_clean_left_behind_goes_and_is_no_run(project):
    run = project.run("20260101-100000-aaaaaa")
    project.run("20260102-100000-aaaaaa")
    half = run.root.with_name(".removing-20260101-100000-aaaaaa")
    run.root.rename(half)
    _, listed, _ = project.call("runs")
    project.call("clean")

    assert "20260101" not in listed
    assert not half.exists()
