"""Going on with an earlier run: what is reused, what is done again, and the one reason that every item gives.

Every agent appends its task to the file `spawns` when it starts: what the harness believes is not asked.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from local_sessions import journal, plan, run, run_folder, states, wait_for
from xdist_sessions import session

from orchharness.errors import OrchError
from orchharness.journal import RunLock
from orchharness.plugins import PluginHost
from orchharness.run.directory import RunDirectory, create, plan_folder
from orchharness.run.past import find_run, mark_open, read_earlier, refuse_beside_agents, runs_of

AGENT = """
import json, os, pathlib, sys
task, out, *words = sys.argv[1:]
with open("spawns", "a") as file:
    file.write(task + "\\n")
if pathlib.Path(task + ".fails").exists():
    sys.exit(3)
text = " ".join(words)
for name, value in sorted(os.environ.items()):
    if name.startswith("ORCH_INPUT_"):
        text += pathlib.Path(value).read_text()
if "ORCH_FINDINGS" in os.environ:
    text += " mended " + os.environ["ORCH_ITERATION"]
pathlib.Path(out).write_text(text + "\\n")
"""
JUDGE = """
import json, os, pathlib
with open("spawns", "a") as file:
    file.write(os.environ["ORCH_GATE"] + "\\n")
text = "".join(p.read_text() for p in pathlib.Path(os.environ["ORCH_GATE_DIR"]).rglob("*.txt"))
score = 0.95 if "mended" in text else 0.5
print(json.dumps({"criteria": {"c": {"score": score, "why": "w"}}, "findings": [
    {"severity": "major", "task": "A", "where": "a", "what": "not mended", "fix": "mend"}]}))
"""
PLAN = """
critics:
  strict: {run: [python, judge.py], criteria: {c: 1}, env: {SPAWNS: "{{ root }}"}}
tasks:
  A: {run: [python, agent.py, A, a.txt, one], outputs: {text: a.txt}, gate: {id: G-A, critics: [strict]}}
  B: {run: [python, agent.py, B, b.txt, two], inputs: {a: A.text}, outputs: {text: b.txt}}
  C: {run: [python, agent.py, C, c.txt, three], outputs: {text: c.txt}, title: third}
  D: {run: [python, agent.py, D, d.txt, four], needs: [B, C], outputs: {text: d.txt}}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "agent.py").write_text(AGENT)
    judge = JUDGE.replace('open("spawns"', f"open({str(pytester.path / 'spawns')!r}")
    (pytester.path / "judge.py").write_text(judge)
    plan(pytester, PLAN)
    return pytester


def spawns(project: pytest.Pytester) -> Counter[str]:
    path = project.path / "spawns"
    found = Counter(path.read_text().split()) if path.exists() else Counter()
    path.unlink(missing_ok=True)
    return found


def reasons(result: pytest.RunResult) -> dict[str, str]:
    found = (re.fullmatch(r"  (\S+) (.+?)( +\[ *\d+%\])?", line) for line in result.outlines)
    return {m[1]: m[2] for m in found if m and m[1] in {"A", "B", "C", "D", "E", "G-A", "G-B", "F"}}


def edit(project: pytest.Pytester, old: str, new: str) -> None:
    [path] = project.path.glob("*.plan.yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


REUSED = "reused: inputs and definition unchanged"


def test_a_run_that_passed_is_reused_as_a_whole(project):
    run(project)
    first = spawns(project)
    result = run(project, "--orch-resume", "-rA")

    assert first == {"A": 2, "G-A": 2, "B": 1, "C": 1, "D": 1}
    assert spawns(project) == {}
    assert reasons(result) == dict.fromkeys(["A", "G-A", "B", "C", "D"], REUSED)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["7 acts of earlier sessions reused", "G-A passed 0.50 → 0.95 *"])
    assert len(list((run_folder(project).parent).glob("2*"))) == 1


