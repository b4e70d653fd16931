"""What can be known of the plan's budgets beforehand: acts against spawns, estimates against time, of the rest nothing."""

from __future__ import annotations

from collections.abc import Iterator

from orchharness.core import graph
from orchharness.core.plan import Budget, Plan
from orchharness.core.terms import RUN, terms_of
from orchharness.explain.facts import Limit
from orchharness.explain.spawns import Rounds, rounds_of


def limits(plan: Plan) -> Iterator[Limit]:
    """Each budget, the run's first."""
    terms = terms_of(plan)
    if terms is None:
        return
    rounds = rounds_of(plan)
    for scope, limit in terms.limits.items():
        items = [i for i in (*plan.tasks, *plan.gates) if scope == RUN or scope in terms.scopes.get(i, ())]
        first, most = _acts(plan, items, rounds)
        known = {t: e for t in items if t in plan.tasks and (e := plan.tasks[t].estimate)}
        least = (_longest_way(plan, known) if scope == RUN else max(known.values())) if known else None
        yield Limit(scope=scope, budget=_written(limit), first=first, most=most, least_seconds=least)


def _longest_way(plan: Plan, known: dict[str, float]) -> float:
    """What no number of agents is faster than, when tasks that nobody estimated take no time."""
    waiting, _ = graph.dependents(plan, [*plan.tasks, *plan.gates])
    weights = dict.fromkeys((*plan.tasks, *plan.gates), 0.0) | known
    return max(graph.tails(plan, waiting, weights).values())


def _written(limit: Budget) -> dict[str, float]:
    return {unit: float(getattr(limit, unit)) for unit in limit.units}


def _acts(plan: Plan, items: list[str], rounds: Rounds) -> tuple[int, int]:
    """How many acts of tasks and critics: in the first round, and when every gate uses up its iterations."""
    first = most = 0
    for item in items:
        task, gate = plan.tasks.get(item), plan.gates.get(item)
        if task is not None and task.ask is None:
            first, most = first + 1, most + rounds.working[item]
        elif gate is not None:
            times = rounds.judged.get(gate.owner or "", 1)
            each = gate.samples + gate.confirm_on_fail
            first += len(gate.critics) * gate.samples
            most += len(gate.critics) * each * times * gate.max_iterations
            most += times * (gate.max_iterations - 1) if gate.mender is not None else 0
    return first, most
