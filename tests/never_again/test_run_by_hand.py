"""A plan of 25 tasks and 7 gates that was orchestrated by hand, and what went wrong."""
# ruff: noqa: N802 - A1 to A12 are the names of what happened

from __future__ import annotations

import hashlib
import json
import time

import pytest
import yaml

FINAL = """
critics:
  c_a: {kind: scripted, criteria: {c: 1}, scores: [0.94], script: [{do: {total: 1.0}}]}
  c_b: {kind: scripted, criteria: {c: 1}, scores: [0.94]}
  c_c: {kind: scripted, criteria: {c: 1}, scores: [0.97]}
agents: {author: {kind: scripted}}
phases:
  build:
    tasks:
      a: {agent: author, outputs: {o: a.md}, gate: {critics: [c_a]}}
      b: {agent: author, outputs: {o: b.md}, gate: {critics: [c_b]}}
      c: {agent: author, outputs: {o: c.md}, gate: {critics: [c_c]}}
  final: {gates: {G-FINAL: {of: [G-a, G-b, G-c], aggregate: mean, threshold: 0.951, max_iterations: 1}}}
"""


def test_A1_what_a_task_reads_is_there_before_it_starts(play):
    """Two tasks ran side by side although one needed what the other found out; their texts contradicted each other."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{do: [{sleep: 0.3}, {write: {profile: strict}}]}]}}
        tracks:
          one: {tasks: {TASK-420: {agent: author, outputs: {profile: profile.md}}}}
          two: {tasks: {TASK-421: {inputs: {profile: TASK-420.profile}, run: [sh, -c, 'cp $ORCH_INPUT_PROFILE doc.md'], outputs: {doc: doc.md}}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 2}
    assert (play.root / "doc.md").read_text() == "strict"
    events = [(entry["event"], entry.get("task")) for entry in played.journal()]
    assert events.index(("TaskFinished", "TASK-420")) < events.index(("TaskStarted", "TASK-421"))


def test_A1_a_file_of_another_task_that_is_read_without_an_edge_is_refused(play):
    play.plan(
        """
        agents: {author: {kind: scripted}}
        tasks:
          TASK-420: {agent: author, outputs: {profile: profile.md}}
          TASK-421: {agent: author, inputs: {profile: ./profile.md}}
        """
    )

    played = play.run()

    assert played.outcomes == {"error": 1}
    assert "write 'TASK-420.profile', which names the edge" in played.text
    assert not played.starts()


def test_A2_the_agent_that_did_the_work_cannot_score_it(play):
    """An agent gave itself 1.00, and the critique that it named as evidence did not exist."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{do: [{score: 1.0}, write]}]}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.5]}}
        tasks:
          work: {agent: author, outputs: {a: a.md, e: evaluation.json}, gate: {critics: [judge], max_iterations: 1}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 1, "failed": 1}
    assert "G-work failed 0.50 (threshold 0.90)" in played.text
    assert len(played.starts("judge")) == 1