def test_a_changed_task_and_what_depends_on_it_are_done_again_and_no_others(project):
    run(project)
    spawns(project)
    edit(project, "B, b.txt, two", "B, b.txt, other")
    result = run(project, "--orch-resume")

    assert spawns(project) == {"B": 1, "D": 1}
    assert reasons(result) == {
        "A": REUSED,
        "G-A": REUSED,
        "B": "re-run: command changed",
        "C": REUSED,
        "D": "re-run: B is done again",
    }
    assert "other" in (project.path / "b.txt").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: third", "title: last, rationale: none, estimate: 1h, tags: [x]"),
        ("tasks:\n", "limits: {parallel: 1}\ntasks:\n"),
        ("title: third", "timeout: 1h, retry: {attempts: 3}"),
    ],
)
def test_what_no_result_depends_on_redoes_nothing(project, old, new):
    run(project)
    spawns(project)
    edit(project, old, new)
    result = run(project, "--orch-resume")

    assert spawns(project) == {}
    result.assert_outcomes(passed=5)


def test_another_threshold_is_applied_to_the_stored_evaluations(project):
    run(project)
    spawns(project)
    edit(project, "critics: [strict]}", "critics: [strict], threshold: 0.97, max_iterations: 2}")
    result = run(project, "--orch-resume")

    assert spawns(project) == {}
    assert states(project)["G-A"] == "failed"
    assert reasons(result)["G-A"] == "reused: failed, and nothing it depends on changed"
    assert reasons(result)["B"] == "skipped: G-A failed"


def test_a_run_of_less_than_is_chosen_is_gone_on_with_and_the_older_one_that_has_more_is_named(project):
    run(project)
    whole = run_folder(project).name
    run(project, "-k", "C", "--orch-fresh")
    part = run_folder(project).name
    spawns(project)
    same = run(project, "-k", "C", "--orch-resume")
    more = run(project, "--orch-resume")
    again = run(project, "--orch-resume")

    for result in (same, again):
        result.stdout.fnmatch_lines([f"a: going on with run {part}"])
    has = f"run {whole} has 4 of the chosen items, which this one has not: `--orch-resume={whole}` goes on with that one"
    more.stdout.fnmatch_lines([f"a: going on with run {part} ({has})"])


def test_what_another_threshold_makes_of_a_gate_is_told_to_whoever_watches_the_run(project):
    edit(project, "critics: [strict]}", "critics: [strict], threshold: 0.97, max_iterations: 2}")
    run(project)
    for threshold, state, reason in (("0.96", "failed", "0.95 < 0.96"), ("0.94", "passed", "0.95 ≥ 0.94")):
        [path] = project.path.glob("*.plan.yaml")
        path.write_text(re.sub(r"threshold: [\d.]+", f"threshold: {threshold}", path.read_text()))
        run(project, "--orch-resume")
        resumed = [entry for entry in journal(project) if entry["event"] == "RunResumed"][-1]
        told = [then for then in resumed["then"] if then["item"] == "G-A"]

        assert told == [
            {
                "item": "G-A",
                "was": "failed",
                "state": state,
                "reason": reason,
                "iteration": 2,
                "score": "0.95",
            }
        ]
    run(project, "--orch-resume")
    resumed = [entry for entry in journal(project) if entry["event"] == "RunResumed"][-1]
    assert "then" not in resumed


@pytest.mark.parametrize("how", ["--orch-resume", "--orch-reuse"])
def test_a_gate_that_failed_passes_by_a_lower_threshold_though_an_earlier_verdict_would_have_ended_it(
    project, how
):
    judge = project.path / "judge.py"
    judge.write_text(judge.read_text().replace("0.95 if", "0.95 if 'mended 9' in text else 0.87 if"))
    edit(project, "critics: [strict]}", "critics: [strict], max_iterations: 4}")
    run(project)
    first = spawns(project)
    edit(project, "max_iterations: 4", "max_iterations: 4, threshold: 0.85")
    result = run(project, how)

    assert first == {"A": 4, "G-A": 4, "C": 1}
    assert spawns(project) == {"B": 1, "D": 1}
    assert {i: reasons(result)[i] for i in ("A", "G-A")} == dict.fromkeys(["A", "G-A"], REUSED)
    result.stdout.fnmatch_lines(
        ["G-A passed 0.50 → 0.87 → 0.87 → 0.87 (threshold 0.85)"] * (how == "--orch-resume")
    )
    assert "mended 4" in (project.path / "b.txt").read_text()
    result.assert_outcomes(passed=5)
    again = run(project, "--orch-resume")
    assert spawns(project) == {}
    assert reasons(again) == dict.fromkeys(["A", "G-A", "B", "C", "D"], REUSED)


