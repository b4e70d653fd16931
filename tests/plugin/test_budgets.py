"""Sessions that reach a budget: what starts, what is said, and how the run goes on when it is raised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_sessions import journal, plan, run, run_folder, states
from xdist_sessions import session

from orchharness.cli import main

AGENT = r"""
import json, os, sys
with open("spawns", "a") as file:
    file.write(os.environ.get("ORCH_TASK", "judge") + "\n")
if sys.argv[1:]:
    with open(os.environ["ORCH_RESULT"], "w") as file:
        json.dump({"usage": {"usd": float(sys.argv[1]), "input_tokens": 700, "output_tokens": 300}}, file)
"""
CHAIN = """
limits: {{budget: {budget}}}
tracks:
  main:
    tasks:
      one: {{run: [python, agent.py, 3.25]}}
      two: {{run: [python, agent.py, 3.25], needs: [one, a]}}  # so `b` has begun when it ends, and all is spent
      three: {{run: [python, agent.py, 3.25], needs: [two]}}
      four: {{run: [python, agent.py], needs: [three]}}
  side:
    budget: {{spawns: {side}}}
    tasks:
      a: {{run: [python, agent.py]}}
      b: {{run: [python, agent.py], needs: [a]}}
"""


@pytest.fixture
def chain(pytester: pytest.Pytester):
    (pytester.path / "agent.py").write_text(AGENT)

    def chain(budget: str, side: int = 9) -> None:
        plan(pytester, CHAIN.format(budget=budget, side=side))

    return chain


def spawns(pytester: pytest.Pytester) -> list[str]:
    path = pytester.path / "spawns"
    return path.read_text().split() if path.exists() else []


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> str:
    monkeypatch.chdir(root)
    capsys.readouterr()
    assert main(["status", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])
def test_a_reached_budget_pauses_the_run_and_a_raised_one_lets_it_go_on(pytester, chain, mode):
    chain("{usd: 6}")

    first = session(pytester, *mode, "-rs")

    assert first.ret == 7
    assert sorted(spawns(pytester)) == ["a", "b", "one", "two"]
    first.assert_outcomes(passed=4, skipped=2)
    first.stdout.fnmatch_lines(
        [
            "budget of the run: spent 6.50 of 6 USD (reached)",
            "budget of track 'side': spent 2 of 9 spawns",
            "stopped there: three",
            "to go on, raise the budget in the plan, then: pytest a.plan.yaml --orch-resume",
            "SKIPPED [[]1[]] a.plan.yaml:*: paused: budget of the run reached: 6.50 of 6 USD",
        ]
    )
    assert journal(pytester)[-1]["reason"] == "budget of the run reached: 6.50 of 6 USD"

    chain("{usd: 60}")
    raised = session(pytester, *mode, "--orch-resume")

    assert raised.ret == 0
    assert spawns(pytester)[4:] == ["three", "four"]
    raised.assert_outcomes(passed=6)
    raised.stdout.fnmatch_lines(["budget of the run: spent 9.75 of 60 USD"])


def test_a_run_resumed_without_a_raise_is_paused_at_once_and_costs_nothing(pytester, chain):
    chain("{usd: 6}")
    run(pytester)

    same = run(pytester, "--orch-resume")

    assert same.ret == 7
    assert len(spawns(pytester)) == 4
    same.stdout.fnmatch_lines(["budget of the run: spent 6.50 of 6 USD (reached)"])


@pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])
@pytest.mark.parametrize("count", [1, 3])
def test_no_more_is_spawned_than_the_budget_says(pytester, chain, mode, count):
    chain(f"{{spawns: {count}}}")

    done = session(pytester, *mode)

    assert done.ret == 7
    assert len(spawns(pytester)) == count
    done.assert_outcomes(passed=count, skipped=6 - count)


def test_a_failure_beside_a_reached_budget_is_red(pytester, chain):
    chain("{tokens: 1000}")
    (pytester.path / "agent.py").write_text(f"{AGENT}\nsys.exit(os.environ['ORCH_TASK'] == 'a')")

    done = run(pytester)

    assert done.ret == 1
    done.assert_outcomes(passed=1, failed=1, skipped=4)


def test_time_that_is_used_up_lets_running_agents_finish(pytester):
    plan(
        pytester,
        """
