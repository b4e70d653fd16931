"""Refining: who works on findings, who judges again, and when a gate gives up."""

from __future__ import annotations

import pytest
from build import Done, Said, failed, finding, gate, task

from orchharness.core import events as ev
from orchharness.core.plan import Combine, OnExhausted, Refine

LOW, HIGH = Said(score=0.5), Said(score=0.95)


def blaming(*tasks: str, score: float = 0.5) -> Said:
    return Said(score=score, findings=tuple(finding(t) for t in tasks))


def test_a_gate_below_its_threshold_sends_the_task_back_with_the_findings(drive):
    run = drive(task("A"), gate("GA", own="A"), script={"GA": [blaming("A"), HIGH]}).play()

    assert run.acts == ["A.i1.a1", "GA.i1.critic.a1", "A.i2.a1", "GA.i2.critic.a1"]
    assert run.path_of("GA") == ["ready", "judging", "refining", "ready", "judging", "passed"]
    assert run.told["A.i1.a1"] is None
    assert run.told["A.i2.a1"] == {
        "gate": "GA",
        "iteration": 1,
        "score": "0.50",
        "threshold": "0.90",
        "findings": [{"severity": "minor", "task": "A", "what": "wrong", "critic": "critic"}],
    }
    refining = next(t for t in run.transitions if t.state == "refining")
    assert refining.to_record() == {
        "item": "GA",
        "was": "judging",
        "state": "refining",
        "reason": "0.50 < 0.90",
        "iteration": 1,
        "score": "0.50",
    }


def test_iterations_used_up_fail_the_gate(drive):
    run = drive(task("A"), gate("GA", own="A", max_iterations=2), task("B", "A"), script={"GA": LOW}).play()

    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1"]
    assert (run.state("GA"), run.reason("GA")) == ("failed", "0.50 < 0.90")
    assert run.state("A") == "passed"
    assert run.reason("B") == "GA failed"


def test_iterations_used_up_can_be_accepted_by_the_plan(drive):
    items = [
        task("A"),
        gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ACCEPT),
        task("B", "A"),
    ]
    run = drive(*items, script={"GA": LOW}).play()

    assert (run.state("GA"), run.run.status("GA").score) == ("waived", "0.50")
    assert run.state("B") == "passed"
    assert run.run.state == "passed"


def test_a_paused_run_does_the_rest_first(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ASK), task("B", "A")]
    run = drive(*items, task("C"), task("D", "C"), script={"GA": LOW, "C": Done(seconds=50)}).play()

    assert run.states() == {"A": "passed", "GA": "paused", "B": "waiting", "C": "passed", "D": "passed"}
    assert run.run.over
    assert run.run.state == "paused"
    assert run.finals == ["C", "D"]


def test_a_paused_run_with_a_failure_has_failed(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ASK), task("C")]
    run = drive(*items, script={"GA": LOW, "C": failed()}).play()

    assert run.run.state == "failed"


def test_the_blamed_members_work_again_and_those_downstream_of_them(drive):
    items = [
        task("A"),
        task("B", "A"),
        task("X", "B"),
        task("C", "X"),
        task("D"),
        gate("G", "A", "B", "C", "D"),
    ]
    run = drive(*items, script={"G": [blaming("B"), HIGH]}).play()

    assert run.acts[-4:] == ["G.i1.critic.a1", "B.i2.a1", "C.i2.a1", "G.i2.critic.a1"]
    assert run.state("G") == "passed"


def test_when_nobody_is_blamed_all_members_work_again(drive):
    items = [task("A"), task("B"), task("C", "A"), gate("G", "A", "B", "C")]
    run = drive(*items, script={"G": [blaming("elsewhere"), HIGH]}).play()

    assert run.acts[-5:] == ["G.i1.critic.a1", "A.i2.a1", "B.i2.a1", "C.i2.a1", "G.i2.critic.a1"]


def test_refine_all_ignores_blame(drive):
    items = [task("A"), task("B"), gate("G", "A", "B", refine=Refine.ALL)]
    run = drive(*items, script={"G": [blaming("B"), HIGH]}).play()

    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1"]


