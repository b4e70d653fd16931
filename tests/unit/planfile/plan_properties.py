"""What must hold whatever a plan file holds: for the tests beside it and for the fuzz target in tests/fuzz."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

from orchharness.core.acts import Kind
from orchharness.core.plan import Plan
from orchharness.errors import PlanError
from orchharness.planfile import read_plan
from orchharness.planfile.export import json_schema
from orchharness.planfile.nodes import to_python
from orchharness.planfile.problems import Problems
from orchharness.planfile.source import read_tree

ROOT = Path(__file__).parents[3]
FEAT = ROOT / "tests/data/plans/feat-005/feat-005.plan.yaml"
PLANS = [FEAT, *sorted((ROOT / "plans").rglob("*.plan.yaml"))]
BROKEN = sorted((ROOT / "tests/data/broken-plans").rglob("*.plan.yaml"))
KINDS = {"claude": Kind(name="claude", is_model=True)}
SECONDS = 5.0  # of the processor: a hundred times what a plan of this size takes, so that a slow machine is no fault


def read(data: bytes, path: Path = FEAT) -> Plan | PlanError:
    """The plan or the error; anything else is raised."""
    try:
        return read_plan(path, root=path.parent, cwd=path.parent, kinds=KINDS, critic_kinds={}, text=data)
    except PlanError as error:
        return error


def check(data: bytes, path: Path = FEAT) -> Plan | PlanError:
    """Read it, and raise AssertionError where one of the rules does not hold."""
    start = time.process_time()
    found = read(data, path)
    took = time.process_time() - start
    assert took < SECONDS, f"{took:.1f} s"
    if isinstance(found, PlanError):
        _check_error(found)
    elif len(data) < 20_000:
        assert shape_faults(data) == []
    return found


def shape_faults(data: bytes) -> list[str]:
    """What the JSON Schema has against a plan."""
    tree = to_python(read_tree(data.decode("utf-8-sig"), Problems("x")))
    return [f"{error.json_path}: {error.message}" for error in _schema().iter_errors(tree)]


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json_schema(KINDS, {}))


def _check_error(error: PlanError) -> None:
    assert error.problems
    assert list(error.problems) == sorted(error.problems, key=lambda p: (p.location, p.message))
    for problem in error.problems:
        place = problem.location
        assert place.line >= 1, problem
        assert place.column >= 1, problem
        assert problem.message.isprintable(), problem
        assert problem.source is None or (problem.source.isprintable() and problem.caret <= 300), problem
        assert len(problem.message) < 5_000, problem
    assert "Traceback" not in str(error)
