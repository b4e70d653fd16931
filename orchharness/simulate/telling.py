"""A simulated run as a journal would tell it, for the report; marked in its first record, so that every page says so.

What only the simulator made up does not go in: no outputs, no evaluations, no scores. Times are seconds after the
beginning of 1 January 1970: nobody can take them for the time of a real run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchharness.core import events as ev
from orchharness.core.plan import Plan
from orchharness.core.status import Transition
from orchharness.simulate.assumptions import Assumptions
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import play

_INVENTED = ("outputs", "evaluation")
_VERDICTS = frozenset({"passed", "refining", "failed", "paused", "waived"})


class Told(NamedTuple):
    """An event, and what it did to the items."""

    event: ev.Event
    then: tuple[Transition, ...]


class Teller:
    """Listens to a run, and keeps what it hears in `told`."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def __call__(self, event: ev.Event, then: Sequence[Transition]) -> None:
        """Keep it."""
        self.told.append(Told(event, tuple(then)))


def tell(plan: Plan, assumed: Assumptions, agents: int, seed: int, run: int) -> list[Told]:
    """That run of the study once more, with all that happened."""
    teller = Teller()
    play(plan, Fates(plan, assumed, seed, run), agents, teller)
    return teller.told


def records_of(
    plan: Plan, told: Sequence[Told], start: float, header: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The records of a journal; `header` must have `simulated`, the texts of what was assumed."""
    return [_record(plan, one, start, header) for one in told]


def _record(plan: Plan, told: Told, start: float, header: Mapping[str, Any]) -> dict[str, Any]:
    record = {k: v for k, v in ev.to_record(told.event).items() if k not in _INVENTED}
    record["at"] += start
    if "started" in record:
        record["started"] += start
    if isinstance(told.event, ev.RunStarted):
        record["header"] = dict(header)
    then = [_transition(plan, t) for t in told.then]
    return {**record, "then": then} if then else record


def _transition(plan: Plan, transition: Transition) -> dict[str, Any]:
    found = transition.to_record()
    if transition.item in plan.gates and transition.state in _VERDICTS:
        found.pop("score", None)
        found["reason"] = "simulated, not judged"
    return found
