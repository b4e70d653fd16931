"""Plan files are collected like test files, and collecting spawns nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_sessions import CHAIN, GATED, nothing_ran, plan, run, states


def ids(pytester: pytest.Pytester, *args: str) -> list[str]:
    result = run(pytester, "--collect-only", "-q", *args)
    return [line for line in result.outlines if "::" in line]


def test_node_ids_are_file_track_and_item(pytester: pytest.Pytester):
    plan(pytester, GATED, "plans")

    assert ids(pytester) == [
        "plans.plan.yaml::track_a::EN-027",
        "plans.plan.yaml::track_a::G-027",
        "plans.plan.yaml::track_a::EN-028",
        "plans.plan.yaml::track_b::TASK-422",
    ]
    assert nothing_ran(pytester)


def test_collect_only_shows_a_tree_and_spawns_nothing(pytester: pytest.Pytester):
    plan(pytester, GATED)

    result = run(pytester, "--collect-only")

    result.stdout.fnmatch_lines(
        [
            "collected 4 items",
            "",
            "<Dir *>",
            "  <PlanFile a.plan.yaml>",
            "    <TrackNode track_a>",
            "      <PlanItem EN-027>",
            "      <PlanItem G-027>",
            "      <PlanItem EN-028>",
            "    <TrackNode track_b>",
            "      <PlanItem TASK-422>",
        ],
        consecutive=True,
    )
    assert result.ret == 0
    assert nothing_ran(pytester)


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan", "--collect-only", "--fixtures-per-test"])
def test_options_that_only_show_spawn_nothing(pytester: pytest.Pytester, option: str):
    plan(pytester, GATED)
    pytester.makepyfile(test_ordinary="def test_it(tmp_path): pass")

    result = run(pytester, option)

    assert result.ret == 0
    assert nothing_ran(pytester)


def test_gates_on_their_own_are_collected_once_under_the_phase(pytester: pytest.Pytester):
    plan(
        pytester,
        """
phases:
  build:
    tracks:
      build: {tasks: {one: {run: [touch, one.ran]}, two: {run: [touch, two.ran]}}}
    gates:
      G-BOTH: {of: [one, two], checks: [{run: [test, -e, one.ran]}]}
""",
    )

    assert ids(pytester) == [f"a.plan.yaml::build::{i}" for i in ("one", "two", "G-BOTH")]


def test_tracks_of_one_name_in_two_phases_keep_their_items(pytester: pytest.Pytester):
    plan(
        pytester,
        """
phases:
  first: {tracks: {t: {tasks: {one: {run: ["true"]}}}}}
  second: {tracks: {t: {tasks: {two: {run: ["true"]}}}}}
""",
    )
    run(pytester).assert_outcomes(passed=2)

    assert ids(pytester) == ["a.plan.yaml::t::one", "a.plan.yaml::t::two"]


def test_a_plan_given_twice_runs_once(pytester: pytest.Pytester):
    plan(pytester, CHAIN)

    run(pytester, "a.plan.yaml", "a.plan.yaml").assert_outcomes(passed=4)
    run(pytester, "a.plan.yaml::track_a::one", "a.plan.yaml::track_b::other").assert_outcomes(passed=2)
    run(pytester, "--keep-duplicates", "a.plan.yaml", "a.plan.yaml").assert_outcomes(passed=4)
    assert len(list((pytester.path / ".orchharness").glob("a-*/*/journal.jsonl"))) == 3 + 1  # `latest` too


def test_plans_work_from_another_folder_and_another_rootdir(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    pytester.makefile(".ini", pytest="[pytest]\n")
    folder = pytester.mkdir("plans")
    plan(pytester, GATED, "plans/a")
    elsewhere = pytester.mkdir("elsewhere")
    monkeypatch.chdir(elsewhere)

    result = run(pytester, str(folder), "-v")

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*plans/a.plan.yaml::track_a::EN-027 PASSED*"])
    assert (pytester.path / "a.md").exists()

    other = pytester.mkdir("root")
    result = run(pytester, f"--rootdir={other}", "-c", "/dev/null", str(folder), "-v")

    result.assert_outcomes(passed=4)
    assert (other / "a.md").exists()


def test_folders_with_spaces_and_unicode(pytester: pytest.Pytester):
    pytester.makefile(".ini", pytest="[pytest]\n")
    pytester.mkdir("mein Plän 计划")
    plan(pytester, GATED, "mein Plän 计划/a")

    result = run(pytester, "-v", "mein Plän 计划/a.plan.yaml::track_a::G-027")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["mein Plän 计划/a.plan.yaml::track_a::G-027 PASSED*"])


def test_a_symlinked_plan(pytester: pytest.Pytester):
    real = plan(pytester, CHAIN, "real")
    pytester.mkdir("plans")
    link = pytester.path / "plans" / "link.plan.yaml"
    link.symlink_to(real)

    result = run(pytester, "plans", "-v")

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["plans/link.plan.yaml::track_a::one PASSED*"])


@pytest.mark.parametrize(
    "option", ["--import-mode=importlib", "--pyargs", "--strict-markers", "--strict-config"]
)
def test_harmless_options(pytester: pytest.Pytester, option: str):
    plan(pytester, CHAIN)

    run(pytester, option, "a.plan.yaml").assert_outcomes(passed=4)


def test_other_names_are_plans_where_the_ini_says_so(pytester: pytest.Pytester):
    pytester.makefile(".ini", pytest="[pytest]\norch_plan_files = plan-*.yaml work.yml\n")
    for name in ("plan-x.yaml", "work.yml", "a.plan.yaml"):
        (pytester.path / name).write_text("orchharness: 1\ntasks: {t: {run: ['true']}}\n")

    assert ids(pytester) == ["plan-x.yaml::tasks::t", "work.yml::tasks::t"]


def test_runs_inside_the_project_are_not_collected(pytester: pytest.Pytester):
    pytester.makefile(".ini", pytest="[pytest]\norch_dir = runs\nnorecursedirs = none\n")
    plan(pytester, GATED)
    run(pytester).assert_outcomes(passed=4)

    result = run(pytester)

    result.assert_outcomes(passed=4)
    assert len(ids(pytester)) == 4


def test_a_conftest_that_reorders_items(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makepyfile(test_ordinary="def test_it(): pass")
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
        """
    )

    run(pytester).assert_outcomes(passed=5)
    assert states(pytester) == dict.fromkeys(("one", "two", "three", "other"), "passed")


