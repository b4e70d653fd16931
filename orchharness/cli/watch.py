"""`orchharness watch`: what a run does now, again and again, until it ends or whoever watches has seen enough.

Only looks: come and go as you like, any number at once. The run notices nothing.
"""

from __future__ import annotations

import argparse
import math
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchharness.cli.alive import orchestrator_of
from orchharness.cli.project import chosen_run, project_of, repeated
from orchharness.cli.status import tell
from orchharness.live.follower import Follower
from orchharness.live.region import Region
from orchharness.run.directory import RunDirectory

_PAUSE = 0.25  # seconds between two looks
_ASK = 1.0  # seconds between two looks for its orchestrator
_ENDING = 5.0  # seconds in which an orchestrator is waited for whose run is over


def watch(asked: argparse.Namespace) -> int:
    """Show the run until it is over, then how it stands.

    Raises:
        OrchError: its journal cannot be read.
    """
    run = chosen_run(project_of(asked), asked.run)
    seen_enough = False
    if sys.stdout.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}:
        seen_enough = _watched(run)
    else:
        sys.stderr.write("no terminal to watch in: this is how the run stands now\n")
    if seen_enough:
        sys.stdout.write(f"the run goes on; orchharness watch {run.run_id}{repeated(asked)}\n")
    else:
        tell(run, repeated(asked))
    return 0


def _watched(run: RunDirectory) -> bool:
    """Show it; whether who watches has seen enough before its end."""
    follower, region = Follower(run), Region(sys.stdout.fileno())
    alive, asked_at, until = True, 0.0, math.inf
    try:
        with _keys() as key:
            while alive and time.monotonic() < until:
                if time.monotonic() - asked_at >= _ASK or follower.over:
                    alive, asked_at = orchestrator_of(run) is not None, time.monotonic()
                _draw(follower, region)
                if follower.over and until == math.inf:
                    until = time.monotonic() + _ENDING  # it writes its report, and is gone then
                if alive and key(_PAUSE) in {"q", "Q"}:
                    return not follower.over
    except KeyboardInterrupt:
        return not follower.over
    finally:
        region.clear()
    return False


def _draw(follower: Follower, region: Region) -> None:
    from orchharness.live.drawing import drawn

    scene, size = follower.look(time.time()), region.size()
    if follower.over:
        return
    lines = drawn([scene], size.columns, size.rows - 1, color=not os.environ.get("NO_COLOR"))
    if tuple(lines) != region.shown:
        region.draw(lines)


class _Key:
    """The next key that is typed within so many seconds; nothing when none is, or nobody can type."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def __call__(self, seconds: float) -> str:
        if self._fd is None:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        data = os.read(self._fd, 1) if ready else b""
        if ready and not data:
            self._fd = None  # who typed is gone
        return data.decode(errors="replace")


@contextmanager
def _keys() -> Iterator[_Key]:
    """Keys as they are typed; the terminal is as it was afterwards, also after SIGTERM."""
    if not sys.stdin.isatty():
        yield _Key(None)
        return
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    stopped = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tty.setcbreak(fd)
        yield _Key(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, stopped)
