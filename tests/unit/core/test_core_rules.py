"""Trigger rules, and failures that the plan allows: who goes on, who is skipped, and what the run is called."""

from __future__ import annotations

import pytest
from build import ALL_DONE, NONE_FAILED, ONE_SUCCESS, Done, Said, failed, finding, gate, plan, task

from orchharness.core import events as ev
from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.definition import changes, definition_of
from orchharness.core.past import past_of
from orchharness.core.plan import OnExhausted
from orchharness.core.resuming import resume

EMPTY = Done(outputs={})


def lint(**more):
    return task("lint", allow_failure=True, **more)


# ---- none_failed ---------------------------------------------------------------------------------


def test_none_failed_starts_when_all_passed(drive):
    run = drive(task("A"), task("B"), task("C", "A", "B", trigger_rule=NONE_FAILED)).play()

    assert run.state("C") == "passed"


def test_none_failed_is_skipped_by_a_failure_and_names_the_root(drive):
    items = [task("A"), task("B", "A"), task("C", "B", trigger_rule=NONE_FAILED)]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_none_failed_goes_on_after_a_skip_without_a_failure_behind_it(drive):
    items = [task("A"), task("B", reads={"x": ["A.out"]}), task("C", "B")]
    run = drive(*items, task("D", "B", "C", trigger_rule=NONE_FAILED), script={"A": EMPTY}).play()

    assert run.reason("C") == "input 'x' is empty: A gave nothing"
    assert run.states() == {"A": "passed", "B": "skipped", "C": "skipped", "D": "passed"}
    assert run.run.state == "passed"


def test_none_failed_sees_the_verdict_of_a_gate(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1), task("B", "A", trigger_rule=NONE_FAILED)]
    run = drive(*items, script={"GA": Said(score=0.5)}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "GA failed")


def test_a_gate_that_could_not_judge_is_a_failure(drive):
    items = [task("A"), gate("GA", own="A"), task("B", "A", trigger_rule=NONE_FAILED)]
    run = drive(*items, script={"GA": Said(outcome=Outcome.EXIT)}).play()

    assert (run.state("GA"), run.state("B"), run.reason("B")) == ("error", "skipped", "GA error")


@pytest.mark.parametrize("rule", [NONE_FAILED, ONE_SUCCESS])
def test_a_waived_gate_is_a_success(drive, rule):
    own = gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ACCEPT)
    run = drive(task("A"), own, task("B", "A", trigger_rule=rule), script={"GA": Said(score=0.5)}).play()

    assert (run.state("GA"), run.state("B")) == ("waived", "passed")


@pytest.mark.parametrize("rule", [NONE_FAILED, ONE_SUCCESS, ALL_DONE])
def test_a_paused_gate_is_not_over(drive, rule):
    own = gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ASK)
    items = [task("A"), own, task("B"), task("C", "A", "B", trigger_rule=rule)]
    run = drive(*items, script={"GA": Said(score=0.5)}).play()

    assert (run.state("GA"), run.state("C"), run.run.state) == ("paused", "waiting", "paused")


def test_none_failed_counts_the_phase_before(drive):
    items = [task("A", phase="one"), task("B", phase="two", trigger_rule=NONE_FAILED)]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")


# ---- one_success ---------------------------------------------------------------------------------


def test_one_success_waits_for_all_and_starts_when_one_passed(drive):
    items = [task("A"), task("B"), task("C", "A", "B", trigger_rule=ONE_SUCCESS)]
    run = drive(*items, script={"A": Done(seconds=1), "B": failed(seconds=50)}).play()

    assert run.spans["C.i1.a1"][0] == run.spans["B.i1.a1"][1]
    assert run.state("C") == "passed"


def test_one_success_is_skipped_when_nothing_passed_and_names_the_first_root(drive):
    items = [task("A"), task("B", "A"), task("C"), task("D", "C", "B", trigger_rule=ONE_SUCCESS)]
    run = drive(*items, script={"A": failed(), "C": failed()}).play()

    assert (run.state("D"), run.reason("D")) == ("skipped", "A failed")


