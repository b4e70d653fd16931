"""Side by side, or not? Asked of every track and phase, in the order of the questions in the gallery.

Two tasks are independent when nothing orders them, they write other files, they share no counter that keeps them
apart, and each can be checked by itself: by outputs, a gate, or the exit status of a plain command. Tasks that write
the same file are ordered or kept apart in every plan that could be read, so files need no question of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from orchharness.core.plan import Mode, Task
from orchharness.explain.facts import Advice, Counsel, Unit
from orchharness.explain.order import Chain, Group, Order
from orchharness.explain.words import length, names
from orchharness.record import record

SMALL = 60.0  # seconds: beginning an agent costs about as much
_LITTLE = 0.9  # a group of which that share cannot be shortened gains next to nothing


@record
class _Bounds:
    """What makes a group longer than its longest task: tasks one after another, at least, and their time."""

    rounds: int
    length: float
    why: tuple[str, ...]


def advise(order: Order, width: int) -> Iterator[Advice]:
    """The advice for each phase that has several tracks, and for each track; `width` is the plan's useful width."""
    chains = order.chains()
    for phase in order.plan.phases:
        tracks = [(t, _tasks(order, t.items)) for t in phase.tracks]
        tracks = [(track, tasks) for track, tasks in tracks if tasks]
        if len(tracks) > 1:
            yield _advice(order, (phase.id, None), _tasks(order, phase.items), chains, width)
        alike: dict[tuple[str, Counsel, int], Advice] = {}
        for track, tasks in tracks:
            found = _advice(order, (phase.id, track.id), tasks, chains, width)
            # The copies of a track are told once where they are advised the same.
            key = (track.base or track.id, found.counsel, found.tasks)
            first = alike.setdefault(key, found)
            if first is not found:
                alike[key] = replace(first, copies=first.copies + 1)
        yield from alike.values()


def _tasks(order: Order, items: Sequence[str]) -> list[Task]:
    return [order.plan.tasks[i] for i in items if i in order.plan.tasks]


def _advice(
    order: Order, group: Group, tasks: list[Task], chains: Mapping[Group, Chain], width: int
) -> Advice:
    bounds = [_chain(order, tasks, chains[group]), *_counters(order, tasks), *_foreground(order, tasks)]
    total = sum(order.weight[t.id] for t in tasks)
    longest = max(order.weight[t.id] for t in tasks)
    shortest = max(longest, *(b.length for b in bounds))
    counsel, why = _counsel(tasks, bounds, (total, shortest))
    if counsel is Counsel.HYBRID and width == 1 and len(tasks) == len(order.weight):
        counsel, shortest = Counsel.SEQUENTIAL, total
        why.append("together that leaves nothing to run side by side")
    return Advice(
        phase=group[0],
        track=group[1],
        counsel=counsel,
        tasks=len(tasks),
        why=tuple(why),
        sequential=total,
        shortest=shortest,
    )


def _counsel(
    tasks: list[Task], bounds: Sequence[_Bounds], times: tuple[float, float]
) -> tuple[Counsel, list[str]]:
    if len(tasks) == 1:
        return Counsel.NOT_WORTH_IT, ["it is one task: there is nothing to run beside it here"]
    if all(t.estimate is not None for t in tasks):
        total, shortest = times
        if total <= SMALL:
            small = length(total, Unit.SECONDS)
            return Counsel.NOT_WORTH_IT, [
                f"all of it takes {small}: more agents cost more than they win, one task would do"
            ]
        rounds = max(b.rounds for b in bounds)
        if rounds < len(tasks) and shortest >= _LITTLE * total:
            most = length(total - shortest, Unit.SECONDS)
            heavy = max(tasks, key=lambda t: t.estimate or 0.0)
            return Counsel.NOT_WORTH_IT, [
                f"side by side wins at most {most} of {length(total, Unit.SECONDS)}: {heavy.id!r} is nearly all of it"
            ]
    return _by_bounds(tasks, bounds)


def _by_bounds(tasks: list[Task], bounds: Sequence[_Bounds]) -> tuple[Counsel, list[str]]:
    for bound in bounds:
        if bound.rounds == len(tasks):
            return Counsel.SEQUENTIAL, list(bound.why)
    why = [text for bound in bounds if bound.rounds > 1 for text in bound.why]
    blind = [t.id for t in tasks if not _checkable(t)]
    if blind:
        why.append(
            f"nothing of their own says whether {names(blind)} did the work: outputs or a gate would, "
            "or a gate over the whole group"
        )
    if why:
        return Counsel.HYBRID, why
    return Counsel.PARALLEL, [
        "no task needs another, they write other files, share no counter, and each is checked by itself"
    ]


def _checkable(task: Task) -> bool:
    return bool(task.outputs) or task.gate is not None or task.agent is None


def _chain(order: Order, tasks: list[Task], chain: Chain) -> _Bounds:
    if chain.tasks == len(tasks):
        inside = sorted(tasks, key=lambda t: order.depth[t.id])
        why = (
            f"each needs the one before: {' → '.join(t.id for t in inside[:8])}{' → …' if inside[8:] else ''}"
        )
    else:
        why = f"the longest chain is {chain.tasks} of {len(tasks)} tasks; what is not behind each other can run at once"
    return _Bounds(rounds=chain.tasks, length=chain.length, why=(why,))


def _counters(order: Order, tasks: list[Task]) -> Iterator[_Bounds]:
    takers: dict[str, list[Task]] = {}
    for task in tasks:
        for name in task.resources:
            takers.setdefault(name, []).append(task)
    for name, users in takers.items():
        there = order.plan.resources.get(name, 0)
        alone = [t for t in users if 2 * t.resources[name] > there]
        taken = [(t.resources[name] / there if there else 1.0, order.weight[t.id]) for t in users]
        rounds = max(len(alone), ceil(sum(share for share, _ in taken) - 1e-9))
        seconds = max(sum(order.weight[t.id] for t in alone), sum(share * w for share, w in taken))
        who = names([t.id for t in users])
        yield _Bounds(
            rounds=rounds,
            length=seconds,
            why=(f"{who} share the counter {name!r}, of which there is {there}: not all of them at once",),
        )


def _foreground(order: Order, tasks: list[Task]) -> Iterator[_Bounds]:
    alone = [t for t in tasks if t.mode is Mode.FOREGROUND]
    if alone:
        rest = [order.weight[t.id] for t in tasks if t.mode is not Mode.FOREGROUND]
        yield _Bounds(
            rounds=len(alone) + bool(rest),
            length=sum(order.weight[t.id] for t in alone) + max(rest, default=0.0),
            why=(f"nothing runs beside a task in the foreground: {names([t.id for t in alone])}",),
        )
