"""The acts of a run as a Mermaid Gantt chart, which GitHub and GitLab draw."""

from __future__ import annotations

from collections.abc import Sequence

from orchharness.core.plan import Plan
from orchharness.report.harmless import mermaid
from orchharness.report.history import RUNNING, Act, History

BARS = 200
_SIGNS = {"success": "✓", RUNNING: "▸", "cancelled": "⊘"}
_TAGS = {"success": "done, ", RUNNING: "active, "}


def gantt(plan: Plan, history: History, most: int = BARS) -> tuple[str, int]:
    """The chart as Mermaid text, empty when nothing was started; and how many of the shortest acts it leaves out.

    Times are the wall clock's, to the millisecond; viewers show them in their own zone.
    """
    acts = sorted(history.acts, key=lambda act: -act.seconds)[:most]
    if not acts:
        return "", 0
    lanes: dict[str, list[Act]] = {}
    for act in sorted(acts, key=lambda act: (act.start, act.begun)):
        lanes.setdefault(_lane(plan, act.item), []).append(act)
    lines = ["gantt", "    dateFormat x", "    axisFormat %H:%M:%S"]
    for lane, inside in lanes.items():
        lines += [f"    section {mermaid(lane)}", *_bars(inside)]
    return "\n".join(lines) + "\n", len(history.acts) - len(acts)


def _lane(plan: Plan, item: str) -> str:
    known = plan.tasks.get(item) or plan.gates.get(item)
    if known is None:
        return "no longer in the plan"
    alone = len(plan.phases) == 1 or known.track == known.phase
    return known.track if alone else f"{known.phase} / {known.track}"


def _bars(acts: Sequence[Act]) -> list[str]:
    # The sign before the name keeps an id such as `title` from being read as a word of the language.
    return [
        f"    {_SIGNS.get(act.outcome, '✕')} {mermaid(_name(act), 100)} :{_TAGS.get(act.outcome, 'crit, ')}"
        f"{max(0, round(act.start * 1000))}, {max(1, round(act.seconds * 1000))}ms"
        for act in acts
    ]


def _name(act: Act) -> str:
    who = f"{act.item} {act.judge}" if act.critic is not None else act.item
    again = f" attempt {act.attempt}" if act.attempt > 1 else ""
    return f"{who}{' mended' if act.mends else ''} i{act.iteration}{again}"