limits: {budget: {wall: 1s}}
tasks: {a: {run: [sleep, "1.5"]}, b: {run: [touch, b.ran], needs: [a]}}
""",
    )
    done = run(pytester)

    assert done.ret == 7
    assert states(pytester) == {"a": "passed", "b": "ready"}
    done.stdout.fnmatch_lines(["budget of the run: spent 1* of 1s (reached)"])


def test_a_retry_that_is_due_after_the_time_is_used_up_is_not_waited_for(pytester):
    retry = "{attempts: 2, backoff: 1h}"
    plan(pytester, f'limits: {{budget: {{wall: 1s}}}}\ntasks: {{a: {{run: ["false"], retry: {retry}}}}}')

    done = run(pytester)

    assert done.ret == 7
    done.assert_outcomes(skipped=1)


def test_status_and_report_show_what_was_spent(pytester, chain, monkeypatch, capsys):
    chain("{usd: 6, tokens: 100000}", side=1)
    run(pytester)
    text = told(monkeypatch, capsys, pytester.path)
    record = json.loads(told(monkeypatch, capsys, pytester.path, "--json"))
    report = (run_folder(pytester) / "report.html").read_text()

    assert "\nbudget of the run: spent 6.50 of 6 USD, 2,000 of 100,000 tokens (reached)\n" in text
    assert "\nbudget of track 'side': spent 1 of 1 spawns (reached)\n" in text
    assert record["budgets"][0] == {
        "scope": "run",
        "reached": True,
        "usd": {"spent": 6.5, "of": 6.0},
        "tokens": {"spent": 2000.0, "of": 100000.0},
    }
    assert "<dt>Budget of the run</dt><dd>6.50 of 6 USD, 2,000 of 100,000 tokens</dd>" in report
    assert "budget of the run reached: 6.50 of 6 USD" in record["reason"]


def test_status_without_the_terms_of_the_plan_says_nothing_of_budgets(pytester, chain, monkeypatch, capsys):
    chain("{usd: 60}")
    run(pytester)
    (run_folder(pytester) / "budgets.json").write_text('{"limits": {"run": {"usd": "x"}}, "scopes": {}}')

    assert "budget of" not in told(monkeypatch, capsys, pytester.path)


def test_a_plan_without_budgets_says_nothing_of_them(pytester, monkeypatch, capsys):
    plan(pytester, "tasks: {a: {run: [touch, a]}}")
    done = run(pytester)

    assert "budget of" not in done.stdout.str()
    assert "budget of" not in told(monkeypatch, capsys, pytester.path)
    assert not (run_folder(pytester) / "budgets.json").exists()


def test_what_is_taken_over_from_another_run_costs_nothing(pytester, chain):
    chain("{usd: 6}")
    run(pytester)

    again = run(pytester, "--orch-reuse")

    assert again.ret == 0
    again.stdout.fnmatch_lines(
        ["budget of the run: spent 3.25 of 6 USD", "budget of track 'side': spent 0 of 9 spawns"]
    )
    resumed = run(pytester, "--orch-resume")
    resumed.stdout.fnmatch_lines(["budget of the run: spent 3.25 of 6 USD"])


def test_a_critic_that_no_money_is_left_for_judges_after_it_was_raised(pytester, chain):
    judged = """
limits: {{budget: {{spawns: {count}}}}}
critics: {{judge: {{run: [sh, -c, 'echo "{{\\"criteria\\": {{\\"q\\": 1}}}}"'], criteria: {{q: 1}}}}}}
tasks:
  work: {{run: [python, agent.py], gate: {{id: G, critics: [judge], checks: [{{run: ["true"]}}]}}}}
"""
    chain("{spawns: 1}")
    plan(pytester, judged.format(count=1))
    first = run(pytester, "-rs")

    assert first.ret == 7
    assert states(pytester) == {"work": "passed", "G": "ready"}
    first.stdout.fnmatch_lines(["SKIPPED*: paused: budget of the run reached: 1 of 1 spawns"])
    plan(pytester, judged.format(count=2))

    assert run(pytester, "--orch-resume").ret == 0
    assert spawns(pytester) == ["work"]
