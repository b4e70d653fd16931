"""What will be spawned: agents, critics and checks, in the first round and at most.

At most: every gate uses up its iterations, and all its members work again each time. Not counted are retries after
faults of execution, and gates that judge once more because another gate had replaced what they had judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchharness.core.plan import EMPTY, Command, Critic, Gate, Plan, Task
from orchharness.explain.facts import Spawn


def spawns(plan: Plan) -> list[Spawn]:
    """Acts by agent, then by critic, then checks."""
    rounds = rounds_of(plan)
    found: dict[tuple[str, str, str], Spawn] = {}
    for task in plan.tasks.values():
        _add(found, _of_task(plan, task, rounds.get(task.id, 1)))
    for gate in plan.gates.values():
        most = rounds[gate.owner] if gate.owner is not None else gate.max_iterations
        for name in gate.critics:
            _add(found, _of_critic(plan, plan.critics[name], most))
        if gate.checks:
            _add(found, Spawn(role="checks", name="", kind="checks", first=1, most=most))
    return sorted(found.values(), key=lambda s: ("task", "critic", "checks").index(s.role))


def rounds_of(plan: Plan) -> dict[str, int]:
    """Task -> how often it may work: as often as its own gate lets it, again for each further round of wider gates."""
    wider: dict[str, int] = {}
    for gate in plan.gates.values():
        if gate.owner is None:
            for member in gate.of:
                wider[member] = wider.get(member, 0) + gate.max_iterations - 1
    found = {}
    for task_id, task in plan.tasks.items():
        own = plan.gates[task.gate].max_iterations if task.gate is not None else 1
        found[task_id] = own * (1 + wider.get(task_id, 0))
    return found


def again(plan: Plan, gate: Gate, path: Mapping[str, float]) -> float:
    """How much longer the critical path gets when the gate uses up its iterations; `path`: its tasks' lengths."""
    return (gate.max_iterations - 1) * sum(path.get(task, 0.0) for task in gate.of if task in plan.tasks)


def _add(found: dict[tuple[str, str, str], Spawn], new: Spawn) -> None:
    key = (new.role, new.name, new.kind)
    was = found.get(key)
    found[key] = new if was is None else _sum(was, new)


def _sum(was: Spawn, new: Spawn) -> Spawn:
    return Spawn(
        role=was.role,
        name=was.name,
        kind=was.kind,
        options=was.options,
        command=was.command,
        first=was.first + new.first,
        most=was.most + new.most,
    )


def _of_task(plan: Plan, task: Task, most: int) -> Spawn:
    agent = plan.agents.get(task.agent) if task.agent is not None else None
    if agent is None:  # a plain command: each task has its own, and they are in the plan
        return Spawn(role="task", name="", kind=task.kind, first=1, most=most)
    return Spawn(
        role="task",
        name=agent.id,
        kind=agent.kind,
        options=agent.options,
        command=_words(agent.command),
        first=1,
        most=most,
    )


def _of_critic(plan: Plan, critic: Critic, most: int) -> Spawn:
    agent = plan.agents.get(critic.agent) if critic.agent is not None else None
    options: Mapping[str, Any] = critic.options or (agent.options if agent is not None else EMPTY)
    kind = critic.kind if agent is None else f"{critic.kind} {agent.id} ({agent.kind})"
    command = critic.command or (agent.command if agent is not None else None)
    return Spawn(
        role="critic",
        name=critic.id,
        kind=kind,
        options=options,
        command=_words(command),
        first=1,
        most=most,
    )


def _words(command: Command | None) -> tuple[str, ...]:
    return command.argv if command is not None else ()
