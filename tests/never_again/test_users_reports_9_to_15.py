"""What users of such tools report most: loops, isolation, two writers, nothing to see, typos, leftovers, stranded runs."""
# ruff: noqa: N802 - C9 to C15 are the names of what is reported

from __future__ import annotations

import signal
import subprocess

import pytest
import yaml

from orchharness.run.directory import RunDirectory
from orchharness.run.questions import decide

CHAIN = """
agents: {{author: {{kind: scripted, script: [{{task: work, do: {do}}}]}}}}
critics: {{judge: {{kind: scripted, criteria: {{c: 1}}, {judge}}}}}
tasks:
  work: {{agent: author, outputs: {{a: a.md}}, gate: {{critics: [judge]}}}}
  next: {{agent: author, needs: [work]}}
"""


def chain(do: str = "write", judge: str = "scores: [1]") -> str:
    return CHAIN.format(do=do, judge=judge)


def test_C9_a_loop_that_finds_more_each_round_ends(play):
    """Loops that cannot converge."""
    findings = ["[" + ", ".join(["{severity: major, what: not this}"] * n) + "]" for n in (1, 2, 3)]
    script = ", ".join(f"{{iteration: {n}, do: [{{findings: {f}}}]}}" for n, f in enumerate(findings, 1))
    play.plan(chain(judge=f"scores: [0.8, 0.4, 0.2], script: [{script}]"))

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1, "skipped": 1}
    assert "G-work failed 0.80 → 0.40 → 0.20 (threshold 0.90)" in played.text
    assert len(played.starts("work")) == 3


def test_C9_a_loop_whose_score_does_not_rise_any_more_ends_before_its_last_round(play):
    text = chain(judge="scores: [0.5, 0.7, 0.71, 0.7, 0.71, 0.7]")
    play.plan(text.replace("[judge]", "[judge], max_iterations: 50, plateau: {gain: 0.02, rounds: 2}"))

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1, "skipped": 1}
    assert "on a plateau: 0.70 → 0.71 → 0.70 rose less than 0.02 in each of the last 2 rounds" in played.text
    assert len(played.starts("work")) == 4


def test_C9_a_threshold_that_cannot_be_reached_is_refused(play):
    play.plan(chain().replace("critics: [judge]", "critics: [judge], threshold: 1.5"))

    played = play.run()

    assert played.outcomes == {"error": 1}
    assert "threshold: 1.5 is not from 0 to 1" in played.text
    assert not played.starts()


def test_C9_a_loop_in_which_nothing_new_is_done_ends_before_its_last_round(play):
    text = chain("{write: {a: always the same}}", "scores: [0.5]")
    play.plan(text.replace("critics: [judge]", "critics: [judge], max_iterations: 50"))

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1, "skipped": 1}
    assert len(played.starts("work")) == 3  # the first one, and two that did nothing new
    assert len(played.starts("judge")) == 1


def test_C10_isolation_that_there_is_not_is_refused(play):
    """Isolation that is silently absent."""
    play.plan(chain().replace("next: {", "next: {workspace: worktree, "))

    played = play.run()

    assert played.outcomes == {"error": 1}
    assert "workspace: a worktree needs a git repository, and there is none at" in played.text
    assert not played.starts()


def test_C10_a_copy_of_nothing_is_refused(play):
    play.plan("workspace: {copy: not/there}\n" + chain())

    played = play.run()

    assert played.outcomes == {"error": 1}
    assert "not/there" in played.text
    assert not played.starts()


@pytest.mark.parametrize("isolation", ["copy", "scratch"])
def test_C10_what_an_isolated_task_does_does_not_reach_the_project(play, isolation):
    play.file("sample/keep.md", "as it was")
    text = chain("[write, {write: {keep.md: spoilt}}, {write: {sample/keep.md: spoilt}}]")
    if isolation == "copy":
        text = "workspace: {copy: sample}\n" + text
    else:
        text = text.replace("work: {", "work: {workspace: scratch, ")
    play.plan(text)

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert (play.root / "sample/keep.md").read_text() == "as it was"
    assert not (play.root / "keep.md").exists()


def test_C11_a_second_orchestrator_is_refused_and_the_first_one_goes_on(play):
    """Shared state corrupted by two writers."""
    play.plan(chain("[{wait: go}, write]"))
    first = play.start()
    first.until_started("work")

    second = play.run()

    assert second.outcomes.get("passed", 0) == 0
    assert f"another session runs a plan in {play.root}" in second.text
    assert len(second.starts()) == 1
    play.file("go", "")
    assert first.wait(25).outcomes == {"passed": 3}


