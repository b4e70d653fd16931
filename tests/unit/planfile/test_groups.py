"""What stands on a track or phase and counts for all of it; trigger rules; failures that are allowed."""

from __future__ import annotations

import pytest

from orchharness.core.plan import TriggerRule

SEQUENCE = """\
orchharness: 1
critics: {c: {run: x}}
tracks:
  t:
    sequence: true
    tasks:
      a: {run: x}
      b: {run: x, gate: {critics: [c]}}
      c: {run: x, needs: [other]}
      d: {run: x, needs: [c]}
  u: {tasks: {other: {run: x}}}
"""


def needs(plan):
    return {task.id: task.needs for task in plan.tasks.values()}


# ---- sequence ------------------------------------------------------------------------------------


def test_in_a_sequence_each_task_needs_the_one_before_it(read):
    assert needs(read(SEQUENCE)) == {
        "a": (),
        "b": ("a",),
        "c": ("other", "G-b"),
        "d": ("c",),
        "other": (),
    }


@pytest.mark.parametrize("given", ["false", "true"])
def test_the_tasks_of_a_phase_can_be_a_sequence(read, given):
    plan = read(
        f"orchharness: 1\nphases: {{p: {{sequence: {given}, tasks: {{a: {{run: x}}, b: {{run: x}}}}}}}}\n"
    )

    assert needs(plan)["b"] == (("a",) if given == "true" else ())


def test_tasks_of_a_sequence_may_write_the_same_file(read):
    one, other = ("{run: x, outputs: {o: same.md}}" for _ in range(2))
    plan = read(f"orchharness: 1\ntracks: {{t: {{sequence: true, tasks: {{a: {one}, b: {other}}}}}}}\n")

    assert needs(plan) == {"a": (), "b": ("a",)}


# ---- needs of a group ----------------------------------------------------------------------------


def test_what_a_track_needs_its_tasks_without_a_predecessor_in_it_need(read):
    plan = read("""\
orchharness: 1
critics: {c: {run: x}}
tracks:
  t:
    needs: [first, u]
    tasks:
      a: {run: x, outputs: {o: a.md}, gate: {critics: [c]}}
      b: {run: x, needs: [a]}
      c: {run: x, inputs: {x: a.o}}
      d: {run: x, needs: [first]}
      e: {run: x, needs: [G-ALL]}
  u: {tasks: {x: {run: x}}}
  v: {tasks: {first: {run: x}}}
gates: {G-ALL: {of: [a], critics: [c]}}
""")

    assert needs(plan) == {
        "a": ("first", "track:tasks/u"),
        "b": ("G-a",),
        "c": ("G-a",),
        "d": ("first", "track:tasks/u"),
        "e": ("G-ALL",),
        "x": (),
        "first": (),
    }


def test_only_the_first_task_of_a_sequence_takes_what_its_track_needs(read):
    plan = read("""\
orchharness: 1
tracks:
  t: {sequence: true, needs: [x], tasks: {a: {run: x}, b: {run: x}}}
  u: {tasks: {x: {run: x}}}
""")

    assert needs(plan) == {"a": ("x",), "b": ("a",), "x": ()}


def test_what_a_phase_needs_all_its_tracks_need_where_nothing_of_it_comes_before(read):
    plan = read("""\
orchharness: 1
phases:
  one: {tasks: {x: {run: x}, y: {run: x}}}
  two:
    needs: [x]
    tracks:
      t: {tasks: {a: {run: x}, b: {run: x, needs: [a]}}}
      u: {needs: [t], tasks: {c: {run: x}}}
      v: {needs: [y], tasks: {d: {run: x}}}
""")

    assert needs(plan) == {
        "x": (),
        "y": (),
        "a": ("x", "phase:one"),
        "b": ("a", "phase:one"),
        "c": ("track:two/t", "phase:one"),
        "d": ("y", "x", "phase:one"),
    }


def test_a_gate_over_other_tasks_is_no_predecessor_in_the_group(read):
    plan = read("""\
orchharness: 1
critics: {c: {run: x}}
phases:
  one: {tasks: {x: {run: x}, y: {run: x}}}
  two: {needs: [x], tasks: {a: {run: x, needs: [G]}}, gates: {G: {of: [y], critics: [c]}}}
""")

    assert needs(plan)["a"] == ("G", "x", "phase:one")


# ---- resources and trigger rules of a group ------------------------------------------------------