def test_work_that_a_reusing_run_took_over_with_a_later_iteration_counts_when_that_run_is_resumed(project):
    run(project)
    spawns(project)
    edit(project, "critics: [strict]}", "critics: [strict], samples: 3}")
    run(project, "--orch-reuse")
    first = spawns(project)
    result = run(project, "--orch-resume")

    assert first == {"G-A": 3, "B": 1, "D": 1}
    assert spawns(project) == {}
    assert reasons(result) == dict.fromkeys(["A", "G-A", "B", "C", "D"], REUSED)


def test_more_iterations_go_on_where_the_gate_was_exhausted(project):
    edit(project, "critics: [strict]}", "critics: [strict], threshold: 0.97, max_iterations: 2}")
    run(project)
    first = spawns(project)
    edit(project, "max_iterations: 2", "max_iterations: 3")
    run(project, "--orch-resume")

    assert first == {"A": 2, "G-A": 2, "C": 1}
    assert spawns(project) == {"A": 1, "G-A": 1}
    assert "mended 3" in (project.path / "a.txt").read_text()


def test_a_changed_critic_judges_the_latest_work_again(project):
    run(project)
    spawns(project)
    judge = project.path / "judge.py"
    judge.write_text(judge.read_text() + "# another one\n")
    result = run(project, "--orch-resume")

    assert spawns(project) == {"G-A": 1, "B": 1, "D": 1}
    assert reasons(result)["G-A"] == "re-run: judge.py changed"
    assert reasons(result)["A"] == REUSED
    result.stdout.fnmatch_lines(["warning: G-A judges again: judge.py changed since the run began"])
    result.assert_outcomes(passed=5)


def test_a_file_that_somebody_edited_is_made_again_with_all_that_depends_on_it(project):
    run(project)
    spawns(project)
    (project.path / "c.txt").write_text("by hand\n")
    result = run(project, "--orch-resume")

    assert spawns(project) == {"C": 1, "D": 1}
    assert reasons(result)["C"] == "re-run: c.txt was changed by nobody of the run"
    assert (project.path / "c.txt").read_text() == "three\n"


def test_a_file_that_a_later_task_edits_in_place_is_unchanged(pytester):
    plan(
        pytester,
        """
tasks:
  A: {run: "echo A >> spawns; echo a > doc.txt", shell: true, outputs: {doc: doc.txt}}
  B: {run: "echo B >> spawns; echo b >> doc.txt", shell: true, needs: [A], outputs: {doc: doc.txt}}
  C: {run: "echo C >> spawns; echo c >> doc.txt", shell: true, needs: [B], writes: [doc.txt]}
""",
    )
    run(pytester)
    spawns(pytester)
    run(pytester, "--orch-resume")

    assert spawns(pytester) == {}
    assert (pytester.path / "doc.txt").read_text() == "a\nb\nc\n"


def test_an_artifact_that_is_damaged_in_the_store_is_made_again(project):
    run(project)
    spawns(project)
    last = [r for r in journal(project) if r["event"] == "TaskFinished" and r["task"] == "C"][-1]
    digest = last["outputs"]["text"][0]["sha256"]
    stored = run_folder(project) / "store" / digest[:2] / digest[2:]
    stored.chmod(0o600)
    stored.write_text("something else")
    result = run(project, "--orch-resume")

    assert reasons(result)["C"] == "re-run: c.txt is not in the store any more, or is damaged there"
    assert spawns(project) == {"C": 1, "D": 1}


