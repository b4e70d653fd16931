"""A journal that ends in the middle of a record is repaired, one that is damaged elsewhere is refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chaos_facts import facts
from chaos_plans import plan_of
from chaos_project import LIMIT, LONG, Project

from orchharness.journal import Journal, read_journal

FORKS = Path(__file__).with_name("chaos_forks.py")
# `make chaos` resumes from every byte; each test run opens the journal at every byte and resumes from a few.
STEP, PARTS = (1, 36) if LONG else (41, 1)
# After these records of the plan the orchestrator was killed: an act is asked for, an act is over, the run is over.
TORN = {"TaskStarted": 2, "TaskFinished": 5, "RunFinished": 12}


def killed_after(project: Project, record: int) -> bytes:
    """The journal of a run that was killed after that record."""
    killed = project.run(CHAOS_KILL_AFTER=str(record))
    assert killed.status == -signal.SIGKILL, killed.text
    return project.journal.read_bytes()


def resumed_from(project: Project, sizes: list[int]) -> list[dict[str, Any]]:
    """What a resumed session comes to with the journal cut at each of the sizes."""
    given = {"folder": str(project.root.parent), "journal": str(project.journal), "sizes": sizes}
    done = subprocess.run(
        [sys.executable, str(FORKS)],
        input=json.dumps(given),
        env=project.environment({}),
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("event", list(TORN))
def test_at_every_byte_of_its_last_record_a_journal_opens_with_all_others(project, tmp_path, event: str):
    whole = killed_after(one := project(plan_of("chain")), TORN[event])
    *_, last = whole.splitlines(keepends=True)
    assert json.loads(last)["event"] == event
    before = read_journal(one.journal).records[:-1]
    copy = tmp_path / "journal.jsonl"
    for size in range(len(whole) - len(last) + 1, len(whole)):
        copy.write_bytes(whole[:size])

        journal, content = Journal.reopen(copy)
        journal.close()

        assert content.records == before
        assert f"journal.jsonl:{len(before) + 1}: the last record was cut off" in str(content.torn)
        assert copy.read_bytes() == whole[: -len(last)]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("event", list(TORN))
def test_a_run_resumed_from_a_torn_record_warns_and_comes_to_the_same_end(
    project, undisturbed, event: str, part: int
):
    one, wanted = project(plan_of("chain")), undisturbed("chain")
    whole = killed_after(one, TORN[event])
    *_, last = whole.splitlines(keepends=True)
    every = range(len(whole) - len(last) + 1, len(whole))
    sizes = sorted(
        {*every[part :: PARTS * STEP], every[-1 - part]}
    )  # the last ones lack a bracket or the newline

    found = resumed_from(one, sizes)

    assert [f["size"] for f in found] == sizes
    for end in found:
        assert end["status"] == 0, end["text"]
        assert "the last record was cut off" in end["text"]
        assert end["starts"] == dict(wanted.starts)
        assert end["states"] == wanted.states
        assert end["files"] == wanted.files


@pytest.mark.parametrize("line", [0, 1, 4, 8])
def test_a_journal_that_is_damaged_elsewhere_is_refused_with_the_place(project, line: int):
    one = project(plan_of("chain"))
    lines = killed_after(one, 10).splitlines(keepends=True)
    middle = len(lines[line]) // 2
    lines[line] = lines[line][:middle] + bytes([lines[line][middle] ^ 1]) + lines[line][middle + 1 :]
    one.journal.write_bytes(b"".join(lines))
    starts = one.started()

    refused = one.run("--orch-resume")

    assert refused.status == pytest.ExitCode.TESTS_FAILED
    assert f"journal.jsonl:{line + 1}: the journal is damaged here" in refused.text.replace("\n", "")
    assert one.journal.read_bytes() == b"".join(lines)
    assert one.started() == starts


@pytest.mark.parametrize("gone", [0, 3])
def test_a_journal_that_misses_a_record_is_refused_with_the_place(project, gone: int):
    one = project(plan_of("chain"))
    lines = killed_after(one, 10).splitlines(keepends=True)
    del lines[gone]
    one.journal.write_bytes(b"".join(lines))

    refused = one.run("--orch-resume")

    assert refused.status == pytest.ExitCode.TESTS_FAILED
    assert f"journal.jsonl:{gone + 1}: " in refused.text.replace("\n", "")
    assert one.journal.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("records", [10, 12])  # it was left unfinished; it had passed
def test_a_journal_that_was_emptied_is_refused_when_its_run_has_acts(project, records: int):
    one = project(plan_of("chain"))
    killed_after(one, records)
    one.journal.write_bytes(b"")
    starts = one.started()

    refused = one.run("--orch-resume")

    assert refused.status == pytest.ExitCode.TESTS_FAILED
    assert "journal.jsonl:1: the journal is damaged here" in refused.text.replace("\n", "")
    assert one.started() == starts


def test_a_run_that_was_killed_before_its_first_record_is_passed_over(project):
    one = project(plan_of("chain"))
    killed_after(one, 1)
    one.journal.write_bytes(one.journal.read_bytes()[:50])

    resumed = one.run("--orch-resume")

    assert resumed.status == 0, resumed.text


def test_a_run_whose_journal_is_damaged_does_not_stand_in_the_way_of_a_fresh_one(project, undisturbed):
    one = project(plan_of("chain"))
    whole = killed_after(one, 12)
    one.journal.write_bytes(whole.replace(b"TaskStarted", b"TaskStartee", 1))
    shutil.rmtree(one.log)
    one.log.mkdir()

    fresh = one.run()

    assert fresh.status == 0, fresh.text
    assert facts(one).states == undisturbed("chain").states
