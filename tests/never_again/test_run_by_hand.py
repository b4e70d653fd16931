"""What went wrong when FEAT-005 was run by hand: each is played with scripted agents, and must not happen here."""

from __future__ import annotations

import time
from typing import Any

SCORE = "say({'criteria': {'c': %s}})"


def gated(**scores: float) -> str:
    """Tasks with a gate of their own each, judged by a critic of its own."""
    critics = "".join(f"  c_{name}: {{run: [python, c_{name}.py], criteria: {{c: 1}}}}\n" for name in scores)
    tasks = "".join(
        f"      {name}: {{run: [sh, -c, 'echo x > {name}.md'], outputs: {{o: {name}.md}},"
        f" gate: {{critics: [c_{name}], threshold: 0.9, max_iterations: 1}}}}\n"
        for name in scores
    )
    return f"critics:\n{critics}phases:\n  build:\n    tasks:\n{tasks}"


def test_a1_what_a_task_reads_is_there_before_it_starts(play: Any) -> None:
    play.plan(
        """
        tracks:
          one: {tasks: {TASK-420: {run: [sh, -c, 'sleep 0.3; echo the profile is strict > profile.md'], outputs: {profile: profile.md}}}}
          two: {tasks: {TASK-421: {inputs: {profile: TASK-420.profile}, run: [sh, -c, 'cat $ORCH_INPUT_PROFILE > doc.md'], outputs: {doc: doc.md}}}}
        """
    )

    play.run()

    play.outcomes(passed=2)
    assert (play.root / "doc.md").read_text() == "the profile is strict\n"
    events = [(r["event"], r.get("task")) for r in play.journal()]
    assert events.index(("TaskFinished", "TASK-420")) < events.index(("TaskStarted", "TASK-421"))


def test_a1_a_file_of_another_task_that_is_not_declared_as_an_edge_is_refused(play: Any) -> None:
    play.plan(
        """
        tasks:
          TASK-420: {run: [touch, profile.md], outputs: {profile: profile.md}}
          TASK-421: {inputs: {profile: ./profile.md}, run: 'true'}
        """
    )

    play.run()

    play.outcomes(errors=1)
    play.says(
        "'profile.md' is output 'profile' of task 'TASK-420': write 'TASK-420.profile', which names the edge"
    )


