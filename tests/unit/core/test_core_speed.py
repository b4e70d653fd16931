"""What a run costs does not grow with what else is in the plan."""

from __future__ import annotations

import time

import pytest
from build import FOREGROUND, Said, critic, finding, gate, plan, task

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import Orchestrator, StartTask
from orchharness.core.plan import Plan

MOST = 8  # times as much work for ten times the plan would be fair; twice is for noise


def wide(n: int) -> Plan:
    return plan(*(task(f"T{i}") for i in range(n)))


def chain(n: int) -> Plan:
    return plan(*(task(f"T{i}", *([f"T{i - 1}"] if i else [])) for i in range(n)))


def counted(n: int) -> Plan:
    return plan(*(task(f"T{i}", resources={"gpu": 1}) for i in range(n)), resources={"gpu": 2})


def gated(n: int) -> Plan:
    """Every task has a gate of its own, whose critic holds the track they all are in."""
    items = [i for k in range(n) for i in (task(f"T{k}"), gate(f"G{k}", own=f"T{k}"))]
    return plan(*items, critics=[critic(mode=FOREGROUND)])


def alone(n: int) -> Plan:
    return plan(*(task(f"T{i}", mode=FOREGROUND if i % 2 else "background") for i in range(n)))


def phased(n: int) -> Plan:
    return plan(*(task(f"T{i}", phase=f"p{i % 10}") for i in range(n)), phases=[f"p{k}" for k in range(10)])


def play(whole: Plan) -> tuple[int, float]:
    """Acts, and seconds of it all but the making of the orchestrator."""
    run, now, acts = Orchestrator(whole), 0.0, 0
    running: list = []
    begin = time.perf_counter()
    while not run.over:
        for start in run.decide(now, 8 - run.running):
            acts += 1
            running.append(start)
            values = {"at": now, "iteration": start.iteration, "attempt": 1, "act": start.act, "key": "k"}
            if isinstance(start, StartTask):
                run.apply(ev.TaskStarted(task=start.task, **values))
            else:
                run.apply(ev.JudgementStarted(gate=start.gate, critic=start.critic, **values))
        start, now = running.pop(0), now + 1
        values = {"at": now, "act": start.act, "outcome": Outcome.SUCCESS, "started": now, "seconds": 1.0}
        if isinstance(start, StartTask):
            run.apply(ev.TaskFinished(task=start.task, **values))
        else:
            said = {"criteria": {"q": {"score": 1.0}}}
            run.apply(ev.JudgementFinished(gate=start.gate, critic=start.critic, evaluation=said, **values))
        run.take_final()
        assert run.state
        run.wake_at()
    assert run.state == "passed"
    return acts, time.perf_counter() - begin


@pytest.mark.parametrize("shape", [wide, chain, counted, gated, alone, phased], ids=lambda s: s.__name__)
def test_the_cost_of_an_act_does_not_grow_with_the_plan(shape):
    small, large = shape(100), shape(1000)
    cost = []
    for whole in (small, large):
        best = min((play(whole) for _ in range(3)), key=lambda found: found[1])
        cost.append(best[1] / best[0])

    assert cost[1] < cost[0] * MOST / 2


def test_refining_many_members_costs_a_walk_and_not_a_square():
    n = 600
    names = [f"T{i}" for i in range(n)]
    items = [task(f"T{i}", *([f"T{i - 1}"] if i else [])) for i in range(n)]
    from build import Drive

    whole = plan(*items, gate("G", *names), *(task(f"L{i}", phase="later") for i in range(n)))
    drive = Drive(whole, {"G": [Said(score=0.1, findings=(finding("T0"),)), Said()]})
    drive._check_moment = drive._check_start = lambda *_: None  # type: ignore[method-assign]
    begin = time.perf_counter()
    drive.play()

    assert time.perf_counter() - begin < 3
    assert len(drive.acts) == 3 * n + 2
