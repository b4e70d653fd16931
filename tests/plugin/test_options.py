"""Options: what is wrong with them is said in a line, before anything runs."""

from __future__ import annotations

import os

import pytest
from local_sessions import CHAIN, nothing_ran, plan, run

VARS = (
    "vars: {who: {default: you}, must: {required: true}}\ntasks: {t: {run: [touch, '{{ vars.must }}.ran']}}\n"
)


@pytest.mark.parametrize("value", ["x", "=1", ""])
def test_a_malformed_variable_is_a_usage_error(pytester: pytest.Pytester, value: str):
    plan(pytester, CHAIN)

    result = run(pytester, "--orch-var", value)

    result.stderr.fnmatch_lines([f"ERROR: --orch-var {value}: write NAME=VALUE"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert nothing_ran(pytester)


def test_a_value_may_hold_an_equals_sign(pytester: pytest.Pytester):
    plan(pytester, VARS.replace(", must: {required: true}", ", must: {default: x}"))

    run(pytester, "--orch-var", "must=a=b").assert_outcomes(passed=1)
    assert (pytester.path / "a=b.ran").exists()


def test_an_unknown_variable_is_an_error_with_what_there_is(pytester: pytest.Pytester):
    plan(pytester, VARS.replace(", must: {required: true}", ", must: {default: x}"))

    result = run(pytester, "--orch-var", "mst=1")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--orch-var mst: the plan has no variable 'mst'*must*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert nothing_ran(pytester)


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.isdir("/proc"), reason="root writes everywhere")
@pytest.mark.parametrize("folder", ["/proc/nowhere", "file.txt"])
def test_a_run_folder_that_cannot_be_made_is_an_error_in_a_line(pytester: pytest.Pytester, folder: str):
    (pytester.path / "file.txt").touch()
    plan(pytester, CHAIN)

    result = run(pytester, "--orch-dir", folder)

    result.assert_outcomes(errors=1, skipped=3)
    result.stdout.fnmatch_lines(
        ["the run directory * cannot be made: *; --orch-dir FOLDER puts runs elsewhere"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not list(pytester.path.glob("*.ran"))


@pytest.mark.parametrize("words", [["--orch-dir", "kept"], ["-o", "orch_dir=kept"]])
def test_runs_can_be_kept_elsewhere(pytester: pytest.Pytester, words: list[str]):
    plan(pytester, CHAIN)

    run(pytester, *words).assert_outcomes(passed=4)
    assert len(list((pytester.path / "kept").glob("a-*/latest/report.html"))) == 1


def test_warnings_are_errors_where_that_is_asked_for(pytester: pytest.Pytester):
    pytester.makepyfile(judge="")
    plan(
        pytester,
        "agents: {a: {kind: command, run: ['true']}}\ntasks: {t: {agent: a, timeout: 1s, estimate: 1h}}\n",
    )

    run(pytester).assert_outcomes(passed=1)
    result = run(pytester, "--orch-strict")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "a.plan.yaml:3:32: task 't': the timeout is below the estimate (--orch-strict)",
            "    tasks: {t: {agent: a, timeout: 1s, estimate: 1h}}",
            "                                   ^",
        ]
    )
