"""A fresh copy of a folder, for a plan whose tasks must not touch the original.

The copy leads nowhere else: a link that points into the folder points into the copy, one that leaves it is
dropped and told. Everything in the copy can be written by its owner. It appears under its name when complete.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from orchharness.errors import OrchError
from orchharness.workspace.files import inside, read_digest, shown, type_of

# What runs, pytest and Python leave in a folder: it is no work, and another after every session.
_LEFT_BEHIND = frozenset({".orchharness", ".pytest_cache", "__pycache__"})


def copy_workspace(source: Path, target: Path, *, skip: Path | None = None) -> list[str]:
    """Copy the folder and return what was left out, a message each; what tools left in it is none of it.

    Args:
        source: The folder, or a link to it.
        target: Where the copy shall stand; must not exist.
        skip: A folder below the source that is not copied: the run directory.

    Raises:
        OrchError: the source is no folder, or the target exists.
        OSError: a file cannot be read, or the disk is full; no target is left.
    """
    import shutil  # costs 2 ms, and most plans copy nothing

    root, place = os.path.realpath(source), os.path.abspath(target)
    if not os.path.isdir(root):
        msg = f"workspace folder {shown(str(source))} is not a folder: `workspace.copy` names the folder to copy"
        raise OrchError(msg)
    if os.path.lexists(place):
        msg = f"{shown(place)} exists already: a copy of the workspace is made once, in a new folder"
        raise OrchError(msg)
    partial = f"{place}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of an orchestrator that died while it copied
    os.makedirs(os.path.dirname(place), exist_ok=True)
    excluded = {os.path.realpath(skip)} if skip is not None else set()
    try:
        warnings = list(_copy_tree(root, partial, frozenset({*excluded, os.path.realpath(partial)})))
        os.rename(partial, place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return warnings


def digest_of(copy: Path, besides: Collection[str] = ()) -> str:
    """One SHA-256 over the names, bytes and links of a fresh copy: what all its tasks begin with.

    Args:
        copy: The copy.
        besides: Paths in it that do not count.

    Raises:
        OSError: a file cannot be read.
    """
    import hashlib

    root, found = os.fspath(copy), hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted({*files, *(f for f in folders if os.path.islink(posixpath.join(folder, f)))}):
            path = posixpath.join(folder, name)
            if posixpath.relpath(path, root) in besides:
                continue
            content = f"-> {os.readlink(path)}" if os.path.islink(path) else read_digest(path).sha256
            found.update(f"{posixpath.relpath(path, root)}\0{content}\0".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _copy_tree(root: str, target: str, excluded: frozenset[str]) -> Iterator[str]:
    """Copy, and yield a message for everything that is left out."""
    folders = [""]
    while folders:
        folder = folders.pop()
        here = posixpath.join(root, folder) if folder else root
        there = posixpath.join(target, folder) if folder else target
        os.mkdir(there)
        for entry in sorted(os.scandir(here), key=lambda e: e.name):
            path = posixpath.join(folder, entry.name)
            if entry.path in excluded or entry.name in _LEFT_BEHIND:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                problem = _copy_entry(root, path, posixpath.join(there, entry.name))
                if problem is not None:
                    yield f"{shown(path)} is not in the copy of the workspace: it is {problem}"
        os.chmod(there, stat.S_IMODE(os.stat(here).st_mode) & 0o777 | stat.S_IRWXU)


def _copy_entry(root: str, path: str, target: str) -> str | None:
    """Copy a file or link; the reason when it is left out."""
    import shutil

    source = posixpath.join(root, path)
    status = os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        text = _link_text(root, path)
        if text is None:
            return f"a link that leaves the folder, to {shown(os.path.realpath(source))}"
        os.symlink(text, target)
        return None
    if not stat.S_ISREG(status.st_mode):
        return f"{type_of(status.st_mode)}, not a file"
    shutil.copyfile(source, target, follow_symlinks=False)
    os.chmod(target, stat.S_IMODE(status.st_mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # make compares times
    return None


def _link_text(root: str, path: str) -> str | None:
    """What the link shall say in the copy, or None when it leaves the folder.

    A relative link that goes up first and then only down stays as it is; any other (an absolute one above
    all, which would lead from the copy back into the original) is written anew.
    """
    link = posixpath.join(root, path)
    text, real = os.readlink(link), os.path.realpath(link)
    if not inside(real, root):
        return None
    folder = posixpath.dirname(path)
    steps = text.split("/")
    climbs = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    depth = len(folder.split("/")) if folder else 0
    if not text.startswith("/") and climbs <= depth and ".." not in steps[climbs:]:
        return text
    return posixpath.relpath(real, posixpath.join(root, folder))
