"""Bad input: nothing is lost, nobody hangs, and the message says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

TRUE = "tasks: {a: {run: 'true'}}\n"


def test_a_plan_that_is_not_there_is_pytests_own_error(play: Any) -> None:
    play.run("missing.plan.yaml")

    play.says("ERROR: file or directory not found: missing.plan.yaml")
    assert play.status == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "play.plan.yaml:1:1:"),
        (b"\x00\x01\x02\xff\xfe", "play.plan.yaml:1:"),
        (bytes(range(256)), "play.plan.yaml:"),
        (b"- a\n- b\n", "play.plan.yaml:1:1:"),
        (b"just a text\n", "play.plan.yaml:1:1:"),
        (b"orchharness: 1\ntasks: {a: {run: [" * 2000, "play.plan.yaml:"),
    ],
    ids=["empty", "binary", "all bytes", "list", "text", "brackets"],
)
def test_a_file_that_is_no_plan_is_an_error_with_its_place(play: Any, content: bytes, says: str) -> None:
    play.file("play.plan.yaml", content)

    play.run()

    play.outcomes(errors=1)
    play.says(says)
    assert "Traceback" not in play.text
    assert not list(play.state.rglob("journal.jsonl"))


def test_a_plan_that_is_a_folder_is_not_a_plan(play: Any) -> None:
    (play.root / "play.plan.yaml").mkdir()

    play.run()

    assert play.status == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("run: [no-such-program]", "command not found: 'no-such-program'"),
        ("run: [./not-there.sh]", "command not found: './not-there.sh'"),
        ("run: [./plain.txt]", "command is not executable: './plain.txt'"),
        ("run: [./folder]", "command is a directory: './folder'"),
        ("run: 'true', cwd: nowhere", "nowhere' does not exist"),
        ("run: 'true', cwd: plain.txt", "is no directory"),
        (
            "run: 'true', env: {A: '${NO_SUCH_VARIABLE_HERE}'}",
            "the environment has no 'NO_SUCH_VARIABLE_HERE'",
        ),
    ],
)
def test_what_cannot_be_started_fails_its_task_and_no_other(play: Any, task: str, says: str) -> None:
    play.file("plain.txt", "hello")
    (play.root / "folder").mkdir()
    play.plan(f"tasks:\n  bad: {{{task}}}\n  good: {{run: 'true'}}\n")

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says(says)
    assert "Traceback" not in play.text


def test_an_unreadable_input_file_is_said(play: Any) -> None:
    play.file("in.md", "x")
    play.plan(
        """
        tasks:
          gone: {run: [rm, in.md]}
          reader: {needs: [gone], inputs: {x: ./in.md}, run: [test, -e, '{{ inputs.x }}']}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1)


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ inputs.v.json.nothing.there }}",
        "{% for i in range(100000000) %}x{% endfor %}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
    ],
)
def test_a_prompt_that_cannot_be_rendered_fails_its_task(play: Any, prompt: str) -> None:
    play.file("s.json", "{}")
    play.file("prompt.md", prompt)
    play.plan(
        """
        agents: {a: {kind: command, run: [cat, '{{ plan_dir }}/prompt.md']}}
        tasks:
          v: {run: [sh, -c, 'echo "{}" > v.json'], outputs: {v: {path: v.json, schema: s.json}}}
          bad: {agent: a, inputs: {v: v.v}, prompt: {file: prompt.md}}
          good: {run: 'true'}
        """
    )

    play.run()

    play.outcomes(passed=2, failed=1)
    play.says("cannot render ")


