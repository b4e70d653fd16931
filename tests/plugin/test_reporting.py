"""What pytest and its plugins are told: one case per item, when it is decided, in words that help."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from local_sessions import CHAIN, GATED, cases, plan, run, run_folder

JUDGE = """
import json, os, pathlib
good = "good" in pathlib.Path(os.environ["ORCH_INPUT_DOC"]).read_text()
print(json.dumps({"criteria": {"quality": {"score": 0.95 if good else 0.5, "why": "x"}},
    "findings": [] if good else [{"severity": "major", "where": "doc.txt:1", "what": "not good", "fix": "say good"}]}))
"""
MEND = """
import os, pathlib
pathlib.Path("doc.txt").write_text("good" if os.environ.get("ORCH_FINDINGS") else "bad")
"""
REFINED = """
critics: {judge: {run: [python, judge.py], criteria: {quality: 1}}}
tasks:
  write: {run: [python, mend.py], outputs: {doc: doc.txt}, gate: {id: G-WRITE, critics: [judge]}}
  before: {run: ["true"]}
"""
FAILING = """
tasks:
  breaks: {run: [sh, -c, "exit 3"]}
  blocked: {run: ["true"], needs: [breaks]}
  too: {run: ["true"], needs: [blocked]}
"""
WATCHER = """
import pytest

class Watcher:
    def __init__(self):
        self.told = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.told.append(("protocol", item.nodeid))

    def pytest_runtest_logstart(self, nodeid, location):
        self.told.append(("logstart", nodeid))

    def pytest_runtest_logreport(self, report):
        self.told.append((report.when, report.nodeid))

    def pytest_runtest_logfinish(self, nodeid, location):
        self.told.append(("logfinish", nodeid))

    def pytest_unconfigure(self):
        with open("told.txt", "w") as file:
            file.writelines(f"{what} {nodeid}\\n" for what, nodeid in self.told)

def pytest_configure(config):
    config.pluginmanager.register(Watcher(), "watcher")
"""


def refined(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(judge=JUDGE, mend=MEND)
    plan(pytester, REFINED)


def told(pytester: pytest.Pytester) -> list[tuple[str, str]]:
    lines = (pytester.path / "told.txt").read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def test_plugins_see_each_item_once_inside_its_protocol(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makepyfile(test_ordinary="def test_it(): pass")
    pytester.makeconftest(WATCHER)

    run(pytester).assert_outcomes(passed=5)
    seen = told(pytester)
    whole = ["protocol", "logstart", "setup", "call", "teardown", "logfinish"]
    order = [nodeid for what, nodeid in seen if what == "protocol"]

    assert [what for what, _ in seen] == whole * 5
    assert len(set(order)) == 5
    assert order[0] == "test_ordinary.py::test_it"
    chain = [f"a.plan.yaml::track_a::{i}" for i in ("one", "two", "three")]
    assert [i for i in order if i in chain] == chain


def test_an_item_is_reported_once_also_where_another_plugin_takes_its_protocol(pytester: pytest.Pytester):
    plan(pytester, CHAIN)
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            return True
        """
    )

    run(pytester).assert_outcomes(passed=4)


def test_reports_of_a_folder_go_to_its_conftests_only(pytester: pytest.Pytester):
    pytester.makefile(".ini", pytest="[pytest]\n")
    for name in ("plans", "tests"):
        folder = pytester.mkdir(name)
        (folder / "conftest.py").write_text(
            "def pytest_runtest_logreport(report):\n"
            f"    open({str(pytester.path / (name + '.seen'))!r}, 'a').write(report.nodeid + '\\n')\n"
        )
    plan(pytester, "tasks: {t: {run: ['true']}}", "plans/a")

    run(pytester, "plans", "tests").assert_outcomes(passed=1)
    assert (pytester.path / "plans.seen").read_text().splitlines() == ["plans/a.plan.yaml::tasks::t"] * 3
    assert not (pytester.path / "tests.seen").exists()


