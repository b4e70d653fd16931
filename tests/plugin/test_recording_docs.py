"""The page about recordings, and the recorded plan of this project, do what they say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from local_sessions import run
from recording_sessions import MODEL, calls
from xdist_sessions import items

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/recording.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^pytest (\S+) (--\S+) ", BLOCKS["sh"], re.MULTILINE)
SCRIPT = """
agents:
  author:
    kind: model
    script:
      - {do: [{write: {text: "a guide\\n"}}]}
  reader:
    kind: model
    script:
      - {do: {say: '{"criteria": {"clarity": {"score": 1.0}}, "findings": []}'}}
"""


@pytest.fixture
def recorded(pytester: pytest.Pytester) -> Path:
    """The page's plan, with a scripted model in the place of claude, recorded as the page says."""
    pytester.makeconftest(MODEL)
    plan = pytester.path / "plans/guide.plan.yaml"
    (plan.parent / "sample").mkdir(parents=True)
    text, changed = re.subn(r"^agents: .*\n", SCRIPT, BLOCKS["yaml"], flags=re.MULTILINE)
    assert changed == 1
    plan.write_text(text)
    (name, option), _ = COMMANDS
    run(pytester, name, option).assert_outcomes(passed=2)
    assert calls(pytester) == ["guide.i1.a1", "G-guide.i1.editor.a1.agent"]
    return plan


def test_its_commands_record_and_replay(pytester: pytest.Pytester, recorded: Path):
    _, (name, option) = COMMANDS

    run(pytester, name, option).assert_outcomes(passed=2)
    assert calls(pytester) == []
    result = run(pytester, "plans/")  # `replay: true` says the same

    result.assert_outcomes(passed=2)
    assert calls(pytester) == []
    said = re.findall(r"`(plan guide:.*?)`", " ".join(PAGE.split()))
    result.stdout.fnmatch_lines([f"*= {said[0]} =*"])


def test_its_miss_is_what_is_shown(pytester: pytest.Pytester, recorded: Path):
    recorded.write_text(recorded.read_text().replace("Write it.", "Write it well."))

    result = run(pytester, "plans/")

    shown = re.findall(r"^```\n(guide\.i1 is asked.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0].splitlines()
    literal = [line for line in shown if not line.startswith(("---", "@@"))]
    result.stdout.fnmatch_lines([re.sub(r"([\[?*])", r"[\1]", line) for line in literal])
    assert calls(pytester) == []


def test_its_files_are_those_of_a_recording(recorded: Path):
    named = re.findall(r"^recordings/guide/(\S*\w) ", PAGE, re.MULTILINE)

    assert len(named) == 3
    assert all((recorded.parent / "recordings/guide" / name).exists() for name in named)


def test_the_recorded_plan_replays_elsewhere_without_a_client(pytester: pytest.Pytester, monkeypatch):
    pytest.importorskip("orchharness_claude")
    there = pytester.path / "plans"
    there.mkdir()
    shutil.copy(ROOT / "plans/recorded-guide.plan.yaml", there)
    for name in ("recorded", "recordings"):
        shutil.copytree(ROOT / "plans" / name, there / name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert shutil.which("claude") is None

    result = run(pytester, "plans/recorded-guide.plan.yaml")

    result.assert_outcomes(passed=3)
    assert items(pytester, "recorded-guide")["G-guide"]["score"] == 0.975
    result.stdout.fnmatch_lines(
        ["*plan recorded-guide: passed, replayed from recordings/recorded-guide, no agent ran*"]
    )
