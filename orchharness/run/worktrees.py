"""Worktrees of git for the tasks that ask for one: where they begin, where they are, how one is made.

Rules that hold here:
  * All worktrees of a run begin at the commit that HEAD was when the run began. It stands in the journal's header.
  * A worktree is made before the first act that works in it, and made again where it is gone: on its branch if
    there is one, with the outputs that the task is known by.
  * What cannot be made is the act's error. No task works in the shared workspace instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness import private
from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.run.directory import LINK, RunDirectory
from orchharness.workspace.git import alone, git, git_bytes, has_branch, in_repository, is_whole, worktrees_of

if TYPE_CHECKING:
    from orchharness.core.plan import Task
    from orchharness.run.parts import Parts
    from orchharness.workspace.store import Store

HEADER = "worktrees"  # where the base stands in the journal's header
PREFIX = "orchharness"  # of all branches that are made here
_SHOWN = 5
_ODD = re.compile(
    r"[^A-Za-z0-9_.+-]|\.(?=\.|$|lock$)"
)  # what the name of a branch cannot have, and rarer things


@record
class Base:
    """Where the worktrees of a run begin.

    `common` is the folder of the repository, `prefix` the project root within its working folder (`a/b/`, or nothing),
    `fault` why there is no such place.
    """

    common: str = ""
    prefix: str = ""
    commit: str = ""
    fault: str = "the plan has no task with 'workspace: worktree'"

    def to_record(self) -> dict[str, str]:
        """The base as it stands in the journal's header."""
        return {"repository": self.common, "prefix": self.prefix, "commit": self.commit}


NOWHERE = Base()


def known_base(header: Mapping[str, Any]) -> Base | None:
    """The base that an earlier session recorded; None when it did not."""
    found = header.get(HEADER)
    if not isinstance(found, Mapping):
        return None
    common, prefix, commit = (str(found.get(name, "")) for name in ("repository", "prefix", "commit"))
    return Base(common=common, prefix=prefix, commit=commit, fault="") if common and commit else None


def base_at(root: Path) -> Base:
    """The base for worktrees that begin now."""
    try:
        common, prefix = git(root, "rev-parse", "--git-common-dir", "--show-prefix").split("\n")[:2]
    except OrchError as error:
        return Base(fault=str(error))
    try:
        commit = git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    except OrchError:  # it says nothing, and the repository itself was found above
        return Base(fault="HEAD has no commit yet, and a worktree begins at one: commit something first")
    return Base(common=os.path.realpath(root / common), prefix=prefix, commit=commit, fault="")


