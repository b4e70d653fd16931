"""What the agent says, asks and spends in one turn, from the updates it sends. Pure: times come in as arguments.

*   What arrives before `begin` is the past of a loaded session. It may still be arriving after `session/load` was
    answered: `is_quiet` says when it is over.
*   A message of the user that arrives after `begin` in a loaded session ends what was past: what was collected
    before it is no answer to this prompt.
*   The answer is what the agent said after its last tool call; what it said before are notes on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchharness_acp.permissions import Answer, answer

LIMIT = 1 << 20  # characters of an answer
_CALLS = 10_000  # tool calls that are remembered
_QUIET = 0.5  # seconds without an update after which a replay is over
_LATE = 3.0  # seconds to wait for a replay that has not begun


class Turn:
    """Collects one turn."""

    def __init__(self, rules: Mapping[str, str], roots: Sequence[str]) -> None:
        self.session = ""
        self.denied: list[str] = []
        self.stop_reason = ""
        self._rules, self._roots = rules, roots
        self._calls: dict[str, dict[str, Any]] = {}
        self._said: list[list[str]] = [[]]
        self._size = 0
        self._begun = False
        self._loaded = False
        self._tools = 0
        self._last: float | None = None
        self.spent: float | None = None  # dollars that the session cost, as last told
        self._before = 0.0  # the same, when the turn began
        self._usage: dict[str, int] = {}

    def load(self, session: str, spent: float) -> None:
        """A session with a past is being loaded, which had cost `spent` dollars when it was left."""
        self.session, self._loaded, self._before = session, True, spent

    def forget(self) -> None:
        """It could not be loaded."""
        self.session, self._loaded, self._before = "", False, 0.0

    def begin(self, session: str) -> None:
        """The prompt is about to be sent."""
        self.session, self._begun = session, True
        if self.spent is not None:
            self._before = self.spent

    def is_quiet(self, since: float, now: float) -> bool:
        """Whether the past has been told, given when loading was answered."""
        if self._last is None:
            return now - since >= _LATE
        return now - max(since, self._last) >= _QUIET

    def take(self, params: Any, now: float) -> None:
        """An update, as it was sent: what is not understood is left out."""
        update = params.get("update") if isinstance(params, dict) else None
        if not isinstance(update, dict) or (self.session and params.get("sessionId") != self.session):
            return
        kind = update.get("sessionUpdate")
        if kind == "usage_update":
            self._take_cost(update.get("cost"))
            return
        if kind in {"tool_call", "tool_call_update"}:
            self._take_call(update)
        if not self._begun:
            self._last = now
        elif kind == "agent_message_chunk":
            self._say(update.get("content"))
        elif kind == "tool_call":
            self._tools += 1
            self._said.append([])
            self._size = 0
        elif kind == "user_message_chunk" and self._loaded:
            self._said, self._size, self._tools = [[]], 0, 0

    def permit(self, params: Any) -> Answer:
        """The answer to a question for permission; what is denied is remembered."""
        call = params.get("toolCall") if isinstance(params, dict) else None
        call = call if isinstance(call, dict) else {}
        options = params.get("options") if isinstance(params, dict) else None
        known = self._calls.get(str(call.get("toolCallId")), {})
        merged = {**known, **{name: value for name, value in call.items() if value}}
        found = answer(self._rules, merged, options if isinstance(options, list) else [], self._roots)
        if found.denied and found.denied not in self.denied:
            self.denied.append(found.denied)
        return found

    def end(self, result: Any) -> None:
        """The answer to the prompt."""
        result = result if isinstance(result, dict) else {}
        self.stop_reason = str(result.get("stopReason") or "")
        usage = _counts(result.get("usage"))
        if "inputTokens" in usage:
            cached = usage.get("cachedReadTokens", 0) + usage.get("cachedWriteTokens", 0)
            self._usage["input_tokens"] = usage["inputTokens"] + cached
        if "outputTokens" in usage:
            self._usage["output_tokens"] = usage["outputTokens"] + usage.get("thoughtTokens", 0)
        if not self._usage:
            self._usage = _quota(result)

    @property
    def answer(self) -> str:
        """What the agent said last; empty when it said nothing."""
        texts = ("".join(part) for part in reversed(self._said))
        return next((text for text in texts if text.strip()), "")

    @property
    def usage(self) -> dict[str, Any]:
        """`input_tokens` (cached ones too), `output_tokens` and `usd` of this turn: those that are known."""
        found: dict[str, Any] = dict(self._usage)
        if self.spent is not None:
            # A cost that is lower than before is of an agent that counts anew.
            grown = self.spent - self._before if self.spent >= self._before else self.spent
            found["usd"] = round(grown, 9)
        return found

    @property
    def fault(self) -> str:
        """Why the turn, as it ended, is no success; empty where it is."""
        told = _STOPS.get(self.stop_reason)
        if told is None:
            return f"the agent ended its turn with {self.stop_reason[:80]!r}, which is not known"
        if told:
            return told
        if self._size > LIMIT:
            return f"the agent's answer is longer than {LIMIT} characters"
        if not self.answer and not self._tools:
            return "the agent ended its turn without a word and without using a tool"
        return ""

    def _say(self, content: Any) -> None:
        text = content.get("text") if isinstance(content, dict) else None
        if isinstance(text, str):
            self._size += len(text)
            if self._size <= LIMIT:
                self._said[-1].append(text)

    def _take_call(self, update: Mapping[str, Any]) -> None:
        name = str(update.get("toolCallId"))
        if name in self._calls or len(self._calls) < _CALLS:
            known = ("title", "kind", "locations", "content", "rawInput")
            self._calls.setdefault(name, {}).update({n: update[n] for n in known if update.get(n)})

    def _take_cost(self, cost: Any) -> None:
        if not isinstance(cost, dict) or cost.get("currency") != "USD":
            return
        amount = cost.get("amount")
        if isinstance(amount, int | float) and not isinstance(amount, bool) and 0 <= amount < float("inf"):
            self.spent = float(amount)


def _counts(value: Any) -> dict[str, int]:
    """The numbers of tokens in it, whatever it is."""
    found = value.items() if isinstance(value, dict) else ()
    return {name: count for name, count in found if type(count) is int and count >= 0}


def _quota(result: Mapping[str, Any]) -> dict[str, int]:
    """What Gemini tells of the turn, at a place of its own."""
    found: Any = result
    for name in ("_meta", "quota", "token_count"):
        found = found.get(name) if isinstance(found, dict) else None
    return {name: n for name, n in _counts(found).items() if name in {"input_tokens", "output_tokens"}}


_STOPS = {
    "end_turn": "",
    "max_tokens": "the model reached its limit of tokens before it was done",
    "max_turn_requests": "the agent reached its limit of requests in one turn before it was done",
    "refusal": "the model refused to go on",
    "cancelled": "the turn was cancelled",
}
