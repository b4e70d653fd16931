"""Reports, rendered beside the run by a helper process, so that nobody waits for the template engine.

Jinja and the report's modules cost as much as the rest of a small run together. A child forked when the first plan
is seen loads them while plans are read and agents work, renders when it is told to, and ends with the session. It
only reads journals and writes reports; without it (other threads run, or there is no fork) the same is done here.
While a run goes on its report is written again now and then, by the child alone and so seldom that it costs little.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.run.directory import RunDirectory
from orchharness.run.former import former, note

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost
    from orchharness.report import Places

_STOP = signal.SIGUSR1
_SIZE = 8  # bytes of the length before each message
EVERY = 3.0  # seconds between two reports of a run that goes on, and before the first
_REST = 25  # a report that took a second is written again after so many seconds at the earliest
REFRESH = 5  # seconds after which the page of a run that goes on shows itself anew


class ReportHelper:
    """Renders the reports of a session's runs, one after another."""

    def __init__(self) -> None:
        self._pid = 0
        self._pipe: tuple[int, int] | None = None  # to the child, from the child
        self._told: frozenset[Path] = frozenset()  # the reports whose plans the child has
        self._plugins: tuple[str, ...] = ()  # those that add sections, as the child has them
        self._asked = False  # an answer is on its way
        self.cost = 0.0  # seconds of CPU time that the last report took

    def start(self, host: PluginHost | None = None) -> None:
        """Begin to load what rendering needs, in a child, where that is safe; it has the host's plugins, too."""
        if self._pipe is not None or not hasattr(os, "fork") or not _is_alone():
            return  # forking beside other threads can copy a lock that nobody will ever free
        ask, told = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(ask[0])
            os.close(told[1])
            self._pipe = (ask[1], told[0])
            self._plugins = host.section_plugins if host is not None else ()
            return
        try:
            os.close(ask[1])
            os.close(told[0])
            _serve(ask[0], told[1], host)
        finally:
            os._exit(0)  # nothing of the parent's may run its clean-up here

    def write(
        self,
        plan: Plan,
        journal: Path,
        target: Path,
        warnings: Sequence[str],
        host: PluginHost | None = None,
    ) -> str | None:
        """Render the report now; what went wrong, or None. `host` has the plugins that may add a section."""
        if self._pipe is not None and self._asked:
            with suppress(ProcessLookupError):  # somebody else of this process has waited for any child
                os.kill(self._pid, _STOP)  # nobody looks any more at a page of the run that went on
        self._finish()
        if self._pipe is not None and self._plugins == (host.section_plugins if host is not None else ()):
            try:
                self._ask(plan, journal, target, warnings, refresh=0)
                return self._answer() or None
            except (OSError, EOFError):  # the child died: done here instead
                self.close()
        return render_now(plan, journal, target, warnings, host=host) or None

    @property
    def works(self) -> bool:
        """Whether there is a child."""
        return self._pipe is not None

    @property
    def ready(self) -> bool:
        """Whether there is a child, and it has nothing to do."""
        import select

        if self._pipe is not None and self._asked and select.select([self._pipe[1]], [], [], 0)[0]:
            self._finish()
        return self._pipe is not None and not self._asked

    def begin(self, plan: Plan, journal: Path, target: Path, warnings: Sequence[str]) -> None:
        """Let the child render the report of a run that goes on, without waiting for it. Only when it is `ready`."""
        try:
            self._ask(plan, journal, target, warnings, refresh=REFRESH)
        except OSError:
            self.close()

    def _ask(self, plan: Plan, journal: Path, target: Path, warnings: Sequence[str], *, refresh: int) -> None:
        import pickle

        assert self._pipe is not None
        known, self._told = target in self._told, self._told | {target}
        _send(
            self._pipe[0],
            pickle.dumps((None if known else plan, journal, target, tuple(warnings), refresh, former())),
        )
        self._asked = True

    def _answer(self) -> str:
        assert self._pipe is not None
        seconds, _, fault = _receive(self._pipe[1]).decode().partition(" ")
        self.cost, self._asked = float(seconds), False
        return fault

    def _finish(self) -> None:
        """Take the answer that is on its way; a report that failed is written once more at the end of the run."""
        if self._pipe is not None and self._asked:
            try:
                self._answer()
            except (OSError, EOFError):
                self.close()

    def hang_up(self) -> None:
        """Ask for nothing more: the child ends, and is not waited for."""
        if self._pipe is not None:
            for end in self._pipe:
                os.close(end)
            self._pipe, self._asked = None, False

    def close(self) -> None:
        """End the child, and wait until it is gone."""
        self.hang_up()
        pid, self._pid = self._pid, 0
        if pid:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _is_alone() -> bool:
    """Whether no other thread runs. Python does not count those that begin below `threading`, as xdist's do."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - pathlib costs 5 ms
    except OSError:  # no Linux
        return threading.active_count() == 1


def _serve(asked: int, answer: int, host: PluginHost | None) -> None:
    """The child: load, then render what is asked for until the parent's end of the pipe is closed."""
    stoppable = _Stoppable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the orchestrator's
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    import gc
    import pickle

    with suppress(Exception):  # what is wrong with the templates is told when they are used
        import orchharness.journal
        import orchharness.workspace.store  # noqa: F401 - `render_now` needs both
        from orchharness.report.render import warm_up

        warm_up()
    gc.freeze()  # what the parent had and what is loaded now stays: looking through it copies all its pages
    with suppress(OSError):
        os.nice(5)  # agents come first
    plans: dict[Path, Plan] = {}
    with suppress(OSError, EOFError):
        while True:
            plan, journal, target, warnings, refresh, values = pickle.loads(_receive(asked))  # noqa: S301 - from the parent alone
            plan = plans.setdefault(target, plan)
            note(values)
            began = time.process_time()
            render = partial(render_now, plan, journal, target, warnings, refresh=refresh, host=host)
            fault = stoppable.run(render) if refresh else render()
            _send(answer, f"{time.process_time() - began} {fault}".encode(errors="replace"))


