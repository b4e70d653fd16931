"""Side by side, or not? What is advised, and why."""

from __future__ import annotations

import pytest

from orchharness.explain import explain


def only(found):
    (advice,) = found.advice
    return advice.counsel, "; ".join(advice.why)


def test_the_tracks_of_feat_005(feat_005):
    found = {a.name: str(a.counsel) for a in explain(feat_005).advice}

    assert found == {
        "track phase_0": "NOT WORTH IT",
        "phase build": "HYBRID",
        "track track_a": "SEQUENTIAL",
        "track track_b": "HYBRID",
    }


def test_independent_tasks_go_side_by_side(explained):
    counsel, why = only(
        explained("""
        tasks:
          a: {run: "true", outputs: {o: a.md}}
          b: {run: "true", gate: {checks: [{run: "true"}]}}
          c: {run: "true"}
    """)
    )

    assert counsel == "PARALLEL"
    assert "no task needs another, they write other files, share no counter" in why


def test_a_chain_goes_one_after_another(explained):
    counsel, why = only(
        explained("""
        tasks:
          b: {run: "true", needs: [a]}
          a: {run: "true"}
          c: {run: "true", needs: [b]}
    """)
    )

    assert counsel == "SEQUENTIAL"
    assert why == "each needs the one before: a → b → c"


def test_an_order_that_leads_through_another_track_counts(explained):
    found = explained("""
        tracks:
          x: {tasks: {a: {run: "true"}, c: {run: "true", needs: [b]}}}
          y: {tasks: {b: {run: "true", needs: [a]}}}
    """)

    assert {a.name: a.counsel for a in found.advice} == {
        "phase tasks": "SEQUENTIAL",
        "track x": "SEQUENTIAL",
        "track y": "NOT WORTH IT",
    }


def test_one_counter_for_all_goes_one_after_another(explained):
    counsel, why = only(
        explained("""
        limits: {resources: {db: 1}}
        tasks:
          a: {run: "true", resources: {db: 1}}
          b: {run: "true", resources: {db: 1}}
    """)
    )

    assert counsel == "SEQUENTIAL"
    assert "a, b share the counter 'db', of which there is 1" in why


def test_a_counter_and_an_order_that_together_leave_nothing_go_one_after_another(explained):
    counsel, why = only(
        explained("""
        limits: {resources: {db: 1}}
        tasks:
          a: {run: "true", resources: {db: 1}}
          b: {run: "true", resources: {db: 1}}
          c: {run: "true", needs: [a, b]}
    """)
    )

    assert counsel == "SEQUENTIAL"
    assert why.endswith("together that leaves nothing to run side by side")


def test_a_counter_that_is_enough_for_all_keeps_nobody_apart(explained):
    counsel, _ = only(
        explained("""
        limits: {resources: {gpu: 2}}
        tasks:
          a: {run: "true", resources: {gpu: 1}}
          b: {run: "true", resources: {gpu: 1}}
    """)
    )

    assert counsel == "PARALLEL"


def test_some_order_is_a_mix(explained):
    counsel, why = only(
        explained("""
        tasks:
          a: {run: "true"}
          b: {run: "true", needs: [a]}
          c: {run: "true", needs: [a]}
    """)
    )

    assert counsel == "HYBRID"
    assert "the longest chain is 2 of 3 tasks" in why


def test_an_agents_work_that_nothing_checks_is_named(explained):
    counsel, why = only(
        explained("""
        agents: {writer: {kind: model}}
        tasks:
          a: {agent: writer, prompt: Write., outputs: {o: a.md}}
          b: {agent: writer, prompt: Look.}
    """)
    )

    assert counsel == "HYBRID"
    assert "nothing of their own says whether b did the work: outputs or a gate would" in why


def test_foreground_tasks_are_a_reason(explained):
    counsel, why = only(
        explained("""
        tasks:
          a: {run: "true", mode: foreground}
          b: {run: "true"}
          c: {run: "true"}
    """)
    )

    assert counsel == "HYBRID"
    assert why.endswith("nothing runs beside a task in the foreground: a")


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (("20s", "30s"), "all of it takes 50 s: more agents cost more than they win"),
        (("10h", "30m"), "side by side wins at most 30 min of 10 h 30 min: 'a' is nearly all of it"),
    ],
)
def test_what_brings_next_to_nothing_is_not_worth_it(explained, times, said):
    a, b = times
    counsel, why = only(
        explained(f'tasks: {{a: {{run: "true", estimate: {a}}}, b: {{run: "true", estimate: {b}}}}}\n')
    )

    assert counsel == "NOT WORTH IT"
    assert said in why


def test_advice_forbids_nothing(explained):
    """A plan that is advised against is explained like any other, and says so itself."""
    found = explained('tasks: {a: {run: "true", estimate: 1s}, b: {run: "true", estimate: 1s}}\n')

    assert only(found)[0] == "NOT WORTH IT"
    assert found.useful_width == 2
