"""Worktrees beside an orchestrator that is killed, and `orchharness clean` of runs that have some."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from cli_sessions import Sessions

PLAN = """
tasks:
  slow: {workspace: worktree, run: [sh, agent.sh], outputs: {f: f.md}}
"""
SLOW = "touch $HOME/slow.started; echo begun > f.md; until [ -e $HOME/slow.go ]; do sleep 0.02; done; echo done >> f.md\n"
ENDS = """
tasks:
  plain: {workspace: worktree, run: [sh, -c, "echo p > f.md"], outputs: {f: f.md}}
  merged: {workspace: worktree, run: [sh, -c, "echo m > f.md; git add f.md; git commit -qm merged"], outputs: {f: f.md}}
  own: {workspace: worktree, run: [sh, -c, "echo o > f.md; git add f.md; git commit -qm own"], outputs: {f: f.md}}
"""

ODD = """
tasks:
  lost: {workspace: worktree, run: git checkout -q --detach && git commit -q --allow-empty -m precious, shell: true}
  same: {workspace: worktree, run: git checkout -q --detach, shell: true}
  spoilt: {workspace: worktree, run: rm .git && mkdir .git && mkdir .git/x && chmod 500 .git, shell: true}
  headless: {workspace: worktree, run: rm "$(git rev-parse --git-dir)/HEAD", shell: true}
  linked: {workspace: worktree, run: 'rm .git && echo "gitdir: $HOME/.git" > .git', shell: true}
"""


@pytest.fixture
def sessions(play, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    monkeypatch.setenv("HOME", str(play.root))
    play.file(".gitconfig", "[user]\nname = n\nemail = e@example.org\n[init]\ndefaultBranch = main\n")
    play.file("agent.sh", SLOW)
    made = Sessions(play.root)
    git(play, "init", "-q")
    git(play, "add", "agent.sh")
    git(play, "commit", "-qm", "first")
    yield made
    made.close()


def git(play, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=play.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_an_agent_goes_on_in_its_worktree_when_its_orchestrator_is_killed(play, sessions):
    play.plan(PLAN)
    first = sessions.start()
    sessions.until("slow")
    sessions.kill(first)
    play.file("slow.go", "")
    played = play.run("play.plan.yaml", "--orch-resume")

    assert " 1 passed in " in played
    (folder,) = play.root.glob(".orchharness/*/latest/worktrees/slow")
    assert (folder / "f.md").read_text() == "begun\ndone\n"
    assert git(play, "worktree", "list").count("\n") == 1


def test_a_task_that_was_lost_begins_again_in_the_same_worktree(play, sessions):
    play.plan(PLAN)
    first = sessions.start()
    sessions.until("slow")
    sessions.kill(first)
    sessions.call("cancel")
    (folder,) = play.root.glob(".orchharness/*/latest/worktrees/slow")
    (folder / "kept.md").write_text("of the first attempt")
    play.file("slow.go", "")
    played = play.run("play.plan.yaml", "--orch-resume")

    assert " 1 passed in " in played
    assert (folder / "kept.md").read_text() == "of the first attempt"


def test_clean_takes_worktrees_away_and_keeps_only_branches_with_commits_of_their_own(play, sessions):
    play.plan(ENDS)
    played = play.run()
    (latest,) = play.root.glob(".orchharness/*/latest")
    run = latest.resolve()
    git(play, "merge", "-q", f"orchharness/{run.name}/merged")
    cleaned = sessions.call("clean", "--keep", "0")

    assert " 3 passed in " in played
    assert cleaned.returncode == 0, cleaned.stderr
    kept = f"branch 'orchharness/{run.name}/own' is kept: 1 commit of it is nowhere else"
    assert kept in " ".join(cleaned.stdout.split())
    assert not run.exists()
    assert git(play, "worktree", "list").count("\n") == 0
    assert git(play, "branch", "--format=%(refname:short)").split() == ["main", f"orchharness/{run.name}/own"]


def test_clean_keeps_commits_that_are_on_no_branch_and_removes_what_is_no_worktree_any_more(play, sessions):
    play.plan(ENDS.replace("tasks:", ODD))
    played = play.run()
    (latest,) = play.root.glob(".orchharness/*/latest")
    run = latest.resolve()
    commit = git(play, "-C", str(run / "worktrees/lost"), "rev-parse", "HEAD")
    cleaned = sessions.call("clean", "--keep", "0")
    said = " ".join(cleaned.stdout.split())

    assert " 5 failed, 3 passed in " in played
    assert cleaned.returncode == 0, cleaned.stdout
    kept = f"orchharness/{run.name}/lost@{commit[:10]}"
    assert f"branch '{kept}' is kept: 1 commit of it is nowhere else" in said
    for name in ("spoilt", "headless", "linked"):
        assert f"the folder of '{name}' was no git worktree any more: it was removed" in said
    assert not run.exists()
    assert git(play, "worktree", "list").count("\n") == 0
    branches = git(play, "branch", "--format=%(refname:short)").split()
    own = [f"orchharness/{run.name}/{name}" for name in ("merged", "own")]
    assert branches == ["main", kept, *own]
    assert git(play, "log", "-1", "--format=%s", kept) == "precious"


def test_clean_says_what_git_says_and_keeps_the_run(play, sessions, monkeypatch):
    play.plan(ENDS)
    play.run()
    (latest,) = play.root.glob(".orchharness/*/latest")
    run = latest.resolve()
    monkeypatch.setenv("PATH", str(play.root))
    cleaned = sessions.call("clean", "--keep", "0")

    assert cleaned.returncode == 1
    assert "failed  git is not installed: there is no program 'git' on the PATH" in cleaned.stdout
    assert (run / "worktrees/own/f.md").exists()


def test_clean_removes_runs_whose_repository_is_gone(play, sessions):
    play.plan(ENDS)
    play.run()
    (play.root / ".git").rename(play.root / "away")
    cleaned = sessions.call("clean", "--keep", "0")

    assert cleaned.returncode == 0, cleaned.stderr
    assert "1 run removed" in cleaned.stdout