def test_a_plain_input_file_that_changed_redoes_the_task_that_read_it(pytester):
    plan(
        pytester,
        """
tasks:
  A: {run: "echo A >> spawns; cat notes/*.md > a.txt", shell: true, inputs: {n: {path: "notes/*.md"}}, outputs: {doc: a.txt}}
  B: {run: "echo B >> spawns; echo b > b.txt", shell: true, outputs: {doc: b.txt}}
""",
    )
    (pytester.path / "notes").mkdir()
    (pytester.path / "notes" / "one.md").write_text("one")
    run(pytester)
    spawns(pytester)
    (pytester.path / "notes" / "one.md").write_text("two")
    result = run(pytester, "--orch-resume")

    assert spawns(pytester) == {"A": 1}
    assert reasons(result)["A"] == "re-run: input file notes/one.md changed"


def test_what_failed_is_tried_again_with_all_its_attempts(project):
    edit(project, "C, c.txt, three], ", "C, c.txt, three], retry: {attempts: 2}, ")
    (project.path / "C.fails").touch()
    first = run(project)
    before = spawns(project)
    again = run(project, "--orch-resume")
    between = spawns(project)
    (project.path / "C.fails").unlink()
    last = run(project, "--orch-resume")

    first.assert_outcomes(passed=3, failed=1, skipped=1)
    assert before == {"A": 2, "G-A": 2, "B": 1, "C": 2}
    again.assert_outcomes(passed=3, failed=1, skipped=1)
    assert between == {"C": 2}
    assert reasons(again)["C"] == "re-run: it ended with exit 3"
    assert spawns(project) == {"C": 1, "D": 1}
    last.assert_outcomes(passed=5)
    acts = [r["act"] for r in journal(project) if r["event"] == "TaskStarted" and r["task"] == "C"]
    assert acts == [f"C.i1.a{n}" for n in range(1, 6)]


def test_a_task_that_is_new_in_the_plan_runs_and_one_that_left_is_forgotten(project):
    run(project)
    spawns(project)
    edit(project, "  D: {", "  E: {run: [python, agent.py, E, e.txt, five], outputs: {text: e.txt}}\n  F: {")
    edit(project, "agent.py, D, d.txt", "agent.py, F, d.txt")
    result = run(project, "--orch-resume")

    assert spawns(project) == {"E": 1, "F": 1}
    result.assert_outcomes(passed=6)


def test_a_variable_redoes_the_tasks_that_name_it(pytester):
    text = """
vars: {word: one, other: x}
tasks:
  A: {run: ["sh", "-c", "echo A >> spawns; echo {{ vars.word }} > a.txt"], outputs: {doc: a.txt}}
  B: {run: ["sh", "-c", "echo B >> spawns; echo {{ vars.other }} > b.txt"], outputs: {doc: b.txt}}
"""
    plan(pytester, text)
    run(pytester)
    spawns(pytester)
    result = run(pytester, "--orch-resume", "--orch-var", "word=two")

    assert spawns(pytester) == {"A": 1}
    assert reasons(result) == {"A": "re-run: variable 'word' changed", "B": REUSED}
    assert (pytester.path / "a.txt").read_text() == "two\n"


def test_the_journal_of_a_resumed_run_replays_to_its_end(project):
    from orchharness.core import events as ev
    from orchharness.core.past import replay
    from orchharness.planfile import read_plan

    run(project)
    edit(project, "C, c.txt, three", "C, c.txt, 3")
    judge = project.path / "judge.py"
    judge.write_text(judge.read_text() + "# another one\n")
    run(project, "--orch-resume")
    (project.path / "b.txt").write_text("by hand")
    run(project, "--orch-resume")

    host = PluginHost.load()
    [path] = project.path.glob("*.plan.yaml")
    read = read_plan(path, root=project.path, kinds=host.kinds, critic_kinds=host.critic_kinds)
    end = replay(read, [ev.from_record(r) for r in journal(project)])
    assert {i: end.status(i).state for i in end.selected} == states(project)
    assert set(states(project).values()) == {"passed"}
    assert end.finished is not None


def test_the_report_of_a_resumed_run_tells_the_whole_of_it(project):
    run(project)
    edit(project, "C, c.txt, three", "C, c.txt, 3")
    run(project, "--orch-resume")
    html = (run_folder(project) / "report.html").read_text()

    assert "2 earlier acts not used" in html
    assert "Resumed at" in html
    assert "0.95" in html


