"""`orchharness simulate`: what a plan would take, played by the real orchestrator, with nothing run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchharness.cli import main

ROOT = Path(__file__).parents[2]
FEAT_005 = str(ROOT / "plans/feat-005.plan.yaml")
TWO = """
tasks:
  first: {run: [touch, first.txt], outputs: {o: first.txt}, estimate: 2h..4h}
  second: {run: [touch, second.txt], outputs: {o: second.txt}, estimate: 1h, needs: [first]}
"""


@pytest.fixture
def call(play, capsys):
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(("simulate", *words))
        except SystemExit as exit_:
            status = int(exit_.code)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def names(play) -> set[str]:
    return {p.name for p in play.root.iterdir()} - {"tox.ini"}


def test_feat_005_is_35_hours_with_two_and_67_one_after_another(play, call):
    status, out, err = call(FEAT_005, "--parallel", "1,2")

    assert (status, err) == (0, "")
    assert "one after another 67 h" in out
    assert "critical path: 35 h" in out
    assert "useful width: 2 agents" in out
    assert [line.split() for line in out.splitlines() if line.startswith("    ")][1:3] == [
        ["1", "67", "h", "100%"],
        ["2", "35", "h", "96%"],
    ]


def test_nothing_is_run_and_only_the_report_is_written(play, call):
    plan = play.plan(TWO)
    status, out, _ = call(plan.name)

    assert status == 0
    assert "report, marked as simulated: play.simulated.html" in out
    assert names(play) == {"play.plan.yaml", "play.simulated.html"}
    assert list(play.state.rglob("journal.jsonl")) == []
    assert "Simulated: nothing of this took place" in Path("play.simulated.html").read_text()


def test_the_report_goes_where_it_is_said_or_nowhere(play, call):
    plan = play.plan(TWO)
    call(plan.name, "--report", "-")
    before = names(play)
    call(plan.name, "--report", "a.html")

    assert before == {"play.plan.yaml"}
    assert names(play) == {"play.plan.yaml", "a.html"}
    assert call(plan.name, "--report", "a.html")[0] == 0  # one of its own is replaced


def test_a_file_that_is_no_simulated_report_is_never_replaced(play, call):
    """A run's report least of all: it is proof."""
    plan = play.plan('tasks: {a: {run: "true"}}\n')
    play.run()
    proof = next(play.state.rglob("report.html"))
    kept = proof.read_bytes()
    status, _, err = call(plan.name, "--report", str(proof))

    assert status == 2
    assert err == (
        f"orchharness: {str(proof)!r} is no report of a simulation and is left as it is: "
        "--report FILE names another file\n"
    )
    assert proof.read_bytes() == kept
    assert call(plan.name, "--report", plan.name)[0] == 2
    assert call(plan.name, "--report", "no/such/folder.html")[0] == 2


def test_runs_does_not_list_what_was_simulated(play, call, capsys):
    plan = play.plan(TWO)
    call(plan.name)
    main(["runs"])

    assert "no runs of" in capsys.readouterr().err


def test_a_seed_tells_the_same_again_as_text_json_and_report(play, call):
    plan = play.plan(TWO)
    words = (plan.name, "--runs", "50", "--seed", "7", "--start", "09:00")
    first = (call(*words), call(*words, "--json"), Path("play.simulated.html").read_text())
    again = (call(*words), call(*words, "--json"), Path("play.simulated.html").read_text())

    assert first == again
    assert first[0] != call(plan.name, "--runs", "50", "--seed", "8", "--start", "09:00")


def test_json_has_every_number_and_the_assumptions(play, call):
    plan = play.plan(TWO)
    status, out, _ = call(
        plan.name, "--json", "--parallel", "1,2", "--runs", "40", "--cost", "2/h", "--report", "-"
    )
    found = json.loads(out)

    assert status == 0
    assert (found["simulated"], found["runs"], found["report"]) == (True, 40, None)
    assert [w["agents"] for w in found["widths"]] == [1, 2]
    assert 3 * 3600 <= found["widths"][0]["percentiles"]["50"] <= 5 * 3600
    assert 6 <= found["widths"][0]["usd"]["50"] <= 10
    assert found["widths"][0]["critical"][0]["item"] == "first"


