"""What the terminal says about a run that is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchharness.core.orchestrator import Orchestrator
from orchharness.core.status import FAILURES, OVER, ItemStatus
from orchharness.report.text import line

_SHOWN = 20


def allowed_text(status: ItemStatus) -> str:
    """What an item is told as that failed and was allowed to: one line, the reason without the end of its log."""
    reason = (status.reason or status.state).partition("\n")[0]
    return f"failed, which the plan allows: {line(reason)}"


def allowed_lines(run: Orchestrator) -> list[str]:
    """The items that failed and make nothing red: they must not be overlooked for that."""
    found = [s for i in run.selected if (s := run.status(i)).state in FAILURES and run.plan.may_fail(i)]
    lines = [f"{s.id} {allowed_text(s)}" for s in found[:_SHOWN]]
    return [*lines, *([f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])]


def gate_lines(run: Orchestrator, scores: Mapping[str, Sequence[str]]) -> list[str]:
    """The gates that did not simply pass, with the scores of all judgements."""
    lines = []
    for gate in run.gates.values():
        status = gate.status()
        found = scores.get(status.id, [])
        if len(found) > 1 or status.state not in {"passed", "skipped", "waiting"}:
            text = f"{status.id} {status.state} {' → '.join(found)}".rstrip()
            lines.append(text + (f" (threshold {status.threshold})" if found else ""))
    return lines


def stop_lines(run: Orchestrator) -> list[str]:
    """What a stop left undone; nothing when the run went to its end."""
    if run.stop is None:
        return []
    lines = [f"stopped: {run.stop.reason}"]
    cancelled = [t.id for t in run.tasks.values() if t.state == "cancelled"]
    undone = [i for i in run.selected if run.status(i).state not in OVER]
    if cancelled:
        lines.append(f"was running and was ended: {', '.join(cancelled)}")
    if undone:
        lines.append(f"not done: {', '.join(undone[:_SHOWN])}{' …' if len(undone) > _SHOWN else ''}")
    return lines
