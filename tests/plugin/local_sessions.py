"""What the tests of the mode without workers share: sessions in this process, and what they may look at."""

from __future__ import annotations

import jinja2  # noqa: F401 - stays, too: what is cached of it would be of another import
import pytest
from xdist_sessions import (
    LIMIT,
    cases,
    end_group,
    items,
    journal,
    lines_of,
    plan,
    run_folder,
    states,
    wait_for,
)

# pytester forgets what a run in this process imported: what is imported before stays.
import orchharness.critics.act
import orchharness.planfile.reading
import orchharness.pytest_plugin.loop
import orchharness.report
import orchharness.run.judgement
import orchharness.workspace.evidence
import orchharness.workspace.gate_inputs
import orchharness.workspace.staging
import orchharness.workspace.templates  # noqa: F401

__all__ = [
    "CHAIN",
    "GATED",
    "LIMIT",
    "cases",
    "end_group",
    "items",
    "journal",
    "lines_of",
    "nothing_ran",
    "plan",
    "run",
    "run_folder",
    "states",
    "wait_for",
]

CHAIN = """
tracks:
  track_a:
    tasks:
      one: {run: [touch, one.ran], tags: [slow]}
      two: {run: [touch, two.ran], needs: [one]}
      three: {run: [touch, three.ran], needs: [two]}
  track_b:
    tasks:
      other: {run: [touch, other.ran]}
"""
GATED = """
tracks:
  track_a:
    tasks:
      EN-027:
        run: [sh, -c, "echo text > a.md"]
        outputs: {doc: a.md}
        gate: {id: G-027, checks: [{file: {path: a.md, contains: text}}]}
      EN-028: {run: [touch, b.ran], needs: [EN-027]}
  track_b:
    tasks:
      TASK-422: {run: [touch, c.ran]}
"""


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """One pytest session in this process, without what other installed plugins would add to it."""
    return pytester.runpytest_inprocess("-p", "no:hypothesispytest", *args)


def nothing_ran(pytester: pytest.Pytester) -> bool:
    return not (pytester.path / ".orchharness").exists() and not list(pytester.path.glob("*.ran"))
