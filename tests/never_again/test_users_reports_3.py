"""What users of such tools report most: a resume that pays for finished work again."""
# ruff: noqa: N802 - C3 is the name of what is reported

from __future__ import annotations

import signal
from collections import Counter

import pytest

PLAN = """
agents:
  author: {kind: scripted}
  other: {kind: scripted, script: [{do: DO}]}
critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.5, 0.95]}}
tasks:
  first: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}
  second: {agent: other, inputs: {a: first.a}, outputs: {b: b.md}}
  third: {agent: author, needs: [second], outputs: {c: c.md}}
"""
RUN_MODES = pytest.mark.parametrize("words", [[], ["-n", "1"]], ids=["alone", "worker"])


def plan(do: str) -> str:
    return PLAN.replace("DO", do)


def spent(played) -> Counter[str]:
    """How often each task and critic was really started, over all sessions of the test."""
    return Counter(entry.get("task") or entry["critic"] for entry in played.starts())


@RUN_MODES
def test_C3_resume_does_only_what_has_not_passed(play, words):
    play.plan(plan("exit"))
    before = play.run_apart(*words)
    assert before.outcomes == {"passed": 2, "failed": 1, "skipped": 1}
    play.plan(plan("write"))

    after = play.run_apart("--orch-resume", *words)

    assert after.outcomes == {"passed": 4}
    assert spent(after) == {"first": 2, "judge": 2, "second": 2, "third": 1}


@RUN_MODES
def test_C3_resume_finds_an_agent_that_outlived_its_orchestrator(play, words):
    play.plan(plan("[{wait: go}, write]"))
    killed = play.start(*words)
    killed.until_started("second")
    killed.process.kill()
    killed.process.wait()

    resumed = play.start("--orch-resume", *words)
    play.file("go", "")
    after = resumed.wait(25)

    assert after.outcomes == {"passed": 4}
    assert spent(after) == {"first": 2, "judge": 2, "second": 1, "third": 1}


@RUN_MODES
def test_C3_resume_after_an_interrupt_repeats_only_what_was_ended(play, words):
    play.plan(plan("[{wait: go}, write]"))
    session = play.start(*words)
    session.until_started("second")
    session.process.send_signal(signal.SIGINT)
    assert session.wait(25).status == pytest.ExitCode.INTERRUPTED
    play.file("go", "")

    after = play.run_apart("--orch-resume", *words)

    assert after.outcomes == {"passed": 4}
    assert spent(after) == {"first": 2, "judge": 2, "second": 2, "third": 1}


def test_C3_resume_of_what_has_passed_starts_nothing(play):
    play.plan(plan("write"))
    before = spent(play.run_apart())

    after = play.run_apart("--orch-resume")

    assert after.outcomes == {"passed": 4}
    assert spent(after) == before
