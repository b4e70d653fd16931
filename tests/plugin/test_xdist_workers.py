"""Workers that die: an act outlives them, is found by another, and is spawned once."""

from __future__ import annotations

import pytest
from xdist_sessions import deadly, items, journal, lines_of, plan, session, states


def test_an_act_whose_worker_dies_is_found_by_another_and_was_spawned_once(pytester: pytest.Pytester) -> None:
    plan(
        pytester,
        f"""
tasks:
  a: {{run: {deadly(pytester, "sleep 1; echo out > out.txt")}, outputs: {{o: out.txt}}}}
  b: {{run: ["true"], needs: [a]}}
""",
    )

    result = session(pytester, "-n1")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*replacing crashed worker gw0*"])
    assert result.ret == 0
    assert lines_of(pytester.path / "spawned") == ["spawned"]
    (finished,) = (r for r in journal(pytester) if r.get("act") == "a.i1.a1" and "seconds" in r)
    assert finished["seconds"] >= 1.0


def test_an_act_that_ended_while_nobody_watched_counts_as_it_ended(pytester: pytest.Pytester) -> None:
    plan(pytester, f"tasks: {{a: {{run: {deadly(pytester, 'exit 5')}}}, b: {{run: ['true']}}}}")

    result = session(pytester, "-n1")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED a.plan.yaml::tasks::a - exit 5"])
    assert lines_of(pytester.path / "spawned") == ["spawned"]


def test_the_limit_of_an_act_runs_from_its_spawn_whoever_watches_it(pytester: pytest.Pytester) -> None:
    plan(pytester, f"tasks: {{a: {{run: {deadly(pytester, 'sleep 60')}, timeout: 1s}}}}")

    result = session(pytester, "-n1")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED a.plan.yaml::tasks::a - timed out after 1 s*"])
    assert lines_of(pytester.path / "spawned") == ["spawned"]


def test_a_judgement_whose_worker_dies_is_found_by_another(pytester: pytest.Pytester) -> None:
    (pytester.path / "judge.py").write_text(
        """
import json, os, pathlib, time
with open(os.environ["LOG"], "a") as log: log.write("spawned\\n")
died = pathlib.Path(os.environ["LOG"] + ".died")
if not died.exists():
    died.touch()
    pid, worker = os.getpid(), 0
    while True:  # the worker is the first ancestor that reads its program from a pipe
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if b"sys.stdin.readline" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            break
    os.kill(pid, 9)
time.sleep(0.5)
print(json.dumps({"criteria": {"q": {"score": 1, "why": "x"}}, "findings": []}))
"""
    )
    log = pytester.path / "log"
    plan(
        pytester,
        f"""
critics: {{judge: {{run: [python, judge.py], criteria: {{q: 1}}, env: {{LOG: "{log}"}}}}}}
tasks: {{a: {{run: [sh, -c, "echo x > x.txt"], outputs: {{o: x.txt}}, gate: {{critics: [judge]}}}}}}
""",
    )

    result = session(pytester, "-n1")

    result.assert_outcomes(passed=2)
    assert lines_of(log) == ["spawned"]


def test_an_act_that_takes_two_workers_with_it_is_failed_and_ended(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where these tests run in workers themselves, the controller of the session below would take itself for one.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    (pytester.path / "conftest.py").write_text(
        """
import os
import orchharness

@orchharness.hookimpl
def orchharness_agent_kinds():
    return [orchharness.Kind(name="deadly")]

@orchharness.hookimpl
def orchharness_spawn(request):
    return orchharness.LocalProcess.spawn(request, ["sh", "-c", "echo spawned >> spawned; sleep 60"])

@orchharness.hookimpl
def orchharness_poll(handle):
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.kill(os.getpid(), 9)
    return orchharness.LocalProcess.poll(handle)

@orchharness.hookimpl
def orchharness_cancel(handle):
    return orchharness.LocalProcess.cancel(handle)
"""
    )
    plan(
        pytester,
        "agents: {d: {kind: deadly}}\ntasks: {a: {agent: d}, b: {run: ['true'], needs: [a]}, c: {run: ['true']}}",
    )

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["FAILED a.plan.yaml::tasks::a - 2 workers died while they executed it*"])
    assert lines_of(pytester.path / "spawned") == ["spawned"]
    assert states(pytester) == {"a": "failed", "b": "skipped", "c": "passed"}


