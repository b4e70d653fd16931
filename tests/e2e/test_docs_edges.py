"""What the pages on secrets, on the look ahead and on the limits of an act say is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchharness.redact import _SHAPES, SHORTEST
from orchharness.run.flight import OUTPUT_LIMIT
from orchharness.run.scrub import LIMIT

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_example_of_the_page_on_secrets_prints_what_it_says(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown,) = blocks("secrets.md", "console")
    command, *printed = shown.splitlines()
    name, _, value = command.split()[1].partition("=")
    monkeypatch.setenv(name, value)
    (text,) = blocks("secrets.md", "yaml")
    play.plan(text.removeprefix("orchharness: 1\n"))

    play.run()

    play.outcomes(failed=1)
    for line in printed:
        play.says(line)
    holding = [p for p in play.state.rglob("*") if p.is_file() and value.encode() in p.read_bytes()]
    assert holding == []


def test_the_example_of_the_look_ahead_prints_what_it_says(pytester: pytest.Pytester, tmp_path: Path) -> None:
    (conftest,) = blocks("plugins.md", "python")
    (text,) = blocks("plugins.md", "yaml")
    (shown,) = blocks("plugins.md", "console")
    pytester.makeconftest(conftest)
    (pytester.path / "a.plan.yaml").write_text(text)

    result = pytester.runpytest_subprocess(f"--orch-dir={tmp_path}/runs", timeout=28)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([shown.splitlines()[1]])


def test_the_bounds_and_the_shapes_of_keys_on_the_page_on_secrets_are_those_of_the_code() -> None:
    text = (DOCS / "secrets.md").read_text()
    (shapes,) = re.findall(r"^\* \*\*What looks like a key\*\*: (.*?)^\n", text, re.MULTILINE | re.DOTALL)
    begins = re.findall(r"`([\w-]+)…`", shapes)

    assert f"fewer than {SHORTEST} characters" in text
    assert f"more than {LIMIT >> 20} MiB" in text
    assert len(begins) > 5
    assert all(any(one.startswith(known) for known in _SHAPES) for one in begins)


def test_an_act_that_prints_too_much_is_ended_and_not_tried_again(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (limit,) = re.findall(r"more than (\d+) MiB of output", (DOCS / "language.md").read_text())
    assert int(limit) << 20 == OUTPUT_LIMIT
    monkeypatch.setattr("orchharness.run.runner.OUTPUT_LIMIT", 1000)
    play.plan("tasks: {much: {run: [seq, '1000'], retry: {attempts: 2}}}")

    play.run()

    play.says("printed more than 100 MiB: ended")
    assert len(play.journal("TaskStarted")) == 1


def test_files_that_a_command_writes_are_no_sign_of_life(play: Any) -> None:
    play.plan(
        "tasks: {quiet: {run: 'while :; do date >ticks; sleep 0.1; done', shell: true, idle_timeout: 1s}}"
    )

    play.run()

    play.says("no sign of life for 1 s")
