"""Files and folders of a run that nobody but their owner may read, whatever the umask says."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: a file that is made gets mode 0600."""
    return os.open(path, flags, 0o600)


def write(path: str | Path, data: str | bytes) -> None:
    """Write the file, replacing what it held; text as UTF-8, with what came from undecodable bytes as it was.

    Raises:
        OSError: it cannot be written.
    """
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    with open(path, "wb", opener=opener) as file:  # noqa: PTH123 - pathlib takes no opener
        file.write(raw)


def folders(path: str | Path) -> None:
    """Make the folder, and those above it that are missing; `os.makedirs` gives its mode to the last one only.

    Raises:
        OSError: it cannot be made.
    """
    name = os.fspath(path)
    if not os.path.isdir(name):  # noqa: PTH112 - hot path
        folders(os.path.dirname(name))  # noqa: PTH120
        with suppress(FileExistsError):
            os.mkdir(name, 0o700)  # noqa: PTH102
