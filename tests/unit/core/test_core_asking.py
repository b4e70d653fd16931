"""People: what waits for them, what their answers do, and that no answer counts for another question."""

from __future__ import annotations

import pytest
from build import ALL_DONE, Done, Said, failed, finding, gate, options, plan, task

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.definition import changes, definition_of
from orchharness.core.past import past_of, replay
from orchharness.core.plan import OnExhausted, Option, Recovery, Then
from orchharness.core.resuming import resume
from orchharness.errors import ImpossibleTransitionError
from orchharness.run.questions import Questions

ASK = OnExhausted.ASK
LOW = Said(score=0.4, findings=(finding("A"),))
EVERY = options("pass", "fail", "retry", "pause")


def judged(**more):
    """A task with a gate that asks when it is exhausted, and one that needs it."""
    more = {"max_iterations": 1, "on_exhausted": ASK, "options": EVERY} | more
    return plan(task("A"), gate("G", own="A", **more), task("B", "A"))


def approval(*more, of=("A",), **values):
    """A gate at which a person says yes or no."""
    values = {"options": options("pass", "fail"), "human": True, "question": "Good?", "critics": ()} | values
    return plan(task("A"), gate("G", *of, **values), task("B", "G"), *more)


# ---- what is asked -------------------------------------------------------------------------------


def test_an_exhausted_gate_asks_with_its_score_and_the_run_is_paused(drive):
    played = drive(judged(question="What now?"), script={"G": LOW}).play()
    (asked,) = played.run.questions

    assert (asked.name, asked.item, asked.number, asked.text) == ("G.q1", "G", 1, "What now?")
    assert (asked.score, asked.threshold, asked.judged) == ("0.40", "0.90", True)
    assert [o.id for o in asked.options] == ["pass", "fail", "retry", "pause"]
    assert played.run.status("G").question == "G.q1"
    assert played.run.state == "paused"
    assert played.run.asks


def test_a_gate_of_a_person_asks_without_any_act(drive):
    played = drive(approval()).play()

    assert played.acts == ["A.i1.a1"]
    assert played.path_of("G") == ["ready", "paused"]
    assert played.run.questions[0].reason == "Good?"
    assert not played.run.questions[0].judged
    assert played.run.status("G").threshold is None


def test_what_does_not_need_the_answer_goes_on(drive):
    played = drive(approval(task("C", "A"))).play()

    assert played.states() == {"A": "passed", "G": "paused", "B": "waiting", "C": "passed"}


def test_a_gate_of_a_person_without_members_asks_when_what_it_needs_is_over(drive):
    whole = plan(
        task("A"),
        gate("G", needs=("A",), human=True, question="Go?", critics=(), options=options("pass", "fail")),
        task("B", "G"),
    )
    played = drive(whole).play().answer("G", "pass").play()

    assert played.states() == {"A": "passed", "G": "passed", "B": "passed"}


def test_a_gate_of_a_person_is_skipped_when_its_work_failed(drive):
    played = drive(approval(), script={"A": failed()}).play()

    assert played.state("G") == "skipped"
    assert not played.run.asks


# ---- options -------------------------------------------------------------------------------------


def test_who_passes_a_gate_below_its_threshold_waives_it_and_is_named(drive):
    played = drive(judged(), script={"G": LOW}).play().answer("G", "pass", "good enough").play()

    assert played.states() == {"A": "passed", "G": "waived", "B": "passed"}
    assert played.reason("G") == "pass by ann: good enough (score 0.40, threshold 0.90)"
    assert played.run.status("G").decision == {
        "by": "ann",
        "at": played.events[-3].decided,
        "option": "pass",
        "note": "good enough",
    }
    assert played.run.evaluation_of("G")["decision"]["by"] == "ann"
    assert played.run.state == "passed"


def test_a_person_who_is_the_judge_passes_a_gate(drive):
    played = drive(approval()).play().answer("G", "pass").play()

    assert played.states() == {"A": "passed", "G": "passed", "B": "passed"}
    assert played.reason("G") == "pass by ann"


def test_a_gate_that_a_person_fails_blocks_what_needs_it(drive):
    played = drive(judged(), script={"G": LOW}).play().answer("G", "fail", "no").play()

    assert played.states() == {"A": "passed", "G": "failed", "B": "skipped"}
    assert played.reason("B") == "G failed"


