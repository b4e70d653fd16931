"""What is recorded is replayed: the same run, and no model is called."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from local_sessions import run
from recording_sessions import GUIDE, bytes_of, calls, forge, project, recording, write_plan
from xdist_sessions import items, run_folder, session, state

SMALL = """orchharness: 1
workspace: {copy: src}
agents: {author: {kind: model, script: [{do: [write: {text: "a draft\\n"}]}]}}
tasks: {guide: {agent: author, prompt: Write it., outputs: {text: guide.md}}}
"""
SHOWN = "replayed from recordings/a, no agent ran"


@pytest.fixture
def recorded(pytester: pytest.Pytester) -> Path:
    """A plan that was recorded in this session's process."""
    path = project(pytester)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)
    assert len(calls(pytester)) == 4
    return path


def test_a_recorded_plan_is_replayed_without_its_model(pytester: pytest.Pytester, recorded: Path):
    (pytester.path / "looked").unlink()

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=3)
    assert calls(pytester) == []
    assert not (pytester.path / "looked").exists()  # nor is it looked at before
    found = items(pytester)
    assert (found["guide"]["iteration"], found["G-guide"]["score"]) == (2, 0.95)
    result.stdout.fnmatch_lines(
        [
            f"a: {SHOWN}*",
            "REFINE G-guide 0.50 < 0.90, iteration 2*",
            f"*= plan a: passed, {SHOWN} =*",
            f"{SHOWN}: 4 acts replayed*; 3 acts that are no model's were carried out",
        ]
    )


def test_a_replay_says_so_wherever_its_outcome_is_read(pytester: pytest.Pytester, recorded: Path):
    run(pytester, recorded.name, "--orch-replay", "--junitxml=junit.xml").assert_outcomes(passed=3)

    assert state(pytester)["note"] == SHOWN
    assert f'<p class="ribbon">{SHOWN}</p>' in (run_folder(pytester) / "report.html").read_text()
    cases = list(ET.parse(pytester.path / "junit.xml").iter("testcase"))
    assert len(cases) == 3
    assert all(case.find(f".//property[@name='replayed'][@value='{SHOWN}']") is not None for case in cases)


def test_with_workers_the_recording_is_the_same(pytester: pytest.Pytester):
    path = project(pytester, SMALL)  # so that two sessions fit into the time
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)
    before = bytes_of(recording(pytester))

    result = session(pytester, "-p", "no:hypothesispytest", path.name, "--orch-record", "-n2")

    result.assert_outcomes(passed=1)
    assert len(calls(pytester)) == 2
    assert bytes_of(recording(pytester)) == before


def test_workers_replay_as_well(pytester: pytest.Pytester, recorded: Path):
    result = session(pytester, "-p", "no:hypothesispytest", recorded.name, "--orch-replay", "-n2")

    result.assert_outcomes(passed=3)
    assert calls(pytester) == []
    assert items(pytester)["guide"]["iteration"] == 2
    result.stdout.fnmatch_lines([f"*= plan a: passed, {SHOWN} =*"])


def test_a_recording_replays_in_another_place(pytester: pytest.Pytester, recorded: Path, monkeypatch):
    there = pytester.path / "elsewhere/longer/name"
    shutil.copytree(pytester.path, there, ignore=shutil.ignore_patterns("elsewhere", ".orchharness"))
    monkeypatch.chdir(there)
    monkeypatch.setenv("HOME", "/nobody")

    result = run(pytester, str(there / recorded.name), "--orch-replay", f"--rootdir={there}")

    result.assert_outcomes(passed=3)
    assert not (there / "called").exists()
    stored = b"".join(bytes_of(recording(pytester)).values())
    assert str(pytester.path).encode() not in stored
    assert b"Write <workspace>/docs/guide.md with <act>/inputs/n/facts.txt." in stored


def test_what_is_asked_otherwise_is_an_error_that_shows_the_difference(
    pytester: pytest.Pytester, recorded: Path
):
    write_plan(pytester, GUIDE.replace("Is it clear?", "Is it really clear?"))

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=2, errors=1)
    assert calls(pytester) == []
    result.stdout.fnmatch_lines(
        [
            "*G-guide.i1.editor is asked something else than was recorded, so no agent was asked",
            "--- */recordings/a/G-guide.i1.editor.json",
            "+++ asked now",
            "-  Is it clear?",
            "+  Is it really clear?",
            "to record again, which runs the agents: pytest a.plan.yaml --orch-record",
        ]
    )


def test_other_inputs_are_a_miss(pytester: pytest.Pytester, recorded: Path):
    write_plan(pytester, GUIDE.replace("echo 42", "echo 43"))

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=1, failed=1, skipped=1)
    assert calls(pytester) == []
    result.stdout.fnmatch_lines(["-inputs.n?1?.sha256: *", "+inputs.n?1?.sha256: *"])


def test_an_act_that_was_not_recorded_fails_and_calls_nobody(pytester: pytest.Pytester, recorded: Path):
    (recording(pytester) / "guide.i2.json").unlink()

    result = run(pytester, recorded.name, "--orch-replay")

    assert result.ret == 1
    assert calls(pytester) == []
    result.stdout.fnmatch_lines(["*nothing is recorded of guide.i2 in *recordings/a, so no agent was asked"])


def test_an_evaluation_of_other_bytes_is_a_miss(pytester: pytest.Pytester, recorded: Path):
    from hashlib import sha256

    written = b"a forged draft\n"
    (recording(pytester) / "guide.i1/docs/guide.md").write_bytes(written)
    forge(
        recording(pytester) / "guide.i1.json",
        lambda value: value["files"][0].update(sha256=sha256(written).hexdigest()),
    )

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*G-guide.i1.editor is asked something else*", "-artifacts.guide.text?1?.sha256*"]
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../../x", "it names the path '../../x': *"),
        ("/etc/x", "it names the path '/etc/x': *"),
        (
            "conftest.py",
            "it would write 'conftest.py', which is no output of the task and not in its 'writes'",
        ),
    ],
)
def test_a_recording_writes_nothing_that_the_task_may_not(
    pytester: pytest.Pytester, recorded: Path, path: str, why: str
):
    forge(recording(pytester) / "guide.i1.json", lambda value: value["files"][0].update(path=path))
    before = bytes_of(recording(pytester))

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines([f"*the recording is damaged: *guide.i1.json: {why}; record again: *"])
    assert bytes_of(recording(pytester)) == before
    assert not (run_folder(pytester) / "workspace/docs/guide.md").exists()


def test_a_file_of_a_recording_is_not_read_from_elsewhere(pytester: pytest.Pytester, recorded: Path):
    (pytester.path / "secret").write_text("a first draft\n")
    forge(recording(pytester) / "guide.i1.json", lambda v: v["files"][0].update(file="../../secret"))

    result = run(pytester, recorded.name, "--orch-replay")

    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*the recording is damaged: *'../../secret'*"])


def test_a_plan_without_its_recording_is_refused(pytester: pytest.Pytester):
    path = project(pytester)

    result = run(pytester, path.name, "--orch-replay")

    result.assert_outcomes(errors=1, skipped=2)
    assert calls(pytester) == []
    result.stdout.fnmatch_lines(
        [
            "*there is no recording: */recordings/a/recording.json does not exist; to make it: pytest a.plan.yaml *"
        ]
    )


def test_a_plan_without_models_needs_no_recording(pytester: pytest.Pytester):
    path = project(pytester, "orchharness: 1\ntasks: {one: {run: [touch, one.ran]}}\n")

    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=1)

    assert (pytester.path / "one.ran").exists()
    assert not recording(pytester).exists()
