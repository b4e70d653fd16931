"""Budgets against what is known before anything runs."""

from __future__ import annotations

import json

import pytest

from orchharness.explain import explain, render

PLAN = """
limits: {{budget: {budget}, parallel: 1}}
critics: {{c: {{run: "true", criteria: {{q: 1}}}}}}
tracks:
  x:
    budget: {{spawns: 3, wall: 30m}}
    tasks:
      a: {{run: "true", estimate: 2h, budget: {{usd: 2.5, tokens: 1000}}, gate: {{critics: [c], checks: [{{run: "true"}}]}}}}
      q: {{ask: "Which?", needs: [a]}}
  y: {{tasks: {{b: {{run: "true", needs: [q], estimate: 1h}}}}}}
"""


def lines(read, budget: str) -> list[str]:
    plan = read(PLAN.format(budget=budget))
    text = render(plan, explain(plan))
    return [line.strip() for line in text.partition("BUDGETS\n")[2].splitlines()]


@pytest.mark.parametrize(
    ("spawns", "says"),
    [
        (2, "it will be reached in the first round"),
        (3, "it may be reached"),
        (6, "it may be reached"),
        (7, "enough but for retries after faults"),
    ],
)
def test_spawns_are_compared_with_the_acts_of_tasks_and_critics(read, spawns, says):
    first = lines(read, f"{{spawns: {spawns}}}")[0]

    assert first == f"the run: {spawns} spawns for 3 acts in the first round, up to 7: {says}"


def test_time_is_compared_with_the_longest_way_whatever_budgets_stop(read):
    found = lines(read, "{wall: 2h, spawns: 1}")

    assert found[1] == "the run: 2 h of time; the first round takes at least 3 h: it will be reached"
    assert lines(read, "{wall: 4h}")[0] == "the run: 4 h of time; the first round takes at least 3 h"
    assert found[2:] == [
        "track x: 3 spawns for 2 acts in the first round, up to 6: it may be reached",
        "track x: 30 min of time; the first round takes at least 2 h: it will be reached",
        "task a: 2.50 USD and 1,000 tokens; what acts cost is unknown before they ran",
    ]


def test_without_estimates_nothing_is_known_of_time(read):
    plan = read('limits: {budget: {wall: 1h}}\ntasks: {a: {run: "true", budget: {wall: 1m}}}')
    text = render(plan, explain(plan))

    assert "the run: 1 h of time; how long it takes is unknown" in text
    assert "task a: 1 min of time; how long it takes is unknown" in text


def test_json_has_the_limits(read):
    plan = read(PLAN.format(budget="{usd: 20, wall: 1h}"))

    assert json.loads(render(plan, explain(plan), "json"))["limits"][0] == {
        "scope": "run",
        "budget": {"usd": 20.0, "wall": 3600.0},
        "first": 3,
        "most": 7,
        "least_seconds": 10800.0,
    }


def test_a_plan_without_budgets_has_no_such_section(read):
    plan = read('tasks: {a: {run: "true"}}')

    assert "BUDGETS" not in render(plan, explain(plan))
