"""What a plugin said about an act that is over, checked before anything relies on it.

A plugin is code of somebody else: an answer of the wrong type fails its act, and never the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchharness.core.acts import Finished

_COUNTS = ("input_tokens", "output_tokens", "usd")
_TEXTS = ("detail", "answer", "summary", "session")
_TROUBLES = ("", "limited", "refused")
_MOST = 1 << 20  # characters of a text that is recorded


def fault_of(answer: Finished) -> str:
    """What is wrong with the types of the answer; empty when nothing is."""
    ok: Any = answer.ok
    if not isinstance(ok, bool):
        return f"its 'ok' is {ok!r:.80}, not true or false"
    status: Any = answer.exit
    if status is not None and type(status) is not int:
        return f"its 'exit' is {status!r:.80}, not a number"
    for name in _TEXTS:
        value: Any = getattr(answer, name)
        if not isinstance(value, str | None):
            return f"its {name!r} is {value!r:.80}, not a text"
    usage: Any = answer.usage
    if not isinstance(usage, Mapping):
        return f"its 'usage' is {usage!r:.80}, not a mapping"
    return _wrong_trouble(answer)


def _wrong_trouble(answer: Finished) -> str:
    trouble: Any = answer.trouble
    if trouble not in _TROUBLES:
        return f"its 'trouble' is {trouble!r:.80}, not one of {', '.join(_TROUBLES[1:])}"
    if trouble and answer.ok:
        return f"it is ok and in trouble ({trouble})"
    wait: Any = answer.retry_after
    good = wait is None or (type(wait) in (int, float) and 0 <= wait < float("inf"))
    return "" if good else f"its 'retry_after' is {wait!r:.80}, not a number of seconds"


def usage_of(answer: Finished) -> dict[str, Any]:
    """What it cost, as far as that can be counted: tokens and USD, finite and not negative."""
    found = {}
    for name in _COUNTS:
        number: Any = answer.usage.get(name)
        if type(number) in (int, float) and 0 <= number < float("inf"):
            found[name] = number
    return found


def bounded(text: str | None) -> str | None:
    """The text, cut where nobody would read on."""
    return text if text is None or len(text) <= _MOST else f"{text[:_MOST]}…"
