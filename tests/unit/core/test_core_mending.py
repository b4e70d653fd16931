"""Menders: who works on the findings in place of the members, and what becomes of the bytes they leave."""

from __future__ import annotations

import pytest
from build import FOREGROUND, START, Done, Drive, Said, failed, gate, plan, task

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.definition import changes, definition_of
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.plan import Session
from orchharness.errors import ImpossibleTransitionError

BAD, GOOD = Said(score=0.5), Said(score=1)


def chain(*more, **own):
    """A and B after it, judged together; a mender of the gate works on the findings."""
    own = {"mender": {}, **own}
    return plan(task("A"), task("B", reads={"a": "A.out"}), gate("G", "A", "B", **own), *more)


def test_the_mender_works_in_place_of_the_members_and_those_after_what_it_changed_follow():
    drive = Drive(chain(), {"G": [BAD, GOOD], "G.mender": Done(mends=("A",))}).play()

    assert drive.acts == [
        "A.i1.a1",
        "B.i1.a1",
        "G.i1.critic.a1",
        "G.mender.i2.a1",
        "B.i2.a1",
        "G.i2.critic.a1",
    ]
    assert drive.state("G") == "passed"
    assert drive.read["B.i2.a1"]["a"][0]["sha256"] == "G.mender.i2.a1:A.out"
    assert drive.reason("A") == "mended by G.mender"


def test_what_the_mender_changed_last_in_a_chain_is_judged_at_once():
    drive = Drive(chain(), {"G": [BAD, GOOD], "G.mender": Done(mends=("B",))}).play()

    assert drive.acts[-2:] == ["G.mender.i2.a1", "G.i2.critic.a1"]
    assert drive.shown["G.i2.critic.a1"]["B.out"][0]["sha256"] == "G.mender.i2.a1:B.out"


def test_the_mender_is_told_the_findings():
    drive = Drive(chain(), {"G": [BAD, GOOD]}).play()
    told = drive.told["G.mender.i2.a1"]

    assert (told["gate"], told["iteration"], told["score"]) == ("G", 1, "0.50")


def test_a_mender_that_changes_nothing_brings_no_new_work():
    whole = chain(max_iterations=9)
    drive = Drive(whole, {"G": BAD, "G.mender": Done(changed=False)}).play()

    assert drive.acts_of("G") == ["G.i1.critic.a1", "G.mender.i2.a1", "G.mender.i3.a1"]
    assert drive.reason("G") == "no new work: 0.50 < 0.90"


def test_a_mender_is_tried_again_as_its_policy_says():
    whole = chain(mender={"attempts": 2, "backoff": 30.0})
    drive = Drive(whole, {"G": [BAD, GOOD], "G.mender": [failed(), Done()]}).play()

    assert drive.acts_of("G")[1:3] == ["G.mender.i2.a1", "G.mender.i2.a2"]
    gap = drive.spans["G.mender.i2.a2"][0] - drive.spans["G.mender.i2.a1"][1]
    assert gap == 30
    assert drive.state("G") == "passed"


def test_what_an_attempt_of_the_mender_wrote_that_failed_counts_as_mended():
    whole = chain(mender={"attempts": 2})
    drive = Drive(whole, {"G": [BAD, GOOD], "G.mender": [failed(), Done(outputs={"A.out": "new"})]}).play()

    assert drive.shown["G.i2.critic.a1"]["A.out"][0]["sha256"] == "new"


def test_what_the_mender_only_found_is_not_its_work():
    drive = Drive(chain(), {"G": BAD, "G.mender": Done(outputs={"A.out": "by somebody else"})}).play()

    assert drive.reason("G").startswith("no new work")
    assert drive.run.tasks["A"].outputs["out"][0]["sha256"] == "A.i1.a1:out"


def test_a_mender_that_fails_for_good_fails_the_gate():
    drive = Drive(chain(), {"G": BAD, "G.mender": failed("exit 3")}).play()

    assert drive.state("G") == "failed"
    assert drive.reason("G") == "G.mender exit in iteration 2: exit 3"
    assert drive.states()["A"] == "passed"


def test_members_with_gates_of_their_own_are_judged_by_them_first():
    whole = plan(
        task("A"),
        gate("GA", own="A"),
        task("B", reads={"a": "A.out"}),
        gate("G", "A", "B", mender={}),
    )
    drive = Drive(whole, {"G": [BAD, GOOD], "G.mender": Done(mends=("A",))}).play()

    assert drive.acts[-4:] == ["G.mender.i2.a1", "GA.i2.critic.a1", "B.i2.a1", "G.i2.critic.a1"]
    assert set(drive.states().values()) == {"passed"}


def test_a_members_own_gate_that_does_not_let_mended_bytes_through_ends_the_wider_gate():
    whole = plan(
        task("A"),
        gate("GA", own="A", max_iterations=1),
        task("B", reads={"a": "A.out"}),
        gate("G", "A", "B", mender={}),
    )
    drive = Drive(whole, {"G": BAD, "GA": [GOOD, BAD], "G.mender": Done(mends=("A",))}).play()

    assert drive.states() == {"A": "passed", "GA": "failed", "B": "passed", "G": "failed"}
    assert "B.i2.a1" not in drive.acts


def test_a_member_that_is_mended_and_works_again_is_judged_on_what_it_leaves():
    whole = plan(
        task("A"),
        task("B", reads={"a": "A.out"}),
        gate("GB", own="B"),
        gate("G", "A", "B", mender={}),
    )
    again = Done(outputs={"out": "mended"})
    drive = Drive(whole, {"G": [BAD, GOOD], "B": [Done(), again]}).play()

    assert drive.acts[-4:] == ["G.mender.i2.a1", "B.i2.a1", "GB.i2.critic.a1", "G.i2.critic.a1"]


