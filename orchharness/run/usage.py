"""What the acts of one item took, as they are over: their number, time, money and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchharness.record import record
from orchharness.report.text import number


@record(kw_only=False, frozen=False)
class Usage:
    """Sums over the acts of an item; `attempts` is the most that one iteration took. `usd` and `tokens` are None while no act told any: unknown is not nothing."""

    acts: int = 0
    attempts: int = 0
    seconds: float = 0.0
    usd: float | None = None
    tokens: int | None = None

    def add(self, act: str, seconds: float, told: Mapping[str, Any]) -> None:
        """One more act is over; `told` is what its agent or critic said it used."""
        self.acts += 1
        attempt = act.rpartition(".a")[2]
        self.attempts = max(self.attempts, int(attempt) if attempt.isdecimal() else 1)
        self.seconds += seconds
        usd = figure(told, "usd")
        if usd is not None:
            self.usd = (self.usd or 0.0) + usd
        tokens = [t for t in (figure(told, "input_tokens"), figure(told, "output_tokens")) if t is not None]
        if tokens:
            self.tokens = (self.tokens or 0) + int(sum(tokens))


def figure(told: Mapping[str, Any], name: str) -> float | None:
    """The figure of that name where it is a number that can be true, else None."""
    value = number(told.get(name))
    return value if value is not None and value >= 0 else None
