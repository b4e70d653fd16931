"""A look before the first spawn: is the agent there, and does it answer `initialize`? No model is asked."""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from orchharness import LocalProcess, Preflight, PreflightRequest
from orchharness_acp.installing import how_to_install
from orchharness_acp.trouble import plain

_LIMIT = 20.0  # seconds for the handshake: a look has 30 s in all
_START = 5.0  # seconds more, for the process that does it


def look(request: PreflightRequest) -> Preflight:
    """What the agent says of itself, or why it cannot work."""
    import shutil

    program = request.options["command"][0]
    env = {**os.environ, **request.env}
    path = os.path.join(request.cwd, program) if "/" in program else program  # noqa: PTH118
    if shutil.which(path, path=env.get("PATH")) is None:
        return Preflight(
            missing=f"the program {program!r} of agent {request.agent!r} was not found{how_to_install(program)}"
        )
    said = _greet(request, env)
    if said.get("fault"):
        return Preflight(fault=f"agent {request.agent!r}: {said['fault']}")
    version = f"{said['name'] or program} {said['version'] or '(no version)'}, protocol {said['protocol']}"
    return Preflight(version=version if said["loads"] else f"{version}, loads no sessions")


def _greet(request: PreflightRequest, env: dict[str, str]) -> dict[str, Any]:
    import subprocess  # noqa: S404
    import sys

    key = secrets.token_hex(16)
    limit = min(_LIMIT, request.options["call_timeout"])
    asked = {"command": request.options["command"], "limit": limit, "key": key}
    words = [sys.executable, "-P", "-m", "orchharness_acp.supervise", "--look"]
    try:
        done = subprocess.run(  # noqa: S603 - the plan's own agent
            words,
            input=json.dumps(asked, default=dict),
            cwd=request.cwd,
            env={**env, f"ORCH_ACT_{key[:16]}": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit + _START,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return {"fault": f"it did not answer 'initialize' within {limit:g} s"}
    finally:
        LocalProcess.end(survivor.pid for survivor in LocalProcess.sweep([key]))
    lines = done.stderr.strip().splitlines()
    try:
        said = json.loads(lines[-1])
        return said if isinstance(said, dict) else {}
    except (ValueError, IndexError):
        return {"fault": f"it cannot be looked at: {plain(' '.join(lines))[-400:]}"}
