"""How long the plan takes with so many agents: played by the orchestrator itself on a virtual clock, by estimates.

What the play leaves out, since nobody can know it: judgements and starting take no time, every gate passes at once,
nothing fails. So the lengths are those of the first round.
"""

from __future__ import annotations

from typing import NamedTuple

from orchharness.explain.facts import Width
from orchharness.explain.order import Order
from orchharness.simulate.assumptions import Assumptions, Between
from orchharness.simulate.widths import useful as tried


class Useful(NamedTuple):
    """What more agents bring."""

    shortest: float
    width: int
    exact: bool
    widths: tuple[Width, ...]


def useful(order: Order) -> Useful:
    """The fewest agents that are as fast as any number of them, and the lengths up to there."""
    plan = order.plan
    if not plan.tasks:
        return Useful(0.0, 0, True, ())
    found = tried(plan, Assumptions(seconds={t: Between(w, w) for t, w in order.weight.items()}))
    lengths, width = found.lengths, found.width
    shown = {a: lengths[a] for a in sorted(lengths) if a <= width or a == plan.parallel}
    rows = tuple(Width(agents=a, length=t, speedup=lengths[1] / t if t else 1.0) for a, t in shown.items())
    return Useful(found.shortest, width, found.exact, rows)
