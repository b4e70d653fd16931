"""`orchharness check` and `explain`, and `pytest --orch-explain`: sight before anything is spent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchharness.cli import main

ROOT = Path(__file__).parents[2]
TWO = """
tasks:
  first: {run: [touch, first.txt], outputs: {o: first.txt}, estimate: 2h}
  second: {run: [touch, second.txt], outputs: {o: second.txt}, estimate: 1h}
"""
WRONG = """
tasks:
  a: {run: "true", needs: [bb], threshold: 1}
  b: {run: "true", estimate: 3}
"""
CONFTEST = """
from orchharness import Kind, hookimpl
import beside

@hookimpl
def orchharness_agent_kinds():
    return [Kind(name="parrot")]

@hookimpl
def orchharness_spawn(request):
    raise AssertionError("nothing is spawned")

@hookimpl
def orchharness_poll(handle):
    raise AssertionError

@hookimpl
def orchharness_cancel(handle):
    raise AssertionError
"""
PARROT = """
agents: {parrot: {kind: parrot}}
tasks: {say: {agent: parrot, prompt: Hello., outputs: {text: {from: answer}}}}
"""


@pytest.fixture
def call(play, capsys):
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as exit_:
            status = int(exit_.code)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def left_behind(play) -> list[str]:
    found = [p.name for p in play.root.iterdir() if p.name in {"first.txt", "second.txt", ".orchharness"}]
    return found + [str(p) for p in play.state.rglob("*")]


# ---- explain -------------------------------------------------------------------------------------


def test_explain_says_the_bound_of_feat_005_and_runs_nothing(play, call):
    status, out, err = call("explain", str(ROOT / "plans/feat-005.plan.yaml"))

    assert (status, err) == (0, "")
    assert "one after another: 67 h" in out
    assert "critical path: 35 h" in out
    assert "useful width: 2 agents, with which it takes 35 h, 1.9 times as fast" in out
    assert left_behind(play) == []


@pytest.mark.parametrize(
    ("shape", "begins"),
    [("--markdown", "# plan play"), ("--mermaid", "flowchart LR"), ("--json", "{")],
)
def test_explain_has_other_formats(play, call, shape, begins):
    play.plan(TWO)
    status, out, _ = call("explain", shape, "play.plan.yaml")

    assert status == 0
    assert out.startswith(begins)
    assert shape != "--json" or json.loads(out)["useful_width"] == 2


def test_a_wrong_plan_is_not_explained_but_told_with_its_places(play, call):
    play.plan(WRONG)
    status, out, err = call("explain", "play.plan.yaml")

    assert (status, out) == (1, "")
    assert err.startswith("play.plan.yaml:4:")
    assert "\n    " in err
    assert "^\n" in err


def test_a_folder_is_not_explained_and_the_message_says_what_to_write(play, call):
    (play.root / "plans").mkdir()
    status, _, err = call("explain", "plans")

    assert status == 2
    assert err == "orchharness: 'plans' is a folder: name one plan, or write 'pytest plans --orch-explain'\n"


def test_explaining_imports_neither_pytest_nor_what_runs_plans(play):
    play.plan(TWO)
    code = (
        "import sys; from orchharness.cli import main; main(['explain', 'play.plan.yaml']); "
        "print([m for m in ('pytest', '_pytest', 'xdist', 'rich', 'psutil', 'asyncio', 'orchharness.run.drive')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=play.root, capture_output=True, text=True, timeout=20, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


# ---- pytest --orch-explain -----------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_the_option_prints_the_same_and_runs_nothing(play, call, workers):
    play.plan(TWO)
    play.file("test_it.py", "def test_it():\n    raise AssertionError\n")
    _, explained, _ = call("explain", "play.plan.yaml")
    told = play.run("--orch-explain", ".", *workers, subprocess=bool(workers))

    assert explained.strip() in told
    assert play.status == 0
    assert "no tests ran" in told
    assert left_behind(play) == []


def test_the_option_explains_every_plan_of_the_session(play):
    play.plan(TWO, "one")
    play.plan(TWO, "two")
    play.run("--orch-explain")

    play.says("plan one (2 tasks", "plan two (2 tasks")


def test_the_option_over_a_wrong_plan_shows_its_faults(play):
    play.plan(WRONG)
    play.run("--orch-explain")

    assert play.status == 2
    play.says("play.plan.yaml:4:")
    assert "HOW LONG" not in play.text


def test_the_option_without_plans_says_so_and_runs_no_test(play):
    play.file("test_it.py", "def test_it():\n    raise AssertionError\n")
    play.run("--orch-explain", ".")

    assert play.status == 0
    play.says("no plans here: there is nothing to explain")


# ---- check ---------------------------------------------------------------------------------------


def test_check_shows_every_fault_as_pytest_does(play, call):
    play.plan(WRONG)
    status, out, _ = call("check", "play.plan.yaml")
    shown = play.run()

    assert status == 1
    assert out.count("play.plan.yaml:") >= 3
    assert out.strip() in shown


def test_check_goes_on_after_a_wrong_plan_and_runs_nothing(play, call):
    play.plan(WRONG, "bad")
    play.plan(TWO, "good")
    status, out, _ = call("check", "bad.plan.yaml", "good.plan.yaml")

    assert status == 1
    assert out.startswith("bad.plan.yaml:4:")
    assert out.endswith("good.plan.yaml: 2 tasks, 0 gates, no fault\n")
    assert left_behind(play) == []


def test_check_shows_warnings_and_strict_makes_them_faults(play, call):
    play.plan(TWO.replace("estimate: 2h", "estimate: 2h, timeout: 1h"))
    kind, told, _ = call("check", "play.plan.yaml")
    strict, faults, _ = call("check", "--strict", "play.plan.yaml")

    assert kind == 0
    assert told.startswith("warning: play.plan.yaml:4:")
    assert strict == 1
    assert faults.startswith("play.plan.yaml:4:")
    assert faults.splitlines()[0].endswith(" (--orch-strict)")
    assert faults.splitlines()[-1].strip() == "^"


def test_check_warns_of_a_plan_that_replays_what_was_never_recorded(play, call):
    play.plan(f"\nreplay: true{TWO}")
    status, told, _ = call("check", "play.plan.yaml")
    strict, fault, _ = call("check", "--strict", "play.plan.yaml")
    says = "play.plan.yaml: replay: true, but there is no recording: "

    assert (status, strict) == (0, 1)
    assert told.startswith(f"warning: {says}")
    assert told.splitlines()[0].endswith("to make it: pytest play.plan.yaml --orch-record")
    assert told.endswith("no fault\n")
    assert fault.startswith(says)
    play.run("play.plan.yaml", "--orch-record")
    assert call("check", "--strict", "play.plan.yaml")[0] == 0


def test_explain_says_of_a_replayed_plan_that_what_was_recorded_is_not_spawned(play, call):
    play.plan(TWO)
    spawned = call("explain", "play.plan.yaml")[1]
    play.plan(f"\nreplay: true{TWO}")
    replayed = call("explain", "play.plan.yaml")[1]

    assert "replay" not in spawned
    assert "replay: true: what was recorded is replayed, not spawned" in replayed


def test_check_looks_into_folders_for_what_pytest_takes_for_plans(play, call):
    play.file("pytest.ini", "[pytest]\norch_plan_files = *.work.yaml\n")
    for path in (
        "plans/a.work.yaml",
        "plans/deep/b.work.yaml",
        "plans/.hidden/c.work.yaml",
        "plans/d.plan.yaml",
        "plans/recordings/a/a.i1/e.work.yaml",
        "plans/recordings/kept/f.work.yaml",
    ):
        play.file(path, f"orchharness: 1{TWO}")
    play.file("plans/recordings/a/recording.json", "{}")
    status, out, _ = call("check", "plans")

    assert status == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "plans/a.work.yaml",
        "plans/deep/b.work.yaml",
        "plans/recordings/kept/f.work.yaml",
    ]


def test_check_of_a_folder_without_plans_is_a_failure(play, call):
    (play.root / "plans").mkdir()
    status, _, err = call("check", "plans")

    assert status == 1
    assert err == "no plans there: their names are *.plan.yaml, *.plan.yml\n"


def test_a_file_that_pytest_would_not_take_for_a_plan_is_a_fault(play, call):
    play.file("work.yaml", f"orchharness: 1{TWO}")
    status, out, _ = call("check", "work.yaml")

    assert status == 1
    assert "work.yaml: pytest takes files named *.plan.yaml, *.plan.yml for plans" in out


def test_a_file_that_is_not_there_is_wrong_use(play, call):
    status, _, err = call("check", "nowhere.plan.yaml")

    assert status == 2
    assert err == "orchharness: 'nowhere.plan.yaml': there is no such file or folder\n"


def test_variables_are_given_as_for_pytest(play, call):
    play.plan("vars: {name: }\ntasks: {a: {run: [echo, '{{ vars.name }}']}}\n")
    missing, told, _ = call("check", "play.plan.yaml")
    given, _, _ = call("check", "--orch-var", "name=x", "play.plan.yaml")
    wrong, _, err = call("check", "--orch-var", "name", "play.plan.yaml")

    assert (missing, given, wrong) == (1, 0, 2)
    assert "--orch-var name=" in told
    assert err == "orchharness: --orch-var name: write NAME=VALUE\n"


@pytest.fixture
def parrots(play, monkeypatch: pytest.MonkeyPatch):
    """A project whose kind comes from a conftest, with a plan in a folder below."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    play.file("conftest.py", CONFTEST)
    play.file("beside.py", "")
    play.file("plans/talk.plan.yaml", f"orchharness: 1{PARROT}")
    yield
    sys.modules.pop("beside", None)


