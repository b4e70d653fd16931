"""The outcome of a plan is the same without workers, with one, with two, and with more than there are tasks."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from xdist_sessions import cases, items, lines_of, plan, run_folder, session, state

JUDGE = """
import json, os, pathlib
good = "good" in pathlib.Path(os.environ["ORCH_INPUT_DOC"]).read_text()
print(json.dumps({"criteria": {"quality": {"score": 0.95 if good else 0.5, "why": "x"}},
    "findings": [] if good else [{"severity": "major", "what": "not good", "fix": "say good"}]}))
"""
MEND = """
import os, pathlib
pathlib.Path("doc.txt").write_text("good" if os.environ.get("ORCH_FINDINGS") else "bad")
"""
RICH = """
plan: rich
limits: {parallel: 4, resources: {db: 1}}
critics: {judge: {run: [python, judge.py], criteria: {quality: 1}}}
phases:
  first:
    mode: foreground
    tasks:
      setup:
        run: [sh, -c, "echo base > base.txt"]
        outputs: {base: base.txt}
        gate: {id: G-SETUP, checks: [{run: [test, -s, base.txt]}]}
  build:
    tracks:
      a:
        tasks:
          write: {run: [python, mend.py], inputs: {base: setup.base}, outputs: {doc: doc.txt}, gate: {id: G-WRITE, critics: [judge]}}
          polish: {needs: [write], run: [sh, -c, "cp doc.txt fine.txt"], outputs: {out: fine.txt}, resources: {db: 1}}
      b:
        tasks:
          flaky: {run: [sh, -c, 'test $ORCH_ATTEMPT -ge 3'], retry: {attempts: 3, backoff: 0.1s, on: [exit]}}
          reader: {needs: [flaky], inputs: {doc: write.doc}, run: [sh, -c, 'cat $ORCH_INPUT_DOC > r.txt'], outputs: {out: r.txt}, resources: {db: 1}}
      c:
        tasks:
          breaks: {run: [sh, -c, "echo no >&2; exit 4"]}
          blocked: {needs: [breaks], run: ["true"]}
          blocked-too: {needs: [blocked], run: ["true"]}
          cleanup: {needs: [blocked-too], trigger_rule: all_done, run: [sh, -c, "echo c > c.txt"], outputs: {out: c.txt}}
      d:
        tasks:
          low: {run: [sh, -c, "echo low > low.txt"], outputs: {doc: low.txt}, gate: {id: G-LOW, critics: [judge], max_iterations: 2}}
          after-low: {needs: [low], run: ["true"]}
          empty: {run: ["true"], outputs: {out: nothing.txt}}
cross_pollination:
  CP-1: {from: polish, to: cleanup, artifacts: [out]}