def test_the_day_of_the_decision_is_told(play, call):
    said = ("TASK-419=0s", "EN-027=5h", "TASK-420=6h", "G-027=30m")
    _, out, _ = call(FEAT_005, "--start", "09:00", *(w for s in said for w in ("--duration", s)))
    places = [
        out.index(text)
        for text in (
            "09:00  spawn TASK-419 in the foreground",
            "state updated: G-PHASE0 passed",
            "spawn together, in the background (4):",
            "14:00  poll: EN-027 complete",
            "judge G-027: ps-critic in the foreground",
            "14:30  state updated: G-027 passed",
            "spawn TASK-422 (has CP-2 (definitions) from EN-027) in the background",
            "15:00  poll: TASK-420 complete",
            "CP-3 (options) is there for EN-028",
        )
    ]

    assert places == sorted(places)


def test_earlier_runs_say_how_long_it_takes(play, call):
    plan = play.plan("""
        tasks:
          a: {run: [python, -c, "import time; time.sleep(0.3)"], estimate: 5h}
          b: {run: "true", estimate: 1h, needs: [a]}
    """)
    none = call(plan.name, "--from-runs")[1]
    play.run()
    status, out, err = call(plan.name, "--from-runs", "--json")
    took = json.loads(out)["widths"][0]["longest"]

    assert "no earlier run of the plan was found" in none
    assert (status, err) == (0, "")
    assert "2 of 2 tasks take what they took in 1 earlier run" in json.loads(out)["assumed"]
    assert 0.3 <= took < 20


def test_a_wrong_plan_is_told_as_everywhere(play, call):
    plan = play.plan('tasks: {a: {run: "true", estimate: 5h..2h}}\n')
    status, out, err = call(plan.name)

    assert (status, out) == (1, "")
    assert "play.plan.yaml:2:36: " in err
    assert "'5h..2h': the shorter time comes first: 2h..5h" in err
    assert call("nothing.plan.yaml")[0] == 2
    assert call(".")[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--parallel", "0"), "'0' are no numbers of agents: write 2, or 1,2,3"),
        (("--parallel", ""), "'' are no numbers of agents"),
        (("--runs", "0"), "'0' is no number of runs: write one from 1 to 1,000,000"),
        (("--start", "25:00"), "'25:00' is no time of day: write it like 09:00"),
        (("--duration", "first=5"), "'5' is no duration: write it like 90s"),
        (("--duration", "first=99999d"), "'99999d' is out of range"),
        (("--duration", "=5h"), "'=5h': write NAME=VALUE, or the value alone"),
        (("--fail", "2"), "'2' is no share: write a number from 0 to 1, like 0.3 or 30%"),
        (("--die", "nan"), "'nan' is no share"),
        (("--cost", "much"), "'much' is no price: write dollars for an act, like 1.50"),
        (("--die", "frist=0.1"), "--die frist: the plan has no task, gate, critic or agent at work of that name; did you mean 'first'?"),
        (("--fail", "first=0.1"), "--fail first: that is a task: --die says how likely its agent dies; gates are none"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_what_to_write(play, call, words, message):
    plan = play.plan(TWO)
    status, out, err = call(plan.name, *words)

    assert (status, out) == (2, "")
    assert message in err


def test_simulating_loads_neither_pytest_nor_the_loop(play):
    plan = play.plan(TWO)
    code = (
        "import sys; from orchharness.cli import main; main(sys.argv[1:]); "
        "print([m for m in ('pytest', 'xdist', 'asyncio', 'rich', 'psutil') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code, "simulate", plan.name, "--report", "-"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=play.root, timeout=25)

    assert done.stdout.splitlines()[-1] == "[]"
