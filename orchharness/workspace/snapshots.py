"""What the files of an act were before it, so that it can be told afterwards what the act wrote.

A snapshot is a JSON object: path -> `{"sha256", "size", "mtime_ns", "ctime_ns", "inode"}` for a regular file
(links followed), or `{"outside": <target>}` for a link that leads out of the workspace, or `{"unread": <why>}`.
Workspace files stand under their relative path, files of the run under their absolute one.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from orchharness.core.plan import EMPTY
from orchharness.workspace.files import identity, inside, read_digest, same_identity, settle
from orchharness.workspace.matching import find

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_UNREADABLE = {errno.EACCES, errno.EPERM}


def snapshot(
    workspace: str | os.PathLike[str],
    patterns: Iterable[str],
    *,
    skip: str | os.PathLike[str] | None = None,
    known: Mapping[str, Any] = EMPTY,
) -> dict[str, Any]:
    """Every file that matches the patterns, as it is now.

    Args:
        workspace: The folder the patterns are relative to.
        patterns: Workspace paths or globs; absolute ones are single files of the run.
        skip: The run directory, when it is inside the workspace.
        known: An earlier snapshot; files whose identity is the same are not read again.

    Raises:
        OrchError: a pattern leaves the workspace.
        OSError: the disk fails.
    """
    result = survey(workspace, patterns, skip=skip, known=known)
    settle(max((seen.get("ctime_ns", 0) for seen in result.values()), default=0))
    return result


def survey(
    workspace: str | os.PathLike[str],
    patterns: Iterable[str],
    *,
    skip: str | os.PathLike[str] | None = None,
    known: Mapping[str, Any] = EMPTY,
) -> dict[str, Any]:
    """Like `snapshot`, after an act: nothing is compared with it by times, so nothing has to settle."""
    wanted = tuple(patterns)
    if not wanted:
        return {}
    root = os.path.realpath(workspace)
    globs = [pattern for pattern in wanted if not pattern.startswith("/")]
    files = [pattern for pattern in wanted if pattern.startswith("/")]
    paths = find(root, globs, os.fspath(skip) if skip is not None else None) if globs else []
    taken = {path: look(root, path, known.get(path, EMPTY)) for path in (*paths, *files)}
    return {path: seen for path, seen in taken.items() if seen is not None}


def look(root: str, path: str, known: Mapping[str, Any] = EMPTY) -> dict[str, Any] | None:
    """What a snapshot says about one path; None where there is no regular file."""
    real = os.path.realpath(posixpath.join(root, path))
    if not path.startswith("/") and not inside(real, root):
        return {"outside": real}
    try:
        if same_identity(known, identity(os.stat(real))) and "sha256" in known:
            return dict(known)
        read = read_digest(real)
    except OSError as error:
        if error.errno in _UNREADABLE:
            return {"unread": os.strerror(error.errno)}
        if error.errno in _ABSENT or error.errno == errno.EINVAL:
            return None
        raise
    return {"sha256": read.sha256, **read.identity}


def how_written(before: Mapping[str, Any] | None, sha256: str, now: Mapping[str, Any]) -> str:
    """`created`, `changed` (other bytes), `rewritten` (the same bytes, written again) or `existed` (untouched)."""
    if before is None:
        return "created"
    if before.get("sha256") != sha256:
        return "changed"
    return "existed" if same_identity(before, now) else "rewritten"


def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether any file was created, deleted or has other bytes; being rewritten alike is no difference."""
    return before.keys() != after.keys() or any(
        _content(before[path]) != _content(after[path]) for path in after
    )


def verify(digests: Mapping[str, str]) -> list[str]:
    """The paths, links followed, that no longer are regular files with these SHA-256 digests."""
    return [path for path, sha256 in digests.items() if _digest_or_none(path) != sha256]


def _content(seen: Mapping[str, Any]) -> tuple[Any, ...]:
    return (seen.get("sha256"), seen.get("outside"), seen.get("unread"))


def _digest_or_none(path: str) -> str | None:
    try:
        return read_digest(os.path.realpath(path)).sha256
    except OSError:
        return None
