"""What Claude Code printed, as `--output-format stream-json` has it: the last `result` object decides."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchharness import ClientEnd, Finished, Trouble, amount, one_line, trouble_of

_OWN_PAUSE = (
    0.5  # seconds of the client's first pause between tries; each is twice the one before, and a little more
)
_EXPLAINED = {
    "error_max_turns": "it was stopped at its limit of turns: raise the option `max_turns`",
    "error_max_budget_usd": "it was stopped at its limit of money: raise the option `max_budget_usd`",
}


class _Fault(NamedTuple):
    detail: str = ""
    trouble: Trouble = Trouble()


def parse(end: ClientEnd) -> Finished:
    """How the turn ended."""
    result: Mapping[str, Any] | None = None
    wait: float | None = None
    for found in end.objects('"result"', '"api_retry"', '"rate_limit_event"'):
        if found.get("type") == "result":
            result = found
        else:
            wait = _wait(found, end.at) or wait
    if result is None:
        trouble = trouble_of(end.errors, now=end.at) if end.errors else Trouble()
        detail = end.errors or "claude ended without a result"
        return Finished(ok=False, detail=detail, trouble=trouble.trouble, retry_after=trouble.retry_after)
    fault = _fault(result, end)
    session = result.get("session_id")
    resumed = end.memo.get("resumed")
    fresh = (
        f"session {resumed!r} is not known to claude any more; a new one was begun"
        if resumed != session
        else ""
    )
    text = result.get("result")
    after = fault.trouble.retry_after if fault.trouble.retry_after is not None else wait
    return Finished(
        ok=not fault.detail,
        detail="; ".join(filter(None, (fault.detail or _denied(result), fresh if resumed else ""))),
        answer=text if isinstance(text, str) else None,
        session=session if isinstance(session, str) else None,
        usage=_usage(result),
        trouble=fault.trouble.trouble,
        retry_after=after if fault.trouble.trouble == "limited" else None,
    )


def _fault(result: Mapping[str, Any], end: ClientEnd) -> _Fault:
    kind, status = result.get("subtype"), result.get("api_error_status")
    text = one_line(result.get("result"))
    if kind in _EXPLAINED:
        return _Fault(_EXPLAINED[kind])
    if result.get("is_error") is not False or kind != "success":
        errors = result.get("errors")
        said = text or "; ".join(one_line(e) for e in errors if e) if isinstance(errors, list) else text
        trouble = trouble_of(said, status if isinstance(status, int) else None, end.at)
        return _Fault(said or end.errors or f"claude ended with {one_line(kind) or 'an error'}", trouble)
    denied = _denied(result)
    if denied and end.memo.get("denials") != "note":
        return _Fault(denied)
    if result.get("stop_reason") == "max_tokens":
        return _Fault("its answer was cut at the model's limit of output")
    if result.get("num_turns") == 0:
        return _Fault(f"claude answered without asking a model: {text}")
    return _Fault()


def _denied(result: Mapping[str, Any]) -> str:
    denials = result.get("permission_denials") or []
    tools = list(dict.fromkeys(one_line(denial.get("tool_name"), 80) or "a tool" for denial in denials))
    if not tools:
        return ""
    return (
        f"denied: {', '.join(tools)}; to let the agent use it, write `allowed_tools: [{', '.join(tools)}]`, "
        "a folder of `add_dirs`, or another `permission_mode`"
    )


def _usage(result: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens of all models, its subagents' too. Input counts what was read from a cache and written to it."""
    read, written = 0, 0
    models = result.get("modelUsage") or {}
    for used in models.values():
        read += sum(
            int(amount(used.get(n)))
            for n in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        )
        written += int(amount(used.get("outputTokens")))
    return {"input_tokens": read, "output_tokens": written, "usd": amount(result.get("total_cost_usd"))}


def _wait(found: Mapping[str, Any], now: float) -> float | None:
    """The seconds that the API named. A pause of the client's own choice says nothing."""
    if found.get("type") == "rate_limit_event":
        info = found.get("rate_limit_info") or {}
        at = amount(info.get("resetsAt"))
        return max(0.0, at - now) if info.get("status") == "rejected" and at else None
    if found.get("subtype") != "api_retry" or found.get("error_status") not in {429, 503, 529}:
        return None
    pause = amount(found.get("retry_delay_ms")) / 1000
    own = _OWN_PAUSE * 2 ** min(amount(found.get("attempt")) - 1, 10)
    return pause if pause > own * 1.5 else None
