"""`orchharness import`: what is printed and written, whole; and that what was made cannot pass as it is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from orchharness.cli import main

SOURCE = """\
workflow: {id: tea, name: Tea time, status: ACTIVE}
phases:
  - id: 1
    name: Water
    tasks:
      - {id: boil, title: Boil water, effort_hours: 0.5, artifact: kettle.md, status: done}
  - id: 2
    name: Tea
    blocked_by: phase-1
    tasks:
      - {id: brew, title: Brew it, agent: cook, inputs: [kettle.md]}
    quality_gate: {id: QG-2, type: ps-critic, threshold: 0.9, criteria: {taste: 1}}
colour: green
"""
PLAN = """\
# Imported from tea.yaml. A plan holds no state: what was done there is not here.
orchharness: 1
plan: tea
title: Tea time

# Nobody does this work yet. Say here who does: a command, or {kind: …} with an agent's plugin.
# Until then every task of the agent fails with this message.
agents:
  author: {run: [python, -c, "raise SystemExit('not filled in yet: say under agents who author is')"]}
  cook: {run: [python, -c, "raise SystemExit('not filled in yet: say under agents who cook is')"]}

# Nobody judges yet. Say here who does: {run: …}, or {agent: …, prompt: …}.
# Until then the gates stay shut.
critics:
  ps-critic:
    run: [python, -c, "raise SystemExit('not filled in yet: say under critics who ps-critic is')"]
    criteria: {taste: 1}

phases:
  phase-1:
    title: Water
    tasks:
      boil:
        title: Boil water
        agent: author
        prompt: |
          Boil water
        outputs: {kettle: kettle.md}
        estimate: 30m
  phase-2:
    title: Tea
    gate: {id: QG-2, critics: [ps-critic], threshold: 0.9}
    tasks:
      brew:
        title: Brew it
        agent: cook
        prompt: |
          Brew it
        inputs: {kettle: boil.kettle}
"""
LIST = """\
carried over:
  read as an orchestration file: 2 tasks, 1 gate, 1 dependency
renamed:
  numbers are no ids: phase-N is what was N (lines 3, 7)
not carried over:
  'status': a plan holds no state and no record (lines 1, 6)
  'colour' (line 13)
for you to do:
  say in 'agents' who does the work: author, cook
  say in 'critics' who judges: ps-critic
  1 of 2 tasks are marked as done: the plan does them all the same, take out what need not be (line 6)
  1 of 2 tasks name no file that they write: say in 'outputs' what proves their work (line 11)
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea.yaml").write_text(SOURCE)

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = main(["import", *words])
        except SystemExit as exit_:
            status = int(exit_.code)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_the_plan_is_printed_and_the_list_goes_to_standard_error(call):
    status, out, err = call("tea.yaml")

    assert (status, out, err) == (0, PLAN, LIST)


def test_with_o_the_plan_is_written_and_nothing_is_replaced_without_being_told(call, tmp_path):
    target = tmp_path / "tea.plan.yaml"
    first = call("tea.yaml", "-o", "tea.plan.yaml")
    target.write_text("mine")
    second = call("tea.yaml", "-o", "tea.plan.yaml")
    kept = target.read_text()
    third = call("tea.yaml", "-o", "tea.plan.yaml", "--overwrite")

    ending = "tea.plan.yaml is written: see what it will do with 'orchharness explain tea.plan.yaml'\n"
    assert first == (0, "", LIST + ending)
    assert second == (
        2,
        "",
        "orchharness: -o 'tea.plan.yaml' is there already: name another file, or add --overwrite to replace it\n",
    )
    assert (kept, third[0], target.read_text()) == ("mine", 0, PLAN)


def test_contradictions_are_listed_with_their_lines_and_nothing_is_written(call, tmp_path):
    (tmp_path / "tea.yaml").write_text("tasks:\n- {id: a, after: b}\n- {id: b, after: [a, lost]}\n")
    status, out, err = call("tea.yaml", "-o", "tea.plan.yaml")

    assert (status, out) == (1, "")
    assert err == (
        "tea.yaml contradicts itself:\n"
        "  tea.yaml:2: cycle: task 'a' → task 'b' → task 'a' (each waits for the one before it) (and line 3)\n"
        "  tea.yaml:3: task 'b' waits for 'lost', which is not in the file\n"
        "tea.yaml: no plan was made: take the contradictions out of it first\n"
        "with --leave-out-unknown, dependencies on what is not in the file are left out and listed\n"
    )
    assert not (tmp_path / "tea.plan.yaml").exists()


def test_what_cannot_be_read_is_shown_at_its_place(call, tmp_path):
    (tmp_path / "tea.yaml").write_text("tasks: [{id: a}\nnext: 1\n")
    status, out, err = call("tea.yaml")

    assert (status, out) == (1, "")
    assert err.startswith("tea.yaml:2:1: not YAML: ")
    assert err.endswith("    next: 1\n    ^\ntea.yaml: no plan was made\n")


@pytest.mark.parametrize("words", [("tea.yaml",), ("tea.yaml", "-o", "made.plan.yaml")])
def test_as_json_the_plan_and_the_list_are_one_object(call, tmp_path, words):
    status, out, err = call(*words, "--json")
    said = json.loads(out)

    assert (status, err) == (0, "")
    assert (said["read_as"], said["tasks"], said["gates"], said["errors"]) == ("orchestration", 2, 1, [])
    assert (said["plan"] or (tmp_path / said["written"]).read_text()) == PLAN
    assert {"about": "not carried over", "text": "'colour'", "lines": [13]} in said["notes"]


def test_as_json_what_stops_it_is_in_it_too(call, tmp_path):
    (tmp_path / "tea.yaml").write_text("a: 1\n")
    status, out, err = call("tea.yaml", "--json")
    said = json.loads(out)

    assert (status, err, said["plan"]) == (1, "", None)
    assert [(e["line"], e["column"]) for e in said["errors"]] == [(1, 1)]


def test_files_that_are_not_there_and_folders_are_wrong_use(call):
    assert call("none.yaml")[0] == 2
    assert call(".")[2] == "orchharness: '.' is a folder: name one file\n"


def test_what_was_made_is_a_plan_that_cannot_pass_before_it_is_filled_in(call, tmp_path):
    call("tea.yaml", "-o", "tea.plan.yaml")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--orch-dir=runs", "tea.plan.yaml"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=25)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "not filled in yet: say under agents who author is" in done.stdout
    assert "1 failed, 2 skipped" in done.stdout
