"""What is told of acts, tasks and gates, with the names of the GenAI conventions where they have one.

Names come from the plan, never from what an agent or a critic said: a score is told only for a criterion of the plan,
and only where it is a number. Texts (prompts, answers, findings, reasons, sessions, paths) are not told at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

RESULT = "gen_ai.evaluation.result"
_NUMBERS = re.compile(r".*\.i(\d+)\..*?a(\d+)(\.r\d+)?")
_PROVIDERS = {"claude": "anthropic", "codex": "openai"}  # of kinds; of others nobody knows
_VERDICTS = frozenset({"passed", "failed", "refining", "error", "paused", "waived"})
_GOING_ON = frozenset({"ready", "running", "judging", "refining", "paused"})
_LONGEST = 256  # of a name of a model


class Told(NamedTuple):
    """What only tasks, or only judgements, tell of an act. `sources`: items whose artifacts it read."""

    name: str
    attributes: dict[str, Any]
    sources: tuple[str, ...]


def of_task(event: Any, plan: Any) -> Told:
    """What is told of an act of a task, or of the mender of a gate."""
    task = plan.worker(event.task)
    attributes = _agent(task.agent, task.options, plan)
    if isinstance(event.exit, int):
        attributes["process.exit.code"] = event.exit
    name = f"invoke_agent {task.agent}" if task.agent else f"run {event.task}"
    read = {entry.get("item") for entries in event.inputs.values() for entry in entries}
    return Told(name, attributes, tuple(sorted(i for i in read if i in plan.tasks or i in plan.gates)))


def of_judgement(event: Any, plan: Any) -> Told:
    """What is told of a judgement."""
    critic = plan.critics.get(event.critic)
    agent = critic.agent if critic else None
    attributes = {**_agent(agent, {}, plan), "orchharness.critic": event.critic}
    findings = event.evaluation.get("findings")
    if isinstance(findings, tuple | list):
        attributes["orchharness.findings"] = len(findings)
    read = {key.rpartition(".")[0] for key in event.artifacts}
    name = f"invoke_agent {agent}" if agent else f"judge {event.critic}"
    return Told(name, attributes, tuple(sorted(i for i in read if i in plan.tasks)))


def _agent(name: str | None, options: Mapping[str, Any], plan: Any) -> dict[str, Any]:
    if name is None:
        return {}
    found = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
    agent = plan.agents.get(name)
    if agent is None:
        return found
    if agent.kind in _PROVIDERS:
        found["gen_ai.provider.name"] = _PROVIDERS[agent.kind]
    model = {**agent.options, **options}.get("model")
    if isinstance(model, str) and model:
        found["gen_ai.request.model"] = model[:_LONGEST]
    return found


def scores(event: Any, plan: Any) -> Iterator[dict[str, Any]]:
    """The score of each criterion that the plan knows, as the critic said it."""
    said = event.evaluation.get("criteria")
    critic = plan.critics.get(event.critic)
    if critic is None or not isinstance(said, Mapping):
        return
    for name in critic.criteria:
        entry = said.get(name)
        score = entry.get("score") if isinstance(entry, Mapping) else entry
        if _is_number(score) and score <= 1:
            yield {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": float(score)}


def of_verdict(status: Any) -> dict[str, Any]:
    """The verdict of a gate: its score, and its state as the label."""
    found: dict[str, Any] = {
        "gen_ai.evaluation.name": status.id,
        "gen_ai.evaluation.score.label": str(status.state),
        "orchharness.iteration": status.iteration,
    }
    if status.score is not None:
        found["gen_ai.evaluation.score.value"] = float(status.score)
    if status.state == "error":
        found["error.type"] = "error"
    return found


def has_verdict(status: Any) -> bool:
    """Whether the gate was judged, or a person has to."""
    return status.state in _VERDICTS


def is_over(status: Any) -> bool:
    """Whether nothing more is to come of the item in this session, though it does not say when it ended."""
    return status.state not in _GOING_ON


def of_item(status: Any) -> dict[str, Any]:
    """How a task or gate stands."""
    found: dict[str, Any] = {
        f"orchharness.{status.type}": status.id,
        "orchharness.phase": status.phase,
        "orchharness.track": status.track,
        "orchharness.state": str(status.state),
        "orchharness.iteration": status.iteration,
    }
    for name in ("score", "threshold"):
        if getattr(status, name) is not None:
            found[f"orchharness.{name}"] = float(getattr(status, name))
    return found


def usage(said: Mapping[str, Any]) -> dict[str, int | float]:
    """Tokens and cost of an act, where they are numbers."""
    found: dict[str, int | float] = {}
    for name in ("input_tokens", "output_tokens"):
        if _is_number(said.get(name)):
            found[f"gen_ai.usage.{name}"] = int(said[name])
    if _is_number(said.get("usd")):
        found["orchharness.usage.usd"] = float(said["usd"])
    return found


def numbers(act: str) -> tuple[int, int]:
    """Iteration and attempt of an act that an earlier session started, by its name; 0 where it does not tell."""
    found = _NUMBERS.fullmatch(act)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def gates_over(plan: Any) -> dict[str, tuple[str, ...]]:
    """Gate -> the gates that are decided with it, since they stand over it, directly or not."""
    direct: dict[str, list[str]] = {}
    for gate in plan.gates.values():
        for below in gate.of_gates:
            direct.setdefault(below, []).append(gate.id)
    found: dict[str, tuple[str, ...]] = {}
    for gate_id, above_it in direct.items():
        reached: dict[str, None] = {}
        todo = list(above_it)
        while todo:
            above = todo.pop()
            if above not in reached:
                reached[above] = None
                todo += direct.get(above, ())
        found[gate_id] = tuple(reached)
    return found


def _is_number(value: object) -> TypeGuard[float]:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    )