def test_the_way_downstream_may_lead_through_a_track(drive):
    items = [task("A", track="t"), task("B", "track:main/t", track="u"), gate("G", "A", "B", track="v")]
    items += [task("C", "G", phase="later")]
    run = drive(*items, script={"G": [blaming("A"), HIGH]}).play()

    assert run.acts_of("B") == ["B.i1.a1", "B.i2.a1"]
    assert run.spans["B.i2.a1"][0] == run.spans["A.i2.a1"][1]


def test_the_way_downstream_may_lead_over_phases(drive):
    items = [task("A", phase="one"), task("B", phase="two"), gate("G", "A", "B", phase="two")]
    items += [task("C", "A", phase="three")]
    run = drive(*items, script={"G": [blaming("A"), HIGH]}).play()

    assert run.acts_of("B") == ["B.i1.a1", "B.i2.a1"]
    assert run.acts_of("C") == ["C.i1.a1"]


def test_a_minimum_of_iterations_is_worked_although_the_first_passed(drive):
    run = drive(task("A"), gate("GA", own="A", min_iterations=2), script={"GA": HIGH}).play()

    assert run.acts_of("GA") == ["GA.i1.critic.a1", "GA.i2.critic.a1"]
    first = next(t for t in run.transitions if t.state == "refining")
    assert first.reason == "0.95 ≥ 0.90, but 2 iterations are asked for"
    assert run.state("GA") == "passed"


def test_more_iterations_than_there_may_be_cannot_be_asked_for(drive):
    run = drive(
        task("A"), gate("GA", own="A", min_iterations=3, max_iterations=1), script={"GA": HIGH}
    ).play()

    assert run.state("GA") == "passed"


def test_the_same_bytes_are_not_judged_again_and_two_such_rounds_exhaust_the_gate(drive):
    script = {"GA": LOW, "A": [Done(), Done(changed=False)]}
    run = drive(task("A"), gate("GA", own="A", max_iterations=9), script=script).play()

    assert run.acts == ["A.i1.a1", "GA.i1.critic.a1", "A.i2.a1", "A.i3.a1"]
    assert (run.state("GA"), run.reason("GA")) == ("failed", "no new work: 0.50 < 0.90")
    assert run.run.status("GA").iteration == 3
    assert run.reason("A") == "no new work"


def test_new_work_in_between_starts_the_count_again(drive):
    idle = Done(changed=False)
    script = {"GA": [LOW, LOW, HIGH], "A": [Done(), idle, Done(), idle, Done()]}
    run = drive(task("A"), gate("GA", own="A", max_iterations=9), script=script).play()

    assert run.state("GA") == "passed"
    assert run.acts_of("GA") == ["GA.i1.critic.a1", "GA.i3.critic.a1", "GA.i5.critic.a1"]


def test_a_round_without_new_work_counts_as_an_iteration(drive):
    script = {"GA": LOW, "A": [Done(), Done(changed=False)]}
    run = drive(task("A"), gate("GA", own="A", max_iterations=2), script=script).play()

    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1"]
    assert run.state("GA") == "failed"


def test_a_verdict_that_passed_is_not_lost_when_there_is_no_new_work(drive):
    script = {"GA": HIGH, "A": [Done(), Done(changed=False)]}
    run = drive(task("A"), gate("GA", own="A", min_iterations=2), script=script).play()

    assert run.acts_of("GA") == ["GA.i1.critic.a1"]
    assert (run.state("GA"), run.reason("GA")) == ("passed", "no new work: 0.95 ≥ 0.90")


def test_bytes_that_differ_are_new_work_whatever_the_last_attempt_saw(drive):
    """The attempt before it wrote them and was killed."""
    script = {"GA": [LOW, HIGH], "A": [Done(), failed(), Done(changed=False, outputs={"out": "new"})]}
    run = drive(task("A", attempts=2), gate("GA", own="A"), script=script).play()

    assert run.acts_of("GA") == ["GA.i1.critic.a1", "GA.i2.critic.a1"]


