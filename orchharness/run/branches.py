"""The branches of a run's worktrees: what of them is there, handed on to a new run, or removed with their run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchharness.errors import OrchError
from orchharness.report.text import plural
from orchharness.run.directory import RunDirectory
from orchharness.run.worktrees import PREFIX, Base, branch_of, known_base
from orchharness.workspace.git import alone, branch_at, git, in_repository, worktrees_of

_HEADS = "refs/heads/"


def branches_of(base: Base, run_id: str) -> set[str]:
    """The branches of the run that are there; none where there is no repository.

    Raises:
        OrchError: git fails.
    """
    if base.fault:
        return set()
    listed = in_repository(base.common, "for-each-ref", "--format=%(refname)", f"{_HEADS}{PREFIX}/{run_id}/")
    return {name.removeprefix(_HEADS) for name in listed.split("\n") if name}


def hand_on(base: Base, old: str, new: str, tasks: Iterable[str]) -> None:
    """Give the run `new` branches for these tasks, which stand where those of the run `old` do.

    Raises:
        OrchError: git fails.
    """
    with alone(base.common):
        for task in tasks:
            in_repository(base.common, "branch", "--no-track", branch_of(new, task), branch_of(old, task))


def left(workspace: str, branch: str, common: str) -> str:
    """Why what a task committed may not be on its branch; empty when the branch is checked out where it worked."""
    try:
        found = branch_at(workspace, common)
        if found == branch:
            return ""
        if found is None:
            return f"its folder is a repository of its own now, and not on branch {branch!r}: leave '.git' as it is"
        where = f"on branch {found!r}" if found else f"on no branch, at commit {_commit_at(workspace)}"
    except OrchError as error:
        return f"its folder is no worktree of the repository any more, and not on branch {branch!r}: {error}"
    return (
        f"its worktree ends {where}, and not on its own, {branch!r}, so that others do not find its commits: "
        'commit there, or end with: git switch "$ORCH_BRANCH" && git merge -'
    )


def _commit_at(folder: str) -> str:
    return git(folder, "rev-parse", "--short=10", "HEAD").strip()


def remove_worktrees(directory: RunDirectory, header: Mapping[str, Any]) -> list[str]:
    """Take the run's worktrees out of their repository, and those of its branches that hold nothing of their own.

    Args:
        directory: The run.
        header: That of its last session.

    Returns:
        A message for each branch that is kept, because its commits are nowhere else, and for each folder that was
        no worktree any more. What a worktree has committed on no branch gets one.

    Raises:
        OrchError: git fails.
        OSError: a folder cannot be removed.
    """
    base = known_base(header)
    if base is None or not Path(base.common).is_dir():
        return []
    inside = os.path.realpath(directory.root) + os.sep
    with alone(base.common):
        told = list[str]()
        for path, commit in worktrees_of(base.common).items():
            if path.startswith(inside):
                if commit:
                    _name(base, commit, branch_of(directory.run_id, Path(path).name))
                told.append(_removed(base.common, Path(path)))
        told += [_dropped(base, branch) for branch in sorted(branches_of(base, directory.run_id))]
    return [message for message in told if message]


def _name(base: Base, commit: str, branch: str) -> None:
    """Give commits that are on no branch one of their own, beside that of their task."""
    try:
        in_repository(base.common, "cat-file", "-e", f"{commit}^{{commit}}")
    except OrchError:  # what git keeps of the worktree was spoilt, and there is nothing to be named
        return
    known = (base.commit, "--branches", "--remotes", "--tags")
    if int(in_repository(base.common, "rev-list", "--count", commit, "--not", *known)):
        in_repository(base.common, "branch", "--no-track", "--force", f"{branch}@{commit[:10]}", commit)


def _removed(common: str, folder: Path) -> str:
    """Remove the worktree; what was odd about it."""
    words = ("worktree", "remove", "--force", "--force", str(folder))
    try:
        in_repository(common, *words)
    except OrchError:  # git refuses a folder that is no worktree any more, and the whole run is to go
        if not os.path.lexists(folder):
            raise
        import shutil

        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink()
        in_repository(common, *words)
        return f"the folder of {folder.name!r} was no git worktree any more: it was removed with all that was in it"
    return ""


def _dropped(base: Base, branch: str) -> str:
    """Delete the branch; or why it is kept."""
    others = (f"--exclude={branch}", "--branches", "--remotes", "--tags")
    own = int(
        in_repository(base.common, "rev-list", "--count", f"{_HEADS}{branch}", "--not", base.commit, *others)
    )
    if own:
        return f"branch {branch!r} is kept: {plural(own, 'commit')} of it {'is' if own == 1 else 'are'} nowhere else"
    try:
        in_repository(base.common, "branch", "--quiet", "-D", branch)
    except OrchError as error:  # somebody works on it
        return f"branch {branch!r} is kept: {error}"
    return ""
