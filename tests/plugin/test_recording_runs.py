"""What is recorded of runs that fail, hold secrets, die, or are chosen in part; and what a replay must not touch."""

from __future__ import annotations

import json
import os
import signal

import pytest
from local_sessions import run
from recording_sessions import ACTS, GUIDE, bytes_of, calls, project, recording, write_plan
from xdist_sessions import LIMIT, items, run_folder, wait_for

from orchharness.cli import main

ONE = """orchharness: 1
workspace: {copy: src}
agents: {author: {kind: model, script: %s}}
tasks:
  guide: {agent: author, prompt: Write it., %s}
"""


def one(script: str, rest: str = "outputs: {text: guide.md}") -> str:
    return ONE % (script, rest)


def test_a_run_that_dies_while_it_is_recorded_is_recorded_to_its_end_when_it_is_resumed(
    pytester: pytest.Pytester,
):
    held = GUIDE.replace(
        "{task: guide, iteration: 2, do: [{write",
        f"{{task: guide, iteration: 2, do: [{{wait: {pytester.path}/go}}, {{write",
    )
    path = project(pytester, held)
    words = ["-p", "no:hypothesispytest", "-p", "no:cacheprovider", path.name, "--orch-record"]
    died = pytester.popen([pytester._getpytestargs()[0], "-m", "pytest", *words], start_new_session=True)
    try:
        wait_for(
            lambda: (
                (pytester.path / "called").exists()
                and "guide.i2.a1" in (pytester.path / "called").read_text()
            )
        )
        wait_for(lambda: any((run_folder(pytester) / "acts/guide.i2.a1").glob("pid")))
    finally:
        os.kill(died.pid, signal.SIGKILL)
        died.wait()
        died.stdout.close()
        died.stderr.close()
    assert {p.name for p in recording(pytester).glob("*.json")} == {
        "recording.json", "guide.i1.json", "G-guide.i1.editor.json",
    }  # fmt: skip
    (pytester.path / "go").touch()

    run(pytester, path.name, "--orch-record", "--orch-resume").assert_outcomes(passed=3)

    assert calls(pytester) == ["guide.i1.a1", *(f"{a}.a1{'.agent' * ('G-' in a)}" for a in ACTS[1:])]
    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=3)
    assert calls(pytester) == []


def test_a_red_run_replays_red(pytester: pytest.Pytester):
    path = project(pytester, one("[{do: [write, {say: no more tokens}, {exit: 3}]}]"))
    run(pytester, path.name, "--orch-record").assert_outcomes(failed=1)
    calls(pytester)

    result = run(pytester, path.name, "--orch-replay")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*exit 3; the agent says 'exit, as recorded'", "*no more tokens*"])
    result.stdout.fnmatch_lines(["*no agent ran: 1 act replayed*"])
    assert calls(pytester) == []


def test_of_attempts_the_last_one_is_recorded(pytester: pytest.Pytester):
    script = "[{attempt: 1, do: {exit: 3}}, {do: {write: {text: good}}}]"
    path = project(pytester, one(script, "outputs: {text: guide.md}, retry: {attempts: 2}"))
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)

    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=1)

    assert items(pytester)["guide"].get("attempt") is None  # the first one


def test_what_a_task_may_write_is_recorded_too(pytester: pytest.Pytester):
    (pytester.path / "src/lib").mkdir(parents=True)
    (pytester.path / "src/lib/kept.py").write_text("kept\n")
    script = '[{do: {write: {"lib/new.py": "new\\n", text: "a guide\\n", report: "of the run\\n"}}}]'
    rest = "outputs: {text: guide.md, report: run:report.txt, said: {from: answer}}, writes: [lib]"
    path = project(
        pytester, one(script.replace("}}}]", '}}, {say: "the answer"}]}]').replace("do: {", "do: [{"), rest)
    )
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)

    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=1)

    workspace = run_folder(pytester) / "workspace"
    assert (workspace / "lib/new.py").read_text() == "new\n"
    assert (run_folder(pytester) / "files/guide/report.txt").read_text() == "of the run\n"
    assert set(bytes_of(recording(pytester) / "guide.i1")) == {
        "guide.md", "lib/new.py", "run/report.txt", "from/answer",
    }  # fmt: skip


def test_secrets_are_not_recorded_and_need_not_be_there_to_replay(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SOME_API_KEY", "sk-0123456789")
    text = one(
        '[{do: [{write: {text: "used sk-0123456789 today\\n"}}, {result: {summary: "with sk-0123456789"}}]}]',
        "outputs: {text: guide.md}, env: {KEY: '${SOME_API_KEY}'}",
    )
    path = project(pytester, text)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)
    monkeypatch.delenv("SOME_API_KEY")
    write_plan(pytester, text.replace("sk-0123456789", "[redacted]"))
    calls(pytester)

    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=1)

    assert b"0123456789" not in b"".join(bytes_of(recording(pytester)).values())
    assert (run_folder(pytester) / "workspace/guide.md").read_text() == "used [redacted] today\n"
    assert calls(pytester) == []