def test_no_earlier_run_is_no_obstacle(project):
    result = run(project, "--orch-resume")

    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["warning: there is no run to go on with: this is a new one"])


def test_an_allowed_failure_and_what_went_on_from_it_are_reused(pytester):
    plan(
        pytester,
        "tasks: {A: {run: [sh, -c, 'echo A >> spawns; exit 1'], allow_failure: true},"
        " B: {run: [sh, -c, echo B >> spawns], needs: [A]}}",
    )
    run(pytester)
    result = run(pytester, "--orch-resume")

    assert spawns(pytester) == {"A": 1, "B": 1}
    assert reasons(result) == {"A": "reused: failed, and nothing it depends on changed", "B": REUSED}


def test_a_run_that_does_not_exist_is_an_error_with_those_there_are(project):
    first = run(project, "--orch-resume=nope")
    assert spawns(project) == {}
    run(project)
    then = run(project, "--orch-resume=nope")

    first.assert_outcomes(errors=1, skipped=4)
    then.assert_outcomes(errors=1, skipped=4)
    first.stdout.fnmatch_lines(["*has no run 'nope' (there: none)*"])
    then.stdout.fnmatch_lines([f"*has no run 'nope' (there: {run_folder(project).name})*"])


def test_of_many_runs_the_newest_are_named(tmp_path):
    for _ in range(7):
        create(tmp_path, "a", "/a.plan.yaml", 1e9).journal.touch()
    with pytest.raises(OrchError) as error:
        find_run(tmp_path, "a", "/a.plan.yaml", "nope")

    newest = [r.run_id for r in runs_of(plan_folder(tmp_path, "a", "/a.plan.yaml"))][:5]
    assert f"(there: {', '.join(newest)}, …)" in str(error.value)


def test_a_run_is_named_by_its_id_or_the_beginning_of_it(project):
    run(project)
    name = run_folder(project).name
    edit(project, "C, c.txt, three", "C, c.txt, 3")
    run(project)
    spawns(project)
    result = run(project, f"--orch-resume={name[:-2]}")

    assert spawns(project) == {"C": 1, "D": 1}
    result.stdout.fnmatch_lines([f"*going on with run {name}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--orch-resume", "x.plan.yaml"), "--orch-resume x.plan.yaml: 'x.plan.yaml' is no run*"),
        (("--orch-resume=a/b",), "--orch-resume a/b: 'a/b' is no run*"),
        (("--orch-reuse", "--orch-fresh"), "*--orch-reuse and --orch-fresh contradict each other*"),
    ],
)
def test_options_that_make_no_sense_are_refused(project, words, message):
    (project.path / "x.plan.yaml").touch()
    result = run(project, *words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])


# ---- a new run that takes over ------------------------------------------------------------------


def test_reuse_begins_a_new_run_with_what_passed(project):
    run(project)
    spawns(project)
    edit(project, "C, c.txt, three", "C, c.txt, 3")
    result = run(project, "--orch-reuse")

    assert spawns(project) == {"C": 1, "D": 1}
    result.assert_outcomes(passed=5)
    assert len(list(run_folder(project).parent.glob("2*"))) == 2
    assert "reused_from" in journal(project)[0]["header"]
    assert set(states(project).values()) == {"passed"}


def test_a_reused_run_can_be_resumed_and_reused_again(project):
    run(project)
    run(project, "--orch-reuse")
    spawns(project)
    resumed = run(project, "--orch-resume")
    reused = run(project, "--orch-reuse")

    assert spawns(project) == {}
    resumed.assert_outcomes(passed=5)
    reused.assert_outcomes(passed=5)


def test_reuse_takes_over_nothing_that_did_not_pass(project):
    (project.path / "C.fails").touch()
    run(project)
    spawns(project)
    (project.path / "C.fails").unlink()
    result = run(project, "--orch-reuse")

    assert spawns(project) == {"C": 1, "D": 1}
    result.assert_outcomes(passed=5)