def test_the_nearest_counter_and_the_nearest_rule_win(read):
    plan = read("""\
orchharness: 1
limits: {resources: {gpu: 2, db: 1}}
phases:
  p:
    resources: {gpu: 1, db: 1}
    trigger_rule: all_done
    tracks:
      t:
        resources: {gpu: 2}
        trigger_rule: none_failed
        tasks:
          a: {run: x}
          b: {run: x, resources: {gpu: 1}, trigger_rule: one_success}
      u: {tasks: {c: {run: x}}}
""")

    assert {t.id: dict(t.resources) for t in plan.tasks.values()} == {
        "a": {"gpu": 2, "db": 1},
        "b": {"gpu": 1, "db": 1},
        "c": {"gpu": 1, "db": 1},
    }
    assert {t.id: t.trigger_rule for t in plan.tasks.values()} == {
        "a": TriggerRule.NONE_FAILED,
        "b": TriggerRule.ONE_SUCCESS,
        "c": TriggerRule.ALL_DONE,
    }


def test_a_counter_of_the_group_keeps_its_tasks_apart(read):
    tasks = "{a: {run: x, outputs: {o: same.md}}, b: {run: x, outputs: {o: same.md}}}"
    plan = read(
        "orchharness: 1\nlimits: {resources: {file: 1}}\n"
        f"tracks: {{t: {{resources: {{file: 1}}, tasks: {tasks}}}}}\n"
    )

    assert needs(plan) == {"a": (), "b": ()}


# ---- allow_failure -------------------------------------------------------------------------------


def test_a_task_and_its_own_gate_may_fail(read):
    plan = read("""\
orchharness: 1
critics: {c: {run: x}}
tasks:
  a: {run: x, allow_failure: true, gate: {critics: [c]}}
  b: {run: x, gate: {critics: [c]}}
gates: {G: {of: [b], critics: [c]}}
""")

    assert {i: plan.may_fail(i) for i in (*plan.tasks, *plan.gates)} == {
        "a": True,
        "b": False,
        "G-a": True,
        "G-b": False,
        "G": False,
    }
    assert plan.warnings == ()


def test_a_gate_over_a_task_that_may_fail_is_warned_of(read):
    plan = read("""\
orchharness: 1
critics: {c: {run: x, criteria: {q: 1}}}
tasks:
  a: {run: x, allow_failure: true, gate: {critics: [c]}}
  b: {run: x}
gates:
  G: {of: [a, b], critics: [c]}
  H: {of: [G-a]}
""")

    assert plan.warnings == (
        "x.plan.yaml:7:3: gate 'G' judges 'a', which may fail (allow_failure): then it is skipped",
        "x.plan.yaml:8:3: gate 'H' judges 'a', which may fail (allow_failure): then it is skipped",
    )


# ---- what is wrong -------------------------------------------------------------------------------

