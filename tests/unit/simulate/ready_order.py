"""Is it worth it to start the longest rest first? Random plans, played with it and in the order of arrival.

    python tests/unit/simulate/ready_order.py [PLANS]

The lower bound of a plan is max(critical path, work / agents): no order can be faster.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from random import Random

from orchharness.core import graph
from orchharness.core.plan import Mode, Phase, Plan, Task, Track
from orchharness.simulate.assumptions import Assumptions, Between
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import play
from orchharness.simulate.study import critical_path


@dataclass(frozen=True)
class Compared:
    """Lengths over the lower bound of one plan at one number of agents."""

    agents: int
    binds: bool  # whether the limit matters: the work does not fit beside the critical path
    longest_first: float
    as_they_come: float


def random_plan(random: Random, tasks: int) -> Plan:
    """Tasks of 1 to 20 hours, each needing up to three of the fifteen before it."""
    made: list[Task] = []
    for number in range(tasks):
        near = [t.id for t in made[-15:]]
        needs = random.sample(near, min(len(near), random.choice([0, 1, 1, 2, 2, 3])))
        hours = float(random.randint(1, 20))
        place = {"phase": "p", "track": "t", "order": number, "line": 1}
        made.append(Task(id=f"T{number}", needs=tuple(sorted(needs)), estimate=hours * 3600, **place))
    random.shuffle(made)  # plan order says nothing
    made = [
        Task(id=t.id, needs=t.needs, estimate=t.estimate, phase="p", track="t", order=n, line=1)
        for n, t in enumerate(made)
    ]
    ids = tuple(t.id for t in made)
    track = Track(id="t", phase="p", mode=Mode.BACKGROUND, items=ids)
    phase = Phase(id="p", mode=Mode.BACKGROUND, tracks=(track,), items=ids)
    return Plan(
        id="p", path="/p.plan.yaml", digest="0", phases=(phase,), tasks={t.id: t for t in made}, gates={}
    )


class _Arrival(Mapping):
    """In place of the longest rests: what asks later counts less, so the queue keeps the order of arrival."""

    def __init__(self) -> None:
        self._next = count()

    def __getitem__(self, node: str) -> float:
        return -next(self._next)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@contextmanager
def as_they_come() -> Iterator[None]:
    """The orchestrator's queue in the order of arrival: for this comparison alone, no option of the product."""
    before = graph.tails
    graph.tails = lambda *_: _Arrival()
    try:
        yield
    finally:
        graph.tails = before


def compare(plans: int = 200, seed: int = 0) -> list[Compared]:
    """All random plans with 2, 3, 4 and 6 agents."""
    random, found = Random(seed), []
    for _ in range(plans):
        plan = random_plan(random, random.randint(15, 80))
        assumed = Assumptions(seconds={t.id: Between(t.estimate, t.estimate) for t in plan.tasks.values()})
        path, work = critical_path(plan, assumed), sum(t.estimate for t in plan.tasks.values())
        for agents in (2, 3, 4, 6):
            fates = Fates(plan, assumed, 0, 0)
            bound = max(path, work / agents)
            longest = play(plan, fates, agents).length
            with as_they_come():
                first = play(plan, fates, agents).length
            found.append(Compared(agents, work / agents > path / 2, longest / bound, first / bound))
    return found


def table(found: list[Compared]) -> str:
    """The figures, where the limit binds."""
    lines = [
        "agents  plans  shorter  same  longer  over the bound: longest rest first / as they come / worst"
    ]
    for agents in [*sorted({c.agents for c in found}), None]:
        rows = [c for c in found if c.binds and agents in {None, c.agents}]
        wins = sum(c.longest_first < c.as_they_come - 1e-9 for c in rows)
        losses = sum(c.longest_first > c.as_they_come + 1e-9 for c in rows)
        ours, theirs = (
            sum(getattr(c, n) for c in rows) / len(rows) for n in ("longest_first", "as_they_come")
        )
        worst = max(c.longest_first for c in rows)
        lines.append(
            f"{agents or 'all':>6}  {len(rows):>5}  {wins / len(rows):>7.0%}  {1 - (wins + losses) / len(rows):>4.0%}  "
            f"{losses / len(rows):>6.0%}  {ours - 1:.1%} / {theirs - 1:.1%} / {worst - 1:.1%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(compare(int(sys.argv[1]) if len(sys.argv) > 1 else 200)) + "\n")