def uncommitted(root: Path, home: Path, base: Base) -> list[str]:
    """A warning of what is in the project root and will be in no worktree; none when there is nothing.

    What is kept of runs inside the project root does not count.
    """
    if base.fault:
        return []
    try:
        listed = git(
            root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--", "."
        )
    except OrchError as error:
        return [f"whether files of the project are uncommitted cannot be told: {error}"]
    names = [entry[3:].removeprefix(base.prefix) or "." for entry in listed.split("\0") if entry]
    inside = os.path.relpath(home, root)
    names = [n for n in names if n.rstrip("/") != LINK and not f"{inside}/".startswith(f"{n.rstrip('/')}/")]
    if not names:
        return []
    shown = ", ".join(map(repr, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
    what = "1 uncommitted file is" if len(names) == 1 else f"{len(names)} uncommitted files are"
    return [
        f"{what} not in the worktrees of this run, which begin at commit {base.commit[:10]}: {shown}; "
        "commit what the tasks need"
    ]


def branch_of(run_id: str, task_id: str) -> str:
    """The branch of a task's worktree: `orchharness/RUN/TASK`; of `ID[a]`, a copy that a matrix makes, `…/ID+a`."""
    base, bracket, suffix = task_id.partition("[")
    copy = f"+{_ODD.sub('_', suffix.removesuffix(']'))}" if bracket else ""
    return f"{PREFIX}/{run_id}/{base}{copy}"


def place_of(directory: RunDirectory, base: Base, task_id: str) -> Path:
    """Where the task works: in its worktree, at the place that the project root has in the repository."""
    return directory.worktree(task_id) / base.prefix if base.prefix else directory.worktree(task_id)


def is_away(parts: Parts, task: Task) -> bool:
    """Whether the task's worktree is not there, and made again when it is needed."""
    return not parts.directory.worktree(task.id).exists()


def make_ready(parts: Parts, task: Task, store: Store, outputs: Mapping[str, Any]) -> None:
    """Make the task's worktree, unless it is there. `outputs` are those that the task is known by.

    Raises:
        OrchError: it cannot be made, or what is there is no worktree any more.
        OSError: the disk fails.
    """
    base, directory = parts.base, parts.directory
    if base.fault:
        msg = f"workspace: worktree: {base.fault}"
        raise OrchError(msg)
    folder, made = directory.worktree(task.id), directory.worktree_made(task.id)
    if made.exists() and os.path.lexists(folder):
        if is_whole(folder):
            return
        msg = (
            f"workspace: worktree: {folder} is no git worktree any more; what is there is left as it is: "
            "move it away, and it is made again"
        )
        raise OrchError(msg)
    private.folders(folder.parent)
    with alone(base.common):
        _add(parts, folder, branch_of(directory.run_id, task.id))
    workspace = place_of(directory, base, task.id)
    if not workspace.is_dir():
        msg = f"workspace: worktree: commit {base.commit[:10]} has no folder {base.prefix.rstrip('/')!r}: commit it first"
        raise OrchError(msg)
    for entry in (e for entries in outputs.values() for e in entries):
        if not entry["path"].startswith(("run:", "from:")):
            put_back(workspace / entry["path"], store.read(entry["sha256"]), within=folder)
    private.write(made, "")  # last: without it, what a crash left of a worktree is not taken for one


def _add(parts: Parts, folder: Path, branch: str) -> None:
    base = parts.base
    _make_room(parts, folder)
    if has_branch(base.common, branch):
        in_repository(base.common, "worktree", "add", "--quiet", str(folder), branch)
    else:
        in_repository(
            base.common, "worktree", "add", "--quiet", "--no-track", "-b", branch, str(folder), base.commit
        )


def _make_room(parts: Parts, folder: Path) -> None:
    if folder.exists():  # a crash left it half made, and nothing has worked in it
        import shutil

        shutil.rmtree(folder)
    _forget_missing(parts.base.common, parts.home)


def _forget_missing(common: str, home: Path) -> None:
    """Let the repository forget worktrees of runs that somebody deleted; those of others are theirs."""
    inside = os.path.realpath(home) + os.sep
    for path in worktrees_of(common):
        if path.startswith(inside) and not os.path.lexists(path):
            with suppress(OrchError):  # a leftover must not keep a new one from being made
                in_repository(common, "worktree", "remove", "--force", "--force", path)


def put_back(where: Path, data: bytes, *, within: Path | None = None) -> None:
    """Write an artifact to its place, whatever is there; `within`: nothing outside of that folder is written.

    Raises:
        OrchError: a link on the way leads outside.
        OSError: the disk fails.
    """
    if within is not None:
        real = Path(os.path.realpath(where.parent))
        if not real.is_relative_to(os.path.realpath(within)):
            msg = f"{str(where)!r} leads outside of {str(within)!r}: the output cannot be put back there"
            raise OrchError(msg)
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not where.exists() or (within is not None and where.is_symlink()):
        where.unlink(missing_ok=True)  # a link that leads nowhere, or elsewhere
    private.write(where, data)  # a file that is there keeps its mode


# ---- what stands in the base ---------------------------------------------------------------------


def digest_at_base(parts: Parts, path: str) -> str:
    """The SHA-256 of the file as it is in a new worktree; empty when there is none."""
    base, name = parts.base, os.path.normpath(path)
    if base.fault:
        return ""
    try:
        found = git_bytes(
            "-C", str(parts.root), "cat-file", "--filters", f"{base.commit}:{base.prefix}{name}"
        )
    except OrchError:
        return ""
    return hashlib.sha256(found).hexdigest()


def tests_at_base(parts: Parts, gate: str, tests: Sequence[Sequence[str]]) -> tuple[Mapping[str, Any], ...]:
    """The tests that a gate runs in a worktree, as they were before anybody worked there: {"paths", "seen"}.

    Args:
        parts: Of the run.
        gate: The gate's id.
        tests: Of each check that runs tests, its paths.

    Raises:
        OrchError: git fails.
        OSError: the disk fails.
    """
    if not tests:
        return ()
    kept = parts.directory.worktree_tests(gate)
    with suppress(OSError, ValueError):
        found = json.loads(kept.read_bytes())
        if [t["paths"] for t in found] == [list(t) for t in tests]:
            return tuple(found)
    from orchharness.workspace.gate_inputs import watch_tests

    folder = parts.directory.worktree(".base")  # no id of a task
    with alone(parts.base.common):
        _make_room(parts, folder)
        in_repository(
            parts.base.common, "worktree", "add", "--quiet", "--detach", str(folder), parts.base.commit
        )
        seen = [watch_tests(folder / parts.base.prefix, paths) for paths in tests]
        in_repository(parts.base.common, "worktree", "remove", "--force", "--force", str(folder))
    told = [{"paths": list(paths), "seen": found} for paths, found in zip(tests, seen, strict=True)]
    private.write(kept, json.dumps(told))
    return tuple(told)