def test_C11_a_result_that_an_agent_plants_for_another_act_is_not_believed(play):
    forged = '{"act": "next.i1.a1", "key": "0", "outcome": "success"}'
    play.file(
        "forge.sh", f"d=$(dirname $ORCH_TASK_DIR)/next.i1.a1; mkdir -p $d; echo '{forged}' > $d/result.json"
    )
    play.plan(
        """
        agents: {author: {kind: scripted}}
        tasks:
          work: {run: [sh, forge.sh]}
          next: {agent: author, needs: [work], outputs: {b: b.md}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1}
    assert not (play.root / "b.md").exists()


def test_C12_while_it_runs_the_state_file_and_the_logs_say_what_agents_do(play):
    """Nobody can see what agents are doing."""
    play.plan(chain("[{say: reading the code}, {wait: go}, write]"))
    session = play.start("-v")
    session.until_started("work")
    folder = session.so_far.folder
    while not (folder / "acts/work.i1.a1/stdout.log").read_text():
        assert session.process.poll() is None
    state = yaml.safe_load((folder / "ORCHESTRATION.yaml").read_text())

    assert state["state"] == "running"
    assert state["phases"]["tasks"]["tasks"]["work"]["state"] == "running"
    assert (folder / "acts/work.i1.a1/stdout.log").read_text() == "reading the code\n"
    assert f"play: run directory {folder}" in session.so_far.text
    status = play.command("status", f"--orch-dir={play.away}/runs")
    assert "passed: 0 of 2 tasks, 0 of 1 gate (1 running, 2 waiting)" in status
    assert "ago: reading the code" in status
    assert play.command("logs", f"--orch-dir={play.away}/runs", "latest", "work") == "reading the code\n"
    play.file("go", "")
    assert session.wait(25).outcomes == {"passed": 3}


@pytest.mark.parametrize(
    ("typo", "at", "says"),
    [
        ("gates: {critics: [judge]}", "gates", "write 'gate': one gate per task"),
        ("gate: {critic: [judge]}", "critic:", "did you mean 'critics'?"),
        ("gate: {critics: [juge]}", "juge", "did you mean 'judge'?"),
        ("gate: {critics: [judge], treshold: 0.9}", "treshold", "did you mean 'threshold'?"),
        ("gate: {critics: [judge], threshold: 92}", "92", "did you mean 0.92?"),
        ("gate: {}", "gate", "nobody judges"),
    ],
)
def test_C13_a_typo_does_not_remove_a_gate_and_is_shown_at_its_place(play, typo, at, says):
    """Plan errors without a place, or a typo that silently removes a gate."""
    path = play.plan(chain().replace("gate: {critics: [judge]}", typo))
    number, line = next((n, t) for n, t in enumerate(path.read_text().splitlines(), 1) if typo in t)

    played = play.run()

    told = [
        t for t in played.text.splitlines() if t.startswith(f"{path.name}:{number}:{line.index(at) + 1}: ")
    ]
    assert played.outcomes == {"error": 1}
    assert any(says in text for text in told), played.text
    assert not played.starts()


@pytest.mark.parametrize("end", ["write", "{exit: 1}", "signal", "hang"])
def test_C14_no_process_of_an_agent_is_left_behind(play, end):
    """Processes and worktrees left behind."""
    forks = "{ignore: [TERM, HUP]}, fork, {fork: session}, {fork: daemon}"
    play.plan("defaults: {timeout: 2s}\n" + chain(f"[{forks}, {end}]"))

    played = play.run()

    assert played.states()["work"] == ("passed" if end == "write" else "failed")
    assert len(played.starts("work")) == 1
    assert played.left_behind() == []


@pytest.mark.parametrize("how", ["child", "session", "daemon"])
def test_C14_no_process_of_a_judge_is_left_behind(play, how):
    play.plan(chain(judge=f"scores: [1], script: [{{do: {{fork: {how}}}}}]"))

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert played.left_behind() == []


@pytest.mark.parametrize("words", [[], ["-n", "1"]], ids=["alone", "worker"])
def test_C14_no_process_is_left_behind_by_a_session_that_is_interrupted(play, words):
    play.plan(chain("[{ignore: [TERM, INT]}, {fork: session}, {fork: daemon}, hang]"))
    session = play.start(*words)
    session.until_started("work")
    while len(session.so_far.left_behind()) < 3:  # the agent, and what it forked
        assert session.process.poll() is None
    session.process.send_signal(signal.SIGINT)

    played = session.wait(25)

    assert played.status == pytest.ExitCode.INTERRUPTED
    assert "was running and was ended: work" in played.text
    assert played.left_behind() == []


def test_C14_no_worktree_is_left_behind_when_its_run_is_removed(play):
    def git(*words: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=play.root, check=True, capture_output=True, text=True
        )
        return done.stdout

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    play.plan(chain("[write, exit]").replace("work: {", "work: {workspace: worktree, "))

    assert play.run().states()["work"] == "failed"
    during = git("worktree", "list", "--porcelain").count("worktree ")
    said = play.command("clean", f"--orch-dir={play.away}/runs", "--keep", "0")

    assert during == 2
    assert git("worktree", "list", "--porcelain").count("worktree ") == 1, said
    assert git("branch", "--list", "orchharness/*") == ""
    assert not list(play.away.glob("runs/*/*/worktrees"))


def test_C15_paused_is_told_apart_from_failed_and_strands_nothing_else(play):
    """An approval that strands the run; paused not told apart from failed."""
    gate = "critics: [judge], max_iterations: 1, on_exhausted: ask"
    play.plan(chain(judge="scores: [0.5]").replace("critics: [judge]", gate) + "  free: {agent: author}\n")

    played = play.run()

    assert played.outcomes == {"passed": 2, "skipped": 2}
    assert played.states() == {"work": "passed", "G-work": "paused", "free": "passed"}
    assert "plan play: paused" in played.text
    assert "paused: waits for G-work" in played.text
    assert played.status == 7


def test_C15_an_approval_releases_what_waits_and_strands_nothing(play):
    gate = "kind: human, question: Ship it?, options: [{id: ship, then: pass}, {id: no, then: fail}]"
    play.plan(chain().replace("critics: [judge]", gate))

    waiting = play.run()
    decide(RunDirectory(waiting.folder), "G-work", "ship", by="Ann", note="")
    played = play.run(f"--orch-resume={waiting.folder.name}")

    assert waiting.status == 7
    assert "G-work asks: Ship it?" in waiting.text
    assert played.status == 0
    assert set(played.states().values()) == {"passed"}
    assert [start["task"] for start in played.starts()] == ["work", "next"]
