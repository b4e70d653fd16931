"""Asks a plugin in a process of its own: `python elsewhere.py SPEC.json`, as another session of tomorrow would.

What is asked stands in the file, the answer goes to another one: the plugin may print what it likes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main(spec: Path) -> None:
    """Do what the file says, and leave the answer; with `die`, end as a machine's power cut would end it."""
    asked: dict[str, Any] = json.loads(spec.read_bytes())
    sys.path[:] = asked["path"]
    try:
        answer = _answer(asked)
    except Exception as error:  # noqa: BLE001 - it is told to who asked
        answer = {"error": f"{type(error).__name__}: {error}"}
    part = Path(f"{asked['answer']}.part")
    part.write_text(json.dumps(answer, default=dict), encoding="utf-8")
    part.replace(asked["answer"])
    if asked.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from importlib import import_module

    plugin = import_module(asked["plugin"])
    if asked["do"] == "import":
        return {"modules": sorted(sys.modules)}
    from orchharness import CriticRequest, PluginHost, SpawnRequest
    from orchharness.testing.trial import handle_of, made, plain

    host = PluginHost.load([plugin], entry_points=False)
    value = asked["value"]
    match asked["do"]:
        case "spawn":
            return {"handle": plain(host.spawn(made(SpawnRequest, value)))}
        case "poll":
            return {"poll": plain(host.poll(handle_of(value)))}
        case "cancel":
            return {"cancel": host.cancel(handle_of(value))}
        case "critic":
            return {"evaluation": plain(host.critic(made(CriticRequest, value)))}
        case _:
            return {"damaged": [_damaged(host, each) for each in value]}


def _damaged(host: Any, value: dict[str, Any]) -> list[Any]:
    """What poll and cancel say of a handle that is not as it was; what they raise is an answer too."""
    from orchharness.testing.trial import handle_of, plain

    found = []
    for hook in (host.poll, host.cancel):
        try:
            found.append(plain(hook(handle_of(value))))
        except Exception as error:  # noqa: BLE001, PERF203 - raising is allowed
            found.append(f"{type(error).__name__}: {error}")
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
