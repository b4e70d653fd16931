"""Ending acts that another process was to execute: a worker that died, or that was told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.core.acts import Finished, Outcome
from orchharness.run.act import ActResult, is_disk, read_result, write_result
from orchharness.run.handles import spawned_at, stored_handle
from orchharness.run.leftovers import end_leftovers
from orchharness.run.runner import Runner

if TYPE_CHECKING:
    from orchharness.plugins import PluginHost
    from orchharness.run.act import ActRequest

ENDING = 10.0  # seconds in which acts are waited for after an interrupt
SPAWNING = 2.0  # seconds in which a worker that was just told to start an act has started it
_LOOK = 0.02


def ended(host: PluginHost, request: ActRequest, *, patience: float) -> ActResult | None:
    """End the act; what came of it if it ended before it was told to: what was paid for counts."""
    found = read_result(Path(request.folder), request.key)
    handle = stored_handle(request.folder, request.key) if found is None else None
    if handle is not None:
        with suppress(Exception):
            if isinstance(host.poll(handle), Finished):
                found = _looked_at(host, request)
    if found is None:
        cancel(host, request, patience=patience)
    return found


def after_worker(host: PluginHost, request: ActRequest, detail: str) -> ActResult:
    """What came of an act whose worker could not leave its result: the act itself is looked at.

    Where there is nothing to be seen, it is the disk's fault if a result was begun and not ended, or the folder takes
    none of ours either.
    """
    found = ended(host, request, patience=0.0)
    if found is not None:
        return found
    result = no_result(request, detail)
    if Path(request.folder, "result.json.part").exists():
        return replace(result, detail="there was no room for its result", disk=True)
    try:
        write_result(Path(request.folder), result)
    except OSError as error:
        if is_disk(error):
            return replace(result, detail=str(error), disk=True)
    return result


def end_all(
    host: PluginHost, requests: Sequence[ActRequest], patience: Sequence[float], reason: str
) -> list[ActResult]:
    """End acts side by side; their results. A plugin that does not return from its `cancel` is not waited for."""
    found: dict[int, ActResult] = {}

    def end(number: int, request: ActRequest) -> None:
        known = ended(host, request, patience=patience[number])
        found[number] = known or no_result(request, reason, Outcome.CANCELLED)

    # Daemons: the interpreter would wait for others when it ends.
    threads = [threading.Thread(target=end, args=each, daemon=True) for each in enumerate(requests)]
    limit = time.monotonic() + ENDING
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, limit - time.monotonic()))
    unknown = f"{reason}; it may still be running"
    return [found.get(n) or no_result(r, unknown, Outcome.CANCELLED) for n, r in enumerate(requests)]


def _looked_at(host: PluginHost, request: ActRequest) -> ActResult | None:
    """What came of an act that has ended, and whose worker is gone or about to say the same."""
    runner = Runner(host)
    try:
        runner.start(request)
        return next(iter(runner.wait(SPAWNING)), None)
    finally:
        runner.close()


def cancel(host: PluginHost, request: ActRequest, *, patience: float) -> None:
    """End the act, wherever it is; `patience` (seconds) is for a worker that may be about to spawn it."""
    until = time.monotonic() + patience
    while (handle := stored_handle(request.folder, request.key)) is None:
        if time.monotonic() >= until or Path(request.folder, "result.json").exists():
            break
        time.sleep(_LOOK)
    if handle is None:
        end_leftovers([request.key])  # its worker died before it could tell
        return
    with suppress(Exception):  # the run's end looks again for what is left, and says so
        host.cancel(handle)


def no_result(request: ActRequest, detail: str, outcome: Outcome = Outcome.ERROR) -> ActResult:
    """The result of an act of which nobody will have another one."""
    now = time.time()
    began = min(now, spawned_at(request.folder) or now)
    return ActResult(
        act=request.act,
        key=request.key,
        outcome=outcome,
        started=began,
        ended=now,
        seconds=round(now - began, 6),
        detail=detail,
    )
