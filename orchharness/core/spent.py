"""What stands against a budget, in words and numbers for people."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orchharness.core.plan import Budget
from orchharness.core.terms import RUN
from orchharness.record import record

_MINUTE, _HOUR = 60, 3600


@record
class Spent:
    """What stands against one budget at a moment. `unknown`: unit (`usd`, `tokens`) -> acts that gave no figure."""

    scope: str
    limit: Budget
    usd: Decimal
    tokens: int
    wall: float
    spawns: int
    unknown: Mapping[str, int]
    reached: str = ""  # `budget of the run reached: 20.40 of 20 USD`; empty: it is not

    @property
    def name(self) -> str:
        """`budget of the run`, as people read it."""
        return named(self.scope)

    @property
    def text(self) -> str:
        """`3.20 of 20 USD and 2 acts of unknown cost, 12 of 60 spawns`."""
        parts = []
        for unit in self.limit.units:
            part = amount(unit, getattr(self, unit), getattr(self.limit, unit))
            count = self.unknown.get(unit, 0)
            if count:
                lacking = "cost" if unit == "usd" else "tokens"
                part += f" and {count} act{'s' if count > 1 else ''} of unknown {lacking}"
            parts.append(part)
        return ", ".join(parts)

    def to_record(self) -> dict[str, Any]:
        """The same as JSON: for each unit that is limited what was spent and the limit."""
        found: dict[str, Any] = {"scope": self.scope, "reached": bool(self.reached)}
        for unit in self.limit.units:
            spent, limit = getattr(self, unit), getattr(self.limit, unit)
            found[unit] = {"spent": float(spent), "of": float(limit)}
            if unit in self.unknown:
                found[unit]["unknown_acts"] = self.unknown[unit]
        return found


def named(scope: str) -> str:
    """`budget of the run`, `budget of track 'docs'`."""
    kind, _, name = scope.partition(":")
    return "budget of the run" if scope == RUN else f"budget of {kind} {name.rpartition('/')[2]!r}"


def amount(unit: str, spent: Any, limit: Any) -> str:
    """`3.20 of 20 USD`, `12 of 60 spawns`."""
    match unit:
        case "usd":
            return f"{_money(spent)} of {limit.normalize():f} USD"
        case "wall":
            return f"{span(spent)} of {span(limit)}"
        case _:
            return f"{spent:,} of {limit:,} {unit}"


def _money(amount: Decimal) -> str:
    """With cents, or as exact as it is needed to tell: up to six digits."""
    cents, exact = amount.quantize(Decimal("0.01")), amount.quantize(Decimal("0.000001"))
    return f"{cents:f}" if cents == exact else f"{exact.normalize():f}"


def span(seconds: float) -> str:
    """As the plan writes it: `8h1m`, `90s` as `1m30s`; below a minute with tenths."""
    if seconds < _MINUTE:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + "s"
    whole = int(seconds)
    parts = ((whole // _HOUR, "h"), (whole // _MINUTE % _MINUTE, "m"), (whole % _MINUTE, "s"))
    kept = parts[:2] if whole >= _HOUR else parts[1:]
    return "".join(f"{count}{unit}" for count, unit in kept if count) or "0s"
