"""Many runs of one plan: how long, how busy, how dear, and what held up the end.

Percentiles are nearest-rank: a length that really was one of the runs' own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import ceil

from orchharness.core import graph
from orchharness.core.gating import CHECKS
from orchharness.core.plan import Plan
from orchharness.record import record
from orchharness.simulate.assumptions import Assumptions
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import Played, Watch, play
from orchharness.simulate.widths import Useful, useful

PERCENTS = (5, 50, 95)
RUNS = 1000
_MOST_ACTS = 400_000  # over all runs, unless the user says how many: half a minute
_LEAST_RUNS = 3


@record
class Critical:
    """How often an item was on the path that held up the end, and how much of the whole time it was there."""

    item: str
    runs: float  # share, 0 to 1
    time: float  # share, 0 to 1


@record
class Width:
    """All runs with that many agents. Times in seconds, `percentiles` of the lengths and of the dollars."""

    agents: int
    shortest: float
    longest: float
    mean: float
    percentiles: Mapping[int, float]
    passed: Mapping[int, float]  # percentiles of the lengths of those that passed; empty: none did
    usd: Mapping[int, float]
    utilisation: float  # time of acts over agents times length
    sequential: float  # time of all acts, the mean
    acts: float  # the mean
    states: Mapping[str, int]
    critical: tuple[Critical, ...]  # those with most time first
    typical: int  # the run whose length is the median


@record
class Simulation:
    """What came of it. `why` says why there are not as many runs as were asked for; empty when there are."""

    runs: int
    seed: int
    why: str
    useful: Useful
    shown: int  # agents: the plan's own limit, or the last that was asked for
    critical_path: float  # when all goes as expected
    widths: tuple[Width, ...]


def simulate(
    plan: Plan,
    assumed: Assumptions,
    agents: Sequence[int] | None = None,
    runs: int | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Simulation:
    """Play the plan with each number of agents (None: those of use), `runs` times each.

    `watch` hears of the one run with the number of agents that is shown, if there is one: see `Simulation.shown`.
    """
    least = useful(plan, assumed, agents or (1, 2, 3), least=1)
    chosen = agents or _numbers(plan, least)
    shown = plan.parallel if plan.parallel in chosen else chosen[-1]
    count, why = _how_many(plan, assumed, len(chosen), runs)
    return Simulation(
        runs=count,
        seed=seed,
        why=why,
        useful=least,
        critical_path=critical_path(plan, assumed),
        shown=shown,
        widths=tuple(
            _width(plan, assumed, a, range(count), seed, watch if (a, count) == (shown, 1) else None)
            for a in chosen
        ),
    )


def _numbers(plan: Plan, least: Useful) -> list[int]:
    """The numbers of agents that are of interest; for a plan of tens of thousands of tasks only its own limit."""
    found = sorted({1, 2, 3, plan.parallel, max(1, least.width)})
    return found if len(plan.tasks) * len(found) <= _MOST_ACTS // 2 else [plan.parallel]


def _how_many(plan: Plan, assumed: Assumptions, widths: int, asked: int | None) -> tuple[int, str]:
    if assumed.certain:
        return 1, "nothing is left to chance, so one run tells all"
    acts = max(1, (len(plan.tasks) + len(plan.gates)) * widths)
    bound = max(_LEAST_RUNS, _MOST_ACTS // acts)
    if asked is None and bound < RUNS:
        return bound, f"the plan is large: {bound:,} runs instead of {RUNS:,}; --runs says otherwise"
    return asked or RUNS, ""


def _width(
    plan: Plan, assumed: Assumptions, agents: int, played: range, seed: int, watch: Watch | None
) -> Width:
    tally, runs = _Tally(), len(played)
    for run in played:
        tally.add(play(plan, Fates(plan, assumed, seed, run), agents, watch))
    lengths = sorted(tally.lengths)
    median = rank(lengths, 50)
    return Width(
        agents=agents,
        shortest=lengths[0],
        longest=lengths[-1],
        mean=sum(lengths) / runs,
        percentiles={p: rank(lengths, p) for p in PERCENTS},
        passed={p: rank(good, p) for p in PERCENTS} if (good := sorted(tally.passed)) else {},
        usd={p: rank(sorted(tally.usd), p) for p in PERCENTS},
        utilisation=tally.busy / (agents * total) if (total := sum(lengths)) else 0.0,
        sequential=tally.busy / runs,
        acts=tally.acts / runs,
        states=dict(tally.states.most_common()),
        critical=tuple(tally.critical(runs)),
        typical=tally.lengths.index(median),
    )


def critical_path(plan: Plan, assumed: Assumptions) -> float:
    """The longest way through the plan when all goes as expected, in seconds."""
    waiting, _ = graph.dependents(plan, [i for p in plan.phases for i in p.items])
    takes = {act: seconds.mean for act, seconds in assumed.seconds.items()}
    weights = {t: takes.get(t, 0.0) for t in plan.tasks}
    for gate in plan.gates.values():  # its critics judge side by side, once the checks hold
        critics = max((takes.get(f"{gate.id}/{c}", 0.0) for c in gate.critics), default=0.0)
        weights[gate.id] = takes.get(f"{gate.id}/{CHECKS}", 0.0) + critics
    return max(graph.tails(plan, waiting, weights).values(), default=0.0)


def rank(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of sorted values."""
    return values[max(0, ceil(len(values) * percent / 100) - 1)]


class _Tally:
    def __init__(self) -> None:
        self.lengths: list[float] = []
        self.passed: list[float] = []
        self.usd: list[float] = []
        self.states: Counter[str] = Counter()
        self.busy = 0.0
        self.acts = 0
        self._runs: Counter[str] = Counter()
        self._time: defaultdict[str, float] = defaultdict(float)

    def add(self, played: Played) -> None:
        self.lengths.append(played.length)
        self.passed += [played.length] if played.state == "passed" else []
        self.usd.append(played.usd)
        self.states[played.state] += 1
        self.busy += played.busy
        self.acts += played.acts
        self._runs.update({leg.item for leg in played.path})
        for leg in played.path:
            self._time[leg.item] += (leg.end - leg.start) / played.length if played.length else 0.0

    def critical(self, runs: int) -> list[Critical]:
        found = [Critical(item=i, runs=n / runs, time=self._time[i] / runs) for i, n in self._runs.items()]
        return sorted(found, key=lambda c: (-c.time, -c.runs))
