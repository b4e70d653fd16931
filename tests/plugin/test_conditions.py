"""`when` in sessions: what is skipped and why, what fails, what a resumed run evaluates again."""

from __future__ import annotations

import pytest
from local_sessions import journal, plan, run, states
from xdist_sessions import session

BRANCHES = """
vars: {level: {default: strict, choices: [strict, lenient]}}
tasks:
  probe: {run: [sh, -c, 'echo "{\\"risk\\": 0.7}" > facts.json'], outputs: {facts: facts.json}}
  deep:
    run: [sh, -c, "echo deep > r.md"]
    inputs: {facts: probe.facts}
    when: inputs.facts.json.risk >= 0.5
    outputs: {review: r.md}
  quick:
    run: [sh, -c, "echo quick > r.md"]
    inputs: {facts: probe.facts}
    when: inputs.facts.json.risk < 0.5
    outputs: {review: r.md}
  publish: {run: [touch, publish.ran], needs: [deep, quick], trigger_rule: one_success}
  proud: {run: [touch, proud.ran], needs: [quick]}
  easy: {run: [touch, easy.ran], when: vars.level == 'lenient'}
"""
ENDED = {
    "probe": "passed",
    "deep": "passed",
    "quick": "skipped",
    "publish": "passed",
    "proud": "skipped",
    "easy": "skipped",
}
GROUPS = """
phases:
  work: {tasks: {build: {run: ["false"], allow_failure: true}, other: {run: ["true"]}}}
  mend:
    when: status('build') == 'failed'
    tracks:
      a: {tasks: {one: {run: ["true"]}, two: {run: ["true"], needs: [one]}}}
      b: {when: status('other') != 'passed', tasks: {three: {run: ["true"]}}}
"""


def test_the_branch_whose_condition_holds_runs_and_the_other_is_skipped(pytester: pytest.Pytester):
    plan(pytester, BRANCHES)

    result = run(pytester, "-rs")

    result.assert_outcomes(passed=3, skipped=3)
    assert result.ret == pytest.ExitCode.OK
    assert states(pytester) == ENDED
    assert (pytester.path / "r.md").read_text() == "deep\n"
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED * when: inputs.facts.json.risk < 0.5 is false",
            "SKIPPED * quick skipped (when: inputs.facts.json.risk < 0.5 is false)",
            "SKIPPED * when: vars.level == 'lenient' is false",
        ]
    )


def test_with_workers_the_same_branch_runs(pytester: pytest.Pytester):
    plan(pytester, BRANCHES)

    result = session(pytester, "-n2", "--orch-var", "level=lenient")

    result.assert_outcomes(passed=4, skipped=2)
    assert states(pytester) == ENDED | {"easy": "passed"}


def test_a_condition_on_a_phase_or_track_counts_for_all_of_it(pytester: pytest.Pytester):
    plan(pytester, GROUPS)

    result = run(pytester)

    assert result.ret == pytest.ExitCode.OK
    assert states(pytester) == {
        "build": "failed",
        "other": "passed",
        "one": "passed",
        "two": "passed",
        "three": "skipped",
    }


