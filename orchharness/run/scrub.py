"""What an act left in its folder, without values that must not be kept: done once, when it is over.

Rules that hold here:
  * Evidence was taken before, and artifacts (`inputs`, `gate`) are work: neither is touched.
  * A file is written anew beside the old one and takes its place at once: after a crash there is one or the other.
  * Only regular files are opened, never waited for, and read in pieces. What cannot be rewritten stays, and is told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from orchharness.redact import Redactor, Stream

LIMIT = 100 * 1024 * 1024  # bytes; logs are not longer, and what else is was not written by the harness
_PIECE = 1 << 20
_PART = ".redacted"
_WORK = frozenset({"inputs", "gate"})
# How an act is found again, and what ended it.
_KEPT = frozenset({"handle.json", "pid", "exit"})
# Written by the harness before the act: they can hold known values only, by way of artifacts and file names.
_OURS = frozenset({"request.json", "critic-request.json", "snapshot.json", "prompt.md"})


def scrub(folder: str, redactor: Redactor) -> list[str]:
    """Take out of the act's files what must not be kept; a message for each that could not be rewritten."""
    faults = []
    for path in _files(folder, redactor):
        try:
            _rewrite(path, redactor)
        except OSError as error:
            faults.append(f"{path} could not be redacted: {error.strerror or error}")
    return faults


def _files(folder: str, redactor: Redactor) -> Iterator[str]:
    """Files of the act that hold anything and may hold what must go."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_PART):  # a crash left it
                os.unlink(entry.path)  # noqa: PTH108 - hot path
            elif entry.name in _KEPT or (entry.name in _OURS and not redactor.knows):
                continue
            elif entry.is_dir(follow_symlinks=False):
                if entry.name not in _WORK:
                    yield from _files(entry.path, redactor)
            elif (
                entry.is_file(follow_symlinks=False)
                and 0 < entry.stat(follow_symlinks=False).st_size <= LIMIT
            ):
                yield entry.path


def _rewrite(path: str, redactor: Redactor) -> None:
    """Write the file anew where anything in it must go.

    Raises:
        OSError: it cannot be read or written.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode) and _holds_any(fd, redactor):
            _replace(path, (piece for piece, _ in _redacted(fd, redactor)))
    finally:
        os.close(fd)


def _replace(path: str, pieces: Iterable[bytes]) -> None:
    part = f"{path}{_PART}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(part, flags, 0o600), "wb") as target:  # noqa: PTH123 - pathlib takes no flags
            target.writelines(pieces)
        os.replace(part, path)  # noqa: PTH105
    except OSError:
        with suppress(OSError):
            os.unlink(part)  # noqa: PTH108
        raise


def _holds_any(fd: int, redactor: Redactor) -> bool:
    return any(changed for _, changed in _redacted(fd, redactor))


def _redacted(fd: int, redactor: Redactor) -> Iterator[tuple[bytes, bool]]:
    """The redacted pieces of the file, and whether each is another than it was."""
    stream, place = Stream(redactor), 0
    while data := os.pread(fd, _PIECE, place):
        place += len(data)
        yield stream.feed(data), stream.changed
    yield stream.feed(b"", last=True), stream.changed
