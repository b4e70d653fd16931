"""An act in flight: how it is launched, what a look at it tells, and the result it comes to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

from orchharness.core.acts import Finished, Handle, Outcome, SpawnRequest
from orchharness.errors import OrchError, PluginError
from orchharness.plugins import PluginHost
from orchharness.record import record
from orchharness.run.act import ActRequest, ActResult, is_disk
from orchharness.run.answers import bounded, usage_of
from orchharness.run.evidence import (
    Finding,
    after_critic,
    after_task,
    before_critic,
    before_task,
    with_secrets,
)
from orchharness.run.former import given, note
from orchharness.run.handles import keep_handle, spawned_at, stored_handle

OUTPUT_LIMIT = 100 * 1024 * 1024  # bytes of output after which an act is ended
TOO_MUCH = f"printed more than {OUTPUT_LIMIT // (1024 * 1024)} MiB: ended"


@record(kw_only=False, frozen=False)
class Flight:
    """An act that runs. Times are the runner's monotonic clock, but for `wall`."""

    request: ActRequest
    handle: Handle
    wall: float
    mono: float
    found: bool = False  # spawned by an earlier process
    fd: int | None = None
    poll_at: float = 0.0
    pause: float = 0.02
    before: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    life: str = ""
    life_at: float = 0.0
    ending: tuple[Outcome, str] | None = None  # why it is being cancelled
    canceller: threading.Thread | None = None
    give_up_at: float = 0.0  # when a `cancel` that does not return is waited for no longer
    gone: bool | None = None  # what cancelling said
    fault: str = ""


def launch(
    host: PluginHost, request: ActRequest, wall: Callable[[], float], mono: Callable[[], float]
) -> Flight:
    """The act in flight: spawned, or found again where it was spawned before.

    Raises:
        OrchError: it must not, or cannot, be started; nothing was.
        BaseException: whatever its plugin raises.
    """
    handle = stored_handle(request.folder, request.key)
    # Without a handle by one who died before it was kept: `spawn` finds the act by its `pid`.
    spawned = spawned_at(request.folder, handled=handle is not None)
    found = spawned is not None
    if found and request.hidden:
        note(given(request.hidden, (), [request.key]))
    # A critic that runs already was let through before; what it judged is looked at again when it ends.
    before = {} if found and request.role == "critic" else _before(request)
    # Only what is spawned now needs the caller's values: what runs already has them.
    spawn = request.spawn if found else _filled(request)
    began, now = wall(), mono()
    if handle is None:
        handle = host.spawn(spawn)
        _keep(host, request, handle)
    # The limits of what was found run from its spawn, whoever watches it now.
    since = now - max(0.0, began - spawned) if spawned is not None else now
    return Flight(
        request=request,
        handle=handle,
        wall=began if spawned is None else spawned,
        mono=since,
        found=found,
        before=before,
        life_at=now,
        poll_at=now,
    )


def _filled(request: ActRequest) -> SpawnRequest:
    """What is to be spawned, with the caller's values."""
    spawn = request.spawn
    return replace(spawn, env=with_secrets(spawn.env, request.secret)) if request.secret else spawn


def _before(request: ActRequest) -> dict[str, Any]:
    return before_task(request) if request.role == "task" else before_critic(request)


def _keep(host: PluginHost, request: ActRequest, handle: Handle) -> None:
    try:
        keep_handle(request.folder, request.key, handle)
    except PluginError:
        host.cancel(handle)
        raise
    except OSError:
        pass  # a full disk: this process has the handle, and the journal will say so


def wake_descriptor(handle: Handle) -> int | None:
    """A descriptor that is readable when the act's process has ended; None where there is none."""
    if "pid" not in handle.data:
        return None
    from orchharness.agents.local import LocalProcess

    try:
        return LocalProcess.wake(handle)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None  # a plugin's own handle, with a pid that is none of ours


def refusal(request: ActRequest, detail: str, at: float, *, disk: bool = False) -> ActResult:
    """The result of an act that was not started."""
    return ActResult(
        act=request.act,
        key=request.key,
        outcome=Outcome.ERROR,
        started=at,
        ended=at,
        seconds=0.0,
        detail=detail,
        disk=disk,
    )


def looked_at(flight: Flight, answer: Finished) -> Finding:
    """The evidence of an act that is over, or why it cannot be looked at.

    Raises:
        OSError: the run's disk takes nothing more.
    """
    look = after_task if flight.request.role == "task" else after_critic
    try:
        return look(flight.request, answer, flight.before)
    except OrchError as error:
        detail = str(error)
    except OSError as error:
        if is_disk(error):
            raise
        detail = f"the disk: {error}"
    except Exception as error:  # noqa: BLE001 - an agent's odd file must not end the run
        detail = f"its work cannot be looked at: {type(error).__name__}: {error}"
    return Finding(outcome=Outcome.ERROR, detail=detail, exit=answer.exit)


def result_of(flight: Flight, finding: Finding, answer: Finished | None, now: float) -> ActResult:
    """What came of it, as it is: who stores it redacts it."""
    exited = None
    if flight.found:  # it ended when it says so, and nobody may have watched
        from orchharness.agents.start import ended_at

        exited = ended_at(flight.request.folder)
    seconds = max(0.0, now - flight.mono if exited is None else exited - flight.wall)
    return ActResult(
        act=flight.request.act,
        key=flight.request.key,
        outcome=finding.outcome,
        started=flight.wall,
        ended=flight.wall + seconds,
        seconds=round(seconds, 6),
        detail=bounded(finding.detail) or "",
        exit=finding.exit,
        outputs=finding.outputs,
        changed=finding.changed,
        evaluation=finding.evaluation,
        summary=bounded(finding.summary),
        session=bounded(answer.session) if answer else None,
        usage=usage_of(answer) if answer else {},
        retry_after=finding.retry_after,
    )


def output_size(request: ActRequest) -> int:
    """Bytes of output so far: the act's growth is its sign of life."""
    total = 0
    for path in _logs(request):
        with suppress(OSError):
            total += os.stat(path).st_size  # noqa: PTH116 - hot path
    return total


def cap_output(request: ActRequest) -> None:
    """Cut logs that are longer than the limit: what was written while the act was being ended."""
    for path in _logs(request):
        with suppress(OSError):
            if os.stat(path, follow_symlinks=False).st_size > OUTPUT_LIMIT:  # noqa: PTH116 - hot path
                os.truncate(path, OUTPUT_LIMIT)


def _logs(request: ActRequest) -> list[str]:
    """A judge's commands and agents print into files of their own, in its folder and one below."""
    folder = request.folder
    if request.role == "task":
        return [f"{folder}/stdout.log", f"{folder}/stderr.log"]
    found = []
    for place in (folder, f"{folder}/agent", f"{folder}/agent-2"):
        with suppress(OSError), os.scandir(place) as entries:
            found += [e.path for e in entries if e.name.endswith(".log")]
    return found