def test_a_task_that_fails_in_refinement_fails_the_gate(drive):
    items = [task("A"), gate("GA", own="A"), task("B", "A")]
    run = drive(*items, script={"GA": LOW, "A": [Done(), failed("exit 9")]}).play()

    assert (run.state("A"), run.reason("A")) == ("failed", "exit 9")
    assert (run.state("GA"), run.reason("GA")) == ("failed", "A failed in iteration 2: exit 9")
    assert run.reason("B") == "GA failed"


def test_a_fault_in_refinement_is_tried_again_first(drive):
    script = {"GA": [LOW, HIGH], "A": [Done(), failed(), Done()]}
    run = drive(task("A", attempts=2), gate("GA", own="A"), script=script).play()

    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1", "A.i2.a2"]
    assert run.told["A.i2.a2"] == run.told["A.i2.a1"]
    assert run.state("GA") == "passed"


def test_a_gate_that_lost_a_member_waits_for_the_others_at_work(drive):
    items = [task("A"), task("B"), task("C", "B"), gate("G", "A", "B", "C")]
    script = {"G": LOW, "A": [Done(), failed(seconds=1)], "B": [Done(), Done(seconds=60)]}
    run = drive(*items, script=script).play()

    ended = next(t for t in run.transitions if t.item == "G" and t.state == "failed")
    assert ended.reason == "A failed in iteration 2: exit 1"
    assert run.acts_of("C") == ["C.i1.a1"], "nobody new goes to work for it"
    assert run.finals[-1] in {"B", "C", "G"}
    assert run.state("B") == "passed"


def test_a_wider_gate_has_the_own_gate_judge_again_first(drive):
    items = [task("A"), gate("GA", own="A"), task("B", "A"), gate("G", "A", "B")]
    run = drive(*items, script={"G": [blaming("A"), HIGH]}).play()

    assert run.acts[3:] == ["G.i1.critic.a1", "A.i2.a1", "GA.i2.critic.a1", "B.i2.a1", "G.i2.critic.a1"]
    assert run.path_of("GA")[-4:] == ["passed", "ready", "judging", "passed"]


def test_the_own_gate_has_all_its_iterations_again(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=2), task("B"), gate("G", "A", "B")]
    run = drive(*items, script={"GA": [HIGH, LOW, HIGH], "G": [blaming("A"), HIGH]}).play()

    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1", "A.i3.a1"]
    assert run.told["A.i3.a1"]["gate"] == "GA"
    assert run.run.state == "passed"


def test_the_own_gate_does_not_judge_the_same_bytes_again(drive):
    items = [
        task("A", resources={"gpu": 1}),
        gate("GA", own="A"),
        task("B"),
        gate("G", "A", "B", refine=Refine.ALL),
    ]
    items += [task("C", "G", resources={"gpu": 1})]
    script = {"G": [LOW, HIGH], "A": [Done(), Done(changed=False)]}
    run = drive(*items, script=script, resources={"gpu": 1}).play()

    assert run.acts_of("GA") == ["GA.i1.critic.a1"]
    assert run.state("C") == "passed", "the resources are free again"


def test_an_own_gate_that_fails_in_refinement_fails_the_wider_gate(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1), gate("G", "A"), task("B", "A"), task("C", "G")]
    run = drive(*items, script={"GA": [HIGH, LOW], "G": LOW, "B": Done(seconds=1)}).play()

    assert (run.state("GA"), run.reason("GA")) == ("failed", "0.50 < 0.90")
    assert (run.state("G"), run.reason("G")) == ("failed", "GA failed in refinement")
    assert run.state("B") == "passed", "it read what had been released to it"
    assert run.reason("C") == "G failed"


def test_what_was_not_started_is_blocked_by_a_success_that_is_taken_back(drive):
    items = [
        task("A"),
        gate("GA", own="A", max_iterations=1),
        gate("G", "A"),
        task("slow"),
        task("B", "A", "slow"),
    ]
    items += [task("C", phase="later")]
    run = drive(*items, script={"GA": [HIGH, LOW], "G": LOW, "slow": Done(seconds=200)}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "GA failed")
    assert run.reason("C") == "GA failed"


