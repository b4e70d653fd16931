"""What Codex CLI printed, as `codex exec --json` has it: the last event of a turn decides.

Its tokens are those of the whole thread. So the session that is handed on holds the thread's id and its tokens so far:
they are in the journal with it, and what a later act of the thread used is the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchharness import ClientEnd, Finished, amount, one_line, trouble_of

_FORM = r"(?P<id>[0-9A-Za-z][0-9A-Za-z-]*)(?: in=(?P<read>\d{1,15}) out=(?P<written>\d{1,15}))?"


_EVENTS = ('"thread.started"', '"turn.completed"', '"turn.failed"', '"agent_message"', '"command_execution"')
_MET = "a command could not write because of the sandbox: widen it with `add_dirs`, or another `sandbox`"


class Thread(NamedTuple):
    """A thread of codex and the tokens it used so far. As a session: `ID in=N out=N`."""

    id: str
    read: int = 0
    written: int = 0

    @classmethod
    def read_from(cls, session: Any) -> Thread | None:
        """The thread of a session; None when it is none."""
        found = re.fullmatch(_FORM, session) if isinstance(session, str) else None
        return cls(found["id"], int(found["read"] or 0), int(found["written"] or 0)) if found else None

    def __str__(self) -> str:
        return f"{self.id} in={self.read} out={self.written}"


def parse(end: ClientEnd) -> Finished:
    """How the turn ended."""
    thread, answer, turn, met = "", None, None, False
    for found in end.objects(*_EVENTS):
        kind = found.get("type")
        if kind == "thread.started":
            thread, answer, turn = str(found.get("thread_id") or ""), None, None
        elif kind in {"turn.completed", "turn.failed"}:
            turn = found
        elif kind == "item.completed" and found["item"].get("type") == "agent_message":
            answer = found["item"].get("text")
        elif kind == "item.completed":
            met = met or _met_the_sandbox(found["item"])
    resumed = Thread.read_from(end.memo.get("resumed"))
    before = resumed if resumed is not None and resumed.id == thread else Thread(thread)
    if turn is None or turn["type"] == "turn.failed":
        return _failed(turn or {}, answer, before, end)
    used = turn.get("usage") or {}
    now = Thread(thread, int(amount(used.get("input_tokens"))), int(amount(used.get("output_tokens"))))
    return Finished(
        ok=True,
        detail="; ".join(filter(None, (_renewed(resumed, thread), _MET if met else ""))),
        answer=answer,
        session=str(now),
        usage={
            "input_tokens": max(0, now.read - before.read),
            "output_tokens": max(0, now.written - before.written),
        },
    )


def _renewed(resumed: Thread | None, thread: str) -> str:
    if resumed is None or resumed.id == thread:
        return ""
    return f"thread {resumed.id!r} is not known to codex any more; a new one was begun"


def _met_the_sandbox(item: Mapping[str, Any]) -> bool:
    """Whether a command failed because it may not write there. Codex itself counts that as no fault."""
    return bool(item.get("exit_code")) and "Read-only file system" in str(item.get("aggregated_output"))


def _failed(turn: Mapping[str, Any], answer: str | None, before: Thread, end: ClientEnd) -> Finished:
    text = one_line((turn.get("error") or {}).get("message")) or end.errors
    trouble = trouble_of(text, now=end.at)
    return Finished(
        ok=False,
        detail=text or "codex ended without the end of a turn",
        answer=answer,
        session=str(before) if before.id else None,
        trouble=trouble.trouble,
        retry_after=trouble.retry_after,
    )
