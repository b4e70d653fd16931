"""What became of an act, from its process and from `acp-result.json`; and how it is asked to end.

The exit status decides. What the agent itself left in `ORCH_RESULT` can turn success into failure, like any agent's.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from orchharness import Finished, Handle, LocalProcess, PollResult

RESULT = "acp-result.json"
SURE = 3.0  # seconds of SIGKILL after which something is taken to be immortal
_LIMIT = 8 << 20  # bytes of a result
_POLITE = 0.9  # seconds in which the supervisor ends everything by itself
_PROGRAM = "orchharness_acp.supervise"


def with_result(handle: Handle, polled: PollResult) -> PollResult:
    """The poll's answer, with what the supervisor found out."""
    if not isinstance(polled, Finished):
        return polled
    found = _read(handle.data["folder"], handle.data["key"])
    if found is None:
        why = "the supervisor of the agent left no result"
        return replace(polled, ok=False, answer=None, detail="; ".join(filter(None, [why, polled.detail])))
    answer, said = _text(found, "answer"), _text(found, "detail")
    trouble = found.get("trouble")
    # The supervisor's own status says no more than its result, but for one that was killed.
    rest = "" if polled.exit in {0, 1} and polled.detail == f"exit {polled.exit}" else polled.detail
    rest = rest.removeprefix("exit 1; ")
    return replace(
        polled,
        ok=polled.ok and found.get("ok") is True,
        detail="; ".join(filter(None, [said, rest])),
        answer=answer,
        summary=polled.summary or (answer or "").strip().partition("\n")[0][:200] or None,
        session=_text(found, "session"),
        usage=_usage(found.get("usage")),
        trouble=trouble if trouble in {"limited", "refused"} else "",
        retry_after=_seconds(found.get("retry_after")),
    )


def ask_to_end(handle: Handle) -> None:
    """Let the supervisor cancel the turn and end its agent, for as long as that takes a moment only."""
    if _signal_supervisor(handle):
        until = time.monotonic() + _POLITE
        while time.monotonic() < until and LocalProcess.sweep([handle.data["key"]]):
            time.sleep(0.02)


def _signal_supervisor(handle: Handle) -> bool:
    told = False
    for survivor in LocalProcess.sweep([handle.data["key"]]):
        # The shell that leads the act has these words too, and must stay to write the status; it traps the signal.
        if _PROGRAM in survivor.command and handle.data["folder"] in survivor.command:
            with suppress(OSError):
                os.kill(survivor.pid, signal.SIGTERM)
                told = True
    return told


def _read(folder: str, key: str) -> Mapping[str, Any] | None:
    try:
        # An agent may have put a fifo there: opening it must not wait for a writer.
        with open(os.open(f"{folder}/{RESULT}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            found = json.loads(file.read(_LIMIT) or b"")
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("key") == key else None


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) else None


def _usage(value: Any) -> dict[str, Any]:
    names = ("input_tokens", "output_tokens", "usd")
    return (
        {n: value[n] for n in names if _seconds(value.get(n)) is not None} if isinstance(value, dict) else {}
    )


def _seconds(value: Any) -> float | None:
    return value if type(value) in {int, float} and math.isfinite(value) and value >= 0 else None
