"""After a run nothing of it is left: processes that got away from their act are found by its marker, and ended."""

from __future__ import annotations

import time
from collections.abc import Collection

_ROUNDS = 4  # a process that forks while it is looked for is found in the next one
_SHOWN = 5
_PAUSE = 0.01  # seconds that a killed process has to be gone


def end_leftovers(keys: Collection[str]) -> list[str]:
    """End what is left of the acts with these keys; a message about it, none when nothing was left."""
    if not keys:
        return []
    from orchharness.agents.local import LocalProcess
    from orchharness.agents.proc import supported

    if not supported():
        return []
    found: dict[int, str] = {}
    left = LocalProcess.sweep(keys)
    for _ in range(_ROUNDS):
        if not left:
            break
        found.update((p.pid, p.command) for p in left)
        LocalProcess.end(p.pid for p in left)
        time.sleep(_PAUSE)
        left = LocalProcess.sweep(keys)
    if not found:
        return []
    names = [f"{command or 'a process'} (pid {pid})" for pid, command in found.items()]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    end = "and could not be ended" if left else "and was ended"
    return [f"left running by an act {end}: {', '.join(names[:_SHOWN])}{more}"]
