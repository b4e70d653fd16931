"""What the supervisor is told, by a file in the act's folder: words of a command line show in `ps`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchharness import OrchError, SpawnRequest
from orchharness_acp.results import amount_of, read_result

JOB = "acp.json"


def write_job(request: SpawnRequest) -> None:
    """Store what is to be said to the agent.

    Raises:
        OrchError: there is nothing to say.
    """
    if not request.prompt or not request.prompt.strip():
        msg = f"{request.act}: an agent of kind {request.kind!r} needs a `prompt`"
        raise OrchError(msg)
    job = {
        "key": request.key,
        "act": request.act,
        "cwd": request.cwd,
        "prompt": request.prompt,
        "session": request.session,
        "spent": spent_before(request.folder, request.session) if request.session else 0.0,
        "timeout": request.timeout,
        "options": request.options,
    }
    keep(Path(request.folder, JOB), job)


def spent_before(folder: str, session: str) -> float:
    """Dollars that a session had cost when the acts before left it, from their results, which lie beside this act."""
    found = (read_result(str(path)) for path in Path(folder).parent.iterdir() if path.is_dir())
    costs = (amount_of(r, "spent") for r in found if r.get("session") == session)
    return max((cost for cost in costs if cost is not None), default=0.0)


def read_job(folder: str) -> Mapping[str, Any]:
    """What `write_job` stored."""
    job: Mapping[str, Any] = json.loads(Path(folder, JOB).read_bytes())
    return job


def keep(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON for the owner only; who sees the file sees all of it, and nothing that lay there is followed."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file, default=dict)
    part.replace(path)