def test_other_gates_judge_mended_bytes_again():
    whole = plan(task("A"), task("B"), gate("G", "A", mender={}), gate("H", "A", "B"))
    drive = Drive(whole, {"G": [BAD, GOOD], "H": GOOD}).play()

    assert drive.states() == dict.fromkeys(whole.tasks | whole.gates, "passed")
    assert drive.shown[drive.acts_of("H")[-1]]["A.out"][0]["sha256"] == "G.mender.i2.a1:A.out"


def test_those_who_had_read_mended_bytes_are_warned():
    whole = plan(task("A"), task("X", reads={"a": "A.out"}), gate("G", "A", mender={}))
    drive = Drive(whole, {"G": [BAD, GOOD]}).play()

    assert drive.warnings("X") == ("superseded input 'a': A.out was refined after it was read",)


def test_a_mender_counts_against_what_may_run_at_once():
    whole = plan(task("A"), gate("G", own="A", mender={}), task("Z"), task("Y", "Z"), parallel=1)

    assert Drive(whole, {"G": [BAD, GOOD]}).play().most == 1


def test_the_mender_of_a_foreground_task_runs_while_nothing_else_does():
    whole = plan(task("A", mode=FOREGROUND), gate("G", own="A", mender={}), task("Z"))
    drive = Drive(whole, {"G": [BAD, GOOD], "G.mender": Done(seconds=100)}).play()

    assert drive.state("G") == "passed"
    assert not drive.overlap("Z.i1.a1", "G.mender.i2.a1")
    assert drive.spans["Z.i1.a1"][0] >= drive.spans["G.i2.critic.a1"][1]


def test_a_gate_whose_judge_was_changed_meanwhile_ends_when_its_mender_is_back():
    drive = Drive(chain(), {"G": BAD})
    drive.at(30, ev.GateInputsChanged, gates=("G",), paths=("/rubric",)).play()

    assert drive.state("G") == "error"
    assert drive.acts[-1] == "G.mender.i2.a1"


def test_the_first_reason_why_a_gate_ends_stands():
    drive = Drive(chain(), {"G": BAD, "G.mender": failed()})
    drive.at(30, ev.GateInputsChanged, gates=("G",), paths=("/rubric",)).play()

    assert drive.state("G") == "error"


@pytest.mark.parametrize("cancel", [True, False])
def test_a_stop_leaves_the_gate_with_its_mender_to_a_later_session(cancel):
    drive = Drive(chain(), {"G": BAD})
    drive.at(28, ev.StopRequested, reason="Ctrl-C", cancel=cancel, interrupted=True).play()

    assert drive.run.over
    assert drive.state("G") in {"refining", "judging", "ready"}
    assert drive.state("A") == "passed"


def test_a_mender_that_somebody_ended_fails_the_gate():
    drive = Drive(chain(), {"G": BAD, "G.mender": Done(outcome=Outcome.CANCELLED, detail="by hand")}).play()

    assert drive.reason("G") == "G.mender cancelled in iteration 2: by hand"


def _started(act="G.mender.i2.a1", **more):
    values = {"at": START, "task": "G.mender", "iteration": 2, "attempt": 1, "act": act, "key": "k"}
    return ev.TaskStarted(**{**values, **more})


def test_a_mender_that_nobody_asked_for_cannot_have_started():
    run = Orchestrator(chain())

    assert not run.expects(_started())
    with pytest.raises(ImpossibleTransitionError, match="nobody asked its mender for iteration 2"):
        run.apply(_started())


def test_who_made_a_mender_another_one_is_told():
    before, after = chain(), chain(mender={"prompt": "Mend it."})

    assert changes(definition_of(before), definition_of(after)) == {"G.mender": "prompt changed"}


def test_a_task_has_no_mender_of_its_name():
    with pytest.raises(KeyError):
        plan(task("A"), gate("G", own="A")).worker("G.mender")


# ---- sessions ------------------------------------------------------------------------------------


class Talking(Drive):
    """A drive whose acts tell of a session, and that notes which one each act was given."""

    def _start_task(self, start) -> None:
        self.given = {**getattr(self, "given", {}), start.act: self.run.session_of(start.task)}
        super()._start_task(start)

    def _ended(self, item, critic, act, how):
        event = super()._ended(item, critic, act, how)
        if critic is not None:
            return event
        fields = {n: getattr(event, n) for n in type(event).__dataclass_fields__}
        return ev.TaskFinished(**{**fields, "session": f"of {act}"})


@pytest.mark.parametrize(("session", "given"), [(Session.RESUME, "of A.i1.a1"), (Session.FRESH, None)])
def test_an_agent_that_refines_goes_on_with_its_session_or_not_as_the_gate_says(session, given):
    whole = plan(task("A"), gate("G", own="A", session=session))
    drive = Talking(whole, {"G": [BAD, GOOD]}).play()

    assert drive.given == {"A.i1.a1": None, "A.i2.a1": given}


@pytest.mark.parametrize(("session", "given"), [(Session.RESUME, "of G.mender.i2.a1"), (Session.FRESH, None)])
def test_a_mender_goes_on_with_its_own_session(session, given):
    whole = plan(task("A"), gate("G", own="A", session=session, mender={}))
    drive = Talking(whole, {"G": [BAD, BAD, GOOD]}).play()

    assert drive.given == {"A.i1.a1": None, "G.mender.i2.a1": None, "G.mender.i3.a1": given}
