"""A clock for a controller that has none: xdist calls the scheduler only when a worker says something."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_SHORTEST = 0.02  # seconds


class Alarm:
    """Asks a worker, at a time, to give back nothing: its answer enters the scheduler, on the main thread."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def set(self, node: WorkerController | None, due: float | None) -> None:
        """Ring at that time (seconds since the epoch) instead of an earlier one; never, when something is missing."""
        self.stop()
        if node is None or due is None:
            return
        asked = node

        def ask() -> None:
            with suppress(OSError):  # the worker has died: its end brings the scheduler back
                asked.send_steal([])

        self._timer = threading.Timer(max(_SHORTEST, due - time.time()), ask)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
