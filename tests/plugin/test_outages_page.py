"""The page about rate limits says what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchharness.agents.result import finished
from orchharness.core import outages
from orchharness.core.plan import OUTAGE
from orchharness.testing import run_plan

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_plan_passes_and_says_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = tmp_path / "plans"
    project.mkdir()
    (project / "conftest.py").write_text("from orchharness.testing import *\n")
    (project / "docs.plan.yaml").write_text(dict(BLOCKS)["yaml"])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    played = run_plan(project / "docs.plan.yaml", tmp_path, "-p", "no:hypothesispytest", timeout=25)

    assert played.outcomes == {"passed": 4}
    for line in dict(BLOCKS)["text"].splitlines():
        told = re.escape(line).replace("14:05:00", r"\d\d:\d\d:\d\d")
        assert len(re.findall(told, played.text)) == 1


@pytest.mark.parametrize("block", [text for kind, text in BLOCKS if kind == "json"])
def test_its_results_are_understood(tmp_path: Path, block: str):
    (tmp_path / "agent-result.json").write_text(block)
    said = json.loads(block)

    found = finished(str(tmp_path), 0)

    assert not found.ok
    assert (found.trouble, found.retry_after) == (said["status"], said.get("retry_after"))
    assert found.detail == said["summary"]


def test_its_times_are_those_of_the_code():
    text = " ".join(PAGE.split())

    assert f"at least {outages._SHORTEST:.0f} s and at most {outages._DAY / 3600:.0f} h" in text
    assert (
        f"Without one {outages._FIRST:.0f} s, doubled with every further pause up to {outages._LONGEST / 60:.0f} min"
        in text
    )
    assert f"limits: {{parallel: 2, outage: {OUTAGE / 3600:.0f}h}}" in text
    assert ("has run for a minute" in text, outages._TRIAL) == (True, 60.0)