"""


BLOCKED, EMPTY = "breaks failed", "output 'out' (nothing.txt): does not exist"
NO_NEW_WORK = "no new work: 0.50 < 0.90"
# item: state, reason, iteration, score, what it left. The same in every mode.
EXPECTED = {
    "setup": ("passed", None, 1, None, {"base": "base\n"}),
    "G-SETUP": ("passed", "all checks hold", 1, None, {}),
    "write": ("passed", None, 2, None, {"doc": "good"}),
    "G-WRITE": ("passed", "0.95 ≥ 0.90", 2, 0.95, {}),
    "polish": ("passed", None, 1, None, {"out": "good"}),
    "flaky": ("passed", None, 1, None, {}),
    "reader": ("passed", None, 1, None, {"out": "good"}),
    "breaks": ("failed", "exit 4\nno", 1, None, {}),
    "blocked": ("skipped", BLOCKED, None, None, {}),
    "blocked-too": ("skipped", BLOCKED, None, None, {}),
    "cleanup": ("passed", None, 1, None, {"out": "c\n"}),
    "low": ("passed", "no new work", 2, None, {"doc": "low\n"}),
    "G-LOW": ("failed", NO_NEW_WORK, 2, 0.5, {}),
    "after-low": ("skipped", "G-LOW failed", None, None, {}),
    "empty": ("failed", EMPTY, 1, None, {}),
}
TRACKS = {
    "first": ("setup", "G-SETUP"),
    "a": ("write", "G-WRITE", "polish"),
    "b": ("flaky", "reader"),
    "c": ("breaks", "blocked", "blocked-too", "cleanup"),
    "d": ("low", "G-LOW", "after-low", "empty"),
}
TOLD = {"breaks": "exit 4", "G-LOW": NO_NEW_WORK, "empty": EMPTY}
TOLD |= {"blocked": BLOCKED, "blocked-too": BLOCKED, "after-low": "G-LOW failed"}
CASES = {"passed": "passed", "failed": "failure", "skipped": "skipped"}


def facts(found: dict[str, Any]) -> tuple[Any, ...]:
    outputs = {n: [o["sha256"] for o in left] for n, left in (found.get("outputs") or {}).items()}
    return (found["state"], found.get("reason"), found.get("iteration"), found.get("score"), outputs)


def expected(item: str) -> tuple[Any, ...]:
    *same, left = EXPECTED[item]
    return (*same, {name: [hashlib.sha256(text.encode()).hexdigest()] for name, text in left.items()})


@pytest.mark.parametrize("mode", ["-n0", "-n1", "-n2", "-nauto", "-n6"])
def test_a_rich_plan_comes_to_the_same_end_in_every_mode(pytester: pytest.Pytester, mode: str) -> None:
    plan(pytester, RICH, "rich")
    (pytester.path / "judge.py").write_text(JUDGE)
    (pytester.path / "mend.py").write_text(MEND)

    result = session(pytester, mode, "--junitxml=junit.xml")

    result.assert_outcomes(passed=9, failed=3, skipped=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert sum("REFINE G-WRITE 0.50 < 0.90, iteration 2" in line for line in result.outlines) == 1
    assert sum("RETRY flaky exit 1" in line for line in result.outlines) == 2
    assert "[100%]" in result.stdout.str()
    assert {item: facts(found) for item, found in items(pytester, "rich").items()} == {
        i: expected(i) for i in EXPECTED
    }
    assert state(pytester, "rich")["counts"] == {"failed": 3, "passed": 9, "skipped": 3}
    assert cases(pytester.path / "junit.xml") == {
        f"rich.plan.yaml.{track}.{item}": (CASES[EXPECTED[item][0]], TOLD.get(item, ""))
        for track, of in TRACKS.items()
        for item in of
    }


def test_auto_means_as_many_workers_as_the_plan_can_use(pytester: pytest.Pytester) -> None:
    plan(
        pytester,
        "limits: {parallel: 8}\n"
        "tasks: {a: {run: ['true']}, b: {run: ['true']}, c: {run: ['true']}, d: {run: ['true'], needs: [a, b, c]}}",
    )

    result = session(pytester, "-nauto")

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["3 workers [[]4 items[]]"])


def test_a_plan_may_run_fewer_acts_at_once_than_there_are_workers(pytester: pytest.Pytester) -> None:
    act = "[sh, -c, 'echo + >> log; sleep 0.05; echo - >> log']"
    plan(
        pytester,
        f"limits: {{parallel: 1}}\ntasks: {{a: {{run: {act}}}, b: {{run: {act}}}, c: {{run: {act}}}}}",
    )

    result = session(pytester, "-n3")

    result.assert_outcomes(passed=3)
    assert lines_of(pytester.path / "log") == ["+", "-"] * 3


def test_a_foreground_task_has_all_workers_to_itself(pytester: pytest.Pytester) -> None:
    act = "[sh, -c, 'echo +$ORCH_TASK >> log; sleep 0.1; echo -$ORCH_TASK >> log']"
    plan(
        pytester,
        f"""
phases:
  one: {{mode: foreground, tasks: {{alone: {{run: {act}}}, too: {{run: {act}}}}}}}
  two: {{tasks: {{a: {{run: {act}}}, b: {{run: {act}}}}}}}
""",
    )

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=4)
    log = lines_of(pytester.path / "log")
    assert log[:4] in (["+alone", "-alone", "+too", "-too"], ["+too", "-too", "+alone", "-alone"])


def test_a_plan_without_any_act_to_execute_ends_at_once(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: [echo, \"{{ 'x'.nothing.more }}\"]}, b: {run: ['true'], needs: [a]}}")

    result = session(pytester, "-n2")

    result.assert_outcomes(failed=1, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("mode", ["-n0", "-n1"])
def test_what_follows_from_an_act_that_could_not_be_prepared_needs_no_event(
    pytester: pytest.Pytester, mode: str
) -> None:
    plan(
        pytester,
        """
