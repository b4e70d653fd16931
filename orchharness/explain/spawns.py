"""What will be spawned: agents, critics and checks, in the first round and at most.

At most: every gate uses up its iterations, and all its members work again each time (or its mender and the members
that come after others), and every critic has to confirm what it says. Not counted are retries after
faults of execution, and gates that judge once more because another gate had replaced what they had judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from orchharness.core import graph
from orchharness.core.plan import EMPTY, Command, Critic, Gate, Plan, Task
from orchharness.explain.facts import Spawn


def spawns(plan: Plan) -> list[Spawn]:
    """Acts by agent, then by critic, then checks."""
    working, judged = rounds_of(plan)
    found: dict[tuple[str, str, str], Spawn] = {}
    for task in (t for t in plan.tasks.values() if t.ask is None):  # people are not spawned
        _add(found, _of_task(plan, task, working[task.id]))
    for gate in plan.gates.values():
        times = judged.get(gate.owner or "", 1)
        most = times * gate.max_iterations
        if gate.mender is not None:
            _add(found, replace(_of_task(plan, gate.mender, times * (gate.max_iterations - 1)), first=0))
        for name in gate.critics:
            _add(found, _of_critic(plan, plan.critics[name], gate, most))
        if gate.checks:
            _add(found, Spawn(role="checks", name="", kind="checks", first=1, most=most))
    return sorted(found.values(), key=lambda s: ("task", "critic", "checks").index(s.role))


class Rounds(NamedTuple):
    """Task -> how often it may work, and how often others may hand it to its own gate anew."""

    working: dict[str, int]
    judged: dict[str, int]


def rounds_of(plan: Plan) -> Rounds:
    """How often each task may work, and be judged by its own gate."""
    working, judged = dict.fromkeys(plan.tasks, 1), dict.fromkeys(plan.tasks, 1)
    for gate in plan.gates.values():
        if gate.owner is None:
            more, again_at_work = gate.max_iterations - 1, works_again(plan, gate)
            for member in gate.of:
                judged[member] += more
                working[member] += more if member in again_at_work else 0
    for gate in plan.gates.values():
        if gate.owner is not None and gate.mender is None:
            working[gate.owner] *= gate.max_iterations
    return Rounds(working, judged)


def works_again(plan: Plan, gate: Gate) -> frozenset[str]:
    """The members that may work again on the gate's findings: all, or with a mender those that come after others."""
    if gate.mender is None:
        return frozenset(gate.of)
    waiting = graph.dependents(plan, [*plan.tasks, *plan.gates])[0]
    return frozenset(
        later for found in graph.nearest_after(plan, gate.of, waiting).values() for later in found
    )


def again(plan: Plan, gate: Gate, path: Mapping[str, float]) -> float:
    """How much longer the critical path gets when the gate uses up its iterations; `path`: its tasks' lengths."""
    tasks = works_again(plan, gate) & plan.tasks.keys()
    return (gate.max_iterations - 1) * sum(path.get(task, 0.0) for task in gate.of if task in tasks)


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


def _of_critic(plan: Plan, critic: Critic, gate: Gate, rounds: int) -> Spawn:
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
        first=gate.samples,
        most=rounds * (gate.samples + gate.confirm_on_fail),
    )


def _words(command: Command | None) -> tuple[str, ...]:
    return command.argv if command is not None else ()
