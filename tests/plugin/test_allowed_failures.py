"""A failure that the plan allows is shown as one and makes nothing red; and rules and groups at work in a session."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from local_sessions import cases, plan, run, run_folder, states
from xdist_sessions import session

LINT = """
tasks:
  lint: {run: [sh, -c, "echo ugly; exit 3"], allow_failure: true}
  build: {run: ["true"], needs: [lint]}
"""
REVIEWED = """
critics: {judge: {run: [sh, -c, "exit 1"], criteria: {quality: 1}}}
tasks:
  draft:
    run: [sh, -c, "echo text > d.md"]
    outputs: {doc: d.md}
    allow_failure: true
    gate: {critics: [judge]}
  after: {run: ["true"], needs: [draft]}
  reader: {run: ["true"], inputs: {d: draft.doc}}
"""
RULES = """
phases:
  work:
    tracks:
      chain:
        sequence: true
        tasks:
          one: {run: [sh, -c, "test ! -e order; echo one >> order"]}
          two: {run: [sh, -c, "test $(wc -l < order) = 1; echo two >> order"]}
          three: {run: [sh, -c, "test $(wc -l < order) = 2; exit 1"]}
      behind: {needs: [chain], tasks: {never: {run: [touch, never.ran]}}}
  report:
    trigger_rule: all_done
    tasks:
      tell: {run: [touch, tell.ran]}
      careful: {run: [touch, careful.ran], needs: [tell], trigger_rule: none_failed}
      hopeful: {run: [touch, hopeful.ran], needs: [two, never], trigger_rule: one_success}
"""


def properties(pytester: pytest.Pytester, name: str) -> dict[str | None, str | None]:
    (case,) = [c for c in ET.parse(pytester.path / "out.xml").iter("testcase") if c.get("name") == name]
    return {p.get("name"): p.get("value") for p in case.iter("property")}


def test_an_allowed_failure_is_an_expected_one_and_the_run_is_green(pytester: pytest.Pytester):
    plan(pytester, LINT)

    result = run(pytester, "-v", "-rx")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, xfailed=1)
    assert states(pytester) == {"lint": "failed", "build": "passed"}
    result.stdout.fnmatch_lines(["a.plan.yaml::tasks::lint XFAIL (failed, which the plan allows: exit 3)*"])
    result.stdout.fnmatch_lines(["XFAIL a.plan.yaml::tasks::lint - failed, which the plan allows: exit 3"])


def test_the_summary_names_what_failed_and_was_allowed(pytester: pytest.Pytester):
    plan(pytester, LINT)

    result = run(pytester, "-q")

    result.stdout.fnmatch_lines(
        [
            "x. *",
            "*= plan a: passed =*",
            "2 acts in *",
            "lint failed, which the plan allows: exit 3",
            "report: *",
        ],
        consecutive=True,
    )


def test_its_text_and_logs_are_there_for_who_asks(pytester: pytest.Pytester):
    plan(pytester, LINT)

    result = run(pytester, "--xfail-tb")

    logs = run_folder(pytester) / "acts" / "lint.i1.a1"
    result.stdout.fnmatch_lines(["*= XFAILURES =*", "*_ lint _*", "exit 3*", f"logs: {logs}"])


def test_junit_says_that_it_failed_and_was_allowed(pytester: pytest.Pytester):
    plan(pytester, LINT)

    run(pytester, "--junitxml=out.xml")

    assert cases(pytester.path / "out.xml") == {
        "a.plan.yaml.tasks.lint": ("skipped", "failed, which the plan allows: exit 3"),
        "a.plan.yaml.tasks.build": ("passed", ""),
    }
    lint, build = (properties(pytester, name) for name in ("lint", "build"))
    assert (lint["state"], lint["iterations"], lint["allowed"]) == ("failed", "1", "true")
    assert (build["state"], build["iterations"]) == ("passed", "1")
    assert "allowed" not in build


def test_an_allowed_failure_does_not_stop_a_session_that_stops_at_the_first_failure(
    pytester: pytest.Pytester,
):
    plan(pytester, LINT)

    result = run(pytester, "-x")

    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == pytest.ExitCode.OK


def test_a_failure_that_is_not_allowed_is_red_beside_one_that_is(pytester: pytest.Pytester):
    plan(pytester, LINT + "  test: {run: ['false']}\n")

    result = run(pytester)

    result.assert_outcomes(passed=1, xfailed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*= plan a: failed =*"])


def test_a_task_that_may_fail_and_passes_is_a_pass(pytester: pytest.Pytester):
    plan(pytester, LINT.replace("exit 3", "exit 0"))

    result = run(pytester, "--junitxml=out.xml")

    result.assert_outcomes(passed=2)
    assert "allowed" not in properties(pytester, "lint")


def test_a_gate_that_may_fail_hands_nothing_over_and_blocks_nobody(pytester: pytest.Pytester):
    plan(pytester, REVIEWED)

    result = run(pytester, "-v")

    assert result.ret == pytest.ExitCode.OK
    assert states(pytester) == {"draft": "passed", "G-draft": "error", "after": "passed", "reader": "skipped"}
    result.assert_outcomes(passed=2, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["a.plan.yaml::tasks::reader SKIPPED (G-draft error)*"])
    result.stdout.fnmatch_lines(["G-draft failed, which the plan allows: judge: *"])


def test_workers_change_nothing_about_it(pytester: pytest.Pytester):
    plan(pytester, REVIEWED)

    result = session(pytester, "-n2", "--dist=load")

    result.assert_outcomes(passed=2, xfailed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*plan a: passed*", "*G-draft failed, which the plan allows: judge: *"])


def test_an_allowed_failure_stands_when_the_run_is_resumed_and_is_tried_again_when_it_is_chosen(
    pytester: pytest.Pytester,
):
    plan(pytester, LINT.replace("exit 3", "test -e fixed"))
    run(pytester).assert_outcomes(passed=1, xfailed=1)
    (pytester.path / "fixed").touch()

    resumed = run(pytester, "--orch-resume")
    chosen = run(pytester, "-k", "lint")

    resumed.assert_outcomes(passed=1, xfailed=1)
    chosen.assert_outcomes(passed=1, deselected=1)


def test_sequences_group_needs_and_rules_hold_in_a_session(pytester: pytest.Pytester):
    plan(pytester, RULES)

    result = run(pytester, "-v")

    assert (pytester.path / "order").read_text().split() == ["one", "two"]
    assert states(pytester) == {
        "one": "passed",
        "two": "passed",
        "three": "failed",
        "never": "skipped",
        "tell": "passed",
        "careful": "skipped",
        "hopeful": "passed",
    }
    assert sorted(p.name for p in pytester.path.glob("*.ran")) == ["hopeful.ran", "tell.ran"]
    result.stdout.fnmatch_lines(["a.plan.yaml::report::careful SKIPPED (three failed)*"])
    result.assert_outcomes(passed=4, failed=1, skipped=2)
