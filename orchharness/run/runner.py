"""Executes acts: spawn, wait, evidence. One at a time in an xdist worker, many at once in one process.

Rules that hold here:
  * Before anything is spawned the act's folder is looked at: a result is read, a living handle is polled.
  * An act ends by its own exit, a time limit, a silence limit, too much output, or being cancelled; whichever
    it is, a result is written and returned, exactly one per act.
  * Cancelling is done in a thread of its own: a tree that will not die must not stop the others' clocks.
"""

from __future__ import annotations

import json
import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchharness.core.acts import Finished, Handle, Lost, Outcome, PollResult, Running, Unknown
from orchharness.errors import OrchError
from orchharness.plugins import PluginHost
from orchharness.run.act import ActRequest, ActResult, read_result, write_result
from orchharness.run.evidence import (
    Finding,
    after_critic,
    after_task,
    before_critic,
    before_task,
    with_secrets,
)

TICK = 0.1  # seconds between looks at sizes and silence
OUTPUT_LIMIT = 100 * 1024 * 1024  # bytes of output after which an act is ended
_SLOWEST = 1.0  # seconds between polls of a handle that cannot wake us


@dataclass(slots=True)
class _Active:
    """An act that runs."""

    request: ActRequest
    handle: Handle
    wall: float
    mono: float
    fd: int | None = None
    poll_at: float = 0.0
    pause: float = 0.02
    before: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    life: str = ""
    life_at: float = 0.0
    ending: tuple[Outcome, str] | None = None  # why it is being cancelled
    canceller: threading.Thread | None = None
    gone: bool | None = None  # what cancelling said
    fault: str = ""


