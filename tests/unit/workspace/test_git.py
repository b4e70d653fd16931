"""Our own calls of git, and the lock between runs that change one repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace.git import alone, git, has_branch, in_repository, is_whole, worktrees_of

ADD = """
import sys
from orchharness.workspace.git import alone, in_repository
common, name = sys.argv[1:]
for n in range(4):
    with alone(common):
        in_repository(common, "worktree", "add", "-q", "-b", f"{name}{n}", f"{common}/../{name}{n}", "main")
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".gitconfig").write_text(
        "[user]\nname = A Name\nemail = a@example.org\n[init]\ndefaultBranch = main\n[safe]\nbareRepository = explicit\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


@pytest.mark.timeout(30)
def test_runs_that_add_worktrees_at_once_do_not_disturb_each_other(repository):
    common = repository / ".git"
    adding = [subprocess.Popen([sys.executable, "-c", ADD, str(common), name]) for name in "ab"]

    assert [process.wait(25) for process in adding] == [0, 0]
    assert len(worktrees_of(common)) == 9


def test_what_holds_the_lock_lets_it_go_when_it_ends(repository):
    with alone(repository / ".git"):
        pass
    with alone(repository / ".git"):
        pass

    assert not [p.name for p in (repository / ".git").iterdir() if "lock" in p.name]


def test_a_repository_that_is_gone_is_named(tmp_path):
    with pytest.raises(OrchError) as caught, alone(tmp_path / "gone"):
        pass

    assert (
        str(caught.value) == f"the repository '{tmp_path}/gone' cannot be opened: No such file or directory"
    )


def test_places_that_the_callers_git_set_do_not_count(repository, monkeypatch, tmp_path):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))

    assert git(repository, "rev-parse", "--show-toplevel").strip() == str(repository)


def test_what_git_says_is_the_message(repository):
    with pytest.raises(OrchError) as caught:
        git(repository, "rev-parse", "--verify", "nothing")

    assert str(caught.value) == "git rev-parse: fatal: Needed a single revision"


def test_a_branch_is_another_one_than_those_below_its_name(repository):
    git(repository, "branch", "a/b")

    assert has_branch(repository / ".git", "a/b")
    assert not has_branch(repository / ".git", "a")


def test_a_folder_is_a_worktree_only_while_its_repository_knows_it(repository, tmp_path):
    in_repository(repository / ".git", "worktree", "add", "-q", "--detach", str(tmp_path / "one"))
    known = is_whole(tmp_path / "one")
    (repository / ".git/worktrees/one").rename(tmp_path / "away")

    assert known
    assert not is_whole(tmp_path / "one")
    assert not is_whole(tmp_path)
    assert not is_whole(repository)
