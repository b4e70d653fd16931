"""Which acts are a model's: those are recorded, and are never carried out when a plan is replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchharness.core.gating import CHECKS
from orchharness.core.instructions import StartTask

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.run.entries import Start


def is_model(plan: Plan, start: Start) -> bool:
    """Whether a language model works or judges in the act."""
    if isinstance(start, StartTask):
        agent = plan.worker(start.task).agent
        return agent is not None and plan.agents[agent].is_model
    if start.critic == CHECKS:
        return False
    critic = plan.critics[start.critic]
    return critic.is_model or (critic.agent is not None and plan.agents[critic.agent].is_model)


def has_models(plan: Plan) -> bool:
    """Whether a language model works or judges anywhere in the plan."""
    return any(a.is_model for a in plan.agents.values()) or any(c.is_model for c in plan.critics.values())


def is_asked(plan: Plan, start: Start) -> bool:
    """Whether the act only puts out what a person answered."""
    return isinstance(start, StartTask) and plan.worker(start.task).ask is not None