def test_a2_the_producer_does_not_score_itself(play: Any, critic: Any) -> None:
    critic("judge.py", SCORE % 0.5)
    claim = '{\\"criteria\\": {\\"c\\": {\\"score\\": 1.0}}, \\"score\\": 1.0, \\"status\\": \\"success\\"}'
    play.plan(
        f"""
        critics: {{judge: {{run: [python, judge.py], criteria: {{c: 1}}}}}}
        tasks:
          work:
            run: [sh, -c, 'echo "{claim}" | tee evaluation.json $ORCH_TASK_DIR/evaluation.json $ORCH_RESULT; echo x > a.md']
            outputs: {{a: a.md, e: evaluation.json}}
            gate: {{critics: [judge], max_iterations: 1}}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1)
    play.says("0.50 < 0.90")


def test_a2_without_a_stored_evaluation_a_gate_has_not_passed(play: Any, critic: Any) -> None:
    critic("judge.py", "open(os.environ['ORCH_GATE_DIR'] + '/critique.md', 'w').write('perfect, 1.00')")
    play.plan(
        """
        critics: {judge: {run: [python, judge.py], criteria: {c: 1}}}
        tasks: {work: {run: [touch, a.md], outputs: {a: {path: a.md, min_bytes: 0}}, gate: {critics: [judge]}}}
        """
    )

    play.run()

    play.outcomes(passed=1, errors=1)
    play.says("did not answer with an evaluation: ")


def test_a3_the_final_score_is_computed_by_the_engine_from_stored_evaluations(play: Any, critic: Any) -> None:
    scores = dict.fromkeys("abcd", 0.94) | {"e": 0.99}
    for name, score in scores.items():
        critic(f"c_{name}.py", f"say({{'criteria': {{'c': {score}}}, 'total': 1.0}})")
    final = "  final:\n    gates: {G-FINAL: {of: [G-a, G-b, G-c, G-d, G-e], aggregate: mean, threshold: 0.952, max_iterations: 1}}\n"
    play.plan(gated(**scores) + final)

    play.run()

    play.outcomes(passed=10, failed=1)
    play.says("0.95 < 0.952")
    warned = [t for r in play.journal() for t in r.get("then", ()) if t.get("warnings")]
    assert {w["item"] for w in warned} == {"G-a", "G-b", "G-c", "G-d"}
    assert warned[0]["warnings"][0].endswith("states a total of 1.0, the computed score is 0.94")


def test_a4_a_projected_score_is_no_score(play: Any, critic: Any) -> None:
    critic("c_a.py", "say({'projected': 0.95, 'criteria': {}, 'findings': []})")
    play.plan(gated(a=1))

    play.run()

    play.outcomes(passed=1, errors=1)


def test_a4_journal_state_file_report_and_terminal_say_the_same(play: Any, critic: Any) -> None:
    critic("c_a.py", SCORE % 0.92)
    critic("c_b.py", SCORE % 0.31)
    play.plan(gated(a=1, b=1))

    play.run()

    play.outcomes(passed=3, failed=1)
    import yaml

    state = yaml.safe_load((play.run_dir / "ORCHESTRATION.yaml").read_text())
    text = str(state)
    assert [play.transitions(g)[-1] for g in ("G-a", "G-b")] == ["passed", "failed"]
    assert "0.92" in text
    assert "0.31" in text
    assert "0.31" in play.report()
    play.says("0.31 < 0.90")


def test_a5_a_critic_gets_the_artifacts_themselves_and_being_asked_again_is_no_iteration(
    play: Any, critic: Any
) -> None:
    critic(
        "judge.py",
        """
        marks = os.environ['ORCH_PLAN_DIR'] + '/marks'
        if not os.path.exists(marks):
            open(marks, 'w').close()
            sys.exit('I looked in a wrong folder')
        text = open(os.environ['ORCH_INPUT_A']).read()
        say({'criteria': {'c': 1 if text == 'really written\\n' else 0.52}})
        """,
    )
    play.plan(
        """
        critics: {judge: {run: [python, judge.py], criteria: {c: 1}, retry: {attempts: 2}}}
        tasks: {work: {run: [sh, -c, 'echo really written > a.md'], outputs: {a: a.md}, gate: {critics: [judge], max_iterations: 1}}}
        """
    )

    play.run()

    play.outcomes(passed=2)
    assert [(r["iteration"], r["attempt"]) for r in play.journal("JudgementStarted")] == [(1, 1), (1, 2)]


def test_a6_a_file_that_existed_before_the_task_proves_nothing(play: Any) -> None:
    play.file("docs/model.md", "written last month")
    play.plan(
        """
        tasks:
          EN-027: {run: [sh, -c, 'echo real > elsewhere.md'], outputs: {definitions: docs/model.md}}
          TASK-422: {inputs: {definitions: EN-027.definitions}, run: [touch, used]}
        """
    )

    play.run()

    play.outcomes(failed=1, skipped=1)
    play.says("it existed before and is untouched", "SKIPPED")
    assert not (play.root / "used").exists()


def test_a7_a_cross_pollination_point_blocks_its_consumer(play: Any) -> None:
    play.plan(
        """
        tracks:
          one: {tasks: {EN-027: {run: 'false', outputs: {definitions: d.md}}}}
          two: {tasks: {TASK-422: {run: [touch, ran]}, free: {run: 'true'}}}
        cross_pollination:
          CP-2: {from: EN-027, to: TASK-422, artifacts: [definitions]}
        """
    )

    play.run()

    play.outcomes(passed=1, failed=1, skipped=1)
    play.says("EN-027 failed")
    assert not (play.root / "ran").exists()


def test_a8_the_plan_is_never_written_by_a_run(play: Any, critic: Any) -> None:
    critic("c_a.py", "say({'criteria': {'c': 1 if os.environ['ORCH_ITERATION'] == '2' else 0}})")
    path = play.plan(
        gated(a=1)
        .replace("max_iterations: 1", "max_iterations: 2")
        .replace("echo x >", "echo $ORCH_ITERATION >")
    )
    before = path.read_bytes(), path.stat().st_mtime_ns

    play.run()

    play.outcomes(passed=2)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert (play.run_dir / "plan.yaml").read_bytes() == before[0]


def test_a9_times_are_the_engines_own(play: Any) -> None:
    lie = '{\\"started\\": \\"2031-01-01T00:00:00Z\\", \\"duration\\": \\"67h\\", \\"summary\\": \\"took 67 hours\\"}'
    play.plan(f"tasks: {{a: {{run: [sh, -c, 'echo \"{lie}\" > $ORCH_RESULT']}}}}\n")
    began = time.time()

    play.run()

    ended = time.time()
    times = [r["at"] for r in play.journal()]
    monotonic = [r["mono"] for r in play.journal()]
    play.outcomes(passed=1)
    assert times == sorted(times)
    assert monotonic == sorted(monotonic)
    assert began <= times[0] <= times[-1] <= ended
    assert play.journal("TaskFinished")[0]["seconds"] < ended - began


def test_a10_two_tracks_that_write_the_same_files_unordered_are_refused(play: Any) -> None:
    play.plan(
        """
        tracks:
          one: {tasks: {a: {run: 'true', outputs: {x: SKILL.md}}}}
          two: {tasks: {b: {run: 'true', outputs: {x: SKILL.md}}}}
        """
    )

    play.run()

    play.outcomes(errors=1)
    play.says("tasks 'a' and 'b' can run at once and both may write 'SKILL.md'")


def test_a11_a_gate_that_fails_first_is_refined_shown_and_timed(play: Any, critic: Any) -> None:
    critic("c_a.py", "say({'criteria': {'c': 0.75 + 0.1 * int(os.environ['ORCH_ITERATION'])}})")
    play.plan(
        gated(a=1)
        .replace("max_iterations: 1", "max_iterations: 3")
        .replace("echo x >", "sleep 0.1; echo $ORCH_ITERATION >")
    )

    play.run()

    play.outcomes(passed=2)
    play.says("REFINE G-a 0.85 < 0.90, iteration 2", "G-a passed 0.85 → 0.95 (threshold 0.90)")
    assert sum(r["seconds"] for r in play.journal("TaskFinished")) >= 0.2
    assert [r["iteration"] for r in play.journal("TaskStarted")] == [1, 2]