def test_dependencies_of_chosen_items_are_taken_over(project):
    run(project)
    spawns(project)
    result = run(project, "-k", "D")
    chosen = spawns(project)
    fresh = run(project, "-k", "D", "--orch-fresh")

    assert chosen == {"D": 1}
    assert reasons(result) == dict.fromkeys(["A", "G-A", "B", "C"], REUSED)
    result.assert_outcomes(passed=5)
    assert spawns(project) == {"A": 2, "G-A": 2, "B": 1, "C": 1, "D": 1}
    fresh.assert_outcomes(passed=5)


def test_a_chosen_gate_judges_again_and_its_refined_work_is_not_paid_again(project):
    run(project)
    spawns(project)
    run(project, "-k", "G-A")

    assert spawns(project) == {"G-A": 1}


def test_last_failed_takes_over_what_it_needs(project):
    (project.path / "D.fails").touch()
    run(project)
    spawns(project)
    (project.path / "D.fails").unlink()
    result = run(project, "--lf")

    assert spawns(project) == {"D": 1}
    result.assert_outcomes(passed=5)


def test_a_new_copy_of_the_workspace_is_filled_from_the_store(pytester):
    plan(
        pytester,
        f"""
workspace: {{copy: source}}
tasks:
  A: {{run: "echo A >> {pytester.path}/spawns; echo a >> doc.txt; echo r > $ORCH_OUTPUT_R", shell: true, outputs: {{doc: doc.txt, r: "run:r.txt"}}}}
  B: {{run: "echo B >> {pytester.path}/spawns; cat doc.txt $ORCH_INPUT_R > b.txt", shell: true, inputs: {{r: A.r}}, needs: [A], outputs: {{doc: b.txt}}}}
""",
    )
    (pytester.path / "source").mkdir()
    (pytester.path / "source" / "doc.txt").write_text("0\n")
    run(pytester)
    spawns(pytester)
    result = run(pytester, "-k", "B")
    taken = spawns(pytester)
    made = (run_folder(pytester) / "workspace" / "b.txt").read_text()
    (pytester.path / "source" / "doc.txt").write_text("1\n")
    changed = run(pytester, "-k", "B")

    assert taken == {"B": 1}
    assert made == "0\na\nr\n"
    result.assert_outcomes(passed=2)
    assert spawns(pytester) == {"A": 1, "B": 1}
    assert reasons(changed)["A"] == "re-run: the folder that is copied changed"


# ---- files ----------------------------------------------------------------------------------------


def test_nobody_else_may_read_anything_of_a_run(project):
    before = os.umask(0)
    try:
        run(project)
        edit(project, "C, c.txt, three", "C, c.txt, 3")
        run(project, "--orch-resume")
    finally:
        os.umask(before)
    folder = run_folder(project)
    open_ = [
        str(p.relative_to(folder))
        for p in [folder, *folder.rglob("*")]
        if p.is_file() and not p.is_symlink() and p.stat().st_mode & 0o077
    ]

    assert open_ == []


def test_the_past_of_a_run_is_read_from_its_journal_alone(project):
    run(project)
    run(project, "--orch-resume")
    earlier = read_earlier(RunDirectory(Path(run_folder(project))))

    assert earlier.past.ended
    assert earlier.past.times == 1
    assert earlier.past.open == ()


# ---- runs that died early, and folders that changed between sessions ------------------------------


def test_a_run_that_died_before_its_first_record_is_passed_over(project):
    run(project)
    spawns(project)
    dead = run_folder(project).with_name("99991231-235959-aaaaaa")
    dead.mkdir()
    (dead / "journal.jsonl").touch()
    result = run(project, "--orch-resume")

    result.assert_outcomes(passed=5)
    assert spawns(project) == {}


def test_a_run_that_is_just_being_made_keeps_its_mark(project):
    run(project)
    folder = run_folder(project).parent
    young = RunDirectory(folder / "99991231-235959-bbbbbb")
    young.root.mkdir()
    mark_open(young)
    with RunLock(young.root / "lock"):
        refuse_beside_agents(folder, PluginHost.load())
        kept = (folder / "open" / young.run_id).exists()
    refuse_beside_agents(folder, PluginHost.load())

    assert kept
    assert not (folder / "open" / young.run_id).exists()


