"""How often critics judge, in which order, and when a score is flat."""

from __future__ import annotations

from decimal import Decimal

import pytest
from build import FOREGROUND, Done, Drive, Said, critic, finding, gate, plan, task

from orchharness.core import gating
from orchharness.core.acts import Outcome
from orchharness.core.gating import Judged
from orchharness.core.plan import Combine, OnExhausted, Plateau, Severity


def noisy(*scores, **more):
    """A gate whose critic gives these scores, one after the other."""
    return Drive(plan(task("A"), gate("G", own="A", **more)), {"G": [Said(score=s) for s in scores]})


def test_each_critic_judges_as_often_as_the_gate_asks_and_its_median_counts():
    drive = noisy("0", 0.95, 0.91, samples=3)
    drive.script = {"G": [Said(score=0.5), Said(score=0.95), Said(score=0.91)]}
    drive.play()

    assert drive.acts == ["A.i1.a1", "G.i1.critic.a1", "G.i1.critic.s2.a1", "G.i1.critic.s3.a1"]
    assert drive.overlap("G.i1.critic.a1", "G.i1.critic.s3.a1")
    assert drive.state("G") == "passed"
    assert drive.reason("G") == "0.91 ≥ 0.90 (median of 0.50, 0.95, 0.91)"


def test_of_an_even_number_of_judgements_the_middle_two_count_half_each():
    drive = noisy(0.9, 0.7, samples=2, max_iterations=1, threshold="0.80").play()

    assert drive.reason("G") == "0.80 ≥ 0.80 (median of 0.90, 0.70)"


def test_medians_are_exact():
    drive = noisy(0.1, 0.2, samples=2, max_iterations=1, threshold="0.15").play()

    assert drive.run.gates["G"].score == Decimal("0.15")
    assert drive.state("G") == "passed"


def test_a_failing_score_is_believed_only_after_more_judgements():
    drive = noisy(0.89, 0.93, 0.92, confirm_on_fail=2).play()

    assert drive.acts_of("G") == ["G.i1.critic.a1", "G.i1.critic.s2.a1", "G.i1.critic.s3.a1"]
    assert drive.path_of("G") == ["ready", "judging", "passed"]
    assert drive.reason("G") == "0.92 ≥ 0.90 (median of 0.89, 0.93, 0.92)"


def test_a_failing_score_that_is_confirmed_sends_the_work_back():
    drive = noisy(0.8, 0.7, 0.85, 1, confirm_on_fail=2).play()

    assert drive.path_of("G")[:3] == ["ready", "judging", "refining"]
    assert drive.acts_of("G") == [
        "G.i1.critic.a1",
        "G.i1.critic.s2.a1",
        "G.i1.critic.s3.a1",
        "G.i2.critic.a1",
    ]


def test_a_score_that_passes_is_believed_at_once():
    assert noisy(0.9, confirm_on_fail=5).play().acts_of("G") == ["G.i1.critic.a1"]


def test_only_the_critic_that_fails_is_asked_again():
    whole = plan(
        task("A"),
        gate("G", own="A", critics=["critic", "strict"], samples=2, confirm_on_fail=1, max_iterations=1),
        critics=[critic(), critic("strict")],
    )
    drive = Drive(whole, {"G/strict": Said(score=0.2)}).play()

    assert [a for a in drive.acts_of("G") if ".s3." in a] == ["G.i1.strict.s3.a1"]
    assert drive.reason("G") == (
        "0.20 < 0.90 (critic: median of 1.00, 1.00; strict: median of 0.20, 0.20, 0.20)"
    )


def test_checks_run_once_whatever_is_asked_of_critics():
    drive = noisy(1, checks=True, samples=2, confirm_on_fail=3).play()

    assert drive.acts_of("G") == ["G.i1.checks.a1", "G.i1.critic.a1", "G.i1.critic.s2.a1"]


def test_checks_that_fail_are_not_confirmed():
    whole = plan(task("A"), gate("G", own="A", checks=True, confirm_on_fail=3, max_iterations=1))
    drive = Drive(whole, {"G/checks": Said(passed=False)}).play()

    assert drive.acts_of("G") == ["G.i1.checks.a1"]
    assert drive.state("G") == "failed"


def test_a_judgement_that_failed_is_tried_again_by_itself():
    whole = plan(task("A"), gate("G", own="A", samples=2), critics=[critic(retry=_twice())])
    broken = Said(outcome=Outcome.EXIT, detail="exit 3")
    drive = Drive(whole, {"G.i1.critic.s2.a1": broken}).play()

    assert drive.acts_of("G") == ["G.i1.critic.a1", "G.i1.critic.s2.a1", "G.i1.critic.s2.a2"]
    assert drive.state("G") == "passed"


