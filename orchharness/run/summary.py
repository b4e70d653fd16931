"""What the terminal says about a run that is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.core.orchestrator import Orchestrator
from orchharness.core.plan import Then
from orchharness.core.status import FAILURES, OVER, ItemStatus
from orchharness.report.text import line, moment

if TYPE_CHECKING:
    from orchharness.run.directory import RunDirectory

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


def _decided(status: ItemStatus) -> str:
    """Who let it through or stopped it, when and why."""
    said = status.decision
    if not said:
        return ""
    note = f": {line(said['note'], 300)}" if said["note"] else ""
    return f", {line(said['option'])} by {line(said['by'])} on {moment(said['at'])}{note}"


def gate_lines(run: Orchestrator, scores: Mapping[str, Sequence[str]]) -> list[str]:
    """The gates that did not simply pass, with the scores of all judgements."""
    lines = []
    for gate in run.gates.values():
        status = gate.status()
        found = scores.get(status.id, [])
        if len(found) > 1 or status.state not in {"passed", "skipped", "waiting"}:
            text = f"{status.id} {status.state} {' → '.join(found)}".rstrip()
            text += f" (threshold {status.threshold})" if found and status.threshold else ""
            lines.append(text + _decided(status))
    return lines


def question_lines(
    run: Orchestrator, directory: RunDirectory, root: Path, given: Sequence[str], *, replayed: bool
) -> list[str]:
    """What waits for a person, and what to type."""
    if not run.questions:
        return []
    from orchharness.run.commands import decide_command, replay_command, resume_command

    lines = []
    for asked in run.questions[:_SHOWN]:
        why = f" ({line(asked.reason)})" if asked.reason and asked.reason != asked.text else ""
        lines.append(f"{asked.item} asks: {line(asked.text, 500)}{why}")
        if replayed:  # an answer would reach nobody
            continue
        for option in asked.options:
            needs_note = asked.judged and option.then in {Then.PASS, Then.SKIP}
            command = decide_command(directory, str(root), asked.item, option.id, why=needs_note)
            lines.append(f"  {command}  # {line(option.label)}")
        if not asked.options:
            lines.append(f"  {decide_command(directory, str(root), asked.item, '', why=False)}")
    if len(run.questions) > _SHOWN:
        lines.append(f"… and {len(run.questions) - _SHOWN} more questions: orchharness status")
    place = (directory, run.plan.path, str(root), given, Path.cwd())
    if replayed:
        return [*lines, f"a replay is answered while it runs: {replay_command(*place)}"]
    return [*lines, f"then: {resume_command(*place)}"]


def budget_lines(
    run: Orchestrator,
    at: float,
    directory: RunDirectory,
    root: Path,
    given: Sequence[str],
    *,
    replayed: bool,
) -> list[str]:
    """What was spent of each budget, what the reached ones stop, and what to do about it."""
    sums = sorted(run.spent(at), key=lambda s: not s.reached)  # the others stay in order
    lines = [f"{s.name}: spent {s.text}" + (" (reached)" if s.reached else "") for s in sums[:_SHOWN]]
    if len(sums) > _SHOWN:
        lines.append(f"… and {len(sums) - _SHOWN} more budgets: orchharness status")
    parked = run.parked
    if parked:
        from orchharness.run.commands import replay_command, resume_command

        names = list(parked)
        lines.append(f"stopped there: {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}")
        again = replay_command if replayed else resume_command
        resume = again(directory, run.plan.path, str(root), given, Path.cwd())
        lines.append(f"to go on, raise the budget in the plan, then: {resume}")
    return lines


def parked_text(run: Orchestrator) -> str:
    """The budgets that stop the run, once each; empty when none does."""
    return "; ".join(line(why) for why in dict.fromkeys(run.parked.values()))


def stop_lines(run: Orchestrator, left: Collection[str] = ()) -> list[str]:
    """What a stop left undone; nothing when the run went to its end.

    `left`: items whose acts were not started or not taken in, and were not ended either.
    """
    if run.stop is None:
        return []
    lines = [f"stopped: {run.stop.reason}"]
    cancelled = [t.id for t in run.tasks.values() if t.state == "cancelled" and t.id not in left]
    undone = [i for i in run.selected if i in left or run.status(i).state not in OVER]
    if cancelled:
        lines.append(f"was running and was ended: {', '.join(cancelled)}")
    if undone:
        lines.append(f"not done: {', '.join(undone[:_SHOWN])}{' …' if len(undone) > _SHOWN else ''}")
    return lines
