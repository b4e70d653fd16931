"""The errors orchharness raises on purpose, and the place an error points at.

    OrchError                      anything the user is told without a traceback
    ├── PlanError                  a plan file is wrong; holds every problem of the file
    ├── ConditionError             a `when` is no condition, or cannot be evaluated
    ├── EngineTroubleError         not the agent but its engine is why an act failed: it takes no work, or refuses the key
    ├── PluginError                a plugin breaks the rules of the hooks
    ├── NotReadyError              an agent of a plan cannot work, which was seen before anything was spawned
    ├── JournalError               a journal that cannot be read or written
    ├── RunBusyError               another orchestrator owns the run or its workspace
    └── ImpossibleTransitionError  the orchestrator was told something that cannot have happened

Our errors print a message; everything else is a bug and prints a traceback.
"""

from __future__ import annotations

from orchharness.record import record


@record(kw_only=False, order=True)
class Location:
    """A place in a file: line and column count from 1; 0 means the file as a whole."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@record(kw_only=False, order=True)
class Problem:
    """One thing that is wrong at one place; `source` is what to show of its line, `caret` the columns before the caret."""

    location: Location
    message: str
    source: str | None = None
    caret: int = 0

    def __str__(self) -> str:
        text = f"{self.location}: {self.message}"
        if self.source is not None:
            text += f"\n    {self.source}\n    {' ' * self.caret}^"
        return text


class OrchError(Exception):
    """Anything the user is told without a traceback."""


class PlanError(OrchError):
    """A plan file is wrong; `problems` holds all that was found, sorted by place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.location, p.message)))
        super().__init__("\n".join(str(p) for p in self.problems))


class ConditionError(OrchError):
    """A `when` is no condition, or it cannot be told whether it holds."""


class EngineTroubleError(OrchError):
    """The engine behind a critic takes no work now, or does not know the caller: no fault of what was judged.

    Args:
        message: What the engine said.
        trouble: `limited` or `refused`, as in `Finished`.
        retry_after: Seconds after which it takes work again, where it said so.
    """

    def __init__(self, message: str, trouble: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.trouble, self.retry_after = trouble, retry_after


class PluginError(OrchError):
    """A plugin breaks the rules of the hooks."""


class NotReadyError(OrchError):
    """Agents of a plan cannot work; `missing`: all they lack is a client that is not installed."""

    def __init__(self, message: str, *, missing: bool) -> None:
        self.missing = missing
        super().__init__(message)


class JournalError(OrchError):
    """A journal that cannot be read or written."""


class RunBusyError(OrchError):
    """Another orchestrator owns the run or its workspace."""


class ImpossibleTransitionError(OrchError):
    """The orchestrator was told something that cannot have happened; the message holds the item's history."""
