"""Gates: who judges when, and what a verdict does."""

from __future__ import annotations

import pytest
from build import FOREGROUND, Done, Said, critic, failed, finding, gate, task

from orchharness.core.acts import Outcome
from orchharness.core.plan import Combine, OnExhausted, Retry, Severity


def test_a_tasks_own_gate_releases_its_outputs(drive):
    run = drive(task("A"), gate("GA", own="A"), task("B", reads={"a": "A.out"}))
    run.play(seconds=11)

    assert run.state("A") == "passed"
    assert not run.run.released("A")

    run.play()

    assert run.run.released("A")
    assert run.spans["B.i1.a1"][0] == run.spans["GA.i1.critic.a1"][1]


def test_a_gate_over_several_tasks_releases_nothing_and_withholds_nothing(drive):
    items = [task("A"), task("B"), gate("G", "A", "B", max_iterations=1), task("C", "A"), task("D", "G")]
    run = drive(*items, script={"G": Said(score=0.1), "B": Done(seconds=60)}).play()

    assert run.spans["C.i1.a1"][0] == 1010
    assert run.state("C") == "passed"
    assert (run.state("D"), run.reason("D")) == ("skipped", "G failed")


def test_nothing_that_was_not_selected_is_released(drive):
    run = drive(task("A"), select=frozenset({"A"}))

    assert not run.run.released("elsewhere")


def test_checks_run_before_the_critics(drive):
    run = drive(task("A"), gate("G", own="A", checks=True)).play()

    assert run.acts[1:] == ["G.i1.checks.a1", "G.i1.critic.a1"]


def test_failing_checks_skip_the_critics(drive):
    script = {
        "G/checks": Said(passed=False, findings=(finding("A", what="\n report.md\nnoise\nis empty\n"),))
    }
    run = drive(task("A"), gate("G", own="A", checks=True, max_iterations=1), script=script).play()

    assert run.acts_of("G") == ["G.i1.checks.a1"]
    assert (run.state("G"), run.reason("G")) == ("failed", "check failed: report.md: is empty")
    assert run.run.status("G").score is None


def test_checks_alone_can_make_a_gate(drive):
    run = drive(task("A"), gate("G", own="A", checks=True, critics=())).play()

    assert (run.state("G"), run.reason("G")) == ("passed", "all checks hold")
    assert run.run.status("G").threshold is None


def test_critics_judge_at_the_same_time(drive):
    critics = [critic("one"), critic("two")]
    run = drive(task("A"), gate("G", own="A", critics=["one", "two"]), critics=critics).play()

    assert run.overlap("G.i1.one.a1", "G.i1.two.a1")


@pytest.mark.parametrize(
    ("combine", "state", "score"),
    [
        (Combine.ALL, "failed", "0.80"),
        (Combine.MIN, "failed", "0.80"),
        (Combine.MEAN, "passed", "0.90"),
        (Combine.MEDIAN, "passed", "0.95"),
    ],
)
def test_several_critics_are_combined_as_the_gate_says(drive, combine, state, score):
    critics = [critic("one"), critic("two"), critic("three")]
    script = {"G/one": Said(score=0.8), "G/two": Said(score=0.95), "G/three": Said(score=0.95)}
    items = [
        task("A"),
        gate("G", own="A", critics=["one", "two", "three"], combine=combine, max_iterations=1),
    ]
    run = drive(*items, critics=critics, script=script).play()

    assert (run.state("G"), run.run.status("G").score) == (state, score)


def test_a_threshold_reached_exactly_is_reached(drive):
    run = drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.9)}).play()

    assert (run.state("G"), run.reason("G")) == ("passed", "0.90 ≥ 0.90")


def test_a_finding_of_the_blocking_severity_fails_the_gate_whatever_the_score(drive):
    items = [task("A"), gate("G", own="A", block_on=Severity.MAJOR, max_iterations=1)]
    for severity, state in (("critical", "failed"), ("major", "failed"), ("minor", "passed")):
        run = drive(*items, script={"G": Said(findings=(finding("A", severity, "leaks a key"),))}).play()

        assert run.state("G") == state

    run = drive(*items, script={"G": Said(findings=(finding("A", "major", "leaks a key"),))}).play()

    assert run.reason("G") == "major finding: leaks a key"


