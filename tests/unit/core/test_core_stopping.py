"""Stops, changed gate inputs, and events that cannot have happened."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from build import Done, Said, critic, failed, gate, plan, task
from hypothesis import given
from hypothesis import strategies as st

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.orchestrator import CancelAct, Orchestrator, StartTask
from orchharness.errors import ImpossibleTransitionError, JournalError


def stop(drive, seconds, *, cancel=False, interrupted=True):
    return drive.at(seconds, ev.StopRequested, reason="Ctrl-C", cancel=cancel, interrupted=interrupted)


def test_after_a_stop_nothing_starts_and_running_acts_finish(drive):
    run = stop(drive(task("A"), task("B", "A"), task("C", "B")), 15).play()

    assert run.states() == {"A": "passed", "B": "passed", "C": "ready"}
    assert run.run.over
    assert run.run.state == "interrupted"
    assert run.run.stop.reason == "Ctrl-C"


def test_a_stop_that_cancels_ends_running_acts_once(drive):
    run = drive(task("A"), task("B"), gate("GB", own="B"), script={"B": Done(seconds=1)})
    stop(run, 3, cancel=True).play()

    assert run.states() == {"A": "cancelled", "B": "passed", "GB": "ready"}
    assert run.reason("GB") == "the judgement was not finished"
    assert run.run.decide(run.now, 5) == []
    assert run.run.state == "interrupted"


def test_each_act_is_cancelled_once():
    run = Orchestrator(plan(task("A"), task("B")))
    for start in run.decide(0, 2):
        run.apply(ev.TaskStarted(at=0, task=start.task, iteration=1, attempt=1, act=start.act, key="k"))
    run.apply(ev.StopRequested(at=1, reason="x", cancel=True, interrupted=True))

    assert run.decide(1, 0) == [CancelAct(act="A.i1.a1"), CancelAct(act="B.i1.a1")]
    assert run.decide(2, 5) == []


def test_a_second_stop_can_add_cancelling_and_takes_nothing_back(drive):
    run = drive(task("A"), script={"A": Done(seconds=100)})
    stop(run, 10, interrupted=False)
    stop(run, 20, cancel=True)
    stop(run, 21, interrupted=False).play()

    assert run.spans["A.i1.a1"] == (1000, 1020)
    assert run.run.stop.cancel
    assert run.run.stop.interrupted


def test_a_stop_that_is_no_interrupt_ends_as_the_items_say(drive):
    items = [task("A"), task("B", "A")]
    run = stop(drive(*items), 5, interrupted=False).play()

    assert run.run.state == "failed", "not everything was decided"

    run = stop(drive(*items), 15, interrupted=False).play()

    assert run.run.state == "passed"

    run = stop(drive(*items), 15, interrupted=False, cancel=True).play()

    assert run.run.state == "cancelled"


def test_an_interrupt_after_everything_is_decided_changes_nothing(drive):
    run = stop(drive(task("A"), task("B")), 5).play()

    assert run.run.state == "passed"


def test_a_run_in_which_something_failed_before_it_was_cancelled_has_failed(drive):
    run = drive(task("A"), task("B"), script={"A": failed(seconds=1)})
    stop(run, 3, cancel=True, interrupted=False).play()

    assert run.run.state == "failed"


def test_a_task_cancelled_without_a_stop_fails_the_run(drive):
    run = drive(task("A"), script={"A": Done(outcome=Outcome.CANCELLED)}).play()

    assert run.state("A") == "cancelled"
    assert run.run.state == "failed"


def test_no_wake_up_is_asked_for_after_a_stop(drive):
    run = drive(task("A", attempts=2, backoff=60), script={"A": failed()})
    stop(run, 15).play()

    assert run.run.wake_at() is None
    assert run.state("A") == "ready"


def test_critics_that_finish_after_a_stop_still_count(drive):
    critics = [critic("one"), critic("two")]
    script = {"G/one": Said(seconds=5), "G/two": Said(seconds=50)}
    run = drive(task("A"), gate("G", own="A", critics=["one", "two"]), critics=critics, script=script)
    stop(run, 12).play()

    assert run.state("G") == "passed"


def test_a_gate_whose_critics_were_not_asked_before_a_stop_is_not_decided(drive):
    run = stop(drive(task("A"), gate("G", own="A", checks=True)), 12).play()

    assert (run.state("G"), run.reason("G")) == ("ready", "the judgement was not finished")
    assert run.run.state == "interrupted"


def test_a_gate_that_was_refining_when_the_run_stopped_is_not_decided(drive):
    run = stop(drive(task("A"), gate("G", own="A"), script={"G": Said(score=0.1)}), 17).play()

    assert run.states() == {"A": "passed", "G": "ready"}


def test_gate_inputs_changed_before_the_gate_judged_are_an_error(drive):
    run = drive(task("A"), gate("G", own="A"), task("B", "A"))
    run.at(3, ev.GateInputsChanged, gates=("G",), paths=("/r.md", "/s.md")).play()

    assert (run.state("G"), run.reason("G")) == ("error", "gate inputs changed: /r.md, /s.md")
    assert run.state("A") == "passed"
    assert run.reason("B") == "G error"
    assert run.acts_of("G") == []


def test_gate_inputs_changed_while_the_gate_judges_are_an_error(drive):
    run = drive(task("A"), gate("G", own="A"), task("B", "A"))
    run.at(12, ev.GateInputsChanged, gates=("G",), paths=("/r.md",)).play()

    assert run.state("G") == "error"
    assert run.run.status("G").score is None


def test_gate_inputs_changed_after_the_verdict_take_it_back(drive):
    run = drive(
        task("A"), gate("G", own="A"), task("slow"), task("B", "A", "slow"), script={"slow": Done(seconds=90)}
    )
    run.warped = True
    run.at(50, ev.GateInputsChanged, gates=("G",), paths=("/r.md",)).play()

    assert run.finals[:2] == ["A", "G"]
    assert run.state("G") == "error"
    assert (run.state("B"), run.reason("B")) == ("skipped", "G error")
    assert run.run.state == "failed"


def test_gate_inputs_of_gates_that_are_over_or_not_selected_change_nothing(drive):
    run = drive(task("A"), gate("G", own="A", max_iterations=1), script={"G": Said(score=0.1)})
    run.at(50, ev.GateInputsChanged, gates=("G", "elsewhere"), paths=("/r.md",)).play()

    assert run.state("G") == "failed"


def test_a_critic_that_says_the_inputs_changed_is_not_asked_again(drive):
    from orchharness.core.plan import Retry

    critics = [critic(retry=Retry(attempts=3))]
    said = Said(outcome=Outcome.ERROR, detail="gate inputs changed: /r.md")
    run = drive(task("A"), gate("G", own="A"), critics=critics, script={"G": said}).play()

    assert (run.state("G"), run.reason("G")) == ("error", "gate inputs changed: /r.md")
    assert run.acts_of("G") == ["G.i1.critic.a1"]


# ---- what cannot have happened -------------------------------------------------------------------


def started(task="A", iteration=1, attempt=1, act="A.i1.a1"):
    return ev.TaskStarted(at=0, task=task, iteration=iteration, attempt=attempt, act=act, key="k")


def finished(task="A", act="A.i1.a1"):
    return ev.TaskFinished(at=1, task=task, act=act, outcome=Outcome.SUCCESS, started=0, seconds=1)


def judging(gate="G", critic="critic", iteration=1, attempt=1, act="G.i1.critic.a1"):
    return ev.JudgementStarted(
        at=2, gate=gate, critic=critic, iteration=iteration, attempt=attempt, act=act, key="k"
    )


def judged(gate="G", critic="critic", act="G.i1.critic.a1"):
    return ev.JudgementFinished(
        at=3,
        gate=gate,
        critic=critic,
        act=act,
        outcome=Outcome.SUCCESS,
        started=2,
        seconds=1,
        evaluation={"criteria": {"q": 1}},
    )


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([finished()], "'A': its act 'A.i1.a1' ended but did not run (history: waiting → ready)"),
        (
            [started(), started()],
            "'A': it cannot start while it is running (history: waiting → ready → running)",
        ),
        (
            [started(), finished(), finished()],
            "'A': its act 'A.i1.a1' ended but did not run (history: waiting → ready → running → passed)",
        ),
        ([started("B", act="B.i1.a1")], "'B': it cannot start while it is waiting (history: waiting)"),
        ([started("X")], "'X': this run has no such task"),
        ([finished("X")], "'X': this run has no such task"),
        ([started("G")], "'G': this run has no such task (history: waiting)"),
        ([started(attempt=2)], "'A': iteration 1 attempt 1 comes next, not 1 2 (history: waiting → ready)"),
        ([started(iteration=2)], "'A': iteration 1 attempt 1 comes next, not 2 1 (history: waiting → ready)"),
        ([judging()], "'G': nobody asked 'critic' in iteration 1 (history: waiting)"),
        ([judging("X")], "'X': this run has no such gate"),
        ([judged("X")], "'X': this run has no such gate"),
        (
            [started(), finished(), judged()],
            "'G': its act 'G.i1.critic.a1' ended but did not run (history: waiting → ready)",
        ),
        (
            [started(), finished(), judging(critic="nobody")],
            "'G': nobody asked 'nobody' in iteration 1 (history: waiting → ready)",
        ),
        (
            [started(), finished(), judging(iteration=2)],
            "'G': nobody asked 'critic' in iteration 2 (history: waiting → ready)",
        ),
        (
            [started(), finished(), judging(), judging(attempt=2)],
            "'G': 'critic' judges already (history: waiting → ready → judging)",
        ),
        (
            [started(), finished(), judging(), judged(critic="other")],
            "'G': its act 'G.i1.critic.a1' ended but did not run (history: waiting → ready → judging)",
        ),
        (
            [started(), finished(), judging(), judged(), judging()],
            "'G': nobody asked 'critic' in iteration 1 (history: waiting → ready → judging → passed)",
        ),
        (
            [started(), started("C", act="A.i1.a1")],
            "'C': its act 'A.i1.a1' runs already (history: waiting → ready)",
        ),
    ],
)
def test_what_cannot_have_happened_is_refused_with_the_history(events, message):
    run = Orchestrator(plan(task("A"), gate("G", own="A"), task("B", "A"), task("C")))
    for event in events[:-1]:
        run.apply(event)

    with pytest.raises(ImpossibleTransitionError) as caught:
        run.apply(events[-1])

    assert str(caught.value) == message


def test_a_state_that_does_not_follow_is_refused():
    run = Orchestrator(plan(task("A")))

    with pytest.raises(ImpossibleTransitionError, match="'A': it cannot go from ready to passed"):
        run._ledger.move(run.tasks["A"], "passed")


def test_an_instruction_is_given_once():
    run = Orchestrator(plan(task("A"), task("B")))

    assert run.decide(0, 1) == [StartTask(task="A", iteration=1, attempt=1, act="A.i1.a1")]
    assert run.running == 1
    assert run.decide(0, 5) == [StartTask(task="B", iteration=1, attempt=1, act="B.i1.a1")]
    assert run.decide(0, 5) == []


def test_a_replayed_journal_needs_nobody_to_decide():
    run = Orchestrator(
        plan(task("A", resources={"db": 1}), task("B", resources={"db": 1}), resources={"db": 1})
    )
    run.apply(started())

    assert run.decide(0, 5) == []

    run.apply(finished())

    assert [i.act for i in run.decide(0, 5)] == ["B.i1.a1"]


def test_records_about_the_run_itself_change_no_item():
    run = Orchestrator(plan(task("A")))
    first = run.apply(ev.RunStarted(at=0, run="r", plan="p", digest="0", selected=("A",)))
    again = run.apply(ev.HookFailed(at=0, hook="h", plugin="p", error="e"))

    assert [t.to_record() for t in first] == [{"item": "A", "was": "waiting", "state": "ready"}]
    assert again == ()

    run.apply(ev.RunFinished(at=1, state="interrupted"))

    assert run.finished.state == "interrupted"
    assert run.state == "failed", "the items say that not everything is decided"


# ---- records -------------------------------------------------------------------------------------

EVENTS = [
    ev.RunStarted(at=1.5, run="r", plan="p", digest="d", selected=("A", "B"), header={"format": 1}),
    ev.TaskStarted(at=1, task="A", iteration=1, attempt=1, act="A.i1.a1", key="k"),
    ev.TaskFinished(
        at=2,
        task="A",
        act="A.i1.a1",
        outcome=Outcome.EXIT,
        started=1,
        seconds=1,
        detail="exit 1",
        exit=1,
        changed=False,
        outputs={"out": [{"path": "a"}]},
        usage={"usd": 0.1},
    ),
    ev.JudgementStarted(at=3, gate="G", critic="c", iteration=1, attempt=1, act="G.i1.c.a1", key="k"),
    ev.JudgementFinished(
        at=4,
        gate="G",
        critic="c",
        act="G.i1.c.a1",
        outcome=Outcome.SUCCESS,
        started=3,
        seconds=1,
        evaluation={"criteria": {}},
    ),
    ev.GateInputsChanged(at=5, gates=("G",), paths=("/a", "/b")),
    ev.StopRequested(at=6, reason="-x", cancel=False, interrupted=False),
    ev.HookFailed(at=7, hook="h", plugin="p", error="boom"),
    ev.RunFinished(at=8, state="failed", reason="A failed"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_an_event_survives_the_journal(event):
    record = json.loads(json.dumps(ev.to_record(event)))

    assert ev.from_record(record) == event
    assert ev.from_record({**record, "newer": "key"}) == event


def test_defaults_are_left_out_of_a_record():
    assert ev.to_record(EVENTS[1]) == {
        "event": "TaskStarted",
        "at": 1,
        "task": "A",
        "iteration": 1,
        "attempt": 1,
        "act": "A.i1.a1",
        "key": "k",
    }


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "unknown event None"),
        ({"event": "TaskFlew"}, "unknown event 'TaskFlew'"),
        ({"event": ["TaskStarted"]}, "unknown event ['TaskStarted']"),
        ({"event": "TaskStarted", "at": 1}, "record of TaskStarted: "),
        (
            {**ev.to_record(EVENTS[2]), "outcome": "splendid"},
            "record of TaskFinished: 'splendid' is not a valid Outcome",
        ),
        (
            {**ev.to_record(EVENTS[5]), "gates": 7},
            "record of GateInputsChanged: 'int' object is not iterable",
        ),
    ],
)
def test_a_record_that_is_no_event_is_a_journal_error(record, message):
    with pytest.raises(JournalError) as caught:
        ev.from_record(record)

    assert str(caught.value).startswith(message)


@given(
    st.dictionaries(
        st.sampled_from(["event", "at", "task", "outcome", "gates", "selected", "act"]),
        st.none()
        | st.text()
        | st.integers()
        | st.lists(st.text())
        | st.sampled_from(["TaskFinished", "RunStarted", "GateInputsChanged"]),
    )
)
def test_any_record_is_an_event_or_a_journal_error(record):
    with suppress(JournalError):
        ev.from_record(record)
