"""What background agents do, and what users of today's tools report most: each is played, and must not happen here."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest


def one(run: str, more: str = "") -> str:
    return f"tasks:\n  work: {{run: [sh, -c, '{run}'], outputs: {{a: a.md}}{more}}}\n  next: {{needs: [work], run: [touch, ran]}}\n"


JUDGED = "critics: {judge: {run: [python, judge.py], criteria: {c: 1}}}\n"


# ---- B: background agents --------------------------------------------------------------------------------


def test_b_success_reported_with_no_file_on_disk_is_a_failure(play: Any) -> None:
    play.plan(one("echo I have written a.md"))

    play.run()

    play.outcomes(failed=1, skipped=1)
    play.says("output 'a' (a.md): does not exist")


@pytest.mark.parametrize(
    "status",
    [
        "max_tokens",
        "error_max_turns",
        "length",
        "permission denied",
        "blocked",
        "waiting",
        "in_progress",
        "partial",
    ],
)
def test_b_an_agent_that_ended_for_another_reason_than_being_done_has_failed(play: Any, status: str) -> None:
    play.plan(one(f'echo half > a.md; echo "{{\\"status\\": \\"{status}\\"}}" > $ORCH_RESULT'))

    play.run()

    play.outcomes(failed=1, skipped=1)
    play.says(f"the agent says '{status}'")


def test_b_an_agent_that_ends_believing_that_a_watcher_will_wake_it_has_failed(play: Any) -> None:
    play.plan(one("(sleep 977; echo x > a.md) & echo I will be notified when it is done"))

    play.run()

    play.outcomes(failed=1, skipped=1)
    play.says("output 'a' (a.md): does not exist")


def test_b_a_loop_ends_as_soon_as_its_review_is_passed_and_not_before(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {'c': 1 if os.environ['ORCH_ITERATION'] == '3' else 0}})")
    play.plan(JUDGED + one("echo $ORCH_ITERATION > a.md", ", gate: {critics: [judge], max_iterations: 9}"))

    play.run()

    play.outcomes(passed=3)
    assert (play.root / "a.md").read_text() == "3\n"
    assert len(play.journal("JudgementStarted")) == 3


def test_b_a_verdict_is_of_the_bytes_it_judged(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {'c': 1 if os.environ['ORCH_ITERATION'] == '2' else 0}})")
    play.plan(JUDGED + one("echo $ORCH_ITERATION > a.md", ", gate: {critics: [judge]}"))

    play.run()

    play.outcomes(passed=3)
    judged = [r["artifacts"]["work.a"][0]["sha256"] for r in play.journal("JudgementFinished")]
    assert judged == [hashlib.sha256(f"{n}\n".encode()).hexdigest() for n in (1, 2)]


# ---- C: users' reports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run", ["true", ": > a.md", "echo x > b.md", "echo x > a.md; exit 1", "echo x > a.md; kill -9 $$"]
)
def test_c1_work_that_is_dead_or_empty_is_not_completed(play: Any, run: str) -> None:
    play.plan(one(run))

    play.run()

    play.outcomes(failed=1, skipped=1)
    assert play.status == pytest.ExitCode.TESTS_FAILED
    assert not (play.root / "ran").exists()


@pytest.mark.parametrize(
    "body", ["pass", "sys.exit(0)", "print('APPROVED')", "say({'passed': True})", "say({})"]
)
def test_c2_a_gate_is_not_granted_by_a_judge_that_says_nothing(play: Any, critic: Any, body: str) -> None:
    critic("judge.py", body)
    play.plan(JUDGED + one("echo x > a.md", ", gate: {critics: [judge], max_iterations: 1}"))

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    assert not (play.root / "ran").exists()


def test_c2_a_gate_cannot_be_left_out_by_choosing_its_task(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {'c': 0}})")
    play.plan(JUDGED + one("echo x > a.md", ", gate: {critics: [judge], max_iterations: 1}"))

    play.run("-k", "next")

    play.outcomes(passed=1, failed=1, skipped=1)
    play.says("pulled in what they need: work, G-work")


def test_c4_nothing_hangs_without_an_end(play: Any) -> None:
    play.plan(
        """
        defaults: {timeout: 2s, idle_timeout: 1s}
        critics: {judge: {run: [sleep, '978'], criteria: {c: 1}}}
        limits: {parallel: 4}
        tasks:
          silent: {run: [sleep, '978']}
          busy: {run: [sh, -c, 'while :; do echo x; sleep 0.1; done']}
          checked: {run: [sh, -c, 'echo x > c.md'], outputs: {c: c.md}, gate: {checks: [{run: [sleep, '978']}], max_iterations: 1}}
          judged: {run: [sh, -c, 'echo x > j.md'], outputs: {j: j.md}, gate: {critics: [judge], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=2, failed=3, errors=1)
    play.says("no sign of life for 1 s", "timed out after 2 s")


def test_c8_a_dead_judge_is_neither_a_fail_nor_a_pass(play: Any, critic: Any) -> None:
    critic("judge.py", "os.kill(os.getpid(), 11)")
    play.plan(JUDGED + one("echo x > a.md", ", gate: {critics: [judge]}"))

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    assert play.transitions("G-work") == ["ready", "judging", "error"]
    assert len(play.journal("TaskStarted")) == 1  # nobody was sent back to work for it


def test_c9_a_loop_that_finds_more_each_round_ends(play: Any, critic: Any) -> None:
    critic(
        "judge.py",
        "n = int(os.environ['ORCH_ITERATION'])\n"
        "say({'criteria': {'c': 0.8 / n}, 'findings': [{'severity': 'major', 'what': f'no {i}'} for i in range(n * 10)]})",
    )
    play.plan(JUDGED + one("echo $ORCH_ITERATION > a.md", ", gate: {critics: [judge], max_iterations: 3}"))

    play.run()

    play.outcomes(passed=1, failed=1, skipped=1)
    play.says("G-work failed 0.80 → 0.40 → 0.2666 (threshold 0.90)", "and 10 more findings in the report")


@pytest.mark.parametrize(
    ("typo", "place", "says"),
    [
        ("gates: {critics: [judge]}", "play.plan.yaml:4:", "gate"),
        ("gate: {critic: [judge]}", "play.plan.yaml:4:", "critics"),
        ("gate: {critics: [juge]}", "play.plan.yaml:4:", "did you mean 'judge'?"),
        ("gate: {critics: [judge], treshold: 0.9}", "play.plan.yaml:4:", "threshold"),
        ("gate: {critics: [judge], threshold: 92}", "play.plan.yaml:4:", "0.92"),
        ("gate: {}", "play.plan.yaml:4:", ""),
    ],
)
def test_c13_a_typo_does_not_remove_a_gate(play: Any, critic: Any, typo: str, place: str, says: str) -> None:
    critic("judge.py", "say({'criteria': {'c': 0}})")
    play.plan(JUDGED + one("echo x > a.md", f", {typo}"))

    play.run()

    play.outcomes(errors=1)
    play.says(place, says)
    assert not list(play.state.rglob("journal.jsonl"))


def test_c14_no_process_is_left_behind_by_a_run(play: Any, alive: Any) -> None:
    play.plan(
        """
        tasks:
          group: {run: [sh, -c, 'sleep 979 & exit 0']}
          away: {run: [sh, -c, 'setsid sleep 979 & exit 0']}
          failed: {run: [sh, -c, 'setsid sleep 979 & exit 1']}
        """
    )

    play.run()

    play.outcomes(passed=2, failed=1)
    assert not alive("sleep\x00979")


def test_c15_paused_is_told_apart_from_failed(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {'c': 0.5}})")
    play.plan(
        JUDGED
        + one("echo x > a.md", ", gate: {critics: [judge], max_iterations: 1, on_exhausted: ask}")
        + "  free: {run: 'true'}\n"
    )

    play.run()

    play.outcomes(passed=2, skipped=2)
    play.says("plan play: paused", "paused: 0.50 < 0.90", "paused: waits for G-work")
    assert play.status == 7


def test_c11_a_result_that_an_agent_plants_for_another_act_is_not_believed(play: Any) -> None:
    forged = '{\\"act\\": \\"next.i1.a1\\", \\"key\\": \\"0\\", \\"outcome\\": \\"success\\"}'
    plant = f'd=$(dirname $ORCH_TASK_DIR)/next.i1.a1; mkdir -p $d; echo "{forged}" > $d/result.json; echo x > a.md'
    play.plan(one(plant))

    play.run()

    play.outcomes(passed=1, failed=1)
    assert not (play.root / "ran").exists()
