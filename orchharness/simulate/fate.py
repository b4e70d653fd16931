"""What becomes of each act: drawn from a stream of its own, so that another duration here moves no dice there.

The same run of the same seed draws the same for the same act, whatever the number of agents: widths are compared on
equal terms. Nothing is drawn where nothing is left to chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from orchharness.core.acts import Outcome
from orchharness.core.gating import CHECKS
from orchharness.core.plan import Gate, Plan
from orchharness.simulate.assumptions import NO_TIME, Assumptions, Measured, Price, Seconds

_FREE = Price(0.0)
_WHY = "the simulation had this judgement fail"


class Fate(NamedTuple):
    """How an act ends."""

    seconds: float
    outcome: Outcome = Outcome.SUCCESS
    detail: str = ""
    usd: float = 0.0


class Fates:
    """The fates of all acts of one run."""

    def __init__(self, plan: Plan, assumed: Assumptions, seed: int, run: int) -> None:
        self._plan = plan
        self._assumed = assumed
        self._prefix = f"{seed}/{run}/"
        self._passes: dict[
            str, Mapping[str, Any]
        ] = {}  # critic -> the evaluation that lets everything through

    def of_task(self, task: str, iteration: int, attempt: int) -> Fate:
        """How that act of the task ends."""
        return self._drawn(task, iteration, attempt, self._plan.worker(task).timeout)

    def of_judgement(self, gate: str, critic: str, iteration: int, attempt: int, sample: int = 1) -> Fate:
        """How that act of the critic ends; what it says is `evaluation`."""
        timeout = None if critic == CHECKS else self._plan.critics[critic].timeout
        return self._drawn(f"{gate}/{critic}", iteration, attempt, timeout, sample)

    def _drawn(self, act: str, iteration: int, attempt: int, timeout: float | None, sample: int = 1) -> Fate:
        assumed = self._assumed
        takes, factor = assumed.seconds.get(act, NO_TIME), 1.0
        if iteration > 1:
            takes, factor = (assumed.later[act], 1.0) if act in assumed.later else (takes, assumed.again)
        dies = assumed.dies.get(act, 0.0)
        if not (takes.spread or dies):
            fate = Fate(takes.mean * factor, usd=takes.acts[0][1] if isinstance(takes, Measured) else 0.0)
        else:
            which = f"i{iteration}.a{attempt}" if sample == 1 else f"i{iteration}.s{sample}.a{attempt}"
            fate = _thrown(Random(f"{self._prefix}{act}.{which}"), takes, factor, dies)  # noqa: S311
        if timeout is not None and fate.seconds > timeout and assumed.timeouts:
            fate = Fate(timeout, Outcome.TIMEOUT, "longer than its timeout (simulated)", fate.usd)
        price = assumed.prices.get(act)
        return fate if price is None else fate._replace(usd=price.of(fate.seconds))

    def passes(self, gate: str, iteration: int) -> bool:
        """Whether the judgements of that iteration let the gate through."""
        likely = self._assumed.fails.get(gate, 0.0)
        if likely in {0.0, 1.0}:
            return not likely
        return Random(f"{self._prefix}{gate}.i{iteration}").random() >= likely  # noqa: S311

    def evaluation(self, gate: str, critic: str, iteration: int) -> Mapping[str, Any]:
        """What the critic says: full marks, or what makes the gate fail."""
        spec = self._plan.gates[gate]
        if not self.passes(gate, iteration) and critic in decisive(self._plan, spec):
            return _failing(self._plan, spec, critic)
        found = self._passes.get(critic)
        if found is None:
            found = self._passes[critic] = _passing(self._plan, critic)
        return found


def _thrown(random: Random, takes: Seconds, factor: float, dies: float) -> Fate:
    """What the dice say; all are thrown each time, so that none depends on another's fall."""
    place, dead, when = random.random(), random.random() < dies, random.random()
    if isinstance(takes, Measured):
        seconds, usd = takes.acts[int(place * len(takes.acts))]
    else:
        seconds, usd = takes.low + place * (takes.high - takes.low), 0.0
    if dead:
        return Fate(seconds * factor * when, Outcome.EXIT, "the agent died (simulated)", usd * when)
    return Fate(seconds * factor, usd=usd)


def decisive(plan: Plan, gate: Gate) -> tuple[str, ...]:
    """Who can make the gate fail, each alone: its critics, and the checks only where no critic can; empty: nobody."""
    able = [c for c in gate.critics if not plan.critics[c].criteria or gate.threshold or gate.block_on]
    return tuple(able) or ((CHECKS,) if gate.checks else ())


def _passing(plan: Plan, critic: str) -> Mapping[str, Any]:
    if critic == CHECKS:
        return {"passed": True}
    return {"criteria": dict.fromkeys(plan.critics[critic].criteria, 1)}


def _failing(plan: Plan, gate: Gate, critic: str) -> Mapping[str, Any]:
    criteria = {} if critic == CHECKS else plan.critics[critic].criteria
    finding = {"severity": str(gate.block_on or "major"), "what": _WHY}
    if not criteria:
        return {"passed": False, "findings": [finding]}
    return {
        "criteria": dict.fromkeys(criteria, gate.threshold / 2),
        "findings": [finding] if gate.block_on else [],
    }
