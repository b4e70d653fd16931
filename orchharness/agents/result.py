"""How an act ended, from what it left in its folder: `exit`, `agent-result.json`, `stdout.log`.

The exit status decides. What the agent says of itself can turn success into failure, never the other way.
A result file that cannot be read is a remark, unless it speaks of a status: then what it said is not known,
and that is not success. `limited` and `refused` say that its engine, not the agent, is why.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from orchharness.core.acts import Finished
from orchharness.core.plan import EMPTY
from orchharness.record import record

RESULT = "agent-result.json"
LIMIT = 1 << 20  # bytes of an answer or a result file that are read
_GOOD = frozenset(
    {"", "ok", "success", "succeeded", "successful", "done", "complete", "completed", "passed", "finished"}
)
_TROUBLES: tuple[Literal["limited", "refused"], ...] = ("limited", "refused")
_COUNTS = ("input_tokens", "output_tokens")


@record
class AgentResult:
    """What the agent left in `ORCH_RESULT`. `fault` says what is wrong with it."""

    summary: str | None = None
    status: str = ""
    session: str | None = None
    answer: str | None = None
    usage: Mapping[str, Any] = field(default=EMPTY)
    retry_after: float | None = None
    fault: str = ""


def read_result(folder: str) -> AgentResult:
    """The agent's own result; empty when it left none."""
    import json

    raw = _read(f"{folder}/{RESULT}")
    if not raw.strip():
        return AgentResult()
    try:
        data = json.loads(raw) if len(raw) <= LIMIT else None
        wrong = "" if isinstance(data, dict) else f"it is not a JSON object of up to {LIMIT} bytes"
    except (ValueError, RecursionError) as error:
        data, wrong = None, str(error)
    if not isinstance(data, dict):
        status = "unreadable" if b'"status"' in raw else ""
        return AgentResult(status=status, fault=f"ORCH_RESULT is not used: {wrong}")
    usage, faults = _usage(data.get("usage"))
    wait = data.get("retry_after")
    if wait is not None and not (type(wait) in {int, float} and 0 <= wait < float("inf")):
        faults.append("retry_after is not a number of seconds")
        wait = None
    texts = {}
    for name in ("summary", "status", "session", "answer"):
        value = data.get(name)
        if value is not None and not isinstance(value, str):
            faults.append(f"{name} is not a text")
            value = str(value) if name == "status" else None
        if value is not None:
            texts[name] = value
    fault = f"ORCH_RESULT: {', '.join(faults)}" if faults else ""
    return AgentResult(usage=usage, fault=fault, retry_after=wait, **texts)


def finished(folder: str, status: int) -> Finished:
    """The end of an act that left this exit status."""
    result = read_result(folder)
    said = result.status.strip().lower()
    said_no = said not in _GOOD
    trouble: Literal["", "limited", "refused"] = next((word for word in _TROUBLES if word == said), "")
    remarks = [_ending(status), f"the agent says {result.status!r:.80}" if said_no else "", result.fault]
    if trouble:  # what the engine said is worth more than how the agent ended
        remarks = [result.summary or remarks[1], result.fault]
    answer = result.answer
    if answer is None:
        answer = _read(f"{folder}/stdout.log", last=True).decode(errors="replace") or None
    return Finished(
        ok=status == 0 and not said_no,
        exit=status,
        detail="; ".join(filter(None, remarks)),
        answer=answer,
        summary=result.summary,
        session=result.session,
        usage=result.usage,
        trouble=trouble,
        retry_after=result.retry_after if trouble == "limited" else None,
    )


def _ending(status: int) -> str:
    import signal

    if status > 128:  # noqa: PLR2004 - the shell's word for a death by signal
        try:
            return f"killed by {signal.Signals(status - 128).name}"
        except ValueError:
            pass
    return f"exit {status}" if status else ""


def _usage(value: Any) -> tuple[Mapping[str, Any], list[str]]:
    if value is None:
        return EMPTY, []
    if not isinstance(value, dict):
        return EMPTY, ["usage is not an object"]
    usage: dict[str, Any] = {}
    faults = []
    for name in (*_COUNTS, "usd"):
        number = value.get(name)
        if number is None:
            continue
        wanted: tuple[type, ...] = (int,) if name in _COUNTS else (int, float)
        if type(number) in wanted and 0 <= number < float("inf"):
            usage[name] = number
        else:
            faults.append(f"usage.{name} is not a number of 0 or more")
    return usage, faults


def _read(path: str, *, last: bool = False) -> bytes:
    """At most a little more than LIMIT bytes, or the last LIMIT; nothing when there is no such file."""
    try:
        # An agent may have put a fifo there: opening it must not wait for a writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:  # noqa: PTH123
            if last:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LIMIT))
            return file.read(LIMIT + 1) or b""
    except OSError:
        return b""
