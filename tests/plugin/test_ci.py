"""What a CI system sees of a session: JUnit with properties, annotations, a summary; and no commands of agents."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from local_sessions import plan, run, run_folder
from xdist_sessions import session

from orchharness.cli import main

EVIL = "\n::add-mask::secret\n  ::stop-commands::t\n##[set-env name=A]b \x1b[31m|`<b>\x00\u2028::debug::x"
GOOD = {"criteria": {"quality": {"score": 0.95, "why": "x"}}}
BAD = {
    "criteria": {"quality": {"score": 0.5, "why": "x"}},
    "findings": [{"severity": "major", "where": EVIL, "what": "not good" + EVIL, "fix": EVIL}],
}
PLAN = """
critics: {judge: {run: [sh, -c, 'grep -q 2 $ORCH_INPUT_DOC && cat $ORCH_PLAN_DIR/good.json || cat $ORCH_PLAN_DIR/bad.json'], criteria: {quality: 1}}}
tracks:
  docs:
    tasks:
      write:
        run: [sh, -c, "echo $ORCH_ITERATION > doc.txt"]
        outputs: {doc: doc.txt}
        gate: {id: G-GOOD, critics: [judge]}
      stale:
        run: [sh, -c, "echo same > old.txt"]
        outputs: {doc: old.txt}
        gate: {id: G-BAD, critics: [judge], max_iterations: 1}
  code:
    tasks:
      breaks: {run: [sh, -c, "printf '::add-mask::x\\\\n ::set-output name=a::b\\\\n##[group]y' >&2; exit 3"]}
      blocked: {run: ["true"], needs: [breaks]}
      may: {run: ["false"], allow_failure: true}