BROKEN = {
    "a need against the sequence": (
        """\
orchharness: 1
critics: {c: {run: x}}
tracks:
  t:
    sequence: true
    tasks:
      a: {run: x, needs: [b]}
      b: {run: x, inputs: {v: G-c.evaluation}}
      c: {run: x, gate: {critics: [c]}}
""",
        [
            "7:27: needs: task 'a' needs task 'b', which comes later in the 'sequence' of track 't': "
            "change the order of the tasks, or leave 'sequence' out",
            "8:31: input 'v': task 'b' needs gate 'G-c', which comes later in the 'sequence' of track 't': "
            "change the order of the tasks, or leave 'sequence' out",
        ],
    ),
    "a cycle by a sequence and another track": (
        """\
orchharness: 1
tracks:
  t: {sequence: true, tasks: {a: {run: x, needs: [x]}, b: {run: x}}}
  u: {tasks: {x: {run: x, needs: [b]}}}
""",
        [
            "3:31: cycle: a → b → x → a (each waits for the one before it; "
            "'b' for 'a' by the 'sequence' of track 't'): take one of these needs out",
        ],
    ),
    "two tracks that need each other": (
        """\
orchharness: 1
tracks:
  t: {needs: [u], tasks: {a: {run: x}}}
  u: {needs: [t], tasks: {b: {run: x}}}
""",
        [
            "3:27: cycle: a → track tasks/t → b → track tasks/u → a (each waits for the one before it; "
            "'b' for 'track tasks/t' by the 'needs' of track 'u'; "
            "'a' for 'track tasks/u' by the 'needs' of track 't'): take one of these needs out",
        ],
    ),
    "a track that needs what is inside of it or around it": (
        """\
orchharness: 1
critics: {c: {run: x}}
phases:
  p:
    tracks:
      t: {needs: [a, G-a, t, p, q, z, nobody], tasks: {a: {run: x, gate: {critics: [c]}}}}
  q: {tasks: {z: {run: x}}}
""",
        [
            "6:19: needs: track 't' needs task 'a', which is part of it: write this on the tasks that wait for it",
            "6:22: needs: track 't' needs gate 'G-a', which is part of it: write this on the tasks that wait for it",
            "6:27: needs: track 't' needs itself",
            "6:30: needs: track 't' needs phase 'p', which it is part of: name the items it waits for",
            "6:33: needs: track 't' of phase 'p' needs phase 'q' (a later phase): phases run in order, so this would "
            "wait for ever; move one of them",
            "6:36: needs: track 't' of phase 'p' needs task 'z' of the later phase 'q': phases run in order, so this "
            "would wait for ever; move one of them",
            "6:39: needs: unknown id 'nobody' (there are: 'a', 'z', 'G-a', 'p', 'q', 't')",
        ],
    ),
    "a phase that needs what is inside of it or later": (
        """\
orchharness: 1
phases:
  p: {needs: [p, t, a, q, z], tracks: {t: {tasks: {a: {run: x}}}}}
  q: {tasks: {z: {run: x}}}
""",
        [
            "3:15: needs: phase 'p' needs itself",
            "3:18: needs: phase 'p' needs track 't', which is part of it: write this on the tasks that wait for it",
            "3:21: needs: phase 'p' needs task 'a', which is part of it: write this on the tasks that wait for it",
            "3:24: needs: phase 'p' needs phase 'q' (a later phase): phases run in order, so this would wait for ever; "
            "move one of them",
            "3:27: needs: phase 'p' needs task 'z' of the later phase 'q': phases run in order, so this would wait for "
            "ever; move one of them",
        ],
    ),
    "a sequence where there is none": (
        """\
orchharness: 1
phases:
  p:
    sequence: true
    tracks: {t: {sequence: often, tasks: {a: {run: x, sequence: true}}}}
""",
        [
            "4:5: 'sequence' on phase 'p', whose tracks run at the same time: write it on a track",
            "5:28: sequence: expected true or false, found the text 'often'",
            "5:55: unknown key 'sequence' in a task: write it on the track",
        ],
    ),
    "keys of tracks at the top": (
        """\
orchharness: 1
sequence: true
trigger_rule: all_done
tasks: {a: {run: x}}
""",
        [
            "2:1: unknown key 'sequence' in the plan: write it on a track, or on a phase with 'tasks'",
            "3:1: unknown key 'trigger_rule' in the plan: write it on the tasks",
        ],
    ),
    "counters of a group": (
        """\
orchharness: 1
limits: {resources: {gpu: 1}}
phases:
  p: {resources: {gpu: 2}, tracks: {t: {resources: {gpus: 1}, tasks: {a: {run: x}, b: {run: x}}}}}
""",
        [
            "4:18: resources: phase 'p' takes 2 of 'gpu', but there are only 1: it would wait for ever",
            "4:52: resources: unknown counter 'gpus'; did you mean 'gpu'? (in limits.resources: 'gpu')",
        ],
    ),
    "a failure that is allowed in the wrong place or in other words": (
        """\
orchharness: 1
tracks:
  t:
    allow_failure: true
    tasks:
      a: {run: x, allow_failure: 1, gate: {checks: [{run: x}], allow_failure: true}}
      b: {run: x, continue-on-error: true}
      c: {run: x, trigger_rule: one_sucess}
""",
        [
            "4:5: unknown key 'allow_failure' in a track: write it on the tasks",
            "6:34: allow_failure: expected true or false, found the number 1: write true",
            "6:64: unknown key 'allow_failure' in a gate: write it on the task: it counts for the task's own gate, too",
            "7:19: unknown key 'continue-on-error' in a task: write 'allow_failure: true'",
            "8:33: trigger_rule: 'one_sucess' is not one of 'all_success', 'all_done', 'none_failed', 'one_success'; "
            "did you mean 'one_success'?",
        ],
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_group_is_told_what_to_write_instead(rule, problems):
    text, expected = BROKEN[rule]

    assert problems(text) == expected