def test_ready_work_is_skipped_when_a_success_is_taken_back(drive):
    items = [task("A"), gate("G", "A"), task("B", "A", resources={"db": 1}), task("D", resources={"db": 1})]
    items += [task("E", "A", resources={"db": 1}, trigger_rule="all_done")]
    script = {"A": [Done(), failed(seconds=1)], "G": LOW, "D": Done(seconds=200)}
    run = drive(*items, script=script, resources={"db": 1}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")
    assert run.state("E") == "passed"


def test_a_gate_relies_on_its_members_and_its_dependents_on_it(drive):
    """GA passed for the first iteration; A failed in the second, so nobody may build on it any more."""
    items = [task("A"), gate("GA", own="A"), gate("G", "A"), task("slow"), task("B", "A", "slow")]
    run = drive(*items, script={"A": [Done(), failed(seconds=1)], "G": LOW, "slow": Done(seconds=200)}).play()

    assert run.state("GA") == "passed"
    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")


def test_readers_get_released_bytes_while_newer_ones_are_judged(drive):
    items = [
        task("A"),
        gate("GA", own="A"),
        gate("G", "A"),
        task("slow"),
        task("B", "slow", reads={"a": "A.out"}),
    ]
    items += [task("C", "slow", reads={"v": "GA.evaluation"})]
    script = {"GA": [HIGH, Said(seconds=100)], "G": [LOW, HIGH], "slow": Done(seconds=40)}
    run = drive(*items, script=script).play()

    assert run.overlap("B.i1.a1", "GA.i2.critic.a1")
    assert run.read["B.i1.a1"]["a"][0]["sha256"] == "A.i1.a1:out"
    assert run.read["C.i1.a1"]["v"][0]["evaluation"]["score"] == "0.95"
    assert run.warnings("B") == ("superseded input 'a': A.out was refined after it was read",)


def test_a_reader_outside_the_gate_keeps_what_it_read_and_says_so(drive):
    items = [task("A"), task("B", reads={"text": "A.out"}), gate("G", "A")]
    run = drive(*items, script={"G": [LOW, LOW, HIGH]}).play()

    assert run.acts_of("B") == ["B.i1.a1"]
    assert run.warnings("B") == ("superseded input 'text': A.out was refined after it was read",)
    noted = [t for t in run.transitions if t.item == "B" and t.warnings]
    assert [(t.was, t.state, t.to_record()["warnings"]) for t in noted] == [
        (noted[0].state, noted[0].state, list(run.warnings("B")))
    ]


def test_bytes_rewritten_alike_supersede_nothing(drive):
    items = [task("A"), task("B", reads={"text": "A.out"}), gate("G", "A")]
    script = {"A": Done(outputs={"out": "same"}), "G": [LOW, HIGH]}
    run = drive(*items, script=script).play()

    assert run.warnings("B") == ()


def test_only_the_output_that_was_replaced_is_superseded(drive):
    items = [
        task("A", outputs=("x", "y")),
        task("B", reads={"x": "A.x"}),
        task("C", reads={"y": "A.y"}),
        gate("G", "A"),
    ]
    script = {"A": [Done(outputs={"x": "1", "y": "1"}), Done(outputs={"x": "1", "y": "2"})], "G": [LOW, HIGH]}
    run = drive(*items, task("D", reads={"g": "G.evaluation"}), script=script).play()

    assert run.warnings("B") == ()
    assert run.warnings("C") != ()


def test_a_reader_that_is_refined_too_reads_anew_without_a_warning(drive):
    items = [task("A"), task("B", reads={"text": "A.out"}), gate("G", "A", "B")]
    run = drive(*items, script={"G": [blaming("A"), HIGH]}).play()

    assert run.read["B.i2.a1"]["text"][0]["sha256"] == "A.i2.a1:out"
    assert run.warnings("B") == ()


def test_two_gates_over_one_task_are_at_work_one_after_the_other(drive):
    items = [task("A"), task("B"), gate("G", "A"), gate("H", "A", "B")]
    run = drive(*items, script={"G": [LOW, HIGH], "H": HIGH}).play()

    assert run.acts[2:] == ["G.i1.critic.a1", "A.i2.a1", "G.i2.critic.a1", "H.i1.critic.a1"]


def test_a_gate_whose_bytes_another_had_replaced_judges_again_before_that_one(drive):
    items = [task("A"), task("B"), gate("G", "A"), gate("H", "A", "B"), task("C", "G")]
    run = drive(*items, script={"H": [blaming("A"), HIGH], "B": Done(seconds=30)}).play()

    assert run.acts_of("A", "G", "H") == [
        "A.i1.a1",
        "G.i1.critic.a1",
        "H.i1.critic.a1",
        "A.i2.a1",
        "G.i2.critic.a1",
        "H.i2.critic.a1",
    ]
    assert run.finals.index("G") > run.finals.index("C"), "G is not final while H can have A refined"


def test_a_gate_that_judges_again_may_refine_in_turn(drive):
    items = [task("A"), task("B"), gate("G", "A"), gate("H", "A", "B")]
    script = {"G": [HIGH, LOW, HIGH], "H": [blaming("B"), blaming("A"), HIGH], "B": Done(seconds=30)}
    run = drive(*items, script=script).play()

    assert run.acts_of("A", "G", "H") == [
        "A.i1.a1",
        "G.i1.critic.a1",
        "H.i1.critic.a1",
        "H.i2.critic.a1",
        "A.i2.a1",
        "G.i2.critic.a1",
        "A.i3.a1",
        "G.i3.critic.a1",
        "H.i3.critic.a1",
    ]


def test_a_gate_that_fails_when_it_judges_again_takes_its_pass_back(drive):
    items = [
        task("A"),
        gate("G", "A", max_iterations=1),
        gate("H", "A"),
        task("slow"),
        task("C", "G", "slow"),
    ]
    script = {"G": [HIGH, LOW], "H": [LOW, HIGH], "slow": Done(seconds=300)}
    run = drive(*items, script=script).play()

    assert (run.state("G"), run.state("H")) == ("failed", "passed")
    assert run.reason("C") == "G failed"


def test_three_overlapping_gates_end_with_verdicts_on_the_final_bytes(drive):
    items = [task("A"), task("B"), task("C"), gate("F", "A", "B"), gate("G", "B", "C"), gate("H", "A", "C")]
    script = {"F": [HIGH, LOW, HIGH], "G": [LOW, HIGH, LOW, HIGH], "H": [LOW, HIGH]}
    run = drive(*items, script=script).play()

    assert run.run.state == "passed"


def test_a_gate_that_was_to_judge_a_lost_member_is_skipped(drive):
    items = [task("A"), task("B"), gate("G", "A"), gate("H", "A", "B"), gate("K", over=["H"])]
    run = drive(*items, script={"G": LOW, "A": [Done(), failed("exit 4")]}).play()

    assert (run.state("H"), run.reason("H")) == ("skipped", "A failed")
    assert run.reason("K") == "A failed"


def test_a_gate_over_gates_is_computed_again_when_one_of_them_judged_again(drive):
    items = [task("A"), gate("GA", own="A"), gate("M", over=["GA"], aggregate=Combine.MEAN), gate("H", "A")]
    items += [gate("N", over=["M"])]
    script = {"GA": [Said(score=0.92), Said(score=0.99)], "H": [LOW, HIGH]}
    run = drive(*items, script=script).play()

    assert run.run.status("M").score == "0.99"
    assert run.run.status("N").score == "0.99"
    assert run.path_of("M") == ["passed"]
    assert [t.score for t in run.transitions if t.item == "M"] == ["0.92", "0.99"]


def test_a_gate_over_gates_can_fail_when_it_is_computed_again(drive):
    items = [task("A"), gate("GA", own="A", threshold="0.5"), gate("M", over=["GA"]), gate("H", "A")]
    run = drive(*items, script={"GA": [Said(score=0.92), Said(score=0.8)], "H": [LOW, HIGH]}).play()

    assert (run.state("GA"), run.state("M"), run.reason("M")) == ("passed", "failed", "0.80 < 0.90")


def test_a_gate_over_gates_fails_with_the_gate_it_counted(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1), gate("M", over=["GA"]), gate("H", "A")]
    run = drive(*items, script={"GA": [HIGH, LOW], "H": LOW}).play()

    assert (run.state("M"), run.reason("M")) == ("failed", "GA failed")


