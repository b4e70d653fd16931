"""Who judges: a judge that does not work gives no verdict, and the engine alone computes scores."""

from __future__ import annotations

from typing import Any

import pytest

PLAN = """
critics:
  judge: {run: [python, judge.py], criteria: {clarity: 0.5, accuracy: 0.5}%(critic)s}
tasks:
  work: {run: [sh, -c, 'echo $ORCH_ITERATION > a.md'], outputs: {a: a.md}, gate: {critics: [judge]%(gate)s}}
  next: {needs: [work], run: 'true'}
"""
BOTH = "'clarity': {'score': %s, 'why': 'w'}, 'accuracy': {'score': %s}"


def plan(gate: str = ", max_iterations: 1", critic: str = "") -> str:
    return PLAN % {"gate": gate, "critic": critic}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit(1)", "its command ended with exit 1"),
        ("os.kill(os.getpid(), 9)", "its command ended with killed by SIGKILL"),
        ("print('looks good to me, 10/10')", "did not answer with an evaluation"),
        ("print('<html><body>502 Bad Gateway</body></html>')", "'<html><body>502 Bad Gateway</body></html>"),
        ("pass", "it wrote nothing"),
        ("sys.stdout.buffer.write(bytes(range(256)) * 9)", "did not answer with an evaluation"),
        ('print(\'{"criteria": {"clarity": {"score": NaN}}}\')', "NaN is no JSON number"),
        ('print(\'{"criteria": {"clarity": {"score": 1e999}}}\')', "1e999 is too large"),
        ("say({'criteria': {'clarity': {'score': 1}}})", "'accuracy'"),
        ("say({'criteria': {'clarity': 1, 'accuracy': 1, 'beauty': 1}})", "'beauty'"),
        ("say({'criteria': {'clarity': 1.01, 'accuracy': 1}})", "1.01"),
        ("say({'criteria': {'clarity': -0.1, 'accuracy': 1}})", "-0.1"),
        ("say({'criteria': {'clarity': True, 'accuracy': 1}})", "True"),
        ("say({'criteria': {'clarity': '0.9', 'accuracy': 1}})", "'0.9'"),
        ("say({'criteria': {'clarity': None, 'accuracy': 1}})", "None"),
        ("say([1, 2])", "expected a JSON object, found a list"),
        ("say({'score': 1.0})", "it has neither 'criteria' nor 'findings' nor 'passed'"),
        ("say({'passed': True})", "not an evaluation"),
        ("say({'criteria': {'clarity': 1, 'accuracy': 1}}); print('PS: well done')", "Extra data"),
        ('print(\'{"criteria": {"clarity": 1, "clarity": 0, "accuracy": 1}}\')', "stands twice"),
        ("print('[' * 100000)", "did not answer with an evaluation"),
        ("sys.stdout.write('x' * 5_000_000)", "larger than 4 MiB"),
    ],
)
def test_a_judge_that_does_not_give_an_evaluation_gives_an_error(
    play: Any, critic: Any, body: str, says: str
) -> None:
    critic("judge.py", body)
    play.plan(plan())

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    play.says(says, "ERROR play.plan.yaml::tasks::G-work")
    play.says("SKIPPED", "G-work error")
    assert play.transitions("G-work")[-1] == "error"
    assert play.status == pytest.ExitCode.TESTS_FAILED


def test_a_judge_that_takes_too_long_gives_an_error(play: Any, critic: Any, alive: Any) -> None:
    critic("judge_that_sleeps.py", "time.sleep(60)")
    play.plan(plan(critic=", timeout: 1s").replace("judge.py", "judge_that_sleeps.py"))

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    play.says("judge: timed out after 1 s")
    assert not alive("judge_that_sleeps.py")


def test_a_judge_that_is_not_there_gives_an_error(play: Any) -> None:
    play.plan(plan().replace("[python, judge.py]", "[no-such-judge]"))

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    play.says("command not found: 'no-such-judge'")


def test_a_judge_that_fails_once_is_asked_again_in_another_act(play: Any, critic: Any) -> None:
    critic(
        "judge.py",
        """
        seen = os.path.exists(os.environ['ORCH_PLAN_DIR'] + '/seen')
        open(os.environ['ORCH_PLAN_DIR'] + '/seen', 'w').close()
        if not seen: sys.exit(1)
        say({'criteria': {'clarity': 1, 'accuracy': 1}})
        """,
    )
    play.plan(plan(critic=", retry: {attempts: 2}"))

    play.run()

    play.outcomes(passed=3)
    assert [r["act"] for r in play.journal("JudgementStarted")] == [
        "G-work.i1.judge.a1",
        "G-work.i1.judge.a2",
    ]
    assert [r["iteration"] for r in play.journal("JudgementStarted")] == [1, 1]


