"""What the README says: its plans are run, its commands exist, its lists are those of the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from doc_stories import environment, lines_of

from orchharness.planfile import schema
from orchharness.planfile.shapes import Table
from orchharness.pytest_plugin import PAUSED_STATUS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FILES = dict(re.findall(r"^Save this as `([^`]+)`:\n\n```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line.partition("  #")[0].strip()
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
]


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def run(folder: Path, state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(state),
        capture_output=True,
        text=True,
        check=False,
        timeout=28,
    )


@pytest.fixture
def saved(tmp_path):
    """A folder with the files that the README asks to save."""
    folder = tmp_path / "demo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def test_it_begins_with_the_two_commands():
    assert [line.split("#")[0].strip() for line in README.splitlines()[1:3]] == ["make plans", "make test"]


def test_its_plan_prints_what_is_shown(saved, tmp_path):
    (shown,) = (text for language, text in BLOCKS if language == "console")
    command, *expected = shown.splitlines()
    words = [sys.executable, "-m", *shlex.split(command.removeprefix("$ "))]
    done = run(saved, tmp_path / "state", *words)
    state = tmp_path / "state"
    printed = [line.removeprefix("collecting ... ") for line in lines_of(done.stdout, state)]

    assert done.returncode == 0, done.stdout + done.stderr
    # The order of what runs side by side is nobody's promise.
    assert set(lines_of("\n".join(expected), state)) <= set(printed)
    assert (saved / "letter.txt").read_text().startswith("Hello from ")


def test_its_first_plan_has_15_lines_and_its_plugin_as_many():
    plugin = [line for line in FILES["conftest.py"].splitlines() if line]

    assert len(FILES["hello.plan.yaml"].splitlines()) == 15
    assert len(plugin) <= 15


def test_its_plugin_works_for_its_plan(saved, tmp_path):
    done = run(saved, tmp_path / "state", sys.executable, "-m", "pytest", "-v", "parrot.plan.yaml")

    assert "parrot.plan.yaml::tasks::greet PASSED" in done.stdout, done.stdout + done.stderr
    (answer,) = (tmp_path / "state").rglob("acts/greet.i1.a1/stdout.log")
    assert answer.read_text() == "Hello.\n"


def test_the_files_it_names_in_a_run_directory_are_there(saved, tmp_path):
    run(saved, tmp_path / "state", sys.executable, "-m", "pytest", "hello.plan.yaml")
    named = [shlex.split(command)[-1] for command in COMMANDS if ".orchharness/" in command]

    assert len(named) == 3
    for pattern in named:
        assert list(saved.glob(pattern)), pattern


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("pytest")])
def test_its_pytest_commands_find_items(command, tmp_path):
    words = shlex.split(command.replace("path/to/another/skill", "plans/feat_005/skill"))
    more = () if "--collect-only" in words else ("--collect-only",)
    done = run(ROOT, tmp_path, sys.executable, "-m", *words, *more, "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+(/\d+)? tests? collected|collected \d+ items?", done.stdout)


def test_its_make_commands_are_targets_of_the_makefile():
    wanted = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert wanted == ["plans", "test"]
    assert set(wanted) <= set(targets)


def test_its_options_exist(tmp_path):
    done = run(tmp_path, tmp_path, sys.executable, "-m", "pytest", "--help")
    named = set(re.findall(r"--orch-[a-z-]+", README))

    assert named == set(re.findall(r"--orch-[a-z-]+", done.stdout))


def test_its_exit_statuses_are_those_of_pytest_and_ours():
    rows = re.findall(r"^\| (\d) \|", section("Exit statuses"), re.MULTILINE)

    assert [int(row) for row in rows] == [*map(int, pytest.ExitCode), PAUSED_STATUS]


def test_a_paused_run_ends_with_the_status_it_names(tmp_path):
    (tmp_path / "ask.plan.yaml").write_text(
        "orchharness: 1\n"
        "tasks:\n"
        "  draft:\n"
        "    run: [sh, -c, 'echo x > d.md']\n"
        "    outputs: {d: d.md}\n"
        "    gate: {checks: [{file: {path: d.md, min_bytes: 9}}], max_iterations: 1, on_exhausted: ask}\n"
    )
    done = run(tmp_path, tmp_path / "state", sys.executable, "-m", "pytest", "ask.plan.yaml")

    assert "plan ask: paused" in done.stdout
    assert done.returncode == PAUSED_STATUS


def test_what_it_says_is_not_supported_is_what_is_refused():
    tables = [value for value in vars(schema).values() if isinstance(value, Table)]
    words = {word for table in tables for word in table.later}
    words |= {
        word for table in tables for shape in table.keys.values() for word in getattr(shape, "later", ())
    }
    named = set(re.findall(r"`(?:[\w.]+: |limits\.)?(\w+)`", section("Not supported yet")))

    assert words == named


@pytest.mark.timeout(60)
def test_every_page_holds(tmp_path):
    done = run(ROOT, tmp_path, sys.executable, "plans/self_check/documents.py")

    assert (done.returncode, done.stderr) == (0, "")


def test_the_plan_of_the_languages_page_is_green(tmp_path):
    (text,) = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "docs/language.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "guide.plan.yaml").write_text(text)
    done = run(tmp_path, tmp_path / "state", sys.executable, "-m", "pytest", "guide.plan.yaml")

    assert "REFINE G-guide 0.91 < 0.92, iteration 2" in done.stdout, done.stdout + done.stderr
    assert re.search(r"=+ 5 passed in ", done.stdout)
