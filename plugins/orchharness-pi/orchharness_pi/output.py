"""What pi printed, as `--mode json` has it: the last message of the model decides. Its exit status is 0 on errors too."""

from collections.abc import Mapping
from typing import Any

from orchharness import ClientEnd, Finished, amount, one_line, trouble_of

_STOPPED = {
    "length": "its answer was cut at the model's limit of output",
    "aborted": "it was aborted",
    "toolUse": "it ended in the middle of its work",
}


def parse(end: ClientEnd) -> Finished:
    """How the turn ended."""
    session: str | None = None
    last: Mapping[str, Any] | None = None
    usage = {"input_tokens": 0, "output_tokens": 0, "usd": 0.0}
    for found in end.objects('"session"', '"message_end"'):
        message = found.get("message") or {}
        if found.get("type") == "session":
            session = str(found.get("id") or "") or None
        elif found.get("type") == "message_end" and message.get("role") == "assistant":
            last = message
            _add(usage, message.get("usage") or {})
    if last is None:
        trouble = trouble_of(end.errors, now=end.at)
        return Finished(
            ok=False,
            detail=end.errors or "pi ended without an answer",
            session=session,
            trouble=trouble.trouble,
            retry_after=trouble.retry_after,
        )
    fault = _fault(last, end)
    trouble = trouble_of(fault, now=end.at) if last.get("stopReason") == "error" else trouble_of("")
    resumed = end.memo.get("resumed")
    fresh = (
        f"session {resumed!r} is not known to pi any more; a new one was begun"
        if resumed and resumed != session
        else ""
    )
    return Finished(
        ok=not fault,
        detail="; ".join(filter(None, (fault, fresh))),
        answer=_text(last),
        session=session,
        usage=usage,
        trouble=trouble.trouble,
        retry_after=trouble.retry_after,
    )


def _fault(last: Mapping[str, Any], end: ClientEnd) -> str:
    reason = last.get("stopReason")
    if reason == "error":
        return one_line(last.get("errorMessage")) or "pi says that there was an error, and not which"
    if reason != "stop":
        return _STOPPED.get(str(reason)) or f"pi ended with {reason!r:.80}"
    if not _text(last).strip():
        return "its answer is empty: the stream was cut, or the model said nothing"
    if end.memo.get("counts_tokens", True) and not amount((last.get("usage") or {}).get("totalTokens")):
        return (
            "its answer came without a count of tokens: the stream was cut; where the provider never counts them, "
            "write `counts_tokens: false`"
        )
    return ""


def _text(message: Mapping[str, Any]) -> str:
    parts = message.get("content") or []
    return "\n\n".join(part["text"] for part in parts if part.get("type") == "text")


def _add(usage: dict[str, Any], used: Mapping[str, Any]) -> None:
    """Input counts what was read from a cache and written to it, as with the other kinds."""
    usage["input_tokens"] += sum(int(amount(used.get(name))) for name in ("input", "cacheRead", "cacheWrite"))
    usage["output_tokens"] += int(amount(used.get("output")))
    usage["usd"] = round(usage["usd"] + amount((used.get("cost") or {}).get("total")), 9)