@pytest.mark.parametrize("command", ["check", "explain"])
def test_kinds_of_the_roots_conftest_are_known(parrots, call, command):
    status, out, _ = call(command, "plans/talk.plan.yaml")

    assert status == 0, out
    assert ("no fault" if command == "check" else "tasks of parrot") in out


def test_a_conftest_that_cannot_be_imported_is_named(parrots, call, play):
    play.file("beside.py", "raise RuntimeError('broken')\n")
    sys.modules.pop("beside", None)
    status, _, err = call("check", "plans/talk.plan.yaml")

    assert status == 1
    assert err == f"orchharness: {play.root}/conftest.py cannot be imported: RuntimeError: broken\n"


SCRIPTED = """
agents: {author: {kind: scripted, script: [{do: write}]}}
tasks: {say: {agent: author, outputs: {text: say.md}}}
"""
NAMED = 'import pytest\npytest_plugins = ["pytester", "orchharness.testing"]\n'


@pytest.mark.parametrize("command", ["check", "explain", "simulate"])
@pytest.mark.parametrize(
    "conftest",
    [
        "from orchharness.testing import *\n",
        NAMED,
        'pytest_plugins = "orchharness.testing"\n',
        NAMED + CONFTEST.replace("import beside\n", ""),
    ],
)
def test_the_kinds_for_tests_are_known_as_they_are_to_pytest(play, call, command, conftest):
    play.file("conftest.py", conftest)
    play.plan(SCRIPTED)
    status, out, err = call(command, "play.plan.yaml")

    assert (status, err) == (0, ""), out


def test_a_module_of_pytest_plugins_that_cannot_be_imported_is_named(play, call):
    play.file("conftest.py", 'pytest_plugins = ["orchharness_absent"]\n')
    play.plan(TWO)
    status, _, err = call("check", "play.plan.yaml")

    assert status == 1
    why = "'orchharness_absent' cannot be imported: ModuleNotFoundError: No module named 'orchharness_absent'"
    assert err == f"orchharness: {play.root}/conftest.py: pytest_plugins: {why}\n"


def test_a_conftest_without_hooks_is_not_run(play, call):
    play.file("conftest.py", "raise RuntimeError('run')\n")
    play.plan(TWO)

    assert call("check", "play.plan.yaml")[0] == 0


def test_the_root_is_that_of_the_plan_wherever_the_command_is_typed(play, call, tmp_path, monkeypatch):
    play.file("data/list.csv", "1\n")
    play.file(
        "plans/read.plan.yaml", 'orchharness: 1\ntasks: {a: {run: "true", inputs: {x: ./data/list.csv}}}\n'
    )
    monkeypatch.chdir(tmp_path.parent)
    status, out, _ = call("check", str(play.root / "plans/read.plan.yaml"))

    assert status == 0, out