def test_a_total_that_the_judge_states_wrongly_is_a_warning_and_cannot_pass_the_gate(
    play: Any, critic: Any
) -> None:
    critic("judge.py", "say({'criteria': {%s}, 'total': 1.0, 'verdict': 'PASS'})" % (BOTH % (0.8, 0.9)))
    play.plan(plan())

    play.run()

    play.outcomes(passed=1, failed=1, skipped=1)
    play.says("0.85 < 0.90")
    play.says("warning: judge states a total of 1.0, the computed score is 0.85")


def test_a_total_that_the_judge_states_wrongly_cannot_fail_the_gate(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {%s}, 'total': 0.0})" % (BOTH % (0.95, 0.95)))
    play.plan(plan())

    play.run()

    play.outcomes(passed=3)
    status = [t for r in play.journal() for t in r.get("then", ()) if t["item"] == "G-work"][-1]
    assert status["score"] == "0.95"
    assert any("total" in w for w in status["warnings"])


@pytest.mark.parametrize(
    ("scores", "threshold", "passes"),
    [
        ((0.9, 0.9), "0.90", True),
        ((0.8, 1.0), "0.9", True),
        ((0.1, 0.2), "0.15", True),
        ((0.9, 0.8999), "0.90", False),
    ],
)
def test_a_threshold_exactly_reached_is_reached(
    play: Any, critic: Any, scores: tuple[float, float], threshold: str, passes: bool
) -> None:
    critic("judge.py", "say({'criteria': {%s}})" % (BOTH % scores))
    play.plan(plan(f", max_iterations: 1, threshold: {threshold}"))

    play.run()

    play.outcomes(**({"passed": 3} if passes else {"passed": 1, "failed": 1, "skipped": 1}))


def test_a_finding_of_the_blocking_severity_fails_the_gate_whatever_the_score(play: Any, critic: Any) -> None:
    finding = (
        "{'severity': 'critical', 'what': 'a secret is in the file', 'where': 'a.md:1', 'fix': 'remove it'}"
    )
    critic("judge.py", f"say({{'criteria': {{{BOTH % (1, 1)}}}, 'findings': [{finding}]}})")
    play.plan(plan(", max_iterations: 1, block_on: major"))

    play.run()

    play.outcomes(passed=1, failed=1, skipped=1)
    play.says("critical: a.md:1: a secret is in the file → remove it")


def test_a_finding_below_the_blocking_severity_does_not_block(play: Any, critic: Any) -> None:
    finding = "{'severity': 'minor', 'what': 'a comma'}"
    critic("judge.py", f"say({{'criteria': {{{BOTH % (1, 1)}}}, 'findings': [{finding}]}})")
    play.plan(plan(", max_iterations: 1, block_on: major"))

    play.run()

    play.outcomes(passed=3)


