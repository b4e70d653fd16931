"""What Codex CLI printed, as `codex exec --json` has it: the last event of a turn decides.

Its tokens are those of the whole thread. So the session that is handed on holds the thread's id and its tokens so far:
they are in the journal with it, and what a later act of the thread used is the difference.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orchharness import ClientEnd, Finished, amount, one_line, trouble_of

_FORM = re.compile(r"(?P<id>[0-9A-Za-z][0-9A-Za-z-]*)(?: in=(?P<read>\d{1,15}) out=(?P<written>\d{1,15}))?")


class Thread(NamedTuple):
    """A thread of codex and the tokens it used so far. As a session: `ID in=N out=N`."""

    id: str
    read: int = 0
    written: int = 0

    @classmethod
    def read_from(cls, session: Any) -> Thread | None:
        """The thread of a session; None when it is none."""
        found = _FORM.fullmatch(session) if isinstance(session, str) else None
        return cls(found["id"], int(found["read"] or 0), int(found["written"] or 0)) if found else None

    def __str__(self) -> str:
        return f"{self.id} in={self.read} out={self.written}"


def parse(end: ClientEnd) -> Finished:
    """How the turn ended."""
    thread, answer, turn = "", None, None
    for found in end.objects('"thread.started"', '"turn.completed"', '"turn.failed"', '"agent_message"'):
        match found:
            case {"type": "thread.started", "thread_id": str(thread)}:
                answer, turn = None, None
            case {"type": "item.completed", "item": {"type": "agent_message", "text": str(answer)}}:
                pass
            case {"type": "turn.completed" | "turn.failed"}:
                turn = found
    resumed = Thread.read_from(end.memo.get("resumed"))
    before = resumed if resumed and resumed.id == thread else Thread(thread)
    fresh = (
        f"thread {resumed.id!r} is not known to codex any more; a new one was begun"
        if resumed is not before and resumed and thread
        else ""
    )
    if turn is None or turn["type"] == "turn.failed":
        text = one_line(((turn or {}).get("error") or {}).get("message")) or end.errors
        trouble = trouble_of(text, now=end.at)
        return Finished(
            ok=False,
            detail=text or "codex ended without the end of a turn",
            answer=answer,
            session=str(before) if thread else None,
            trouble=trouble.trouble,
            retry_after=trouble.retry_after,
        )
    used = turn.get("usage") or {}
    now = Thread(thread, int(amount(used.get("input_tokens"))), int(amount(used.get("output_tokens"))))
    return Finished(
        ok=True,
        detail=fresh,
        answer=answer,
        session=str(now),
        usage={
            "input_tokens": max(0, now.read - before.read),
            "output_tokens": max(0, now.written - before.written),
        },
    )
