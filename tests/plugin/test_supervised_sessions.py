"""Sessions whose plans are large enough for a supervisor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_sessions import plan, run, run_folder, states

# The first event waits until it is ready, so that every act of the plan meets it.
READY = """
import select
from orchharness import hookimpl
from orchharness.agents.supervised import SUPERVISION

@hookimpl
def orchharness_update(event, run):
    if type(event).__name__ == "RunStarted":
        assert select.select([SUPERVISION.channel], [], [], 20)[0]
"""
MANY = 25


def tasks(count: int, *, first: str = "[true]", more: str = "") -> str:
    rest = "".join(f"  t{n}: {{run: [touch, t{n}.ran], needs: [t{n - 1}]}}\n" for n in range(1, count))
    return f"tasks:\n  t0: {{run: {first}{more}}}\n{rest}"


def supervisors(pytester: pytest.Pytester) -> dict[str, int]:
    """Act -> the pid of the supervisor that started it, 0 for those that were started without one."""
    found = {}
    for path in (run_folder(pytester) / "acts").glob("*/handle.json"):
        found[path.parent.name] = json.loads(path.read_text())["data"].get("supervisor", 0)
    return found


def test_a_large_plan_has_one_supervisor_that_is_gone_with_the_session(pytester: pytest.Pytester):
    pytester.makeconftest(READY)
    plan(pytester, tasks(MANY))
    run(pytester).assert_outcomes(passed=MANY)
    found = supervisors(pytester)

    assert len(found) == MANY
    assert len(set(found.values())) == 1
    assert not Path("/proc", str(found["t0.i1.a1"])).exists()


def test_a_small_plan_has_none(pytester: pytest.Pytester):
    plan(pytester, tasks(2))
    run(pytester).assert_outcomes(passed=2)

    assert supervisors(pytester) == {"t0.i1.a1": 0, "t1.i1.a1": 0}


def test_a_session_whose_supervisor_is_killed_goes_on_without_it(pytester: pytest.Pytester):
    pytester.makeconftest(READY)
    kill = '[sh, -c, "test -e killed || { touch killed; kill -KILL $PPID; }"]'
    plan(pytester, tasks(MANY, first=kill, more=", retry: {attempts: 2, on: [lost]}"))
    run(pytester).assert_outcomes(passed=MANY)
    found = supervisors(pytester)

    assert found.pop("t0.i1.a1") != 0
    assert set(found.values()) == {0}
    assert set(states(pytester).values()) == {"passed"}
