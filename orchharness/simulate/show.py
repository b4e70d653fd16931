"""A simulation as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from orchharness.core.definition import plain
from orchharness.core.plan import Plan
from orchharness.simulate.study import Simulation, Width
from orchharness.simulate.words import long

_PATH = 12  # rows
_SAME = 1 + 1e-9


def text(plan: Plan, premises: Sequence[str], found: Simulation, shown: Width) -> str:
    """All that people read, but the day; `shown` is the width whose path is told."""
    parts = [
        f"plan {plan.id}, simulated: nothing was run ({len(plan.tasks):,} tasks, {len(plan.gates):,} gates)\n",
        _section("What is assumed", [*premises, _runs(found)]),
        _section("How long", list(_lengths(plan, found)), _table(found)),
        _section(
            f"What held up the end, with {_agents(shown.agents)}", list(_path_lines(shown)), _path(shown)
        ),
    ]
    return "\n".join(parts)


def record_of(plan: Plan, premises: Sequence[str], found: Simulation) -> dict[str, Any]:
    """The same as JSON. Times are seconds, prices US dollars, shares from 0 to 1."""
    sure = found.useful
    return {
        "plan": plan.id,
        "simulated": True,
        "assumed": list(premises),
        "runs": found.runs,
        "seed": found.seed,
        "note": found.why,
        "expected": {
            "critical_path": found.critical_path,
            "sequential": sure.lengths.get(1, 0.0),
            "shortest": sure.shortest,
            "useful_width": sure.width,
            "width_is_exact": sure.exact,
            "lengths": {str(agents): sure.lengths[agents] for agents in sorted(sure.lengths)},
        },
        "widths": [plain(width) for width in found.widths],
    }


def section(title: str, lines: Sequence[str]) -> str:
    """A titled section of lines as they are."""
    return _section(title, lines)


def _section(title: str, lines: Sequence[str], rows: Sequence[Sequence[str]] = ()) -> str:
    return "\n".join([title.upper(), *(f"  {line}" for line in lines), *_columns(rows)]) + "\n"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    kept = [n for n in range(len(rows[0])) if any(row[n] for row in rows[1:])] if rows else []
    widths = {n: max(len(row[n]) for row in rows) for n in kept}
    for row in rows:
        yield ("    " + "  ".join(row[n].ljust(widths[n]) for n in kept)).rstrip()


def _runs(found: Simulation) -> str:
    if found.runs == 1:
        return found.why or "one run, as asked for"
    return f"{found.runs:,} runs with seed {found.seed}" + (f" ({found.why})" if found.why else "")


def _lengths(plan: Plan, found: Simulation) -> Iterator[str]:
    sure = found.useful
    if not plan.tasks:
        yield "there are no tasks"
        return
    how = (
        "" if found.runs == 1 and found.why else "when everything takes what is expected and nothing fails: "
    )
    yield f"{how}one after another {long(sure.lengths[1])}, {long(sure.shortest)} with as many agents as there are tasks"
    yield f"critical path: {long(found.critical_path)}, which no number of agents shortens"
    about = "" if sure.exact else "at most "
    yield f"useful width: {about}{_agents(sure.width)}; more win nothing"
    yield from _slower(found)
    yield from _endings(found)


def _slower(found: Simulation) -> Iterator[str]:
    """Where more agents take longer than fewer: it happens, and should not be found out by paying for it."""
    rows = sorted(found.useful.lengths.items())
    for (few, short), (more, longer) in pairwise(rows):
        if longer > short * _SAME:
            yield (
                f"{_agents(more)} take longer than {few:,} ({long(longer)}, not {long(short)}): what starts earlier "
                "then holds a counter, or a place, that longer work waits for"
            )


def _endings(found: Simulation) -> Iterator[str]:
    """What the lengths are of, where not every run passes."""
    width = next(w for w in found.widths if w.agents == found.shown)
    if set(width.states) != {"passed"}:
        counts = ", ".join(f"{count:,} {state}" for state, count in width.states.items())
        took = f"; half of those that passed took at most {long(width.passed[50])}" if width.passed else ""
        yield f"with {_agents(width.agents)}: {counts}{took}; the lengths are of all runs, also of those that end early"


def _table(found: Simulation) -> list[list[str]]:
    head = ["AGENTS", "TIME", "5 %", "HALF", "95 %", "LONGEST", "BUSY", "PASSED", "COST", "95 %"]
    return [head, *(_row(width, found.runs) for width in found.widths)]


def _row(width: Width, runs: int) -> list[str]:
    passed = width.states.get("passed", 0)
    usd = width.usd
    one = runs == 1
    many = ["", *(long(width.percentiles[p]) for p in sorted(width.percentiles)), long(width.longest)]
    state = next(iter(width.states)) if one else f"{passed / runs:.0%}"
    return [
        f"{width.agents:,}",
        *([long(width.longest), "", "", "", ""] if one else many),
        f"{width.utilisation:.0%}",
        "" if one and passed else state,
        f"${usd[50]:,.2f}" if any(usd.values()) else "",
        "" if one or not any(usd.values()) else f"${usd[95]:,.2f}",
    ]


def _path_lines(width: Width) -> Iterator[str]:
    if not width.critical:
        yield "nothing: no act took place"
    else:
        yield "the acts that let each other start, from the end back to the beginning; waiting for a place counts"


def _path(width: Width) -> list[list[str]]:
    rows = [c for c in width.critical if c.time or c.runs < 1][:_PATH]
    if not rows:
        return []
    return [["ITEM", "RUNS", "TIME"], *([c.item, f"{c.runs:.0%}", f"{c.time:.1%}"] for c in rows)]


def _agents(number: int) -> str:
    return f"{number:,} agent" if number == 1 else f"{number:,} agents"
