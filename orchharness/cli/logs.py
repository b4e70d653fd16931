"""`orchharness logs RUN TASK`: what an agent or a critic printed, also while it is at work."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from orchharness.cli import UsageError
from orchharness.cli.alive import Life, agent_of
from orchharness.cli.project import chosen_run, project_of
from orchharness.cli.standing import Standing
from orchharness.errors import OrchError
from orchharness.journal import read_journal
from orchharness.live.output import Cleaner, chosen_log
from orchharness.live.picture import Act, picture_of
from orchharness.redact import Redactor, Stream
from orchharness.report.printed import opened
from orchharness.report.text import line
from orchharness.run.directory import RunDirectory

_BLOCK = 64 * 1024
_PAUSE = 0.2  # seconds between two looks at a file that grows
_ASK = 2.0  # seconds between two looks into the journal, for agents that cannot be seen


def logs(asked: argparse.Namespace) -> int:
    """Print them."""
    run = chosen_run(project_of(asked), asked.run)
    one = Standing(run, time.time())
    act = _act(one, asked.item, asked.act)
    folder = run.act(act.name)
    if not folder.is_dir():
        msg = f"{act.name} printed nothing: it was not spawned in this run"
        raise OrchError(msg)
    going_on = _Going(run, act) if asked.follow else None
    write = _redacting(one.redactor, _writer(raw=asked.raw))
    _copy(lambda: chosen_log(folder, stderr=asked.stderr), write, going_on)
    return 0


def _act(one: Standing, item: str, wanted: str | None) -> Act:
    """The act that is meant.

    Raises:
        JournalError: the journal cannot be read.
        UsageError: the run has no such item, or no such act.
        OrchError: the item has none yet.
    """
    if one.damage:
        raise OrchError(one.damage)
    acts = [a for a in one.picture.acts.values() if a.item == item]
    if not acts and item not in one.picture.items:
        known = ", ".join(one.picture.items) or "none"
        msg = f"run {one.directory.run_id} has no task or gate {item!r}; it has: {known:.2000}"
        raise UsageError(msg)
    if wanted is None and acts:
        return max(acts, key=lambda a: a.began)
    if wanted is None:
        blocker = one.outlook.blocker(one.picture, item)
        state = one.picture.items[item].state
        reason = "" if blocker is None else f" for {line(blocker.id)}"
        msg = f"{item!r} printed nothing: it is {state}{reason}"
        raise OrchError(msg)
    named = [a for a in acts if a.name == wanted]
    if not named:
        there = ", ".join(a.name for a in acts) or "none yet"
        msg = f"{item!r} has no act {wanted!r}; it has: {there}"
        raise UsageError(msg)
    return named[0]


class _Going:
    """Whether an act still goes on."""

    def __init__(self, run: RunDirectory, act: Act) -> None:
        self._run, self._act = run, act
        self._asked = 0.0

    def __call__(self) -> bool:
        if self._act.outcome:
            return False
        life = agent_of(self._run.act(self._act.name), self._act.key).life
        if life in {Life.ALIVE, Life.ABSENT, Life.UNSEEN}:
            return life is Life.ALIVE or not self._is_over()
        return False

    def _is_over(self) -> bool:
        """What the journal says, asked now and then: for an engine's act, and one that is about to be spawned."""
        now = time.monotonic()
        if now - self._asked < _ASK:
            return False
        self._asked = now
        found = picture_of(read_journal(self._run.journal).records)
        act = found.acts.get(self._act.name)
        return act is None or bool(act.outcome) or found.state is not None


def _writer(*, raw: bool) -> Callable[[bytes, bool], None]:
    """Takes blocks of bytes and whether each is the last one."""
    out = sys.stdout
    if raw or not out.isatty():
        return lambda data, _: _write_whole(data)
    cleaner, decode = Cleaner(), codecs.getincrementaldecoder("utf-8")(errors="replace").decode

    def write(data: bytes, last: bool) -> None:  # noqa: FBT001
        out.write(cleaner.feed(decode(data, final=last), last=last))
        out.flush()

    return write


def _redacting(redactor: Redactor, write: Callable[[bytes, bool], None]) -> Callable[[bytes, bool], None]:
    stream = Stream(redactor)
    return lambda data, last: write(stream.feed(data, last=last), last)


def _write_whole(data: bytes) -> None:
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode(errors="replace"))
        return
    buffer.write(data)
    buffer.flush()


def _copy(where: Callable[[], Path], write: Callable[[bytes, bool], None], going_on: _Going | None) -> None:
    """Write the file; with `going_on`, what is appended to it until the act is over."""
    with ExitStack() as stack:
        fd, place = None, 0
        while True:
            last = going_on is None or not going_on()  # before reading: what came until then is read
            path = where()
            try:
                # A judge's commands get their files when they are started. One that was read from is kept open: when
                # the act is over a redacted file takes its place, in which the same bytes stand elsewhere.
                if not place:
                    stack.close()
                    fd = stack.enter_context(opened(path))
                place += _copy_from(fd, place, write)
            except BrokenPipeError:
                raise
            except FileNotFoundError:
                pass
            except OSError as error:
                msg = f"{path} cannot be read: {error.strerror or error}"
                raise OrchError(msg) from None
            if last:
                write(b"", True)
                return
            time.sleep(_PAUSE)


def _copy_from(fd: int | None, place: int, write: Callable[[bytes, bool], None]) -> int:
    """Write what the file holds from that place on; how many bytes that were."""
    copied = 0
    while fd is not None and (data := os.pread(fd, _BLOCK, place + copied)):
        write(data, False)
        copied += len(data)
    return copied