tasks:
  a: {run: [echo, "{{ 'x'.nothing.more }}"]}
  b: {run: [echo, "{{ 'x'.nothing.more }}"], needs: [a], trigger_rule: all_done}
  c: {run: ["true"], needs: [b], trigger_rule: all_done}
""",
    )

    result = session(pytester, mode)

    result.assert_outcomes(passed=1, failed=2)


def test_several_plans_run_side_by_side_in_copies_and_one_after_another_in_the_root(
    pytester: pytest.Pytester,
) -> None:
    log = pytester.path / "log"
    (pytester.path / "ws").mkdir()
    (pytester.path / "ws" / "file").write_text("x")
    act = f"[sh, -c, 'echo +$ORCH_PLAN >> {log}; sleep 0.3; echo -$ORCH_PLAN >> {log}']"
    meet = f"[sh, -c, 'touch {pytester.path}/$ORCH_PLAN.here; i=0; while [ ! -e {pytester.path}/OTHER.here ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done; [ -e {pytester.path}/OTHER.here ]']"
    plan(pytester, f"tasks: {{a: {{run: {act}}}}}", "root1")
    plan(pytester, f"tasks: {{a: {{run: {act}}}}}", "root2")
    plan(
        pytester, f"workspace: {{copy: ws}}\ntasks: {{a: {{run: {meet.replace('OTHER', 'copy2')}}}}}", "copy1"
    )
    plan(
        pytester, f"workspace: {{copy: ws}}\ntasks: {{a: {{run: {meet.replace('OTHER', 'copy1')}}}}}", "copy2"
    )

    result = session(pytester, "-n4")

    result.assert_outcomes(passed=4)
    assert lines_of(log) in (
        ["+root1", "-root1", "+root2", "-root2"],
        ["+root2", "-root2", "+root1", "-root1"],
    )


def test_a_paused_plan_ends_with_its_own_status(pytester: pytest.Pytester) -> None:
    plan(
        pytester,
        """
tasks:
  a: {run: [sh, -c, "echo x > x.txt"], outputs: {o: x.txt}, gate: {checks: [{run: ["false"]}], max_iterations: 1, on_exhausted: ask}}
  b: {run: ["true"], needs: [a]}
  c: {run: ["true"]}
""",
    )

    result = session(pytester, "-n2", "-rs")

    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * paused: *"])
    assert result.ret == 7


def test_a_run_that_cannot_be_started_is_an_error_and_ends(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: ['true']}, b: {run: ['true']}}", "one")
    plan(pytester, "tasks: {c: {run: ['true']}}", "two")
    (pytester.path / "file").write_text("not a folder")

    result = session(pytester, "-n2", "--orch-dir", "file/runs")

    result.assert_outcomes(errors=2, skipped=1)
    result.stdout.fnmatch_lines(["*--orch-dir FOLDER puts runs elsewhere*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_verbosity_options_work_as_ever(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: [echo, hello]}, b: {run: ['false'], needs: [a]}}")

    quiet = session(pytester, "-n1", "-q", "-s")
    loud = session(pytester, "-n1", "-v")

    quiet.stdout.fnmatch_lines([".F", "1 failed, 1 passed in *"])
    loud.stdout.fnmatch_lines(
        [
            f"a: run directory {run_folder(pytester)}",
            "a.plan.yaml::tasks::a PASSED*50%*",
            "a.plan.yaml::tasks::b FAILED*100%*",
        ]
    )


def test_a_retry_that_is_due_comes_while_all_workers_are_idle(pytester: pytest.Pytester) -> None:
    plan(
        pytester,
        "tasks: {a: {run: [sh, -c, 'test $ORCH_ATTEMPT -ge 2'], retry: {attempts: 2, backoff: 1s, on: [exit]}}}",
    )

    result = session(pytester, "-n1")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["RETRY a exit 1*attempt 1 of 2*"])
