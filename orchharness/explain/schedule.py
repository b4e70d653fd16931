"""How long the plan takes with so many agents: played with the orchestrator's own queue, by estimates.

What the play leaves out, since nobody can know it: judgements and starting take no time, every gate passes at once,
nothing fails. So the lengths are those of the first round.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from math import ceil
from typing import NamedTuple

from orchharness.core.plan import Mode, Task
from orchharness.core.scheduling import Scheduler, Ticket
from orchharness.explain.facts import Width
from orchharness.explain.order import Order

_STEPS = 60_000  # tasks that are played in all: what explaining a large plan may cost
_LEAST = 4  # plays of the whole plan, however large it is
_ROWS = 6  # numbers of agents that are shown one by one
_SAME = 1 + 1e-9


class Useful(NamedTuple):
    """What more agents bring."""

    shortest: float
    width: int
    exact: bool
    widths: tuple[Width, ...]


class Played(NamedTuple):
    """How long it took, and how many tasks ran at once at most."""

    length: float
    peak: int


def useful(order: Order) -> Useful:
    """The fewest agents that are as fast as any number of them, and the lengths up to there."""
    tasks = len(order.weight)
    if not tasks:
        return Useful(0.0, 0, True, ())
    table = _Table(order)
    width, exact = table.narrow()
    table.fill(_rows(width, order.plan.parallel))
    lengths = table.lengths
    shown = {a: lengths[a] for a in sorted(lengths) if a <= width or a == order.plan.parallel}
    rows = tuple(Width(agents=a, length=t, speedup=lengths[1] / t if t else 1.0) for a, t in shown.items())
    return Useful(min(lengths.values()), width, exact, rows)


def _rows(width: int, parallel: int) -> list[int]:
    """Which numbers of agents are shown: the plan's own limit, the first ones, then doubled."""
    doubled = [8 << n for n in range(20) if 8 << n < width]
    return [parallel, *range(2, min(width, _ROWS) + 1), *doubled]


class _Table:
    """Agents -> length, for as many numbers of agents as can be tried."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tickets = {t.id: _ticket(order, t) for t in order.plan.tasks.values()}
        self._left = max(_LEAST, _STEPS // len(order.weight))
        self.lengths = {1: sum(order.weight.values())}
        self._shortest, self._peak = self._play(len(order.weight))
        self.lengths[self._peak] = self._shortest

    def _play(self, agents: int) -> Played:
        self._left -= 1
        return play(self._order, agents, self._tickets)

    def _is_enough(self, agents: int) -> bool:
        if agents not in self.lengths:
            self.lengths[agents] = self._play(agents).length
        return self.lengths[agents] <= self._shortest * _SAME

    def narrow(self) -> tuple[int, bool]:
        """The useful width, and whether that is sure: tried from what the sum allows, upwards in growing steps."""
        shortest = self._shortest
        low = max(1, ceil(self.lengths[1] / (shortest * _SAME))) if shortest else 1
        high, reserve, sure, step = self._peak, self._left // 3, True, 0
        while low < high and self._left > reserve:
            if self._is_enough(low):
                return low, sure
            step = max(2 * step, low // 20, 1)
            if high - low <= self._left - reserve:
                step = 1
            sure = sure and step == 1
            low += step
        return high, sure and low >= high

    def fill(self, agents: Iterable[int]) -> None:
        """Try these numbers too, as far as that is not too much."""
        for number in agents:
            if number not in self.lengths and number > self._peak:
                self.lengths[number] = self._shortest
            elif number not in self.lengths and self._left > 0:
                self.lengths[number] = self._play(number).length


def _ticket(order: Order, task: Task) -> Ticket:
    """The task's place in the queue, as the orchestrator would give it."""
    return Ticket(
        rank=1,
        tail=-order.tails[task.id],
        order=task.order,
        name=task.id,
        turn=task.order,
        item=task.id,
        track=(task.phase, task.track),
        foreground=task.mode is Mode.FOREGROUND,
        resources=task.resources,
    )


def play(order: Order, agents: int, tickets: Mapping[str, Ticket] | None = None) -> Played:
    """Play the plan with that many agents."""
    if tickets is None:
        tickets = {t.id: _ticket(order, t) for t in order.plan.tasks.values()}
    run = _Play(order, tickets)
    return Played(run.until_over(agents), run.peak)


class _Play:
    def __init__(self, order: Order, tickets: Mapping[str, Ticket]) -> None:
        self._order = order
        self._tickets = tickets
        self._plan = order.plan
        self._missing = dict(order.missing)
        self._queue = Scheduler(order.plan.resources)
        self._ends: list[tuple[float, int, str]] = []
        self.peak = 0
        for node in [n for n, left in self._missing.items() if not left]:
            if self._ready(node):
                self._settle(node)

    def until_over(self, agents: int) -> float:
        now = 0.0
        while True:
            self._start(now, agents)
            self.peak = max(self.peak, len(self._ends))
            if not self._ends:
                return now
            now = self._ends[0][0]
            while self._ends and self._ends[0][0] <= now:
                task = heapq.heappop(self._ends)[2]
                self._queue.ended(task)
                if self._plan.tasks[task].gate is None:  # else its gate lets go what it holds
                    self._queue.release(task)
                self._settle(task)

    def _start(self, now: float, agents: int) -> None:
        while len(self._ends) < agents:
            ticket = self._queue.take()
            if ticket is None:
                return
            self._queue.started(ticket, ticket.item, hold_track=False)
            if ticket.foreground:
                self._queue.run_alone(frozenset({ticket.item}))
            heapq.heappush(self._ends, (now + self._order.weight[ticket.item], ticket.order, ticket.item))

    def _settle(self, node: str) -> None:
        pending = [node]
        while pending:
            for consumer in self._order.waiting.get(pending.pop(), ()):
                self._missing[consumer] -= 1
                if not self._missing[consumer] and self._ready(consumer):
                    pending.append(consumer)

    def _ready(self, node: str) -> bool:
        """Nothing is missing: a task is offered, a gate or group is over at once."""
        ticket = self._tickets.get(node)
        if ticket is not None:
            self._queue.offer(ticket)
            return False
        gate = self._plan.gates.get(node)
        if gate is not None and gate.owner is not None:
            self._queue.release(gate.owner)
        return True
