"""How long a plan takes, with how many agents, by its own estimates."""

from __future__ import annotations

import heapq
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.plan import Mode, Phase, Plan, Task, Track
from orchharness.explain import FORMATS, explain, render
from orchharness.simulate.assumptions import Assumptions, Between
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import play

HOUR = 3600.0


def hours(found) -> dict[int, float]:
    return {w.agents: w.length / HOUR for w in found.widths}


def test_two_agents_reach_the_critical_path_of_feat_005_and_more_win_nothing(feat_005):
    """The claim was 6 days instead of 12."""
    found = explain(feat_005)

    assert found.sequential == 67 * HOUR
    assert found.critical_length == found.shortest == 35 * HOUR
    assert (found.useful_width, found.width_is_exact) == (2, True)
    assert hours(found) == {1: 67, 2: 35, 4: 35}
    assert round(found.widths[1].speedup, 1) == 1.9
    assert [i for i in found.critical_path if i in feat_005.tasks] == [
        "TASK-419",
        "EN-027",
        "EN-028",
        "EN-029",
        "EN-030",
    ]


def test_the_waves_are_tasks_that_nothing_in_the_graph_keeps_apart(feat_005):
    found = explain(feat_005)

    assert [set(w.tasks) for w in found.waves] == [
        {"TASK-419"},
        {"EN-027", "TASK-420", "TASK-421", "TASK-423"},
        {"EN-028", "TASK-422"},
        {"EN-029", "TASK-424"},
        {"EN-030"},
    ]


def test_the_longest_rest_goes_first(explained):
    found = explained("""
        tasks:
          short: {run: "true", estimate: 1h}
          other: {run: "true", estimate: 1h}
          long: {run: "true", estimate: 2h}
          tail: {run: "true", estimate: 3h, needs: [long]}
    """)

    assert hours(found) == {1: 7, 2: 5, 3: 5}
    assert found.useful_width == 2


def test_a_counter_keeps_tasks_apart_until_the_own_gate_is_decided(explained):
    found = explained("""
        limits: {resources: {db: 1}, parallel: 2}
        tasks:
          a: {run: "true", estimate: 2h, resources: {db: 1}, gate: {checks: [{run: "true"}]}}
          b: {run: "true", estimate: 2h, resources: {db: 1}}
    """)

    assert found.critical_length == 2 * HOUR
    assert found.shortest == 4 * HOUR
    assert found.useful_width == 1


def test_nothing_runs_beside_a_foreground_task(explained):
    found = explained("""
        tasks:
          alone: {run: "true", estimate: 2h, mode: foreground}
          a: {run: "true", estimate: 3h}
          b: {run: "true", estimate: 3h}
    """)

    assert found.critical_length == 3 * HOUR
    assert found.shortest == 5 * HOUR
    assert found.useful_width == 2


def test_a_task_without_an_estimate_is_named_and_counts_as_the_mean(explained, read):
    text = """
        tasks:
          a: {run: "true", estimate: 1h}
          b: {run: "true", estimate: 3h}
          c: {run: "true"}
    """
    found = explained(text)
    shown = render(read(text), found)

    assert found.without_estimate == ("c",)
    assert (found.known, found.assumed, found.sequential) == (4 * HOUR, 2 * HOUR, 6 * HOUR)
    assert "1 of 3 tasks have no 'estimate', their time is unknown (c): the others sum to 4 h" in shown
    assert "4 h and 1 task of unknown time" in shown


def test_without_any_estimate_tasks_are_counted_and_no_time_is_claimed(explained, read):
    text = 'tasks: {a: {run: "true"}, b: {run: "true", needs: [a]}, c: {run: "true", needs: [a]}}\n'
    found = explained(text)
    shown = render(read(text), found)

    assert found.unit == "tasks"
    assert (found.sequential, found.shortest, found.longest_chain) == (3, 2, 2)
    assert "no task has an 'estimate', so time is unknown" in shown
    assert "3 tasks" in shown
    assert " h" not in shown.partition("WORTH")[0].replace(" how", "").replace(" has", "").replace(" he", "")


def test_a_plan_of_gates_alone_has_no_width(explained):
    found = explained("""
        phases:
          one: {tasks: {a: {run: "true"}}}
          two: {gates: {G: {of: [a], checks: [{run: "true"}]}}}
    """)

    assert found.critical_path == ("a", "G")
    assert (found.useful_width, found.first_acts) == (1, 2)


