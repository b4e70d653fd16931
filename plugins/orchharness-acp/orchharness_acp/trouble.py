"""What an error of the agent means: its own, or one of the engine behind it that takes no work or knows no caller."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

_SHOWN = 600  # characters of an error that are told
_SEARCHED = 4000  # characters of an error that are looked at
_AUTH = -32000  # the protocol's own code for "log in first"; others use it for anything
_LOGIN = re.compile(r"auth|log.?in|credential", re.IGNORECASE)
_LIMITED = re.compile(
    r"\b(429|529|rate.?limit\w*|overloaded\w*|too many requests|resource.?exhausted|(usage|quota|session) limit"
    r"|quota exceeded|exceeded your (current )?quota|at capacity)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(401|403|unauthori[sz]ed|authentication|not logged in|invalid.{0,3}api.?key|api.?key.{0,12}(invalid|missing)"
    r"|permission_error|please run /login)\b",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"retry.?(?:after|in|delay)\W{0,4}(?:seconds\W{0,3})?(\d+(?:\.\d+)?)\s*(ms\b|milli|m\b|min|h\b|hour)?",
    re.IGNORECASE,
)
_RESETS = re.compile(r"limit reached\|(\d{10})\b")  # how Claude names the second at which it goes on
_UNITS = {"ms": 0.001, "milli": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0}


class Failure(Exception):  # noqa: N818 - it is what became of the turn, not a fault of ours
    """Why the turn did not succeed. `trouble` and `retry_after` are as in `orchharness.Finished`.

    `answered`: the agent itself said so, and can be asked for something else.
    """

    def __init__(
        self,
        detail: str,
        trouble: Literal["", "limited", "refused"] = "",
        retry_after: float | None = None,
        *,
        answered: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail, self.trouble, self.retry_after, self.answered = detail, trouble, retry_after, answered


def plain(text: str) -> str:
    """A text of the agent on one line, without what a terminal would take for orders."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def failure_of(method: str, code: Any, message: Any, data: Any, now: float) -> Failure:
    """The failure that a JSON-RPC error stands for. `now` is in seconds since 1970: some name a time of day."""
    text = plain(str(message))
    more = data if isinstance(data, str) or data is None else json.dumps(data, default=str)
    if more and plain(more) not in text:
        text = f"{text}: {plain(more)}"
    detail = f"{method!r} failed: {text[:_SHOWN]}"
    searched = f"{code} {text}"[:_SEARCHED]  # some put the status of HTTP there
    if _LIMITED.search(searched):
        return Failure(detail, "limited", _retry_after(data, searched, now), answered=True)
    if _REFUSED.search(searched) or (code == _AUTH and _LOGIN.search(searched)):
        return Failure(detail, "refused", answered=True)
    return Failure(detail, answered=True)


def _retry_after(data: Any, text: str, now: float) -> float | None:
    if isinstance(data, dict):
        for name in ("retry_after", "retryAfter", "retry-after"):
            value = data.get(name)
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
                and value >= 0
            ):
                return float(value)
    resets = _RESETS.search(text)
    if resets:
        return max(0.0, int(resets[1]) - now)
    found = _LATER.search(text)
    return float(found[1]) * _UNITS.get((found[2] or "").lower(), 1.0) if found else None