def test_a_good_phase_before_is_not_the_one_success_of_a_task_that_needs_others(drive):
    items = [task("P", phase="one"), task("A", phase="two"), task("B", phase="two")]
    items.append(task("C", "A", "B", phase="two", trigger_rule=ONE_SUCCESS))
    run = drive(*items, script={"A": failed(), "B": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_a_bad_phase_before_does_not_stop_a_task_of_which_one_need_passed(drive):
    items = [task("P", phase="one"), task("A", phase="two", trigger_rule=ALL_DONE), task("B", phase="two")]
    items.append(task("C", "A", "B", phase="two", trigger_rule=ONE_SUCCESS))
    run = drive(*items, script={"P": failed()}).play()

    assert run.states() == {"P": "failed", "A": "passed", "B": "skipped", "C": "passed"}


@pytest.mark.parametrize(("how", "state"), [(Done(), "passed"), (failed(), "skipped")])
def test_one_success_of_a_task_that_needs_nothing_itself_is_the_phase_before(drive, how, state):
    items = [task("P", phase="one"), task("A", phase="two", trigger_rule=ONE_SUCCESS)]
    run = drive(*items, script={"P": how}).play()

    assert run.state("A") == state


def test_one_success_of_a_task_that_needs_nothing_at_all_starts_at_once(drive):
    run = drive(task("A", trigger_rule=ONE_SUCCESS)).play()

    assert run.state("A") == "passed"


def test_what_the_checks_of_its_own_gate_read_is_no_success_of_the_task(drive):
    items = [task("A"), task("B"), task("C", "A", trigger_rule=ONE_SUCCESS)]
    run = drive(*items, gate("GC", own="C", check_reads=["B.out"]), script={"A": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_a_success_that_is_taken_back_stops_a_task_that_was_not_started(drive):
    """`wide` has A refined while C waits for a place; A is lost, and it was the only success."""
    items = [task("A"), task("B"), gate("wide", "A", "B"), task("X", resources={"db": 1})]
    items.append(task("C", "A", resources={"db": 1}, trigger_rule=ONE_SUCCESS))
    script = {
        "A": [Done(seconds=2), failed(seconds=5)],
        "B": Done(seconds=2),
        "X": Done(seconds=100),
        "wide": Said(score=0.2, findings=(finding("A"),)),
    }
    run = drive(*items, resources={"db": 1}, script=script).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_a_missing_input_skips_also_where_the_rule_would_let_it_start(drive):
    items = [task("A"), task("B"), task("C", "B", reads={"a": "A.out"}, trigger_rule=ONE_SUCCESS)]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "A failed")


def test_an_empty_input_is_no_consequence_of_somebody_elses_failure(drive):
    reader = task("C", "A", reads={"x": ["B.out"]}, trigger_rule=ALL_DONE, phase="one")
    items = [
        task("A", phase="one", allow_failure=True),
        task("B", phase="one"),
        reader,
        task("D", phase="two"),
    ]
    run = drive(*items, script={"A": failed(), "B": EMPTY}).play()

    assert (run.state("C"), run.reason("C")) == ("skipped", "input 'x' is empty: B gave nothing")
    assert run.state("D") == "passed"


# ---- allow_failure -------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.EXIT, Outcome.TIMEOUT, Outcome.LOST, Outcome.EVIDENCE])
def test_an_allowed_failure_is_a_failure_that_does_not_fail_the_run(drive, outcome):
    run = drive(lint(), task("A"), script={"lint": Done(outcome=outcome)}).play()

    assert run.state("lint") in {"failed", "lost"}
    assert run.run.state == "passed"


def test_another_failure_beside_an_allowed_one_fails_the_run(drive):
    run = drive(lint(), task("A"), script={"lint": failed(), "A": failed()}).play()

    assert run.run.state == "failed"


def test_an_act_that_somebody_cancelled_is_no_failure_that_the_plan_allows(drive):
    run = drive(lint(), task("A", "lint"), script={"lint": Done(outcome=Outcome.CANCELLED)}).play()

    assert (run.state("lint"), run.state("A"), run.run.state) == ("cancelled", "skipped", "failed")


@pytest.mark.parametrize("rule", ["all_success", "none_failed", "all_done"])
def test_what_only_waits_for_an_allowed_failure_goes_on(drive, rule):
    run = drive(
        lint(), task("A", "lint", trigger_rule=type(ALL_DONE)(rule)), script={"lint": failed()}
    ).play()

    assert run.state("A") == "passed"


def test_an_allowed_failure_is_no_success(drive):
    run = drive(lint(), task("A", "lint", trigger_rule=ONE_SUCCESS), script={"lint": failed()}).play()

    assert (run.state("A"), run.reason("A"), run.run.state) == ("skipped", "lint failed", "passed")


def test_what_reads_from_an_allowed_failure_is_skipped_and_so_is_what_needs_that(drive):
    items = [lint(phase="one"), task("A", phase="one", reads={"x": "lint.out"}), task("B", "A", phase="one")]
    run = drive(*items, task("C", phase="two"), script={"lint": failed()}).play()

    assert (run.reason("A"), run.reason("B")) == ("lint failed", "lint failed")
    assert run.states() == {"lint": "failed", "A": "skipped", "B": "skipped", "C": "passed"}
    assert run.run.state == "passed"


def test_a_task_in_between_is_skipped_by_a_failure_although_it_may_fail_itself(drive):
    items = [task("A"), task("lint", "A", allow_failure=True), task("B", "lint")]
    run = drive(*items, script={"A": failed()}).play()

    assert (run.state("lint"), run.state("B"), run.reason("B")) == ("skipped", "skipped", "A failed")


def test_a_failed_gate_of_a_task_that_may_fail_is_allowed(drive):
    own = gate("GL", own="lint", max_iterations=1)
    run = drive(lint(), own, task("A", "lint"), script={"GL": Said(score=0.5)}).play()

    assert run.states() == {"lint": "passed", "GL": "failed", "A": "passed"}
    assert run.run.state == "passed"


def test_unproven_work_is_never_handed_over_although_it_may_fail(drive):
    own = gate("GL", own="lint", max_iterations=1)
    run = drive(lint(), own, task("A", reads={"x": "lint.out"}), script={"GL": Said(score=0.5)}).play()

    assert (run.state("A"), run.reason("A")) == ("skipped", "GL failed")


def test_the_gate_of_an_allowed_failure_is_skipped_and_blocks_nobody(drive):
    run = drive(lint(), gate("GL", own="lint"), task("A", "lint"), script={"lint": failed()}).play()

    assert (run.state("GL"), run.reason("GL")) == ("skipped", "lint failed")
    assert (run.state("A"), run.run.state) == ("passed", "passed")


def test_a_task_that_may_fail_and_passed_is_not_let_through_when_nobody_can_judge_it(drive):
    """What the checks of its gate read failed, which was allowed: that is no failure of the task itself."""
    items = [lint(), task("A", allow_failure=True), gate("GA", own="A", check_reads=["lint.out"])]
    run = drive(*items, task("B", "A"), script={"lint": failed()}).play()

    assert run.states() == {"lint": "failed", "A": "passed", "GA": "skipped", "B": "skipped"}
    assert (run.reason("B"), run.run.state) == ("lint failed", "passed")


def test_a_gate_over_an_allowed_failure_is_skipped_with_what_needs_it(drive):
    items = [lint(phase="one"), task("A", phase="one"), gate("G", "lint", "A", phase="one")]
    items += [task("B", "G", phase="one"), task("C", phase="two")]
    run = drive(*items, script={"lint": failed()}).play()

    assert (run.reason("G"), run.reason("B")) == ("lint failed", "lint failed")
    assert (run.state("C"), run.run.state) == ("passed", "passed")


def test_a_gate_over_the_gate_of_an_allowed_failure_is_skipped(drive):
    items = [lint(), gate("GL", own="lint", max_iterations=1), task("A"), gate("GA", own="A")]
    run = drive(*items, gate("G", over=["GL", "GA"]), script={"GL": Said(score=0.1)}).play()

    assert (run.state("G"), run.reason("G"), run.run.state) == ("skipped", "GL failed", "passed")


def test_a_gate_that_only_waits_for_an_allowed_failure_judges(drive):
    run = drive(lint(), task("A"), gate("G", "A", needs=("lint",)), script={"lint": failed()}).play()

    assert run.state("G") == "passed"


def test_a_queued_gate_that_only_waits_for_a_lost_success_judges_all_the_same(drive):
    """`first` has lint refined while `second` waits for its turn at A and needs lint for its order only."""
    items = [lint(), task("A"), gate("first", "lint", "A"), gate("second", "A", needs=("lint",))]
    script = {
        "lint": [Done(), failed()],
        "first": Said(score=0.1, seconds=5, findings=(finding("lint"),)),
        "second": Said(seconds=9),
    }
    run = drive(*items, script=script).play()

    assert (run.state("first"), run.state("second")) == ("failed", "passed")


def test_a_track_and_a_phase_with_an_allowed_failure_are_successes(drive):
    items = [lint(phase="one", track="t"), task("A", "track:one/t", phase="one", track="u")]
    run = drive(*items, task("B", phase="two"), script={"lint": failed()}).play()

    assert (run.state("A"), run.state("B")) == ("passed", "passed")


def test_an_allowed_failure_beside_a_real_one_hides_nothing(drive):
    items = [lint(phase="one"), task("A", phase="one"), task("B", phase="two")]
    run = drive(*items, script={"lint": failed(), "A": failed()}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")


def test_an_allowed_failure_in_refinement_stops_what_would_have_read_it(drive):
    """GL passed and is settled; `wide` has lint refined, which fails: what was not started must not read it."""
    items = [
        lint(),
        gate("GL", own="lint"),
        task("B"),
        gate("wide", "lint", "B"),
        task("X", resources={"db": 1}),
    ]
    items.append(task("R", reads={"x": "lint.out"}, resources={"db": 1}))
    script = {
        "lint": [Done(seconds=2), failed(seconds=5)],
        "X": Done(seconds=200),
        "wide": Said(score=0.2, findings=(finding("lint"),)),
    }
    run = drive(*items, resources={"db": 1}, script=script).play()

    assert (run.state("lint"), run.state("wide")) == ("failed", "failed")
    assert (run.state("R"), run.reason("R")) == ("skipped", "lint failed")


def test_a_node_of_a_group_with_a_chosen_part_counts_for_one_success(drive):
    whole = plan(task("A", phase="one"), task("B", "phase:one", phase="two", trigger_rule=ONE_SUCCESS))
    run = drive(whole, select=graph.closure(whole, ["B"]), script={"A": failed()}).play()

    assert (run.state("B"), run.reason("B")) == ("skipped", "A failed")


def test_a_gate_over_tasks_whose_judge_was_changed_before_it_could_judge_is_an_error(drive):
    run = drive(task("A"), gate("G", "A")).at(5, ev.GateInputsChanged, gates=("G",), paths=("/rubric",))
    run.play()

    assert (run.state("A"), run.state("G"), run.acts) == ("passed", "error", ["A.i1.a1"])


# ---- a plan that was changed ---------------------------------------------------------------------


def test_another_trigger_rule_is_another_task_and_allowing_a_failure_is_not():
    before = plan(task("A"), task("B"))
    after = plan(task("A", allow_failure=True), task("B", trigger_rule=NONE_FAILED))

    assert changes(definition_of(before), definition_of(after)) == {"B": "trigger_rule changed"}


@pytest.mark.parametrize(("was", "now", "b"), [(False, True, "ready"), (True, False, "skipped")])
def test_whether_a_failure_is_allowed_is_decided_anew_from_what_happened(drive, was, now, b):
    first = drive(task("A", allow_failure=was), task("B", "A"), script={"A": failed()}).play()
    after = plan(task("A", allow_failure=now), task("B", "A"))
    found = resume(after, ("A", "B"), past_of(first.events))

    assert (found.run.status("A").state, found.run.status("B").state) == ("failed", b)
    assert dict(found.dropped) == ({} if now else {"B.i1.a1": "it does not follow from what is reused"})
