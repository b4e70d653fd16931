"""The page about CI holds: its commands work, its files are there, its tables are those of the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = (Path(__file__).parents[2] / "docs/ci.md").read_text()
GITHUB, GITLAB = (
    yaml.safe_load(t) for t in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
PLAN = """
orchharness: 1
tasks:
  write: {run: [sh, -c, "echo 1 > a.txt"], outputs: {a: a.txt}, gate: {id: G-1, checks: [{file: {path: a.txt}}]}}
  fails: {run: ["false"], allow_failure: true}
  told: {run: [sh, -c, 'echo "{\\"usage\\": {\\"usd\\": 1, \\"input_tokens\\": 2}}" > $ORCH_RESULT']}
"""


def pytest_command(lines: list[str]) -> list[str]:
    (line,) = [line for line in lines if line.startswith("pytest ")]
    return [sys.executable, "-m", *shlex.split(line)]


def run(folder: Path, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    given = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "COV_", "GITHUB_"))
    }
    env = {**given, "XDG_STATE_HOME": str(folder / "state"), **more}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=28)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/a.plan.yaml").write_text(PLAN)
    (tmp_path / ".git").mkdir()
    return tmp_path


def there(project: Path, patterns: list[str]) -> bool:
    return all(any(project.glob(pattern)) for pattern in patterns)


def test_its_workflow_for_github_runs_and_leaves_what_it_uploads(project: Path):
    steps: list[dict[str, Any]] = GITHUB["jobs"]["plans"]["steps"]
    summary = project / "step.md"

    done = run(
        project,
        pytest_command([s["run"] for s in steps if "run" in s]),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(summary),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (upload,) = [s["with"]["path"] for s in steps if "upload" in s.get("uses", "")]
    assert there(project, upload.split())
    assert (
        "::warning file=plans/a.plan.yaml,line=5,title=fails failed%2C which the plan allows::" in done.stdout
    )
    assert summary.read_text().startswith("## ✅ plan a: passed")


def test_its_job_for_gitlab_runs_and_leaves_what_it_keeps(project: Path):
    job = GITLAB["plans"]

    done = run(project, pytest_command(job["script"]))

    assert done.returncode == 0, done.stdout + done.stderr
    assert there(project, [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]])


def test_it_describes_the_properties_that_there_are():
    described = set()
    for row in re.findall(r"^\| (`[a-z_`, ]+) \| .* \|$", PAGE, re.MULTILINE):
        described |= set(re.findall(r"`([a-z_]+)`", row))
    source = "".join(
        (Path(__file__).parents[2] / "orchharness/pytest_plugin" / name).read_text()
        for name in ("properties.py", "reports.py")
    )
    made = set(re.findall(r'\(\s*"([a-z_]+)", (?!"passed"|"failed"|"skipped")', source))

    assert made - {"state"} - described == set()
    assert described <= made | {"state"}


def test_it_names_the_variables_that_agents_do_not_get():
    from orchharness.agents.command import _JOB_FILES

    named = PAGE.partition("Agents do not get the variables")[2].partition(":")[0]

    assert set(re.findall(r"`(GITHUB_\w+)`", named)) == _JOB_FILES


def test_what_github_takes_is_what_the_code_keeps_to():
    from orchharness.report.annotations import SHOWN
    from orchharness.report.markdown import LIMIT

    assert ("GitHub shows ten errors and ten warnings a step" in PAGE, SHOWN) == (True, 10)
    assert "GitHub takes 1 MiB of a step" in PAGE
    assert LIMIT <= 1 << 20
