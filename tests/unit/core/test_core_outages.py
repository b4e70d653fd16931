"""Engines that take no work: who waits, for how long, who goes first, and when the plan's patience is over."""

from __future__ import annotations

from itertools import pairwise

import pytest
from build import FOREGROUND, Done, Drive, Said, critic, failed, gate, later, plan, task
from test_core_resuming import Session, over

from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.outages import Who, who_works
from orchharness.core.past import replay
from orchharness.core.plan import Agent, Plan
from orchharness.errors import ImpossibleTransitionError

AGENTS = {
    "author": Agent(id="author", kind="claude"),
    "editor": Agent(id="editor", kind="claude"),
    "coder": Agent(id="coder", kind="codex"),
    "script": Agent(id="script", kind="command"),
}
LATER = Said(outcome=Outcome.LIMITED, seconds=1, detail="429")
NO = Done(outcome=Outcome.REFUSED, seconds=1, detail="401 bad key")


def by(agent: str, name: str, *needs: str, **more):
    return task(name, *needs, agent=agent, kind=AGENTS[agent].kind, **more)


def made(*items, **more) -> Plan:
    return plan(*items, agents=AGENTS, **more)


def start(drive: Drive, act: str) -> float:
    """Seconds from the start of the run to that of the act."""
    return drive.spans[act][0] - 1000.0


# ---- the run never hangs, and loses nothing ------------------------------------------------------


@pytest.mark.parametrize("retry_after", [None, 0.0, 7.0])
def test_what_is_limited_for_ever_fails_when_the_patience_is_over(retry_after):
    drive = Drive(made(by("author", "A"), task("B", "A"), outage=100.0), {"A": later(retry_after)}).play()

    assert drive.state("A") == "failed"
    assert drive.reason("A") == "rate limit for 1m40s: 429"
    assert drive.reason("B") == "A failed"
    assert 100 <= drive.now - 1000.0 < 130
    drive.check()


def test_a_limited_act_costs_no_attempt_and_is_done_again():
    script = {"A": [later(), failed(), later(), later(), Done()]}
    drive = Drive(made(by("author", "A", attempts=2)), script).play()

    assert drive.state("A") == "passed"
    assert drive.acts == [f"A.i1.a{n}" for n in range(1, 6)]


def test_attempts_that_were_used_stay_used_whatever_comes_between():
    drive = Drive(made(by("author", "A", attempts=2)), {"A": [failed(), later(), failed(), Done()]}).play()

    assert drive.state("A") == "failed"
    assert len(drive.acts) == 3


# ---- how long ------------------------------------------------------------------------------------


def test_the_time_that_the_answer_names_is_waited_for():
    drive = Drive(made(by("author", "A")), {"A": [later(200.0), Done()]}).play()

    assert start(drive, "A.i1.a2") == 201.0


@pytest.mark.parametrize(("named", "waited"), [(0.0, 1.0), (10.0**9, 86_400.0)])
def test_a_time_that_nobody_means_is_bounded(named, waited):
    whole = made(by("author", "A"), outage=10.0**6)
    drive = Drive(whole, {"A": [later(named), Done()]}).play()

    assert start(drive, "A.i1.a2") == 1.0 + waited


def test_without_a_time_the_pauses_double_up_to_a_quarter_of_an_hour():
    drive = Drive(made(by("author", "A")), {"A": [later(seconds=0.0)] * 8 + [Done()]}).play()
    starts = [drive.spans[act][0] for act in drive.acts]

    assert [b - a for a, b in pairwise(starts)] == [
        30, 60, 120, 240, 480, 900, 900, 900,
    ]  # fmt: skip


def test_an_answer_ends_the_doubling_and_the_patience_counts_anew():
    whole = made(by("author", "A"), by("author", "B", "A"), outage=60.0)
    drive = Drive(whole, {"A": [later(), Done()], "B": [later(), Done()]}).play()

    assert drive.state("B") == "passed"
    assert start(drive, "B.i1.a2") - drive.spans["B.i1.a1"][1] + 1000.0 == 30.0


def test_a_burst_makes_one_pause_and_doubles_nothing():
    burst = {f"T{n}": [later(seconds=1.0 + n), Done()] for n in range(5)}
    drive = Drive(made(*(by("author", f"T{n}") for n in range(5))), burst).play()

    assert start(drive, "T0.i1.a2") == 35.0  # 30 s after the last of them
    assert set(drive.states().values()) == {"passed"}
    assert len(drive.acts) == 10