def test_a_resumed_run_remembers_the_folder_it_copied_not_the_one_it_finds(pytester):
    plan(
        pytester,
        f"""
workspace: {{copy: source}}
tasks:
  A: {{run: "echo A >> {pytester.path}/spawns; cp doc.txt a.txt", shell: true, outputs: {{doc: a.txt}}}}
  B: {{run: "echo B >> {pytester.path}/spawns; echo b > b.txt", shell: true, needs: [A], outputs: {{doc: b.txt}}}}
""",
    )
    (pytester.path / "source").mkdir()
    (pytester.path / "source" / "doc.txt").write_text("old\n")
    run(pytester)
    (pytester.path / "source" / "doc.txt").write_text("new\n")
    run(pytester, "--orch-resume")
    spawns(pytester)
    result = run(pytester, "-k", "B")

    assert spawns(pytester) == {"A": 1, "B": 1}
    assert reasons(result)["A"] == "re-run: the folder that is copied changed"
    assert (run_folder(pytester) / "workspace" / "a.txt").read_text() == "new\n"


def test_reuse_takes_over_what_worked_in_a_copy_of_the_folder_that_pytest_itself_writes_to(
    pytester, tmp_path_factory, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # caches go there
    plan(
        pytester,
        """
workspace: {copy: .}
tracks:
  one: {tasks: {A: {run: [sh, -c, "echo a > a.txt"], outputs: {doc: a.txt}}}}
  two: {include: part.yaml}
""",
    )
    (pytester.path / "part.yaml").write_text("orchharness: 1\ntasks: {B: {run: [touch, b.txt], title: B}}\n")
    run(pytester)
    (pytester.path / "__pycache__").mkdir(exist_ok=True)
    (pytester.path / "__pycache__" / "x.pyc").touch()
    edit(pytester, "  two:", "  # a remark\n  two:")
    (pytester.path / "part.yaml").write_text("orchharness: 1\ntasks: {B: {run: [touch, b.txt], title: C}}\n")
    again = run(pytester, "--orch-reuse")
    copy = run_folder(pytester) / "workspace"
    left = [n for n in ("__pycache__", ".pytest_cache", ".orchharness") if (copy / n).exists()]
    (pytester.path / "other.txt").touch()
    changed = run(pytester, "--orch-reuse")

    again.stdout.fnmatch_lines(["*A reused: inputs and definition unchanged*", "*2 acts of earlier*reused*"])
    assert (pytester.path / ".pytest_cache").exists()
    assert left == []
    assert reasons(changed)["A"] == "re-run: the folder that is copied changed"


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"key": 1}', '{"spawn": 3}'])
def test_a_request_that_its_agent_spoilt_is_no_reason_to_start_a_second_one(project, spoilt):
    run(project)
    spawns(project)
    folder = run_folder(project)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if b'"act":"C.i1.a1"' in line and b"TaskFinished" in line)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
    (folder / "acts" / "C.i1.a1" / "request.json").write_text(spoilt)
    result = run(project, "--orch-resume")

    assert "C" not in spawns(project)
    result.stdout.fnmatch_lines(["*request.json is damaged: the act was spawned*"])
    assert states(project)["C"] == "failed"


# ---- people edit between two sessions --------------------------------------------------------------

JUDGED = """
critics:
  slow: {run: [sh, slow.sh], criteria: {c: 1}}
agents:
  writer: {kind: command, run: [sh, -c, "echo c > c.txt"]}
tracks:
  one:
    tasks:
      A: {run: [sh, -c, "echo a > a.txt"], outputs: {text: a.txt}, gate: {id: G-A, critics: [slow]}}
  two: {include: part.yaml}
  three: {tasks: {C: {agent: writer, prompt: {file: prompt.md}, outputs: {text: c.txt}}}}
"""