def test_a_refined_item_is_reported_once_and_its_iterations_are_lines(pytester: pytest.Pytester):
    refined(pytester)
    pytester.makeconftest(WATCHER)

    result = run(pytester)

    result.assert_outcomes(passed=3)
    assert sum(what == "call" for what, _ in told(pytester)) == 3
    refine = [line for line in result.outlines if line.startswith("REFINE ")]
    assert [line.partition("  ")[0] for line in refine] == ["REFINE G-WRITE 0.50 < 0.90, iteration 2"]


@pytest.mark.parametrize(
    "words", [[], ["-v"], ["-vv"], ["-s"], ["--no-header"], ["-p", "no:cacheprovider"], ["-rA"]]
)
def test_lines_of_ours_are_lines_of_their_own(pytester: pytest.Pytester, words: list[str]):
    refined(pytester)
    pytester.makepyfile(test_ordinary="def test_it(): pass")

    result = run(pytester, *words, "test_ordinary.py", "a.plan.yaml")

    result.assert_outcomes(passed=4)
    found = result.outlines
    (at,) = [n for n, line in enumerate(found) if "REFINE G-WRITE" in line]
    assert found[at].startswith("REFINE G-WRITE 0.50 < 0.90, iteration 2")
    assert found[at].removesuffix("]").rstrip("0123456789%[ ") == "REFINE G-WRITE 0.50 < 0.90, iteration"
    assert found[at - 1]
    assert found[at + 1].startswith("a.plan.yaml")


@pytest.mark.parametrize(
    "words", [["-q"], ["-qq"], ["--tb=no"], ["--tb=line"], ["--tb=short"], ["-p", "no:terminal"]]
)
def test_every_kind_of_output_ends_well(pytester: pytest.Pytester, words: list[str]):
    refined(pytester)
    plan(pytester, FAILING, "b")

    result = run(pytester, *words)

    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (run_folder(pytester) / "report.html").exists()
    if words[0] != "-p":
        assert result.outlines[0].startswith(("...Fss", "....", "=")), "the dots are whole"


def test_quiet_output_is_dots_summary_and_report(pytester: pytest.Pytester):
    refined(pytester)

    result = run(pytester, "-q")

    result.stdout.fnmatch_lines(
        [
            "... *[[]100%[]]",
            "*= plan a: passed =*",
            "5 acts in *s; one after another: *s",
            "G-WRITE passed 0.50 → 0.95 (threshold 0.90)",
            "report: */report.html",
            "3 passed in *s",
        ],
        consecutive=True,
    )


def test_a_failing_task_shows_its_reason_and_where_its_logs_are(pytester: pytest.Pytester):
    plan(pytester, FAILING)

    result = run(pytester, "-rfs")

    result.assert_outcomes(failed=1, skipped=2)
    logs = run_folder(pytester).parent / run_folder(pytester).name / "acts" / "breaks.i1.a1"
    result.stdout.fnmatch_lines(
        ["*_ breaks _*", "exit 3", f"logs: {logs}", "*plan a: failed*"], consecutive=True
    )
    result.stdout.fnmatch_lines(["FAILED a.plan.yaml::tasks::breaks - exit 3"])
    assert logs.is_dir()


def test_blocked_items_are_skipped_with_the_cause_at_the_root(pytester: pytest.Pytester):
    plan(pytester, FAILING)

    result = run(pytester, "-v")

    result.stdout.fnmatch_lines(
        [
            "a.plan.yaml::tasks::breaks FAILED*",
            "a.plan.yaml::tasks::blocked SKIPPED (breaks failed)*",
            "a.plan.yaml::tasks::too SKIPPED (breaks failed)*",
        ]
    )


def test_a_failed_gate_shows_scores_and_findings(pytester: pytest.Pytester):
    pytester.makepyfile(
        judge=JUDGE,
        mend="import pathlib, os; pathlib.Path('doc.txt').write_text(os.environ['ORCH_ITERATION'])",
    )
    plan(pytester, REFINED.replace("critics: [judge]}", "critics: [judge], max_iterations: 2}"))

    result = run(pytester)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ G-WRITE _*",
            "*0.50 < 0.90*",
            "scores: 0.50 → 0.50 (threshold 0.90)",
            "  major: doc.txt:1: not good → say good",
            "logs: */acts/G-WRITE.i2.judge.a1",
        ]
    )