def test_who_was_at_work_before_the_pause_and_succeeds_does_not_end_it():
    whole = made(by("author", "A"), by("author", "B"), by("author", "C", "B"))
    drive = Drive(whole, {"A": [later(100.0), Done()], "B": Done(seconds=5)}).play()

    assert min(start(drive, "A.i1.a2"), start(drive, "C.i1.a1")) == 101.0


# ---- who waits, and who goes first -----------------------------------------------------------------


def test_nothing_of_the_kind_is_started_meanwhile_and_other_kinds_go_on():
    whole = made(by("author", "A"), task("X"), by("editor", "B", "X"), by("coder", "C", "X"), task("D", "X"))
    drive = Drive(whole, {"A": [later(50.0), Done()], "X": Done(seconds=2)}).play()

    assert start(drive, "C.i1.a1") == start(drive, "D.i1.a1") == 2.0
    assert start(drive, "A.i1.a2") == 51.0
    assert start(drive, "B.i1.a1") == 61.0


def test_agents_that_are_programs_wait_for_themselves_alone():
    whole = made(by("script", "A"), task("B", "X"), task("X"))
    drive = Drive(whole, {"A": [later(50.0), Done()], "X": Done(seconds=2)}).play()

    assert start(drive, "B.i1.a1") == 2.0
    assert who_works(whole, "A") == Who("agent 'script'", "script")
    assert who_works(whole, "B") == Who("command", "")


def test_after_the_pause_one_goes_first_and_the_others_when_it_succeeded():
    names = [f"T{n}" for n in range(4)]
    script = {n: [later(50.0), Done()] for n in names}
    drive = Drive(made(*(by("author", n) for n in names)), script).play()

    assert [start(drive, f"{n}.i1.a2") for n in names] == [51.0, 61.0, 61.0, 61.0]


def test_who_goes_first_and_runs_for_a_minute_lets_the_others_go():
    script = {"A": [later(50.0), Done(seconds=500)], "B": [later(50.0), Done()]}
    drive = Drive(made(by("author", "A"), by("author", "B")), script).play()

    assert start(drive, "A.i1.a2") == 51.0
    assert start(drive, "B.i1.a2") == 111.0


def test_when_who_goes_first_is_limited_again_nobody_follows():
    script = {"A": [later(), later(), Done()], "B": [later(), Done()]}
    drive = Drive(made(by("author", "A"), by("author", "B")), script).play()

    assert start(drive, "A.i1.a2") == 31.0
    assert start(drive, "A.i1.a3") == 92.0
    assert start(drive, "B.i1.a2") == 102.0


def test_when_who_goes_first_is_lost_another_one_goes_first():
    script = {"A": [later(), Done(outcome=Outcome.LOST)], "B": [later(), Done()], "C": [later(), Done()]}
    drive = Drive(made(*(by("author", n) for n in "ABC")), script).play()

    assert start(drive, "B.i1.a2") == 41.0
    assert start(drive, "C.i1.a2") == 51.0


def test_what_is_limited_after_the_others_were_let_go_begins_a_longer_pause():
    script = {"A": [later(50.0), Done(seconds=500)], "B": [later(50.0), later(), Done()]}
    drive = Drive(made(by("author", "A"), by("author", "B")), script).play()

    assert start(drive, "B.i1.a3") == 112.0 + 60.0


# ---- what is held --------------------------------------------------------------------------------


def test_a_limited_task_gives_back_its_counters():
    whole = made(
        by("author", "A", resources={"gpu": 1}), task("B", resources={"gpu": 1}), resources={"gpu": 1}
    )
    drive = Drive(whole, {"A": [later(50.0), Done()]}).play()

    assert start(drive, "B.i1.a1") == 1.0
    assert start(drive, "A.i1.a2") == 51.0
    drive.check()


def test_a_limited_task_that_runs_alone_lets_others_go_and_is_alone_again():
    whole = made(by("author", "A", mode=FOREGROUND), task("B"))
    drive = Drive(whole, {"A": [later(50.0), Done()], "B": Done(seconds=80)}).play()

    assert start(drive, "B.i1.a1") == 1.0
    assert start(drive, "A.i1.a2") == 81.0
    drive.check()


