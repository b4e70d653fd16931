"""What stops an import: contradictions, with all their lines; files that cannot be read; shapes nobody knows."""

from __future__ import annotations

import pytest
from import_samples import ALL

from orchharness.importing import About, UnreadableError, import_plan

CONTRADICTIONS = {
    "unknown ids": (
        "tasks:\n- {id: a, needs: [b, lost]}\n- {id: b}\n",
        {"task 'a' waits for 'lost', which is not in the file": (2,)},
    ),
    "cycles": (
        "tasks:\n- {id: a, after: b}\n- {id: b, depends_on: [c]}\n- {id: c, needs: a}\n",
        {"cycle: task 'a' → task 'c' → task 'b' → task 'a' (each waits for the one before it)": (2, 3, 4)},
    ),
    "itself": ("tasks:\n- {id: a, after: a}\n", {"task 'a' waits for itself": (2,)}),
    "an id twice": (
        "tasks:\n- {id: a, title: one}\n- {id: a, title: two}\n",
        {"task 'a' is described twice, with different content": (2, 3)},
    ),
    "two tracks": (
        "tasks: {a: {description: x}}\ntracks:\n  s: {tasks: [a]}\n  t: {tasks: [a]}\n",
        {"task 'a' is in track 's' and in track 't'": (1, 4)},
    ),
    "weights": (
        "tasks:\n- id: a\n  quality_gate:\n    threshold: 0.9\n    criteria: {x: 0.5, y: 0.6}\n",
        {"the weights of the criteria of 'G-a' sum to 1.1, not to 1": (5,)},
    ),
    "order of phases": (
        "phases:\n- {id: p, tasks: [{id: a, needs: b}]}\n- {id: q, tasks: [{id: b}]}\n",
        {"task 'a' waits for task 'b' of phase 'q', which comes later": (2,)},
    ),
    "thresholds": (
        "phases: [{id: p, quality_gate: {id: G, threshold: 0.9}, tasks: [{id: a}]}]\n"
        "quality_gates: [{id: G, threshold: 0.8, after_phase: p}]\n",
        {"gate 'G' has the threshold 0.9 and the threshold 0.8": (1, 2)},
    ),
    "an edge to the wrong place": (
        "tracks:\n  x: {tasks: [{id: a}]}\n  y: {tasks: [{id: b}]}\n"
        "cross_pollination: [{id: CP, from: a, to: {track: x, task: b}}]\n",
        {"edge 'CP' goes to task 'b' of track 'x', which is not in it": (4,)},
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_stops_the_import_and_is_told_with_its_lines(imported, name):
    text, expected = CONTRADICTIONS[name]
    plan, notes, made = imported(text)

    assert (plan, made.plan) == (None, None)
    assert notes[About.CONTRADICTION] == expected


def test_all_contradictions_are_told_at_once(imported):
    _, notes, _ = imported("tasks:\n- {id: a, needs: lost}\n- {id: b, needs: gone}\n- {id: b, title: x}\n")

    assert len(notes[About.CONTRADICTION]) == 3


def test_dependencies_on_what_is_not_there_are_left_out_when_asked_and_listed(imported):
    plan, notes, _ = imported("tasks:\n- {id: a, needs: [lost, b]}\n- {id: b}\n", leave_unknown=True)

    assert plan.tasks["a"].needs == ("b",)
    assert "task 'a' waits for 'lost', which is not in the file: left out, as asked" in notes[About.LEFT]


REFUSED = {
    "empty": (b"", "f.yaml: the file is empty"),
    "nul": (b"tasks:\n  a\0: {}", "f.yaml:2:4: this is no text file: it holds NUL bytes"),
    "utf-16": ("tasks:".encode("utf-16"), "f.yaml: this is UTF-16: save the file as UTF-8"),
    "latin-1": (b"tasks:\n- {id: \xe4}", "f.yaml:2:8: this is not UTF-8: save the file as UTF-8"),
    "unknown shape": (
        b"a: 1\nb: [x]\n",
        "f.yaml:1:1: no shape that is known: expected phases, tracks, pipelines or tasks (an orchestration file), "
        "Task Master's tasks, or jobs with steps (GitHub Actions)",
    ),
    "a plan": (
        b"orchharness: 1\ntasks: {a: {run: x}}\n",
        "f.yaml:1:1: this is a plan of orchharness already: run it with pytest",
    ),
    "no task": (
        b"phases: []\ntasks: {}\n",
        "f.yaml:1:1: read as an orchestration file, but there is no task in it",
    ),
    "a key twice": (
        b"tasks:\n- {id: a, needs: b, needs: c}\n",
        "f.yaml:2:21: the key 'needs' is here twice: first in line 2",
    ),
    "tabs": (
        b"tasks:\n\t- id: a\n",
        "f.yaml:2:1: not YAML: a tab cannot indent: use spaces",
    ),
    "merge keys": (
        b"x: &x {a: 1}\ntasks:\n- {id: a, <<: *x}\n",
        "f.yaml:3:11: merge keys (<<) are not read: write the keys out that it stands for",
    ),
    "two plans": (
        b"tasks: [{id: a}]\n---\ntasks: [{id: b}]\n",
        "f.yaml:3:1: several plans in one file (lines 1 and 3): save the one that is meant in a file of its own",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(name):
    data, message = REFUSED[name]

    with pytest.raises(UnreadableError) as caught:
        import_plan(data, "f.yaml")

    first = str(caught.value).split("\n", maxsplit=1)[0]
    assert first == message


def test_one_of_several_documents_that_is_a_plan_is_taken_and_the_others_are_told(imported):
    plan, notes, _ = imported("title: front matter\n---\ntasks: [{id: a, needs: b}, {id: b}]\n")

    assert set(plan.tasks) == {"a", "b"}
    assert notes[About.LEFT]["another document or block of the file"] == (1,)


def test_texts_cannot_become_structure_or_files(imported, tmp_path):
    (tmp_path / "secret.md").write_text("secret")
    text = 'tasks:\n- {id: a, title: "x: [\\"", description: secret.md, agent: "b}: {c", output: "run:x"}\n'
    plan, _, made = imported(text)

    assert plan.tasks["a"].title == 'x: ["'
    assert plan.tasks["a"].prompt == 'x: ["\n\nsecret.md\n\nOutput:\n- run:x\n'
    assert "secret\n" not in plan.tasks["a"].prompt.split("\n\n")
    assert list(plan.agents) == ["b-c"]
    assert made.plan.count("\n\n") > 1


def test_escapes_and_direction_characters_do_not_reach_the_plan(imported):
    _, _, made = imported('tasks: [{id: a, title: "x\\e[31m\\u202ey", description: "a\\u2028b"}]\n')

    assert all(c.isprintable() or c == "\n" for c in made.plan)


def test_a_plan_made_twice_is_the_same():
    for text in ALL:
        assert import_plan(text.encode(), "a.md" if "```" in text else "a") == import_plan(
            text.encode(), "a.md" if "```" in text else "a"
        )


def test_work_on_a_file_is_bounded_whatever_is_in_it():
    for data in (b"```yaml\n" * 200_000, b"tasks: [" * 90 + b"]" * 90, b"- " * 90 + b"a"):
        with pytest.raises(UnreadableError):
            import_plan(data, "f.yaml")

    text = "tasks:\n" + "".join(f"- {{id: t{n}, after: t{(n + 1) % 1000}, effort: 1}}\n" for n in range(1000))
    made = import_plan(text.encode(), "f.yaml")

    assert made.plan is None
    assert [n.about for n in made.notes if n.about is About.CONTRADICTION] == [About.CONTRADICTION]
