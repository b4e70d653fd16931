"""Menders by real processes: what they find, what becomes of what they wrote, and what a resumed run makes of them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from orchharness.testing import Played, Session, run_plan, start_plan

PLAN = """
agents:
  author: {kind: scripted}
  fixer: {kind: scripted, script: [%(fix)s]}
critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.5, 0.95]}}
phases:
  write:
    tasks:
      guide: {agent: author, outputs: {text: guide.md}}
      index: {agent: author, inputs: {g: guide.text}, outputs: {text: index.md}}
    gate:
      id: G-ALL
      critics: [judge]
      refine: {agent: fixer, prompt: "Mend {{ outputs.guide_text }}.", writes: [guide.md]%(more)s}
  after:
    tasks:
      use: {inputs: {g: guide.text}, run: [cat, "{{ inputs.g }}"], outputs: {seen: {from: stdout}}}
"""
MEND = "{do: {write: {GUIDE_TEXT: mended}}}"


@pytest.fixture
def go(play: Any) -> Any:
    play.file("conftest.py", "from orchharness.testing import *\n")

    def run(*args: str, fix: str = MEND, more: str = "") -> Played:
        path = play.plan(PLAN % {"fix": fix, "more": more})
        return run_plan(path, play.state, "-p", "no:hypothesispytest", *args, timeout=25)

    return run


def acts(played: Played) -> list[str]:
    return [
        entry["act"] for entry in played.journal() if entry["event"] in {"TaskStarted", "JudgementStarted"}
    ]


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_what_a_mender_wrote_is_judged_and_released_as_the_members_own(
    go: Any, workers: tuple[str, ...]
) -> None:
    played = go(*workers)

    assert played.outcomes == {"passed": 4}
    assert acts(played) == [
        "guide.i1.a1",
        "index.i1.a1",
        "G-ALL.i1.judge.a1",
        "G-ALL.mender.i2.a1",
        "index.i2.a1",
        "G-ALL.i2.judge.a1",
        "use.i1.a1",
    ]
    folder = played.folder / "acts"
    assert (folder / "use.i1.a1" / "stdout.log").read_text() == "mended"
    assert (folder / "G-ALL.i2.judge.a1" / "gate").is_dir()
    assert "mended" in {p.read_text() for p in (folder / "G-ALL.i2.judge.a1" / "gate").rglob("guide.md")}


def test_a_mender_finds_its_prompt_the_findings_and_the_outputs(go: Any) -> None:
    played = go()

    request = json.loads((played.folder / "acts" / "G-ALL.mender.i2.a1" / "request.json").read_text())
    env = request["spawn"]["env"]
    assert request["spawn"]["prompt"].startswith(
        f"Mend {env['ORCH_OUTPUT_GUIDE_TEXT']}.\n\nThe gate G-ALL judged"
    )
    assert (env["ORCH_GATE"], env["ORCH_TASK"], env["ORCH_ITERATION"]) == ("G-ALL", "G-ALL.mender", "2")
    assert (
        json.loads((played.folder / "acts" / "G-ALL.mender.i2.a1" / "findings.json").read_text())["score"]
        == "0.50"
    )


def test_a_mender_is_in_the_report_and_in_the_state_file(go: Any) -> None:
    played = go()

    report = (played.folder / "report.html").read_text()
    assert "worked on by a mender of its own (agent fixer): 1 act," in report
    assert "G-ALL, its mender, iteration 2" in report
    assert "mended by G-ALL.mender" in (played.folder / "ORCHESTRATION.yaml").read_text()


def test_a_mender_that_removes_what_is_judged_fails_the_gate(go: Any) -> None:
    played = go(fix="{do: {write: {GUIDE_TEXT: ''}}}")

    assert played.outcomes == {"passed": 2, "failed": 1, "skipped": 1}
    assert "G-ALL.mender evidence in iteration 2: output 'guide.text' (guide.md): is empty" in played.text


def test_a_mender_is_tried_again_and_timed_as_a_task_is(go: Any) -> None:
    fix = "{attempt: 1, do: [{write: {GUIDE_TEXT: mended}}, {exit: 3}]}, {do: {say: nothing left to do}}"
    played = go(fix=fix, more=", retry: {attempts: 2}")

    assert played.outcomes == {"passed": 4}
    assert [a for a in acts(played) if "mender" in a] == ["G-ALL.mender.i2.a1", "G-ALL.mender.i2.a2"]
    assert (played.folder / "acts" / "use.i1.a1" / "stdout.log").read_text() == "mended"


def test_a_mender_that_hangs_is_ended(go: Any) -> None:
    played = go(fix="{do: hang}", more=", timeout: 1s")

    assert played.outcomes == {"passed": 2, "failed": 1, "skipped": 1}
    assert "G-ALL.mender timeout in iteration 2: timed out after 1 s" in played.text


def until_mending(session: Session) -> None:
    """Return when the mender has started."""
    until = time.monotonic() + 20
    while time.monotonic() < until and session.process.poll() is None:
        if session.so_far.starts("G-ALL.mender"):
            return
        time.sleep(0.01)
    raise AssertionError(session.so_far.text)


def test_a_run_that_is_killed_while_its_mender_works_goes_on_with_it(go: Any, play: Any) -> None:
    on = play.root / "on"
    fix = f"{{do: [{{wait: {on}}}, {{write: {{GUIDE_TEXT: mended}}}}]}}"
    path = play.plan(PLAN % {"fix": fix, "more": ""})
    session = start_plan(path, play.state, "-p", "no:hypothesispytest")
    until_mending(session)
    session.process.kill()
    session.process.wait()
    on.write_text("")
    again = go("--orch-resume", fix=fix)

    assert again.outcomes == {"passed": 4}
    assert len(again.starts("G-ALL.mender")) == 1
    assert len(again.starts("guide")) == 1
    assert (again.folder / "acts" / "use.i1.a1" / "stdout.log").read_text() == "mended"


def test_a_run_that_is_over_is_reused_with_all_that_its_mender_did(go: Any) -> None:
    go()
    again = go("--orch-resume")

    assert again.outcomes == {"passed": 4}
    assert [len(again.starts(n)) for n in ("guide", "index", "G-ALL.mender", "judge")] == [1, 2, 1, 2]


def test_a_mender_that_is_another_one_now_has_its_work_done_again(go: Any) -> None:
    go()
    again = go("--orch-resume", fix="{do: {write: {GUIDE_TEXT: mended otherwise}}}")

    assert again.outcomes == {"passed": 4}
    assert (again.folder / "acts").joinpath("G-ALL.mender.i2.a1.r2").is_dir()
    assert (again.folder / "acts" / "use.i1.a1.r2" / "stdout.log").read_text() == "mended otherwise"


@pytest.mark.parametrize(("word", "given"), [("blamed", "s-1"), ("resume", "s-1"), ("[all, fresh]", None)])
def test_an_agent_is_given_its_session_again_unless_a_fresh_one_is_asked_for(
    play: Any, word: str, given: str | None
) -> None:
    play.file("conftest.py", "from orchharness.testing import *\n")
    path = play.plan(
        f"""
        agents: {{author: {{kind: scripted, script: [{{do: [write, {{result: {{session: s-1}}}}]}}]}}}}
        critics: {{judge: {{kind: scripted, criteria: {{c: 1}}, scores: [0.5, 0.95]}}}}
        tasks: {{work: {{agent: author, outputs: {{a: a.md}}, gate: {{critics: [judge], refine: {word}}}}}}}
        """
    )
    played = run_plan(path, play.state, "-p", "no:hypothesispytest", timeout=25)

    requests = [played.folder / "acts" / f"work.i{n}.a1" / "request.json" for n in (1, 2)]
    sessions = [json.loads(r.read_text())["spawn"].get("session") for r in requests]
    assert played.outcomes == {"passed": 2}
    assert sessions == [None, given]
