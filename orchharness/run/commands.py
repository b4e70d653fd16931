"""The commands that a message tells people to type."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from orchharness.errors import OrchError
from orchharness.run.directory import RunDirectory, project_home


def resume_command(
    directory: RunDirectory, plan_file: str, root: str, given: Sequence[str], here: Path
) -> str:
    """What goes on with the run. `given` are its variables, as `NAME=VALUE`: without them its work is done again."""
    from orchharness.run.past import runs_of

    newest = next(iter(runs_of(directory.root.parent)), None)
    is_newest = newest is not None and newest.run_id == directory.run_id
    option = "--orch-resume" if is_newest else f"--orch-resume={directory.run_id}"
    home = directory.root.parent.parent
    return shlex.join(
        ["pytest", shown(Path(plan_file), here), option, *_with(given), *_elsewhere(Path(root), home)]
    )


def replay_command(
    directory: RunDirectory, plan_file: str, root: str, given: Sequence[str], here: Path
) -> str:
    """What makes a replay anew, which waits for people: nobody can answer one that is over."""
    home = directory.root.parent.parent
    words = ["pytest", shown(Path(plan_file), here), "--orch-replay", "--orch-wait"]
    return shlex.join([*words, *_with(given), *_elsewhere(Path(root), home)])


def decide_command(directory: RunDirectory, root: str, item: str, choice: str, *, why: bool) -> str:
    """What answers a question of the run. `choice` is an option; empty where the answer is text."""
    home = directory.root.parent.parent
    words = ["orchharness", "decide", directory.run_id, item, *([choice] if choice else [])]
    text = shlex.join([*words, *_elsewhere(Path(root), home)])
    return text + ("" if choice else " TEXT") + " --by NAME" + (" --note TEXT" if why else "")


def _with(given: Sequence[str]) -> list[str]:
    return [word for value in given for word in ("--orch-var", value)]


def _elsewhere(root: Path, home: Path) -> list[str]:
    """The option that says where the runs are, where that is not the usual place."""
    try:
        usual = os.path.realpath(project_home(root)) == os.path.realpath(home)
    except OrchError:
        usual = False
    return [] if usual else [f"--orch-dir={home}"]


def shown(path: Path, here: Path) -> str:
    """The path as it can be typed here: relative where it is below."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
