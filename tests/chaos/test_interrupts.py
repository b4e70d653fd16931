"""Signals while agents work: what ended before the signal counts, what is told to end is done again, once."""

from __future__ import annotations

import signal

import pytest
from chaos_facts import facts, harm, journal_of
from chaos_faults import alive_acts
from chaos_plans import plan_of
from chaos_project import LONG, until

MODES = ["-n0", "-n2"]
TWO = """
limits: {parallel: 2}
tasks:
  quick: {run: [sh, agent.sh, "0.01", quick.txt], outputs: {text: quick.txt}}
  other: {run: [sh, agent.sh, "0.05", other.txt], outputs: {text: other.txt}}
"""
# The interrupt comes when both acts have ended, and only one of them is in the journal.
WHEN_BOTH_ENDED = """
import os, pathlib, signal, time
import orchharness

@orchharness.hookimpl
def orchharness_update(event, run):
    if type(event).__name__ != "TaskFinished" or "--orch-resume" in os.environ["WORDS"]:
        return
    (acts,) = pathlib.Path(os.environ["XDG_STATE_HOME"]).glob("orchharness/*/p-*/latest/acts")
    ends = [acts / f"{t}.i1.a1" / "exit" for t in ("quick", "other")]
    until = time.monotonic() + 10
    while not all(e.exists() and e.read_text() for e in ends) and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(os.getpid(), getattr(signal, os.environ["NUMBER"]))
"""


SIGNALS = [
    (m, n) for m in MODES for n in ("SIGINT", "SIGTERM", "SIGHUP") if LONG or m == "-n0" or n == "SIGINT"
]


@pytest.mark.parametrize(("mode", "number"), SIGNALS)
def test_an_act_that_ended_before_the_signal_counts_and_is_not_done_again(project, mode: str, number: str):
    one = project(TWO)
    (one.root / "conftest.py").write_text(WHEN_BOTH_ENDED)
    stopped = one.run(mode, NUMBER=number, WORDS="")
    assert stopped.status == pytest.ExitCode.INTERRUPTED, stopped.text

    resumed = one.run(mode, "--orch-resume", NUMBER=number, WORDS="--orch-resume")

    assert resumed.status == 0, resumed.text
    assert sorted(one.started()) == ["other.i1.a1", "quick.i1.a1"]


@pytest.mark.parametrize(("number", "words"), [("SIGINT", ["--orch-on-interrupt=detach"]), ("SIGHUP", [])])
@pytest.mark.parametrize("mode", MODES)
def test_who_detaches_leaves_its_agents_and_a_later_session_takes_them_back(
    project, undisturbed, mode: str, number: str, words: list[str]
):
    one, wanted = project(plan_of("full")), undisturbed("full")
    wait = "while [ ! -e go ]; do sleep 0.01; done"
    (one.root / "agent.sh").write_text((one.root / "agent.sh").read_text().replace('sleep "$1"', wait))
    session = one.start(mode, *words)
    until(lambda: len(one.started()) == 2, "both agents")
    session.process.send_signal(getattr(signal, number))
    assert session.status == pytest.ExitCode.INTERRUPTED, session.text
    left = alive_acts(session)
    resumed = one.start(mode, "--orch-resume")
    until(lambda: "re-attached: running" in resumed.text, "the resumed session")
    (one.root / "go").touch()

    assert resumed.status == 0, resumed.text
    assert sorted(left) == ["draft.i1.a1", "flaky.i1.a1"]
    assert "agents go on" in session.text
    assert facts(one).starts == wanted.starts
    assert not (found := harm(one, wanted)), f"{found}\n{resumed.text}"


@pytest.mark.parametrize("mode", MODES if LONG else ["-n0"])
def test_while_agents_go_on_a_fresh_run_is_refused_and_changes_nothing(project, mode: str):
    one = project(plan_of("full", ("5", "0.01", "5", "0.01")))
    session = one.start(mode)
    until(lambda: len(one.started()) == 2, "both agents")
    session.process.send_signal(signal.SIGHUP)
    session.wait()
    before = one.journal.read_bytes()

    fresh = one.run(mode)

    assert fresh.status == pytest.ExitCode.TESTS_FAILED
    assert "are still at work" in fresh.text
    assert "--orch-resume" in fresh.text
    assert one.journal.read_bytes() == before
    assert len(one.started()) == 2
    assert len(alive_acts(session)) == 2


@pytest.mark.parametrize("mode", MODES)
def test_what_an_interrupt_ended_is_done_again_in_an_act_of_its_own(project, undisturbed, mode: str):
    one, wanted = project(plan_of("full", ("5", "0.01", "0.01", "0.01"))), undisturbed("full")
    session = one.start(mode)
    until(lambda: "flaky.i1.a2" in one.ended(), "the retry")
    session.process.send_signal(signal.SIGTERM)
    session.wait()
    (one.root / "agent.sh").write_text((one.root / "agent.sh").read_text().replace('sleep "$1"', ""))

    resumed = one.run(mode, "--orch-resume")

    assert resumed.status == 0, resumed.text
    assert one.started().count("draft.i1.a1") == 1
    assert one.started().count("draft.i1.a2") == 1
    assert "draft.i1.a1" in {r["act"] for r in journal_of(one) if r.get("outcome") == "cancelled"}
    assert facts(one).states == wanted.states
    assert facts(one).outputs == wanted.outputs
