"""Which project is meant, where its runs are, and which of them.

The root is the one that pytest would take when it is called here without arguments. pytest itself is not asked: its
import takes longer than all the rest.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchharness.cli import UsageError
from orchharness.record import record
from orchharness.run.directory import LINK, RunDirectory, project_home
from orchharness.run.past import runs_of

# https://docs.pytest.org/en/stable/reference/customize.html: in this order, with the table each must have;
# those without one count by their name alone.
_FILES = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "tool.pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
_SHOWN = 8


@record
class Project:
    """`homes` are the folders that hold its runs: `.orchharness`, the ini file and the default may name three."""

    root: Path
    homes: tuple[Path, ...]
    given: bool = False  # the folder was named on the command line


def project_of(asked: argparse.Namespace) -> Project:
    """The project of the current folder, or the one that the options name.

    Raises:
        UsageError: a folder that was named is not there.
        OrchError: the user has no home folder.
    """
    if asked.root is None:
        root, ini = root_above(Path.cwd())
    else:
        root = Path(os.path.abspath(asked.root))  # noqa: PTH100 - links stay, as they do for pytest
        if not root.is_dir():
            msg = f"--root {asked.root!r}: there is no such folder"
            raise UsageError(msg)
        ini = settings_of(root) or {}
    if asked.orch_dir is not None:
        home = project_home(root, asked.orch_dir)
        if not home.is_dir():
            msg = f"--orch-dir {asked.orch_dir!r}: there is no folder {str(home)!r}"
            raise UsageError(msg)
        return Project(root=root, homes=(home,), given=True)
    found = [root / LINK, project_home(root, str(ini.get("orch_dir") or "") or None), project_home(root)]
    return Project(root=root, homes=_distinct(found))


def all_homes() -> tuple[Path, ...]:
    """The folders of all projects whose runs are in the user's state folder.

    Raises:
        OrchError: the user has no home folder.
    """
    state = project_home(Path("/")).parent
    with suppress(OSError):
        return _distinct(sorted(p for p in state.iterdir() if p.is_dir()))
    return ()


def runs_in(homes: Sequence[Path]) -> list[RunDirectory]:
    """All runs in these folders, newest first."""
    found = [run for home in homes for run in _runs_in(home)]
    return sorted(found, key=lambda run: (run.run_id, str(run.root)), reverse=True)


def chosen_run(project: Project, wanted: str | None) -> RunDirectory:
    """The run of that id, or the beginning of one; None or `latest`: the newest.

    Raises:
        UsageError: there is none, or more than one; the message says which there are.
    """
    runs = runs_in(project.homes)
    if not runs:
        raise UsageError(nothing_there(project))
    if wanted in {None, "latest"}:
        return runs[0]
    found = [r for r in runs if r.run_id.startswith(str(wanted))]
    exact = [r for r in found if r.run_id == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    fault = "there is no run" if not found else "more than one run begins with"
    msg = f"{fault} {wanted!r}; there are: {names_of(found or runs)}"
    raise UsageError(msg)


def names_of(runs: Sequence[RunDirectory]) -> str:
    """The ids of the runs with their plans, for a message."""
    names = [f"{r.run_id} ({plan_of(r)})" for r in runs[:_SHOWN]]
    more = f" and {len(runs) - _SHOWN} more, see `orchharness runs`" if len(runs) > _SHOWN else ""
    return ", ".join(names) + more


def plan_of(run: RunDirectory) -> str:
    """The id of the run's plan, as its folder says it."""
    return run.root.parent.name.rpartition("-")[0]


def nothing_there(project: Project) -> str:
    """Says where runs were looked for."""
    places = ", ".join(str(h) for h in project.homes) or str(project_home(project.root))
    rest = "" if project.given else "; --root DIR names another project, --orch-dir FOLDER where its runs are"
    return f"no runs of {project.root} (looked in {places}){rest}"


def repeated(asked: argparse.Namespace) -> str:
    """The options that another command needs to find the same runs, with a blank before them."""
    given = [("--root", asked.root), ("--orch-dir", asked.orch_dir)]
    words = [word for name, value in given if value is not None for word in (name, str(value))]
    if not words:
        return ""
    import shlex

    return f" {shlex.join(words)}"


def _runs_in(home: Path) -> Iterator[RunDirectory]:
    with suppress(OSError):
        for entry in sorted(os.scandir(home), key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                yield from runs_of(Path(entry.path))


def _distinct(folders: Sequence[Path]) -> tuple[Path, ...]:
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            found.setdefault(os.path.realpath(folder), Path(os.path.realpath(folder)))
    return tuple(found.values())


# ---- as pytest does it ---------------------------------------------------------------------------


def root_above(here: Path) -> tuple[Path, Mapping[str, Any]]:
    """The root folder, and pytest's settings there."""
    for folder in (here, *here.parents):
        found = settings_of(folder)
        if found is not None:
            return folder, found
    for name in ("pyproject.toml", "setup.py"):
        for folder in (here, *here.parents):
            if (folder / name).is_file():
                return folder, {}
    return here, {}


def settings_of(folder: Path) -> Mapping[str, Any] | None:
    """Pytest's settings in that folder; None when it has no file with any."""
    for name, table in _FILES.items():
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = _toml(text, table) if name.endswith(".toml") else _ini(text, table or "pytest")
        if found is not None or not table:
            return found or {}
    return None


def _toml(text: str, table: str) -> Mapping[str, Any] | None:
    if "pytest" not in text:
        return None
    import tomllib

    try:
        values: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    if not table:
        return _mapping(values.get("pytest"))
    found = _mapping(_mapping(values.get("tool") or {}).get("pytest"))  # type: ignore[union-attr]
    if found is None:
        return None
    return _mapping(found.get("ini_options")) or found


def _ini(text: str, section: str) -> Mapping[str, Any] | None:
    if f"[{section}]" not in text:
        return None
    import configparser

    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return dict(parser.items(section)) if parser.has_section(section) else None


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None
