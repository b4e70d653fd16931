"""Resuming from any prefix of a journal: what counts, what is done again, and where it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from decimal import Decimal
from random import Random
from zlib import crc32

import pytest
from build import FOREGROUND, Done, Drive, Said, critic, failed, gate, plan, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_core_machine import LONG, Chance, plans

from orchharness.core import events as ev
from orchharness.core import graph
from orchharness.core.acts import Outcome
from orchharness.core.definition import changes, definition_of
from orchharness.core.orchestrator import Orchestrator
from orchharness.core.outages import who_works
from orchharness.core.past import past_of, replay
from orchharness.core.plan import (
    Agent,
    Check,
    CheckKind,
    Gate,
    OnExhausted,
    Option,
    Plan,
    Recovery,
    Then,
    TriggerRule,
    gate_of,
)
from orchharness.core.resuming import Resumption, resume, settle

REUSED = "reused: inputs and definition unchanged"


class Session(Drive):
    """A drive that can go on where another one was killed, and writes one journal with it."""

    @classmethod
    def after(cls, events: Iterable[ev.Event], whole: Plan, script=None, **more) -> Session:
        journal = list(events)
        found = resume(
            whole, list(more.pop("selected", [*whole.tasks, *whole.gates])), past_of(journal), **more
        )
        drive = cls(whole, script or {})
        drive.run, drive.found = found.run, found
        drive.resumed = True
        drive.warped = True  # it does not know what an earlier session saw
        drive.now = max([drive.now, *(e.at for e in journal)]) + 100
        drive.events = [*journal, _resumed(drive, found)]
        drive.run.apply(drive.events[-1])
        drive.acts = [e.act for e in journal if isinstance(e, ev.TaskStarted | ev.JudgementStarted)]
        drive.state_when_final, drive.finals = {}, []
        for transition in (t for _, then in found.kept for t in then):
            drive._note(transition)
        drive._note_finals()
        # What is judged again since then may still be waiting when the next session begins.
        drive.loose = bool(found.dropped) or any(e.dropped for e in journal if isinstance(e, ev.RunResumed))
        for started in found.open:
            drive.spans[started.act] = (drive.now, float("inf"))
            drive._go_on(started)
        return drive

    def _go_on(self, started) -> None:
        if isinstance(started, ev.TaskStarted):
            self.read[started.act] = self.run.inputs_of(self.plan.worker(started.task))
        else:
            self.shown[started.act] = self.run.artifacts_of(self.plan.gates[started.gate])
        if isinstance(started, ev.TaskStarted):
            how = self._next((started.act, started.task), Done())
            end = self._ended(started.task, None, started.act, how)
            if how.outcome is Outcome.LOST:
                end = replace(end, excused=True)
            self._end_later(how.seconds, end)
        else:
            how = self._next((started.act, f"{started.gate}/{started.critic}", started.gate), Said())
            self._end_later(how.seconds, self._ended(started.gate, started.critic, started.act, how))

    def starts(self) -> list[str]:
        """The acts that this session started."""
        at = max(n for n, e in enumerate(self.events) if isinstance(e, ev.RunResumed))
        return [e.act for e in self.events[at:] if isinstance(e, ev.TaskStarted | ev.JudgementStarted)]


def _resumed(drive: Drive, found: Resumption) -> ev.RunResumed:
    return ev.RunResumed(
        at=drive.now,
        digest="1",
        selected=found.run.selected,
        dropped=found.dropped,
        again=found.again,
        moved=found.moved,
        went_on=found.went_on,
    )


def over(drive: Drive) -> list[ev.Event]:
    return [*drive.events, ev.RunFinished(at=drive.now, state=str(drive.run.state))]


CHAIN = plan(task("A"), task("B", "A"), task("C"), task("D", "B", "C"))


def test_acts_without_an_end_are_taken_over_as_running():
    first = Drive(CHAIN, {"A": Done(seconds=5), "C": Done(seconds=50)}).play(10)
    again = Session.after(first.events, CHAIN)

    assert set(again.run.acts) == {"C.i1.a1", "B.i1.a1"}
    assert again.found.reasons["A"] == REUSED
    assert again.found.reasons["C"] == "re-attached"
    assert again.found.reasons["D"] == "not started before"
    assert again.play().starts() == ["D.i1.a1"]


def test_attempts_that_were_used_stay_used_when_the_orchestrator_died():
    whole = plan(task("A", attempts=2))
    first = Drive(whole, {"A": failed()}).play(15)
    again = Session.after(first.events, whole, {"A": failed()}).play()

    assert [e.act for e in first.events if isinstance(e, ev.TaskStarted)] == ["A.i1.a1", "A.i1.a2"]
    assert again.starts() == []
    assert again.state("A") == "failed"


def test_an_act_that_was_lost_with_its_orchestrator_was_no_attempt_and_the_others_stay_used():
    whole = plan(task("A", attempts=2))
    first = Drive(whole, {"A.i1.a1": failed(), "A": Done(seconds=90)}).play(30)
    gone = {"A.i1.a2": Done(outcome=Outcome.LOST), "A": failed()}
    again = Session.after(first.events, whole, gone).play()

    assert first.run.acts == ("A.i1.a2",)
    assert again.starts() == ["A.i1.a3"]
    assert again.state("A") == "failed"


def test_a_failure_that_is_allowed_is_not_done_again_and_nor_is_what_went_on_from_it():
    whole = plan(task("A", allow_failure=True), task("B", "A"), task("C"))
    first = Drive(whole, {"A": failed(), "C": failed()}).play()
    again = Session.after(over(first), whole).play()

    assert first.states() == {"A": "failed", "B": "passed", "C": "failed"}
    assert again.found.reasons["A"] == "reused: failed, and nothing it depends on changed"
    assert again.found.reasons["B"] == REUSED
    assert again.starts() == ["C.i1.a2"]


def test_what_must_not_be_done_twice_is_not_done_twice_however_often_the_run_is_resumed():
    whole = plan(task("A", recovery=Recovery.FAIL, attempts=3), task("B"))
    first = Drive(whole, {"A": Done(outcome=Outcome.LOST), "B": failed()}).play()
    again = Session.after(over(first), whole).play()

    assert first.acts == ["A.i1.a1", "B.i1.a1"]
    assert again.found.reasons["A"] == "reused: lost, and nothing it depends on changed"
    assert again.starts() == ["B.i1.a2"]


def test_a_question_that_waits_is_no_reason_to_do_anything_again():
    whole = plan(task("A", recovery=Recovery.ASK), task("B", "A"))
    first = Drive(whole, {"A": Done(seconds=90)}).play(5)
    asked = ev.TaskFinished(
        at=1006.0, task="A", act="A.i1.a1", outcome=Outcome.LOST, started=1000.0, seconds=6.0, asks=True
    )
    first.now, first._ends = 1006.0, []
    first.apply(asked)
    again = Session.after(over(first), whole)

    assert again.found.again == ()
    assert again.found.reasons["A"] == "a person is asked"


def test_what_failed_in_a_run_that_was_over_gets_all_its_attempts_again():
    whole = plan(task("A", attempts=2), task("B", "A"))
    first = Drive(whole, {"A": failed()}).play()
    again = Session.after(over(first), whole, {"A": failed()}).play()
    last = Session.after(over(again), whole).play()

    assert again.found.reasons == {"A": "re-run: it ended with exit 1", "B": "not started before"}
    assert again.starts() == ["A.i1.a3", "A.i1.a4"]
    assert last.starts() == ["A.i1.a5", "B.i1.a1"]
    assert last.states() == {"A": "passed", "B": "passed"}


def test_a_run_that_died_goes_on_with_the_failure_it_knew():
    whole = plan(task("A"), task("B", "A"))
    first = Drive(whole, {"A": failed()}).play()
    again = Session.after(first.events, whole).play()

    assert again.starts() == []
    assert again.found.reasons["A"] == "reused: failed, and nothing it depends on changed"
    assert again.found.reasons["B"] == "skipped: A failed"


@pytest.mark.parametrize("ended", [True, False])
def test_what_was_cancelled_is_always_tried_again(ended):
    whole = plan(task("A"), task("B", "A"))
    first = Drive(whole, {"A": Done(outcome=Outcome.CANCELLED, detail="Ctrl-C")}).play()
    again = Session.after(over(first) if ended else first.events, whole).play()

    assert again.found.reasons["A"] == "re-run: it ended with Ctrl-C"
    assert again.starts() == ["A.i1.a2", "B.i1.a1"]


def test_a_judge_that_did_not_work_is_asked_again():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole, {"G": Said(outcome=Outcome.TIMEOUT)}).play()
    again = Session.after(over(first), whole).play()

    assert first.state("G") == "error"
    assert again.starts() == ["G.i1.critic.a2"]
    assert again.states() == {"A": "passed", "G": "passed"}


def test_an_answer_that_is_no_evaluation_is_asked_for_again():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole, {"G": Said(score=7)}).play()
    again = Session.after(over(first), whole).play()

    assert first.state("G") == "error"
    assert again.starts() == ["G.i1.critic.a2"]


def test_checks_that_did_not_work_are_asked_again():
    whole = plan(task("A"), gate("G", own="A", checks=True, critics=[]))
    first = Drive(whole, {"G": Said(outcome=Outcome.ERROR, detail="gate inputs changed: x")}).play()
    again = Session.after(over(first), whole).play()

    assert first.state("G") == "error"
    assert again.starts() == ["G.i1.checks.a2"]
    assert again.state("G") == "passed"


def test_a_verdict_on_the_same_bytes_stands():
    whole = plan(task("A"), gate("G", own="A", max_iterations=2))
    first = Drive(whole, {"G": Said(score=0.5)}).play()
    again = Session.after(over(first), whole).play()

    assert again.starts() == []
    assert again.state("G") == "failed"
    assert again.found.reasons["G"] == "reused: failed, and nothing it depends on changed"


def test_a_task_that_changed_is_done_again_with_all_that_follows_and_no_others():
    first = Drive(CHAIN).play()
    again = Session.after(first.events, CHAIN, redo={"B": "prompt changed"}).play()

    assert again.starts() == ["B.i1.a1.r2", "D.i1.a1.r2"]
    assert again.found.reasons == {
        "A": REUSED,
        "B": "re-run: prompt changed",
        "C": REUSED,
        "D": "re-run: B is done again",
    }


def test_a_third_session_gives_new_names_again():
    first = Drive(CHAIN).play()
    second = Session.after(first.events, CHAIN, redo={"B": "prompt changed"}).play()
    third = Session.after(second.events, CHAIN, redo={"D": "prompt changed"}).play()

    assert third.starts() == ["D.i1.a1.r3"]


def test_refined_work_is_kept_when_its_judge_is_another_one():
    whole = plan(task("A"), task("X", "A"), gate("G", own="A"), task("B", "A"))
    said = {"G": [Said(score=0.5), Said(score=0.6), Said(score=1)]}
    first = Drive(whole, said).play()
    again = Session.after(first.events, whole, redo={"G": "judge.py changed"}).play()

    assert again.found.moved == {"A.i3.a1": "A.i1.a1"}
    assert again.starts()[0] == "G.i1.critic.a1.r2"
    assert not [a for a in again.starts() if a.startswith("A.")]
    assert again.found.reasons["A"] == REUSED
    third = Session.after(again.events, whole)
    assert third.found.dropped == {}
    assert third.states() == again.states()


def test_a_gate_that_was_tampered_with_judges_again():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole).play()
    tampered = [*first.events, ev.GateInputsChanged(at=first.now, gates=("G",), paths=("/x",))]
    again = Session.after(tampered, whole).play()
    third = Session.after(again.events, whole).play()

    assert again.starts() == ["G.i1.critic.a1.r2"]
    assert again.found.reasons["G"] == "re-run: files that judge were changed while the run went on"
    assert third.starts() == []


def test_one_act_that_does_not_count_takes_what_followed_with_it():
    first = Drive(CHAIN).play()
    again = Session.after(first.events, CHAIN, void={"A.i1.a1": "a.txt was changed"}).play()

    assert again.found.dropped == {
        "A.i1.a1": "a.txt was changed",
        "B.i1.a1": "A is done again",
        "D.i1.a1": "A is done again",
    }
    assert again.starts() == ["A.i1.a1.r2", "B.i1.a1.r2", "D.i1.a1.r2"]


def test_items_that_left_the_plan_are_forgotten_and_new_ones_run():
    first = Drive(CHAIN).play()
    now = plan(task("A"), task("B", "A"), task("E", "B"))
    again = Session.after(first.events, now).play()

    assert again.starts() == ["E.i1.a1"]
    assert again.found.dropped == dict.fromkeys(["C.i1.a1", "D.i1.a1"], "it is not in the plan any more")


def test_what_is_not_selected_waits_for_a_session_that_selects_it():
    first = Drive(CHAIN).play()
    part = Session.after(first.events, CHAIN, selected=["A", "B"]).play()
    whole = Session.after(part.events, CHAIN).play()

    assert part.found.dropped == {}
    assert whole.starts() == []
    assert set(whole.states().values()) == {"passed"}


def test_other_bytes_at_an_input_are_a_reason_to_work_again():
    whole = plan(task("A"), task("B", reads={"x": "A.out"}))
    first = Drive(whole).play()
    events = [
        ev.TaskFinished(
            **{**_fields(e), "inputs": {"x": [{"path": "A.out", "sha256": "other", "item": "A"}]}}
        )
        if isinstance(e, ev.TaskFinished) and e.task == "B"
        else e
        for e in first.events
    ]
    again = Session.after(events, whole).play()

    assert again.found.reasons["B"] == "re-run: input 'x' holds other bytes"
    assert again.starts() == ["B.i1.a1.r2"]


def test_other_bytes_that_were_judged_are_a_reason_to_judge_again():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole).play()
    events = [
        ev.JudgementFinished(**{**_fields(e), "artifacts": {"A.out": [{"path": "A.out", "sha256": "other"}]}})
        if isinstance(e, ev.JudgementFinished)
        else e
        for e in first.events
    ]
    again = Session.after(events, whole).play()

    assert again.found.reasons["G"] == "re-run: what it judged holds other bytes"


def _fields(event) -> dict:
    return {n: getattr(event, n) for n in type(event).__dataclass_fields__}


def test_settling_asks_until_nothing_more_is_void():
    first = Drive(CHAIN).play()
    asked = []

    def look(found: Resumption) -> dict[str, str]:
        asked.append(len(found.dropped))
        kept = {e.act for e, _ in found.kept}
        return {a: "bytes" for a in ("D.i1.a1", "C.i1.a1") if a in kept and len(asked) < 3}

    found = settle(CHAIN, list(CHAIN.tasks), past_of(first.events), redo={}, look=look)

    assert asked == [0, 2]
    assert set(found.dropped) == {"C.i1.a1", "D.i1.a1"}


def test_what_a_result_depends_on_is_told_by_its_name():
    before = plan(
        task("A", prompt="x", title="t"), gate("G", own="A"), critics=[critic("critic", prompt="p")]
    )
    after = plan(
        task("A", prompt="y", title="u", timeout=3.0),
        gate("G", own="A", threshold="0.2"),
        task("N"),
        critics=[critic("critic", prompt="q")],
    )

    assert changes(definition_of(before), definition_of(after)) == {
        "A": "prompt changed",
        "N": "it is new",
        "G/critic": "prompt changed",
    }


MENDED = plan(task("A"), task("B", reads={"a": "A.out"}), gate("G", "A", "B", mender={}))
ONCE = {"G": [Said(score=0.5), Said()], "G.mender": Done(mends=("A",))}


def test_a_mender_without_an_end_is_taken_over_as_running():
    first = Drive(MENDED, ONCE).play(28)
    again = Session.after(first.events, MENDED, ONCE | {"G": Said()})

    assert first.acts[-1] == "G.mender.i2.a1"
    assert again.run.acts == ("G.mender.i2.a1",)
    assert again.found.reasons["G"] == "re-attached"
    assert again.play().starts() == ["B.i2.a1", "G.i2.critic.a1"]


def test_a_mender_that_is_another_one_now_takes_what_followed_from_it_with_it():
    first = Drive(MENDED, ONCE).play()
    again = Session.after(first.events, MENDED, ONCE, redo={"G.mender": "prompt changed"}).play()

    assert again.found.reasons["G"] == "re-run: prompt changed"
    assert set(again.found.dropped) == {"G.mender.i2.a1", "B.i2.a1", "G.i2.critic.a1"}
    assert again.starts()[0] == "G.mender.i2.a1.r2"
    assert again.state("G") == "passed"


def test_work_of_a_mender_that_the_plan_has_no_more_does_not_count():
    first = Drive(MENDED, ONCE).play()
    now = plan(task("A"), task("B", reads={"a": "A.out"}), gate("G", "A", "B"))
    again = Session.after(first.events, now, {"G": Said()}).play()

    assert "G.mender.i2.a1" in again.found.dropped
    assert again.starts()[:1] == ["A.i2.a1"]


def test_a_mender_that_was_cancelled_is_asked_again():
    first = Drive(MENDED, ONCE)
    first.at(28, ev.StopRequested, reason="Ctrl-C", cancel=True, interrupted=True).play()
    again = Session.after(over(first), MENDED, ONCE | {"G": Said()}).play()

    assert first.acts[-1] == "G.mender.i2.a1"
    assert again.starts() == ["G.mender.i2.a2", "B.i2.a1", "G.i2.critic.a1"]


def test_judgements_that_are_wanted_besides_are_the_only_ones_made():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole).play()
    now = plan(task("A"), gate("G", own="A", samples=3))
    again = Session.after(over(first), now).play()

    assert again.found.dropped == {}
    assert again.starts() == ["G.i1.critic.s2.a1", "G.i1.critic.s3.a1"]


def test_judgements_that_are_not_wanted_any_more_are_dropped():
    whole = plan(task("A"), gate("G", own="A", samples=3))
    first = Drive(whole, {"G": [Said(), Said(score=0.1), Said(score=0.1)]}).play(16)
    again = Session.after(first.events, plan(task("A"), gate("G", own="A")))

    assert set(again.found.dropped) == {"G.i1.critic.s2.a1", "G.i1.critic.s3.a1"}
    assert again.run.acts == ("A.i2.a1",)  # at work on what two of three judges found
    assert again.play().starts() == ["G.i2.critic.a1"]
    assert again.state("G") == "passed"


def test_a_refinement_that_would_have_ended_before_keeps_its_work_and_its_last_verdict():
    whole = plan(task("A"), gate("G", own="A", max_iterations=5), task("B", "A"))
    said = {"G": [Said(score=0.7), Said(score=0.86), Said(score=0.87), Said(score=0.85), Said(score=0.88)]}
    first = Drive(whole, said).play()
    now = plan(task("A"), gate("G", own="A", threshold="0.85", max_iterations=5), task("B", "A"))
    again = Session.after(over(first), now).play()

    assert first.state("G") == "failed"
    assert again.found.dropped == {}
    assert again.starts() == ["B.i1.a1"]
    assert (again.state("G"), again.run.gates["G"].iteration) == ("passed", 5)
    _check_replay(again)


def test_a_last_verdict_that_is_below_the_new_threshold_goes_on_from_there():
    whole = plan(task("A"), gate("G", own="A", max_iterations=3))
    first = Drive(whole, {"G": [Said(score=0.7), Said(score=0.86), Said(score=0.6)]}).play()
    again = Session.after(
        over(first), plan(task("A"), gate("G", own="A", threshold="0.85", max_iterations=4))
    )
    _check_replay(again)
    again.play()

    assert again.found.dropped == {}
    assert again.starts() == ["A.i4.a1", "G.i4.critic.a1"]
    assert again.state("G") == "passed"


def test_fewer_iterations_than_there_were_leave_the_last_verdict():
    whole = plan(task("A"), gate("G", own="A", max_iterations=4))
    first = Drive(whole, {"G": [Said(score=0.7), Said(score=0.8), Said(score=0.6), Said(score=0.93)]}).play()
    again = Session.after(over(first), plan(task("A"), gate("G", own="A", max_iterations=2))).play()
    third = Session.after(again.events, plan(task("A"), gate("G", own="A", max_iterations=1))).play()

    for session in (again, third):
        assert (session.found.dropped, session.starts()) == ({}, [])
        assert session.run.gates["G"].score_text == "0.93"
        _check_replay(session)


def test_work_that_failed_after_a_verdict_that_passes_now_does_not_count():
    whole = plan(task("A"), gate("G", own="A", max_iterations=3))
    first = Drive(whole, {"A.i2.a1": failed(), "G": Said(score=0.86)}).play()
    again = Session.after(over(first), plan(task("A"), gate("G", own="A", threshold="0.85"))).play()

    assert first.state("A") == "failed"
    assert again.starts() == []
    assert set(again.states().values()) == {"passed"}


def test_an_agent_at_work_on_findings_goes_on_though_the_verdict_passes_now():
    whole = plan(task("A"), gate("G", own="A", max_iterations=3))
    first = Drive(whole, {"A.i2.a1": Done(seconds=90), "G": Said(score=0.86)}).play(30)
    again = Session.after(first.events, plan(task("A"), gate("G", own="A", threshold="0.85")))

    assert first.run.acts == again.run.acts == ("A.i2.a1",)
    assert again.play().starts() == ["G.i2.critic.a1"]


@pytest.mark.parametrize(("threshold", "state"), [("0.85", "passed"), ("0.88", "passed"), ("0.95", "paused")])
def test_work_that_a_person_asked_for_counts_though_nobody_would_be_asked_now(threshold, state):
    again_or_not = (Option(id="again", label="again", then=Then.RETRY),)

    def now(threshold: str) -> Plan:
        asks = {"max_iterations": 2, "on_exhausted": OnExhausted.ASK, "options": again_or_not}
        return plan(task("A"), gate("G", own="A", threshold=threshold, **asks))

    first = Drive(now("0.90"), {"G": [Said(score=s) for s in (0.7, 0.86, 0.87, 0.88)]}).play()
    first.answer("G", "again").play()
    again = Session.after(first.events, now(threshold)).play()

    assert (again.starts(), again.state("G")) == ([], state)
    assert again.run.gates["G"].iteration == 4
    _check_replay(again)


def test_of_gates_that_share_tasks_each_keeps_the_work_that_it_had_done():
    def now(threshold: str) -> Plan:
        return plan(
            task("A"),
            task("B", "A"),
            gate("O", own="A", threshold=threshold, max_iterations=4),
            gate("W", "A", "B", threshold=threshold, max_iterations=4),
            gate("V", "B", threshold=threshold, max_iterations=4),
        )

    low, mid, high = Said(score=0.5), Said(score=0.86), Said(score=0.95)
    said = {"O": [mid, high, mid, high], "W": [low, mid, high, high], "V": [mid, mid, high, high]}
    first = Drive(now("0.90"), said).play()
    again = Session.after(over(first), now("0.85")).play()

    assert set(first.states().values()) == {"passed"}
    assert [a for a in again.starts() if a[0] in "AB"] == []
    assert set(again.states().values()) == {"passed"}
    _check_replay(again)


def test_work_of_a_mender_counts_though_its_gate_would_have_ended_before():
    def now(threshold: str) -> Plan:
        return plan(task("A"), gate("G", "A", mender={}, threshold=threshold, max_iterations=4))

    said = {"G": [Said(score=s) for s in (0.7, 0.86, 0.87, 0.86)], "G.mender": Done(mends=("A",))}
    first = Drive(now("0.90"), said).play()
    again = Session.after(over(first), now("0.85")).play()

    assert first.state("G") == "failed"
    assert (again.starts(), again.state("G")) == ([], "passed")


def test_a_gate_that_fails_now_has_no_work_done_because_another_one_had_some():
    def now(threshold: str) -> Plan:
        own = gate("O", own="A", threshold=threshold, max_iterations=1, mender={})
        return plan(task("A"), own, gate("G", "A", max_iterations=2))

    said = {"O": Said(score=0.85), "G": [Said(score=0.5), Said()]}
    first = Drive(now("0.80"), said).play()
    again = Session.after(over(first), now("0.90")).play()

    assert set(first.states().values()) == {"passed"}
    assert (again.starts(), again.found.went_on) == ([], {})
    assert (again.state("O"), again.state("G")) == ("failed", "skipped")
    _check_replay(again)


def test_a_gate_that_is_to_judge_more_often_judges_the_latest_work():
    whole = plan(task("A"), gate("G", own="A"))
    first = Drive(whole, {"G": [Said(score=0.5), Said(score=0.6), Said()]}).play()
    now = plan(task("A"), gate("G", own="A", samples=3))
    again = Session.after(over(first), now).play()

    assert again.found.moved == {"A.i3.a1": "A.i1.a1"}
    assert [a for a in again.starts() if a.startswith("A")] == []
    assert again.state("G") == "passed"
    _check_replay(again)


def test_an_answer_that_is_missing_among_several_is_asked_for_alone():
    whole = plan(task("A"), gate("G", own="A", samples=3))
    slow = {"G.i1.critic.s2.a1": Said(seconds=60)}
    first = Drive(whole, slow).play(20)
    again = Session.after(first.events, whole)

    assert again.run.acts == ("G.i1.critic.s2.a1",)
    assert again.play().starts() == []
    assert again.state("G") == "passed"


# ---- any plan, any prefix -----------------------------------------------------------------------


class ByName:
    """How an act ends depends on its name alone, so every session is told the same."""

    def __init__(self, seed: int, tasks: list[str]) -> None:
        self._seed, self._tasks = seed, tasks

    def of(self, act: str, default: Done | Said) -> Done | Said:
        name = act.partition(".r")[0]
        return Chance(crc32(f"{self._seed} {name}".encode()), self._tasks)(default)


class Told(Session):
    """A session whose script is `ByName`."""

    def _next(self, names, default):
        return self.script.of(names[0], default)


def _check_replay(drive: Session) -> None:
    again = replay(drive.plan, drive.events)

    assert _standing(again, drive.run.parked) == _standing(drive.run)
    assert again.settled == drive.run.settled
    assert again.acts == drive.run.acts


LIMITS = settings(
    max_examples=LONG or 100,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def _standing(run: Orchestrator, parked: Collection[str] = ()) -> dict[str, object]:
    """How all items stand. What a budget stops, here or as told, has its reason of when it was asked for last:
    no event says that time has used a budget up, and what was spent may be told as of then or of now.
    """
    found = {i: run.status(i) for i in run.selected}
    return {i: replace(s, reason="") if i in run.parked or i in parked else s for i, s in found.items()}


@LIMITS
@given(whole=plans(), seed=st.integers(0, 2**32))
def test_from_every_prefix_the_same_run_goes_on(whole: Plan, seed: int) -> None:
    first = Told(whole, ByName(seed, list(whole.tasks))).play()
    chance = Random(seed)
    for end in sorted({0, *(chance.randrange(len(first.events) + 1) for _ in range(6))}):
        prefix = first.events[:end]
        before = Orchestrator(whole)
        for event in prefix:
            before.apply(event)
        cancelled = [e for e in prefix if getattr(e, "outcome", None) is Outcome.CANCELLED]
        impatient = [e for e in prefix if isinstance(e, ev.PatienceEnded)]  # a resume waits anew
        again = Told.after(prefix, whole, first.script)

        if not cancelled and not impatient:
            assert again.found.dropped == {}
            assert again.found.again == ()
            assert _standing(again.run) == _standing(before)
        _check_replay(again)
        again.play()
        _check_replay(again)
        assert again.run.over


@LIMITS
@given(whole=plans(), seed=st.integers(0, 2**32))
def test_any_edits_and_crashes_end_in_a_run_that_replays(whole: Plan, seed: int) -> None:
    chance, script = Random(seed), ByName(seed, list(whole.tasks))
    drive: Session = Told(whole, script).play(chance.choice([None, 20.0, 60.0, 200.0]))
    items = [*whole.tasks, *whole.gates]
    for _ in range(3):
        events = over(drive) if drive.run.over and chance.random() < 0.5 else drive.events
        redo = {i: "changed" for i in items if chance.random() < 0.15}
        started = [e.act for e in events if isinstance(e, ev.TaskStarted | ev.JudgementStarted)]
        void = {a: "void" for a in started if chance.random() < 0.05}
        before, whole = whole, _with_other_terms(whole, chance) if seed % 2 else whole
        drive = Told.after(events, whole, script, redo=redo, void=void)
        drive.loose |= bool(seed % 2)  # what runs may have been started when a gate had been through
        _check_reuse(before, drive, redo, void)
        _check_replay(drive)
        if chance.random() < 0.5:
            drive.play(drive.now + chance.choice([5.0, 30.0]) - 1000.0)
        else:
            drive.play()
            assert drive.run.over
        _check_replay(drive)


@LIMITS
@given(whole=plans(), seed=st.integers(0, 2**32))
def test_gates_that_ask_for_less_lose_no_work(whole: Plan, seed: int) -> None:
    chance, script = Random(seed), ByName(seed, list(whole.tasks))
    whole = _monotonous(whole)
    drive: Session = Told(whole, script).play(chance.choice([None, 20.0, 60.0, 200.0]))
    for _ in range(2):
        events = over(drive) if drive.run.over else drive.events
        whole = replace(whole, gates={i: _asking_less(g, chance) for i, g in whole.gates.items()})
        drive = Told.after(events, whole, script)
        _check_replay(drive)
        # What was in trouble may be tried again, with all that followed.
        smooth = all(getattr(e, "outcome", Outcome.SUCCESS) is Outcome.SUCCESS for e in events)
        assert not smooth or not _last_work(events) & drive.found.dropped.keys()
        drive.play(chance.choice([None, drive.now - 970.0]))
        _check_replay(drive)
    assert drive.play().run.over


def _monotonous(whole: Plan) -> Plan:
    """The plan, where a gate that passes instead of failing only adds to what is done."""
    tasks = {
        i: replace(t, when=(), allow_failure=False, trigger_rule=TriggerRule.ALL_SUCCESS)
        for i, t in whole.tasks.items()
    }
    return replace(
        whole, tasks=tasks, gates={i: replace(g, confirm_on_fail=0) for i, g in whole.gates.items()}
    )


def _asking_less(gate_: Gate, chance: Random) -> Gate:
    """The gate with a lower threshold, fewer iterations, or both."""
    threshold = min(gate_.threshold, Decimal(chance.choice(["1", "0.9", "0.6", "0.2"])))
    return replace(gate_, threshold=threshold, max_iterations=chance.randint(1, gate_.max_iterations))


def _last_work(events: Iterable[ev.Event]) -> set[str]:
    """The last act of each task, where it passed."""
    last = {e.task: e for e in past_of(events).acts if isinstance(e, ev.TaskFinished)}
    return {e.act for e in last.values() if e.outcome is Outcome.SUCCESS}


def _with_other_terms(whole: Plan, chance: Random) -> Plan:
    """Some gates ask for more than before, some for less, some are judged more often, or not as often."""
    gates = dict(whole.gates)
    for name in [i for i, g in gates.items() if g.of and chance.random() < 0.15]:
        gates[name] = replace(
            gates[name],
            threshold=Decimal(chance.choice(["0.9", "0.6", "0.2"])),
            max_iterations=chance.randint(1, 4),
            samples=chance.randint(1, 3),
            confirm_on_fail=chance.randint(0, 2),
        )
    return replace(whole, gates=gates)


def _check_reuse(whole: Plan, drive: Session, redo: dict[str, str], void: dict[str, str]) -> None:
    """Nothing counts that must not, and a task that no change can reach counts as it was."""
    kept = {e.act for e, _ in drive.found.kept}
    assert not kept & void.keys()
    assert not {e.act for e, _ in drive.found.kept if (getattr(e, "task", None) or e.gate) in redo}
    reached = _reached(whole, drive, redo, void)
    for act in drive.found.dropped:
        item = act.partition(".")[0]
        assert item in reached, f"{act} was dropped, and nothing reaches {item}"


def _reached(whole: Plan, drive: Session, redo: dict[str, str], void: dict[str, str]) -> set[str]:
    """What follows from a change: dependents, and members of gates whose verdicts do not count."""
    waiting = graph.dependents(whole, [*whole.tasks, *whole.gates])[0]
    again = {a.partition(".")[0] for a in drive.found.again}
    again |= {i for i, g in drive.plan.gates.items() if g != whole.gates[i]}
    found = set(redo) | {a.partition(".")[0] for a in void} | again | _waited_for_anew(whole, drive)
    todo = list(found)
    while todo:
        at = todo.pop()
        later = set(waiting.get(at, ()))
        if at in whole.gates:
            later |= set(whole.gates[at].of)
        later |= {g.id for g in whole.gates.values() if at in g.of or at in g.of_gates}
        if at in whole.tasks and whole.tasks[at].gate:
            later.add(whole.tasks[at].gate)
        todo += later - found
        found |= later
    return found


def _waited_for_anew(whole: Plan, drive: Session) -> set[str]:
    """What failed since a kind took no work for too long."""
    gone = {e.engine for e in drive.events if isinstance(e, ev.PatienceEnded)}
    menders = [g.mender.id for g in whole.gates.values() if g.mender is not None]
    found = {gate_of(w) for w in (*whole.tasks, *menders) if who_works(whole, w).engine in gone}
    judges = [(g.id, c) for g in whole.gates.values() for c in g.critics]
    return found | {g for g, c in judges if who_works(whole, g, c).engine in gone}


# ---- what a journal tells -----------------------------------------------------------------------


def test_a_journal_tells_its_selection_its_keys_and_what_has_no_end():
    first = Drive(CHAIN, {"C": Done(seconds=50)}).play(10)
    started = ev.RunStarted(at=0.0, run="r", plan="p", digest="0", selected=("A", "B", "C", "D"))
    past = past_of([started, *first.events])

    assert past.selected == ("A", "B", "C", "D")
    assert past.keys == dict.fromkeys(("A.i1.a1", "B.i1.a1", "C.i1.a1"), "k")
    assert next(e.act for e in past.open) == "C.i1.a1"
    assert not past.ended


def test_a_run_that_was_never_resumed_replays_with_its_own_selection():
    first = Drive(CHAIN, selected=frozenset({"A", "B"})).play()
    started = ev.RunStarted(at=0.0, run="r", plan="p", digest="0", selected=("A", "B"))
    again = replay(CHAIN, [started, *first.events])

    assert again.selected == ("A", "B")
    assert again.over


def test_acts_of_items_that_are_not_selected_now_are_passed_over_in_a_replay():
    first = Drive(CHAIN).play()
    part = Session.after(first.events, CHAIN, selected=["A", "B"]).play()

    assert replay(CHAIN, part.events).selected == ("A", "B")


def test_what_a_judge_and_checks_are_made_of_is_told_by_its_name():
    judge = critic("critic", agent="model")
    agents = {"model": Agent(id="model", kind="claude", options={"model": "a"})}
    before = plan(task("A"), gate("G", own="A", checks=True), critics=[judge], agents=agents)
    other = {"model": Agent(id="model", kind="claude", options={"model": "b"})}
    check = Check(kind=CheckKind.FILE, name="file x", options={"path": "x"})
    changed = replace(gate("G", own="A"), checks=(check,))
    after = plan(task("A"), changed, critics=[judge], agents=other)

    assert changes(definition_of(before), definition_of(after)) == {
        "G/checks": "checks changed",
        "G/critic": "agent changed",
    }


def test_a_variable_counts_for_what_names_it():
    templates = {"A": "{{ vars.word }}", "B": "{{ vars.other }}", "C": "vars.word"}
    tasks = [
        task(n, prompt=text, options={"list": [text, 1, True, None, 1.5]}) for n, text in templates.items()
    ]
    before = plan(*tasks, vars={"word": "one", "other": "x"})
    after = plan(*tasks, vars={"word": "two", "other": "x"})

    assert changes(definition_of(before), definition_of(after)) == {"A": "variable 'word' changed"}


def test_a_stop_of_an_earlier_session_does_not_stop_the_next_one():
    first = Drive(CHAIN, {"A": Done(seconds=5), "C": Done(seconds=50)}).play(10)
    stop = ev.StopRequested(at=first.now, reason="-x", cancel=False, interrupted=False)
    again = Session.after([*first.events, stop], CHAIN).play()

    assert again.run.stop is None
    assert set(again.states().values()) == {"passed"}


def test_the_end_of_an_act_that_does_not_count_is_passed_over():
    first = Drive(CHAIN).play()
    again = Session.after(first.events, CHAIN, void={"C.i1.a1": "bytes"})

    assert not [e for e, _ in again.found.kept if e.act == "C.i1.a1"]
    assert again.play().starts() == ["C.i1.a1.r2", "D.i1.a1.r2"]


def test_what_is_done_again_alone_waits_until_what_ran_after_it_is_over():
    whole = plan(task("A", mode=FOREGROUND), task("B"), task("C"))
    first = Drive(whole, {"A": Done(outcome=Outcome.CANCELLED), "B": Done(seconds=90)}).play(30)
    again = Session.after(first.events, whole, {"B": Done(seconds=50)}).play()

    assert again.found.again == ("A.i1.a1",)
    assert not again.overlap("A.i1.a2", "B.i1.a1")
    assert set(again.states().values()) == {"passed"}


def test_what_is_judged_again_alone_waits_until_what_ran_after_it_is_over():
    whole = plan(task("A", mode=FOREGROUND), gate("O", own="A"), task("B"))
    first = Drive(whole, {"O": Said(outcome=Outcome.CANCELLED), "B": Done(seconds=90)}).play(30)
    again = Session.after(first.events, whole, {"B": Done(seconds=50)}).play()

    assert again.found.again == ("O.i1.critic.a1",)
    assert not again.overlap("O.i1.critic.a2", "B.i1.a1")
    assert set(again.states().values()) == {"passed"}


def test_what_is_judged_again_alone_waits_until_another_that_runs_alone_is_through():
    whole = plan(
        task("A", mode=FOREGROUND), gate("O", own="A"), task("B", mode=FOREGROUND), gate("P", own="B")
    )
    low = Said(score=0.5, seconds=40)
    first = Drive(whole, {"O": Said(outcome=Outcome.CANCELLED), "P": low}).play(30)
    again = Session.after(first.events, whole, {"P": [low, Said()]}).play()

    assert first.run.acts == ("P.i1.critic.a1",)
    assert again.found.again == ("O.i1.critic.a1",)
    assert again.starts() == ["B.i2.a1", "P.i2.critic.a1", "O.i1.critic.a2"]
    assert set(again.states().values()) == {"passed"}
