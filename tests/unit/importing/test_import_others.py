"""Task Master's tasks and GitHub Actions workflows."""

from __future__ import annotations

import subprocess

import import_samples as samples

from orchharness.importing import About


def test_a_task_with_subtasks_is_a_track_and_numbers_get_a_word_before_them(imported):
    plan, notes, made = imported(samples.TASKS, name="tasks.json")

    assert made.dialect == "task-master"
    assert set(plan.tasks) == {"task-1", "task-2-1", "task-2-2", "task-3"}
    assert plan.tasks["task-2-2"].needs == ("task-2-1",)
    (track,) = plan.tasks["task-3"].needs
    assert plan.groups[track] == ("task-2-1", "task-2-2")
    assert "'complexity'" in notes[About.LEFT]


def test_texts_stay_text_even_where_they_look_like_templates(imported):
    _, _, made = imported(samples.TASKS)

    assert "Make {{ '{{' }} it }} 😀" in made.plan


def test_priorities_are_tags_and_done_or_dropped_tasks_are_counted(imported):
    plan, notes, _ = imported(samples.TASKS)

    assert plan.tasks["task-1"].tags == ("priority-high",)
    assert any(text.startswith("1 of 4 tasks are marked as done") for text in notes[About.TODO])
    assert any(text.startswith("1 of 4 tasks are marked as dropped") for text in notes[About.TODO])


def test_tags_have_numbers_of_their_own(imported):
    task = '{"id": 1, "title": "t", "details": "d", "dependencies": []}'
    plan, notes, _ = imported(f'{{"master": {{"tasks": [{task}]}}, "next": {{"tasks": [{task}]}}}}')

    assert set(plan.tasks) == {"master-1", "next-1"}
    assert "every tag has task numbers of its own: they stand behind the tag's name" in notes[About.RENAMED]


def test_a_job_is_a_task_with_the_run_lines_of_its_steps(imported):
    plan, notes, made = imported(samples.WORKFLOW)
    build = plan.tasks["build"]

    assert made.dialect == "github-actions"
    assert build.command.argv[:3] == ("bash", "-e", "-c")
    assert "cd 'src'\nexport TOKEN=\"$TOKEN\"\nmake all\ncp out ../dist" in build.command.argv[3]
    assert (build.timeout, build.env) == (600, {"FORCE": "1", "TOKEN": "${TOKEN}"})
    assert plan.tasks["deploy"].needs == ("build",)
    assert plan.tasks["deploy"].allow_failure is True
    assert notes[About.LEFT]["uses: preparing a fresh machine (checkout, setup, cache, artifacts)"] == (9,)
    assert notes[About.LEFT]["on: when and how the workflow is started there"] == (2,)


def test_jobs_with_commands_and_no_steps_are_read_as_well(imported):
    plan, _, _ = imported("jobs:\n  a: {script: make}\n  b: {needs: [a], run: [pytest -q, echo done]}\n")

    assert plan.tasks["b"].needs == ("a",)
    assert plan.tasks["b"].command.argv[3] == "(\npytest -q\n)\n(\necho done\n)\n"


def test_what_would_run_otherwise_than_there_fails_and_says_why(imported):
    plan, notes, _ = imported(samples.WORKFLOW)
    script = plan.tasks["deploy"].command.argv[3]
    done = subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "not filled in yet: the job runs only if: github.ref == 'refs/heads/main'\n"
    assert [text for text in notes[About.LEFT] if "fails there until you decide" in text] == [
        "the job runs only if: github.ref == 'refs/heads/main': the task fails there until you decide",
        "step 1: it is made of values that only exist there (${{ … }}): the task fails there until you decide",
        "step 2: it uses acme/publish@v1: the task fails there until you decide",
    ]


def test_steps_stop_at_the_first_failure_unless_they_may_fail(imported, tmp_path):
    plan, _, _ = imported(
        "jobs:\n  a:\n    steps:\n"
        "    - {run: 'false; echo not here', continue-on-error: true}\n"
        "    - {run: 'cd /; echo one'}\n"
        "    - run: |\n        pwd\n        false\n        echo not here\n"
        "    - {run: echo nor here}\n"
    )
    script = plan.tasks["a"].command.argv[3]
    done = subprocess.run(
        ["bash", "-e", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (done.returncode, done.stdout) == (1, f"one\n{tmp_path}\n")


def test_a_job_without_anything_that_can_run_does_not_pass(imported):
    plan, _, _ = imported("jobs:\n  a:\n    steps: [{uses: actions/checkout@v4}]\n")
    done = subprocess.run(plan.tasks["a"].command.argv, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "nothing of the job's work came over" in done.stderr
