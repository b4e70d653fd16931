"""The words of the command line: what they mean, and what is said when they mean nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest


def test_without_a_command_it_prints_its_help(project):
    status, out, err = project.call()

    assert status == 0
    assert all(name in out for name in ("runs", "status", "cancel", "logs", "clean"))
    assert err == ""


def test_it_says_its_version(project):
    status, out, _ = project.call("--version")

    assert (status, out) == (0, f"orchharness {version('orchharness')}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stats"], "invalid choice"),
        (["logs", "latest"], "TASK"),
        (["clean", "--older-than", "7"], "'7' is no time: write 30s, 15m, 12h or 7d"),
        (["clean", "--keep", "-1"], "-1"),
        (["status", "--root", "nowhere"], "--root 'nowhere': there is no such folder"),
        (["status", "--orch-dir", "nowhere"], "--orch-dir 'nowhere': there is no folder"),
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_wrong(project, words: list[str], said: str):
    status, out, err = project.call(*words)

    assert status == 2
    assert said in err
    assert out == ""


def test_a_run_that_does_not_exist_is_status_2_and_says_which_there_are(project):
    project.run("20260101-100000-aaaaaa")
    project.run("20260102-100000-bbbbbb", plan="b")
    status, _, err = project.call("status", "2025")

    assert status == 2
    assert "there is no run '2025'; there are: 20260102-100000-bbbbbb (b), 20260101-100000-aaaaaa (a)" in err


def test_the_beginning_of_an_id_is_enough_when_it_is_one_runs(project):
    project.run("20260101-100000-aaaaaa")
    project.run("20260102-100000-bbbbbb")
    clear, clear_text, _ = project.call("status", "20260101")
    unclear, _, err = project.call("status", "2026")

    assert clear == 0
    assert "run 20260101-100000-aaaaaa of plan a" in clear_text
    assert unclear == 2
    assert "more than one run begins with '2026'" in err


def test_looking_at_runs_imports_nothing_heavy(project):
    """What takes long: reading plans, templates, pytest itself."""
    project.run("20260101-100000-aaaaaa")
    code = (
        "import sys; from orchharness.cli import main; main(['runs']); main(['status']); "
        "print([m for m in ('yaml', 'pydantic', 'jinja2', 'pytest', '_pytest', 'rich', 'psutil', 'asyncio', 'subprocess',"
        " 'pluggy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"
    assert "20260101-100000-aaaaaa" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_traceback(project):
    for day in range(10, 28):
        project.run(f"202601{day}-100000-aaaaaa", plan="a")
    code = f"exec 2>&1; {sys.executable} -c 'from orchharness.cli import main; import sys; sys.exit(main([\"runs\"]))' | true"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=20, check=False)

    assert done.stdout == ""
