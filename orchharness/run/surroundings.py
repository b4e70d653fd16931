"""What a run is started in, and what it asks for in a turn."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchharness.core.plan import EMPTY
from orchharness.errors import OrchError, RunBusyError
from orchharness.journal import FORMAT, RunLock
from orchharness.record import field, record
from orchharness.run.act import ActRequest, ActResult
from orchharness.run.directory import workspace_lock
from orchharness.run.former import marks_of
from orchharness.run.hidden import redactor_of
from orchharness.run.reporting import ReportHelper

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost
    from orchharness.redact import Redactor
    from orchharness.run.entries import Start
    from orchharness.run.parts import Parts


class Tape(Protocol):
    """Stands between what is asked and who answers: it records what is answered, or answers itself."""

    source: str  # where the answers come from; empty when agents give them

    def begin(self, parts: Parts, session: Path) -> None:
        """The run begins; an `OrchError` refuses it."""

    def note(self) -> str:
        """What the run's first record says of it."""

    def asks(self, start: Start, request: ActRequest) -> ActRequest:
        """What is executed for what is asked; an `OrchError` fails the act."""

    def over(self, start: Start, request: ActRequest | None, result: ActResult) -> None:
        """The act is over, and not journalled yet."""

    def end(self, run: Orchestrator, acts: set[str]) -> list[str]:
        """The run is over; what to warn of. `acts` are all acts of the run, earlier sessions' too."""

    def lines(self) -> list[str]:
        """For the terminal."""


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@record
class Surroundings:
    """What a run is started in. `home` is the folder of the project's runs; `plugins` are conftest files with hooks."""

    root: Path
    home: Path
    host: PluginHost
    versions: Mapping[str, str]
    plugins: tuple[str, ...] = ()
    variables: Mapping[str, str] = EMPTY  # what `--orch-var` gave
    reports: ReportHelper = field(default_factory=ReportHelper)
    tape: Tape | None = None
    strict: bool = False  # what a look ahead warns of keeps the plan from being run
    waits: bool = False  # a run that waits for a person does not end, but waits for the answer
    wall: Callable[[], float] = time.time
    mono: Callable[[], float] = time.monotonic


@record(kw_only=False)
class Turn:
    """What is to be done now: acts to execute, acts to end, and results known without executing."""

    start: tuple[ActRequest, ...] = ()
    cancel: tuple[str, ...] = ()
    failed: tuple[ActResult, ...] = ()


def header_of(
    plan: Plan,
    where: Surroundings,
    workspace: Path,
    warnings: Sequence[str],
    hidden: Sequence[str] = (),
) -> dict[str, Any]:
    """The journal's header: everything that the run depends on and no later record says.

    `hidden` are the caller's variables whose values are not kept.
    """
    header: dict[str, Any] = {
        "format": FORMAT,
        "plan_file": plan.path,
        "root": str(where.root),
        "workspace": str(workspace),
        "versions": dict(where.versions),
        "parallel": plan.parallel,
    }
    if plan.vars:
        header["vars"] = dict(plan.vars)
    if where.variables:
        header["given"] = _given(where.variables, redactor_of(hidden))
    if hidden:
        header["hidden"] = list(hidden)
        header["hidden_marks"] = marks_of(hidden)
    if where.plugins:
        header["conftests"] = list(where.plugins)
    if warnings:
        header["warnings"] = list(warnings)
    if where.tape is not None:
        header["replayed" if where.tape.source else "recorded"] = where.tape.note()
    return header


def _given(variables: Mapping[str, str], redactor: Redactor) -> list[str]:
    """`NAME=VALUE`, as a command to go on with the run names them; `...` for a value that must not be shown."""
    return [
        f"{name}={value if value.isprintable() and redactor.text(value) == value else '...'}"
        for name, value in variables.items()
    ]


def caller_trace() -> dict[str, str]:
    """The trace that the caller's environment names, as a header holds it: `https://www.w3.org/TR/trace-context/`.

    It is kept so that a later session, which another caller starts, goes on in the same trace.
    """
    value = os.environ.get("TRACEPARENT", "").strip()
    return {"traceparent": value} if _TRACEPARENT.fullmatch(value) else {}


def lock_root(where: Surroundings) -> RunLock:
    """The lock of the project root: one orchestrator at a time works there, wherever it keeps its runs.

    Raises:
        RunBusyError: another one does; the message has its pid.
    """
    lock = RunLock(workspace_lock(where.root, where.home))
    try:
        return lock.acquire()
    except RunBusyError as error:
        owner = str(error).partition("(")[2].partition(")")[0] or "pid unknown"
        msg = (
            f"another session runs a plan in {where.root} ({owner}): wait until it is done; "
            "plans with a workspace of their own (`workspace: {copy: …}`) run side by side"
        )
        raise RunBusyError(msg) from None


def text_of(plan: Plan) -> bytes:
    """The plan as it was read: what is kept with a run must be what was run.

    Raises:
        OrchError: the file has changed meanwhile.
        OSError: it cannot be read.
    """
    text = Path(plan.path).read_bytes()
    if hashlib.sha256(text).hexdigest() != plan.digest:
        msg = f"{plan.path} was changed after it was read: run it again"
        raise OrchError(msg)
    return text
