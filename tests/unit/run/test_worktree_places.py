"""Where worktrees begin and are, and what is put back into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.run.directory import RunDirectory
from orchharness.run.worktrees import Base, base_at, branch_of, known_base, place_of, put_back, uncommitted
from orchharness.workspace.git import git


@pytest.mark.parametrize(
    ("task", "branch"),
    [
        ("EN-027", "orchharness/r/EN-027"),
        ("a[x-1.5]", "orchharness/r/a+x-1.5"),
        ("a[x..y]", "orchharness/r/a+x_.y"),
        ("a[x.]", "orchharness/r/a+x_"),
        ("a[x.lock]", "orchharness/r/a+x_lock"),
    ],
)
def test_the_branch_of_a_task_can_be_told_from_the_run_and_its_id(task, branch):
    assert branch_of("r", task) == branch


def test_the_base_is_what_the_header_holds_or_it_is_not_known():
    base = Base(common="/r/.git", prefix="a/", commit="c0ffee", fault="")

    assert known_base({"worktrees": base.to_record()}) == base
    assert known_base({}) is None
    assert known_base({"worktrees": "no"}) is None
    assert known_base({"worktrees": {"repository": "/r/.git"}}) is None


def test_the_place_in_the_worktree_is_that_of_the_root_in_the_repository():
    directory = RunDirectory(Path("/runs/r"))

    assert place_of(directory, Base(prefix="a/b/"), "t") == Path("/runs/r/worktrees/t/a/b")
    assert place_of(directory, Base(), "t") == Path("/runs/r/worktrees/t")


def test_runs_inside_the_project_and_their_link_are_no_uncommitted_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\nname = n\nemail = e@example.org\n")
    root = tmp_path / "root"
    home = root / "kept/runs"
    home.mkdir(parents=True)
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    (home / "file").write_text("")
    (root / ".orchharness").symlink_to(home)

    assert uncommitted(root, home, base_at(root)) == []


def test_nothing_is_put_back_through_a_link_that_leads_out_of_the_worktree(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "f").write_text("theirs")
    (inside / "folder").symlink_to(outside)
    (inside / "f").symlink_to(outside / "f")
    put_back(inside / "f", b"ours", within=inside)

    with pytest.raises(OrchError, match="leads outside of"):
        put_back(inside / "folder/f", b"ours", within=inside)
    assert (inside / "f").read_text() == "ours"
    assert (outside / "f").read_text() == "theirs"
