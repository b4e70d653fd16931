"""Kill -9 of the orchestrator after every record of the journal: what a resumed run comes to is what it always comes to."""

from __future__ import annotations

import signal
from collections import Counter

import pytest
from chaos_facts import facts, harm, journal_of
from chaos_plans import plan_of
from chaos_project import LONG

RECORDS = 20  # of an undisturbed run of the plan
# With workers a session takes three times as long: `make chaos` has every record, each test run one in four.
CASES = [("-n0", n) for n in range(1, RECORDS + 1)]
CASES += [("-n2", n) for n in range(1, RECORDS + 1) if LONG or n % 4 == 3]


def test_the_plan_has_refinement_a_retry_and_as_many_records_as_are_killed_after(project):
    one = project(plan_of("full"))

    assert one.run().status == 0
    events = Counter(r["event"] for r in journal_of(one))
    assert sum(events.values()) == RECORDS
    assert events["JudgementStarted"] == 3
    assert {"draft.i2.a1", "flaky.i1.a2"} <= set(one.started())


@pytest.mark.parametrize(("mode", "record"), CASES)
def test_a_run_that_is_killed_after_any_record_ends_as_if_nothing_had_happened(
    project, undisturbed, mode: str, record: int
):
    one, wanted = project(plan_of("full")), undisturbed("full")
    killed = one.run(mode, CHAOS_KILL_AFTER=str(record))
    assert killed.status == -signal.SIGKILL, killed.text
    assert one.records() == record

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), f"{found}\n{resumed.text}"


@pytest.mark.parametrize("mode", ["-n0", "-n2"])
def test_a_run_that_is_killed_again_and_again_while_it_resumes_gets_to_its_end(
    project, undisturbed, mode: str
):
    one, wanted = project(plan_of("full")), undisturbed("full")
    one.run(mode, CHAOS_KILL_AFTER="3")
    kills = (1, 1, 2, 5, 4, 3) if mode == "-n0" else (1, 4)
    for after in kills:
        killed = one.run(mode, "--orch-resume", CHAOS_KILL_AFTER=str(after))
        assert killed.status == -signal.SIGKILL, killed.text

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), f"{found}\n{resumed.text}"


def test_to_resume_a_run_that_is_over_starts_nothing(project, undisturbed):
    one, wanted = project(plan_of("full")), undisturbed("full")
    one.run()

    for _ in range(3):
        assert one.run("--orch-resume").status == 0

    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), str(found)


def test_a_run_may_go_on_with_workers_and_without(project, undisturbed):
    one, wanted = project(plan_of("full")), undisturbed("full")
    for mode, resume, after in (
        ("-n0", (), "4"),
        ("-n2", ("--orch-resume",), "4"),
        ("-n0", ("--orch-resume",), "4"),
    ):
        assert one.run(mode, *resume, CHAOS_KILL_AFTER=after).status == -signal.SIGKILL

    resumed = one.run("-n2", "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), f"{found}\n{resumed.text}"
