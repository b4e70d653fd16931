"""Where the limit on agents binds, the longest rest goes first; and that is worth it."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest
from ready_order import as_they_come, compare, random_plan, table

from orchharness.simulate.assumptions import Assumptions, Between
from orchharness.simulate.fate import Fates
from orchharness.simulate.play import play


@pytest.fixture(scope="module")
def compared():
    return [c for c in compare(200) if c.binds]


def test_longest_rest_first_beats_the_order_of_arrival_over_200_random_plans(compared):
    wins = sum(c.longest_first < c.as_they_come for c in compared)
    losses = sum(c.longest_first > c.as_they_come for c in compared)

    assert len(compared) > 700
    assert wins > 0.85 * len(compared)
    assert losses < 0.03 * len(compared)


def test_it_is_within_two_percent_of_what_no_order_can_beat(compared):
    assert all(c.longest_first >= 1 - 1e-9 for c in compared)
    assert all(c.as_they_come >= 1 - 1e-9 for c in compared)
    assert mean(c.longest_first for c in compared) < 1.02
    assert mean(c.as_they_come for c in compared) > 1.06
    assert max(c.longest_first for c in compared) < 2  # Graham: no list order is twice as long


def test_the_other_order_is_that_of_arrival(read):
    plan = read("""
        tasks:
          late: {run: "true", estimate: 9h, needs: [first]}
          first: {run: "true", estimate: 1h}
          second: {run: "true", estimate: 2h}
          third: {run: "true", estimate: 3h}
    """)
    assumed = Assumptions(seconds={t.id: Between(t.estimate, t.estimate) for t in plan.tasks.values()})
    starts: list[str] = []

    def watch(event, _):
        if type(event).__name__ == "TaskStarted":
            starts.append(event.task)

    with as_they_come():
        play(plan, Fates(plan, assumed, 0, 0), 1, watch)

    assert starts == ["first", "second", "third", "late"]


def test_the_figures_are_printed(compared):
    shown = table(compared)

    assert len(shown.splitlines()) == 6
    assert len({t.id for t in random_plan(Random(1), 20).tasks.values()}) == 20
