"""What became of an act, from its process and from `acp-result.json`; and how it is asked to end.

The exit status decides. What the agent itself left in `ORCH_RESULT` can turn success into failure, like any agent's.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from orchharness import Finished, Handle, LocalProcess, PollResult
from orchharness_acp.results import amount_of, read_result, text_of

_POLITE = 0.9  # seconds in which the supervisor ends everything by itself
_PROGRAM = "orchharness_acp.supervise"


def with_result(handle: Handle, polled: PollResult) -> PollResult:
    """The poll's answer, with what the supervisor found out."""
    if not isinstance(polled, Finished):
        return polled
    found = read_result(handle.data["folder"])
    if found.get("key") != handle.data["key"]:
        why = "the supervisor of the agent left no result"
        return replace(polled, ok=False, answer=None, detail="; ".join(filter(None, [why, polled.detail])))
    answer, said = text_of(found, "answer"), text_of(found, "detail")
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
        session=text_of(found, "session"),
        usage=_usage(found.get("usage")),
        trouble=trouble if trouble in {"limited", "refused"} else "",
        retry_after=amount_of(found, "retry_after"),
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


def _usage(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    found = {name: amount_of(value, name) for name in ("input_tokens", "output_tokens", "usd")}
    return {name: amount for name, amount in found.items() if amount is not None}
