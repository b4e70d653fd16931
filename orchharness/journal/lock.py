"""A lock on a run or a workspace, held by the kernel: it is gone when its owner is, however that ended."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from orchharness.errors import RunBusyError

_GLANCE = 1.0  # seconds in which who only looks has looked
_LOOK = 0.002


class RunLock:
    """`flock` on a file that holds the owner's pid. The file stays: removing it would race with the next owner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0

    def acquire(self) -> Self:
        """Takes the lock, or fails at once; the folder is made when it is missing. Holding it already is fine.

        Raises:
            RunBusyError: another orchestrator holds it; the message has its pid.
        """
        if self.held:
            return self
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        until = time.monotonic() + _GLANCE
        while not _taken(fd):
            owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            if _lives(owner) or time.monotonic() > until:
                os.close(fd)
                msg = f"{self.path.parent}: another orchestrator owns it (pid {owner or 'unknown'}); wait until it is done"
                raise RunBusyError(msg)
            # Somebody asks for its owner at this moment, which it had before, or the owner is about to say its pid.
            time.sleep(_LOOK)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def owner(self) -> int | None:
        """The pid of who holds the lock; 0 when it cannot be told, None when nobody does."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            if _taken(fd, fcntl.LOCK_SH):
                return None
            text = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            return int(text) if text.isdigit() else 0
        finally:
            os.close(fd)

    def release(self) -> None:
        """Gives the lock back; releasing twice does nothing."""
        if self.held:
            os.ftruncate(self._fd, 0)
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # a forked child may hold a copy of the descriptor
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, OSError):
        return False
    return True


def _taken(fd: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