def made(tasks: list[Task], resources: dict[str, int], parallel: int) -> Plan:
    ids = tuple(t.id for t in tasks)
    track = Track(id="t", phase="p", mode=Mode.BACKGROUND, items=ids)
    return Plan(
        id="p",
        path="/p.plan.yaml",
        digest="0",
        phases=(Phase(id="p", mode=Mode.BACKGROUND, tracks=(track,), items=ids),),
        tasks={t.id: t for t in tasks},
        gates={},
        resources=resources,
        parallel=parallel,
    )


@st.composite
def plans(draw) -> Plan:
    tasks: list[Task] = []
    for n in range(draw(st.integers(1, 9))):
        needs = draw(st.sets(st.sampled_from([t.id for t in tasks]), max_size=2)) if tasks else ()
        tasks.append(
            Task(
                id=f"T{n}",
                phase="p",
                track="t",
                order=n,
                line=1,
                needs=tuple(sorted(needs)),
                estimate=float(draw(st.integers(1, 9))),
                mode=draw(st.sampled_from([Mode.BACKGROUND] * 4 + [Mode.FOREGROUND])),
                resources=draw(st.sampled_from([{}, {}, {"gpu": 1}, {"gpu": 2}, {"db": 1}])),
            )
        )
    return made(tasks, {"gpu": 2, "db": 1}, draw(st.integers(1, 4)))


def played(plan: Plan, agents: int) -> float:
    takes = Assumptions(seconds={t.id: Between(t.estimate, t.estimate) for t in plan.tasks.values()})
    return play(plan, Fates(plan, takes, 0, 0), agents).length


def orchestrated(plan: Plan, agents: int) -> float:
    """How long the orchestrator itself takes when every task takes as long as estimated."""
    run, now, ends = Orchestrator(plan), 0.0, []
    while not run.over:
        for start in run.decide(now, agents - run.running):
            run.apply(ev.TaskStarted(at=now, task=start.task, iteration=1, attempt=1, act=start.act, key="k"))
            order = plan.tasks[start.task].order
            heapq.heappush(ends, (now + plan.tasks[start.task].estimate, order, start))
        now = ends[0][0]
        while ends and ends[0][0] <= now:
            start = heapq.heappop(ends)[2]
            run.apply(
                ev.TaskFinished(
                    at=now, task=start.task, act=start.act, outcome=Outcome.SUCCESS, started=now, seconds=1.0
                )
            )
    assert run.state == "passed"
    return now


@settings(max_examples=60)
@given(plan=plans(), agents=st.integers(1, 5))
def test_a_plan_is_played_as_the_orchestrator_runs_it(plan: Plan, agents: int):
    """The loop here is as small as one can be: nothing of the simulator's is in it."""
    assert played(plan, agents) == orchestrated(plan, agents)


@settings(max_examples=40)
@given(plan=plans())
def test_what_is_said_of_time_holds_together(plan: Plan):
    found = explain(plan)
    lengths = {w.agents: w.length for w in found.widths}

    assert found.critical_length <= found.shortest <= found.sequential == lengths[1]
    assert lengths[found.useful_width] <= played(plan, len(plan.tasks))
    assert all(w.length >= found.shortest for w in found.widths)
    assert all(played(plan, n) > lengths[found.useful_width] for n in range(1, found.useful_width))
    assert all(a.shortest <= a.sequential for a in found.advice)


@settings(max_examples=20)
@given(plan=plans(), shape=st.sampled_from(FORMATS))
def test_every_plan_can_be_shown_in_every_format(plan: Plan, shape: str):
    shown = render(plan, explain(plan), shape)

    assert shown.endswith("\n")
    assert all(line.isprintable() for line in shown.split("\n"))


def chain(n: int) -> list[Task]:
    return [one(k, *([f"T{k - 1}"] if k else [])) for k in range(n)]


def woven(n: int) -> list[Task]:
    return [
        one(k, *dict.fromkeys(f"T{(k * m) % (k - 50)}" for m in (3, 7)) if k > 100 else ()) for k in range(n)
    ]


def one(number: int, *needs: str) -> Task:
    return Task(
        id=f"T{number}",
        phase="p",
        track="t",
        order=number,
        line=1,
        needs=needs,
        estimate=1.0 + number * 37 % 91,
        writes=(f"d{number % 50}/{number}.md", f"e/{number % 7}*.md"),
    )


@pytest.mark.parametrize("shape", [chain, woven], ids=lambda s: s.__name__)
def test_ten_thousand_tasks_are_explained_in_seconds(shape):
    plan = made(shape(10_000), {}, 8)
    begin = time.process_time()
    found = explain(plan)
    render(plan, found)

    assert found.tasks == 10_000
    assert (
        time.process_time() - begin < 10
    )  # twice what it takes on a slow machine; a square would take minutes
