"""Tasks that work in git worktrees of their own: what is kept apart, what is kept, and what is refused.

Every agent appends its task to the file `spawns` of the project when it starts: what the harness believes is not asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from local_sessions import journal, plan, run, run_folder, states
from xdist_sessions import session

import orchharness.run.branches  # noqa: F401 - as in local_sessions

AGENT = """
import os, pathlib, subprocess, sys
task, *pairs = sys.argv[1:]
with open(os.environ["SPAWNS"], "a") as file:
    file.write(task + "\\n")
for name, text in zip(pairs[::2], pairs[1::2]):
    path = pathlib.Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text + os.environ["ORCH_ITERATION"] + "\\n")
subprocess.run(["git", "add", "-A"], check=True)
subprocess.run(["git", "commit", "-qm", task], check=True)
"""
TWO = """
tasks:
  one: {workspace: worktree, run: [python, agent.py, one, notes.md, one], outputs: {notes: notes.md}}
  two: {workspace: worktree, run: [python, agent.py, two, notes.md, two], outputs: {notes: notes.md}}
"""
MERGED = (
    TWO.replace(
        "two, notes.md, two], outputs: {notes: notes.md}", "two, other.md, two], outputs: {o: other.md}"
    )
    + """
  merge:
    workspace: worktree
    needs: [one, two]
    run: git merge -q --no-edit "orchharness/$ORCH_RUN/one" "orchharness/$ORCH_RUN/two" && cat notes.md other.md > both.md
    shell: true
    outputs: {both: both.md}
"""
)


def git(folder: Path, *words: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.Pytester:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\nname = A Name\nemail = a@example.org\n[init]\ndefaultBranch = main\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPAWNS", str(tmp_path / "spawns"))
    (pytester.path / "agent.py").write_text(AGENT)
    (pytester.path / "notes.md").write_text("as it was\n")
    (pytester.path / ".gitignore").write_text("__pycache__\n*.plan.yaml\n")
    git(pytester.path, "init", "-q")
    commit(pytester.path)
    return pytester


def spawns() -> Counter[str]:
    path = Path(os.environ["SPAWNS"])
    found = Counter(path.read_text().split()) if path.exists() else Counter()
    path.unlink(missing_ok=True)
    return found


def worktree(project: pytest.Pytester, task: str) -> Path:
    return run_folder(project) / "worktrees" / task


def edit(project: pytest.Pytester, old: str, new: str) -> None:
    path = project.path / "a.plan.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


# ---- kept apart ----------------------------------------------------------------------------------


def test_two_tasks_write_one_file_at_once_and_neither_sees_the_other(project):
    plan(project, TWO)
    result = run(project)

    result.assert_outcomes(passed=2)
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\n"
    assert (worktree(project, "two") / "notes.md").read_text() == "as it was\ntwo1\n"
    assert (project.path / "notes.md").read_text() == "as it was\n"
    assert git(project.path, "status", "--porcelain") == ""
    result.stdout.no_fnmatch_line("*uncommitted file*")


def test_a_later_task_merges_the_branches_and_what_it_reads_are_copies(project):
    plan(
        project,
        MERGED + "  end: {inputs: {both: merge.both}, run: 'cp $ORCH_INPUT_BOTH end.md', shell: true}\n",
    )
    run(project).assert_outcomes(passed=4)
    run_id = run_folder(project).name

    assert (project.path / "end.md").read_text() == "as it was\none1\ntwo1\n"
    assert git(project.path, "show", f"orchharness/{run_id}/one:notes.md") == "as it was\none1"
    assert git(project.path, "rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_workers_work_in_worktrees_too(project):
    plan(project, TWO)
    result = session(project, "-n2")

    result.assert_outcomes(passed=2)
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\n"
    assert (project.path / "notes.md").read_text() == "as it was\n"


def test_the_copies_of_a_matrix_have_worktrees_and_branches_of_their_own(project):
    plan(
        project,
        "tasks:\n  a: {matrix: {v: [x, y.]}, workspace: worktree,"
        " run: [python, agent.py, a, notes.md, '{{ matrix.v }}'], outputs: {n: notes.md}}\n",
    )
    run(project).assert_outcomes(passed=2)
    run_id = run_folder(project).name

    assert (worktree(project, "a[x]") / "notes.md").read_text() == "as it was\nx1\n"
    assert git(project.path, "show", f"orchharness/{run_id}/a+x:notes.md") == "as it was\nx1"
    assert git(project.path, "show", f"orchharness/{run_id}/a+y_:notes.md") == "as it was\ny.1"


def test_a_project_below_the_top_of_its_repository_is_so_in_the_worktree(project):
    sub = project.path / "part"
    sub.mkdir()
    (sub / "pytest.ini").write_text("[pytest]\n")
    shutil.copy(project.path / "agent.py", sub)
    (sub / "a.plan.yaml").write_text("orchharness: 1\n" + TWO)
    commit(project.path)
    (sub / "loose.txt").write_text("")
    result = run(project, "--rootdir", str(sub), str(sub))
    (latest,) = (sub / ".orchharness").glob("a-*/latest")

    result.assert_outcomes(passed=2)
    assert (latest / "worktrees/one/part/notes.md").read_text() == "one1\n"
    result.stdout.fnmatch_lines(["warning: 1 uncommitted file is not in the worktrees *: 'loose.txt'; *"])


def test_a_session_that_a_hook_of_git_starts_does_not_lead_agents_to_the_repository_of_the_hook(
    project, monkeypatch
):
    monkeypatch.setenv("GIT_DIR", str(project.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(project.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(project.path / ".git/index"))
    plan(
        project,
        TWO.replace(
            "outputs: {notes: notes.md}}\n  two",
            "outputs: {notes: notes.md}, gate: {checks: [{run: [git, diff, --exit-code, HEAD]}]}}\n  two",
        ),
    )
    run(project).assert_outcomes(passed=3)

    assert git(project.path, "log", "--format=%s", "main") == "all"
    assert git(project.path, "status", "--porcelain") == ""
    assert git(worktree(project, "one"), "log", "--format=%s").split() == ["one", "all"]


def test_no_hook_of_the_repository_runs_for_our_own_calls(project):
    hook = project.path / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {project.path}/.git/hooked\n")
    hook.chmod(0o755)
    plan(project, TWO)
    run(project).assert_outcomes(passed=2)

    assert not (project.path / ".git/hooked").exists()


# ---- its own branch ------------------------------------------------------------------------------

ELSEWHERE = """
tasks:
  one:
    workspace: worktree
    run: git checkout -q HOW && python agent.py one notes.md one
    shell: true
    outputs: {notes: notes.md}
    gate: {checks: [{run: [git, diff, --quiet, HEAD]}]}
  bare: {needs: [one], workspace: worktree, run: 'git merge -q "orchharness/$ORCH_RUN/one"', shell: true}
