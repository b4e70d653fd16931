"""What an error of the agent means: its own, or one of the engine behind it that takes no work or knows no caller."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from orchharness import trouble_of
from orchharness_acp.results import amount_of

_SHOWN = 600  # characters of an error that are told
_SEARCHED = 4000  # characters of an error that are looked at
_AUTH = -32000  # the protocol's own code for "log in first"; others use it for anything
_LOGIN = re.compile(r"auth|log.?in|credential", re.IGNORECASE)
# Wrapped by an agent, a status stands anywhere.
_STATUS = re.compile(r"\b(401|403|429|529)\b")


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
    searched = text[:_SEARCHED]
    status = _STATUS.search(f"{code} {searched}")  # some put the status of HTTP there
    trouble = trouble_of(searched, int(status[1]) if status else None, now)
    if trouble.trouble == "limited":
        told = _retry_after(data)
        return Failure(detail, "limited", trouble.retry_after if told is None else told, answered=True)
    if trouble.trouble == "refused" or (code == _AUTH and _LOGIN.search(searched)):
        return Failure(detail, "refused", answered=True)
    return Failure(detail, answered=True)


def _retry_after(data: Any) -> float | None:
    """The seconds that a field of the error's data names."""
    named = data if isinstance(data, dict) else {}
    found = (amount_of(named, name) for name in ("retry_after", "retryAfter", "retry-after"))
    return next((seconds for seconds in found if seconds is not None), None)
