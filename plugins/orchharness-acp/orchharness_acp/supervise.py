"""The supervisor of one act: `python -m orchharness_acp.supervise FOLDER`, or `--look` for a first handshake.

It reads `acp.json` from the act's folder, takes one turn with the agent, and leaves `acp-result.json`.

*   The agent is ended before the result is written: nothing of it can write, or replace the result, any more.
*   It ends with 0 for success alone, so that a lost result is no success.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from orchharness import LocalProcess
from orchharness_acp.conversation import handshake, take_turn
from orchharness_acp.job import keep, read_job
from orchharness_acp.permissions import rules_of
from orchharness_acp.results import RESULT
from orchharness_acp.speaking import Agent
from orchharness_acp.trouble import Failure
from orchharness_acp.turn import Turn

_CANCELLING = 0.4  # seconds that an agent has to end its turn once it is told to
_SOFT = 0.3  # seconds between SIGTERM and SIGKILL for what an agent leaves
_SURE = 3.0  # seconds of SIGKILL after which something is left to whoever cancels the act
_PAUSE = 0.02


def main(words: list[str]) -> int:
    """Take the turn; the exit status."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # whatever the locale is
    if words[:1] == ["--look"]:
        return _look(json.load(sys.stdin))
    folder = words[0]
    job = read_job(folder)
    turn = Turn(rules_of(job["options"]["permissions"]), [job["cwd"], folder])
    result = asyncio.run(_supervise(job, turn))
    ended = {
        **result,
        "key": job["key"],
        "session": turn.session or None,
        "usage": turn.usage,
        "spent": turn.spent,
    }
    keep(Path(folder, RESULT), ended)
    return 0 if result["ok"] else 1


async def _supervise(job: Mapping[str, Any], turn: Turn) -> dict[str, Any]:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    agent = None
    try:
        agent = await Agent.start(job["options"]["command"], lambda p: turn.take(p, _now()), turn.permit)
        notes = await _until(stopping, agent, turn, job)
    except Failure as failure:
        return {
            "ok": False,
            "detail": _with_denied(failure.detail, turn),
            "trouble": failure.trouble,
            "retry_after": failure.retry_after,
            "answer": turn.answer,
        }
    else:
        fault = turn.fault
        said = _with_denied("; ".join(filter(None, [fault, *notes])), turn)
        return {"ok": not fault and not turn.denied, "detail": said, "answer": turn.answer}
    finally:
        if agent is not None:
            await agent.end()
        await _end_all(job["key"])


def _with_denied(said: str, turn: Turn) -> str:
    return "\n".join(filter(None, [said, *(f"the agent was denied {what}" for what in turn.denied)]))


async def _until(stopping: asyncio.Event, agent: Agent, turn: Turn, job: Mapping[str, Any]) -> list[str]:
    """What is to be remarked of the turn. It is cancelled when this process is told to end.

    Raises:
        Failure: it came to nothing.
    """
    talk = asyncio.ensure_future(take_turn(agent, turn, job))
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({talk, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not talk.done():
        if turn.session:
            await agent.tell("session/cancel", {"sessionId": turn.session})
            await asyncio.wait({talk}, timeout=_CANCELLING)
        talk.cancel()
        with suppress(asyncio.CancelledError, Failure):
            await talk
        msg = "cancelled"
        raise Failure(msg)
    return talk.result()


async def _end_all(key: str) -> None:
    """End everything that was started for the act but this process and the shell that waits for it."""
    spared = {os.getpid(), os.getppid()}
    hard = _now() + _SOFT
    told: set[int] = set()
    looks = 0
    while looks < 2 and _now() < hard + _SURE:  # noqa: PLR2004 - one look can miss a process that is just being made
        left = [s.pid for s in LocalProcess.sweep([key]) if s.pid not in spared]
        looks = 0 if left else looks + 1
        if _now() >= hard:
            LocalProcess.end(left)
        else:
            for pid in set(left) - told:
                with suppress(OSError):
                    os.kill(pid, signal.SIGTERM)
            told.update(left)
        await asyncio.sleep(_PAUSE)


def _look(asked: Mapping[str, Any]) -> int:
    """Say hello to the agent and print what it says of itself, as JSON."""
    print(f"\n{json.dumps(asyncio.run(_greet(asked)))}", file=sys.stderr)  # noqa: T201 - after what the agent wrote
    return 0


async def _greet(asked: Mapping[str, Any]) -> dict[str, Any]:
    turn = Turn({}, [])
    agent = None
    try:
        agent = await Agent.start(asked["command"], lambda _: None, turn.permit)
        return await handshake(agent, asked["limit"])
    except Failure as failure:
        return {"fault": failure.detail}
    finally:
        if agent is not None:
            await agent.end()
        await _end_all(asked["key"])


def _now() -> float:
    return asyncio.get_running_loop().time()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
