"""The scripted critic: it judges in a process of its own, where it may do all that a scripted agent may."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchharness import CriticRequest, EngineTroubleError, Evaluation
from orchharness.testing.scripted import Actor, facts_of


class _Critic:
    """What the script has said so far of the evaluation."""

    def __init__(self, request: CriticRequest) -> None:
        self.facts = {**facts_of(os.environ, request.act), "critic": request.critic}
        self.criteria = request.criteria
        self.said: dict[str, Any] = {}
        scores = request.options["scores"]
        self.score = scores[min(request.iteration, len(scores)) - 1]

    def answer(self) -> Any:
        """The evaluation, or what is given instead of one."""
        if "answer" in self.said:
            return self.said["answer"]
        made = {
            "criteria": self._criteria(self.said.get("score", self.score)),
            "findings": self.said.get("findings", ()),
            "total": self.said.get("total"),
        }
        return Evaluation(**{**made, **self.said.get("evaluation", {})})

    def _criteria(self, score: Any) -> dict[str, Any]:
        each = score if isinstance(score, Mapping) else dict.fromkeys(self.criteria, score)
        return {
            name: value if isinstance(value, Mapping) else {"score": value} for name, value in each.items()
        }


def _trouble(name: str, value: Any) -> EngineTroubleError:
    if name == "limited":
        return EngineTroubleError("429", name, value)
    return EngineTroubleError(value, name)


def judge(request: CriticRequest) -> Any:
    """What the script says for this judgement; without a rule that fits, the score of its iteration."""
    critic = _Critic(request)
    actor = Actor(request.options, critic.facts)
    for action in actor.begin():
        ((name, value),) = action.items()
        if name in {"answer", "evaluation", "findings", "score", "total"}:
            critic.said[name] = value
        elif name in {"limited", "refused"}:
            raise _trouble(name, value)
        else:
            actor.do(action)
    return critic.answer()