@pytest.mark.parametrize("iterations", [1, 2])
def test_a_gate_that_pauses_when_it_judges_again_is_not_final(drive, iterations):
    items = [
        task("A"),
        gate("G", "A", max_iterations=iterations, on_exhausted=OnExhausted.ASK),
        gate("H", "A"),
    ]
    run = drive(*items, script={"G": [HIGH, LOW], "H": [LOW, HIGH]}).play()

    assert run.states() == {"A": "passed", "G": "paused", "H": "passed"}
    assert sorted(run.finals) == (["A", "H"] if iterations == 1 else []), "a person may send A back"
    assert run.run.state == "paused"


def test_a_paused_gate_judges_again_when_its_bytes_were_replaced(drive):
    items = [task("A"), gate("G", "A", max_iterations=1, on_exhausted=OnExhausted.ASK), gate("H", "A")]
    run = drive(*items, script={"G": [LOW, HIGH], "H": [LOW, HIGH]}).play()

    assert run.path_of("G") == ["ready", "judging", "paused", "ready", "judging", "passed"]
    assert run.run.state == "passed"


def test_a_member_is_final_only_when_no_gate_can_send_it_back(drive):
    items = [task("A"), gate("GA", own="A"), task("B"), gate("G", "A", "B"), task("C", "A")]
    run = drive(*items, script={"G": [LOW, HIGH]}).play()

    assert run.finals.index("C") < run.finals.index("A")
    assert set(run.finals[-4:]) == {"A", "GA", "B", "G"}


