"""The files that judge, frozen: rubrics, schemas, the scripts of checks and critics.

They are copied when the run starts and the copies are what is used. While the run goes on the originals and
the copies are compared: a judge that changed meanwhile has judged nothing.

A copy stands below the target at the path its original has below `/`: so files that were neighbours still
are, and a script finds the frozen file beside it under the same relative path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchharness import private
from orchharness.errors import OrchError
from orchharness.record import record
from orchharness.workspace.files import (
    copy_bytes,
    identity,
    inside,
    new_file,
    open_regular,
    read_digest,
    same_identity,
    settle,
    shown,
)
from orchharness.workspace.watching import tests_changed, watch_tests

__all__ = ["Frozen", "changed", "command_files", "freeze", "substitute", "tests_changed", "watch_tests"]


@record
class Frozen:
    """A gate input. `resolved` is where a link led when it was frozen; identities are as in a snapshot."""

    original: str
    resolved: str
    copy: str
    sha256: str
    identity: Mapping[str, int]
    copy_identity: Mapping[str, int]

    def to_record(self) -> dict[str, Any]:
        """The value as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Frozen:
        """The inverse of `to_record`."""
        return cls(**record)


def freeze(paths: Iterable[Path | str], target: Path) -> dict[str, Frozen]:
    """Copy the files below `target`, read-only, and return them by the absolute path of the original.

    Raises:
        OrchError: a file does not exist, or is no regular file.
        OSError: the disk is full.
    """
    frozen = {}
    for path in paths:
        original = os.path.abspath(path)
        if original not in frozen:
            frozen[original] = _freeze(original, os.path.abspath(target))
    times = (max(f.identity["ctime_ns"], f.copy_identity["ctime_ns"]) for f in frozen.values())
    settle(max(times, default=0))
    return frozen


def changed(frozen: Iterable[Frozen]) -> list[str]:
    """The originals, and the copies, that are gone or hold other bytes than when they were frozen."""
    result = []
    for entry in frozen:
        if _is_other(os.path.realpath(entry.original), entry.identity, entry.sha256):
            result.append(entry.original)
        if _is_other(entry.copy, entry.copy_identity, entry.sha256):
            result.append(entry.copy)
    return result


def command_files(argv: Sequence[str], bases: Sequence[Path]) -> list[Path]:
    """The words of a command that are files: what it judges with.

    A word counts as the first base says in which it is a regular file. The program itself counts only as a
    script of the project: written with a slash, below a base (links followed), and beginning with `#!`.
    A word that contains a path (`--config=x.toml`) is not one.

    Args:
        argv: The rendered words.
        bases: Folders that relative words are looked up in, in this order.

    Returns:
        Absolute paths, links not resolved, each once.
    """
    words = (_word_file(word, bases, program=place == 0) for place, word in enumerate(argv))
    return [Path(path) for path in dict.fromkeys(words) if path is not None]


def substitute(argv: Sequence[str], mapping: Mapping[str, Frozen], bases: Sequence[Path]) -> tuple[str, ...]:
    """The command with the words that are frozen files (as `command_files` finds them) replaced by the copies."""
    words = []
    for place, word in enumerate(argv):
        path = _word_file(word, bases, program=place == 0)
        words.append(mapping[path].copy if path is not None and path in mapping else word)
    return tuple(words)


def _freeze(original: str, target: str) -> Frozen:
    resolved = os.path.realpath(original)
    copy = os.path.join(target, original.lstrip("/"))
    private.folders(os.path.dirname(copy))
    try:
        with open_regular(resolved) as source:
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode) & 0o500 | stat.S_IRUSR
            with new_file(copy, mode) as written:
                read = copy_bytes(source, written)
    except (FileNotFoundError, NotADirectoryError):
        msg = f"gate input {shown(original)} does not exist"
        raise OrchError(msg) from None
    except OSError as error:
        if error.filename != resolved:
            raise
        msg = f"gate input {shown(original)} cannot be read: {error.strerror}"
        raise OrchError(msg) from None
    return Frozen(
        original=original,
        resolved=resolved,
        copy=copy,
        sha256=read.sha256,
        identity=read.identity,
        copy_identity=identity(os.stat(copy)),
    )


def _is_other(path: str, known: Mapping[str, int], sha256: str) -> bool:
    """Whether the file is gone or has other bytes; one that nobody touched is not read."""
    try:
        return not same_identity(known, identity(os.stat(path))) and read_digest(path).sha256 != sha256
    except OSError:
        return True


def _word_file(word: str, bases: Sequence[Path], *, program: bool) -> str | None:
    """The absolute path of the regular file that the word is, if it is one."""
    if not word or "\0" in word or (program and "/" not in word):
        return None
    for base in bases if not os.path.isabs(word) else [Path("/")]:
        path = os.path.abspath(os.path.join(base, word))
        if os.path.isfile(path):
            return path if not program or _is_own_script(path, bases) else None
    return None


def _is_own_script(path: str, bases: Sequence[Path]) -> bool:
    """Whether a program is a script of the project: an interpreter's copy would not find its libraries."""
    real = os.path.realpath(path)
    if not any(inside(real, os.path.realpath(base)) for base in bases):
        return False
    try:
        with open_regular(real) as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
