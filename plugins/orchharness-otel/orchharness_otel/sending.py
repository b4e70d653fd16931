"""Sends spans from a thread of its own. The run only appends to a bounded list, and never waits but at its end.

What does not fit into the list is lost, and counted. Only the thread imports OpenTelemetry.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchharness_otel.settings import Settings
    from orchharness_otel.spans import Span


_AFTER = 0.2  # seconds that a thread which was told to give up has to do so


class Outlet(Protocol):
    """Where batches of spans go. Used by one thread, but for `close`."""

    def send(self, spans: Sequence[Span]) -> str:
        """Send them; why they did not arrive, or nothing."""

    def close(self) -> None:
        """Give up what is under way."""


def _collector() -> Outlet:
    from orchharness_otel.outlet import Collector  # imports the SDK

    return Collector()


class Sender:
    """The list of spans that wait, and the thread that sends them in batches."""

    def __init__(self, settings: Settings, outlet: Callable[[], Outlet] = _collector) -> None:
        self._settings = settings
        self._make = outlet
        self._outlet: Outlet | None = None
        self._waiting: deque[Span] = deque()
        self._changed = threading.Condition()
        self._over = self._late = False
        self._given = self._arrived = 0
        self._fault = ""
        self._thread = threading.Thread(target=self._work, name="orchharness-otel", daemon=True)
        self._thread.start()

    def put(self, span: Span) -> None:
        """Send the span some time; when too many wait, it is lost."""
        with self._changed:
            self._take(span)

    def finish(self, spans: Sequence[Span], limit: float) -> str:
        """Send these, too, and end, after `limit` seconds and a little at most.

        Returns:
            What was lost and why, for people, or nothing.
        """
        until = time.monotonic() + limit
        with self._changed:
            for span in spans:
                self._changed.wait_for(self._has_room, max(0.0, until - time.monotonic()))
                self._take(span)
            self._over = True
            self._changed.notify_all()
        self._thread.join(max(0.0, until - time.monotonic()))
        self._late = late = self._thread.is_alive()
        if late and self._outlet is not None:
            self._outlet.close()
            self._thread.join(_AFTER)  # it knows why it waited
        lost = self._given - self._arrived
        if not lost:
            return ""
        why = self._fault or (f"it took longer than {limit:g} s" if late else "too many waited at once")
        where = self._settings.collector
        return f"{lost} of {self._given} spans did not arrive at the collector at {where}: {why}"

    def _has_room(self) -> bool:
        return len(self._waiting) < self._settings.queue

    def _take(self, span: Span) -> None:
        self._given += 1
        if self._has_room():
            self._waiting.append(span)
            if len(self._waiting) >= self._settings.batch:
                self._changed.notify_all()

    def _due(self) -> bool:
        return self._over or len(self._waiting) >= self._settings.batch

    def _work(self) -> None:
        self._open()  # while there is time: a short run would be over before all is imported
        while True:
            with self._changed:
                self._changed.wait_for(self._due, self._settings.delay)
                count = min(len(self._waiting), self._settings.batch)
                batch = [self._waiting.popleft() for _ in range(count)]
                self._changed.notify_all()
                over = self._over and not batch  # what is given between here and there comes next time
            if over or self._late:
                return
            if batch:
                self._send(batch)

    def _send(self, batch: list[Span]) -> None:
        outlet = self._outlet or self._open()
        if outlet is None:
            return
        try:
            fault = outlet.send(batch)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with telemetry, the run goes on
            fault = _named(error)
        if fault:
            self._fault = fault
        else:
            self._arrived += len(batch)

    def _open(self) -> Outlet | None:
        try:
            self._outlet = self._make()
        except Exception as error:  # noqa: BLE001 - as above
            self._fault = _named(error)
        return self._outlet


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error!s:.200}"
