"""Reading and writing single files safely, and what is known of a file without reading it.

Rules of the whole package:

* What an agent leaves behind is data: a FIFO never blocks us, a device is never opened, a path never
  leads out of the folder it belongs to, a strange name never breaks a message.
* A file is written whole or not at all. A full or read-only disk is an `OSError`, so that the caller can
  tell it from an error of the plan.
* Names that are not UTF-8 are kept as Python keeps them (surrogates); JSON with ASCII escapes holds them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from orchharness.errors import OrchError

CHUNK = 1 << 20
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE of Linux, which stamps files; the time module does not name it
_LONGEST_SETTLE = 0.05
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class Read(NamedTuple):
    """What was read: the digest, the size, and the file's identity when the reading was over."""

    sha256: str
    size: int
    identity: dict[str, int]


def type_of(mode: int) -> str:
    """What a file is that is not a regular one, in words."""
    return _TYPES.get(stat.S_IFMT(mode), "no regular file")


def identity(status: os.stat_result) -> dict[str, int]:
    """What tells a rewritten file from an untouched one without reading it."""
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def same_identity(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether nobody wrote the file in between. Holds because `ctime` cannot be set, and after `settle`."""
    return all(old.get(key) == new.get(key) for key in ("size", "mtime_ns", "ctime_ns", "inode"))


def settle(newest_ctime_ns: int) -> None:
    """Return when the clock that stamps files has moved on from that moment (at most one tick, mostly none).

    Two writes within one tick of the kernel leave the same times: without this, a fast act that rewrites a
    file which was made just before would look as if it had done nothing.
    """
    deadline = time.monotonic() + _LONGEST_SETTLE
    try:
        while time.clock_gettime_ns(_COARSE_CLOCK) <= newest_ctime_ns and time.monotonic() < deadline:
            time.sleep(0.001)
    except OSError:  # no such clock on this system
        return


@contextmanager
def open_regular(path: str) -> Iterator[IO[bytes]]:
    """The open file. Links are not followed: resolve them first, and decide whether the place is allowed.

    Raises:
        OSError: it cannot be opened, or (EINVAL) is no regular file. Never blocks.
    """
    mode = os.lstat(path).st_mode  # opening a device can already do something, so look first
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"is {type_of(mode)}", path)
    with os.fdopen(os.open(path, _READ), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {type_of(mode)}", path)
        yield file


@contextmanager
def new_file(target: str, mode: int) -> Iterator[IO[bytes]]:
    """A file to write; it stands under its name, with that mode, when the block has ended without an error.

    The bytes are on the disk before the name is: what a journal says later must not outlive them.
    """
    temporary = posixpath.join(posixpath.dirname(target), f".tmp-{os.urandom(8).hex()}")
    with os.fdopen(os.open(temporary, _WRITE, 0o600), "wb") as file:
        try:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            _to_disk(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise


def copy_bytes(source: IO[bytes], target: IO[bytes] | None) -> Read:
    """What was read to the end of `source`, written to `target` on the way."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return Read(digest.hexdigest(), size, identity(os.fstat(source.fileno())))


def read_digest(path: str) -> Read:
    """The digest of a regular file, links not followed.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        return copy_bytes(file, None)


def inside(path: str, root: str) -> bool:
    """Whether the path is the root or below it; both are real paths."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def relative(path: str) -> str:
    """The path in its plain form, `""` for the folder itself.

    Raises:
        OrchError: it is absolute, leaves its folder, or holds a NUL.
    """
    plain = posixpath.normpath(path) if path else "."
    if plain.startswith("/") or plain.split("/")[0] == ".." or "\0" in plain:
        msg = f"path {shown(path)} leaves its folder: write a path relative to the folder, without '..'"
        raise OrchError(msg)
    return "" if plain == "." else plain


def below(folder: str, path: str) -> str:
    """The absolute path of a recorded relative one; what would escape the folder is an `OrchError`."""
    return posixpath.join(folder, relative(path))


def shown(path: str) -> str:
    """The path as it can be printed on one line, whatever an agent called its file."""
    return path if path.isprintable() and path else repr(path)


def _to_disk(descriptor: int) -> None:
    """Have the bytes written; macOS has no `fdatasync`."""
    getattr(os, "fdatasync", os.fsync)(descriptor)
