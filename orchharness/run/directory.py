"""Where a run lives: below the user's state folder, linked from the project root as `.orchharness`.

Coding agents run `git clean -fdx` and can write anywhere below their workspace, so nothing of a run but its
link is kept there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from orchharness import private
from orchharness.errors import OrchError
from orchharness.record import record

LINK = ".orchharness"
_NAMES = 16**6  # runs that can begin in one second


@record(kw_only=False)
class RunDirectory:
    """The folder of one run; every path of it comes from here."""

    root: Path

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.root.name

    @property
    def journal(self) -> Path:
        """The truth."""
        return self.root / "journal.jsonl"

    @property
    def state(self) -> Path:
        """The view for people."""
        return self.root / "ORCHESTRATION.yaml"

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.html"

    @property
    def store(self) -> Path:
        """Artifacts by digest."""
        return self.root / "store"

    @property
    def workspace(self) -> Path:
        """The fresh copy of `workspace: {copy}`."""
        return self.root / "workspace"

    @property
    def decisions(self) -> Path:
        """What people are asked, and what they decided."""
        return self.root / "decisions"

    def session(self, number: int) -> Path:
        """What one session froze: the first one at the top, those that resumed the run below it."""
        return self.root / f"resume-{number}" if number else self.root

    def act(self, act: str) -> Path:
        """The folder of one act."""
        return self.root / "acts" / act

    def files(self, task: str) -> Path:
        """The `run:` outputs of one task."""
        return self.root / "files" / task

    def scratch(self, task: str) -> Path:
        """The workspace of a task with `workspace: scratch`."""
        return self.root / "scratch" / task

    def worktree(self, task: str) -> Path:
        """The git worktree of a task with `workspace: worktree`."""
        return self.root / "worktrees" / task

    def worktree_made(self, task: str) -> Path:
        """There as soon as that worktree is whole."""
        return self.root / "worktrees" / f"{task}.made"

    def worktree_tests(self, gate: str) -> Path:
        """What the tests were that a gate runs in a worktree."""
        return self.root / "worktrees" / f"{gate}.tests.json"


def project_home(root: Path, option: str | None = None) -> Path:
    """The folder of all runs of the project: `option` (relative to the root), or one in the user's state folder.

    Raises:
        OrchError: the user has no home folder.
    """
    try:
        if option:
            return root / Path(option).expanduser()
        base = os.environ.get("XDG_STATE_HOME") or ""
        # The specification of XDG: a relative path is no value.
        state = Path(base) if Path(base).is_absolute() else Path("~/.local/state").expanduser()
    except RuntimeError as error:
        msg = f"nowhere to keep runs: {error}; --orch-dir FOLDER says where"
        raise OrchError(msg) from None
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
    return state / "orchharness" / f"{root.name or 'root'}-{digest}"


def workspace_lock(root: Path, home: Path) -> Path:
    """The lock of the project root: in one place for all sessions, also those that keep their runs elsewhere."""
    with suppress(OrchError, OSError):
        usual = project_home(root)
        private.folders(usual)
        if os.access(usual, os.W_OK):
            return usual / "workspace.lock"
    return home / "workspace.lock"


def passed_over(workspace: Path, home: Path, run: Path) -> Path:
    """The folder that globs of the workspace do not look into: all runs that are kept inside it."""
    return run if workspace.is_relative_to(home) else home


def plan_folder(home: Path, plan_id: str, plan_path: str) -> Path:
    """Where the plan's runs are. Two plan files may have one id: the digest of the path keeps their runs apart."""
    return home / f"{plan_id}-{hashlib.sha256(os.fsencode(plan_path)).hexdigest()[:6]}"


def create(home: Path, plan_id: str, plan_path: str, now: float) -> RunDirectory:
    """A new, empty run directory.

    Raises:
        OrchError: it cannot be made; the message names the folder and the option that puts it elsewhere.
    """
    folder = plan_folder(home, plan_id, plan_path)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    root = folder / _next_name(folder, stamp)
    try:
        private.folders(home)
        folder.mkdir(exist_ok=True, mode=0o700)
        root.mkdir(mode=0o700)
        (root / "acts").mkdir(mode=0o700)
        _point(folder / "latest", root.name)
    except OSError as error:
        msg = f"the run directory {root} cannot be made: {error.strerror}; --orch-dir FOLDER puts runs elsewhere"
        raise OrchError(msg) from None
    return RunDirectory(root)


def _next_name(folder: Path, stamp: str) -> str:
    """A name that comes after those of the runs before, also of the same second: the newest run is the last one."""
    taken = [-1]
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - names are enough
            with suppress(ValueError):
                taken += [int(name.rpartition("-")[2], 16)] if name.startswith(f"{stamp}-") else []
    least = max(taken) + 1
    # Of the room that is left half is for those that come after it in this second.
    room = max(1, (_NAMES - least) // 2)
    return f"{stamp}-{min(least + secrets.randbelow(room), _NAMES - 1):06x}"


def link(root: Path, home: Path) -> None:
    """Make `.orchharness` in the project root point at the runs; a root that cannot be written is no error."""
    target = root / LINK
    with suppress(OSError):
        if target.is_symlink() and target.readlink() == home:
            return
        if target.exists() and not target.is_symlink():
            return  # somebody's own file or folder: not ours to touch
        _point(target, str(home))
        _ignore(root)


def _point(path: Path, target: str) -> None:
    """Make the symbolic link point there, replacing an older one at once."""
    spare = path.with_name(f"{path.name}.{os.getpid()}")
    spare.unlink(missing_ok=True)
    spare.symlink_to(target)
    spare.replace(path)


def _ignore(root: Path) -> None:
    """Keep git from showing the link, in the clone's own exclude file; the repository's files are not touched."""
    info = root / ".git" / "info"
    exclude = info / "exclude"
    text = exclude.read_text() if exclude.exists() else ""
    if info.parent.is_dir() and LINK not in text.split():
        info.mkdir(exist_ok=True)
        exclude.write_text(f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{LINK}\n")
