"""Files that acts left in their folders, opened with care: they were written by nobody who can be trusted.

Only regular files are opened, and never waited for; links are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_JUDGES = ("agent", "agent-2")  # where a judge's agents work, below its own folder


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file.

    Raises:
        OSError: there is none, or it is no regular file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            msg = f"{path}: no regular file"
            raise OSError(msg)
        yield fd
    finally:
        os.close(fd)


def left_in(folder: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    """The act's folder, then those below it where a judge's agents work, each with the names of what is in it."""
    own = _names(folder)
    yield folder, own
    for name in _JUDGES:
        if name in own:
            yield (below := folder / name), _names(below)


def logs_in(folder: Path) -> Iterator[Path]:
    """The files that the act printed into, its own folder first."""
    for place, names in left_in(folder):
        yield from (place / name for name in sorted(names) if name.endswith(".log"))


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - pathlib makes a path of each
    except OSError:
        return frozenset()
