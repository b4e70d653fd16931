"""What is drawn, from which dice, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchharness.errors import OrchError
from orchharness.simulate.assumptions import Assumptions, Between, Measured, Price
from orchharness.simulate.fate import Fates
from orchharness.simulate.given import Given, premise
from orchharness.simulate.measured import measured
from orchharness.simulate.play import play
from orchharness.simulate.study import simulate
from orchharness.simulate.telling import tell

HOUR = 3600.0
GATED = """
    critics: {judge: {run: [cat, x], criteria: {q: 1}}}
    agents: {hand: {kind: command, run: [touch, x]}}
    tasks:
      a: {agent: hand, estimate: 2h, outputs: {o: x}, gate: {critics: [judge], max_iterations: 3}}
      b: {run: "true", estimate: 1h, needs: [a]}
"""


def simulated(plan, runs=300, agents=(1,), seed=0, **said):
    return simulate(plan, premise(plan, Given(**said)).assumed, agents, runs, seed)


def drawn(plan, assumed: Assumptions, run: int = 0, seed: int = 0) -> dict[str, float]:
    fates = Fates(plan, assumed, seed, run)
    return {task: fates.of_task(task, 1, 1).seconds for task in plan.tasks}


def test_the_same_seed_tells_the_same_and_another_one_another(feat_005):
    spread = {"durations": [("EN-027", Between(HOUR, 9 * HOUR))], "fails": [("", 0.3)]}

    assert simulated(feat_005, 20, (2,), **spread) == simulated(feat_005, 20, (2,), **spread)
    assert (
        simulated(feat_005, 20, (2,), **spread).widths
        != simulated(feat_005, 20, (2,), seed=1, **spread).widths
    )


def test_changing_one_task_moves_no_dice_elsewhere(feat_005):
    every = {t: Between(HOUR, 2 * HOUR) for t in feat_005.tasks}
    before = drawn(feat_005, Assumptions(seconds=every))
    after = drawn(feat_005, Assumptions(seconds=every | {"EN-027": Between(0.5 * HOUR, 9 * HOUR)}))

    assert {t for t in before if before[t] != after[t]} == {"EN-027"}
    assert len(set(before.values())) == len(before)


def test_widths_are_compared_on_the_same_dice(feat_005):
    assumed = Assumptions(seconds={t: Between(HOUR, 9 * HOUR) for t in feat_005.tasks})
    one, two = (play(feat_005, Fates(feat_005, assumed, 0, 5), agents) for agents in (1, 2))

    assert one.busy == pytest.approx(two.busy)
    assert two.length < one.length


def test_a_gate_that_fails_sends_the_work_back_with_its_time(read):
    plan = read(GATED)
    found = simulated(plan, fails=[("G-a", 1.0)])

    assert (found.runs, found.widths[0].states) == (1, {"failed": 1})
    assert found.widths[0].longest == 3 * 2 * HOUR


def test_gates_fail_as_often_as_was_said(read):
    plan = read(GATED)
    states = simulated(plan, 2000, fails=[("", 0.5)]).widths[0].states

    assert states["failed"] / 2000 == pytest.approx(0.125, abs=0.03)


def test_work_on_findings_may_take_a_share_of_the_first_time(read):
    plan = read(GATED)

    assert simulated(plan, fails=[("G-a", 1.0)], again=0.25).widths[0].longest == 2 * HOUR * 1.5


@pytest.mark.parametrize(
    "gate",
    [
        "{checks: [{run: 'true'}]}",
        "{critics: [free]}",
        "{critics: [scorer], threshold: 0, block_on: major}",
        "{critics: [scorer, free], checks: [{run: 'true'}]}",
        "{critics: [scorer, other], combine: median}",
    ],
)
def test_every_kind_of_gate_can_fail_and_pass(read, gate: str):
    plan = read(f"""
        critics:
          scorer: {{run: [cat, x], criteria: {{q: 1}}}}
          other: {{run: [cat, x], criteria: {{q: 0.5, r: 0.5}}}}
          free: {{run: [cat, x]}}
        tasks: {{a: {{run: "true", gate: {gate}}}}}
    """)

    assert simulated(plan, fails=[("", 1.0)]).widths[0].states == {"failed": 1}
    assert simulated(plan).widths[0].states == {"passed": 1}


def test_an_agent_that_dies_is_tried_again_as_its_policy_says(read):
    text = """
        tasks:
          a: {run: "true", estimate: 1h, retry: {attempts: 3, backoff: 10m}}
    """
    plan = read(text)
    died = [e.event for e in tell(plan, Assumptions(seconds={}, dies={"a": 1.0}), 1, 0, 0)]
    states = simulated(plan, 1000, dies=[("", 0.5)]).widths[0].states

    assert [e.at for e in died if type(e).__name__ == "TaskStarted"] == [0, 600, 1800]
    assert states["failed"] / 1000 == pytest.approx(0.125, abs=0.04)


def test_an_act_longer_than_its_timeout_is_ended_there_and_that_is_said(read):
    plan = read('tasks: {a: {run: "true", estimate: 1h, timeout: 2h}}\n')
    said = {"durations": [("a", Between(5 * HOUR, 5 * HOUR))]}
    width = simulated(plan, **said).widths[0]

    assert (width.longest, width.states) == (2 * HOUR, {"failed": 1})
    assert any("ended, and that can happen: a" in text for text in premise(plan, Given(**said)).texts)


def test_money_is_by_the_act_or_by_the_hour_and_the_nearer_name_counts_more(read):
    plan = read(GATED)
    width = simulated(plan, prices=[("a", Price(3.0)), ("", Price(6.0, True)), ("judge", Price(0.5))])

    assert width.widths[0].usd[50] == 3 + 0.5 + 6


def test_an_agents_name_stands_for_its_tasks(read):
    plan = read(GATED)

    assert simulated(plan, durations=[("hand", Between(HOUR, HOUR))]).widths[0].longest == 2 * HOUR


def test_durations_and_prices_of_earlier_runs_are_drawn_together_and_by_iteration(read):
    def act(task, number, seconds, outcome="success", **more):
        name = f"{task}.i{number}"
        return [
            {"event": "TaskStarted", "act": name, "task": task, "iteration": number},
            {
                "event": "TaskFinished",
                "act": name,
                "task": task,
                "outcome": outcome,
                "seconds": seconds,
                "started": 1.0,
            }
            | more,
        ]

    one = [*act("a", 1, 10.0, usage={"usd": 1.0}), *act("a", 2, 4.0), *act("b", 1, 99.0, "exit")]
    two = act("a", 1, 30.0, usage={"usd": 3.0})
    earlier = measured([one, two, one])  # a run that was resumed as another has the first one's acts too
    plan = read(GATED)
    held = premise(plan, Given(earlier=earlier, runs=2)).assumed
    fates = [Fates(plan, held, 0, n).of_task("a", 1, 1) for n in range(50)]

    assert earlier.first == {"a": Measured(((10.0, 1.0), (30.0, 3.0)))}
    assert {(f.seconds, f.usd) for f in fates} == {(10.0, 1.0), (30.0, 3.0)}
    assert Fates(plan, held, 0, 0).of_task("a", 2, 1).seconds == 4.0
    assert Fates(plan, held, 0, 0).of_task("b", 1, 1).seconds == HOUR


def test_garbage_in_old_journals_is_no_time():
    records = [
        {
            "event": "TaskFinished",
            "act": 3,
            "task": None,
            "outcome": "success",
            "seconds": float("nan"),
            "usage": 7,
        },
        {"event": "JudgementFinished", "outcome": "success", "seconds": -1},
        {},
    ]

    assert measured([records]) == ({}, {})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"fails": [("b", 0.1)]}, "--fail b: that is a task: --die says how likely its agent dies; gates are G-a"),
        ({"fails": [("x", 0.1)]}, "--fail x: that is no gate of the plan; gates are G-a"),
        ({"dies": [("nobody", 0.1)]}, "--die nobody: the plan has no task, gate, critic or agent at work of that name"),
        (
            {"durations": [("hnad", Between(1, 1))]},
            "--duration hnad: the plan has no task, gate, critic or agent at work of that name; did you mean 'hand'?",
        ),
    ],
)  # fmt: skip
def test_what_the_plan_does_not_have_is_refused_by_name(read, said, message):
    with pytest.raises(OrchError) as error:
        premise(read(GATED), Given(**said))

    assert str(error.value) == message


def test_the_orchestrator_itself_decides(feat_005):
    """Every event was taken by it: applied to another one, they lead to the same states."""
    from orchharness.core.orchestrator import Orchestrator

    assumed = premise(feat_005, Given(fails=[("", 0.4)], dies=[("", 0.1)])).assumed
    for run in range(20):
        told = tell(replace(feat_005, parallel=3), assumed, 3, 0, run)
        again = Orchestrator(feat_005)
        for one in told:
            again.apply(one.event)

        assert again.over
        assert str(again.state) == told[-1].event.state