def test_a_plan_of_nothing_but_skips_ends(pytester: pytest.Pytester):
    plan(pytester, "tasks: {a: {run: [touch, a.ran], when: 1 > 2}, b: {run: ['true'], needs: [a]}}")

    result = run(pytester)

    result.assert_outcomes(skipped=2)
    assert not (pytester.path / "a.ran").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "inputs.facts.json has no 'risk'"),
        (
            '{\\"risk\\": \\"high\\"}',
            "these cannot be compared so: inputs.facts.json.risk is a text, 0.5 is a number",
        ),
        ("no", "facts.json is not JSON*"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_fails_with_the_reason(pytester: pytest.Pytester, content, why):
    plan(pytester, BRANCHES.replace('{\\"risk\\": 0.7}', content))

    result = run(pytester)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert states(pytester)["deep"] == "failed"
    assert not (pytester.path / "r.md").exists()
    result.stdout.fnmatch_lines([f"when: inputs.facts.json.risk >= 0.5: {why.replace('[', '[[]')}"])


def test_a_condition_that_fails_stops_a_session_that_stops_at_the_first_failure(pytester: pytest.Pytester):
    plan(
        pytester,
        """
tasks:
  b: {run: [sh, -c, "echo 1 > b.json"], outputs: {o: b.json}}
  a: {run: ["true"], inputs: {o: b.o}, when: inputs.o.json.x == 1}
  c: {run: [touch, c.ran], needs: [a], trigger_rule: all_done}
""",
    )

    result = run(pytester, "-x")

    result.assert_outcomes(passed=1, failed=1)
    assert not (pytester.path / "c.ran").exists()


def test_a_resumed_run_evaluates_again_what_looks_at_something_else(pytester: pytest.Pytester):
    path = plan(pytester, BRANCHES)
    run(pytester)
    evaluated = [r["task"] for r in journal(pytester) if r["event"] == "ConditionEvaluated"]

    result = run(pytester, "--orch-resume")

    result.assert_outcomes(passed=3, skipped=3)
    assert [r["task"] for r in journal(pytester) if r["event"] == "ConditionEvaluated"] == evaluated

    path.write_text(path.read_text().replace("0.7", "0.2"))
    result = run(pytester, "--orch-resume")

    result.assert_outcomes(passed=4, skipped=2)
    assert states(pytester) == ENDED | {"deep": "skipped", "quick": "passed", "proud": "passed"}
    assert (pytester.path / "r.md").read_text() == "quick\n"


def test_a_resumed_run_with_another_variable_evaluates_what_looks_at_it(pytester: pytest.Pytester):
    plan(pytester, BRANCHES)
    run(pytester)

    result = run(pytester, "--orch-resume", "--orch-var", "level=lenient")

    result.assert_outcomes(passed=4, skipped=2)
    assert states(pytester)["easy"] == "passed"


COPIES = """
vars: {go: {default: "yes"}}
tracks:
  m:
    matrix: {os: [a, b]}
    tasks:
      probe: {run: [sh, -c, 'echo "{\\"n\\": \\"{{ matrix.os }}\\"}" > {{ matrix.os }}.json'], outputs: {f: "{{ matrix.os }}.json"}}
      deep: {run: ["true"], inputs: {f: probe.f}, when: "inputs.f.json.n == 'a' and vars.go == 'yes'"}
      after: {run: ["true"], needs: [deep], trigger_rule: all_done, when: "status('deep') == 'skipped'"}
  inc: {include: part.yaml, with: {x: "1"}}
"""
PART = """
vars: {x: {}}
tasks:
  one: {run: ["true"]}
  two: {run: ["true"], needs: [one], when: "vars.x == '1' and status('one') == 'passed'"}
  three: {run: ["true"], when: "vars.x == '2'"}
"""


def test_a_condition_in_a_copy_or_a_fragment_looks_at_its_own_copy_and_its_own_variables(pytester):
    (pytester.path / "part.yaml").write_text("orchharness: 1" + PART)
    plan(pytester, COPIES)

    result = run(pytester)

    assert result.ret == 0
    assert {i: s for i, s in states(pytester).items() if not i.startswith("probe")} == {
        "deep[a]": "passed",
        "deep[b]": "skipped",
        "after[a]": "skipped",
        "after[b]": "passed",
        "inc-one": "passed",
        "inc-two": "passed",
        "inc-three": "skipped",
    }


def test_a_condition_names_one_of_several_copies(pytester):
    plan(
        pytester,
        "tasks: {a: {matrix: {x: [p, q]}, run: [x]}, b: {run: [x], needs: [a], when: \"status('a') == 'passed'\"}}\n",
    )

    result = run(pytester)

    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*when: 'a' stands for 2 copies: name one of them, as in status('a[[]p[]]')"]
    )
