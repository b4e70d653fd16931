"""What a resumed run took: the time between its sessions is none of it, unless agents went on meanwhile."""

import pytest
from report_builder import T0, Run, plan_of, task

from orchharness.live.picture import picture_of
from orchharness.report import build
from orchharness.report.compare import sums
from orchharness.report.history import read


def two_sessions(*, act_ends: float | None = 10.0, started: float = 0.0, **resumed) -> Run:
    """The first session says its last at 12 s, the second resumes at 100 s and ends at 105 s.

    `act_ends`: when A's act ended, which began at `started`; the second session only reads of it where that is later.
    """
    run = Run(plan_of([task("A")]))
    run.start(0, "A")
    early = act_ends is not None and act_ends <= 12
    if early and act_ends is not None:
        run.end(act_ends, "A", act_ends - started)
    run.event(12, "HookFailed", hook="h", plugin="p", error="e")
    run.event(100, "RunResumed", digest=run.plan.digest, selected=["A"], **resumed)
    if not early and act_ends is not None:
        read_at = max(101, act_ends)
        run.end(read_at, "A", act_ends - started)
        run.records[-1]["started"] = T0 + started
    run.finish(105, "passed")
    return run


CASES = [
    pytest.param(two_sessions(), 17, id="no act was at work"),
    pytest.param(two_sessions(act_ends=40), 45, id="the agent went on for a while"),
    pytest.param(two_sessions(act_ends=103), 105, id="the agent went on all the time"),
    pytest.param(two_sessions(act_ends=104, started=101), 17, id="it was spawned by the second session only"),
    pytest.param(two_sessions(act_ends=None), 105, id="nobody knows when it ended"),
    pytest.param(
        two_sessions(act_ends=None, dropped={"A.i1.a1": "prompt changed"}),
        105,
        id="it was ended at the resume",
    ),
]


@pytest.mark.parametrize(("run", "seconds"), CASES)
def test_the_time_between_two_sessions_in_which_no_act_ran_is_left_out(run, seconds):
    assert sums(run.records).seconds == pytest.approx(seconds)
    assert picture_of(run.records).seconds(T0 + 105) == pytest.approx(seconds)
    assert read(run.plan, run.records, now=T0 + 900).seconds == pytest.approx(seconds)


def test_a_record_without_a_time_and_a_clock_that_was_set_back_add_nothing():
    run = two_sessions()
    del run.records[-2]["at"]
    back = two_sessions()
    back.records[-2]["at"] = T0 + 5

    assert sums(run.records).seconds == pytest.approx(105)
    assert sums(back.records).seconds == pytest.approx(105)


def test_the_verdict_on_a_resumed_run_is_about_the_time_in_which_it_went_on():
    run = Run(plan_of([task("A"), task("B")]))
    for name in ("A", "B"):
        run.event(0, "HookFailed", then=[(name, "ready")])
    run.start(0, "A")
    run.end(10, "A", 10)
    run.finish(10, "interrupted", "Ctrl-C")
    run.event(100, "RunResumed", digest=run.plan.digest, selected=["A", "B"])
    run.start(102, "B")
    run.end(110, "B", 8)
    run.finish(110, "passed")
    view = build(run.plan, run.records, now=T0 + 900)
    facts = {fact.name: (fact.value, fact.note) for fact in view.facts}
    (own,) = (pace for pace in view.paces if pace.own)

    assert facts["Wall time"] == ("20.0 s", "without 1 min 30 s between sessions")
    assert facts["Critical path"] == ("8.00 s", "40% of the wall time; the rest is waiting")
    assert facts["Waiting"][0] == "12.0 s"
    assert own.value == "20.0 s"