def test_a_judge_that_does_not_work_is_an_error_not_a_failure(pytester: pytest.Pytester):
    pytester.makepyfile(judge="raise SystemExit(1)", mend=MEND)
    plan(pytester, REFINED)

    result = run(pytester)

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*_ ERROR at setup of G-WRITE _*"])


def test_durations_are_those_of_the_acts(pytester: pytest.Pytester):
    plan(pytester, "tasks: {slow: {run: [sleep, '0.3']}, quick: {run: ['true'], needs: [slow]}}")

    result = run(pytester, "--durations=1", "--durations-min=0.2", "--junitxml=out.xml")

    result.stdout.re_match_lines([r"0\.[3-9]\ds call +a\.plan\.yaml::tasks::slow"])
    times = {c.get("name"): float(c.get("time", "0")) for c in ET.parse("out.xml").getroot().iter("testcase")}
    assert times["slow"] >= 0.3


def test_junit_has_one_case_per_item_with_properties(pytester: pytest.Pytester):
    refined(pytester)
    plan(pytester, FAILING, "b")
    pytester.makepyfile(test_ordinary="def test_it(): pass")

    run(pytester, "--junitxml=out.xml", "a.plan.yaml", "b.plan.yaml", "test_ordinary.py")
    found = cases(pytester.path / "out.xml")
    suite = ET.parse("out.xml").getroot().find("testsuite")

    assert suite is not None
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7",
        "failures": "1",
        "errors": "0",
        "skipped": "2",
    }
    assert {name.rpartition(".")[2]: outcome for name, (outcome, _) in found.items()} == {
        "test_it": "passed",
        "write": "passed",
        "G-WRITE": "passed",
        "before": "passed",
        "breaks": "failure",
        "blocked": "skipped",
        "too": "skipped",
    }
    gate = next(c for c in suite if c.get("name") == "G-WRITE")
    properties = {p.get("name"): p.get("value") for p in gate.iter("property")}
    wanted = {"state": "passed", "iterations": "2", "score": "0.95", "threshold": "0.90"}
    assert {name: properties[name] for name in wanted} == wanted


def test_both_kinds_are_counted_and_ordinary_tests_come_first(pytester: pytest.Pytester):
    plan(pytester, GATED)
    pytester.makepyfile(
        test_ordinary="def test_it():\n    import os; assert not os.path.exists('c.ran')\ndef test_bad(): assert 0"
    )

    result = run(pytester, "-v", "a.plan.yaml", "test_ordinary.py")

    result.assert_outcomes(passed=5, failed=1)
    lines = [line for line in result.outlines if "PASSED" in line or "FAILED" in line]
    assert lines[0].startswith("test_ordinary.py::test_it PASSED")
    assert lines[1].startswith("test_ordinary.py::test_bad FAILED")


def test_the_summary_ends_with_the_report(pytester: pytest.Pytester):
    plan(pytester, GATED)

    result = run(pytester, "-v")

    report = run_folder(pytester) / "report.html"
    result.stdout.fnmatch_lines([f"a: run directory {report.parent}"])
    result.stdout.fnmatch_lines(
        ["*= plan a: passed =*", "4 acts in *", f"report: {report}", "*= 4 passed in *"], consecutive=True
    )


def test_a_time_limit_of_pytest_timeout_does_not_end_a_plan(pytester: pytest.Pytester):
    pytester.makefile(".ini", pytest="[pytest]\ntimeout = 1\n")
    plan(pytester, "tasks: {long: {run: [sleep, '1.4']}}")

    run(pytester).assert_outcomes(passed=1)
    run(
        pytester, "--timeout=1", "-o", "timeout_method=thread", "-o", "timeout_func_only=true"
    ).assert_outcomes(passed=1)


def test_a_time_limit_of_the_whole_session_is_obeyed(pytester: pytest.Pytester):
    plan(
        pytester,
        """
tasks:
  one: {run: [sleep, '0.5']}
  two: {run: ['true'], needs: [one]}
  three: {run: ['true'], needs: [two]}
""",
    )
    result = run(pytester, "--session-timeout=0.2")

    result.assert_outcomes(passed=2)  # good news is told while the next act runs already
    result.stdout.fnmatch_lines(["!*session-timeout: 0.2 sec exceeded*"])
