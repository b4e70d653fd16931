"""Hears what happens in runs, and hands spans to the thread that sends them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from orchharness import hookimpl

if TYPE_CHECKING:
    from orchharness_otel.sending import Sender
    from orchharness_otel.settings import Settings
    from orchharness_otel.spans import Trace

LIMIT = 1.5  # seconds that the end of a run waits for its last spans


class SpansLostError(Exception):
    """Some spans did not reach the collector."""


class _Watched(NamedTuple):
    trace: Trace
    sender: Sender


class Watcher:
    """The plugin. `environ` and `sender` are for tests."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, sender: Callable[[Settings], Sender] | None = None
    ) -> None:
        self._environ = environ
        self._sender = sender
        self._runs: dict[Any, _Watched] = {}

    @hookimpl
    def orchharness_update(self, event: Any, run: Any) -> None:
        """See the hook.

        Raises:
            SettingsError: the environment asks for what is not supported; the run is not traced.
            SpansLostError: at the end of a run, which is not changed by it.
        """
        kind = type(event).__name__
        if kind in ("RunStarted", "RunResumed"):
            self._begin(event, run)
        elif run in self._runs:
            if kind == "RunFinished":
                self._end(event, run)
            else:
                trace, sender = self._runs[run]
                for span in trace.spans(event, run):
                    sender.put(span)

    def _begin(self, event: Any, run: Any) -> None:
        if not any(name.startswith("OTEL_") for name in self._environ):
            return  # nobody waits for imports
        from orchharness_otel.sending import Sender
        from orchharness_otel.settings import settings_of
        from orchharness_otel.spans import Trace

        settings = settings_of(self._environ)
        if settings is not None:
            self._runs[run] = _Watched(Trace(event, run), (self._sender or Sender)(settings))

    def _end(self, event: Any, run: Any) -> None:
        trace, sender = self._runs.pop(run)
        lost = sender.finish(trace.ending(event, run), LIMIT)
        if lost:
            raise SpansLostError(lost)