@pytest.mark.parametrize("secret", ["s3cr3t-v4lue-xyz", f"ghp_{'a1B2' * 9}"])
def test_what_a_files_name_would_tell_is_not_recorded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, secret: str
):
    monkeypatch.setenv("SOME_SETTING", "s3cr3t-v4lue-xyz")
    text = (
        ONE
        + """  other: {agent: author, prompt: Write it., outputs: {text: other.md}}
"""
    ) % (
        f'[{{task: guide, do: {{write: {{text: good, "notes/{secret}.md": x}}}}}}]',
        "outputs: {text: guide.md}, writes: [notes/], env: {SETTING: '${SOME_SETTING}'}",
    )
    path = project(pytester, text)
    result = run(pytester, path.name, "--orch-record")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*guide.i1 was not recorded: the name of the file 'notes/?redacted?.md' holds a secret*"]
    )
    result.stdout.no_fnmatch_line("*for lack of an answer*")
    assert (recording(pytester) / "other.i1.json").exists()
    kept = bytes_of(recording(pytester))
    assert not [name for name, data in kept.items() if secret in name or secret.encode() in data]
    assert not [name for name in kept if name.startswith("guide")]


def test_with_all_commands_and_checks_are_replayed_too(pytester: pytest.Pytester):
    path = project(pytester, GUIDE.replace('"echo 42 >', f'"echo x >> {pytester.path}/ran; echo 42 >'))
    run(pytester, path.name, "--orch-record=all").assert_outcomes(passed=3)

    result = run(pytester, path.name, "--orch-replay")

    result.assert_outcomes(passed=3)
    assert (pytester.path / "ran").read_text() == "x\n"
    result.stdout.fnmatch_lines(["*no agent ran: 7 acts replayed*"])
    assert json.loads((recording(pytester) / "recording.json").read_text())["records"] == "all"


def test_commands_of_a_recording_of_everything_are_forgotten_when_only_models_are_recorded(
    pytester: pytest.Pytester,
):
    path = project(pytester)
    run(pytester, path.name, "--orch-record=all").assert_outcomes(passed=3)
    assert (recording(pytester) / "facts.i1.json").exists()

    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)

    assert {p.stem for p in recording(pytester).glob("*.json")} == {"recording", *ACTS}


def test_what_says_nothing_about_the_work_takes_no_recordings_place(pytester: pytest.Pytester):
    path = project(pytester, one("[{do: {write: {text: good}}}]"))
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)
    before = bytes_of(recording(pytester))
    conftest = pytester.path / "conftest.py"
    conftest.write_text(
        conftest.read_text().replace(
            "    script = Path(", "    raise RuntimeError('no client')\n    script = Path("
        )
    )

    result = run(pytester, path.name, "--orch-record")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["warning: not recorded, for lack of an answer: guide.i1"])
    assert bytes_of(recording(pytester)) == before


def test_a_plan_that_says_so_is_replayed_until_it_is_recorded_again(pytester: pytest.Pytester):
    path = project(pytester, f"{GUIDE}replay: true\n")
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)
    assert len(calls(pytester)) == 4

    run(pytester, path.name).assert_outcomes(passed=3)
    assert calls(pytester) == []
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)

    assert len(calls(pytester)) == 4


def test_recording_again_removes_what_the_plan_has_no_more(pytester: pytest.Pytester):
    path = project(pytester)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)
    write_plan(pytester, GUIDE.replace('"score": 0.5,', '"score": 0.9,'))

    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)

    assert sorted(p.name for p in recording(pytester).iterdir()) == [
        "G-guide.i1.editor.json", "guide.i1", "guide.i1.json", "recording.json",
    ]  # fmt: skip


def test_recording_a_part_of_the_plan_keeps_the_rest(pytester: pytest.Pytester):
    text = (
        one("[{do: {write: {text: one}}}]")
        + "  other: {agent: author, prompt: Other., outputs: {text: other.md}}\n"
    )
    path = project(pytester, text)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=2)

    run(pytester, path.name, "--orch-record", "--orch-fresh", "-k", "other").assert_outcomes(
        passed=1, deselected=1
    )

    assert {p.name for p in recording(pytester).glob("*.i1.json")} == {"guide.i1.json", "other.i1.json"}


def test_what_was_replayed_is_never_reused_by_a_run_with_agents(pytester: pytest.Pytester):
    path = project(pytester)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=3)
    write_plan(pytester, f"{GUIDE}title: changed\n")
    run(pytester, path.name, "--orch-replay").assert_outcomes(passed=3)
    replayed = run_folder(pytester).name
    calls(pytester)

    result = run(pytester, path.name, "--orch-reuse")

    result.assert_outcomes(passed=3)
    assert f"reusing what passed in run {replayed}" not in result.stdout.str()
    refused = run(pytester, path.name, "--orch-resume", replayed)
    refused.stdout.fnmatch_lines(
        [f"*run {replayed} was replayed from a recording: there is nothing to go on with*"]
    )


