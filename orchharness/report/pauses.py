"""The times between the sessions of a run in which no act of it ran: they are no time that the run took. Pure.

A pause ends with the `RunResumed` of the next session. It begins with the last record before that, or when the last act
ended that was at work then: agents go on without an orchestrator. An act of which no end is known counts as at work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchharness.report.text import mapping, number


@dataclass(slots=True)
class _Pause:
    begin: float
    end: float
    open: set[str]  # the acts that were at work as it began, and whose end is not known yet


class Pauses:
    """The pauses of a run, brought up to date record by record."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()) -> None:
        self._found: list[_Pause] = []
        self._open: set[str] = set()
        self._last = -math.inf
        for entry in records:
            self.add(entry)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take the next record of the journal."""
        at, act = number(entry.get("at")), str(entry.get("act"))
        match entry.get("event"):
            case "RunResumed":
                if at is not None and math.isfinite(self._last):
                    self._found.append(_Pause(self._last, at, set(self._open)))
                self._open -= mapping(entry.get("dropped")).keys()
            case "TaskStarted" | "JudgementStarted":
                self._open.add(act)
            case "TaskFinished" | "JudgementFinished":
                self._open.discard(act)
                self._ended(act, number(entry.get("started")), number(entry.get("seconds")))
            case _:
                pass
        self._last = self._last if at is None else max(self._last, at)

    def _ended(self, act: str, started: float | None, seconds: float | None) -> None:
        if started is None or seconds is None:
            return
        for pause in self._found:
            if act in pause.open:
                pause.open.discard(act)
                if started < pause.end:  # else its orchestrator died before it was spawned
                    pause.begin = max(pause.begin, started + seconds)

    def within(self, begin: float, end: float) -> float:
        """How many seconds of that time are pauses."""
        shares = (min(end, p.end) - max(begin, p.begin) for p in self._found if not p.open)
        return sum(share for share in shares if share > 0)

    def time(self, begin: float, end: float) -> float:
        """How many seconds of that time the run took."""
        return max(0.0, end - begin - self.within(begin, end))