def test_a_plan_that_accepts_is_named_as_who_did(drive):
    played = drive(judged(on_exhausted=OnExhausted.ACCEPT, options=()), script={"G": LOW}).play()

    assert played.run.status("G").decision["by"] == "the plan"
    assert played.run.status("G").decision["at"] == played.run.status("G").ended


def test_retry_sends_the_work_back_with_the_note_and_all_iterations(drive):
    script = {"G": [LOW, LOW, LOW, Said(score=0.95)]}
    played = drive(judged(max_iterations=2), script=script).play().answer("G", "retry", "be bold").play()

    assert played.acts_of("A") == ["A.i1.a1", "A.i2.a1", "A.i3.a1", "A.i4.a1"]
    assert {"severity": "major", "what": "be bold", "critic": "ann"} in played.told["A.i3.a1"]["findings"]
    assert played.state("B") == "passed"


def test_retry_of_what_a_person_judges_asks_again(drive):
    whole = approval(options=options("pass", "retry"))
    played = drive(whole).play().answer("G", "retry", "shorter").play()

    assert played.acts_of("A") == ["A.i1.a1", "A.i2.a1"]
    assert played.told["A.i2.a1"]["findings"] == [{"severity": "major", "what": "shorter", "critic": "ann"}]
    assert played.run.questions[0].name == "G.q2"
    assert played.answer("G", "pass").play().states() == {"A": "passed", "G": "passed", "B": "passed"}


def test_work_that_a_person_had_done_again_to_no_avail_exhausts_the_gate_again(drive):
    script = {"A": [Done(), Done(changed=False)], "G": LOW}
    played = drive(judged(), script=script).play().answer("G", "retry").play()

    assert played.state("G") == "paused"
    assert played.reason("G").startswith("no new work")


def test_pause_asks_again_under_another_name(drive):
    played = drive(judged(), script={"G": LOW}).play().answer("G", "pause", "until Monday").play()

    assert played.run.questions[0].name == "G.q2"
    assert played.reason("G") == "pause by ann: until Monday"
    assert played.run.state == "paused"


def test_skip_lets_the_gate_through_and_leaves_items_out(drive):
    whole = plan(
        task("A"),
        gate("G", own="A", max_iterations=1, on_exhausted=ASK, options=options("skip", skip=("B", "H", "Z"))),
        task("B", "A"),
        gate("H", own="B"),
        task("C", "B"),
        task("D", reads={"b": "B.out"}),
        task("E", "A"),
        selected_only := task("F", "A"),
    )
    played = drive(whole, script={"G": LOW}).play().answer("G", "skip", "no time").play()

    assert selected_only.id == "F"
    assert played.states() == {
        "A": "passed",
        "G": "waived",
        "B": "skipped",
        "H": "skipped",
        "C": "passed",
        "D": "skipped",
        "E": "passed",
        "F": "passed",
    }
    assert played.reason("B") == "left out at G: skip by ann: no time"
    assert played.reason("D") == "left out at G: skip by ann: no time"
    assert played.run.state == "passed"


def test_a_gate_over_gates_counts_what_a_person_did_not_leave_out(drive):
    whole = plan(
        task("A"),
        gate("G", own="A", max_iterations=1, on_exhausted=ASK, options=options("skip", skip=("B", "H"))),
        task("B", "A"),
        gate("H", own="B"),
        gate("ALL", over=("G", "H"), threshold="0.3"),
    )
    played = drive(whole, script={"G": LOW}).play().answer("G", "skip").play()

    assert played.state("ALL") == "passed"
    assert played.run.status("ALL").score == "0.40"
    assert played.warnings("ALL") == ("H was left out by a person: it does not count",)


def test_a_gate_over_gates_that_were_all_left_out_is_skipped(drive):
    whole = plan(
        task("A"),
        gate("G", own="A", max_iterations=1, on_exhausted=ASK, options=options("skip", skip=("B", "H"))),
        task("B", "A"),
        gate("H", own="B"),
        gate("ALL", over=("H",)),
    )
    played = drive(whole, script={"G": LOW}).play().answer("G", "skip").play()

    assert played.state("ALL") == "skipped"


def test_what_began_before_a_person_left_it_out_is_not_touched(drive):
    whole = plan(
        task("A"),
        gate("G", own="A", max_iterations=1, on_exhausted=ASK, options=options("skip", skip=("C",))),
        task("C"),
    )
    played = drive(whole, script={"G": LOW}).play().answer("G", "skip").play()

    assert played.state("C") == "passed"


