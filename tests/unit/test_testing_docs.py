"""The page about testing plans says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchharness.testing import Played, Session, run_plan
from orchharness.testing.options import _BARE, AgentAction, CriticAction

PAGE = (Path(__file__).parents[2] / "docs/testing.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[:2])
ROWS = re.findall(r"^\| (`.*?) \|(.*)\|$", PAGE, re.MULTILINE)


def test_its_plan_does_what_its_test_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = tmp_path / "plans"
    project.mkdir()
    (project / "conftest.py").write_text(BLOCKS["python"])
    (project / "guide.plan.yaml").write_text(BLOCKS["yaml"])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shown = re.findall(r"^    (assert .*)$", PAGE, re.MULTILINE)

    played = run_plan(project / "guide.plan.yaml", tmp_path, "-p", "no:hypothesispytest", timeout=25)

    assert len(shown) == 4
    for line in shown:
        exec(line, {"played": played})
    assert [start["attempt"] for start in played.starts("index")] == [1, 2]


def test_it_describes_every_action_and_no_other():
    described = {name for cell, _ in ROWS for name in re.findall(r"`(\w+)(?:: [^`]*)?`", cell)}

    actions = set(AgentAction.model_fields) | set(CriticAction.model_fields)
    assert actions <= described
    members = {n for cls in (Played, Session) for n in dir(cls)} | set(Played.__dataclass_fields__)
    assert described - actions <= {n for n in members if not n.startswith("_")} | {"starts", "journal"}


def test_it_says_which_actions_are_written_in_one_word():
    alone = {re.findall(r"`(\w+)", cell)[0] for cell, rest in ROWS if rest.strip().split("|")[-1].strip()}

    assert {name for name in alone if name in _BARE} == set(_BARE)
