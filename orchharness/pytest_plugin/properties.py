"""The properties of an item in JUnit files, and of its reports: what a CI system can show, sort and plot.

A property that is not known is left out: a cost that no agent told is not a cost of nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchharness.report.text import clean, moment
from orchharness.run.usage import Usage

if TYPE_CHECKING:
    from orchharness.core.status import ItemStatus
    from orchharness.run.drive import PlanRun

_LIMIT = 1000
Properties = list[tuple[str, object]]


def properties_of(status: ItemStatus, run: PlanRun, *, allowed: bool) -> Properties:
    """Name and value of everything that is known about the item as it stands; `allowed`: it may fail, and did."""
    found: Properties = [("state", status.state)]
    if status.iteration:
        found.append(("iterations", status.iteration))
    if status.type == "task":
        found += _task(status, run)
    else:
        found += _gate(status, run)
    found += _used(run.usage.get(status.id) or Usage())
    said = status.decision
    if said:
        found += [("decision", clean(said["option"], _LIMIT)), ("decided_by", clean(said["by"], _LIMIT))]
        found.append(("decided_at", moment(said["at"])))
    reason = (clean(said["note"], _LIMIT) if said else "") or clean(status.reason, _LIMIT)
    if reason:
        found.append(("reason", reason))
    if run.replayed:
        found.append(("replayed", clean(run.replayed, _LIMIT)))
    return [*found, ("allowed", "true")] if allowed else found


def _task(status: ItemStatus, run: PlanRun) -> Properties:
    task = run.plan.tasks[status.id]
    who = "a person" if task.ask is not None else clean(task.agent or task.kind, _LIMIT)
    return [("agent", who)]


def _gate(status: ItemStatus, run: PlanRun) -> Properties:
    found: Properties = []
    if status.score is not None:
        found.append(("score", status.score))
    if status.threshold is not None:
        found.append(("threshold", status.threshold))
    verdict = run.run.gates[status.id].verdict
    if verdict is not None:
        found.append(("verdict", clean(verdict.reason, _LIMIT)))
    return found


def _used(used: Usage) -> Properties:
    if not used.acts:
        return []
    found: Properties = [("acts", used.acts), ("attempts", used.attempts), ("seconds", f"{used.seconds:.3f}")]
    if used.usd is not None:
        found.append(("usd", f"{used.usd:.6f}".rstrip("0").rstrip(".")))
    if used.tokens is not None:
        found.append(("tokens", used.tokens))
    return found
