"""How long simulated runs take, and what is said of it."""

from __future__ import annotations

import pytest

from orchharness.simulate.assumptions import Between
from orchharness.simulate.fate import Fates
from orchharness.simulate.given import Given, premise
from orchharness.simulate.play import play
from orchharness.simulate.show import record_of, text
from orchharness.simulate.study import rank, simulate

HOUR = 3600.0


def played(plan, agents=None, runs=None, seed=0, **said):
    return simulate(plan, premise(plan, Given(**said)).assumed, agents, runs, seed)


def hours(found) -> dict[int, float]:
    return {w.agents: w.longest / HOUR for w in found.widths}


def shown(plan, **said) -> str:
    held = premise(plan, Given(**said))
    return text(plan, held.texts, (found := simulate(plan, held.assumed)), found.widths[-1])


def test_feat_005_takes_35_hours_with_two_agents_and_67_with_one(feat_005):
    """A simulator that says anything else is wrong."""
    found = played(feat_005, [1, 2])

    assert hours(found) == {1: 67, 2: 35}
    assert found.critical_path == 35 * HOUR
    assert (found.useful.width, found.useful.exact) == (2, True)
    assert [w.sequential for w in found.widths] == [67 * HOUR] * 2
    assert [w.states for w in found.widths] == [{"passed": 1}] * 2


def test_nothing_left_to_chance_is_played_once_and_says_so(feat_005):
    found = played(feat_005, runs=500)

    assert found.runs == 1
    assert "nothing is left to chance, so one run tells all" in shown(feat_005)


def test_more_agents_that_take_longer_are_told_of(feat_005):
    """Three take a counter early that the critical path waits for."""
    said = shown(feat_005)

    assert "useful width: 2 agents; more win nothing" in said
    assert "3 agents take longer than 2 (37 h, not 35 h)" in said


def test_utilisation_is_the_time_of_acts_over_that_of_agents(read):
    plan = read('tasks: {a: {run: "true", estimate: 3h}, b: {run: "true", estimate: 1h}}\n')
    found = played(plan, [1, 2])

    assert [w.utilisation for w in found.widths] == [1.0, 4 / 6]


def test_what_held_up_the_end_adds_up_to_the_whole_time(feat_005):
    for width in played(feat_005, [1, 2, 3, 4]).widths:
        assert sum(c.time for c in width.critical) == pytest.approx(1)
    two = played(feat_005, [2]).widths[0].critical

    assert {c.item for c in two if c.time} == {"TASK-419", "EN-027", "EN-028", "EN-029", "EN-030"}


def test_judgements_take_time_and_an_agent(read):
    plan = read("""
        critics: {judge: {run: [cat, x], criteria: {q: 1}}}
        tasks:
          a: {run: "true", estimate: 1h, gate: {critics: [judge]}}
          b: {run: "true", estimate: 1h, needs: [a]}
    """)
    found = played(plan, [1], durations=[("judge", Between(HOUR, HOUR))])

    assert hours(found) == {1: 3}
    assert found.critical_path == 3 * HOUR


def test_a_task_without_an_estimate_counts_as_the_mean_and_is_named(read):
    plan = read('tasks: {a: {run: "true", estimate: 2h}, b: {run: "true", estimate: 4h}, c: {run: "true"}}\n')

    assert hours(played(plan, [1])) == {1: 9}
    assert "1 of 3 tasks have no 'estimate' (c): each takes 3 h, the mean of the others" in shown(plan)


def test_a_duration_without_a_name_is_for_tasks_without_an_estimate(read):
    plan = read('tasks: {a: {run: "true", estimate: 2h}, b: {run: "true"}}\n')

    assert hours(played(plan, [1], durations=[("", Between(HOUR, HOUR))])) == {1: 3}


def test_a_plan_without_any_estimate_says_that_an_hour_was_made_up(read):
    plan = read('tasks: {a: {run: "true"}, b: {run: "true"}}\n')

    assert "2 of 2 tasks have no 'estimate' (a, b): each takes 1 h, since nobody said" in shown(plan)


def test_a_range_in_the_plan_is_drawn_from(read):
    plan = read('tasks: {a: {run: "true", estimate: 2h..6h}}\n')
    found = played(plan, [1], 400).widths[0]

    assert plan.tasks["a"].estimate == 4 * HOUR
    assert 2 * HOUR <= found.shortest < 2.2 * HOUR
    assert 5.8 * HOUR < found.longest <= 6 * HOUR
    assert found.mean == pytest.approx(4 * HOUR, rel=0.05)


def test_percentiles_are_lengths_of_runs():
    assert [rank([1, 2, 3, 4], p) for p in (1, 25, 26, 50, 75, 95, 100)] == [1, 1, 2, 2, 3, 4, 4]
    assert rank([7.0], 5) == 7.0


def test_counters_foreground_tasks_and_tracks_held_by_critics_are_kept(read):
    plan = read("""
        limits: {resources: {db: 1}}
        critics: {judge: {run: [cat, x], criteria: {q: 1}}}
        tracks:
          one:
            tasks:
              a: {run: "true", estimate: 1h, resources: {db: 1}, gate: {critics: [judge]}}
              b: {run: "true", estimate: 1h, resources: {db: 1}}
          two: {tasks: {c: {run: "true", estimate: 5h, mode: foreground}}}
    """)
    found = played(plan, [3], durations=[("judge", Between(HOUR, HOUR))])

    assert hours(found) == {3: 8}


def test_a_plan_of_no_cost_and_no_time_is_no_division_by_zero(read):
    plan = read('tasks: {a: {run: "true"}}\n')
    none = Between(0, 0)
    found = played(plan, None, durations=[("a", none)])
    held = premise(plan, Given(durations=[("a", none)]))

    assert found.widths[0].longest == found.widths[0].utilisation == 0
    assert "0 s" in text(plan, held.texts, found, found.widths[0])
    assert record_of(plan, held.texts, found)["widths"][0]["mean"] == 0


@pytest.mark.parametrize("agents", [1, 2, 3, 5])
def test_no_run_is_shorter_than_its_own_path_or_its_share_of_the_work(feat_005, agents: int):
    spread = [(task, Between(0.5 * HOUR, 12 * HOUR)) for task in feat_005.tasks]
    assumed = premise(feat_005, Given(durations=spread)).assumed
    for run in range(40):
        one = play(feat_005, Fates(feat_005, assumed, 3, run), agents)

        assert one.length * agents >= one.busy - 1e-6
        assert sum(leg.end - leg.start for leg in one.path) == pytest.approx(one.length)
        assert one.peak <= agents
