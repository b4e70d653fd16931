"""Executes acts: spawn, wait, evidence. One at a time in an xdist worker, many at once in one process.

Rules that hold here:
  * Before anything is spawned the act's folder is looked at: a result is read, a living handle is polled.
  * An act ends by its own exit, a time limit, a silence limit, too much output, or being cancelled; whichever
    it is, a result is written and returned, exactly one per act.
  * Cancelling is done in a thread of its own: a tree that will not die must not stop the others' clocks.
  * What the run's disk has no room for is the disk's fault, never its act's: who resumes the run looks again.
  * Whatever a plugin raises or returns is its act's failure, never the run's. Only an interrupt goes through.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchharness.core.acts import Finished, Lost, Outcome, PollResult, Running, Unknown
from orchharness.errors import OrchError, PluginError
from orchharness.plugins import PluginHost
from orchharness.run.act import ActRequest, ActResult, is_disk, read_result, write_result
from orchharness.run.answers import fault_of
from orchharness.run.evidence import Finding
from orchharness.run.flight import (
    OUTPUT_LIMIT,
    TOO_MUCH,
    Flight,
    cap_output,
    launch,
    looked_at,
    output_size,
    refusal,
    result_of,
    wake_descriptor,
)
from orchharness.run.hidden import redacted_result, redactor_of

TICK = 0.1  # seconds between looks at sizes and silence
_SLOWEST = 1.0  # seconds between polls of a handle that cannot wake us
_CANCEL_TRIES = 3
_CANCEL_LIMIT = 60.0  # seconds after which a `cancel` that does not return is waited for no longer
_OURS = (KeyboardInterrupt, GeneratorExit)  # everything else that comes out of a plugin is the plugin's


class Runner:
    """Acts in flight. `wall` and `mono` are the clocks.

    With `keep`, results are stored in the acts' folders, for an orchestrator in another process. In one process
    the journal is next to hear of them, and what a crash in between would lose is found again from `exit`.
    """

    def __init__(
        self,
        host: PluginHost,
        *,
        keep: bool = True,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._keeps = host, keep
        self._wall, self._mono = wall, mono
        self._active: dict[str, Flight] = {}  # by key: acts of two plans may have the same name
        self._done: list[ActResult] = []
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._reader, selectors.EVENT_READ, None)
        self._waker = threading.RLock()  # a signal handler may interrupt `close`
        self._next_look = 0.0

    @property
    def running(self) -> tuple[str, ...]:
        """The acts in flight."""
        return tuple(flight.request.act for flight in self._active.values())

    # ---- starting ----------------------------------------------------------------------------

    def start(self, request: ActRequest) -> None:
        """Execute the act; its result comes from `wait`. Never raises for what the act does wrong."""
        known = read_result(Path(request.folder), request.key)
        if known is not None and not known.disk:
            self._done.append(known)
            return
        if known is not None:
            Path(request.folder, "result.json").unlink()  # or it would be taken for what comes of it now
        wall = self._wall()
        try:
            flight = launch(self._host, request, self._wall, self._mono)
        except _OURS:
            raise
        except OrchError as error:
            self._keep(request, refusal(request, str(error), wall, disk=is_disk(error)))
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything; its act is the one that fails
            detail = f"{type(error).__name__}: {error}"
            self._keep(request, refusal(request, detail, wall, disk=is_disk(error)))
        else:
            self._active[request.key] = flight
            flight.fd = wake_descriptor(flight.handle)
            if flight.fd is not None:
                self._selector.register(flight.fd, selectors.EVENT_READ, flight)
                flight.poll_at = self._mono() + _SLOWEST

    # ---- cancelling --------------------------------------------------------------------------

    def cancel(self, key: str, outcome: Outcome = Outcome.CANCELLED, detail: str = "cancelled") -> None:
        """End the act of that key and everything it started; its result still comes from `wait`."""
        flight = self._active.get(key)
        if flight is None or flight.ending is not None:
            return
        if outcome is Outcome.CANCELLED and self._ended_before(flight):
            return
        flight.ending = (outcome, detail)
        flight.give_up_at = self._mono() + _CANCEL_LIMIT
        flight.canceller = threading.Thread(
            target=self._cancel, args=(flight,), daemon=True, name=f"cancel {flight.request.act}"
        )
        flight.canceller.start()

    def _ended_before(self, flight: Flight) -> bool:
        """Whether the act ended before it was told to: then it is taken as it ended, what was paid for counts."""
        try:
            answer = self._host.poll(flight.handle)
        except _OURS:
            raise
        except BaseException:  # noqa: BLE001 - who does not answer is told to end
            return False
        if isinstance(answer, Finished):
            self._end(flight, answer)
        return isinstance(answer, Finished)

    def _cancel(self, flight: Flight) -> None:
        gone = False
        try:
            for _ in range(_CANCEL_TRIES):
                gone = self._host.cancel(flight.handle)
                if gone:
                    break
        except BaseException as error:  # noqa: BLE001 - whatever the plugin raises, the act must end
            gone, flight.fault = False, f"cancel: {type(error).__name__}: {error}"
        flight.gone = gone
        self.wake()

    # ---- waiting -----------------------------------------------------------------------------

    def wake(self) -> None:
        """End a `wait` early; safe from any thread and from signal handlers."""
        # A thread that cancels may outlive the runner: the number could belong to another file by then.
        with self._waker:
            if self._writer >= 0:
                with suppress(BlockingIOError):  # full: it will wake up anyway
                    os.write(self._writer, b"x")

    def wait(self, timeout: float | None) -> list[ActResult]:
        """Results that came in, waiting for the first at most so many seconds (None: until one comes).

        Returns early and empty after `wake`.
        """
        # Also when a result is there already: an act that has ended must not be held to its time limit.
        for key, _ in self._selector.select(0 if self._done else self._patience(timeout)):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(self._reader, 4096)
            elif key.data.ending is not None:
                self._deaf(key.data)  # it would wake us again and again until all of the act is gone
            else:
                key.data.poll_at = 0.0
        self._look()
        done, self._done = self._done, []
        return done

    def _patience(self, timeout: float | None) -> float | None:
        """How long to sleep: until something is due."""
        due = [self._next_look] if self._active else []
        for flight in self._active.values():
            if flight.ending is not None:
                due.append(flight.give_up_at)
                continue
            if flight.fd is None:
                due.append(flight.poll_at)
            if flight.request.timeout:
                due.append(flight.mono + flight.request.timeout)
        waits = [max(0.0, min(due) - self._mono())] if due else []
        waits += [timeout] if timeout is not None else []
        return min(waits) if waits else None

    def _look(self) -> None:
        now = self._mono()
        tick = now >= self._next_look
        if tick:
            self._next_look = now + TICK
        for flight in list(self._active.values()):
            if flight.ending is not None:
                if flight.gone is not None or now >= flight.give_up_at:
                    self._end_cancelled(flight)
            elif flight.poll_at <= now and (flight.fd is None or flight.poll_at == 0.0 or tick):
                self._poll(flight, now)
            if flight.request.key in self._active and flight.ending is None:
                self._limits(flight, now, tick)

    def _poll(self, flight: Flight, now: float) -> None:
        answer: PollResult
        try:
            answer = self._host.poll(flight.handle)
        except _OURS:
            raise
        except PluginError as error:  # it breaks the rules of the hook, and would do so for ever
            self.cancel(flight.request.key, Outcome.ERROR, str(error))
            return
        except BaseException as error:  # noqa: BLE001 - an unreachable engine is never a failed task
            answer = Unknown(f"{type(error).__name__}: {error}")
        if isinstance(answer, Finished | Lost):
            self._end(flight, answer)
            return
        if isinstance(answer, Running) and answer.life != flight.life:
            flight.life, flight.life_at = answer.life, now
        if flight.poll_at == 0.0 and flight.fd is not None:
            self._deaf(flight)  # its process ended and its plugin waits for more: it would wake us for ever
        flight.pause = min(flight.pause * 1.5, _SLOWEST)
        # A descriptor wakes us; the slow poll beside it finds what it cannot tell.
        flight.poll_at = now + (_SLOWEST if flight.fd is not None else flight.pause)

    def _deaf(self, flight: Flight) -> None:
        if flight.fd is not None:
            self._selector.unregister(flight.fd)
            os.close(flight.fd)
            flight.fd = None

    def _limits(self, flight: Flight, now: float, tick: bool) -> None:
        request = flight.request
        if request.timeout and now - flight.mono >= request.timeout:
            self.cancel(request.key, Outcome.TIMEOUT, f"timed out after {request.timeout:g} s")
            return
        if not tick:
            return
        size = output_size(request)
        if size > OUTPUT_LIMIT:
            self.cancel(request.key, Outcome.ERROR, TOO_MUCH)
        elif size != flight.size:
            flight.size, flight.life_at = size, now
        elif request.idle_timeout and now - flight.life_at >= request.idle_timeout:
            self.cancel(request.key, Outcome.IDLE, f"no sign of life for {request.idle_timeout:g} s")

    # ---- endings -----------------------------------------------------------------------------

    def _end_cancelled(self, flight: Flight) -> None:
        outcome, detail = flight.ending or (Outcome.CANCELLED, "")
        if flight.gone is None:
            detail += f"; its plugin did not return from orchharness_cancel in {_CANCEL_LIMIT:g} s"
        elif not flight.gone:
            detail += f"; {flight.fault or 'some of its processes could not be ended'}"
        else:
            with suppress(Exception):
                self._host.poll(flight.handle)  # lets the plugin reap what it started
        self._finish(flight, Finding(outcome=outcome, detail=detail))

    def _end(self, flight: Flight, answer: Finished | Lost) -> None:
        if isinstance(answer, Lost):
            from orchharness.agents.local import NeverBegan

            finding = Finding(outcome=Outcome.LOST, detail=str(answer.reason) or "lost")
            if isinstance(answer, NeverBegan):
                self._finish(flight, finding, disk=True, seconds=0.0)
            else:
                self._finish(flight, finding)
            return
        fault = fault_of(answer)
        if fault:
            self._finish(flight, Finding(outcome=Outcome.ERROR, detail=f"its plugin's answer: {fault}"))
            return
        if output_size(flight.request) > OUTPUT_LIMIT:
            self._finish(flight, Finding(outcome=Outcome.ERROR, detail=TOO_MUCH, exit=answer.exit))
            return
        try:
            finding = looked_at(flight, answer)
        except OSError as error:
            self._finish(flight, Finding(outcome=Outcome.ERROR, detail=str(error)), answer, disk=True)
        else:
            self._finish(flight, finding, answer)

    def _finish(self, flight: Flight, finding: Finding, answer: Finished | None = None, **known: Any) -> None:
        del self._active[flight.request.key]
        self._deaf(flight)
        result = result_of(flight, finding, answer, self._mono())
        self._keep(flight.request, replace(result, **known))

    def _keep(self, request: ActRequest, result: ActResult) -> None:
        cap_output(request)
        # A full disk must not lose the result: the orchestrator gets it all the same.
        if self._keeps:
            with suppress(OSError):
                write_result(Path(request.folder), redacted_result(result, redactor_of(request.hidden)))
        self._done.append(result)

    def close(self) -> None:
        """Give the descriptors back. Acts in flight go on."""
        for flight in self._active.values():
            self._deaf(flight)
        self._selector.close()
        with self._waker:
            writer, self._writer = self._writer, -1
            os.close(writer)
        os.close(self._reader)