def test_values_of_the_callers_environment_are_given_and_never_stored(play: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-v4lue")
    play.plan(
        """
        tasks:
          a: {run: [sh, -c, 'case "$TOKEN" in "Bearer s3"*"-v4lue") exit 0;; *) exit 1;; esac'], env: {TOKEN: 'Bearer ${MY_TOKEN}'}}
          b: {run: [sh, -c, 'echo "no: $TOKEN" >&2; exit 3'], env: {TOKEN: 'Bearer ${MY_TOKEN}'}}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("no: Bearer [redacted]")
    holding = [p for p in play.state.rglob("*") if p.is_file() and b"s3cr3t-v4lue" in p.read_bytes()]
    assert holding == []
    (log,) = play.state.rglob("acts/b.i1.a1/stderr.log")
    assert log.read_text() == "no: Bearer [redacted]\n"
    assert log.stat().st_mode & 0o077 == 0


def test_what_an_input_says_is_not_looked_up_in_the_callers_environment(play: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-v4lue")
    monkeypatch.setenv("MY_NAME", "ann")
    play.file("s.json", "{}")
    play.plan(
        """
        tasks:
          v: {run: [sh, -c, 'echo "{\\"a\\": \\"\\${MY_TOKEN}\\"}" > v.json'], outputs: {v: {path: v.json, schema: s.json}}}
          a: {inputs: {v: v.v}, run: [printenv, X], env: {X: '${MY_NAME} {{ inputs.v.json.a }}'}}
        """
    )

    play.run()

    play.outcomes(passed=2)
    assert (play.act("a.i1.a1") / "stdout.log").read_text() == "ann ${MY_TOKEN}\n"


def test_a_store_file_that_is_damaged_is_not_handed_over(play: Any) -> None:
    play.plan(
        """
        tasks:
          one: {run: [sh, -c, 'echo first > a.md'], outputs: {a: a.md}}
          vandal:
            needs: [one]
            run: [sh, -c, 'for f in $(find $(dirname $(dirname $ORCH_TASK_DIR))/store -type f); do chmod u+w $f; echo other > $f; done']
          reader: {needs: [vandal], inputs: {a: one.a}, run: [cat, '{{ inputs.a }}']}
        """
    )

    play.run()

    play.outcomes(passed=2, failed=1)
    play.says("the run's store is damaged")


def test_a_workspace_copy_leaves_out_what_leads_outside_and_says_so(play: Any, tmp_path: Path) -> None:
    import socket

    play.file("ws/a.md", "x")
    (play.root / "ws/out").symlink_to(tmp_path)
    (play.root / "ws/in").symlink_to("a.md")
    os.mkfifo(play.root / "ws/pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(play.root / "ws")
        listener.bind("sock")
        os.chdir(here)
        play.plan(
            "workspace: {copy: ws}\ntasks: {a: {run: [sh, -c, 'cat in && ls -A | sort | tr -d \"\\\\n\"']}}\n"
        )

        play.run()

    play.outcomes(passed=1)
    play.says("out is not in the copy of the workspace: it is a link that leaves the folder")
    play.says("pipe is not in the copy of the workspace: it is a FIFO, not a file")
    play.says("sock is not in the copy of the workspace: it is a socket, not a file")
    assert (play.act("a.i1.a1") / "stdout.log").read_text() == "xa.mdin"


def test_a_copy_of_the_project_does_not_hold_the_runs_that_are_kept_in_it(play: Any) -> None:
    play.plan(
        "workspace: {copy: .}\ntasks: {a: {run: [sh, -c, 'test ! -e runs && find . -name journal.jsonl'], outputs: {}}}\n"
    )

    play.run("--orch-dir", "runs")
    play.outcomes(passed=1)
    play.run("--orch-dir", "runs")

    play.outcomes(passed=1)
    logs = list((play.root / "runs").rglob("stdout.log"))
    assert len(logs) == 2
    assert not any(log.read_text() for log in logs)
    assert "not in the copy" not in play.text


def test_a_run_directory_inside_the_workspace_is_nobodys_output(play: Any) -> None:
    play.plan("tasks: {a: {run: [sh, -c, 'echo x > a.md'], outputs: {all: '**/*.md', runs: '**/*.jsonl'}}}\n")

    play.run("--orch-dir", "runs")

    play.outcomes(failed=1)
    play.says("output 'runs' (**/*.jsonl): does not exist")
    play.run("--orch-dir", "runs")
    play.says("output 'runs' (**/*.jsonl): does not exist")


def test_a_relative_run_directory_is_relative_to_the_root_also_from_below(play: Any) -> None:
    play.plan(TRUE)
    (play.root / "sub").mkdir()
    os.chdir(play.root / "sub")

    play.run("--rootdir", str(play.root), "--orch-dir", "runs", "../play.plan.yaml")

    play.outcomes(passed=1)
    assert list((play.root / "runs").rglob("journal.jsonl"))


def test_a_relative_state_folder_is_not_used(play: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(play.state))
    play.plan(TRUE)

    play.run()

    play.outcomes(passed=1)
    assert not (play.root / "relative").exists()
    assert list((play.state / ".local/state/orchharness").rglob("journal.jsonl"))


def test_without_a_home_folder_the_option_is_named(play: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(Path, "expanduser", _no_home)
    play.plan(TRUE)

    play.run()

    assert play.status != 0
    play.says("nowhere to keep runs: Could not determine home directory.; --orch-dir FOLDER says where")
    assert "Traceback" not in play.text


def _no_home(path: Path) -> Path:
    if str(path).startswith("~"):
        raise RuntimeError("Could not determine home directory.")
    return path


@pytest.mark.parametrize("made", ["file", "link"])
def test_a_state_folder_that_cannot_be_made_is_refused_in_one_line(play: Any, made: str) -> None:
    blocked = play.root / "blocked"
    if made == "file":
        blocked.write_text("in the way")
    else:
        blocked.symlink_to("/proc/nothing")
    play.plan("tasks: {a: {run: 'true'}, b: {run: 'true'}}\n")

    play.run("--orch-dir", "blocked/runs")

    play.outcomes(errors=1, skipped=1)
    play.says("--orch-dir FOLDER puts runs elsewhere")
    assert "Traceback" not in play.text


def test_a_plan_that_is_changed_between_reading_and_starting_is_refused(play: Any) -> None:
    play.plan(TRUE)
    play.file(
        "conftest.py",
        """
        import pathlib
        def pytest_collection_finish(session):
            pathlib.Path("play.plan.yaml").write_text("orchharness: 1\\ntasks: {a: {run: 'false'}}\\n")
        """,
    )

    play.run()

    play.outcomes(errors=1)
    play.says("play.plan.yaml was changed after it was read: run it again")
