"""`orchharness clean`: remove runs that are over.

Rules that hold here:
  * A run with a living orchestrator or living agents stays, and so does one where that cannot be told.
  * The newest unfinished run of a plan stays: it can be gone on with.
  * A run's lock is held from the last look at it until it is no run any more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchharness.cli.alive import LOCK, Life
from orchharness.cli.project import project_of, runs_in
from orchharness.cli.standing import DAMAGED, Standing
from orchharness.cli.table import table
from orchharness.errors import OrchError, RunBusyError
from orchharness.journal import RunLock
from orchharness.record import record
from orchharness.report.text import duration, line, plural, size
from orchharness.run.branches import remove_worktrees
from orchharness.run.directory import RunDirectory
from orchharness.run.past import OPEN, mark_closed
from orchharness.run.worktrees import HEADER

_GOING = ".removing-"


@record
class _Verdict:
    """Whether a run is removed; `why` it stays."""

    one: Standing
    why: str = ""


def clean(asked: argparse.Namespace) -> int:
    """Remove them, and say of every run what became of it; 1 when one could not be removed."""
    project, now = project_of(asked), time.time()
    folders: dict[Path, list[RunDirectory]] = {}
    for run in runs_in(project.homes):
        folders.setdefault(run.root.parent, []).append(run)
    rows, freed, failed = [("RUN", "PLAN", "STATE", "", "")], 0, 0
    for folder, runs in folders.items():
        for verdict in _judged([Standing(run, now) for run in runs], asked.keep, asked.older_than):
            fate, why, amount = _carried_out(verdict, dry=asked.dry_run)
            freed, failed = freed + amount, failed + (fate == "failed")
            one = verdict.one
            rows.append((one.directory.run_id, line(one.plan), one.state, fate, why))
        if not asked.dry_run:
            freed += _tidy(folder)
    if len(rows) > 1:
        sys.stdout.write(table(rows))
    removed = sum(row[3] in {"removed", "would be removed"} for row in rows)
    will = "would be removed" if asked.dry_run else "removed"
    sys.stdout.write(f"{plural(removed, 'run')} {will}, {size(freed)}\n")
    return 1 if failed else 0


def _judged(runs: Sequence[Standing], keep: int, older_than: float | None) -> Iterator[_Verdict]:
    """What is to become of the runs of one plan, given newest first."""
    unfinished_seen = False
    for place, one in enumerate(runs):
        first_unfinished = not one.finished and not unfinished_seen
        unfinished_seen = unfinished_seen or not one.finished
        yield _Verdict(
            one=one, why=_at_work(one) or _worth(one, place, keep, older_than, newest=first_unfinished)
        )


def _at_work(one: Standing) -> str:
    """Who of the run lives, or may; empty when nobody does."""
    if one.pid is not None:
        return f"its orchestrator is alive (pid {one.pid})"
    if one.alive:
        return f"{plural(one.alive, 'agent')} alive; `orchharness cancel` ends them"
    if one.state == DAMAGED:
        return "its journal is damaged, so whether its agents live cannot be told"
    unseen = [a.where for a in one.agents.values() if a.life is Life.UNSEEN]
    return f"an agent of it cannot be seen from here ({line(unseen[0], 60)})" if unseen else ""


def _worth(one: Standing, place: int, keep: int, older_than: float | None, *, newest: bool) -> str:
    """Why a run that nobody works on stays; empty when there is no reason."""
    if newest:
        return "it is unfinished and can be gone on with"
    if place < keep:
        return "it is the newest of its plan" if keep == 1 else f"it is one of the newest {keep} of its plan"
    age = one.now - (one.picture.last or one.now)
    if older_than is not None and age < older_than:
        return f"it is only {duration(age)} old"
    return ""


# ---- removing ------------------------------------------------------------------------------------


def _carried_out(verdict: _Verdict, *, dry: bool) -> tuple[str, str, int]:
    """What became of the run, why, and how many bytes that freed."""
    directory = verdict.one.directory
    if verdict.why:
        return "kept", verdict.why, 0
    if dry:
        return "would be removed", "", _weight(directory.root)
    try:
        kept, amount = _remove(directory, verdict.one.picture.header)
        return "removed", "; ".join(line(message, 200) for message in kept), amount
    except RunBusyError:
        return "kept", "it was gone on with just now", 0
    except OSError as error:
        return "failed", f"{error.filename or directory.root}: {error.strerror}", 0
    except OrchError as error:
        return "failed", line(str(error), 300), 0


def _remove(directory: RunDirectory, header: Mapping[str, Any]) -> tuple[list[str], int]:
    """Remove the run; the branches that are kept, and how many bytes it had.

    Raises:
        RunBusyError: an orchestrator drives it, or agents live again.
        OrchError: git cannot remove its worktrees.
        OSError: something of it cannot be removed.
    """
    with RunLock(directory.root / LOCK):
        if Standing(
            directory, time.time()
        ).alive:  # it was gone on with, and left again, since it was looked at
            msg = "agents have been started"
            raise RunBusyError(msg)
        kept, before = list[str](), 0
        if HEADER in header:
            before = _weight(directory.root, unlock=True)
            kept = remove_worktrees(directory, header)
            before -= _weight(directory.root)
        away = directory.root.with_name(f"{_GOING}{directory.run_id}")
        directory.root.rename(away)
    mark_closed(directory)
    return kept, before + _remove_folder(away)


def _remove_folder(folder: Path) -> int:
    amount = _weight(folder, unlock=True)
    shutil.rmtree(folder)
    return amount


def _weight(folder: Path, *, unlock: bool = False) -> int:
    """Bytes on the disk; with `unlock` folders are made such that they can be emptied. Links are not followed."""
    sizes: dict[tuple[int, int], int] = {}  # a file under two names counts once
    todo = [folder]
    while todo:
        at = todo.pop()
        with suppress(OSError):
            if unlock:
                at.chmod(0o700)
            for entry in os.scandir(at):
                info = entry.stat(follow_symlinks=False)
                sizes[info.st_dev, info.st_ino] = info.st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    todo.append(Path(entry.path))
    return sum(sizes.values())


def _tidy(folder: Path) -> int:
    """Take away what an earlier `clean` left when it was stopped, and a `latest` that leads nowhere."""
    freed = 0
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(_GOING):
                freed += _remove_folder(entry)
        latest = folder / "latest"
        if latest.is_symlink() and not latest.exists():
            rest = [run.run_id for run in runs_in([folder.parent]) if run.root.parent == folder]
            latest.unlink()
            if rest:
                latest.symlink_to(rest[0])
            else:  # fails when something else is there, and should
                (folder / OPEN).rmdir()
                folder.rmdir()
    return freed