class Runner:
    """Acts in flight. `wall` and `mono` are the clocks."""

    def __init__(
        self,
        host: PluginHost,
        *,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._wall, self._mono = wall, mono
        self._active: dict[str, _Active] = {}
        self._done: list[ActResult] = []
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._reader, selectors.EVENT_READ, None)
        self._next_look = 0.0
        self._timed = 0  # active acts with a limit of their own

    @property
    def running(self) -> tuple[str, ...]:
        """The acts in flight."""
        return tuple(self._active)

    def start(self, request: ActRequest) -> None:
        """Execute the act; its result comes from `wait`. Never raises for what the act does wrong."""
        folder = Path(request.folder)
        known = read_result(folder, request.key)
        if known is not None:
            self._done.append(known)
            return
        wall, mono = self._wall(), self._mono()
        try:
            active = self._spawn(request, wall, mono)
        except OrchError as error:
            self._refuse(request, str(error), wall)
            return
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its act is the one that fails
            self._refuse(request, f"{type(error).__name__}: {error}", wall)
            return
        self._active[request.act] = active
        active.fd = self._wake(active.handle)
        if active.fd is not None:
            self._selector.register(active.fd, selectors.EVENT_READ, active)
        self._timed += bool(request.timeout or request.idle_timeout)

    def _spawn(self, request: ActRequest, wall: float, mono: float) -> _Active:
        before = before_task(request) if request.role == "task" else before_critic(request)
        spawn = request.spawn
        if request.secret:
            spawn = replace(spawn, env=with_secrets(spawn.env, request.secret))
        handle = self._host.spawn(spawn)
        return _Active(
            request=request, handle=handle, wall=wall, mono=mono, before=before, life_at=mono, poll_at=mono
        )

    def _refuse(self, request: ActRequest, detail: str, wall: float) -> None:
        result = ActResult(
            act=request.act,
            key=request.key,
            outcome=Outcome.ERROR,
            started=wall,
            ended=wall,
            seconds=0.0,
            detail=detail,
        )
        self._keep(request, result)

    def _wake(self, handle: Handle) -> int | None:
        if "pid" not in handle.data:
            return None
        from orchharness.agents.local import LocalProcess

        try:
            return LocalProcess.wake(handle)
        except (KeyError, OSError):
            return None

    def cancel(self, act: str, outcome: Outcome = Outcome.CANCELLED, detail: str = "cancelled") -> None:
        """End the act and everything it started; its result still comes from `wait`."""
        active = self._active.get(act)
        if active is None or active.ending is not None:
            return
        active.ending = (outcome, detail)
        active.canceller = threading.Thread(
            target=self._cancel, args=(active,), daemon=True, name=f"cancel {act}"
        )
        active.canceller.start()

    def _cancel(self, active: _Active) -> None:
        try:
            for _ in range(3):
                active.gone = self._host.cancel(active.handle)
                if active.gone:
                    break
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises, the act must end
            active.gone, active.fault = False, f"cancel: {type(error).__name__}: {error}"
        self.wake()

    def wake(self) -> None:
        """End a `wait` early; safe from any thread and from signal handlers."""
        with suppress(BlockingIOError):
            os.write(self._writer, b"x")

    def wait(self, timeout: float | None) -> list[ActResult]:
        """Results that came in, waiting for the first at most so many seconds (None: until one comes).

        Returns early and empty after `wake`.
        """
        if not self._done:
            for key, _ in self._selector.select(self._patience(timeout)):
                if key.data is None:
                    with suppress(BlockingIOError):
                        os.read(self._reader, 4096)
                else:
                    key.data.poll_at = 0.0
        self._look()
        done, self._done = self._done, []
        return done

    def _patience(self, timeout: float | None) -> float | None:
        """How long to sleep: until something is due."""
        now = self._mono()
        due = [a.poll_at for a in self._active.values() if a.fd is None and a.ending is None]
        due += [self._next_look] if self._active else []
        due += [
            a.mono + a.request.timeout for a in self._active.values() if a.request.timeout and not a.ending
        ]
        waits = [max(0.0, min(due) - now)] if due else []
        waits += [timeout] if timeout is not None else []
        return min(waits) if waits else None

    def _look(self) -> None:
        now = self._mono()
        tick = now >= self._next_look
        if tick:
            self._next_look = now + TICK
        for active in list(self._active.values()):
            if active.ending is not None:
                if active.gone is not None:
                    self._end_cancelled(active)
            elif active.poll_at <= now and (active.fd is None or active.poll_at == 0.0 or tick):
                self._poll(active, now)
            if active.request.act in self._active and active.ending is None:
                self._limits(active, now, tick)

    def _poll(self, active: _Active, now: float) -> None:
        try:
            answer: PollResult = self._host.poll(active.handle)
        except Exception as error:  # noqa: BLE001 - an unreachable engine is never a failed task
            answer = Unknown(f"{type(error).__name__}: {error}")
        if isinstance(answer, Finished | Lost):
            self._end(active, answer)
            return
        if isinstance(answer, Running) and answer.life != active.life:
            active.life, active.life_at = answer.life, now
        active.pause = min(active.pause * 1.5, _SLOWEST)
        # A descriptor wakes us; the slow poll beside it finds what it cannot tell.
        active.poll_at = now + (_SLOWEST if active.fd is not None else active.pause)

    def _limits(self, active: _Active, now: float, tick: bool) -> None:
        request = active.request
        if request.timeout and now - active.mono >= request.timeout:
            self.cancel(request.act, Outcome.TIMEOUT, f"timed out after {request.timeout:g} s")
            return
        if not tick:
            return
        size = self._output_size(request)
        if size > OUTPUT_LIMIT:
            self.cancel(request.act, Outcome.ERROR, _too_much())
        elif size != active.size:
            active.size, active.life_at = size, now
        elif request.idle_timeout and now - active.life_at >= request.idle_timeout:
            self.cancel(request.act, Outcome.IDLE, f"no sign of life for {request.idle_timeout:g} s")

    @staticmethod
    def _output_size(request: ActRequest) -> int:
        total = 0
        for name in ("stdout.log", "stderr.log"):
            with suppress(OSError):
                total += os.stat(f"{request.folder}/{name}").st_size  # noqa: PTH116 - hot path
        return total

    # ---- endings -----------------------------------------------------------------------------

    def _end_cancelled(self, active: _Active) -> None:
        outcome, detail = active.ending or (Outcome.CANCELLED, "")
        if not active.gone:
            detail = f"{detail}; {active.fault or 'some of its processes could not be ended'}"
        with suppress(Exception):
            self._host.poll(active.handle)  # lets the plugin reap what it started
        self._finish(active, Finding(outcome=outcome, detail=detail))

    def _end(self, active: _Active, answer: Finished | Lost) -> None:
        request = active.request
        if isinstance(answer, Lost):
            self._finish(active, Finding(outcome=Outcome.LOST, detail=answer.reason or "lost"))
            return
        if self._output_size(request) > OUTPUT_LIMIT:
            self._finish(active, Finding(outcome=Outcome.ERROR, detail=_too_much(), exit=answer.exit))
            return
        look = after_task if request.role == "task" else after_critic
        try:
            finding = look(request, answer, active.before)
        except OrchError as error:
            finding = Finding(outcome=Outcome.ERROR, detail=str(error), exit=answer.exit)
        except OSError as error:
            finding = Finding(outcome=Outcome.ERROR, detail=f"the disk: {error}", exit=answer.exit)
        self._finish(active, finding, answer)

    def _finish(self, active: _Active, finding: Finding, answer: Finished | None = None) -> None:
        request = active.request
        del self._active[request.act]
        if active.fd is not None:
            self._selector.unregister(active.fd)
            os.close(active.fd)
        seconds = self._mono() - active.mono
        result = ActResult(
            act=request.act,
            key=request.key,
            outcome=finding.outcome,
            started=active.wall,
            ended=active.wall + seconds,
            seconds=round(seconds, 6),
            detail=finding.detail,
            exit=finding.exit,
            outputs=finding.outputs,
            changed=finding.changed,
            evaluation=finding.evaluation,
            summary=finding.summary,
            session=answer.session if answer else None,
            usage=answer.usage if answer else {},
        )
        self._keep(request, result)

    def _keep(self, request: ActRequest, result: ActResult) -> None:
        for name in ("stdout.log", "stderr.log"):
            path = Path(request.folder, name)
            with suppress(OSError):
                if path.stat().st_size > OUTPUT_LIMIT:
                    os.truncate(path, OUTPUT_LIMIT)
        # A full disk must not lose the result: the orchestrator gets it all the same.
        with suppress(OSError):
            write_result(Path(request.folder), result)
        self._done.append(result)

    def close(self) -> None:
        """Give the descriptors back. Acts in flight go on."""
        for active in self._active.values():
            if active.fd is not None:
                os.close(active.fd)
        self._selector.close()
        os.close(self._reader)
        os.close(self._writer)


def _too_much() -> str:
    return f"printed more than {OUTPUT_LIMIT // (1024 * 1024)} MiB: ended"


def store_handle(folder: Path, handle: Handle) -> None:
    """Keep a handle whose plugin did not store it itself."""
    path = folder / "handle.json"
    if not path.exists():
        path.write_text(json.dumps({"kind": handle.kind, "data": dict(handle.data), "api": handle.api}))
