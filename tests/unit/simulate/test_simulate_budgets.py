"""A simulated run keeps the plan's budgets; how long the plan takes is told without them."""

from __future__ import annotations

from textwrap import dedent

import pytest

from orchharness.planfile import read_plan
from orchharness.plugins import PluginHost
from orchharness.simulate.assumptions import Price
from orchharness.simulate.given import Given, premise
from orchharness.simulate.study import simulate
from orchharness.simulate.telling import tell

PLAN = """
orchharness: 1
limits: {{budget: {budget}}}
tasks:
  a: {{run: "true", estimate: 1h}}
  b: {{run: "true", estimate: 1h, needs: [a]}}
  c: {{run: "true", estimate: 1h, needs: [b]}}
"""


@pytest.fixture
def read(tmp_path):
    host = PluginHost.load(entry_points=False)

    def read(budget: str):
        text = dedent(PLAN.format(budget=budget)).encode()
        where = {"root": tmp_path, "cwd": tmp_path}
        kinds = {"kinds": host.kinds, "critic_kinds": host.critic_kinds}
        return read_plan(tmp_path / "p.plan.yaml", text=text, **where, **kinds)

    return read


@pytest.mark.parametrize(
    ("budget", "acts", "state"),
    [
        ("{spawns: 2}", 2, "paused"),
        ("{spawns: 3}", 3, "passed"),
        ("{wall: 90m}", 2, "paused"),
        ("{usd: 3}", 2, "paused"),
        ("{tokens: 1}", 3, "passed"),
    ],
)
def test_a_simulated_run_stops_where_a_real_one_would(read, budget, acts, state):
    plan = read(budget)
    assumed = premise(plan, Given(prices=[("", Price(1.5))])).assumed
    found = simulate(plan, assumed, [1])

    assert found.widths[0].acts == acts
    assert found.widths[0].states == {state: 1}
    assert found.useful.shortest == 3 * 3600, "how long it takes, not how soon it is stopped"


def test_the_day_says_which_budget_stopped_it(read):
    plan = read("{spawns: 1}")
    told = tell(plan, premise(plan, Given()).assumed, 1, 0, 0)

    assert told[-1].event.reason == "budget of the run reached: 1 of 1 spawns"


def test_what_is_kept_of_budgets_is_among_the_premises(read):
    plan = read("{usd: 3, tokens: 9, spawns: 2}")

    assert premise(plan, Given()).texts[-3:] == (
        "budgets of spawns and time are kept as in a real run: one that is reached pauses it",
        "a budget of dollars is kept, and nobody said what acts cost (--cost): it is not reached",
        "a budget of tokens is not simulated: nobody says how many an act uses",
    )
