"""How many agents are of use: tried with plays of the plan, as few as will do for a large one."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from orchharness.core.plan import Plan
from orchharness.core.terms import without_budgets
from orchharness.record import record
from orchharness.simulate.assumptions import Assumptions, Between, acts_of
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import play

_MOST = 30_000  # tasks that are played in all: what looking for the width of a large plan may cost
_ROWS = 6  # numbers of agents that are tried one by one
_SAME = 1 + 1e-9


@record
class Useful:
    """What more agents bring. `lengths`: agents -> seconds, as far as they were tried."""

    shortest: float
    width: int
    exact: bool  # False: the plan is so large that fewer might do
    lengths: dict[int, float]


def expected(assumed: Assumptions) -> Assumptions:
    """The same without chance: every act takes its mean, nothing fails or takes too long."""
    seconds = {act: Between(takes.mean, takes.mean) for act, takes in assumed.seconds.items()}
    return Assumptions(seconds=seconds, timeouts=False)


def useful(plan: Plan, assumed: Assumptions, rows: Iterable[int] = (), least: int = 4) -> Useful:
    """The fewest agents that are as fast as any number of them, when all goes as expected.

    `rows` are tried too. A plan is played `least` times at least, however large it is.
    """
    if not plan.tasks:
        return Useful(shortest=0.0, width=0, exact=True, lengths={})
    search = _Search(plan, expected(assumed), max(least, _MOST // len(plan.tasks)))
    width, exact = search.narrow()
    doubled = [8 << n for n in range(20) if 8 << n < width]
    search.fill([*rows, plan.parallel, *range(2, min(width, _ROWS) + 1), *doubled])
    return Useful(shortest=min(search.lengths.values()), width=width, exact=exact, lengths=search.lengths)


class _Search:
    def __init__(self, plan: Plan, assumed: Assumptions, plays: int) -> None:
        self._plan = without_budgets(plan)  # how long it takes, not how soon it is stopped
        self._fates = Fates(plan, assumed, 0, 0)
        self._left = plays
        self.lengths = {1: sum(assumed.seconds[a].mean for a in acts_of(plan) if a in assumed.seconds)}
        most = self._play(len(plan.tasks) + len(plan.gates))
        self._shortest, self._peak = most
        self.lengths[self._peak] = self._shortest

    def _play(self, agents: int) -> tuple[float, int]:
        self._left -= 1
        played = play(self._plan, self._fates, agents)
        return played.length, played.peak

    def _is_enough(self, agents: int) -> bool:
        if agents not in self.lengths:
            self.lengths[agents] = self._play(agents)[0]
        return self.lengths[agents] <= self._shortest * _SAME

    def narrow(self) -> tuple[int, bool]:
        """The useful width, and whether that is sure: tried from what the sum allows, upwards in growing steps."""
        shortest = self._shortest
        low = max(1, ceil(self.lengths[1] / (shortest * _SAME))) if shortest else 1
        high, reserve, sure, by = self._peak, self._left // 3, True, 0
        while low < high and self._left > reserve:
            if self._is_enough(low):
                return low, sure
            by = max(2 * by, low // 20, 1)
            if high - low <= self._left - reserve:
                by = 1
            sure = sure and by == 1
            low += by
        return high, sure and low >= high

    def fill(self, agents: Iterable[int]) -> None:
        """Try these numbers too, as far as that is not too much."""
        for number in agents:
            if number not in self.lengths and number > self._peak:
                self.lengths[number] = self._shortest
            elif number not in self.lengths and self._left > 0:
                self.lengths[number] = self._play(number)[0]
