"""Copies that others read: inputs of a task, artifacts of a judgement, files of the workspace.

Copies come from the store, are read-only, and are verified on the way; nobody reads another task's live file.
Recorded paths are data: one that would leave the folder it is staged into is an error.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.workspace.copying import copy_workspace
from orchharness.workspace.declared import ANSWER, RUN, STDOUT
from orchharness.workspace.files import below, relative
from orchharness.workspace.matching import find, is_glob
from orchharness.workspace.store import Store

__all__ = ["copy_workspace", "input_files", "stage_artifacts", "stage_inputs"]


@record(kw_only=False)
class _Copy:
    """One file that is to stand at the relative `path`, or, where that clashes with another one, at `apart`."""

    path: str
    apart: str
    sha256: str
    maker: str  # the item that made it


def stage_inputs(
    store: Store, folder: Path, inputs: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[str]]:
    """Copies of the inputs below `<folder>/inputs/<name>/`.

    Where two producers hand over files of the same name, each one's stand in a folder with its id.

    Args:
        store: Where the bytes come from.
        folder: The act's own folder.
        inputs: Name -> what was released: `{"path", "sha256", "item"}`.

    Returns:
        Name -> the copies' absolute paths, one for each entry, in its order.

    Raises:
        OrchError: an artifact is missing or damaged, or a recorded path leaves the folder.
    """
    result = {}
    for name, entries in inputs.items():
        home = below(os.path.join(os.path.abspath(folder), "inputs"), name)
        copies = _without_clashes([_handed_over(entry) for entry in entries])
        result[name] = _stage(store, home, copies)
    return result


def stage_artifacts(
    store: Store, gate_dir: Path, artifacts: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[str]]:
    """Copies of what is judged, below `<gate_dir>/artifacts/<TASK>/`.

    Workspace files keep their relative path; `run:` files, standard output and answer are below `run/`.

    Args:
        store: Where the bytes come from.
        gate_dir: The judgement's own folder.
        artifacts: `TASK.output` -> `{"path", "sha256"}`.

    Returns:
        `TASK.output` -> the copies' absolute paths, one for each entry, in its order.

    Raises:
        OrchError: an artifact is missing or damaged, or a recorded path leaves the folder.
    """
    home = os.path.join(os.path.abspath(gate_dir), "artifacts")
    keys = [key for key, entries in artifacts.items() for _ in entries]
    copies = [_judged(key, entry) for key, entries in artifacts.items() for entry in entries]
    placed = list(zip(keys, _without_clashes(copies), strict=True))
    return {key: _stage(store, home, [copy for of, copy in placed if of == key]) for key in artifacts}


def input_files(workspace: Path, pattern: str, *, skip: Path | None = None) -> list[Path]:
    """What an input of plain files means now, sorted; empty when there is nothing.

    A glob means the regular files that match, links followed. A path means itself, also when it is a folder.

    Raises:
        OrchError: the pattern is absolute or leaves the workspace.
    """
    root = os.path.abspath(workspace)
    plain = os.path.join(root, relative(pattern)) if relative(pattern) else root
    if not is_glob(pattern) or os.path.lexists(plain):
        return [Path(plain)] if os.path.isfile(plain) or os.path.isdir(plain) else []
    found = find(root, [pattern], os.fspath(skip) if skip is not None else None)
    return [Path(root, path) for path in found if os.path.isfile(os.path.join(root, path))]


def _stage(store: Store, home: str, copies: Iterable[_Copy]) -> list[str]:
    """Make the copies and return their paths, one for each; one that is asked for twice is made once."""
    wanted = [(below(home, copy.path), copy.sha256) for copy in copies]
    for target, sha256 in dict(wanted).items():
        store.stage(sha256, target)
    return [target for target, _ in wanted]


def _without_clashes(copies: Sequence[_Copy]) -> list[_Copy]:
    """The copies at paths that do not clash; those of a maker that is part of a clash stand apart."""
    clashing = _clashing(copies)
    if not clashing:
        return list(copies)
    moved = [replace(copy, path=copy.apart) if copy.maker in clashing else copy for copy in copies]
    if not _clashing(moved):
        return moved
    return [replace(copy, path=f"{n}/{copy.path}") for n, copy in enumerate(moved, 1)]


def _clashing(copies: Sequence[_Copy]) -> set[str]:
    """The makers of different files for one path, or of a file at a path that another file needs as a folder."""
    taken: dict[str, _Copy] = {}
    makers: set[str] = set()
    for copy in copies:
        other = taken.setdefault(copy.path, copy)
        if (other.sha256, other.maker) != (copy.sha256, copy.maker):
            makers |= {other.maker, copy.maker}
    for path, copy in taken.items():
        for parent in PurePosixPath(path).parents:
            if str(parent) in taken:
                makers |= {taken[str(parent)].maker, copy.maker}
    return makers


def _handed_over(entry: Mapping[str, Any]) -> _Copy:
    """An artifact as an input."""
    path, item = _plain(entry["path"]), str(entry.get("item") or "")
    return _Copy(path, posixpath.join(_folder_name(item), path), entry["sha256"], item)


def _judged(key: str, entry: Mapping[str, Any]) -> _Copy:
    """An artifact of the output `key` as something to judge."""
    task, _, output = key.rpartition(".")
    path, home = _plain(entry["path"]), _folder_name(task)
    own = entry["path"] in {STDOUT, ANSWER} or entry["path"].startswith(RUN)
    usual = posixpath.join(home, "run", path) if own else posixpath.join(home, path)
    return _Copy(usual, posixpath.join(home, _folder_name(output), path), entry["sha256"], task)


def _plain(recorded: str) -> str:
    """The relative path at which a recorded artifact is handed over."""
    if recorded in {STDOUT, ANSWER}:
        return recorded.removeprefix("from:")
    path = relative(recorded.removeprefix(RUN))
    if not path:
        msg = f"recorded path {recorded!r} names no file"
        raise OrchError(msg)
    return path


def _folder_name(name: str) -> str:
    """The name of an item or output as that of one folder."""
    return name.replace("/", "_") if name not in {"", ".", ".."} else "_"
