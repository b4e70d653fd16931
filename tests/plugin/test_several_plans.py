"""Several plans in one session, and several sessions on one project."""

from __future__ import annotations

import pytest
from local_sessions import CHAIN, plan, run, run_folder, states

from orchharness.journal.lock import RunLock

SAME = """
workspace: {{copy: {folder}}}
limits: {{parallel: 1}}
tasks:
  meet: {{run: [sh, -c, "touch {root}/{me}; for i in $(seq 500); do [ -e {root}/{other} ] && exit 0; sleep 0.01; done; exit 1"]}}
  after: {{run: [test, -e, here.txt], needs: [meet]}}
"""


def test_plans_in_the_root_run_one_after_another(pytester: pytest.Pytester):
    text = "tasks: {{t: {{run: [sh, -c, 'mkdir only && sleep 0.1 && rmdir only && echo {0} >> order.txt']}}}}"
    for name in "abc":
        plan(pytester, text.format(name), name)

    run(pytester).assert_outcomes(passed=3)
    assert (pytester.path / "order.txt").read_text().split() == ["a", "b", "c"]


def test_plans_with_a_workspace_of_their_own_run_side_by_side(pytester: pytest.Pytester):
    folder = pytester.mkdir("seed")
    (folder / "here.txt").touch()
    for me, other in (("a", "b"), ("b", "a")):  # each waits for the other; acts and items have the same names
        plan(pytester, SAME.format(folder="seed", root=pytester.path, me=me, other=other), me)

    run(pytester).assert_outcomes(passed=4)
    assert states(pytester, "a") == states(pytester, "b") == {"meet": "passed", "after": "passed"}


def test_a_plan_that_cannot_start_does_not_keep_the_others(pytester: pytest.Pytester):
    plan(pytester, "workspace: {copy: gone}" + CHAIN, "a")
    pytester.mkdir("gone")
    plan(pytester, CHAIN, "b")
    pytester.makeconftest("def pytest_collection_finish(): __import__('os').rmdir('gone')")

    result = run(pytester)

    result.assert_outcomes(passed=4, errors=1, skipped=3)
    result.stdout.fnmatch_lines(["*ERROR at setup of one*", "workspace folder */gone is not a folder*"])


def test_a_workspace_that_another_orchestrator_owns_is_refused(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    run(pytester, "-k", "other").assert_outcomes(passed=1)
    home = run_folder(pytester).parent.parent

    with RunLock(home / "workspace.lock"):
        result = run(pytester)

    result.assert_outcomes(errors=1, skipped=3)
    result.stdout.fnmatch_lines(["another session runs a plan in * (pid *): wait until it is done*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert not (pytester.path / "one.ran").exists()
    run(pytester).assert_outcomes(passed=4)


def test_x_obeys_a_plan_that_cannot_start(pytester: pytest.Pytester):
    pytester.mkdir("gone")
    plan(pytester, "workspace: {copy: gone}" + CHAIN, "a")
    plan(pytester, CHAIN, "b")
    pytester.makeconftest("def pytest_collection_finish(): __import__('os').rmdir('gone')")

    run(pytester, "-x").assert_outcomes(errors=1, skipped=3)
    assert not list(pytester.path.glob("*.ran"))
