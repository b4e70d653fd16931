"""Foreground tasks run alone; resources are taken all at once and given back in time."""

from __future__ import annotations

from build import FOREGROUND, Done, Said, critic, failed, gate, task

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.plan import OnExhausted, Retry

LOW, HIGH = Said(score=0.5), Said(score=0.95)


def alone(name: str, *needs: str, **more):
    return task(name, *needs, mode=FOREGROUND, **more)


def test_a_foreground_task_waits_until_running_acts_have_drained_and_then_runs_alone(drive):
    items = [task("A"), task("B", "A"), task("C"), alone("F", "A"), task("D", "A")]
    run = drive(*items, script={"C": Done(seconds=40)}).play()

    assert run.spans["F.i1.a1"] == (1040, 1050)
    assert run.spans["B.i1.a1"][0] == run.spans["D.i1.a1"][0] == 1050


def test_nothing_else_is_spawned_until_the_gate_of_a_foreground_task_is_decided(drive):
    items = [alone("F"), gate("GF", own="F"), task("A"), gate("GA", own="A")]
    run = drive(*items, script={"GF": [LOW, HIGH]}).play()

    assert run.acts[:4] == ["F.i1.a1", "GF.i1.critic.a1", "F.i2.a1", "GF.i2.critic.a1"]
    assert run.acts[4:] == ["A.i1.a1", "GA.i1.critic.a1"]


def test_foreground_tasks_run_one_after_the_other(drive):
    run = drive(alone("E"), alone("F"), gate("GE", own="E"), task("A")).play()

    assert run.acts == ["E.i1.a1", "GE.i1.critic.a1", "F.i1.a1", "A.i1.a1"]


def test_a_foreground_task_keeps_the_rest_waiting_while_it_is_tried_again(drive):
    run = drive(alone("F", attempts=2, backoff=60), task("A"), script={"F": [failed(), Done()]}).play()

    assert run.acts == ["F.i1.a1", "F.i1.a2", "A.i1.a1"]
    assert run.spans["F.i1.a2"][0] == 1070


def test_its_gate_keeps_the_rest_waiting_while_a_critic_is_tried_again(drive):
    critics = [critic(retry=Retry(attempts=2, backoff=30))]
    script = {"GF": [Said(outcome=Outcome.EXIT), Said()]}
    run = drive(alone("F"), gate("GF", own="F"), task("A"), critics=critics, script=script).play()

    assert run.spans["A.i1.a1"][0] == run.spans["GF.i1.critic.a2"][1]


def test_a_foreground_task_that_fails_lets_the_rest_go_on(drive):
    run = drive(alone("F"), gate("GF", own="F"), task("A"), script={"F": failed()}).play()

    assert run.states() == {"F": "failed", "GF": "skipped", "A": "passed"}


def test_a_foreground_task_whose_gate_pauses_lets_the_rest_go_on(drive):
    items = [alone("F"), gate("GF", own="F", max_iterations=1, on_exhausted=OnExhausted.ASK), task("A")]
    run = drive(*items, script={"GF": LOW}).play()

    assert run.states() == {"F": "passed", "GF": "paused", "A": "passed"}


def test_a_foreground_task_whose_gate_is_an_error_already_lets_the_rest_go_on(drive):
    run = drive(
        alone("F", resources={"db": 1}),
        gate("GF", own="F"),
        task("A", resources={"db": 1}),
        resources={"db": 1},
    )
    run.at(5, ev.GateInputsChanged, gates=("GF",), paths=("/r",)).play()

    assert run.states() == {"F": "passed", "GF": "error", "A": "passed"}


def test_a_wider_gate_does_not_keep_the_rest_waiting(drive):
    items = [alone("F"), gate("G", "F"), task("A")]
    run = drive(*items, script={"G": Said(seconds=50)}).play()

    assert run.overlap("G.i1.critic.a1", "A.i1.a1")


def test_a_foreground_task_is_refined_alone_too(drive):
    items = [alone("F"), gate("GF", own="F"), task("B"), gate("G", "F", "B"), task("C", "B")]
    run = drive(*items, script={"G": [LOW, HIGH], "C": Done(seconds=60)}).play()

    assert run.spans["F.i2.a1"][0] == run.spans["C.i1.a1"][1]


