"""The calls of one turn, in their order: initialize, a session, the prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from orchharness_acp.package import PROTOCOL_VERSION
from orchharness_acp.speaking import Agent
from orchharness_acp.trouble import Failure, plain
from orchharness_acp.turn import Turn

_LOOK = 0.05  # seconds between two looks whether a replay is over
_MARGIN = 10.0  # seconds that whoever watches the act has to end it first, and to say so as a time limit


async def handshake(agent: Agent, limit: float) -> dict[str, Any]:
    """What the agent says of itself: `name`, `version`, `protocol`, `loads`.

    Raises:
        Failure: it does not answer, or speaks another version.
    """
    asked = {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
        "clientInfo": {"name": "orchharness", "version": "1"},
    }
    said = _object(await agent.call("initialize", asked, limit), "initialize")
    if said.get("protocolVersion") != PROTOCOL_VERSION:
        msg = f"the agent speaks version {said.get('protocolVersion')!r:.40} of the protocol, and not {PROTOCOL_VERSION}"
        raise Failure(msg)
    info, able = said.get("agentInfo"), said.get("agentCapabilities")
    info = info if isinstance(info, dict) else {}
    return {
        "name": plain(str(info.get("name") or ""))[:80],
        "version": plain(str(info.get("version") or ""))[:80],
        "protocol": PROTOCOL_VERSION,
        "loads": isinstance(able, dict) and able.get("loadSession") is True,
    }


async def take_turn(agent: Agent, turn: Turn, job: Mapping[str, Any]) -> list[str]:
    """Say the prompt and wait for the end of the turn; remarks on how it went.

    Raises:
        Failure: it came to nothing.
    """
    options, limit = job["options"], job["options"]["call_timeout"]
    hello = await handshake(agent, limit)
    place = {"cwd": job["cwd"], "mcpServers": []}
    session, said, remarks = await _session(agent, turn, job, hello)
    if session is None:
        said = _object(await agent.call("session/new", place, limit), "session/new")
        session = said.get("sessionId")
        if not isinstance(session, str) or not session:
            msg = "the agent answered 'session/new' without a `sessionId`"
            raise Failure(msg)
    if options.get("mode"):
        await _set_mode(agent, session, said, options["mode"], limit)
    turn.begin(session)
    prompt = {"sessionId": session, "prompt": [{"type": "text", "text": job["prompt"]}]}
    # Who watches the act ends it at its time limit; this one is for the time in which nobody does.
    most = None if job["timeout"] is None else job["timeout"] + _MARGIN
    turn.end(_object(await agent.call("session/prompt", prompt, most), "session/prompt"))
    return remarks


async def _session(
    agent: Agent, turn: Turn, job: Mapping[str, Any], hello: Mapping[str, Any]
) -> tuple[str | None, Mapping[str, Any], list[str]]:
    """The session of the iteration before, if it can be had; the prompt holds the findings, so one can do without."""
    session = job["session"]
    if not session or not hello["loads"]:
        return None, {}, ["the agent loads no sessions: a new one was begun"] if session else []
    # The protocol's cost is the session's; Claude's is that of its process.
    turn.load(session, 0.0 if "claude" in hello["name"] else job["spent"])
    asked = {"sessionId": session, "cwd": job["cwd"], "mcpServers": []}
    method, limit = "session/load", job["options"]["call_timeout"]
    try:
        said = await agent.call(method, asked, limit)
    except Failure as failure:
        if failure.trouble or not failure.answered:
            raise  # the agent did not answer, or its engine is the reason: another session would not help
        turn.forget()
        return None, {}, [f"{failure.detail}: a new session was begun"]
    loop = asyncio.get_running_loop()
    since = loop.time()
    while not turn.is_quiet(since, loop.time()) and loop.time() < since + limit:
        await asyncio.sleep(_LOOK)
    return session, said if isinstance(said, dict) else {}, []


async def _set_mode(agent: Agent, session: str, said: Mapping[str, Any], mode: str, limit: float) -> None:
    modes = said.get("modes")
    offered = modes.get("availableModes") if isinstance(modes, dict) else None
    names = (
        [str(m.get("id"))[:80] for m in offered if isinstance(m, dict)] if isinstance(offered, list) else []
    )
    if mode not in names:
        told = f"it has {', '.join(map(repr, names[:20]))}" if names else "it has no modes: leave `mode` out"
        msg = f"the agent has no mode {mode!r}; {told}"
        raise Failure(msg)
    await agent.call("session/set_mode", {"sessionId": session, "modeId": mode}, limit)


def _object(answer: Any, method: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        msg = f"the agent answered {method!r} with what is no object: {answer!r:.80}"
        raise Failure(msg)
    return answer
