"""`when` in a plan: what stands where, which branches exclude each other, what is warned of."""

from __future__ import annotations

import pytest

from orchharness.core.plan import Condition
from orchharness.errors import PlanError

BRANCHES = """\
orchharness: 1
vars: {{level: strict, other: x}}
critics: {{c: {{run: x, criteria: {{q: 1}}}}}}
tasks:
  a: {{run: x, outputs: {{o: a.json, p: b.json}}, gate: {{critics: [c]}}}}
  one: {{run: x, inputs: {{x: a.o, y: a.p}}, outputs: {{o: r.md}}, when: "{}"}}
  two: {{run: x, inputs: {{x: a.o, y: a.o}}, outputs: {{o: r.md}}, when: "{}"}}
"""


def test_what_stands_on_a_phase_and_a_track_comes_before_the_tasks_own(read):
    plan = read("""\
orchharness: 1
vars: {v: x}
phases:
  first: {tasks: {a: {run: x, outputs: {o: o.json}}}}
  p:
    when: status('a') == 'passed'
    tracks:
      t:
        when: vars.v == 'x'
        tasks:
          b: {run: x, inputs: {i: a.o}, when: inputs.i.json.ok}
          c: {run: x}
""")

    track = Condition(text="vars.v == 'x'")
    phase = Condition(text="status('a') == 'passed'", items=("a",))
    assert plan.tasks["a"].when == ()
    assert plan.tasks["b"].when == (phase, track, Condition(text="inputs.i.json.ok", inputs=("i",)))
    assert plan.tasks["c"].when == (phase, track)


def test_a_condition_may_stand_on_several_lines(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x}
  b:
    run: x
    needs: [a]
    when: |
      status('a') == 'passed'
      and 1 < 2
""")

    assert plan.tasks["b"].when[0].text == "status('a') == 'passed' and 1 < 2"


def test_what_is_far_behind_may_be_looked_at(read):
    plan = read("""\
orchharness: 1
phases:
  p: {tasks: {a: {run: x}, b: {run: x, needs: [a]}}}
  q: {tasks: {c: {run: x, needs: [b]}, d: {run: x, needs: [c], when: status('a') == 'passed'}}}
""")

    assert plan.tasks["d"].when[0].items == ("a",)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("vars.level == 'strict'", "vars.level == 'lenient'"),
        ("vars.level == 'strict'", "not vars.level == 'strict'"),
        ("vars.level == 'strict'", "'strict' != vars.level"),
        ("vars.level in ['a', 'b']", "vars.level in ['c']"),
        ("vars.level in ['a', 'b']", "vars.level not in ['a', 'b']"),
        ("vars.level in ['a', 'b']", "vars.level == 'c' and vars.other == 'x'"),
        ("inputs.x.json.n >= 0.5", "inputs.x.json.n < 0.5"),
        ("inputs.x.json.n >= 0.5", "not (inputs.x.json.n >= 0.5)"),
        ("inputs.x.json.n > 2", "inputs.x.json.n <= 1"),
        ("inputs.x.json.n >= 2", "inputs.x.json.n <= 1"),
        ("5 < inputs.x.json.n", "inputs.x.json.n == 5"),
        ("score('G-a') >= 0.95", "score('G-a') < 0.95"),
        ("inputs.x.json.ok", "not inputs.y.json.ok"),
        ("not inputs.x.json.ok", "not (not inputs.x.json.ok)"),
        ("verdict('G-a') == 'waived' and (1 < 2 or 2 < 1)", "verdict('G-a') == 'passed'"),
        ("1 < 2 or 2 < 1", "not (1 < 2 or 2 < 1)"),
    ],
)
def test_tasks_whose_conditions_exclude_each_other_may_write_the_same_file(read, one, two):
    assert read(BRANCHES.format(one, two)).tasks


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("vars.level == 'strict'", "vars.other == 'lenient'"),
        ("vars.level == 'strict'", "vars.level != 'lenient'"),
        ("vars.level in ['a', 'b']", "vars.level in ['b', 'c']"),
        ("vars.level not in ['a']", "vars.level != 'a'"),
        ("inputs.x.json.n >= 0.5", "inputs.x.json.n <= 0.5"),
        ("inputs.x.json.n > 1", "inputs.x.json.n > 2"),
        ("inputs.x.json.n > 1", "inputs.x.json.n < 'b'"),
        ("inputs.x.json.n > 1", "inputs.x.json.n == 'b'"),
        ("inputs.y.json.ok", "not inputs.y.json.ok"),
        ("inputs.x.json.n == inputs.y.json.n", "inputs.x.json.n != 1"),
        ("score('G-a') < 0.95 < 1", "score('G-a') >= 0.95"),
        ("vars.level == 'strict' or vars.other == 'x'", "vars.level == 'lenient'"),
    ],
)
def test_tasks_whose_conditions_may_both_hold_may_not_write_the_same_file(read, one, two):
    with pytest.raises(PlanError, match=r"can run at once and both may write 'r\.md'"):
        read(BRANCHES.format(one, two))


@pytest.mark.parametrize(
    ("when", "rule", "warned"),
    [
        ("status('a') == 'failed'", "all_success", True),
        ("1 < 2 and status('a') in ['failed', 'lost']", "all_success", True),
        ("status('a') in ['failed', 'passed']", "all_success", False),
        ("status('a') == 'failed' or 1 < 2", "all_success", False),
        ("status('a') == 'failed'", "all_done", False),
    ],
)
def test_a_condition_on_a_failure_that_the_trigger_rule_stops_is_warned_of(read, when, rule, warned):
    plan = read(f"""\
orchharness: 1
tasks:
  a: {{run: x}}
  b: {{run: x, needs: [a], trigger_rule: {rule}, when: "{when}"}}
""")

    assert ["is never 'failed'" in w for w in plan.warnings] == [True] * warned
