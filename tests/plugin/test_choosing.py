"""Choosing an item pulls in what it needs and its own gate, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_sessions import CHAIN, GATED, plan, run, run_folder, states

FLAKY = """
tasks:
  base: {run: [touch, base.ran]}
  breaks: {run: [test, -e, mended], needs: [base]}
  after: {run: [touch, after.ran], needs: [breaks]}
  aside: {run: [touch, aside.ran]}
"""


def ran(pytester: pytest.Pytester) -> set[str]:
    """What the last run was about."""
    return {i for i, state in states(pytester).items() if state != "waiting"}


def test_a_node_id_pulls_in_its_needs_and_its_own_gate(pytester: pytest.Pytester):
    plan(pytester, GATED)

    result = run(pytester, "a.plan.yaml::track_a::EN-028")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "collected 1 item",
            "a.plan.yaml: 1 chosen, pulled in what they need: EN-027, G-027",
            "",
            "a.plan.yaml ...*",
        ],
        consecutive=True,
    )
    assert not (pytester.path / "c.ran").exists()


def test_a_task_pulls_in_its_own_gate(pytester: pytest.Pytester):
    plan(pytester, GATED)

    result = run(pytester, "-v", "a.plan.yaml::track_a::EN-027")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["a.plan.yaml::track_a::EN-027 PASSED*", "a.plan.yaml::track_a::G-027 PASSED*"]
    )


def test_a_track_can_be_chosen(pytester: pytest.Pytester):
    plan(pytester, GATED)

    run(pytester, "a.plan.yaml::track_b").assert_outcomes(passed=1)
    assert (pytester.path / "c.ran").exists()
    assert not (pytester.path / "a.md").exists()


def test_nothing_is_said_where_nothing_was_pulled_in(pytester: pytest.Pytester):
    plan(pytester, GATED)

    result = run(pytester)

    result.stdout.no_fnmatch_line("*pulled in*")


@pytest.mark.parametrize(
    ("words", "passed", "deselected"),
    [
        (["-k", "one"], 1, 3),
        (["-k", "two"], 2, 2),
        (["-k", "track_b"], 1, 3),
        (["-k", "three or other"], 4, 0),
        (["-m", "slow"], 1, 3),
        (["-m", "not slow"], 4, 0),
        (["-m", "slow", "--strict-markers"], 1, 3),
        (["-k", "slow"], 1, 3),
        (["--deselect", "a.plan.yaml::track_a::three"], 3, 1),
        (["--deselect", "a.plan.yaml::track_a::one"], 4, 0),
        (["--deselect", "a.plan.yaml::track_a"], 1, 3),
    ],
)
def test_selections(pytester: pytest.Pytester, words: list[str], passed: int, deselected: int):
    plan(pytester, CHAIN)

    result = run(pytester, *words)

    result.assert_outcomes(passed=passed, deselected=deselected)
    assert len(list(pytester.path.glob("*.ran"))) == passed


@pytest.mark.parametrize("word", ["timeout", "anything"])
def test_k_does_not_match_what_the_plan_does_not_say(pytester: pytest.Pytester, word: str):
    plan(pytester, CHAIN)

    result = run(pytester, "-k", word)

    result.assert_outcomes(deselected=4)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_counts_are_those_of_what_is_run(pytester: pytest.Pytester):
    plan(pytester, CHAIN)

    result = run(pytester, "-k", "two")

    result.stdout.fnmatch_lines(
        [
            "collected 4 items / 2 deselected / 2 selected",
            "a.plan.yaml: 1 chosen, pulled in what they need: one",
            "",
            "a.plan.yaml .. *[[]100%[]]",
        ],
        consecutive=True,
    )


def test_what_was_pulled_in_is_shown_by_collect_only(pytester: pytest.Pytester):
    plan(pytester, CHAIN)

    shown = run(pytester, "--collect-only", "-k", "two")
    quiet = run(pytester, "--collect-only", "-q", "-k", "two")

    shown.stdout.fnmatch_lines(["*pulled in what they need: one", "*<PlanItem one>", "*<PlanItem two>"])
    assert quiet.outlines[:2] == ["a.plan.yaml::track_a::one", "a.plan.yaml::track_a::two"]
    quiet.stdout.no_fnmatch_line("*pulled in*")
    quiet.stdout.fnmatch_lines(["2/4 tests collected (2 deselected) in *s"])


def test_lf_runs_what_failed_and_what_it_needs(pytester: pytest.Pytester):
    plan(pytester, FLAKY)
    run(pytester).assert_outcomes(passed=2, failed=1, skipped=1)
    first = run_folder(pytester)

    result = run(pytester, "--lf")

    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["a.plan.yaml: 1 chosen, pulled in what they need: base", "*rerun previous 1 failure*"]
    )
    assert run_folder(pytester) != first

    (pytester.path / "mended").touch()
    run(pytester, "--lf").assert_outcomes(passed=2, deselected=2)
    run(pytester, "--lf").assert_outcomes(passed=4)


def test_ff_and_nf_run_everything(pytester: pytest.Pytester):
    plan(pytester, FLAKY)
    run(pytester).assert_outcomes(passed=2, failed=1, skipped=1)

    run(pytester, "--ff").assert_outcomes(passed=2, failed=1, skipped=1)
    run(pytester, "--nf").assert_outcomes(passed=2, failed=1, skipped=1)


def test_sw_goes_on_from_where_it_stopped(pytester: pytest.Pytester):
    plan(pytester, "limits: {parallel: 1}" + FLAKY)

    first = run(pytester, "--sw")

    first.assert_outcomes(passed=1, failed=1, skipped=1)  # what it blocks is decided with it
    first.stdout.fnmatch_lines(["*Interrupted: Test failed, continuing from this test next run.*"])

    (pytester.path / "mended").touch()
    second = run(pytester, "--sw")

    second.assert_outcomes(passed=4)
    second.stdout.fnmatch_lines(["*pulled in what they need: base*"])


def test_a_chosen_gate_pulls_in_what_it_judges(pytester: pytest.Pytester):
    plan(
        pytester,
        """
phases:
  build: {tasks: {one: {run: [touch, one.ran]}, two: {run: [touch, two.ran]}, aside: {run: [touch, x.ran]}}}
  end: {gates: {G-END: {of: [one, two], checks: [{run: [test, -e, one.ran]}]}}}
""",
    )
    result = run(pytester, "-k", "G-END")

    # a later phase begins when all of the one before is over
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*1 chosen, pulled in what they need: one, two, aside"])


def test_an_unknown_node_id_is_pytests_own_error(pytester: pytest.Pytester):
    path: Path = plan(pytester, CHAIN)

    result = run(pytester, f"{path.name}::track_a::nothing")

    result.stderr.fnmatch_lines(["ERROR: not found: *a.plan.yaml::track_a::nothing"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
