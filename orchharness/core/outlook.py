"""What of a plan a view needs that only has the run's folder: where items stand, what waits for what, how long it takes."""

from __future__ import annotations

from typing import Any

from orchharness.core import graph
from orchharness.core.gating import as_text
from orchharness.core.plan import Plan
from orchharness.core.records import GateRecord


def outlook_of(plan: Plan) -> dict[str, Any]:
    """The plan's outlook as JSON.

    Returns:
        `places`: item -> [phase, track]; `after`: node (item or group) -> nodes that wait for it; `seconds`: task ->
        its estimate, those without one left out; `thresholds`: gate with a score -> the threshold as text.
    """
    items = [item for phase in plan.phases for item in phase.items]
    waiting, _ = graph.dependents(plan, items)
    return {
        "places": {i: [plan.item(i).phase, plan.item(i).track] for i in items},
        "after": waiting,
        "seconds": {t.id: t.estimate for t in plan.tasks.values() if t.estimate is not None},
        "thresholds": {g.id: as_text(g.threshold) for g in plan.gates.values() if GateRecord(g).has_score},
    }
