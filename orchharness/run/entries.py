"""What is journalled of an act: the event of its start, and the event of its end."""

from __future__ import annotations

from typing import Any

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import StartJudgement, StartTask
from orchharness.core.plan import gate_of
from orchharness.run.act import ActRequest, ActResult

Start = StartTask | StartJudgement


def wanted_of(start: Start) -> str:
    """The task or gate the act is for; of a mender's, its gate."""
    return gate_of(start.task) if isinstance(start, StartTask) else start.gate


def start_of(event: ev.TaskStarted | ev.JudgementStarted) -> Start:
    """The instruction that the event answers."""
    if isinstance(event, ev.TaskStarted):
        return StartTask(task=event.task, iteration=event.iteration, attempt=event.attempt, act=event.act)
    return StartJudgement(
        gate=event.gate,
        critic=event.critic,
        iteration=event.iteration,
        attempt=event.attempt,
        act=event.act,
        sample=event.sample,
    )


def started(start: Start, at: float, key: str) -> ev.Event:
    """The act is about to be spawned."""
    if isinstance(start, StartTask):
        return ev.TaskStarted(
            at=at, task=start.task, iteration=start.iteration, attempt=start.attempt, act=start.act, key=key
        )
    return ev.JudgementStarted(
        at=at,
        gate=start.gate,
        critic=start.critic,
        iteration=start.iteration,
        attempt=start.attempt,
        act=start.act,
        key=key,
        sample=start.sample,
    )


def finished(
    start: Start, result: ActResult, request: ActRequest | None, at: float
) -> ev.TaskFinished | ev.JudgementFinished:
    """The act is over. `request` is None only when it could not be prepared."""
    common: dict[str, Any] = {
        "at": at,
        "act": result.act,
        "outcome": result.outcome,
        "started": result.started,
        "seconds": result.seconds,
        "detail": result.detail,
        "usage": result.usage,
        "retry_after": result.retry_after,
    }
    if isinstance(start, StartJudgement):
        return ev.JudgementFinished(
            gate=start.gate,
            critic=start.critic,
            evaluation=result.evaluation,
            artifacts=request.artifacts if request else {},
            **common,
        )
    return ev.TaskFinished(
        task=start.task,
        exit=result.exit,
        outputs=result.outputs,
        changed=result.changed,
        inputs=request.inputs if request else {},
        summary=result.summary,
        session=result.session,
        **common,
    )


def not_started(
    act: str, key: str, detail: str, at: float, outcome: Outcome = Outcome.ERROR, *, disk: bool = False
) -> ActResult:
    """The result of an act that nothing was spawned for, so that it cost nothing."""
    return ActResult(
        act=act,
        key=key,
        outcome=outcome,
        started=at,
        ended=at,
        seconds=0.0,
        detail=detail,
        disk=disk,
        usage={"usd": 0, "input_tokens": 0, "output_tokens": 0},
    )