""".replace("python", os.sys.executable)


@pytest.mark.parametrize(
    ("how", "where"), [("-b mine", "on branch 'mine'"), ("--detach", "on no branch, at commit ??????????")]
)
def test_a_task_that_ends_on_another_branch_than_its_own_has_no_evidence(project, how, where):
    plan(project, ELSEWHERE.replace("HOW", how))
    result = run(project, "-rA")

    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            f"its worktree ends {where}, and not on its own, 'orchharness/*/one', so that others do not find its"
            ' commits: commit there, or end with: git switch "$ORCH_BRANCH" && git merge -'
        ]
    )


@pytest.mark.parametrize("how", ["-b mine", "--detach"])
def test_what_the_message_says_to_end_with_brings_the_commits_to_the_branch(project, how):
    end = 'notes.md one && git switch -q "$ORCH_BRANCH" && git merge -q -'
    plan(project, ELSEWHERE.replace("HOW", how).replace("notes.md one", end, 1))
    run(project).assert_outcomes(passed=3)

    assert git(worktree(project, "bare"), "log", "--format=%s").split() == ["one", "all"]


def test_a_task_without_outputs_ends_on_its_branch_too(project):
    plan(project, "tasks: {one: {workspace: worktree, run: [git, checkout, -q, --orphan, mine]}}\n")
    result = run(project)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["its worktree ends on branch 'mine', *"])


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("rm .git && git init -q -b $ORCH_BRANCH", "its folder is a repository of its own now,*"),
        ("rm .git && mkdir .git", "its folder is no worktree of the repository any more,*"),
    ],
)
def test_a_task_whose_folder_is_no_worktree_any_more_has_no_evidence(project, does, why):
    plan(project, f"tasks: {{one: {{workspace: worktree, run: {does}, shell: true}}}}\n")
    result = run(project)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([why])


def test_workers_see_that_a_task_left_its_branch(project):
    plan(project, ELSEWHERE.replace("HOW", "-b mine"))
    result = session(project, "-n2")

    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(["its worktree ends on branch 'mine', *"])


# ---- gates ---------------------------------------------------------------------------------------


def test_refinement_goes_on_in_the_same_worktree_and_checks_run_there(project):
    gate = "gate: {checks: [{file: {path: notes.md, contains: one2}}, {run: [git, diff, --quiet, HEAD]}]}"
    plan(
        project,
        TWO.replace(
            "[python, agent.py, one, notes.md, one], ", f"[python, agent.py, one, notes.md, one], {gate}, "
        ),
    )
    result = run(project)

    result.assert_outcomes(passed=3)
    assert spawns() == {"one": 2, "two": 1}
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\none2\n"
    assert git(worktree(project, "one"), "log", "--format=%s").split() == ["one", "one", "all"]


def test_a_check_judges_the_file_of_the_worktree_and_not_that_of_the_project(project):
    (project.path / "work.py").write_text("raise SystemExit(1)\n")
    commit(project.path)
    plan(
        project,
        "tasks:\n  a:\n    workspace: worktree\n    run: [sh, -c, 'echo pass > work.py']\n"
        "    outputs: {w: work.py}\n    gate: {checks: [{run: [python, work.py]}]}\n",
    )

    run(project).assert_outcomes(passed=2)


TESTED = """
tasks:
  a:
    workspace: worktree
    run: [python, agent.py, a, work.py, '#']
    outputs: {w: work.py}
    gate: {checks: [{pytest: {paths: [tests]}}]}
