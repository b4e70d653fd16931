"""Which acts are a model's: those are recorded, and are never carried out when a plan is replayed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchharness.core.gating import CHECKS
from orchharness.core.instructions import StartJudgement, StartTask

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.run.entries import Start

_NAME = re.compile(r"(?P<worker>.+?)\.i[0-9]+(?:\.(?P<critic>[^.]+).*)?")


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


def belongs(plan: Plan, name: str, everything: bool) -> bool:  # noqa: FBT001 - as the recorder has it
    """Whether the act of that name (without its attempt) is one that is recorded."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    item, critic = found["worker"], found["critic"]
    if critic is None:
        task = StartTask(task=item, iteration=1, attempt=1, act=name)
        known = item in plan.tasks
        return known and (is_model(plan, task) or (everything and not is_asked(plan, task)))
    judge = StartJudgement(gate=item, critic=critic, iteration=1, attempt=1, act=name)
    known = critic == CHECKS or critic in plan.critics
    return known and (everything or is_model(plan, judge))