@pytest.mark.parametrize(
    "instead", ["{answer: 'Perfect, 1.00.'}", "{exit: 0}", "{write: {evaluation.json: '1'}}"]
)
def test_A2_without_a_stored_evaluation_a_gate_has_not_passed(play, instead):
    play.plan(
        f"""
        agents: {{author: {{kind: scripted, script: [{{do: [{{score: 1.0}}, write]}}]}}}}
        critics: {{judge: {{kind: scripted, criteria: {{c: 1}}, script: [{{do: [{instead}, {{answer: none}}]}}]}}}}
        tasks: {{work: {{agent: author, outputs: {{a: a.md}}, gate: {{critics: [judge]}}}}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 1, "error": 1}
    assert played.states()["G-work"] == "error"
    assert played.status == pytest.ExitCode.TESTS_FAILED


def test_A3_the_final_score_is_computed_from_stored_evaluations(play):
    """The final gate passed by a self-given score and a wrong sum: 0.958 stood in the file where 0.952 was right."""
    play.plan(FINAL)

    played = play.run()

    assert played.outcomes == {"passed": 6, "failed": 1}
    assert "G-FINAL failed 0.95 (threshold 0.951)" in played.text
    warned = [m["warnings"] for entry in played.journal() for m in entry.get("then", ()) if m.get("warnings")]
    assert [text for texts in warned for text in texts] == [
        "c_a states a total of 1.0, the computed score is 0.94"
    ]


def test_A4_a_projected_score_is_no_score(play):
    """A gate passed on the score that somebody expected it to have."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{do: [write, {result: {projected_score: 0.95}}]}]}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, script: [{do: {evaluation: {criteria: {}, total: 0.95}}}]}}
        tasks: {work: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 1, "error": 1}


def test_A4_journal_state_file_report_and_terminal_say_the_same(play):
    """One file held four answers about one gate."""
    play.plan(
        """
        agents: {author: {kind: scripted}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.31, 0.37]}}
        tasks: {work: {agent: author, outputs: {a: a.md}, gate: {critics: [judge], max_iterations: 2}}}
        """
    )

    played = play.run()

    state = yaml.safe_load((played.folder / "ORCHESTRATION.yaml").read_text())
    gate = state["phases"]["tasks"]["tasks"]["G-work"]
    assert played.states() == {"work": "passed", "G-work": "failed"}
    assert (gate["state"], str(gate["score"])) == ("failed", "0.37")
    assert "0.37" in (played.folder / "report.html").read_text()
    assert "G-work failed 0.31 → 0.37 (threshold 0.90)" in played.text


def test_A5_a_critic_gets_the_artifacts_themselves_and_asking_it_again_is_no_iteration(play):
    """A critic looked in a wrong folder, found nothing, and being asked again was counted as new work."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{do: {write: {a: really written}}}]}}
        critics:
          judge: {kind: scripted, criteria: {c: 1}, retry: {attempts: 2}, script: [{attempt: 1, do: [{say: there is nothing}, exit]}]}
        tasks: {work: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 2}
    assert [(e["iteration"], e["attempt"]) for e in played.starts("judge")] == [(1, 1), (1, 2)]
    (judged,) = played.journal("JudgementFinished")[-1]["artifacts"]["work.a"]
    assert judged["sha256"] == hashlib.sha256(b"really written").hexdigest()
    asked = json.loads((played.folder / "acts/G-work.i1.judge.a2/critic-request.json").read_text())
    assert "acts/G-work.i1.judge.a2/" in asked["artifacts"]["work.a"][0]


def test_A6_a_file_that_existed_before_the_task_proves_nothing(play):
    """The declared file was there all along; the real output went elsewhere, unseen by its reader."""
    play.file("docs/model.md", "written last month")
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{task: EN-027, do: {write: {elsewhere.md: real}}}]}}
        tasks:
          EN-027: {agent: author, outputs: {definitions: docs/model.md}}
          TASK-422: {agent: author, inputs: {definitions: EN-027.definitions}}
        """
    )

    played = play.run()

    assert played.outcomes == {"failed": 1, "skipped": 1}
    assert "it existed before and is untouched" in played.text
    assert not played.starts("TASK-422")


def test_A7_a_cross_pollination_point_blocks_its_consumer(play):
    """A point where two tracks should have met blocked nobody."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{task: EN-027, do: lie}]}}
        tracks:
          one: {tasks: {EN-027: {agent: author, outputs: {definitions: d.md}}}}
          two: {tasks: {TASK-422: {agent: author}, free: {agent: author}}}
        cross_pollination: {CP-2: {from: EN-027, to: TASK-422, artifacts: [definitions]}}
        """
    )

    played = play.run()

    assert played.states() == {"EN-027": "failed", "TASK-422": "skipped", "free": "passed"}
    assert "EN-027 failed" in played.text
    assert not played.starts("TASK-422")


def test_A8_a_run_never_writes_its_plan(play):
    """Marking work as done emptied `blocked_by`: in the end the file no longer held the plan."""
    path = play.plan(
        """
        agents: {author: {kind: scripted}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.2, 1]}}
        tasks:
          one: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}
          two: {agent: author, needs: [one]}
        """
    )
    before = path.read_bytes(), path.stat().st_mtime_ns

    played = play.run()

    assert played.outcomes == {"passed": 3}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert (played.folder / "plan.yaml").read_bytes() == before[0]