def test_a_critic_without_criteria_gives_findings_only(drive):
    critics = [critic("reader", criteria={})]
    items = [task("A"), gate("G", own="A", critics=["reader"], max_iterations=1)]
    run = drive(*items, critics=critics, script={"G": Said(findings=(finding("A", "critical"),))}).play()

    assert (run.state("G"), run.reason("G")) == ("passed", "no finding blocks")
    assert run.run.status("G").score is None


def test_a_critic_without_criteria_can_say_that_it_does_not_hold(drive):
    critics = [critic("reader", criteria={})]
    items = [task("A"), gate("G", own="A", critics=["reader"], max_iterations=1)]
    run = drive(*items, critics=critics, script={"G": Said(evaluation={"passed": False})}).play()

    assert (run.state("G"), run.reason("G")) == ("failed", "reader does not hold")


def test_a_total_the_critic_got_wrong_is_a_warning_on_the_gate(drive):
    run = drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.95, total=0.99)}).play()

    assert run.run.status("G").score == "0.95"
    assert run.warnings("G") == ("critic states a total of 0.99, the computed score is 0.95",)


@pytest.mark.parametrize("total", [0.95, 0.955, 0.94])
def test_a_total_within_a_hundredth_is_no_warning(drive, total):
    run = drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.95, total=total)}).play()

    assert run.warnings("G") == ()


def test_a_total_that_is_no_number_is_only_a_note(drive):
    run = drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.95, total="excellent")}).play()

    assert run.state("G") == "passed"
    assert run.warnings("G") == (
        "critic: the stated total is 'excellent', not a number; the computed score is 0.95",
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(outcome=Outcome.EXIT, detail="exit 2"), "critic: exit 2"),
        (Said(outcome=Outcome.TIMEOUT), "critic: timeout"),
        (Said(outcome=Outcome.CANCELLED), "critic: cancelled"),
        (Said(score="0.9"), "critic: not an evaluation: the score of 'q' is '0.9', not a number"),
        (Said(evaluation={"findings": []}), "critic: not an evaluation: no score for 'q'"),
        (Said(evaluation=["fine"]), "critic: not an evaluation: it is ['fine'], not a mapping"),
    ],
)
def test_a_judge_that_does_not_work_is_an_error_and_no_score(drive, said, reason):
    run = drive(task("A"), gate("G", own="A"), task("B", "A"), script={"G": said}).play()

    assert (run.state("G"), run.reason("G")) == ("error", reason)
    assert run.run.status("G").score is None
    assert run.reason("B") == "G error"
    assert run.acts_of("A") == ["A.i1.a1"], "nobody works on findings that nobody gave"


def test_checks_that_do_not_work_are_an_error(drive):
    script = {"G/checks": Said(evaluation={"findings": []})}
    run = drive(task("A"), gate("G", own="A", checks=True), script=script).play()

    assert run.state("G") == "error"
    assert run.reason("G") == "checks: not an evaluation: the checks did not say whether they hold"


def test_a_critic_is_tried_again_before_it_is_an_error(drive):
    critics = [critic(retry=Retry(attempts=3, backoff=30))]
    script = {"G": [Said(outcome=Outcome.EXIT), Said(score="no"), Said(score=0.95)]}
    run = drive(task("A"), gate("G", own="A"), critics=critics, script=script).play()

    assert run.acts_of("G") == ["G.i1.critic.a1", "G.i1.critic.a2", "G.i1.critic.a3"]
    assert run.spans["G.i1.critic.a2"][0] == run.spans["G.i1.critic.a1"][1] + 30
    assert run.spans["G.i1.critic.a3"][0] == run.spans["G.i1.critic.a2"][1] + 60
    assert (run.state("G"), run.run.status("G").iteration) == ("passed", 1)