"""


def test_tests_that_judge_in_a_worktree_are_those_of_the_commit(project):
    (project.path / "tests").mkdir()
    (project.path / "tests/test_it.py").write_text("def test_it():\n    assert open('work.py').read()\n")
    (project.path / "work.py").write_text("\n")
    commit(project.path)
    plan(project, TESTED)

    run(project, "a.plan.yaml").assert_outcomes(passed=2)

    edit(project, "work.py, '#']", "work.py, '#', tests/conftest.py, '#']")
    result = run(project, "a.plan.yaml", "-rA")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*gate inputs changed: tests/conftest.py*"])


def test_tests_that_another_task_put_out_may_be_merged_before_they_judge(project):
    (project.path / "work.py").write_text("\n")
    commit(project.path)
    author = "  t: {workspace: worktree, run: [python, agent.py, t, tests/test_new.py, 'def test_new(): pass #'], outputs: {t: tests/test_new.py}}\n"
    merging = TESTED.replace(
        "run: [python, agent.py, a, work.py, '#']",
        "needs: [t]\n    run: 'git merge -q orchharness/$ORCH_RUN/t && python agent.py a work.py x=1#'\n    shell: true",
    )
    plan(project, merging.replace("python agent", f"{os.sys.executable} agent") + author)

    run(project, "a.plan.yaml").assert_outcomes(passed=3)


# ---- going on ------------------------------------------------------------------------------------


def test_a_resumed_run_begins_at_the_commit_at_which_the_run_began(project):
    first = git(project.path, "rev-parse", "HEAD")
    plan(
        project,
        TWO
        + "  three: {workspace: worktree, needs: [one], run: [python, agent.py, three, absent/x/y.md, t]}\n",
    )
    run(project).assert_outcomes(passed=2, failed=1)
    (project.path / "notes.md").write_text("later\n")
    commit(project.path)
    edit(project, "absent/x/y.md", "three.md")
    spawns()
    result = run(project, "--orch-resume")

    result.assert_outcomes(passed=3)
    assert spawns() == {"three": 1}
    assert (worktree(project, "three") / "notes.md").read_text() == "as it was\n"
    headers = [r["header"]["worktrees"]["commit"] for r in journal(project) if "header" in r]
    assert headers == [first, first]


def test_a_worktree_that_is_gone_is_made_again_on_its_branch_with_its_outputs(project):
    gate = "gate: {checks: [{file: {path: notes.md, contains: one1}}]}"
    plan(project, TWO.replace("notes.md, one], ", f"notes.md, one], {gate}, "))
    run(project).assert_outcomes(passed=3)
    shutil.rmtree(worktree(project, "one"))
    spawns()
    edit(project, "contains: one1", "min_bytes: 3")
    run(project, "--orch-resume").assert_outcomes(passed=3)

    assert spawns() == {}
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\n"
    assert git(worktree(project, "one"), "log", "--format=%s").split() == ["one", "all"]


def test_a_task_whose_worktree_and_branch_are_gone_works_again(project):
    plan(project, TWO)
    run(project).assert_outcomes(passed=2)
    shutil.rmtree(worktree(project, "one"))
    git(project.path, "worktree", "prune")
    git(project.path, "branch", "-qD", f"orchharness/{run_folder(project).name}/one")
    spawns()
    result = run(project, "--orch-resume")

    result.assert_outcomes(passed=2)
    assert spawns() == {"one": 1}
    result.stdout.fnmatch_lines(["  one re-run: its branch 'orchharness/*/one' is gone*"])


def test_a_folder_that_is_no_worktree_any_more_is_an_error_and_stays_as_it_is(project):
    plan(project, TWO)
    run(project).assert_outcomes(passed=2)
    (worktree(project, "one") / ".git").unlink()
    edit(project, "notes.md, one]", "notes.md, again]")
    result = run(project, "--orch-resume", "-rA")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*workspace: worktree: */worktrees/one is no git worktree any more*"])
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\n"


def test_a_run_that_takes_over_another_has_branches_with_its_commits(project):
    plan(project, MERGED.replace("needs: [one, two]", "needs: [one, two]\n    env: {A: a}"))
    run(project).assert_outcomes(passed=3)
    spawns()
    edit(project, "{A: a}", "{A: b}")
    run(project, "--orch-reuse").assert_outcomes(passed=3)

    assert spawns() == {}
    assert (worktree(project, "merge") / "both.md").read_text() == "as it was\none1\ntwo1\n"


def test_a_run_folder_that_somebody_deleted_is_forgotten_by_the_repository(project):
    plan(project, TWO)
    run(project)
    shutil.rmtree(run_folder(project))
    run(project).assert_outcomes(passed=2)

    assert git(project.path, "worktree", "list").count("\n") == 2


def test_what_a_crash_left_of_a_worktree_is_made_anew(project):
    plan(
        project,
        TWO + "  three: {workspace: worktree, needs: [one], run: [python, agent.py, three, no/x/y.md, t]}\n",
    )
    run(project)
    (worktree(project, "three").with_name("three.made")).unlink()
    (worktree(project, "three") / ".git").unlink()
    edit(project, "no/x/y.md", "three.md")

    run(project, "--orch-resume").assert_outcomes(passed=3)
    assert git(worktree(project, "three"), "log", "--format=%s").split() == ["three", "all"]


# ---- refused, and said ---------------------------------------------------------------------------


def test_uncommitted_files_are_told_once(project):
    for number in range(7):
        (project.path / f"{number}.txt").write_text("")
    (project.path / "notes.md").write_text("not committed\n")
    plan(project, TWO)
    result = run(project)
    again = run(project, "--orch-resume")

    (line,) = [line for line in result.outlines if "uncommitted file" in line]
    assert line.startswith(
        "warning: 8 uncommitted files are not in the worktrees of this run, which begin at commit "
    )
    assert line.endswith(": 'notes.md', '0.txt', '1.txt', '2.txt', '3.txt', …; commit what the tasks need")
    again.stdout.no_fnmatch_line("*uncommitted file*")
    assert (worktree(project, "one") / "notes.md").read_text() == "as it was\none1\n"


def test_a_repository_without_a_commit_is_the_error_of_the_act_and_nothing_runs_in_the_project(project):
    shutil.rmtree(project.path / ".git")
    git(project.path, "init", "-q")
    plan(project, TWO)
    result = run(project)

    assert states(project) == {"one": "failed", "two": "failed"}
    result.stdout.fnmatch_lines(
        ["*workspace: worktree: HEAD has no commit yet, and a worktree begins at one*"]
    )
    assert spawns() == {}


def test_a_machine_without_git_is_the_error_of_the_act(project, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    plan(project, TWO)
    result = run(project)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*workspace: worktree: git is not installed: there is no program 'git' on the PATH*"]
    )
    assert spawns() == {}


def test_what_git_says_is_shown_when_it_cannot_make_the_worktree(project):
    git(project.path, "branch", "orchharness")
    plan(project, TWO)
    result = run(project)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*git worktree: *refs/heads/orchharness*"])
    assert spawns() == {}


# ---- the page ------------------------------------------------------------------------------------


def test_the_plan_of_the_page_is_green(project):
    page = (Path(__file__).parents[2] / "docs/worktrees.md").read_text()
    (text,) = re.findall(r"^```yml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (project.path / "a.plan.yaml").write_text(text)

    run(project).assert_outcomes(passed=4)
    assert (worktree(project, "merge") / "both.md").read_text() == "parser\nprinter\n"
    assert git(worktree(project, "merge"), "log", "--format=%s").count("pars") == 1


# ---- recordings ----------------------------------------------------------------------------------


def test_tasks_whose_commits_no_recording_holds_are_named(project):
    plan(
        project,
        TWO + "  calm: {workspace: worktree, run: [sh, -c, echo 1 > calm.md], outputs: {o: calm.md}}\n",
    )
    result = run(project, "--orch-record=all")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["warning: commits are not recorded, only files:*gets nothing: one, two"])