@pytest.mark.parametrize(("severity", "passes"), [("major", False), ("minor", True)])
def test_a_critic_without_criteria_gives_findings_only(
    play: Any, critic: Any, severity: str, passes: bool
) -> None:
    critic("judge.py", f"say({{'findings': [{{'severity': '{severity}', 'what': 'w'}}]}})")
    play.plan(
        """
        critics: {finder: {run: [python, judge.py]}}
        tasks:
          work: {run: [sh, -c, 'echo x > a.md'], outputs: {a: a.md}, gate: {critics: [finder], block_on: major, max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(**({"passed": 2} if passes else {"passed": 1, "failed": 1}))


@pytest.mark.parametrize(
    ("combine", "score", "passes"),
    [("all", "0.70", False), ("mean", "0.85", True), ("min", "0.70", False), ("median", "0.90", True)],
)
def test_several_critics_are_combined_as_the_gate_says(
    play: Any, critic: Any, combine: str, score: str, passes: bool
) -> None:
    for name, value in {"one": 0.7, "two": 0.9, "three": 0.95}.items():
        critic(f"{name}.py", f"say({{'criteria': {{'c': {value}}}}})")
    play.plan(
        f"""
        critics:
          one: {{run: [python, one.py], criteria: {{c: 1}}}}
          two: {{run: [python, two.py], criteria: {{c: 1}}}}
          three: {{run: [python, three.py], criteria: {{c: 1}}}}
        tasks:
          work:
            run: [sh, -c, 'echo x > a.md']
            outputs: {{a: a.md}}
            gate: {{critics: [one, two, three], combine: {combine}, threshold: 0.85, max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(**({"passed": 2} if passes else {"passed": 1, "failed": 1}))
    status = [t for r in play.journal() for t in r.get("then", ()) if t["item"] == "G-work"][-1]
    assert status["score"] == score


@pytest.mark.parametrize(("aggregate", "passes"), [("mean", True), ("min", False)])
def test_a_gate_over_gates_is_computed_from_their_stored_scores(
    play: Any, critic: Any, aggregate: str, passes: bool
) -> None:
    critic("one.py", "say({'criteria': {'c': 0.9}})")
    critic("two.py", "say({'criteria': {'c': 1}})")
    play.plan(
        f"""
        critics:
          one: {{run: [python, one.py], criteria: {{c: 1}}}}
          two: {{run: [python, two.py], criteria: {{c: 1}}}}
        phases:
          build:
            tasks:
              a: {{run: [sh, -c, 'echo x > a.md'], outputs: {{a: a.md}}, gate: {{critics: [one]}}}}
              b: {{run: [sh, -c, 'echo x > b.md'], outputs: {{b: b.md}}, gate: {{critics: [two]}}}}
          final:
            gates: {{G-FINAL: {{of: [G-a, G-b], aggregate: {aggregate}, threshold: 0.95, max_iterations: 1}}}}
        """
    )

    play.run()

    play.outcomes(**({"passed": 5} if passes else {"passed": 4, "failed": 1}))
    play.says(*([] if passes else ["0.90 < 0.95"]))


def test_a_gate_that_the_plan_accepts_is_waived_with_score_and_threshold(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {%s}})" % (BOTH % (0.8, 0.9)))
    play.plan(plan(", max_iterations: 1, on_exhausted: accept"))

    play.run()

    play.outcomes(passed=3)
    play.says("WAIVED G-work accepted by the plan: 0.85 < 0.90", "G-work waived 0.85 (threshold 0.90)")
    status = [t for r in play.journal() for t in r.get("then", ()) if t["item"] == "G-work"][-1]
    assert (status["state"], status["score"]) == ("waived", "0.85")
    assert "waived" in play.report()


def test_a_gate_that_asks_pauses_the_run(play: Any, critic: Any) -> None:
    critic("judge.py", "say({'criteria': {%s}})" % (BOTH % (0.8, 0.9)))
    play.plan(plan(", max_iterations: 1, on_exhausted: ask"))

    play.run()

    play.outcomes(passed=1, skipped=2)
    play.says("PAUSED G-work 0.85 < 0.90", "plan play: paused")
    assert play.status == 7


def test_a_critic_reads_copies_and_can_write_to_none_of_them(play: Any, critic: Any) -> None:
    critic(
        "judge.py",
        """
        path = os.environ['ORCH_INPUT_A']
        os.chmod(path, 0o600)
        open(path, 'a').write('better now')
        say({'criteria': {'clarity': 1, 'accuracy': 1}})
        """,
    )
    play.plan(plan())

    play.run()

    play.outcomes(passed=1, errors=1, skipped=1)
    play.says("what is judged was changed while it was judged")
    assert (play.root / "a.md").read_text() == "1\n"


def test_each_task_of_a_group_gate_is_judged_by_its_own_bytes(play: Any, critic: Any) -> None:
    critic(
        "judge.py",
        """
        here = os.environ['ORCH_GATE_DIR'] + '/artifacts/'
        found = {p[len(here):]: open(p).read() for p in (os.path.join(d, f) for d, _, fs in os.walk(here) for f in fs)}
        good = found == {'one/docs/a.md': 'one\\n', 'two/docs/a.md': 'two\\n', 'two/docs/b.md': 'b\\n'}
        say({'criteria': {'c': 1 if good else 0}, 'findings': [{'severity': 'minor', 'what': str(found)}]})
        """,
    )
    play.plan(
        """
        critics: {judge: {run: [python, judge.py], criteria: {c: 1}}}
        tracks:
          t:
            tasks:
              one: {run: [sh, -c, 'mkdir docs; echo one > docs/a.md'], outputs: {a: docs/a.md}}
              two: {needs: [one], run: [sh, -c, 'echo two > docs/a.md; echo b > docs/b.md'], outputs: {a: docs/a.md, all: docs/*.md}}
            gate: {id: G-T, critics: [judge], checks: [{run: [grep, -q, two, docs/a.md]}], max_iterations: 1}
        """
    )

    play.run()

    play.outcomes(passed=3)
