"""The pages say what is there, and their plans run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import orchharness_acp
import pytest
from orchharness_acp import speaking, turn
from orchharness_acp.installing import how_to_install
from orchharness_acp.permissions import rules_of

from orchharness.testing import run_plan

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
PAGE = (HERE.parents[2] / "docs/acp.md").read_text()
PLANS = {
    name: re.search(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    for name, text in {"README": README, "page": PAGE}.items()
}


@pytest.fixture
def programs(tmp_path):
    """A folder with programs of the real agents' names, which do as they are told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    judged = {"criteria": {"clear": {"score": 0.9, "why": "short"}}, "findings": []}
    (folder / "script.json").write_text(
        json.dumps({"prompt": [{"outputs": "text"}, {"say": json.dumps(judged)}]})
    )
    for name in ("claude-agent-acp", "opencode", "gemini", "codex-acp-linux-x64"):
        program = folder / name
        program.write_text(
            f"#!/bin/sh\nexec {sys.executable} {HERE / 'fake_acp_agent.py'} {folder / 'script.json'}\n"
        )
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(("name", "passed"), [("README", 4), ("page", 2)])
def test_the_plan_of_each_page_runs(name, passed, tmp_path, programs, monkeypatch):
    plan = tmp_path / "plans" / "a.plan.yaml"
    plan.parent.mkdir()
    plan.write_text(PLANS[name])
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    played = run_plan(plan, tmp_path, timeout=28)

    assert played.outcomes == {"passed": passed}, played.text


def test_every_option_is_described_and_no_other():
    described = set(
        re.findall(r"^\| `(\w+)` \| [^|]* \|", README.split("## Options")[1].split("##")[0], re.MULTILINE)
    )

    assert described == set(orchharness_acp._options().model_fields)


def test_the_times_are_those_of_the_code():
    limit = orchharness_acp._options().model_fields["call_timeout"].default
    text = " ".join(PAGE.split())

    assert f"| `call_timeout` | {limit:g} |" in README
    assert f"did not answer 'session/new' within {limit:g} s" in text
    assert ("until half a second is quiet" in text, turn._QUIET) == (True, 0.5)
    assert ("the agent gets a second to end by itself" in text, speaking._LEAVING) == (True, 1.0)


def test_the_defaults_of_permissions_are_the_described_ones():
    rows = re.findall(r"^\| (`.*`) \| `(\w+)` \|$", README.split("## Permissions")[1], re.MULTILINE)
    described = {kind: rule for kinds, rule in rows for kind in re.findall(r"`(\w+)`", kinds)}

    assert described == rules_of({})


def test_how_to_install_an_agent_is_the_same_everywhere():
    rows = re.findall(r"^\| \w+ \| `(npm install .*?)` \| `([\w-]+)", README, re.MULTILINE)

    assert len(rows) == 5
    for how, program in rows:
        assert how_to_install(program) == f"; install it with: {how}"


def test_only_the_supervisor_loads_what_is_slow_to_load():
    words = (
        "import sys, orchharness_acp, orchharness_acp.job, orchharness_acp.ending, orchharness_acp.preflight;"
    )
    words += "print([n for n in ('acp', 'asyncio', 'pydantic', 'subprocess') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
