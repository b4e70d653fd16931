"""What a simulation takes for granted: how long acts take, what they cost, how likely gates fail and agents die.

Acts are named by what they are for: a task by its id, a judgement as `GATE/critic` (`GATE/checks` for the checks).
What is not named takes no time, costs nothing and does not go wrong. Times are seconds, prices US dollars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from orchharness.core.gating import CHECKS
from orchharness.core.plan import EMPTY, Gate, Plan
from orchharness.record import record


@record(kw_only=False)
class Between:
    """Any time from `low` to `high`, each as likely as the other."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        """What is expected."""
        return (self.low + self.high) / 2

    @property
    def spread(self) -> bool:
        """Whether chance decides."""
        return self.low != self.high


@record(kw_only=False)
class Measured:
    """What acts took and cost before: pairs of seconds and dollars, each as likely as the other; at least one."""

    acts: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        """What is expected."""
        return sum(seconds for seconds, _ in self.acts) / len(self.acts)

    @property
    def spread(self) -> bool:
        """Whether chance decides."""
        return len(set(self.acts)) > 1


Seconds = Between | Measured
NO_TIME = Between(0.0, 0.0)


@record(kw_only=False)
class Price:
    """What an act costs: so much each time, or for each hour that it works."""

    usd: float
    hourly: bool = False

    def of(self, seconds: float) -> float:
        """The price of an act that took so long."""
        return self.usd * seconds / 3600 if self.hourly else self.usd


@record
class Assumptions:
    """All of it. `later` is for acts of later iterations, where it is known; others take `again` times the first."""

    seconds: Mapping[str, Seconds]
    later: Mapping[str, Seconds] = field(default=EMPTY)
    again: float = 1.0
    fails: Mapping[str, float] = field(
        default=EMPTY
    )  # gate -> how likely a round of judgements lets nothing through
    dies: Mapping[str, float] = field(default=EMPTY)  # act -> how likely its agent ends in the middle of it
    prices: Mapping[str, Price] = field(default=EMPTY)
    timeouts: bool = True  # whether acts that take longer than their `timeout` are ended

    @property
    def certain(self) -> bool:
        """Whether nothing is left to chance: every run is the same then."""
        times = [*self.seconds.values(), *self.later.values()]
        sure = all(p in {0.0, 1.0} for p in self.fails.values()) and not any(self.dies.values())
        return sure and not any(t.spread for t in times)


def judgements_of(gate: Gate) -> Iterator[str]:
    """Who judges at the gate: `checks`, then its critics."""
    if gate.checks:
        yield CHECKS
    yield from gate.critics


def acts_of(plan: Plan) -> Iterator[str]:
    """The names of all acts of the plan's first round."""
    yield from plan.tasks
    for gate in plan.gates.values():
        yield from (f"{gate.id}/{critic}" for critic in judgements_of(gate))
