"""Money and tokens, as agents told them. What nobody told is unknown, and said to be: it is never nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.report.history import Act
from orchharness.report.text import dollars, mapping, number, plural


@record
class Spending:
    """What acts used. `unpriced` is how many acts of language models told no price."""

    usd: float
    tokens_in: float
    tokens_out: float
    priced: int
    models: int
    unpriced: int


def spending(plan: Plan, acts: Sequence[Act]) -> Spending:
    """The sums over all acts that are over."""
    over = [act for act in acts if act.over is not None]
    prices = [_amount(act.result.get("usage"), "usd") for act in over]
    models = [_is_model(plan, act) for act in over]
    return Spending(
        usd=sum(price for price in prices if price is not None),
        tokens_in=sum(_amount(act.result.get("usage"), "input_tokens") or 0.0 for act in over),
        tokens_out=sum(_amount(act.result.get("usage"), "output_tokens") or 0.0 for act in over),
        priced=sum(price is not None for price in prices),
        models=sum(models),
        unpriced=sum(price is None and model for price, model in zip(prices, models, strict=True)),
    )


def money_of(usage: Any) -> str:
    """What one act told of its cost: `$0.31, 18,200 tokens in, 2,100 out`; empty when it told nothing."""
    parts = []
    usd = _amount(usage, "usd")
    if usd is not None:
        parts.append(dollars(usd))
    for key, word in (("input_tokens", "in"), ("output_tokens", "out")):
        tokens = _amount(usage, key)
        if tokens is not None:
            parts.append(f"{plural(round(tokens), 'token')} {word}")
    return ", ".join(parts)


def _amount(usage: Any, key: str) -> float | None:
    amount = number(mapping(usage).get(key))
    return amount if amount is not None and amount >= 0 else None


def _is_model(plan: Plan, act: Act) -> bool:
    """Whether a language model did it, as far as the plan says."""
    if act.critic is None:
        gate = plan.gates.get(act.item)
        task = plan.tasks.get(act.item) or (gate.mender if gate is not None else None)
        agent = plan.agents.get(task.agent or "") if task is not None else None
        return agent is not None and agent.is_model
    critic = plan.critics.get(act.critic)
    if critic is None:
        return False
    agent = plan.agents.get(critic.agent or "")
    return critic.is_model or (agent is not None and agent.is_model)