def test_a_limited_judgement_holds_neither_its_track_nor_what_its_task_held():
    judge = critic(agent="editor", mode=FOREGROUND)
    whole = made(
        task("A", resources={"gpu": 1}), gate("G", own="A"), task("B", resources={"gpu": 1}),
        critics=[judge], resources={"gpu": 1},
    )  # fmt: skip
    drive = Drive(whole, {"G": [LATER, Said()]}).play()

    assert start(drive, "B.i1.a1") == 11.0
    assert drive.path_of("G") == ["ready", "judging", "ready", "judging", "passed"]
    assert drive.acts_of("G") == ["G.i1.critic.a1", "G.i1.critic.a2"]
    assert start(drive, "G.i1.critic.a2") == 41.0
    drive.check()


def test_a_limited_mender_is_asked_again():
    mender = {"agent": "author", "kind": "claude"}
    whole = made(task("A"), gate("G", own="A", mender=mender))
    drive = Drive(whole, {"G": [Said(score=0.5), Said()], "G.mender": [later(40.0), Done()]}).play()

    assert drive.acts_of("G")[1:3] == ["G.mender.i2.a1", "G.mender.i2.a2"]
    assert drive.state("G") == "passed"
    drive.check()


def test_what_runs_alone_waits_for_its_judge_and_is_not_stuck():
    judge = critic(agent="editor")
    whole = made(
        by("author", "A"), task("X"), task("B", "X", mode=FOREGROUND), gate("G", own="B"), critics=[judge]
    )
    drive = Drive(whole, {"A": [later(50.0), Done()], "X": Done(seconds=2)}).play()

    assert start(drive, "G.i1.critic.a1") == 51.0
    assert set(drive.states().values()) == {"passed"}


# ---- what a person sees ----------------------------------------------------------------------------


def test_the_reason_names_the_kind_and_the_time():
    drive = Drive(made(by("author", "A")), {"A": [later(50.0, detail="429\nmore"), Done()]}).play(5)

    assert (drive.state("A"), drive.reason("A")) == (
        "ready",
        "parked: claude takes no work until 00:17:31 UTC (rate limit: 429)",
    )
    assert [o.engine for o in drive.run.outages] == ["claude"]
    assert drive.run.state == "running"
    assert not drive.play().run.outages


def test_a_long_time_is_told_as_such_too():
    drive = Drive(made(by("author", "A")), {"A": [later(50_000.0, detail=""), Done()]}).play(5)

    assert drive.reason("A").endswith("until 14:10:01 UTC, in 13h53m (rate limit)")


# ---- patience --------------------------------------------------------------------------------------


def test_when_the_patience_is_over_all_that_waits_for_the_kind_fails_and_all_that_would():
    whole = made(by("author", "A"), by("editor", "B"), task("X"), by("editor", "C", "X"), outage=20.0)
    drive = Drive(whole, {"A": later(), "B": later(), "X": Done(seconds=500)}).play()

    assert {i: drive.reason(i) for i in "ABC"} == dict.fromkeys("ABC", "rate limit for 20s: 429")
    assert drive.acts_of("C") == []
    assert drive.run.given_up("claude")
    drive.check()


def test_a_judge_that_is_limited_for_ever_makes_its_gate_an_error():
    whole = made(task("A"), gate("G", own="A"), critics=[critic(agent="editor")], outage=20.0)
    drive = Drive(whole, {"G": LATER}).play()

    assert (drive.state("G"), drive.reason("G")) == ("error", "critic: rate limit for 20s: 429")
    drive.check()


def test_a_mender_that_is_limited_for_ever_fails_its_gate():
    mender = {"agent": "author", "kind": "claude"}
    whole = made(task("A"), gate("G", own="A", mender=mender), outage=20.0)
    drive = Drive(whole, {"G": Said(score=0.5), "G.mender": later()}).play()

    assert (drive.state("G"), drive.reason("G")) == ("failed", "G.mender: rate limit for 20s: 429")
    drive.check()


def test_who_succeeds_after_all_ends_the_outage_for_what_comes_later():
    whole = made(by("author", "A"), by("author", "B"), by("author", "C", "B"), outage=20.0)
    drive = Drive(whole, {"A": later(), "B": Done(seconds=100)}).play()

    assert drive.state("A") == "failed"
    assert drive.state("C") == "passed"
    assert start(drive, "C.i1.a1") == 100.0