"""
COMMAND = re.compile(r"\s*::[a-z]|.*##\w*\[")
# Of the elements that the usual schema of JUnit files knows: the attributes they may have, and what may be in them.
SHAPE = {
    "testsuites": ({"name"}, {"testsuite"}),
    "testsuite": (
        {"name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname"},
        {"properties", "testcase"},
    ),
    "testcase": (
        {"classname", "name", "time"},
        {"properties", "failure", "error", "skipped", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
}
MODES = pytest.mark.parametrize("mode", [(), ("-n2",)], ids=["local", "xdist"])


@pytest.fixture
def step(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a step of GitHub Actions; the file of its summary."""
    path = pytester.path / "step.md"
    path.touch()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A repository with a plan in which something fails in every way."""
    (pytester.path / ".git").mkdir()
    (pytester.path / "good.json").write_text(json.dumps(GOOD))
    (pytester.path / "bad.json").write_text(json.dumps(BAD))
    plan(pytester, PLAN)
    return pytester


def commands(result: pytest.RunResult) -> list[str]:
    """What a runner takes for commands in the log."""
    return [row for row in result.outlines if COMMAND.match(row)]


def titles(result: pytest.RunResult) -> list[str]:
    return [row.partition("title=")[2].partition("::")[0] for row in commands(result)]


def properties(case: ET.Element) -> dict[str | None, str | None]:
    return {p.get("name"): p.get("value") for p in case.iter("property")}


# ---- when a session ends before its time ---------------------------------------------------------


@MODES
def test_an_interrupted_session_is_told(project: pytest.Pytester, step: Path, mode: tuple[str, ...]):
    plan(
        project,
        "tasks:\n  quick: {run: ['true']}\n  long: {run: [sleep, '60']}\n  then: {run: ['true'], needs: [long]}\n",
    )
    project.makeconftest(
        """
        import os, signal, threading
        def pytest_runtest_logreport(report):
            if "quick" in report.nodeid and report.when == "teardown":
                threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        """
    )

    result = session(project, *mode)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "plan a%3A interrupted" in titles(result)
    text = step.read_text()
    assert "plan a: interrupted" in text
    assert "was running and was ended: long" in text
    assert "1 passed" in text


@MODES
def test_a_plan_that_is_wrong_is_told_at_its_lines(
    project: pytest.Pytester, step: Path, mode: tuple[str, ...]
):
    plan(project, "tasks: {t: {run: ['true']}}", "fine")
    plan(project, "tasks:\n  t: {rnu: ['true']}\n  u: {run: ['true'], needs: [nobody]}\n", "wrong")

    result = session(project, *mode, "fine.plan.yaml", "wrong.plan.yaml")

    errors = [row for row in commands(result) if row.startswith("::error ")]
    assert [row.partition("::error ")[2].partition(",title")[0] for row in errors] == [
        "file=wrong.plan.yaml,line=3",
        "file=wrong.plan.yaml,line=4",
    ]
    text = step.read_text()
    assert "## ❌ plan wrong.plan.yaml: not run\n\n* wrong.plan.yaml:3:" in text
    assert "## ❌ plan fine.plan.yaml: not run\n\n* nothing of it was run in this session" in text


@MODES
def test_a_run_that_waits_for_a_person_is_told(project: pytest.Pytester, step: Path, mode: tuple[str, ...]):
    plan(
        project,
        'tasks: {t: {run: ["true"]}}\ngates: {G-SHIP: {of: [t], kind: human, question: "Ship ::it?"}}\n',
    )

    result = session(project, *mode)

    assert result.ret == 7
    assert commands(result) == [
        "::warning file=a.plan.yaml,line=3,title=G-SHIP waits for a person::Ship ::it?"
    ]
    assert "## ⏸️ plan a: paused" in step.read_text()
    assert "| G-SHIP | Ship ::it? |" in step.read_text()


def test_a_budget_that_stops_the_run_is_told(project: pytest.Pytester, step: Path):
    chain = "tasks: {one: {run: ['true']}, two: {run: ['true'], needs: [one]}}"
    plan(project, f"limits: {{budget: {{spawns: 1}}}}\n{chain}\n")

    result = run(project)

    assert result.ret == 7
    assert commands(result) == [
        "::warning file=a.plan.yaml,title=plan a%3A paused::budget of the run reached: 1 of 1 spawns"
    ]
    assert "* budget of the run reached: 1 of 1 spawns" in step.read_text()


def test_a_verdict_that_is_taken_back_is_told(project: pytest.Pytester, step: Path):
    (project.path / "check.sh").write_text("exit 0")
    plan(
        project,
        "tasks:\n"
        "  a: {run: [sh, -c, 'echo x > d.md'], outputs: {d: d.md}, gate: {id: G, checks: [{run: [sh, check.sh]}]}}\n"
        "  later: {needs: [a], run: [sh, -c, 'echo exit 1 > check.sh']}\n",
    )

    result = run(project)

    (found,) = commands(result)
    head = "::error file=a.plan.yaml,line=3,title=G error::gate inputs changed after G was decided: "
    assert found.startswith(head)
    assert found.endswith("/check.sh")
    assert "\n* gate inputs changed after G was decided: " in step.read_text()
    assert "| G | ❌ error |" in step.read_text()


def test_a_run_that_cannot_be_started_is_told(project: pytest.Pytester, step: Path):
    plan(project, "tasks: {t: {run: ['true']}}\n")
    run(project)
    step.write_text("")

    result = run(project, "--orch-resume=1999")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert titles(result) == ["a.plan.yaml cannot be started"]
    assert "## ❌ plan a.plan.yaml: not run\n\n* plan 'a' has no run '1999'" in step.read_text()


# ---- JUnit ---------------------------------------------------------------------------------------


def test_junit_says_what_every_item_took_and_came_to(project: pytest.Pytester):
    run(project, "--junitxml=out.xml")
    says_what_every_item_came_to(ET.parse(project.path / "out.xml").getroot())


def says_what_every_item_came_to(root: ET.Element) -> None:
    found = {case.get("name"): properties(case) for case in root.iter("testcase")}

    assert len(found) == 7
    seconds = {name: float(p.pop("seconds", None) or -1) for name, p in found.items()}
    assert [name for name, took in seconds.items() if took < 0] == ["blocked"]
    reason = found["breaks"].pop("reason") or ""
    assert reason.startswith("exit 3")
    assert found["breaks"] == {
        "state": "failed",
        "iterations": "1",
        "attempts": "1",
        "acts": "1",
        "agent": "command",
    }
    assert found["blocked"] == {"state": "skipped", "agent": "command", "reason": "breaks failed"}
    assert found["may"]["allowed"] == "true"
    assert found["write"] | {"acts": "2", "iterations": "2"} == found["write"]
    good = {
        "state": "passed",
        "iterations": "2",
        "score": "0.95",
        "threshold": "0.90",
        "verdict": "0.95 ≥ 0.90",
    }
    assert found["G-GOOD"] | good == found["G-GOOD"]
    assert found["G-BAD"]["verdict"] == "0.50 < 0.90"


def test_junit_of_hostile_texts_has_the_usual_shape(project: pytest.Pytester):
    run(project, "--junitxml=out.xml")

    for element in ET.parse(project.path / "out.xml").getroot().iter():
        attributes, inside = SHAPE[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= inside


def test_junit_says_what_an_agent_told_of_money_and_nothing_where_it_told_none(pytester: pytest.Pytester):
    usage = json.dumps({"usage": {"usd": 0.25, "input_tokens": 1000, "output_tokens": 24}})
    (pytester.path / "usage.json").write_text(usage)
    plan(pytester, "tasks: {dear: {run: [sh, -c, 'cat usage.json > $ORCH_RESULT']}, quiet: {run: ['true']}}")

    run(pytester, "--junitxml=out.xml")
    found = {c.get("name"): properties(c) for c in ET.parse(pytester.path / "out.xml").iter("testcase")}

    assert {n: found["dear"][n] for n in ("usd", "tokens")} == {"usd": "0.25", "tokens": "1024"}
    assert {"usd", "tokens"}.isdisjoint(found["quiet"])


# ---- annotations ---------------------------------------------------------------------------------


def test_failures_are_annotated_at_their_lines_gates_first(project: pytest.Pytester, step: Path):
    says_where_it_failed(commands(run(project)))


def says_where_it_failed(found: list[str]) -> None:
    assert [row.partition("::")[2].partition("::")[0] for row in found] == [
        "error file=a.plan.yaml,line=14,title=G-BAD failed",
        "error file=a.plan.yaml,line=17,title=breaks failed",
        "warning file=a.plan.yaml,line=19,title=may failed%2C which the plan allows",
    ]
    assert "not good%0A: :add-mask::secret" in found[0]


def test_with_workers_it_is_all_the_same(project: pytest.Pytester, step: Path):
    result = session(project, "-n2", "--junitxml=out.xml")

    says_where_it_failed(commands(result))
    says_what_every_item_came_to(ET.parse(project.path / "out.xml").getroot())
    assert step.read_text().startswith("## ❌ plan a: failed\n\n7 items: ")


@pytest.mark.parametrize("words", [(), ("-rA", "-vv"), ("-q", "--tb=short"), ("--tb=line", "-rs")])
def test_no_text_of_an_agent_is_a_command_in_the_log(project: pytest.Pytester, words: tuple[str, ...]):
    result = run(project, *words)

    assert "add-mask" in result.stdout.str() or "--tb=line" in words
    assert commands(result) == []


def test_a_plan_below_the_repository_is_named_from_its_root(
    project: pytest.Pytester, step: Path, monkeypatch
):
    below = project.mkdir("sub")
    (below / "pytest.ini").write_text("[pytest]\n")
    (below / "b.plan.yaml").write_text("orchharness: 1\ntasks:\n  t: {run: ['false']}\n")
    monkeypatch.chdir(below)

    result = run(project, "b.plan.yaml")

    assert commands(result)[0].startswith("::error file=sub/b.plan.yaml,line=3,title=t failed::exit 1")


def test_a_fault_is_found_from_a_folder_below_the_root(project: pytest.Pytester, step: Path, monkeypatch):
    (project.path / "pytest.ini").write_text("[pytest]\n")
    below = project.mkdir("sub")
    (below / "b.plan.yaml").write_text("orchharness: 1\ntasks:\n  t: {rnu: x}\n")
    monkeypatch.chdir(below)

    result = run(project, "b.plan.yaml")

    assert commands(result)[0].startswith(
        "::error file=sub/b.plan.yaml,line=3,title=b.plan.yaml is wrong::unknown key"
    )


def test_a_warning_of_the_plan_is_one_at_its_line(project: pytest.Pytester, step: Path):
    (project.path / "x").write_text("there before")
    plan(project, "tasks:\n  a:\n    run: ['true']\n    outputs: {x: {path: x, must: exist}}\n")

    found = commands(run(project))

    assert len(found) == 1
    assert found[0].startswith(
        "::warning file=a.plan.yaml,line=5,title=plan a::output 'x': 'x' is there already"
    )
    assert "### Warnings\n\n* a.plan.yaml:5:" in step.read_text()


def test_a_waiver_is_a_warning_with_who_and_why(project: pytest.Pytester, step: Path, capsys):
    plan(
        project,
        "tasks:\n"
        "  a:\n"
        "    run: [sh, -c, 'echo x > d.md']\n"
        "    outputs: {d: d.md}\n"
        "    gate: {id: G, checks: [{file: {path: d.md, min_bytes: 9}}], max_iterations: 1, on_exhausted: ask,\n"
        "      options: [{id: accept, then: pass}]}\n",
    )
    run(project)
    said = main(
        ["decide", "--root", str(project.path), "latest", "G", "accept", "--by", "Ann", "--note", "::fine"]
    )
    capsys.readouterr()
    step.write_text("")

    result = run(project, "--orch-resume", "--junitxml=out.xml")
    (case,) = [c for c in ET.parse(project.path / "out.xml").iter("testcase") if c.get("name") == "G"]

    assert (said, result.ret) == (0, 0)
    (found,) = commands(result)
    assert found.startswith("::warning file=a.plan.yaml,line=6,title=G waived::accept by Ann on 20")
    assert found.endswith(" UTC: ::fine")
    assert "| G | 🟡 waived | accept | Ann | 20" in step.read_text()
    waiver = {"state": "waived", "decision": "accept", "decided_by": "Ann", "reason": "::fine"}
    assert properties(case) | waiver == properties(case)


def test_outside_of_github_there_are_no_annotations(project: pytest.Pytester):
    result = run(project)

    assert "plan a: failed" in result.stdout.str()
    assert commands(result) == []


def test_ordinary_tests_are_not_annotated(project: pytest.Pytester, step: Path):
    project.makepyfile(test_it="def test_it(): assert 0")

    result = run(project, "test_it.py")

    result.assert_outcomes(failed=1)
    assert commands(result) == []
    assert step.read_text() == ""


# ---- the summary ---------------------------------------------------------------------------------


def test_the_summary_is_written_where_it_is_asked_for(project: pytest.Pytester):
    (project.path / "s.md").write_text("old")

    run(project, "--orch-summary=s.md")
    text = (project.path / "s.md").read_text()

    assert text.startswith("## ❌ plan a: failed\n\n7 items: ")
    assert f"Run {run_folder(project).name}." in text
    assert "| G-GOOD | ✅ passed | 0.50 → 0.95 | 0.90 | 2 |" in text
    assert "    section docs\n" in text
    assert not [row for row in text.splitlines() if COMMAND.match(row)]


def test_a_step_keeps_what_it_said_before(project: pytest.Pytester, step: Path):
    step.write_text("# before\n")

    run(project, "--orch-summary=step.md")
    assert step.read_text().startswith("## ❌ plan a"), "named by the option, it is written anew"

    step.write_text("# before\n")
    run(project)
    assert step.read_text().startswith("# before\n\n## ❌ plan a")


def test_a_step_whose_summary_is_full_is_not_made_too_long(project: pytest.Pytester, step: Path):
    step.write_text("x" * 999_500)

    run(project)

    assert 999_500 < len(step.read_bytes()) <= 1_000_000
    assert "*Cut off here" in step.read_text()


def test_a_summary_without_plans_says_so(project: pytest.Pytester):
    project.makepyfile(test_it="def test_it(): pass")

    run(project, "test_it.py", "--orch-summary=s.md").assert_outcomes(passed=1)
    assert (project.path / "s.md").read_text() == "No plans were run.\n"


def test_what_only_collects_or_explains_writes_nothing(project: pytest.Pytester, step: Path):
    run(project, "--collect-only", "--orch-summary=s.md")
    run(project, "--orch-explain")

    assert not (project.path / "s.md").exists()
    assert step.read_text() == ""


@pytest.mark.parametrize("name", ["", ".", "nowhere/s.md"])
def test_a_summary_that_cannot_be_written_is_refused_before_anything_runs(
    project: pytest.Pytester, name: str
):
    result = run(project, f"--orch-summary={name}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*--orch-summary {name!r}: name a file in a folder that exists, like summary.md"]
    )


def test_a_summary_that_cannot_be_written_at_the_end_is_said(project: pytest.Pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/s.md")
    plan(project, "tasks: {t: {run: ['true']}}")

    result = run(project)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["warning: the summary could not be written: *"])


def test_a_session_without_a_terminal_is_told_as_well(project: pytest.Pytester, step: Path):
    result = session(project, "-p", "no:terminal")

    assert len(commands(result)) == 3
    assert "plan a: failed" in step.read_text()


# ---- agents --------------------------------------------------------------------------------------


def test_an_agent_gets_no_file_that_acts_on_the_job(project: pytest.Pytester, step: Path, monkeypatch):
    monkeypatch.setenv("GITHUB_ENV", "/job/env")
    plan(
        project,
        "tasks:\n"
        "  given: {run: [sh, -c, 'env > given.txt'], env: {GITHUB_ENV: '${GITHUB_ENV}'}}\n"
        "  plain: {run: [sh, -c, 'env > plain.txt']}\n",
    )

    run(project).assert_outcomes(passed=2)
    plain, given = ((project.path / f"{name}.txt").read_text() for name in ("plain", "given"))

    assert "GITHUB_ACTIONS=true" in plain
    assert "GITHUB_ENV=" not in plain
    assert "GITHUB_STEP_SUMMARY=" not in plain
    assert "GITHUB_ENV=/job/env" in given


def test_a_session_inside_of_an_act_tells_the_ci_system_nothing(
    project: pytest.Pytester, step: Path, monkeypatch
):
    monkeypatch.setenv("ORCH_ACT_0123456789abcdef", "1")

    result = run(project)

    assert "plan a: failed" in result.stdout.str()
    assert commands(result) == []
    assert step.read_text() == ""