class _StoppedError(BaseException):
    """Nobody needs what is being done any more."""


class _Stoppable:
    """Does what is ended by the signal `_STOP`, which does nothing at other times."""

    def __init__(self) -> None:
        self._at_work = False
        signal.signal(_STOP, self._stop)

    def run(self, work: Callable[[], str]) -> str:
        """What it returns, or that it was stopped."""
        result = "stopped"
        with suppress(_StoppedError):
            self._at_work = True
            try:
                result = work()
            finally:
                self._at_work = False
        self._at_work = False  # also where it was stopped at the very end
        return result

    def _stop(self, *_: object) -> None:
        if self._at_work:
            raise _StoppedError


class LiveReport:
    """The report of one run while it goes on."""

    def __init__(self, helper: ReportHelper, plan: Plan, directory: RunDirectory, now: float) -> None:
        self._helper, self._plan, self._directory = helper, plan, directory
        self._due = now + EVERY

    @property
    def due(self) -> float:
        """When it should be written next; never, where there is nobody to do it."""
        return self._due if self._helper.works else math.inf

    def show(self, now: float, warnings: Sequence[str]) -> None:
        """Have it written, if it is time for that."""
        if now < self._due:
            return
        if self._helper.ready:
            where = self._directory
            self._helper.begin(self._plan, where.journal, where.report, warnings)
        self._due = now + max(EVERY, _REST * self._helper.cost)


def places_of(directory: RunDirectory, records: Sequence[Mapping[str, Any]]) -> Places:
    """Where the run keeps what its report shows beside the journal."""
    from orchharness.report import Places
    from orchharness.workspace.store import Store

    headers = [header for entry in records if isinstance(header := entry.get("header"), dict)]
    session = headers[-1].get("session", 0) if headers else 0
    return Places(
        plan=directory.session(session if isinstance(session, int) else 0) / "plan.yaml",
        act=directory.act,
        stored=Store(directory.store).path,
        hidden=former(),
    )


def render_now(
    plan: Any,
    journal: Path,
    target: Path,
    warnings: Sequence[str],
    *,
    refresh: int = 0,
    host: PluginHost | None = None,
) -> str:
    """Write the report in this process; what went wrong, or nothing."""
    try:
        from orchharness.journal import read_journal
        from orchharness.report import Extras, write_report

        content = read_journal(journal)
        said = [*warnings, content.torn] if content.torn and not refresh else list(warnings)
        places = places_of(RunDirectory(journal.parent), content.records)
        sections = host.report_sections if host is not None and not refresh else None
        more = Extras(places=places, sections=sections, refresh=refresh)
        write_report(plan, content.records, target, now=time.time(), warnings=said, more=more)
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