def test_what_a_recording_holds_is_not_collected(pytester: pytest.Pytester):
    script = '[{do: {write: {a: "assert False\\n", b: "assert False\\n", c: "no plan\\n"}}}]'
    path = project(pytester, one(script, "outputs: {a: test_x.py, b: conftest.py, c: b.plan.yaml}"))
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)
    assert (recording(pytester) / "guide.i1/test_x.py").exists()

    result = run(pytester, "--orch-replay", ".", "--ignore=src")

    result.assert_outcomes(passed=1)


def test_a_file_that_is_there_already_cannot_be_replayed_as_written(pytester: pytest.Pytester):
    path = project(pytester, one("[{do: {write: {text: good}}}]").replace("workspace: {copy: src}\n", ""))
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)

    result = run(pytester, path.name, "--orch-replay")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'guide.md' holds already what the recording writes*workspace: {copy: …}*"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--orch-record", "--orch-replay"], "--orch-record and --orch-replay contradict each other*"),
        (["--orch-resume", "--orch-replay"], "--orch-resume and --orch-replay contradict each other*"),
        (["--orch-reuse", "--orch-replay"], "--orch-reuse and --orch-replay contradict each other*"),
        (
            ["--orch-record", "a.plan.yaml"],
            "--orch-record a.plan.yaml: write the plans first, as in 'pytest a.plan*",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    pytester: pytest.Pytester, words: list[str], said: str
):
    project(pytester)

    result = run(pytester, "a.plan.yaml", *words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}"])
    assert calls(pytester) == []


def test_a_session_of_a_plan_without_recordings_loads_none_of_it(pytester: pytest.Pytester):
    path = project(pytester, "orchharness: 1\ntasks: {one: {run: [touch, one.ran]}}\n")
    (pytester.path / "conftest.py").write_text(
        "import sys\ndef pytest_unconfigure():\n"
        "    print('LOADED', [n for n in sys.modules if n.startswith('orchharness.recording')])\n"
    )

    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", path.name, timeout=LIMIT)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*LOADED []*"])


def test_a_replay_that_is_over_is_not_answered(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]):
    text = one("[]", "outputs: {text: guide.md}, gate: {kind: human, question: Good?}")
    path = project(pytester, text)
    run(pytester, path.name, "--orch-record")
    again = f"pytest {path.name} --orch-replay --orch-wait"

    result = run(pytester, path.name, "--orch-replay")
    replayed = run_folder(pytester).name
    capsys.readouterr()
    status = main(["decide", replayed, "G-guide", "approve", "--by", "me"])
    refused = capsys.readouterr().err
    main(["status", replayed])
    told = capsys.readouterr().out

    assert result.ret == 7
    result.stdout.fnmatch_lines(["G-guide asks:*", f"a replay is answered while it runs: {again}"])
    result.stdout.no_fnmatch_line("*orchharness decide*")
    assert status != 0
    assert refused.strip().endswith(again)
    assert not list(run_folder(pytester).glob("decisions/G-guide*[!n].json"))
    assert again in told
    assert "--orch-resume" not in told


def test_a_plan_that_is_replayed_refuses_the_run_that_it_shall_go_on_with(pytester: pytest.Pytester):
    path = project(pytester, "replay: true\n" + one("[]"))
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)

    result = run(pytester, path.name, f"--orch-resume={run_folder(pytester).name}")

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*plan 'a' is replayed, and a replay is not gone on with*"])


def test_acts_taken_over_from_a_run_that_was_not_recorded_are_named(pytester: pytest.Pytester):
    text = one("[{task: other, do: {exit: 1}}]") + (
        "  other: {agent: author, prompt: Write it., needs: [guide], outputs: {text: other.md}}\n"
        "  made: {run: [sh, -c, echo 1 > made], outputs: {o: made}}\n"
    )
    path = project(pytester, text)
    run(pytester, path.name).assert_outcomes(passed=2, failed=1)

    result = run(pytester, path.name, "--orch-record", "--orch-resume")

    assert (recording(pytester) / "other.i1.json").exists()
    result.stdout.fnmatch_lines(
        [
            "warning: taken over from a run that was not recorded, so a replay will miss: guide.i1; "
            f"to record all of it: pytest {path.name} --orch-record --orch-fresh"
        ]
    )


def test_the_recording_of_another_plan_with_the_same_id_is_not_replaced(pytester: pytest.Pytester):
    text = f"plan: a\n{one('[]')}"
    path = project(pytester, text)
    run(pytester, path.name, "--orch-record").assert_outcomes(passed=1)
    before = bytes_of(recording(pytester))
    path.with_name("b.plan.yaml").write_text(text.replace("Write it.", "Write another."))

    result = run(pytester, "b.plan.yaml", "--orch-record")

    assert result.ret != 0
    result.stdout.fnmatch_lines(
        ["*recordings/a is the recording of 'a.plan.yaml', which has the id 'a' as well*"]
    )
    assert bytes_of(recording(pytester)) == before
    path.unlink()
    run(pytester, "b.plan.yaml", "--orch-record").assert_outcomes(passed=1)