def test_a_critic_whose_attempts_are_used_up_is_an_error(drive):
    critics = [critic(retry=Retry(attempts=2))]
    run = drive(
        task("A"), gate("G", own="A"), critics=critics, script={"G": Said(outcome=Outcome.EXIT)}
    ).play()

    assert run.acts_of("G") == ["G.i1.critic.a1", "G.i1.critic.a2"]
    assert run.state("G") == "error"


def test_a_late_answer_after_an_error_changes_nothing(drive):
    critics = [critic("quick"), critic("slow")]
    script = {"G/quick": Said(outcome=Outcome.EXIT, seconds=1), "G/slow": Said(score=1.0, seconds=60)}
    items = [task("A"), gate("G", own="A", critics=["quick", "slow"]), task("B", "A"), task("C")]
    run = drive(*items, critics=critics, script=script).play()

    assert (run.state("G"), run.reason("G")) == ("error", "quick: exit")
    assert run.spans["G.i1.slow.a1"][1] == 1070
    assert run.run.state == "failed"


def test_a_critic_that_starts_after_its_gate_is_an_error_is_let_run(drive):
    """Two are told to start; the spawn of the first fails before the second is journalled."""
    from orchharness.core import events as ev

    critics = [critic("one"), critic("two")]
    run = drive(task("A"), gate("G", own="A", critics=["one", "two"]), critics=critics)
    run.script = {"A": Done(seconds=1)}
    run._turn()
    run.now += 1
    run._happen()
    one, two = run.run.decide(run.now, 5)
    run._start_judgement(one)
    run._ends.clear()
    run.apply(
        run._ended("G", "one", one.act, Said(outcome=Outcome.ERROR, seconds=0, detail="no such program"))
    )
    run.spans[one.act] = (run.now, run.now)
    assert run.state("G") == "error"
    started = ev.JudgementStarted(
        at=run.now, gate="G", critic="two", iteration=1, attempt=1, act=two.act, key="k"
    )
    run.apply(started)

    assert run.run.acts == (two.act,)
    assert not run.run.over

    run.spans[two.act] = (run.now, run.now)
    run.apply(run._ended("G", "two", two.act, Said(seconds=0)))

    assert run.run.over
    assert run.state("G") == "error"


def test_a_gate_without_judges_is_an_error_and_no_pass(drive):
    run = drive(task("A"), gate("G", own="A", critics=()), task("B", "A")).play()

    assert (run.state("G"), run.reason("G")) == ("error", "it has neither checks nor critics: nobody judges")
    assert run.state("B") == "skipped"


def test_a_gate_over_gates_takes_the_mean_or_the_least_of_their_scores(drive):
    items = [task("A"), gate("GA", own="A"), task("B"), gate("GB", own="B", threshold="0.5")]
    script = {"GA": Said(score=1.0), "GB": Said(score=0.8)}
    items += [gate("M", over=["GA", "GB"], aggregate=Combine.MEAN)]
    items += [gate("L", over=["GA", "GB"], aggregate=Combine.MIN)]
    run = drive(*items, script=script).play()

    assert (run.state("M"), run.reason("M")) == ("passed", "0.90 ≥ 0.90")
    assert (run.state("L"), run.reason("L")) == ("failed", "0.80 < 0.90")
    assert run.run.evaluation_of("M")["state"] == "passed"


def test_a_gate_over_a_gate_without_a_score_fails_and_says_which(drive):
    items = [task("A"), gate("GA", own="A", checks=True, critics=()), gate("M", over=["GA"])]
    run = drive(*items).play()

    assert (run.state("M"), run.reason("M")) == ("failed", "GA has no score")


def test_a_gate_over_gates_is_blocked_by_one_that_failed(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1), gate("M", over=["GA"], threshold="0.1")]
    run = drive(*items, script={"GA": Said(score=0.5)}).play()

    assert (run.state("M"), run.reason("M")) == ("skipped", "GA failed")


