"""Instructions: what the orchestrator wants done next, in the imperative. Each is given once."""

from __future__ import annotations

from orchharness.record import record


@record
class StartTask:
    """Spawn the task's agent."""

    task: str
    iteration: int
    attempt: int
    act: str


@record
class StartJudgement:
    """Spawn the critic (`checks` for the gate's checks). `sample`: which of its judgements of the iteration it is."""

    gate: str
    critic: str
    iteration: int
    attempt: int
    act: str
    sample: int = 1


@record
class CancelAct:
    """End the act and everything it started."""

    act: str


Instruction = StartTask | StartJudgement | CancelAct
