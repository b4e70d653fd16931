"""Which budgets a plan has, and what of the plan their sums depend on: JSON, so that a run can be told without its plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchharness.core.plan import Budget, Plan
from orchharness.record import record

RUN = "run"


@record
class Terms:
    """What of a plan the sums depend on. Scopes are `run`, `track:PHASE/TRACK` and `task:ID`.

    `scopes`: item -> those besides the run that it belongs to. `plain`: tasks and `GATE/CRITIC` that are no models.
    `people`: tasks that a person does.
    """

    limits: Mapping[str, Budget]
    scopes: Mapping[str, tuple[str, ...]]
    plain: frozenset[str]
    people: frozenset[str] = frozenset()

    def to_record(self) -> dict[str, Any]:
        """The terms as JSON."""
        return {
            "limits": {name: limit.to_record() for name, limit in self.limits.items()},
            "scopes": {item: list(names) for item, names in self.scopes.items()},
            "plain": sorted(self.plain),
            "people": sorted(self.people),
        }


def terms_from(data: Mapping[str, Any]) -> Terms:
    """The terms that a JSON object stands for.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: it stands for none.
    """
    return Terms(
        limits={name: Budget.from_record(limit) for name, limit in data["limits"].items()},
        scopes={item: tuple(names) for item, names in data["scopes"].items()},
        plain=frozenset(data["plain"]),
        people=frozenset(data["people"]),
    )


def terms_of(plan: Plan) -> Terms | None:
    """The terms of the plan; None when it has no budget."""
    limits = {RUN: plan.budget} if plan.budget is not None else {}
    scopes: dict[str, tuple[str, ...]] = {}
    for track in (track for phase in plan.phases for track in phase.tracks):
        if track.budget is not None:
            name = f"track:{track.phase}/{track.id}"
            limits[name] = track.budget
            scopes.update(dict.fromkeys(track.items, (name,)))
    for task in plan.tasks.values():
        if task.budget is not None:
            name = f"task:{task.id}"
            limits[name] = task.budget
            for item in (task.id, *([task.gate] if task.gate else [])):
                scopes[item] = (*scopes.get(item, ()), name)
    if not limits:
        return None
    for gate in plan.gates.values():  # a mender draws on what its gate draws on
        if gate.mender is not None and gate.id in scopes:
            scopes[gate.mender.id] = scopes[gate.id]
    people = frozenset(t.id for t in plan.tasks.values() if t.ask is not None)
    return Terms(limits=limits, scopes=scopes, plain=frozenset(_plain(plan)), people=people)


def without_budgets(plan: Plan) -> Plan:
    """The plan as if it might spend what it takes; itself when it may."""
    if terms_of(plan) is None:
        return plan
    phases = tuple(replace(p, tracks=tuple(replace(t, budget=None) for t in p.tracks)) for p in plan.phases)
    tasks = {i: replace(t, budget=None) if t.budget is not None else t for i, t in plan.tasks.items()}
    return replace(plan, budget=None, phases=phases, tasks=tasks)


def _plain(plan: Plan) -> Iterator[str]:
    menders = [g.mender for g in plan.gates.values() if g.mender is not None]
    for task in (*plan.tasks.values(), *menders):
        if task.agent is None or not plan.agents[task.agent].is_model:
            yield task.id
    for gate in plan.gates.values():
        for name in gate.critics:
            critic = plan.critics[name]
            if not critic.is_model and (critic.agent is None or not plan.agents[critic.agent].is_model):
                yield f"{gate.id}/{name}"
