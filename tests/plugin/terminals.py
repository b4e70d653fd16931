"""A terminal for tests: a program on a pseudo-terminal, and what its screen shows, told by an emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pyte

LIMIT = 25.0  # seconds


class Screened:
    """A program and its terminal."""

    def __init__(
        self,
        argv: list[str],
        cwd: Path,
        *,
        columns: int = 100,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=5000)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.writes = 0
        self.ours, theirs = pty.openpty()
        self._size(columns, rows)
        kept = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS", "LINES"}}
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - tests have no threads
        )
        os.close(theirs)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self._size(columns, rows)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def read(self, seconds: float) -> bool:
        """Take in what is written within that time; False when the program is gone."""
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.ours, 65536)
        except OSError:
            data = b""
        self.bytes += data
        self.writes += bool(data)
        self.stream.feed(data)
        return bool(data)

    def until(self, what: Callable[[], object]) -> None:
        """Read until it is so; that it never is, is a failure."""
        end = time.monotonic() + LIMIT
        while not what():
            there = self.read(0.05)
            assert what() or (there and time.monotonic() < end), f"it did not happen\n{self.text}"

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def end(self) -> int:
        """Read to the end; the exit status."""
        end = time.monotonic() + LIMIT
        while self.read(0.2):
            assert time.monotonic() < end, f"it did not end\n{self.text}"
        return self.process.wait(LIMIT)

    @property
    def lines(self) -> list[str]:
        """The screen."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.all)

    @property
    def all(self) -> list[str]:
        """Everything that scrolled away, then the screen, without what is blank at its end."""
        before = ["".join(row[n].data for n in range(self.screen.columns)) for row in self.screen.history.top]
        found = [line.rstrip() for line in [*before, *self.screen.display]]
        while found and not found[-1]:
            found.pop()
        return found

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.ours)


def pytest_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
