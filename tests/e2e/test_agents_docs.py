"""What the page about coding agents and the READMEs of their plugins say: plans are run or checked, options are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from orchharness import trouble_of
from orchharness.testing import run_plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/agents.md").read_text()
KINDS = ("claude", "codex", "pi")
READMES = {kind: (ROOT / f"plugins/orchharness-{kind}/README.md").read_text() for kind in KINDS}

CLAUDE = f"""#!{sys.executable} -IS
import json, sys
if "--version" in sys.argv:
    sys.exit(print("2.1.197 (Claude Code)"))
prompt = sys.stdin.read()
if prompt.startswith("Judge this guide"):
    score = {{"score": 0.9 if "better" in prompt else 0.5, "why": "as it is"}}
    said = json.dumps({{"criteria": {{"clarity": score, "accuracy": score}}, "findings": []}})
else:
    open("GUIDE.md", "w").write("a better guide" if "<findings>" in prompt else "a guide")
    said = "written"
session = next(word.partition("=")[2] for word in sys.argv if word.startswith(("--session-id=", "--resume=")))
print(json.dumps({{"type": "result", "subtype": "success", "is_error": False, "result": said, "session_id": session,
    "num_turns": 1, "stop_reason": "end_turn", "permission_denials": [], "total_cost_usd": 0.01, "modelUsage": {{}}}}))
"""
TALKER = f"""#!{sys.executable} -IS
import json, sys
if "--version" in sys.argv:
    sys.exit(print("1.0.0"))
print(json.dumps({{"done": sys.stdin.read().upper()}}))
"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def env(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("claude", CLAUDE), ("talker", TALKER)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "ANTHROPIC_API_KEY": "dummy",
    }


def play(plan, tmp_path, env):
    return run_plan(plan, tmp_path, "-p", "no:hypothesispytest", env=env, timeout=28)


def test_its_plan_is_written_judged_refined_and_passes(project, tmp_path, env):
    plan = project / "guide.plan.yaml"
    plan.write_text(blocks(PAGE, "yaml")[0])
    played = play(plan, tmp_path, env)

    assert played.outcomes == {"passed": 2}
    assert "REFINE G-guide 0.50 < 0.85, iteration 2" in played.text
    assert (project / "GUIDE.md").read_text() == "a better guide"


def test_its_plugin_is_a_whole_one(project, tmp_path, env):
    (project / "conftest.py").write_text(blocks(PAGE, "python")[0])
    plan = project / "talk.plan.yaml"
    plan.write_text(
        "orchharness: 1\nagents: {it: {kind: talker}}\n"
        "tasks: {shout: {agent: it, prompt: Hello., outputs: {said: {from: answer}}}}\n"
    )
    played = play(plan, tmp_path, env)

    assert played.outcomes == {"passed": 1}
    assert played.journal("TaskFinished")[0]["summary"] == "HELLO."


@pytest.mark.parametrize("outcome", ["limited", "refused", "exit"])
def test_the_statuses_in_its_table_come_to_the_outcomes_in_its_table(outcome):
    ((what, _),) = re.findall(rf"^\| ([^|]*) \| `({outcome})`[^|]* \|$", PAGE, re.MULTILINE)
    found = [trouble_of("", int(status)).trouble for status in re.findall(r"\b\d{3}\b", what)]
    found += [trouble_of(words).trouble for words in re.findall(r'"(.*?)"', what)]

    assert set(found) == {"" if outcome == "exit" else outcome}


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_of_a_readme_has_no_fault(kind, project, tmp_path):
    plan = project / "fix.plan.yaml"
    plan.write_text(blocks(READMES[kind], "yaml")[0])
    done = subprocess.run(
        [sys.executable, "-m", "orchharness", "check", str(plan)],
        cwd=project,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=28,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_readme_describes_every_option_as_the_schema_does_and_no_other(kind):
    fields = import_module(f"orchharness_{kind}.options").__dict__[kind.capitalize()].model_fields
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \| .* \|$", READMES[kind], re.MULTILINE))

    assert rows == {name: field.description for name, field in fields.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_versions_that_are_named_are_those_that_were_tried(kind):
    client = import_module(f"orchharness_{kind}").CLIENT

    assert client.install in READMES[kind]
    assert client.install in PAGE
    assert all(version in READMES[kind] and version in PAGE for version in client.known)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_imports_only_the_public_api(kind):
    folder = ROOT / f"plugins/orchharness-{kind}/orchharness_{kind}"
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))

    assert set(re.findall(r"^\s*from (orchharness\S*) import", text, re.MULTILINE)) <= {
        "orchharness",
        f"orchharness_{kind}",
        f"orchharness_{kind}.options",
        f"orchharness_{kind}.output",
    }
    assert "pydantic" not in (folder / "__init__.py").read_text().replace("imports pydantic", "")