def test_a_gate_that_can_send_nobody_back_delays_nobody(drive):
    items = [task("A"), task("B"), gate("G", "A", "B", max_iterations=1)]
    run = drive(*items, script={"G": LOW}).play()

    assert run.finals == ["A", "B", "G"]


def test_a_task_is_final_with_its_own_gate(drive):
    run = drive(task("A"), gate("GA", own="A", max_iterations=1)).play()

    assert sorted(run.finals) == ["A", "GA"]
    assert run.state_when_final == {"A": "passed", "GA": "passed"}


def test_what_judges_changing_while_a_task_is_refined_ends_the_gate_when_it_is_back(drive):
    run = drive(task("A"), gate("GA", own="A"), script={"GA": LOW, "A": Done(seconds=50)})
    run.at(60, ev.GateInputsChanged, gates=("GA",), paths=("/rubric.md",)).play()

    assert (run.state("GA"), run.reason("GA")) == ("error", "gate inputs changed: /rubric.md")
    assert run.acts_of("A") == ["A.i1.a1", "A.i2.a1"]
    assert run.spans["A.i2.a1"] == (1055, 1105)


def test_an_own_gate_in_error_has_no_say_in_a_refinement(drive):
    items = [
        task("A", resources={"db": 1}),
        gate("GA", own="A"),
        gate("G", "A"),
        task("Z", "G", resources={"db": 1}),
    ]
    run = drive(*items, script={"G": LOW}, resources={"db": 1})
    run.warped = True
    run.at(17, ev.GateInputsChanged, gates=("GA",), paths=("/rubric.md",)).play()

    assert run.state("GA") == "error"
    assert (run.state("G"), run.reason("G")) == ("failed", "GA error in refinement")
    assert run.reason("Z") == "G failed"