def test_a_judgement_that_is_none_makes_the_gate_an_error_whatever_the_others_say():
    drive = noisy(1, 7, 1, samples=3).play()

    assert drive.state("G") == "error"
    assert drive.reason("G").startswith("critic: not an evaluation")


def _twice():
    return task("x", attempts=2).retry


def test_a_foreground_critic_holds_its_track_until_its_last_judgement():
    judge = critic(mode=FOREGROUND)
    own = gate("G", own="A", confirm_on_fail=1, max_iterations=1)
    whole = plan(task("A"), own, task("Z"), task("Y", "Z"), task("X", "Z", track="u"), critics=[judge])
    drive = Drive(whole, {"G": Said(score=0.1), "Z": Done(seconds=12)}).play()

    assert drive.spans["Y.i1.a1"][0] == drive.spans["G.i1.critic.s2.a1"][1]
    assert drive.spans["X.i1.a1"][0] == drive.spans["Z.i1.a1"][1]


def test_a_foreground_critic_holds_its_track_while_it_waits_for_another_try():
    judge = critic(mode=FOREGROUND, retry=task("x", attempts=2, backoff=60.0).retry)
    whole = plan(task("A"), gate("G", own="A"), task("Z"), task("Y", "Z"), critics=[judge])
    broken = Said(outcome=Outcome.EXIT)
    drive = Drive(whole, {"G": [broken, Said()], "Z": Done(seconds=11)}).play()

    assert drive.spans["Y.i1.a1"][0] >= drive.spans["G.i1.critic.a2"][1]


def test_a_gate_that_ends_lets_go_of_its_track():
    whole = plan(
        task("A"),
        gate("G", own="A", samples=3),
        task("Z"),
        task("Y", "Z"),
        critics=[critic(mode=FOREGROUND)],
    )
    drive = Drive(whole, {"G": [Said(score=5)], "Z": Done(seconds=12)}).play()

    assert drive.state("G") == "error"
    assert drive.state("Y") == "passed"


def test_every_judgement_is_in_the_gates_evaluation_and_the_middle_one_stands_for_all():
    drive = noisy(0.5, 0.95, 0.91, samples=3).play()
    told = drive.run.evaluation_of("G")

    assert told["critics"]["critic"]["criteria"]["q"]["score"] == 0.91
    assert [e["criteria"]["q"]["score"] for e in told["judgements"]["critic"]] == [0.5, 0.95, 0.91]


def test_an_evaluation_of_single_judgements_has_no_list_of_them():
    drive = noisy(1).play()

    assert "judgements" not in drive.run.evaluation_of("G")


def test_the_same_finding_of_several_judgements_is_told_once():
    found = (finding("A", what="x"),)
    drive = noisy(samples=2, max_iterations=1)
    drive.script = {"G": [Said(score=0.1, findings=found), Said(score=0.2, findings=found)]}
    drive.play()

    assert len(drive.run.evaluation_of("G")["findings"]) == 1


def _said(*judged, combine=Combine.ALL, block_on=None):
    return gating.decide(gate("G", own="A", combine=combine, block_on=block_on), judged)


@pytest.mark.parametrize(("critical", "passed"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_finding_that_blocks_is_believed_when_half_of_the_judgements_have_one(critical, passed):
    bad = {"severity": "critical", "what": "leak", "critic": "c"}
    said = [Judged(critic="c", score=Decimal(1), findings=(bad,) if n < critical else ()) for n in range(3)]

    assert _said(*said, block_on=Severity.MAJOR).passed is passed


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ((False, None, None), True),
        ((False, False, None), False),
        ((True, False), False),
        ((True, True, False), True),
    ],
)
def test_of_a_critic_that_says_yes_and_no_half_of_the_no_is_enough(said, passed):
    judged = [Judged(critic="c", score=None, findings=(), passed=p) for p in said]

    assert _said(*judged).passed is passed


def test_medians_of_several_critics_are_combined_as_the_gate_says():
    scores = {"a": ("1", "0.8", "0.9"), "b": ("0.9", "1", "1")}
    judged = [Judged(critic=c, score=Decimal(s), findings=()) for c, found in scores.items() for s in found]

    assert _said(*judged, combine=Combine.MEAN).score == Decimal("0.95")


# ---- order among critics -------------------------------------------------------------------------


def _ordered(**more):
    return plan(
        task("A"),
        gate("G", own="A", critics=["last", "first", "beside"], max_iterations=1, **more),
        critics=[critic("first"), critic("last", after=("first",)), critic("beside")],
    )


