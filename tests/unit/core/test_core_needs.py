"""Needs, order, phases, inputs: what may start when, and why something is skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from build import ALL_DONE, Done, Drive, Said, failed, gate, plan, task

from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.needs import Needs
from orchharness.core.orchestrator import RunView
from orchharness.core.plan import Input
from orchharness.errors import OrchError


def test_a_task_starts_when_all_it_needs_has_passed(drive):
    run = drive(task("A"), task("B"), task("C", "A", "B"), script={"B": Done(seconds=30)}).play()

    assert run.overlap("A.i1.a1", "B.i1.a1")
    assert run.spans["C.i1.a1"][0] == run.spans["B.i1.a1"][1]
    assert run.run.state == "passed"


def test_no_more_acts_run_than_the_limit_allows(drive):
    run = drive(*(task(f"T{n}") for n in range(10)), parallel=3).play()

    assert run.most == 3
    assert len(run.acts) == 10


def test_the_longest_rest_of_the_plan_goes_first(drive):
    items = [task("short", estimate=10), task("head", estimate=10), task("tail", "head", estimate=100)]
    run = drive(*items, task("middle", estimate=50), parallel=1).play()

    assert run.acts == ["head.i1.a1", "tail.i1.a1", "middle.i1.a1", "short.i1.a1"]


def test_without_estimates_plan_order_decides_between_equals(drive):
    run = drive(task("B"), task("A"), task("C"), parallel=1).play()

    assert run.acts == ["B.i1.a1", "A.i1.a1", "C.i1.a1"]


def test_a_phase_starts_when_the_one_before_is_decided(drive):
    one = [task("A", phase="one"), task("B", phase="one"), gate("G", "A", "B", phase="one")]
    run = drive(*one, task("C", phase="two"), script={"B": Done(seconds=50)}).play()

    assert run.spans["C.i1.a1"][0] == run.spans["G.i1.critic.a1"][1]


def test_a_failure_skips_everything_after_it_and_names_the_root(drive):
    items = [task("A"), gate("GA", own="A"), task("B", "A"), task("C", "B"), gate("G", "C"), task("D")]
    run = drive(*items, script={"A": failed("exit 3")}).play()

    assert run.state("A") == "failed"
    assert run.reason("A") == "exit 3"
    for item in ("GA", "B", "C", "G"):
        assert (run.state(item), run.reason(item)) == ("skipped", "A failed")
    assert run.state("D") == "passed"
    assert run.run.state == "failed"


def test_a_failed_gate_blocks_everything_that_needs_it(drive):
    items = [
        task("A"),
        gate("GA", own="A", max_iterations=1),
        task("B", "A"),
        task("C", "GA"),
        task("D", "C"),
    ]
    run = drive(*items, script={"GA": Said(score=0.5)}).play()

    assert run.state("A") == "passed"
    assert run.state("GA") == "failed"
    for item in ("B", "C", "D"):
        assert (run.state(item), run.reason(item)) == ("skipped", "GA failed")


def test_a_phase_with_a_failure_blocks_the_later_phases(drive):
    items = [task("A", phase="one"), task("B", phase="two"), task("C", phase="three")]
    run = drive(*items, script={"A": failed()}).play()

    assert run.reason("B") == run.reason("C") == "A failed"


def test_the_first_cause_in_plan_order_is_named_whichever_failed_first(drive):
    items = [task("A"), task("B"), task("C", "B", "A")]
    run = drive(*items, script={"A": failed(seconds=50), "B": failed(seconds=1)}).play()

    assert run.reason("C") == "A failed"


def test_a_clean_up_runs_after_failures_and_its_own_gate_judges_it(drive):
    items = [task("A", phase="one"), task("clean", phase="two", trigger_rule=ALL_DONE)]
    items += [gate("GC", own="clean", phase="two"), task("B", phase="two")]
    run = drive(*items, script={"A": failed()}).play()

    assert run.state("clean") == run.state("GC") == "passed"
    assert run.state("B") == "skipped"


def test_a_gate_in_a_later_phase_is_blocked_by_a_failure_before_it(drive):
    items = [task("A", phase="one"), task("B", phase="one"), gate("G", "B", phase="two")]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("G"), run.reason("G")) == ("skipped", "A failed")


def test_a_task_can_need_a_track_or_a_phase(drive):
    items = [task("A", track="t"), task("B", track="t"), task("C", "track:main/t", track="u")]
    run = drive(*items, script={"B": Done(seconds=40)}).play()

    assert run.spans["C.i1.a1"][0] == run.spans["B.i1.a1"][1]


def test_an_empty_group_is_over(drive):
    whole = plan(task("A", "track:main/none"))
    run = drive(replace(whole, groups={**whole.groups, "track:main/none": ()})).play()

    assert run.state("A") == "passed"


def test_a_task_reads_what_its_producer_released(drive):
    run = drive(task("A"), task("B", reads={"text": "A.out"})).play()

    assert run.read["B.i1.a1"] == {
        "text": [
            {
                "path": "A.out",
                "sha256": "A.i1.a1:out",
                "size": 1,
                "how": "by A.i1.a1",
                "item": "A",
                "output": "out",
            }
        ]
    }


def test_files_of_the_workspace_are_no_edge(drive):
    whole = plan(task("A"))
    reader = replace(whole.tasks["A"], inputs=(Input(name="docs", files="docs/*.md"),))
    run = drive(replace(whole, tasks={"A": reader})).play()

    assert run.state("A") == "passed"
    assert run.read["A.i1.a1"] == {}


def test_a_gathered_input_holds_what_exists(drive):
    items = [task("A"), task("B"), task("C", reads={"all": ["A.out", "B.out"]}, trigger_rule=ALL_DONE)]
    run = drive(*items, script={"A": failed()}).play()

    assert run.state("C") == "passed"
    assert [e["item"] for e in run.read["C.i1.a1"]["all"]] == ["B"]


def test_an_empty_gathered_input_skips_the_task_with_the_root_cause(drive):
    items = [task("A"), task("B"), task("C", reads={"all": ["A.out", "B.out"]}, trigger_rule=ALL_DONE)]
    run = drive(*items, script={"A": failed(), "B": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_a_missing_input_skips_the_task_although_it_may_run_after_failures(drive):
    items = [task("A"), task("B"), task("C", reads={"a": "A.out", "b": "B.out"}, trigger_rule=ALL_DONE)]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_an_output_that_is_nobodys_fault_skips_its_reader_and_fails_nothing(drive):
    items = [task("A", phase="one"), task("B", phase="one", reads={"x": ["A.out"]}), task("C", phase="two")]
    run = drive(*items, task("D", "B", phase="two"), script={"A": Done(outputs={})}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "input 'x' is empty: A gave nothing")
    assert run.state("C") == "passed", "a phase may start when the one before is passed or skipped"
    assert run.state("D") == "skipped"
    assert run.run.state == "passed"


def test_a_task_can_read_the_evaluation_of_a_gate(drive):
    items = [task("A"), gate("G", "A"), task("B", reads={"verdict": "G.evaluation"})]
    run = drive(*items, script={"G": Said(score=0.95, findings=({"severity": "minor", "what": "x"},))}).play()

    (entry,) = run.read["B.i1.a1"]["verdict"]
    assert entry["item"] == "G"
    assert (entry["evaluation"]["state"], entry["evaluation"]["score"]) == ("passed", "0.95")
    assert entry["evaluation"]["findings"][0]["what"] == "x"


def test_the_evaluation_of_a_failed_gate_can_be_read_by_a_clean_up(drive):
    items = [task("A"), gate("G", "A", max_iterations=1)]
    items.append(task("B", reads={"verdict": "G.evaluation"}, trigger_rule=ALL_DONE))
    run = drive(*items, script={"G": Said(score=0.5)}).play()

    assert run.read["B.i1.a1"]["verdict"][0]["evaluation"]["state"] == "failed"


def test_the_evaluation_of_a_gate_over_gates_can_be_read(drive):
    items = [task("A"), gate("G", "A"), gate("H", over=["G"]), task("B", reads={"v": "H.evaluation"})]
    run = drive(*items).play()

    assert run.read["B.i1.a1"]["v"][0]["evaluation"]["score"] == "1.00"


def test_a_gate_that_never_judged_has_no_evaluation_to_read(drive):
    items = [task("A"), gate("G", "A"), task("B", reads={"v": ["G.evaluation"]}, trigger_rule=ALL_DONE)]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")


def test_a_fault_of_execution_is_tried_again_in_the_same_iteration(drive):
    run = drive(task("A", attempts=3), script={"A": [failed(), Done(outcome=Outcome.TIMEOUT), Done()]}).play()

    assert run.acts == ["A.i1.a1", "A.i1.a2", "A.i1.a3"]
    assert run.path_of("A") == ["ready", "running"] * 3 + ["passed"]
    assert run.run.status("A").iteration == 1


def test_attempts_used_up_fail_the_task(drive):
    run = drive(task("A", attempts=2), script={"A": failed("exit 2")}).play()

    assert run.acts == ["A.i1.a1", "A.i1.a2"]
    assert run.reason("A") == "exit 2"


@pytest.mark.parametrize("outcome", [Outcome.EVIDENCE, Outcome.ERROR, Outcome.CANCELLED])
def test_what_is_no_fault_of_execution_is_not_tried_again(drive, outcome):
    run = drive(task("A", attempts=3), script={"A": Done(outcome=outcome)}).play()

    assert run.acts == ["A.i1.a1"]
    assert run.state("A") == ("cancelled" if outcome is Outcome.CANCELLED else "failed")
    assert run.reason("A") == outcome


def test_a_lost_task_says_so(drive):
    run = drive(task("A"), task("B", "A"), script={"A": Done(outcome=Outcome.LOST)}).play()

    assert run.state("A") == "lost"
    assert run.reason("B") == "A lost"
    assert run.run.state == "failed"


def test_back_off_doubles_and_the_orchestrator_says_when_to_ask_again(drive):
    run = drive(
        task("A", attempts=3, backoff=60), script={"A": [failed(seconds=10), failed(seconds=10), Done()]}
    )
    run.play(seconds=11)

    assert run.run.wake_at() == 1000 + 10 + 60
    assert run.run.decide(run.now, 5) == []
    assert run.state("A") == "ready"
    assert run.reason("A") == "exit 1; attempt 1 of 3"

    run.play()

    assert run.spans["A.i1.a2"][0] == 1070
    assert run.spans["A.i1.a3"][0] == 1080 + 120
    assert run.run.wake_at() is None


def test_other_work_goes_on_during_a_back_off(drive):
    items = [task("A", attempts=2, backoff=100), task("B"), task("C", "B")]
    run = drive(*items, parallel=1, script={"A": [failed(), Done()]}).play()

    assert run.acts == ["B.i1.a1", "A.i1.a1", "C.i1.a1", "A.i1.a2"]


def test_no_wake_up_is_asked_for_when_nothing_is_free(drive):
    run = drive(
        task("A", attempts=2, backoff=5),
        task("B"),
        parallel=1,
        script={"A": [failed(), Done()], "B": Done(seconds=50)},
    )
    run.play()  # the drive refuses to be woken in the past

    assert run.acts == ["A.i1.a1", "B.i1.a1", "A.i1.a2"]


def test_a_selection_runs_nothing_else(drive):
    whole = plan(task("A"), gate("GA", own="A"), task("B", "A"), task("C", "B"), task("D"))
    select = graph.closure(whole, ["B"])
    run = drive(whole, select=select).play()

    assert select == {"A", "GA", "B"}
    assert run.run.selected == ("A", "GA", "B")
    assert run.run.state == "passed"


def test_the_closure_of_a_gate_holds_its_members_and_what_they_need():
    whole = plan(
        task("A", phase="one"),
        task("B", phase="one"),
        task("C", "A", phase="two"),
        gate("GC", own="C", phase="two"),
        gate("G", "C", phase="two"),
        gate("H", over=["G"], phase="two"),
        task("Z", phase="three"),
    )

    assert graph.closure(whole, ["H"]) == {"A", "B", "C", "GC", "G", "H"}
    assert graph.closure(whole, ["phase:one"]) == {"A", "B"}
    assert graph.closure(whole, ["Z"]) == set(whole.tasks) | set(whole.gates)


def test_choosing_an_unknown_item_is_an_error_that_names_it():
    with pytest.raises(OrchError, match="plan 'p' has no task, gate or group 'X'"):
        graph.closure(plan(task("A")), ["X"])


def test_a_selection_that_lacks_a_need_is_refused(drive):
    with pytest.raises(OrchError, match="'B' needs 'A', which is not selected"):
        drive(task("A"), task("B", "A"), select=frozenset({"B"}))


def test_a_plan_without_items_is_over_and_passed():
    run = Drive(plan())

    assert run.run.over
    assert run.run.state == "passed"


def test_a_failure_before_ten_thousand_tasks_needs_no_deep_stack(drive):
    chain = [task("T0"), *(task(f"T{n}", f"T{n - 1}") for n in range(1, 10_000))]
    run = Drive(plan(*chain), {"T0": failed()}).play()

    assert run.reason("T9999") == "T0 failed"
    assert len(run.finals) == 10_000


def test_a_watcher_sees_the_run_as_it_stands(drive):
    run = drive(task("A"), gate("G", "A"))
    view = RunView(run.run)

    assert (view.plan, view.state, view.counts) == (run.plan, "running", {"ready": 1, "waiting": 1})

    run.play()

    assert (view.state, view.counts) == ("passed", {"passed": 2})
    assert [s.id for s in view.items()] == ["A", "G"]
    assert view.status("G").type == "gate"


def test_what_failed_stays_failed():
    needs = Needs(plan(task("A"), task("B", "A")), ["A", "B"])
    needs.settle("A", ok=False, root="A failed")
    needs.settle("A", ok=True)

    assert needs.settled == {"A": False}