def test_who_was_limited_before_and_comes_back_after_the_patience_fails_too():
    whole = made(by("author", "A"), by("author", "B"), outage=20.0)
    drive = Drive(whole, {"A": later(), "B": later(seconds=100.0)}).play()

    assert drive.reason("B") == "rate limit for 20s: 429"


def test_nobody_is_given_up_who_takes_work():
    drive = Drive(made(by("author", "A")))

    with pytest.raises(ImpossibleTransitionError, match="it takes work"):
        drive.run.apply(ev.PatienceEnded(at=1.0, engine="claude", reason="x"))


# ---- refused ---------------------------------------------------------------------------------------


def test_a_refused_agent_is_never_tried_again_and_asked_for_nothing_more():
    whole = made(by("author", "A", attempts=5), by("author", "B"), by("editor", "C"), parallel=1)
    drive = Drive(whole, {"A": NO}).play()

    assert drive.acts == ["A.i1.a1", "C.i1.a1"]
    assert drive.reason("A") == "401 bad key"
    assert drive.reason("B") == "not started: agent 'author' was refused: 401 bad key, see A"
    assert drive.state("C") == "passed"
    drive.check()


def test_a_refused_judge_makes_every_gate_of_it_an_error_at_once():
    judge = critic(agent="editor")
    whole = made(
        task("A"), gate("G", own="A"), task("X"), task("B", "X"), gate("H", own="B"), critics=[judge]
    )
    drive = Drive(whole, {"G": Said(outcome=Outcome.REFUSED, detail="401"), "X": Done(seconds=90)}).play()

    assert drive.reason("G") == "critic: 401"
    assert drive.reason("H") == "critic: not started: agent 'editor' was refused: 401, see G"
    drive.check()


def test_a_plain_command_that_is_refused_fails_alone():
    drive = Drive(made(task("A"), task("B"), parallel=1), {"A": NO}).play()

    assert drive.states() == {"A": "failed", "B": "passed"}


def test_the_engine_of_checks_cannot_be_limited():
    whole = made(task("A"), gate("G", own="A", checks=True, critics=[]))
    drive = Drive(whole, {"G": LATER}).play()

    assert drive.state("G") == "error"


# ---- later sessions --------------------------------------------------------------------------------


def test_a_resume_waits_for_what_is_left_of_the_pause():
    whole = made(by("author", "A"))
    first = Drive(whole, {"A": [later(300.0), Done()]}).play(50)
    again = Session.after(first.events, whole).play()

    assert again.found.dropped == {}
    assert again.found.again == ()
    assert start(again, "A.i1.a2") == 301.0
    assert again.state("A") == "passed"


def test_a_resume_after_the_pause_does_not_wait():
    whole = made(by("author", "A"))
    first = Drive(whole, {"A": [later(20.0), Done()]}).play(5)
    again = Session.after(first.events, whole)
    begin = again.now - 1000.0

    assert start(again.play(), "A.i1.a2") == begin


def test_what_failed_for_lack_of_patience_is_waited_for_again_by_a_resume():
    whole = made(by("author", "A"), task("B", "A"), outage=20.0)
    first = Drive(whole, {"A": later()}).play()
    again = Session.after(over(first), whole).play()

    assert first.state("A") == "failed"
    assert again.states() == {"A": "passed", "B": "passed"}
    assert again.starts() == ["A.i1.a2", "B.i1.a1"]
    assert replay(whole, first.events).status("A").state == "failed"


def test_a_resume_has_all_of_the_patience_again():
    whole = made(by("author", "A"), outage=20.0)
    first = Drive(whole, {"A": later(7.0)}).play()
    again = Session.after(over(first), whole, {"A": [later(7.0), later(7.0), Done()]}).play()

    assert first.state("A") == "failed"
    assert again.state("A") == "passed"
    assert len(again.starts()) == 3


def test_a_resume_in_a_pause_has_all_of_the_patience_again():
    whole = made(by("author", "A"), outage=200.0)
    first = Drive(whole, {"A": [later(150.0)]}).play(50)
    again = Session.after(first.events, whole, {"A": [later(100.0), Done()]}).play()

    assert again.state("A") == "passed"


def test_what_was_refused_is_tried_again_by_a_resume():
    whole = made(by("author", "A"), by("author", "B"), parallel=1)
    first = Drive(whole, {"A": NO}).play()
    again = Session.after(over(first), whole).play()

    assert again.starts() == ["A.i1.a2", "B.i1.a1"]
    assert set(again.states().values()) == {"passed"}