def test_a_blocked_foreground_task_keeps_nobody_waiting(drive):
    items = [task("A", resources={"db": 1}), alone("F", resources={"db": 1}), task("B"), task("C", "B")]
    run = drive(*items, script={"A": Done(seconds=100)}, resources={"db": 1}, parallel=2)
    run.play()

    assert run.acts[0] == "F.i1.a1", "it goes first when it can"

    items = [
        task("Z"),
        task("A", "Z", resources={"db": 1}),
        alone("F", "A2", resources={"db": 1}),
        task("A2", "Z"),
    ]
    items += [task("B", "A2"), task("C", "B")]
    run = drive(*items, script={"A": Done(seconds=100)}, resources={"db": 1}).play()

    assert run.spans["C.i1.a1"][0] == 1030
    assert run.spans["F.i1.a1"][0] == 1110


def test_tasks_that_take_the_same_counter_run_one_after_the_other(drive):
    items = [task("A", resources={"db": 1}), task("B", resources={"db": 1}), task("C")]
    run = drive(*items, resources={"db": 1}).play()

    assert not run.overlap("A.i1.a1", "B.i1.a1")
    assert run.overlap("A.i1.a1", "C.i1.a1")


def test_a_counter_of_two_lets_two_run(drive):
    items = [task(name, resources={"gpu": 1}) for name in "ABC"] + [task("D", resources={"gpu": 2})]
    run = drive(*items, resources={"gpu": 2}).play()

    assert run.overlap("A.i1.a1", "B.i1.a1")
    assert run.spans["C.i1.a1"][0] == 1010
    assert not any(run.overlap("D.i1.a1", f"{n}.i1.a1") for n in "ABC")


def test_resources_are_taken_all_at_once(drive):
    items = [
        task("A", resources={"db": 1}),
        task("B", resources={"db": 1, "gpu": 1}),
        task("C", resources={"gpu": 1}),
    ]
    run = drive(*items, script={"A": Done(seconds=50)}, resources={"db": 1, "gpu": 1}).play()

    assert run.spans["C.i1.a1"][0] == 1000, "B holds nothing while it waits"
    assert run.spans["B.i1.a1"][0] == 1050


def test_resources_are_held_until_the_own_gate_is_decided(drive):
    items = [task("A", resources={"db": 1}), gate("GA", own="A"), task("B", resources={"db": 1})]
    run = drive(*items, script={"GA": [LOW, HIGH]}, resources={"db": 1}).play()

    assert run.spans["B.i1.a1"][0] == run.spans["GA.i2.critic.a1"][1]


def test_resources_are_free_while_the_own_gate_is_paused(drive):
    items = [
        task("A", resources={"db": 1}),
        gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ASK),
    ]
    run = drive(*items, task("B", resources={"db": 1}), script={"GA": LOW}, resources={"db": 1}).play()

    assert run.state("B") == "passed"


def test_resources_are_held_while_a_task_is_tried_again(drive):
    items = [task("A", resources={"db": 1}, attempts=2, backoff=40), task("B", resources={"db": 1})]
    run = drive(*items, script={"A": [failed(), Done()]}, resources={"db": 1}).play()

    assert run.spans["B.i1.a1"][0] == run.spans["A.i1.a2"][1] == 1060


def test_resources_are_free_after_a_failure(drive):
    items = [task("A", resources={"db": 1}), gate("GA", own="A"), task("B", resources={"db": 1})]
    run = drive(*items, script={"A": failed()}, resources={"db": 1}).play()

    assert run.state("B") == "passed"


def test_a_wider_gate_that_refines_takes_the_resources_again(drive):
    items = [task("A", resources={"db": 1}), gate("G", "A"), task("B", resources={"db": 1})]
    run = drive(*items, script={"G": [LOW, HIGH], "B": Done(seconds=50)}, resources={"db": 1}).play()

    assert not run.overlap("A.i2.a1", "B.i1.a1")


def test_tasks_that_want_each_others_counters_do_not_block_each_other_for_ever(drive):
    one, two = {"a": 1, "b": 1}, {"b": 1, "a": 1}
    items = [task("A", resources=one), gate("GA", own="A"), task("B", resources=two), gate("GB", own="B")]
    items += [gate("G", "A", "B")]
    run = drive(*items, script={"G": [LOW, HIGH]}, resources={"a": 1, "b": 1}).play()

    assert run.run.state == "passed"
