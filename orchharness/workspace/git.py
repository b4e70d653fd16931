"""Our own calls of git: no hook of the repository runs, and the caller's git does not say which repository is meant.

Whatever is wrong is an OrchError with git's own words; nothing is done instead.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchharness.core.isolation import PLACES
from orchharness.errors import OrchError

_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")
_QUICK, _CHECKOUT = 60, 600  # seconds
_SHOWN = 600  # characters of what git says
_PAUSE = 0.02


def git(folder: str | Path, *words: str) -> str:
    """What git prints on its standard output, called in that folder.

    Raises:
        OrchError: git is not installed, fails, or does not end in time.
    """
    return os.fsdecode(git_bytes("-C", os.fspath(folder), *words))


def in_repository(common: str | Path, *words: str) -> str:
    """As `git`, for the repository with that common folder, wherever its working folders are.

    Raises:
        OrchError: git is not installed, fails, or does not end in time.
    """
    return os.fsdecode(git_bytes("--git-dir", os.fspath(common), *words))


def git_bytes(where: str, place: str, *words: str) -> bytes:
    """What git prints, as bytes; `where` is the option that takes the place.

    Raises:
        OrchError: git is not installed, fails, or does not end in time.
    """
    import subprocess

    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    env = {name: value for name, value in os.environ.items() if name not in PLACES}
    limit = _CHECKOUT if words[:2] == ("worktree", "add") else _QUICK
    called = f"git {words[0]}"
    try:
        done = subprocess.run(  # noqa: S603 - words of our own, no shell
            ["git", where, place, *settings, *words],  # noqa: S607 - the user's git
            env={**env, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=limit,
        )
    except FileNotFoundError:
        msg = "git is not installed: there is no program 'git' on the PATH"
        raise OrchError(msg) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"did not end in {limit} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        msg = f"{called}: {why}"
        raise OrchError(msg) from None
    if done.returncode:
        said = " ".join(os.fsdecode(done.stderr).split())[-_SHOWN:]
        msg = f"{called}: {said or f'exit status {done.returncode}'}"
        raise OrchError(msg)
    return done.stdout


@contextmanager
def alone(common: str | Path) -> Iterator[None]:
    """While no other run changes worktrees or branches of the repository, whose common folder is given.

    The folder itself is locked, so nothing is left there; the lock ends with its process.

    Raises:
        OrchError: another run holds it for too long, or the repository is gone.
    """
    import fcntl

    try:
        held = os.open(common, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        msg = f"the repository {os.fspath(common)!r} cannot be opened: {error.strerror}"
        raise OrchError(msg) from None
    try:
        until = time.monotonic() + _CHECKOUT
        with suppress(_NoLocksError):
            while not _locked(held, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if time.monotonic() > until:
                    msg = f"another run has kept the repository {os.fspath(common)!r} for {_CHECKOUT} s"
                    raise OrchError(msg)
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(held)


class _NoLocksError(Exception):
    """A file system without locks: git's own have to do."""


def _locked(descriptor: int, how: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError:
        raise _NoLocksError from None
    return True


def has_branch(common: str | Path, branch: str) -> bool:
    """Whether the repository has the branch.

    Raises:
        OrchError: git fails.
    """
    name = f"refs/heads/{branch}"
    return name in in_repository(common, "for-each-ref", "--format=%(refname)", name).split()


def worktrees_of(common: str | Path) -> dict[str, str]:
    """The folders of the worktrees that the repository knows, also of those that are gone.

    Returns:
        Folder -> the commit of one that is on no branch; nothing of one that is on a branch.

    Raises:
        OrchError: git fails.
    """
    found, folder, commit = dict[str, str](), "", ""
    for line in in_repository(common, "worktree", "list", "--porcelain").splitlines():
        word, _, rest = line.partition(" ")
        if word == "worktree":
            folder, found[rest] = rest, ""
        elif word == "HEAD":
            commit = rest
        elif word == "detached":
            found[folder] = commit
    return found


def branch_at(folder: str | Path, common: str | Path) -> str | None:
    """The branch that is checked out there; empty when none is, None when it is no folder of that repository.

    Raises:
        OrchError: git fails.
    """
    place = git(folder, "rev-parse", "--git-common-dir").removesuffix("\n")
    if os.path.realpath(Path(folder, place)) != os.path.realpath(common):
        return None
    try:
        name = git(folder, "symbolic-ref", "--quiet", "HEAD")
    except OrchError:  # it says nothing, and the repository itself was found above
        return ""
    return name.strip().removeprefix("refs/heads/")


def is_whole(folder: Path) -> bool:
    """Whether the folder is a worktree that its repository still knows."""
    try:
        name, _, place = (folder / ".git").read_text().strip().partition(": ")
    except (OSError, ValueError):
        return False
    return name == "gitdir" and Path(folder, place).is_dir()