def test_a_member_lost_to_one_gate_is_lost_to_the_one_that_waits_for_it(drive):
    """H has A refined, so G judges again, refines A in turn and loses it: H has nothing to judge either."""
    items = [task("A"), gate("G", "A"), gate("H", "A")]
    script = {"A": [Done(), Done(), failed("exit 5")], "G": [HIGH, LOW], "H": LOW}
    run = drive(*items, script=script).play()

    assert run.reason("G") == run.reason("H") == "A failed in iteration 3: exit 5"


@pytest.mark.parametrize("refine", list(Refine))
def test_a_long_chain_is_refined_in_order(drive, refine):
    items = [task("T0"), *(task(f"T{n}", f"T{n - 1}") for n in range(1, 30))]
    run = drive(
        *items, gate("G", *(t.id for t in items), refine=refine), script={"G": [blaming("T10"), HIGH]}
    ).play()

    again = [f"T{n}.i2.a1" for n in range(10 if refine is Refine.BLAMED else 0, 30)]
    assert run.acts[31:-1] == again


def test_a_gate_keeps_what_its_checks_read_when_that_fails_later(drive):
    items = [
        task("S"),
        gate("G", "S"),
        task("A"),
        gate("GA", own="A", check_reads=["S.out"]),
        gate("M", over=["GA"]),
    ]
    script = {"S": [Done(), failed(seconds=100)], "G": LOW}
    run = drive(*items, script=script).play()

    assert run.states() == {"S": "failed", "G": "failed", "A": "passed", "GA": "passed", "M": "passed"}


def test_what_judges_an_owner_changing_takes_wider_passes_back_too(drive):
    items = [task("A"), gate("GA", own="A"), gate("G", "A"), task("slow"), task("B", "G", "slow")]
    run = drive(*items, script={"slow": Done(seconds=100)})
    run.warped = True
    run.at(50, ev.GateInputsChanged, gates=("GA",), paths=("/r",)).play()

    assert (run.state("G"), run.state("B"), run.reason("B")) == ("passed", "skipped", "GA error")


def test_a_gate_over_gates_in_a_later_phase_keeps_its_verdict_when_another_gate_of_the_phase_fails(drive):
    items = [task("A", phase="one"), gate("GA", own="A", phase="one", max_iterations=1)]
    items += [task("B", phase="one"), gate("GB", own="B", phase="one")]
    items += [gate("M", over=["GB"], phase="two"), gate("N", over=["GB"], phase="two", threshold="0.99")]
    items += [gate("H", "A", phase="two")]
    script = {"GA": [HIGH, LOW], "GB": HIGH, "H": LOW}
    run = drive(*items, script=script).play()

    assert {i: run.state(i) for i in ("GA", "H", "M", "N")} == {
        "GA": "failed",
        "H": "failed",
        "M": "passed",
        "N": "failed",
    }


def test_a_member_after_two_others_waits_for_both(drive):
    items = [task("A"), task("B"), task("C", "A", "B"), gate("G", "A", "B", "C")]
    script = {"G": [LOW, HIGH], "B": [Done(), Done(seconds=70)]}
    run = drive(*items, script=script).play()

    assert run.spans["C.i2.a1"][0] == run.spans["B.i2.a1"][1]


def test_a_gate_that_waits_for_another_to_judge_again_goes_on_when_that_never_will(drive):
    items = (
        task("A"),
        gate("O", own="A", max_iterations=1),
        task("B"),
        gate("M", "A", "B", max_iterations=2),
        task("LATER"),
        gate("W", "A", max_iterations=2, needs=("LATER",)),
        gate("N", "B", max_iterations=2, needs=("LATER",)),
    )
    script = {
        "O": [Said(score=1), Said(score=0.2, seconds=50)],  # what M judged is lost, while N waits for M
        "LATER": Done(seconds=40),
        "W": Said(score=0.2),
        "N": [Said(score=0.2), Said(score=1)],
    }
    played = drive(*items, script=script).play()

    assert played.path_of("M") == ["ready", "judging", "passed"]
    assert played.state("W") == "failed"
    assert played.state("N") == "passed"