def test_what_needs_nothing_but_the_end_runs_although_a_person_left_the_rest_out(drive):
    whole = plan(
        task("A"),
        gate("G", own="A", max_iterations=1, on_exhausted=ASK, options=options("skip", skip=("B",))),
        task("B", "A"),
        task("Z", "B", trigger_rule=ALL_DONE),
    )
    played = drive(whole, script={"G": LOW}).play().answer("G", "skip").play()

    assert played.state("Z") == "passed"


# ---- gates over gates, and several gates over a task ---------------------------------------------


def over_gates():
    return plan(
        task("A"),
        gate("O", own="A"),
        gate("W", "A", max_iterations=3),
        gate("H", over=("O",), human=True, question="Ship?", options=options("pass", "fail")),
        task("B", "H"),
    )


def test_a_person_is_asked_about_gates_once_they_are_decided(drive):
    played = drive(over_gates()).play()

    assert played.state("H") == "paused"
    assert played.answer("H", "pass").play().state("B") == "passed"


def test_an_approval_of_gates_does_not_stand_when_they_judged_other_bytes_since(drive):
    script = {"W": [Said(score=0.2, seconds=50), Said(score=0.95)]}
    played = drive(over_gates(), script=script).play(20)
    played.answer("H", "pass").play()

    assert played.run.gates["O"].iteration == 2
    assert [q.name for q in played.run.questions] == ["H.q2"]


def test_retry_waits_until_no_other_gate_is_at_work_on_the_same_task(drive):
    whole = plan(
        task("A"),
        gate("G", "A", max_iterations=1, on_exhausted=ASK, options=EVERY),
        gate("W", "A", max_iterations=2),
    )
    script = {"G": [LOW, Said(score=1)], "W": Said(score=0.95, seconds=50)}
    played = drive(whole, script=script).play(20)
    objection = played.run.objection(played.decision("G", "retry"))

    assert objection is not None
    assert (objection.later, objection.text) == (True, "W is at work on its tasks")
    assert played.play().answer("G", "retry").play().state("G") == "passed"


def test_nobody_can_work_on_what_was_lost(drive):
    whole = plan(
        task("A"),
        gate("G", "A", max_iterations=1, on_exhausted=ASK, options=EVERY),
        gate("W", "A", max_iterations=2),
    )
    script = {"A": [Done(), failed()], "G": LOW, "W": Said(score=0.2, seconds=20)}
    played = drive(whole, script=script).play()
    objection = played.run.objection(played.decision("G", "retry"))

    assert objection is not None
    assert (objection.later, objection.text) == (
        False,
        "a member of G was lost: there is nothing to work on",
    )


# ---- tasks that ask ------------------------------------------------------------------------------


def asking(**more):
    return plan(task("Q", ask="Which?", **more), task("R", reads={"q": "Q.out"}))


def test_what_a_person_answers_is_the_tasks_output(drive):
    played = drive(asking()).play()

    assert played.states() == {"Q": "ready", "R": "waiting"}
    assert played.run.state == "paused"
    assert played.run.questions[0].options == ()
    assert played.answer("Q", note="this one").play().states() == {"Q": "passed", "R": "passed"}
    assert played.run.tasks["Q"].answer == "this one"


def test_a_task_that_asks_does_not_start_before_it_has_its_answer(drive):
    played = drive(asking()).play()
    start = ev.TaskStarted(at=1.0, task="Q", iteration=1, attempt=1, act="Q.i1.a1", key="k")

    assert not played.run.expects(start)
    with pytest.raises(ImpossibleTransitionError, match="it cannot start while it is ready"):
        played.run.apply(start)


def test_words_are_no_option_and_an_option_is_no_words(drive):
    played = drive(asking()).play()

    assert played.run.objection(played.decision("Q", "pass")).text == "Q asks for words, not for an option"
    assert drive(judged(), script={"G": LOW}).play().run.objection(
        ev.DecisionTaken(at=1.0, item="G", question="G.q1", number=1, option="answer", by="b")
    ).text == ("G has no option 'answer' (it has: pass, fail, retry, pause)")


def test_a_question_whose_ground_is_gone_is_asked_no_more(drive):
    whole = plan(task("A"), gate("W", "A", max_iterations=2), task("Q", "A", ask="Which?"))
    played = drive(whole, script={"A": [Done(), failed()], "W": Said(score=0.2)}).play()

    assert played.state("Q") == "skipped"
    assert not played.run.asks