@pytest.fixture
def left_judging(pytester):
    """A run whose orchestrator was killed while the critic of `G-A` works, until there is a file `go`."""
    plan(pytester, JUDGED)
    (pytester.path / "part.yaml").write_text("orchharness: 1\ntasks: {E: {run: [touch, e.txt]}}\n")
    (pytester.path / "prompt.md").write_text("Write.\n")
    (pytester.path / "slow.sh").write_text(
        f"cd {pytester.path}; echo G-A >> spawns; while [ ! -e go ]; do sleep 0.01; done\n"
        """echo '{"criteria": {"c": 1}}'\n"""
    )
    words = ["-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    died = pytester.popen([pytester._getpytestargs()[0], *words], start_new_session=True)
    try:
        wait_for((pytester.path / "spawns").exists)
    finally:
        died.kill()
        died.wait()
        died.stdout.close()
        died.stderr.close()
    (pytester.path / "go").touch()
    return pytester


@pytest.mark.parametrize("words", [[], ["-n1"]], ids=["n0", "n1"])
@pytest.mark.parametrize("name", ["a.plan.yaml", "part.yaml", "prompt.md"])
def test_a_judgement_under_way_stands_whatever_people_edit_that_does_not_judge(left_judging, name, words):
    with (left_judging.path / name).open("a") as file:
        file.write("# a remark\n")

    result = session(left_judging, "--orch-resume", *words)

    result.stdout.fnmatch_lines(["*G-A re-attached: *"])
    assert states(left_judging)["G-A"] == "passed"
    assert spawns(left_judging) == {"G-A": 1}


def test_a_judgement_under_way_does_not_count_when_its_judge_was_edited(left_judging):
    with (left_judging.path / "slow.sh").open("a") as file:
        file.write("# a remark\n")

    result = session(left_judging, "--orch-resume")

    result.stdout.fnmatch_lines(["*G-A re-run: slow.sh changed*"])
    assert states(left_judging)["G-A"] == "passed"
    assert spawns(left_judging) == {"G-A": 2}


@pytest.mark.parametrize(
    ("name", "again"),
    [("prompt.md", {"C": 1}), ("rubric.md", {"G-B": 1}), ("schema.json", {})],
    ids=["prompt", "rubric", "schema"],
)
@pytest.mark.parametrize("word", ["--orch-resume", "--orch-reuse"])
def test_a_file_that_the_plan_names_makes_nothing_anew_but_what_reads_it(pytester, name, again, word):
    say = f"echo $ORCH_GATE$ORCH_TASK >> {pytester.path}/spawns"
    verdict = '{"criteria": {"c": 1}}'
    (pytester.path / "judge.sh").write_text(f"{say}; echo '{verdict}'\n")
    plan(
        pytester,
        f"""
agents:
  writer: {{kind: command, run: [sh, -c, "{say}; echo c > c.txt"]}}
  reader: {{kind: command, run: [sh, judge.sh]}}
critics:
  one: {{run: [sh, judge.sh], criteria: {{c: 1}}}}
  two: {{agent: reader, prompt: {{file: rubric.md}}, criteria: {{c: 1}}}}
tasks:
  A: {{run: [sh, -c, "{say}; echo a > a.txt"], outputs: {{text: a.txt}}, gate: {{id: G-A, critics: [one]}}}}
  B: {{run: [sh, -c, "{say}; echo b > b.txt"], outputs: {{text: b.txt}}, gate: {{id: G-B, critics: [two]}}}}
  C: {{agent: writer, prompt: {{file: prompt.md}}, outputs: {{text: c.txt}}}}
  D: {{run: [sh, -c, "{say}; echo 1 > d.json"], outputs: {{text: d.json}},
      gate: {{id: G-D, checks: [{{json: {{path: d.json, schema: schema.json}}}}]}}}}
  E: {{run: [sh, -c, "{say}"], needs: [A, B]}}
""",
    )
    for file, text in (("prompt.md", "Write."), ("rubric.md", "Be strict."), ("schema.json", "{}")):
        (pytester.path / file).write_text(text)
    run(pytester).assert_outcomes(passed=8)
    spawns(pytester)
    with (pytester.path / name).open("a") as file:
        file.write("\n")

    found = reasons(run(pytester, word))

    assert states(pytester)["G-A"] == "passed"
    assert found["G-A"] == found["A"] == "reused: inputs and definition unchanged"
    assert spawns(pytester) == {**again, **({"E": 1} if name == "rubric.md" else {})}