def test_A9_times_are_the_engines_own(play):
    """Times in the log were invented, and lay hours in the future of their own commit."""
    play.plan(
        """
        agents:
          author: {kind: scripted, script: [{do: [write, {result: {started: '2031-01-01T00:00:00Z', seconds: 241200, summary: took 67 hours}}]}]}
        tasks: {work: {agent: author, outputs: {a: a.md}, estimate: 67h}}
        """
    )
    began = time.time()

    played = play.run()

    ended = time.time()
    times = [entry["at"] for entry in played.journal()]
    monotonic = [entry["mono"] for entry in played.journal()]
    assert played.outcomes == {"passed": 1}
    assert times == sorted(times)
    assert monotonic == sorted(monotonic)
    assert began <= times[0] <= times[-1] <= ended
    assert played.journal("TaskFinished")[0]["seconds"] < ended - began


def test_A10_two_tracks_that_write_the_same_file_unordered_are_refused(play):
    """Two tracks edited the same files, in no order."""
    play.plan(
        """
        agents: {author: {kind: scripted}}
        tracks:
          one: {tasks: {a: {agent: author, outputs: {x: SKILL.md}}}}
          two: {tasks: {b: {agent: author, outputs: {x: SKILL.md}}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"error": 1}
    assert "tasks 'a' and 'b' can run at once and both may write 'SKILL.md'" in played.text
    assert not played.starts()


def test_A11_a_gate_that_fails_first_is_refined_shown_and_timed(play):
    """Every gate that a critic really judged failed at first, and nobody had planned for it."""
    play.plan(
        """
        agents: {author: {kind: scripted, script: [{do: [{sleep: 0.1}, write]}]}}
        critics: {judge: {kind: scripted, criteria: {c: 1}, scores: [0.85, 0.95]}}
        tasks: {work: {agent: author, outputs: {a: a.md}, gate: {critics: [judge]}}}
        """
    )

    played = play.run()

    assert played.outcomes == {"passed": 2}
    assert "REFINE G-work 0.85 < 0.90, iteration 2" in played.text
    assert "G-work passed 0.85 → 0.95 (threshold 0.90)" in played.text
    assert [entry["iteration"] for entry in played.starts("work")] == [1, 2]
    assert sum(entry["seconds"] for entry in played.journal("TaskFinished")) >= 0.2


def test_A12_the_useful_width_and_the_bound_are_said_before_anything_is_spent(play):
    """Two agents already reached the critical path; the claim was half the time with more of them."""
    play.plan(
        """
        limits: {parallel: 4}
        agents: {author: {kind: scripted}}
        tracks:
          one: {tasks: {a: {agent: author, estimate: 5h}, b: {agent: author, estimate: 3h, needs: [a]}}}
          two: {tasks: {c: {agent: author, estimate: 6h}}}
        """
    )

    told = play.run("--orch-explain")
    simulated = play.command("simulate", "--parallel", "1,2,4", "play.plan.yaml")

    assert "critical path: 8 h, which no number of agents shortens" in told.text
    assert "useful width: 2 agents, with which it takes 8 h" in told.text
    assert "more win nothing" in told.text
    assert "useful width: 2 agents; more win nothing" in simulated
    assert [line.split()[:3] for line in simulated.splitlines() if line.split()[1:2] in (["14"], ["8"])] == [
        ["1", "14", "h"],
        ["2", "8", "h"],
        ["4", "8", "h"],
    ]
    assert not told.starts()


def test_A12_no_more_agents_are_started_than_the_plan_can_use(play):
    play.plan(
        """
        limits: {parallel: 9}
        agents: {author: {kind: scripted}}
        tracks:
          one: {tasks: {a: {agent: author}, b: {agent: author, needs: [a]}}}
          two: {tasks: {c: {agent: author}}}
        """
    )

    played = play.run_apart("-n", "auto")

    assert played.outcomes == {"passed": 3}
    assert "created: 2/2 workers" in played.text
    assert "critical path" in (played.folder / "report.html").read_text().lower()
