"""What Ctrl-C, SIGTERM and a closed terminal do to the process that orchestrates.

Rules that hold here:
  * A signal never lands in the middle of a record: while work is `held` it is kept, and raised at its end.
  * Who asks again after a second, because a hook hangs in the middle of that work, is heard at once.
  * Within a second of the interrupt that ended the loop another one is not heard: it would tear pytest's own end.
  * A signal that was ignored when the session began (`nohup`, a background job) stays ignored.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

_PATIENCE = 1.0  # seconds; one Ctrl-C may arrive twice, from the terminal and from the parent process


class DetachError(BaseException):
    """The terminal went away: agents go on, the orchestrator leaves."""


def detaches(config: Any, reason: str) -> bool:
    """Whether an interrupt leaves the agents running: Ctrl-C where it is asked for; SIGTERM ends them."""
    return config.option.orch_on_interrupt == "detach" and reason == "Ctrl-C"


def left_text(reason: str, at_work: int) -> str:
    """Why the session ends, what it leaves behind, and how to go on. `at_work`: how many acts run."""
    left = "agents go on" if at_work else "no agent is at work"
    return f"{reason}; {left}; --orch-resume goes on with the run"


class Signals:
    """SIGTERM is treated as Ctrl-C; SIGHUP leaves the agents running. `wake` ends what a signal must not wait for."""

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        self._wake = wake
        self._before: dict[int, Any] = {}
        self._held = 0
        self._kept: BaseException | None = None
        self._kept_at = 0.0
        self._raised_at = -math.inf
        self._left = False
        self.forced = False  # the last one was heard in the middle of work that did not end

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._take(signal.SIGINT, KeyboardInterrupt)
            self._take(signal.SIGTERM, lambda: KeyboardInterrupt("SIGTERM"))
            self._take(signal.SIGHUP, DetachError)
        return self

    def _take(self, number: int, error: Callable[[], BaseException]) -> None:
        if signal.getsignal(number) is signal.SIG_IGN:
            return

        def came(_number: int, _frame: object) -> None:
            now = time.monotonic()
            if not self._held and self._comes_twice(now):
                return
            if self._left:
                self.release()
                signal.raise_signal(number)  # whoever hears it now
                return
            if not self._held or (self._kept is not None and now - self._kept_at > _PATIENCE):
                self.forced = self._held > 0
                self._kept, self._raised_at = None, now
                raise error()
            if self._kept is None:
                self._kept, self._kept_at = error(), now
            self._wake()

        self._before[number] = signal.signal(number, came)

    def _comes_twice(self, at: float) -> bool:
        """Whether what came then is taken for the interrupt that was raised."""
        return at - self._raised_at <= _PATIENCE

    def __exit__(self, *_: object) -> None:
        """Give the handlers back; that of Ctrl-C, which may come once more, only with `release` after an interrupt."""
        self._left = True
        self._give_back(but=signal.SIGINT if self._comes_twice(time.monotonic()) else None)

    def release(self) -> None:
        """The session is over: give back what is left."""
        self._give_back()

    def _give_back(self, but: int | None = None) -> None:
        for number in self._before.keys() - {but}:
            signal.signal(number, self._before.pop(number))

    def taken(self) -> bool:
        """Whether a signal was kept; it is not raised any more."""
        kept, self._kept = self._kept, None
        return kept is not None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do something whole: what comes meanwhile is raised afterwards."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if not self._held and self._kept is not None:
            kept, self._kept = self._kept, None
            if not self._comes_twice(self._kept_at):
                self._raised_at = time.monotonic()
                raise kept