def test_a_critic_judges_after_those_it_reads():
    drive = Drive(_ordered(), {"G/first": Said(seconds=20)}).play()

    assert drive.spans["G.i1.last.a1"][0] >= drive.spans["G.i1.first.a1"][1]
    assert drive.overlap("G.i1.first.a1", "G.i1.beside.a1")
    assert drive.state("G") == "passed"


def test_a_critic_judges_after_all_judgements_of_those_it_reads():
    script = {"G/first": [Said(score=0.1), Said(score=1), Said(score=1)]}
    drive = Drive(_ordered(confirm_on_fail=2), script).play()

    assert drive.spans["G.i1.last.a1"][0] >= drive.spans["G.i1.first.s3.a1"][1]
    assert drive.state("G") == "passed"


def test_critics_in_order_come_after_the_checks():
    drive = Drive(_ordered(checks=True)).play()

    assert drive.acts_of("G")[0] == "G.i1.checks.a1"
    assert drive.acts_of("G")[-1] == "G.i1.last.a1"


def test_what_a_critic_reads_are_the_evaluations_of_this_iteration():
    drive = Drive(_ordered(samples=2), {"G/first": [Said(score=0.95), Said(score=1)]}).play()
    read = drive.run.read_by("G", "last")

    assert list(read) == ["first"]
    assert read["first"]["score"] == "0.975"
    assert [e["criteria"]["q"]["score"] for e in read["first"]["judgements"]] == [0.95, 1]
    assert drive.run.read_by("G", "beside") == {}


# ---- plateau -------------------------------------------------------------------------------------

FLAT = Plateau(gain=Decimal("0.02"), rounds=2)


def test_a_score_that_does_not_rise_any_more_ends_the_refining():
    drive = noisy(0.5, 0.7, 0.71, 0.715, 0.72, plateau=FLAT, max_iterations=10).play()

    assert drive.state("G") == "failed"
    assert drive.run.gates["G"].iteration == 4
    assert drive.reason("G") == (
        "0.715 < 0.90; on a plateau: 0.70 → 0.71 → 0.715 rose less than 0.02 in each of the last 2 rounds"
    )


def test_a_score_that_falls_is_on_a_plateau_too():
    drive = noisy(0.7, 0.4, plateau=Plateau(gain=Decimal("0.02"), rounds=1), max_iterations=10).play()

    assert drive.reason("G").endswith("on a plateau: 0.70 → 0.40 rose less than 0.02 in the last round")


def test_a_score_that_rises_by_just_the_gain_goes_on():
    drive = noisy(0.5, 0.52, 0.54, 0.56, 1, plateau=FLAT, max_iterations=10).play()

    assert drive.state("G") == "passed"
    assert drive.run.gates["G"].iteration == 5


def test_one_good_round_is_enough_to_go_on():
    drive = noisy(0.5, 0.5, 0.6, 0.6, 1, plateau=FLAT, max_iterations=10).play()

    assert drive.run.gates["G"].iteration == 5


@pytest.mark.parametrize(("how", "state"), [(OnExhausted.ACCEPT, "waived"), (OnExhausted.ASK, "paused")])
def test_on_a_plateau_the_gate_is_exhausted_and_the_plan_decides(how, state):
    drive = noisy(
        0.5, 0.5, plateau=Plateau(gain=Decimal("0.1"), rounds=1), on_exhausted=how, max_iterations=9
    ).play()

    assert drive.state("G") == state
    assert "on a plateau" in drive.reason("G")


def test_work_that_changes_nothing_does_not_raise_the_score():
    drive = noisy(0.5, plateau=Plateau(gain=Decimal("0.1"), rounds=1), max_iterations=9)
    drive.script["A"] = [Done(), Done(changed=False)]
    drive.play()

    assert drive.reason("G").startswith("no new work: 0.50 < 0.90; on a plateau: 0.50 → 0.50")


def test_a_gate_that_passes_and_must_go_on_is_on_no_plateau():
    drive = noisy(0.95, 0.95, 0.95, plateau=Plateau(gain=Decimal("0.1"), rounds=1), min_iterations=3).play()

    assert drive.state("G") == "passed"
    assert drive.run.gates["G"].iteration == 3


def test_without_scores_there_is_no_plateau():
    whole = plan(
        task("A"),
        gate("G", own="A", block_on=Severity.MAJOR, plateau=FLAT, max_iterations=4),
        critics=[critic(criteria={})],
    )
    drive = Drive(whole, {"G": Said(findings=(finding("A", "critical"),))}).play()

    assert drive.run.gates["G"].iteration == 4
    assert drive.reason("G") == "critical finding: wrong"
