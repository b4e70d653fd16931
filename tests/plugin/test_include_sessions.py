"""Plans with fragments in sessions: they run, are gone on with, and are frozen like the plan itself."""

from __future__ import annotations

import pytest
from local_sessions import lines_of, plan, run, states
from xdist_sessions import session

PART = """\
orchharness: 1
vars: {target: , from: }
agents: {writer: {kind: command, run: [sh, -c, 'echo "$ORCH_TASK" >> ran; echo "{{ vars.target }} {{ iteration }}" > $ORCH_OUTPUT_TEXT']}}
critics: {judge: {run: [python, "{{ plan_dir }}/judge.py"], criteria: {k: 1}}}
tasks:
  write:
    agent: writer
    inputs: {seed: "{{ vars.from }}"}
    outputs: {text: "{{ vars.target }}.txt"}
    gate: {critics: [judge], max_iterations: 2}
  read: {inputs: {text: write.text}, run: [sh, -c, 'echo "$ORCH_TASK" >> ran; cat $ORCH_INPUT_TEXT > {{ vars.target }}.read']}
"""
JUDGE = """\
import json, os
score = 0.5 if os.environ["ORCH_ITERATION"] == "1" else 1
print(json.dumps({"criteria": {"k": score}, "findings": []}))
"""
PLAN = """
tracks:
  seed: {tasks: {seed: {run: [sh, -c, "echo s > s.txt"], outputs: {o: s.txt}}}}
  one: {include: parts/part.yaml, with: {target: first, from: seed.o}}
  two: {include: parts/part.yaml, matrix: {n: [a, b]}, with: {target: "{{ matrix.n }}-x", from: one-write.text}}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    folder = pytester.mkdir("parts")
    (folder / "part.yaml").write_text(PART)
    (folder / "judge.py").write_text(JUDGE)
    return pytester


SIMPLE = PLAN.rpartition("  two:")[0]


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_fragment_works_with_its_own_values_agents_and_critics(project, workers):
    plan(project, SIMPLE)

    result = session(project, "-v", *workers)

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*REFINE one-G-write 0.50 < 0.90, iteration 2*"])
    assert (project.path / "first.read").read_text() == "first 2\n"


def test_values_of_a_matrix_reach_the_tasks_of_a_fragment(project):
    text = PART.replace("agent: writer", "run: [sh, -c, 'echo {{ vars.target }} > $ORCH_OUTPUT_TEXT']")
    no_staff = "".join(line for line in text.splitlines(True) if not line.startswith(("agents", "critics")))
    (project.path / "parts/part.yaml").write_text(
        no_staff.replace(
            "critics: [judge], max_iterations: 2", 'checks: [{run: [test, "{{ vars.target }}", "!=", x]}]'
        )
    )
    plan(project, PLAN)

    run(project).assert_outcomes(passed=10)
    assert (project.path / "b-x.read").read_text() == "b-x\n"


def test_an_item_of_a_fragment_is_chosen_by_its_node_id(project):
    plan(project, SIMPLE)

    run(project, "a.plan.yaml::one::one-write").assert_outcomes(passed=3)
    assert states(project)["one-read"] == "waiting"


def test_an_edited_fragment_redoes_what_reads_the_edit(project):
    plan(project, SIMPLE)
    run(project)
    (project.path / "ran").unlink()
    part = project.path / "parts/part.yaml"
    part.write_text(part.read_text().replace("cat $ORCH", "cat -u $ORCH"))

    result = run(project, "--orch-resume", "-rA")

    assert lines_of(project.path / "ran") == ["one-read"]
    result.stdout.fnmatch_lines(
        ["*one-write reused*", "*one-G-write reused*", "*one-read re-run: command changed*"]
    )


def test_a_fragment_that_changes_while_the_run_goes_on_is_an_error_of_its_gates(project):
    part = project.path / "parts/part.yaml"
    part.write_text(part.read_text().replace('echo "$ORCH_TASK" >> ran;', "echo >> parts/part.yaml;", 1))
    plan(project, SIMPLE)

    result = run(project)

    assert states(project)["one-G-write"] == "error"
    result.stdout.fnmatch_lines(["*gate inputs changed: *part.yaml*"])


def test_a_fragment_is_no_plan(project):
    plan(project, SIMPLE)

    result = run(project, "--collect-only", "-q", ".")

    assert {line.partition("::")[0] for line in result.outlines if "::" in line} == {"a.plan.yaml"}
    assert run(project, "parts").parseoutcomes() == {}
