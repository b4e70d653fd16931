"""Critic kind `agent`: another agent judges, from the artifacts and the rubric alone.

It runs as an act within the act, through the hooks of its own kind, and never sees how the artifacts came to be.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchharness import private
from orchharness.core.acts import (
    CriticRequest,
    Evaluation,
    Finished,
    Handle,
    Lost,
    PollResult,
    SpawnRequest,
    Unknown,
)
from orchharness.critics import prompt
from orchharness.critics.evaluation import lacking, last_object, read_evaluation
from orchharness.critics.request import host_for, read_request
from orchharness.errors import EngineTroubleError, OrchError, PluginError
from orchharness.plugins import PluginHost

_FIRST, _SLOWEST = 0.005, 0.2  # seconds between polls
_SEARCHED = 1 << 18  # characters at the end of an answer in which the evaluation must stand


def judge(request: CriticRequest) -> Evaluation:
    """What the agent answers; an answer that cannot be read is sent back once.

    Raises:
        EngineTroubleError: the agent's engine takes no work, or does not know the caller.
        OrchError: the agent cannot be started or fails, or its second answer cannot be read either.
    """
    host = host_for(read_request(Path(request.folder)))
    text = prompt.build(request, secrets.token_hex(8))
    answers: list[Finished] = []
    try:
        answers.append(_ask(request, host, "agent", text))
        _refuse_failure(request, answers[0])
        try:
            return _read(request, answers[0])
        except OrchError as error:
            text = prompt.repair(text, answers[0].answer or "", str(error), secrets.token_hex(8))
        answers.append(_ask(request, host, "agent-2", text))
        _refuse_failure(request, answers[1])
        return _read(request, answers[1])
    finally:
        _keep_usage(request, answers)


def _read(request: CriticRequest, answer: Finished) -> Evaluation:
    evaluation = read_evaluation(last_object((answer.answer or "")[-_SEARCHED:]))
    wrong = lacking(evaluation, request.criteria)
    if wrong:
        msg = f"the critic's evaluation is not complete: {wrong}"
        raise OrchError(msg)
    return evaluation


def _ask(request: CriticRequest, host: PluginHost, name: str, text: str) -> Finished:
    folder = Path(request.folder, name)
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "prompt.md"
    private.write(file, text.encode("utf-8", "replace"))
    agent = request.agent
    act = SpawnRequest(
        key=hashlib.sha256(f"{request.key}/{name}".encode()).hexdigest()[:32],
        act=f"{request.act}.{name}",
        kind=agent["kind"],
        folder=str(folder),
        cwd=request.cwd,
        argv=tuple(agent.get("argv") or ()),
        shell=bool(agent.get("shell")),
        prompt=text,
        env={
            **request.env,
            "ORCH_PROMPT": str(file),
            "ORCH_RESULT": str(folder / "agent-result.json"),
            "ORCH_TASK_DIR": str(folder),
        },
        options=agent.get("options") or {},
        timeout=request.timeout,
    )
    with _ended_with_us() as let_it:
        return _finish(request, host, act, let_it)


def _finish(
    request: CriticRequest, host: PluginHost, act: SpawnRequest, let_it: Callable[[], None]
) -> Finished:
    handle = host.spawn(act)
    pause = _FIRST
    try:
        let_it()
        while not isinstance(result := _poll(host, handle), Finished | Lost):
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST)
    except BaseException:
        host.cancel(handle)
        raise
    if isinstance(result, Lost):
        msg = f"the agent that judges for {request.critic!r} was lost: {result.reason}"
        raise OrchError(msg)
    return result


def _refuse_failure(request: CriticRequest, result: Finished) -> None:
    if result.ok:
        return
    msg = f"the agent that judges for {request.critic!r} did not succeed: {result.detail or 'it says so itself'}"
    if result.trouble:
        raise EngineTroubleError(result.detail or msg, result.trouble, result.retry_after)
    raise OrchError(msg)


def _poll(host: PluginHost, handle: Handle) -> PollResult:
    try:
        return host.poll(handle)
    except PluginError:
        raise
    except Exception as error:  # noqa: BLE001 - an engine that cannot be asked now may answer later
        return Unknown(f"{type(error).__name__}: {error}")


@contextmanager
def _ended_with_us() -> Iterator[Callable[[], None]]:
    """SIGTERM unwinds instead of ending at once, so that an agent on another machine is cancelled too.

    It is kept until what is given is called: without its handle an agent cannot be cancelled. Only the first one
    unwinds, so that another does not interrupt the cancelling.
    """
    asked, kept = 0, True

    def leave(number: int, _: Any) -> None:
        nonlocal asked
        first, asked = not asked, number
        if first and not kept:
            raise SystemExit(128 + number)

    def let_it() -> None:
        nonlocal kept
        kept = False
        if asked:
            raise SystemExit(128 + asked)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield let_it
    finally:
        signal.signal(signal.SIGTERM, before)


def _keep_usage(request: CriticRequest, answers: list[Finished]) -> None:
    """What the judgement cost goes where the cost of every act is looked for."""
    total: dict[str, Any] = {}
    for answer in answers:
        for name, number in answer.usage.items():
            total[name] = total.get(name, 0) + number
    if total:
        private.write(Path(request.folder, "agent-result.json"), json.dumps({"usage": total}))
