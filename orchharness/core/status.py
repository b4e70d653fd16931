"""The closed vocabulary of states, and what can be said about an item at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Literal

from orchharness.core.plan import EMPTY
from orchharness.record import record


class TaskState(StrEnum):
    """waiting → ready → running → an ending; `ready` again when it is retried or refined."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    LOST = "lost"


class GateState(StrEnum):
    """waiting → ready → judging → an ending, or refining and judging again."""

    WAITING = "waiting"
    READY = "ready"
    JUDGING = "judging"
    PASSED = "passed"
    REFINING = "refining"
    FAILED = "failed"
    ERROR = "error"
    PAUSED = "paused"
    WAIVED = "waived"
    SKIPPED = "skipped"


class RunState(StrEnum):
    """How the run as a whole stands."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


SUCCESS = frozenset({"passed", "waived"})
FAILURES = frozenset({"failed", "error", "lost"})
OVER = frozenset({"passed", "failed", "skipped", "cancelled", "lost", "error", "waived"})


@record
class Transition:
    """One item went from one state to another. `score` is the decimal as text; warnings are for people."""

    item: str
    was: str
    state: str
    reason: str = ""
    iteration: int = 0
    score: str | None = None
    warnings: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """The transition as JSON; what is empty is left out."""
        record: dict[str, Any] = {"item": self.item, "was": self.was, "state": self.state}
        if self.reason:
            record["reason"] = self.reason
        if self.iteration:
            record["iteration"] = self.iteration
        if self.score is not None:
            record["score"] = self.score
        if self.warnings:
            record["warnings"] = list(self.warnings)
        return record


@record
class ItemStatus:
    """Everything the state file says about one task or gate. Times are seconds since the epoch."""

    id: str
    type: Literal["task", "gate"]
    phase: str
    track: str
    state: str
    reason: str = ""
    iteration: int = 0
    attempt: int = 0
    score: str | None = None
    threshold: str | None = None
    started: float | None = None
    ended: float | None = None
    act: str | None = None  # the act that runs, or ran last
    question: str = ""  # the name of the question that waits for a person
    decision: Mapping[str, Any] = field(
        default=EMPTY
    )  # what a person said last: {"by", "at", "option", "note"}
    outputs: Mapping[str, Any] = field(default=EMPTY)  # as in TaskFinished.outputs
    warnings: tuple[str, ...] = ()
