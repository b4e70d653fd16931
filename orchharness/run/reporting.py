"""Reports, rendered beside the run by a helper process, so that nobody waits for the template engine.

Jinja and the report's modules cost as much as the rest of a small run together. A child forked when the first plan
is seen loads them while plans are read and agents work, renders when it is told to, and ends with the session. It
only reads journals and writes reports; without it (other threads run, or there is no fork) the same is done here.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchharness.core.plan import Plan

_SIZE = 8  # bytes of the length before each message


class ReportHelper:
    """Renders the reports of a session's runs, one after another."""

    def __init__(self) -> None:
        self._pid = 0
        self._pipe: tuple[int, int] | None = None  # to the child, from the child

    def start(self) -> None:
        """Begin to load what rendering needs, in a child, where that is safe."""
        if self._pipe is not None or not hasattr(os, "fork") or threading.active_count() > 1:
            return  # forking beside other threads can copy a lock that nobody will ever free
        ask, told = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(ask[0])
            os.close(told[1])
            self._pipe = (ask[1], told[0])
            return
        try:
            os.close(ask[1])
            os.close(told[0])
            _serve(ask[0], told[1])
        finally:
            os._exit(0)  # nothing of the parent's may run its clean-up here

    def write(self, plan: Plan, journal: Path, target: Path, warnings: Sequence[str]) -> str | None:
        """Render the report now; what went wrong, or None."""
        if self._pipe is not None:
            import pickle

            with suppress(OSError, EOFError):  # the child died: done here instead
                _send(self._pipe[0], pickle.dumps((plan, journal, target, tuple(warnings))))
                return _receive(self._pipe[1]).decode() or None
            self.close()
        return _render(plan, journal, target, warnings) or None

    def close(self) -> None:
        """End the child."""
        if self._pipe is None:
            return
        for end in self._pipe:
            os.close(end)
        self._pipe = None
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve(asked: int, answer: int) -> None:
    """The child: load, then render what is asked for until the parent's end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the orchestrator's
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    import gc
    import pickle

    from orchharness.report.render import warm_up

    with suppress(Exception):  # what is wrong with the templates is told when they are used
        warm_up()
    gc.freeze()  # what the parent had and what is loaded now stays: looking through it copies all its pages
    with suppress(OSError, EOFError):
        while True:
            plan, journal, target, warnings = pickle.loads(_receive(asked))  # noqa: S301 - from the parent alone
            _send(answer, _render(plan, journal, target, warnings).encode())


def _render(plan: Any, journal: Path, target: Path, warnings: Sequence[str]) -> str:
    """Write the report; what went wrong, or nothing."""
    import time

    try:
        from orchharness.journal import read_journal
        from orchharness.report import write_report

        content = read_journal(journal)
        said = [*warnings, content.torn] if content.torn else list(warnings)
        write_report(plan, content.records, target, now=time.time(), warnings=said)
    except Exception as error:  # noqa: BLE001 - the report can be made again; what happened must not be lost
        return f"{type(error).__name__}: {error}"
    return ""


def _send(pipe: int, data: bytes) -> None:
    rest = memoryview(len(data).to_bytes(_SIZE, "big") + data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _receive(pipe: int) -> bytes:
    return _take(pipe, int.from_bytes(_take(pipe, _SIZE), "big"))


def _take(pipe: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(pipe, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
