"""Where runs are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchharness.run import directory as places
from orchharness.run.past import runs_of


def test_of_runs_that_begin_in_one_second_the_last_one_is_the_newest(tmp_path: Path):
    made = [places.create(tmp_path, "p", "/p.plan.yaml", 1_000.0).run_id for _ in range(9)]
    later = places.create(tmp_path, "p", "/p.plan.yaml", 1_001.0).run_id
    folder = places.plan_folder(tmp_path, "p", "/p.plan.yaml")
    for name in (*made, later):
        (folder / name / "journal.jsonl").write_text("{}\n")

    assert [run.run_id for run in runs_of(folder)] == [later, *reversed(made)]


def test_nobody_else_may_look_into_a_folder_that_is_made_for_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        home = places.project_home(tmp_path / "project")
        places.workspace_lock(tmp_path / "project", home)
        other = places.project_home(tmp_path / "project", "a/b")
        places.create(other, "p", "/p.plan.yaml", 1_000.0)
    finally:
        os.umask(before)

    made = [p for p in tmp_path.rglob("*") if p.is_dir() and not p.is_symlink() and p != tmp_path / "state"]
    assert {home, home.parent, other, other.parent} <= set(made)
    assert {p.name: p.stat().st_mode & 0o777 for p in made if p.stat().st_mode & 0o077} == {}
