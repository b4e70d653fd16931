"""From a plan to its explanation."""

from __future__ import annotations

from orchharness.core.plan import Plan
from orchharness.explain.advice import advise
from orchharness.explain.budgets import limits
from orchharness.explain.facts import Explanation, Unit, Wave
from orchharness.explain.hazards import hazards
from orchharness.explain.order import Order
from orchharness.explain.schedule import useful
from orchharness.explain.spawns import spawns


def explain(plan: Plan) -> Explanation:
    """What running the plan means, from the plan alone."""
    order = Order(plan)
    unit = Unit.SECONDS if order.known else Unit.TASKS
    path = order.critical_path()
    more = useful(order)
    acts = spawns(plan)
    return Explanation(
        plan=plan.id,
        title=plan.title,
        tasks=len(plan.tasks),
        gates=len(plan.gates),
        unit=unit,
        known=sum(t.estimate for t in plan.tasks.values() if t.estimate is not None),
        without_estimate=tuple(t.id for t in plan.tasks.values() if t.estimate is None),
        assumed=order.assumed,
        sequential=sum(order.weight.values()),
        waves=_waves(order),
        critical_path=tuple(path),
        critical_length=sum(order.weight.get(i, 0.0) for i in path),
        longest_chain=max(order.depth.values(), default=0),
        shortest=more.shortest,
        useful_width=more.width,
        width_is_exact=more.exact,
        widths=more.widths,
        parallel=plan.parallel,
        advice=tuple(advise(order, more.width)),
        hazards=tuple(hazards(order, path, more, unit)),
        spawns=tuple(acts),
        first_acts=sum(s.first for s in acts),
        most_acts=sum(s.most for s in acts),
        limits=tuple(limits(plan)),
        replayed=plan.replay,
    )


def _waves(order: Order) -> tuple[Wave, ...]:
    found: dict[int, list[str]] = {}
    for task in order.plan.tasks:
        found.setdefault(order.depth[task], []).append(task)
    return tuple(Wave(number=n, tasks=tuple(tasks)) for n, tasks in sorted(found.items()))