def test_what_a_conftest_marks_to_be_skipped_is_not_spawned(pytester: pytest.Pytester):
    plan(pytester, CHAIN.replace("tags: [slow]", "tags: [slow, skip]"))  # a tag is no mark
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if item.name == "other":
                    item.add_marker(pytest.mark.skip(reason="needs money"))
        """
    )
    plain = run(pytester, "-k", "one")
    result = run(pytester)

    plain.assert_outcomes(passed=1, deselected=3)
    result.assert_outcomes(passed=3, deselected=1)
    result.stdout.fnmatch_lines(["a.plan.yaml: left out other: needs money"])
    assert not (pytester.path / "other.ran").exists()


def test_what_is_skipped_but_needed_is_run_and_said(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if "slow" in item.keywords:
                    item.add_marker(pytest.mark.skip(reason="slow"))
        """
    )
    result = run(pytester)

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["a.plan.yaml: 3 chosen, pulled in what they need: one"])


BROKEN = "tasks:\n  one: {run: ['true'], need: [two]}\n  two: {run: ['true'], timeout: 5}\n"


def test_a_plan_with_errors_shows_all_of_them_without_a_traceback(pytester: pytest.Pytester):
    plan(pytester, BROKEN)
    plan(pytester, CHAIN, "good")
    pytester.makepyfile(test_ordinary="def test_it(): open('ordinary.ran', 'w')")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR collecting a.plan.yaml*", "*a.plan.yaml:3:*'need'*", "*a.plan.yaml:4:*timeout*"]
    )
    result.stdout.fnmatch_lines(["*Interrupted: 1 error during collection*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*collector.py*")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert nothing_ran(pytester)


def test_collection_errors_do_not_stop_where_that_is_asked_for(pytester: pytest.Pytester):
    plan(pytester, BROKEN)
    plan(pytester, CHAIN, "good")

    result = run(pytester, "--continue-on-collection-errors")

    result.assert_outcomes(passed=4, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_test_file_with_errors_stops_the_plans(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makepyfile(test_ordinary="import nothing_of_that_name")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    assert nothing_ran(pytester)


@pytest.mark.parametrize(("option", "line"), [("--version", "pytest *"), ("--markers", "@pytest.mark.skip*")])
def test_what_pytest_says_of_itself(pytester: pytest.Pytester, option: str, line: str):
    plan(pytester, CHAIN)

    result = run(pytester, option)

    assert result.ret == 0
    result.stdout.fnmatch_lines([line])
    assert nothing_ran(pytester)


def test_help_and_fixtures(pytester: pytest.Pytester):
    plan(pytester, CHAIN)

    run(pytester, "--help").stdout.fnmatch_lines(["plans of multi-agent work:", "*--orch-var=NAME=VALUE*"])
    assert run(pytester, "--fixtures").ret == 0
    assert nothing_ran(pytester)


def test_an_item_under_a_foreign_loop_fails_with_what_to_do(pytester: pytest.Pytester):
    path: Path = plan(pytester, CHAIN)
    items, _ = pytester.inline_genitems(path)

    with pytest.raises(Exception, match="leave out the other plugin's --dist or loop"):
        items[0].runtest()