def test_a_question_stays_while_its_ground_does(drive):
    whole = plan(task("A"), gate("W", "A", max_iterations=2), task("Q", "A", ask="?", trigger_rule=ALL_DONE))
    played = drive(whole, script={"A": [Done(), failed()], "W": Said(score=0.2)}).play()

    assert [q.name for q in played.run.questions] == ["Q.q1"]


def test_a_gate_refines_the_work_and_never_an_answer(drive):
    whole = plan(task("Q", ask="Which?"), task("A", "Q"), gate("W", "Q", "A", max_iterations=2))
    played = drive(whole, script={"W": [Said(score=0.2), Said(score=1)]}).play().answer("Q", note="x").play()

    assert played.acts_of("Q") == ["Q.i1.a1"]
    assert played.acts_of("A") == ["A.i1.a1", "A.i2.a1"]
    assert played.state("W") == "passed"


def test_a_gate_over_answers_alone_is_exhausted_when_it_is_not_content(drive):
    whole = plan(task("Q", ask="Which?"), gate("W", "Q", max_iterations=3))
    played = drive(whole, script={"W": Said(score=0.2)}).play().answer("Q", note="x").play()

    assert played.state("W") == "failed"
    assert played.acts == ["Q.i1.a1", "W.i1.critic.a1"]


# ---- acts that cannot be found -------------------------------------------------------------------


def lost(drive, **more):
    played = drive(plan(task("A", recovery=Recovery.ASK, **more), task("B", "A"))).play(5)
    end = ev.TaskFinished(
        at=1006.0, task="A", act="A.i1.a1", outcome=Outcome.LOST, started=1000.0, seconds=6.0, asks=True
    )
    played._ends.clear()
    played.now = 1006.0
    played.apply(end)
    return played


def test_an_act_that_cannot_be_found_is_tried_again_when_a_person_says_so(drive):
    played = lost(drive)
    (asked,) = played.run.questions

    assert asked.text == "A was running and cannot be found: is it done again?"
    assert [o.id for o in asked.options] == ["rerun", "fail"]
    assert played.answer("A", "rerun").play().states() == {"A": "passed", "B": "passed"}
    assert played.acts_of("A") == ["A.i1.a1", "A.i1.a2"]


def test_an_act_that_cannot_be_found_is_lost_when_a_person_says_so(drive):
    played = lost(drive).answer("A", "fail", "gone").play()

    assert played.states() == {"A": "lost", "B": "skipped"}
    assert played.reason("A") == "gone"


# ---- wrong answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 2])
def test_an_answer_to_another_question_of_the_item_counts_for_nothing(drive, number):
    played = drive(judged(), script={"G": LOW}).play()
    event = ev.DecisionTaken(at=1.0, item="G", question="G.q1", number=number, option="pass", by="b")

    assert played.run.objection(event).text == "G does not ask that now"
    assert not played.run.expects(event)
    with pytest.raises(ImpossibleTransitionError, match="G does not ask that now"):
        played.run.apply(event)


def test_an_answer_comes_too_late_for_a_gate_that_is_decided(drive):
    played = drive(judged(), script={"G": LOW}).play()
    again = played.decision("G", "fail")
    played.answer("G", "pass")

    assert played.run.objection(again).text == "G does not ask that now"


def test_a_gate_without_options_says_that_it_has_none(drive):
    played = drive(judged(options=()), script={"G": LOW}).play()

    assert played.run.objection(played.decision("G", "pass")).text == "G has no option 'pass' (it has: none)"


def test_what_judges_may_be_changed_while_a_person_is_asked(drive):
    played = drive(judged(), script={"G": LOW}).play()
    played.warped = True
    played.apply(ev.GateInputsChanged(at=played.now, gates=("G",), paths=("/rubric",)))

    assert played.state("G") == "error"
    assert not played.run.asks


# ---- resuming ------------------------------------------------------------------------------------


def selected(whole):
    return [*whole.tasks, *whole.gates]


def test_a_decision_counts_in_a_resumed_run(drive):
    whole = judged()
    first = drive(whole, script={"G": LOW}).play().answer("G", "pass", "fine")
    found = resume(whole, selected(whole), past_of(first.events))

    assert found.dropped == {}
    assert found.run.status("G") == first.run.status("G")
    assert replay(whole, first.events).status("G") == first.run.status("G")


