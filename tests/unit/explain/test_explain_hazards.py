"""What is worth a look before a plan is run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchharness.explain import explain
from orchharness.explain.facts import Danger
from orchharness.explain.files import may_meet


def texts(found, kind: Danger) -> list[str]:
    return [h.text for h in found.hazards if h.kind is kind]


def test_feat_005_is_told_that_four_at_once_win_nothing_over_two(feat_005):
    assert texts(explain(feat_005), Danger.LIMIT) == [
        "'limits.parallel' is 4; by what is known more than 2 at once win nothing"
    ]


def test_feat_005_is_told_what_its_gates_can_cost(feat_005):
    """Three iterations of EN-027 to EN-030: twice 33 h more."""
    assert texts(explain(feat_005), Danger.GATES_ON_PATH) == [
        "when work goes back until the iterations of G-027, G-028, G-029, G-030 are used up, "
        "the critical path is 101 h instead of 35 h"
    ]


def test_feat_005_is_told_who_writes_the_same_file(feat_005):
    found = texts(explain(feat_005), Danger.SHARED_WRITES)

    assert (
        "SKILL.md is written by EN-028, EN-030, TASK-421: the counter 'skill-md' keeps them apart, "
        "and the last one's bytes stay" in found
    )
    assert any(t.startswith("agents/*.md is written by EN-027, TASK-422: they run one after") for t in found)


def test_a_limit_below_the_useful_width_is_named(explained):
    found = explained("""
        limits: {parallel: 1}
        tasks: {a: {run: "true"}, b: {run: "true"}}
    """)

    assert texts(found, Danger.LIMIT) == ["'limits.parallel' is 1, up to 2 agents would make it faster"]


def test_a_need_that_carries_nothing_is_named_with_what_it_costs(explained):
    found = explained("""
        tasks:
          a: {run: "true", estimate: 2h, outputs: {o: a.md}}
          b: {run: "true", estimate: 1h, needs: [a]}
    """)

    assert texts(found, Danger.ORDER_ONLY) == [
        "b needs a and reads nothing of it; if only the order was meant, that need could go; "
        "without, it could start after 0 s instead of 2 h"
    ]


@pytest.mark.parametrize(
    "second",
    [
        "{run: 'true', needs: [a], inputs: {x: a.o}}",  # reads what it made
        "{run: 'true', needs: [a], inputs: {x: {path: 'docs/*.txt'}}}",  # finds what it may write
        "{run: 'true', needs: [a], writes: ['docs/*.md']}",  # writes it too
    ],
)
def test_a_need_that_carries_files_is_not_named(explained, second):
    found = explained(f"""
        tasks:
          a: {{run: "true", outputs: {{o: docs/a.md}}, writes: ['docs/*.txt', 'docs/c.md']}}
          b: {second}
    """)

    assert texts(found, Danger.ORDER_ONLY) == []


def test_a_need_that_the_phases_imply_is_not_named(explained):
    found = explained("""
        phases:
          one: {tasks: {a: {run: "true"}}}
          two: {tasks: {b: {run: "true", needs: [a]}}}
    """)

    assert texts(found, Danger.ORDER_ONLY) == []


def test_a_task_that_waits_for_a_phase_and_reads_one_of_its_tasks_is_named(explained):
    found = explained("""
        phases:
          one:
            tasks:
              fast: {run: "true", estimate: 1h, outputs: {o: a.md}}
              slow: {run: "true", estimate: 5h}
          two: {tasks: {b: {run: "true", estimate: 1h, inputs: {x: fast.o}}}}
    """)

    assert texts(found, Danger.WAITS_FOR_MORE) == [
        "b has all it reads after 1 h and starts after 5 h: it waits for phase one"
    ]


def test_a_task_that_bounds_everything_is_named(explained):
    found = explained("""
        tasks:
          big: {run: "true", estimate: 8h}
          a: {run: "true", estimate: 2h, needs: [big]}
          b: {run: "true", estimate: 4h}
    """)

    assert texts(found, Danger.ONE_TASK) == [
        "big is 80% of the shortest time: to split it would win more than any further agent"
    ]


def test_counters_that_stretch_the_plan_are_named(explained):
    found = explained("""
        limits: {resources: {db: 1}, parallel: 1}
        tasks:
          a: {run: "true", resources: {db: 1}}
          b: {run: "true", resources: {db: 1}}
    """)

    assert texts(found, Danger.HELD_BACK)[0].startswith(
        "with any number of agents it takes 2 tasks, longer than the critical path (1 task)"
    )


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a.md", "a.md", True),
        ("docs", "docs/a.md", True),
        ("doc", "docs/a.md", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/a.txt", False),
        ("docs/*.md", "src/*.md", False),
        ("docs/a*.md", "docs/*.txt", False),
        ("**/*", "src/a.py", True),
        ("docs", "docs/*.md", True),
    ],
)
def test_which_paths_can_mean_the_same_file(one, other, meet):
    assert may_meet(one, other) is meet
    assert may_meet(other, one) is meet


@given(
    folder=st.sampled_from(["", "a/", "a/b/"]), name=st.sampled_from(["x.md", "y.md", "x.py"]), data=st.data()
)
def test_a_glob_meets_every_file_it_matches(folder, name, data):
    from fnmatch import fnmatchcase

    glob = data.draw(st.sampled_from(["*", "*.md", "a/*", "a/*.md", "a/b/?.md", "[xy].md", "a/*/x*", "**"]))
    if fnmatchcase(folder + name, glob):
        assert may_meet(folder + name, glob)