def test_a_waived_gate_counts_with_its_score(drive):
    items = [task("A"), gate("GA", own="A", max_iterations=1, on_exhausted=OnExhausted.ACCEPT)]
    run = drive(*items, gate("M", over=["GA"]), script={"GA": Said(score=0.5)}).play()

    assert (run.state("GA"), run.reason("GA")) == ("waived", "accepted by the plan: 0.50 < 0.90")
    assert (run.state("M"), run.reason("M")) == ("failed", "0.50 < 0.90")


def test_a_gate_over_gates_can_ask_or_accept_too(drive):
    items = [task("A"), gate("GA", own="A", threshold="0.1")]
    for how, state in ((OnExhausted.ASK, "paused"), (OnExhausted.ACCEPT, "waived")):
        run = drive(*items, gate("M", over=["GA"], on_exhausted=how), script={"GA": Said(score=0.5)}).play()

        assert run.state("M") == state
        assert run.run.status("M").score == "0.50"


def test_a_foreground_critic_holds_its_own_track_and_no_other(drive):
    items = [
        task("A", track="t"),
        gate("GA", own="A", track="t"),
        task("B", "A2", track="t"),
        task("A2", track="u"),
    ]
    items += [task("C", "A2", track="u")]
    script = {"GA": Said(seconds=100), "A2": Done(seconds=11), "A": Done(seconds=10)}
    run = drive(*items, critics=[critic(mode=FOREGROUND)], script=script).play()

    assert run.spans["C.i1.a1"][0] == 1011
    assert run.spans["B.i1.a1"][0] == run.spans["GA.i1.critic.a1"][1] == 1110


def test_two_foreground_critics_hold_their_track_until_both_are_done(drive):
    critics = [critic("one", mode=FOREGROUND), critic("two", mode=FOREGROUND)]
    items = [task("A"), gate("G", own="A", critics=["one", "two"]), task("B", "Z"), task("Z", track="u")]
    script = {"G/one": Said(seconds=50), "G/two": Said(seconds=90), "Z": Done(seconds=20)}
    run = drive(*items, critics=critics, script=script).play()

    assert run.spans["B.i1.a1"][0] == 1100


def test_a_background_critic_and_the_checks_hold_nothing(drive):
    items = [task("A"), gate("G", own="A", checks=True), task("Z", track="u"), task("B", "Z")]
    run = drive(*items, script={"G": Said(seconds=50), "Z": Done(seconds=11)}).play()

    assert run.spans["B.i1.a1"][0] == 1011


def test_a_task_waits_for_what_the_checks_of_its_own_gate_read(drive):
    """It would hold its resources meanwhile, and the other could need them: nobody would ever go on."""
    items = [task("A", resources={"db": 1}), gate("GA", own="A", check_reads=["B.out"])]
    items += [task("B", resources={"db": 1}), gate("GB", own="B")]
    run = drive(*items, resources={"db": 1}).play()

    assert run.acts[0] == "B.i1.a1"
    assert run.spans["A.i1.a1"][0] == run.spans["GB.i1.critic.a1"][1]
    assert run.run.state == "passed"


def test_a_check_may_read_what_the_task_itself_made(drive):
    run = drive(task("A"), gate("GA", own="A", check_reads=["A.out"])).play()

    assert run.run.state == "passed"


def test_the_evaluation_says_what_each_critic_said(drive):
    run = drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.95)})

    assert run.run.evaluation_of("G")["findings"] == []

    run.play()

    assert run.run.evaluation_of("G") == {
        "gate": "G",
        "state": "passed",
        "score": "0.95",
        "threshold": "0.90",
        "iteration": 1,
        "findings": [],
        "critics": {"critic": {"findings": [], "criteria": {"q": {"score": 0.95}}}},
    }


def test_a_gate_whose_task_failed_is_skipped(drive):
    run = drive(task("A"), gate("GA", own="A"), gate("G", "A"), script={"A": failed()}).play()

    assert run.reason("GA") == run.reason("G") == "A failed"
    assert run.acts == ["A.i1.a1"]