def test_an_approval_of_other_bytes_does_not_count(drive):
    whole = approval()
    first = drive(whole).play().answer("G", "pass")
    found = resume(whole, selected(whole), past_of(first.events), redo={"A": "prompt changed"})

    assert found.dropped == {"A.i1.a1": "prompt changed", "G.q1": "A is done again"}
    assert "G.q1" in past_of(first.events).taken


def test_an_approval_counts_for_the_bytes_it_was_given_for_only(drive):
    whole = approval()
    first = drive(whole).play()
    event = first.decision("G", "pass")
    other = {"A.out": [{"path": "A.out", "sha256": "other", "item": "A", "output": "out"}]}
    events = [*first.events, ev.from_record({**ev.to_record(event), "artifacts": other})]
    found = resume(whole, selected(whole), past_of(events))

    assert found.dropped == {"G.q1": "what it was about holds other bytes"}
    assert found.run.questions[0].name == "G.q1.r2"


def test_another_question_is_asked_anew_and_the_work_is_kept(drive):
    before, after = approval(), approval(question="Really?")
    first = drive(before).play().answer("G", "pass")
    changed = changes(definition_of(before), definition_of(after))
    found = resume(after, selected(after), past_of(first.events), void={"G.q1": changed["G/the question"]})

    assert changed == {"G/the question": "question changed"}
    assert found.dropped == {"G.q1": "question changed"}
    assert found.run.status("A").state == "passed"
    assert found.run.questions[0].name == "G.q1.r2"


def test_an_option_that_the_plan_has_no_more_does_not_count(drive):
    first = drive(judged(), script={"G": LOW}).play().answer("G", "pause")
    whole = judged(options=(Option(id="pass", label="p", then=Then.PASS),))
    found = resume(whole, selected(whole), past_of(first.events))

    assert found.dropped == {"G.q1": "it does not follow from what is reused"}
    assert found.run.status("G").state == "paused"


def test_a_decision_is_a_record_that_can_be_read_back(drive):
    played = drive(judged(), script={"G": LOW}).play().answer("G", "pass", "why not")
    event = next(e for e in played.events if isinstance(e, ev.DecisionTaken))

    assert ev.from_record(ev.to_record(event)) == event
    assert event.act == "G.q1"


def test_nothing_is_final_while_a_gate_that_judged_again_asks(drive):
    whole = plan(
        task("A"),
        gate("G", "A", max_iterations=1, on_exhausted=ASK, options=options("pass", "fail")),
        gate("ALL", over=("G",), threshold="0.1"),
        gate("W", "A", max_iterations=2),
    )
    script = {"G": [Said(score=0.95), LOW], "W": [Said(score=0.2), Said(score=1)]}
    played = drive(whole, script=script).play()

    assert played.state("G") == "paused"
    assert played.finals == []
    assert played.answer("G", "fail").play().state("ALL") == "failed"


def test_nobody_waits_for_what_an_act_held_while_a_person_is_asked_about_it(drive):
    whole = plan(
        task("A", recovery=Recovery.ASK, resources={"gpu": 1}),
        task("B", resources={"gpu": 1}),
        resources={"gpu": 1},
    )
    played = drive(whole).play(5)
    played._ends.clear()
    played.now = 1006.0
    played.apply(
        ev.TaskFinished(
            at=1006.0, task="A", act="A.i1.a1", outcome=Outcome.LOST, started=1000.0, seconds=6.0, asks=True
        )
    )

    assert played.play().states() == {"A": "ready", "B": "passed"}
    assert played.answer("A", "rerun").play().states() == {"A": "passed", "B": "passed"}


def test_an_answer_that_comes_when_the_bytes_were_just_replaced_is_not_taken(drive, tmp_path):
    """Another gate had the work refined, and the one that asks has not asked again yet."""
    whole = approval()
    run, questions = replay(whole, drive(whole).play().events), Questions(tmp_path)
    questions.publish(run)
    (first,) = tmp_path.glob("*.question.json")
    first.with_name(first.name.replace(".question.", ".")).write_text('{"option": "pass", "by": "Ann"}')
    run.tasks["A"].outputs = {"out": [{"path": "A.out", "sha256": "other", "item": "A", "output": "out"}]}

    (said,) = questions.answers(run, 1.0)
    questions.publish(run)
    (second,) = tmp_path.glob("*.question.json")

    assert "it answers another question" in said
    assert first != second
    assert list(questions.answers(run, 1.0)) == []
