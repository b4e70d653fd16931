"""Files that acts left in their folders, opened with care: they were written by nobody who can be trusted.

Only regular files are opened, and never waited for; links are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

JUDGES = ("", "agent", "agent-2")  # where a judge's commands and agents print: its folder and below it


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


def logs_in(folder: Path) -> Iterator[Path]:
    """The files that the act printed into, its own folder first."""
    for name in JUDGES:
        with suppress(OSError):
            yield from sorted(p for p in (folder / name).iterdir() if p.name.endswith(".log"))