def test_without_replacements_the_other_worker_goes_on_with_the_act(pytester: pytest.Pytester) -> None:
    plan(pytester, f"tasks: {{a: {{run: {deadly(pytester, 'sleep 1')}}}}}")

    result = session(pytester, "-n2", "--max-worker-restart=0")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*xdist: worker gw* crashed and worker restarting disabled*"])
    assert lines_of(pytester.path / "spawned") == ["spawned"]


def test_when_the_last_worker_is_gone_its_act_is_failed_and_the_session_is_no_success(
    pytester: pytest.Pytester,
) -> None:
    plan(
        pytester,
        f"tasks: {{a: {{run: {deadly(pytester, 'sleep 60')}}}, b: {{run: ['true'], needs: [a], trigger_rule: all_done}}}}",
    )

    result = session(pytester, "-n1", "--max-worker-restart=0")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the worker that executed it died, and there is no other to go on with it",
            "*Interrupted: not every item of the plans was decided (1 left): the workers were lost*",
        ]
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert items(pytester)["b"]["state"] in {"waiting", "ready"}


def test_a_worker_that_dies_over_an_ordinary_test_leaves_the_plan_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_o="""
import os, signal
def test_one(): pass
def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
def test_three(): pass
"""
    )
    plan(pytester, "tasks: {a: {run: ['true']}}")

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_o.py::test_dies*"])


def test_a_worker_that_dies_while_it_collects_is_replaced(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(
        """
import os, pathlib
def pytest_collection(session):
    died = pathlib.Path(__file__).with_name("died")
    if hasattr(session.config, "workerinput") and not died.exists():
        died.touch()
        os._exit(1)
"""
    )
    plan(pytester, "tasks: {a: {run: ['true']}}")

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_workers_that_never_collect_are_no_success(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(
        """
import os
def pytest_collection(session):
    if hasattr(session.config, "workerinput"):
        os._exit(1)
"""
    )
    plan(pytester, "tasks: {a: {run: ['true']}}")

    result = session(pytester, "-n1", "--max-worker-restart=1")

    result.assert_outcomes()
    result.stdout.fnmatch_lines(["*the workers were lost before they had collected; no plan was started*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_worker_that_dies_with_nothing_to_do_is_replaced_and_nothing_is_lost(
    pytester: pytest.Pytester,
) -> None:
    # Its own parked worker is killed from outside by the act of the other one.
    plan(
        pytester,
        r"""
tasks:
  a:
    run:
      - sh
      - -c
      - |
        mine=$(awk '{print $4}' /proc/$PPID/stat); controller=$(awk '{print $4}' /proc/$mine/stat)
        for p in $(cat /proc/$controller/task/*/children); do [ $p = $mine ] || kill -9 $p; done
        sleep 0.5
  b: {run: ["true"], needs: [a]}
  c: {run: ["true"], needs: [a]}
""",
    )

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*replacing crashed worker*"])


def test_a_replacement_gets_the_plan_as_it_was_read_first(pytester: pytest.Pytester) -> None:
    act = deadly(pytester, "sleep 0.5").replace("[sh, ", "[sh, edit.sh, ")
    (pytester.path / "edit.sh").write_text('echo "tasks: [" >> a.plan.yaml; exec sh $1')
    plan(pytester, f"tasks: {{a: {{run: {act}}}, b: {{run: ['true'], needs: [a]}}}}")

    result = session(pytester, "-n1")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*replacing crashed worker*"])


def test_a_replacement_that_collects_other_items_is_not_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_o="def test_one(): pass")
    deadly(pytester, "sleep 2")
    (pytester.path / "edit.sh").write_text(
        '{ echo; echo "def test_more(): pass"; } >> test_o.py; exec sh deadly.sh'
    )
    plan(
        pytester,
        """
limits: {parallel: 2}
tasks:
  a: {run: [sh, edit.sh]}
  b: {run: [sleep, "3"]}
""",
    )

    result = session(pytester, "-n2")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["worker gw2 collected 'test_o.py::test_more' where*; it is not used"])


def test_nothing_is_forked_beside_the_threads_that_listen_to_workers(pytester: pytest.Pytester) -> None:
    plan(pytester, "tasks: {a: {run: ['true']}}")
    pytester.makeconftest(
        """
import os

fork = os.fork

def told():
    with open("forked", "a") as file:
        print(len(os.listdir("/proc/self/task")), "thread", file=file)
    return fork()

os.fork = told
"""
    )

    session(pytester, "-n2").assert_outcomes(passed=1)

    assert lines_of(pytester.path / "forked") == ["1 thread"]
