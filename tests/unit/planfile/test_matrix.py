"""`matrix`: what is made of one task, track or phase, what ids mean then, and what is refused."""

from __future__ import annotations

import pytest

from orchharness.core.definition import changes, definition_of
from orchharness.errors import PlanError

HEAD = "orchharness: 1\n"


def needs(plan):
    return {task.id: task.needs for task in plan.tasks.values()}


def sources(plan, task, name):
    (found,) = (known for known in plan.tasks[task].inputs if known.name == name)
    return [f"{source.item}.{source.output}" for source in found.sources]


# ---- tasks ---------------------------------------------------------------------------------------


def test_a_task_is_made_for_every_combination_in_the_order_of_the_file(read):
    plan = read(HEAD + 'tasks: {t: {matrix: {os: [b, a], py: ["3.11", 3.10]}, run: x}}\n')

    assert list(plan.tasks) == ["t[b-3.11]", "t[b-3.10]", "t[a-3.11]", "t[a-3.10]"]
    assert plan.tasks["t[a-3.10]"].matrix == {"os": "a", "py": "3.10"}
    assert plan.tasks["t[a-3.10]"].base == "t"


def test_values_are_kept_as_they_are_written(read):
    plan = read(HEAD + "tasks: {t: {matrix: {v: [true, 0x10, 1.50, no, '']}, run: x}}\n")

    assert [task.matrix["v"] for task in plan.tasks.values()] == ["true", "0x10", "1.50", "no", ""]


def test_a_value_that_is_no_part_of_an_id_gets_a_short_form_and_stays_whole_in_the_title(read):
    long = "x" * 40
    plan = read(HEAD + f"tasks: {{t: {{matrix: {{v: [src/a b, src_a b, {long},日本, 'a']}}, run: x}}}}\n")

    assert list(plan.tasks) == [
        "t[src_a_b-648420]",
        "t[src_a_b-de2f50]",
        "t[xxxxxxxxxxxxxxxxxxxxxxxx-bd913f]",
        "t[cf2abf]",
        "t[a]",
    ]
    assert plan.tasks["t[src_a_b-648420]"].title == "t (v: src/a b)"


def test_ids_are_told_apart_without_regard_to_case_and_where_values_run_together(read):
    plan = read(
        HEAD
        + "tasks: {t: {matrix: {a: [x, X], b: [y, x-y]}, run: x}, u: {matrix: {a: [x-y, x], b: [z, y-z]}, run: x}}\n"
    )

    assert len({name.lower() for name in plan.tasks}) == len(plan.tasks) == 8
    assert list(plan.tasks)[:2] == ["t[x-y]", "t[x-x-y]"]
    assert "u[x-y-z]" in plan.tasks


def test_to_need_a_task_is_to_need_all_its_copies(read):
    plan = read(
        HEAD
        + "tasks: {t: {matrix: {v: [a, b]}, run: x}, u: {run: x, needs: [t]}, w: {run: x, needs: ['t[b]']}}\n"
    )

    assert needs(plan) == {"t[a]": (), "t[b]": (), "u": ("t[a]", "t[b]"), "w": ("t[b]",)}


def test_a_tasks_own_gate_is_copied_with_it(read):
    plan = read(
        HEAD
        + "critics: {c: {run: x}}\n"
        + "tasks: {t: {matrix: {v: [a, b]}, run: x, gate: {critics: [c]}}, u: {matrix: {v: [a]}, run: x, gate: {id: G-X, critics: [c]}},"
        + " w: {run: x, needs: [t, G-X]}}\n"
    )

    assert list(plan.gates) == ["G-t[a]", "G-t[b]", "G-X[a]"]
    assert plan.gates["G-t[b]"].of == ("t[b]",)
    assert plan.gates["G-t[b]"].matrix == {"v": "b"}
    assert needs(plan)["w"] == ("G-t[a]", "G-t[b]", "G-X[a]")


def test_an_input_gathers_the_outputs_of_all_copies_even_of_one(read):
    plan = read(
        HEAD
        + "tasks: {t: {matrix: {v: [a]}, run: x, outputs: {o: '{{ matrix.v }}.txt'}},"
        + " u: {run: x, inputs: {all: t.o, one: 't[a].o'}}}\n"
    )

    assert [(i.name, i.gathered) for i in plan.tasks["u"].inputs] == [("all", True), ("one", False)]
    assert sources(plan, "u", "all") == ["t[a].o"]


def test_paths_cwd_and_thresholds_are_rendered_with_the_values(read):
    plan = read(
        HEAD
        + "critics: {c: {run: x, criteria: {k: 1}}}\n"
        + "tasks: {t: {matrix: {v: [a, b], least: [0.8]}, run: x, cwd: 'in/{{ matrix.v }}', writes: ['{{ matrix.v }}/**'],"
        + " gate: {critics: [c], threshold: '{{ matrix.least }}'}}}\n"
    )

    assert [t.cwd for t in plan.tasks.values()] == ["in/a", "in/b"]
    assert [t.writes for t in plan.tasks.values()] == [("a/**",), ("b/**",)]
    assert {str(g.threshold) for g in plan.gates.values()} == {"0.8"}


def test_a_matrix_sees_variables(read):
    plan = read(
        HEAD + "vars: {v: {default: deep}}\ntasks: {t: {matrix: {m: ['{{ vars.v }}-1', flat]}, run: x}}\n"
    )

    assert list(plan.tasks) == ["t[deep-1]", "t[flat]"]


def test_the_agent_may_be_a_value_of_the_matrix(read):
    plan = read(
        HEAD
        + "agents: {one: {kind: plain}, two: {kind: command, run: [x, '{{ matrix.who }}']}}\n"
        + "tasks: {t: {matrix: {who: [one, two]}, agent: '{{ matrix.who }}', outputs: {o: {from: stdout}}}}\n"
    )

    assert [t.agent for t in plan.tasks.values()] == ["one", "two"]


def test_a_title_may_be_written_with_the_values(read):
    plan = read(
        HEAD
        + "tasks: {t: {title: 'On {{ matrix.os }}', matrix: {os: [a]}, run: x}, u: {title: U, matrix: {os: [a]}, run: x}}\n"
    )

    assert [t.title for t in plan.tasks.values()] == ["On a", "U (os: a)"]


# ---- groups --------------------------------------------------------------------------------------

CHAIN = (
    HEAD
    + """\
critics: {c: {run: x}}
tracks:
  t:
    matrix: {os: [a, b]}
    tasks:
      make: {run: x, outputs: {o: {from: stdout}}, gate: {critics: [c]}}
      test: {matrix: {py: [x, y]}, run: x, inputs: {made: make.o}}
      last: {run: x, needs: [test], inputs: {made: make.o}}
      pick: {run: x, needs: ["test[y]"]}
    gate: {id: G-T, critics: [c]}
  u:
    tasks:
      all: {run: x, needs: [test, t], inputs: {made: make.o}}
      one: {run: x, needs: ["t[a]", "test[a-x]", "G-T[b]"]}
"""
)


def test_a_track_is_copied_with_every_task_and_gate_in_it(read):
    plan = read(CHAIN)

    assert [(track.id, track.base) for track in plan.phases[0].tracks] == [
        ("t[a]", "t"),
        ("t[b]", "t"),
        ("u", "u"),
    ]
    assert [*plan.tasks][:5] == ["make[a]", "test[a-x]", "test[a-y]", "last[a]", "pick[a]"]
    assert [*plan.gates] == ["G-make[a]", "G-T[a]", "G-make[b]", "G-T[b]"]
    assert plan.gates["G-T[a]"].of == ("make[a]", "test[a-x]", "test[a-y]", "last[a]", "pick[a]")


def test_edges_inside_of_a_copy_stay_inside(read):
    plan = read(CHAIN)

    assert needs(plan)["test[b-x]"] == ("G-make[b]",)
    assert needs(plan)["last[b]"] == ("test[b-x]", "test[b-y]", "G-make[b]")
    assert needs(plan)["pick[b]"] == ("test[b-y]",)
    assert not plan.tasks["last[b]"].inputs[0].gathered


def test_edges_from_outside_mean_all_copies_and_a_copy_can_be_named(read):
    plan = read(CHAIN)

    copies = ("test[a-x]", "test[a-y]", "test[b-x]", "test[b-y]")
    tracks = ("track:tasks/t[a]", "track:tasks/t[b]")
    assert needs(plan)["all"] == (*copies, *tracks, "G-make[a]", "G-make[b]")
    assert sources(plan, "all", "made") == ["make[a].o", "make[b].o"]
    assert needs(plan)["one"] == ("track:tasks/t[a]", "test[a-x]", "G-T[b]")


PHASE = (
    HEAD
    + """\
phases:
  build:
    matrix: {os: [a, b]}
    tracks:
      t: {sequence: true, tasks: {one: {run: x, outputs: {o: {from: stdout}}}, two: {matrix: {n: [1, 2]}, run: x}, three: {run: x}}}
      u: {needs: [t], tasks: {other: {run: x}}}
    gates: {G: {of: [build], checks: [{run: x}]}, G-t: {of: [t], checks: [{run: [x, "{{ matrix.os }}"]}]}}
    gate: {checks: [{run: x}]}
  ship:
    tasks:
      all: {run: x, needs: [build], inputs: {x: one.o, y: "build.*", z: "build[b].*", e: G.evaluation}}
      some: {run: x, needs: ["build[a]"]}
cross_pollination: {CP: {from: one, to: [other, all], artifacts: [o]}}
"""
)


def test_a_phase_stays_one_phase_and_its_tracks_are_copied(read):
    plan = read(PHASE)

    assert [track.id for track in plan.phases[0].tracks] == ["t[a]", "u[a]", "t[b]", "u[b]", "build"]
    assert needs(plan)["other[a]"] == ("one[a]", "track:build/t[a]")
    assert plan.gates["G[a]"].of == ("one[a]", "two[a-1]", "two[a-2]", "three[a]", "other[a]")
    assert plan.gates["G-t[b]"].of == ("one[b]", "two[b-1]", "two[b-2]", "three[b]")
    assert plan.gates["G-build[b]"].of == ("one[b]", "two[b-1]", "two[b-2]", "three[b]", "other[b]")


def test_copies_of_a_task_stand_in_one_place_of_a_sequence(read):
    plan = read(PHASE)

    assert needs(plan)["two[a-2]"] == ("one[a]",)
    assert needs(plan)["three[a]"] == ("two[a-1]", "two[a-2]")


def test_a_named_edge_stays_inside_of_its_copy_and_gathers_outside(read):
    plan = read(PHASE)

    assert [(e.id, e.source, e.targets) for e in plan.edges] == [
        ("CP", "one[a]", ("other[a]", "all")),
        ("CP", "one[b]", ("other[b]", "all")),
    ]
    assert sources(plan, "other[b]", "o") == ["one[b].o"]


def test_one_copy_of_a_phase_can_be_named(read):
    plan = read(PHASE)

    expected = ("track:build/t[a]", "track:build/u[a]", "G-build[a]", "G[a]", "G-t[a]", "phase:build")
    assert needs(plan)["some"] == expected
    assert sources(plan, "all", "z") == ["one[b].o"]
    assert sources(plan, "all", "y") == ["one[a].o", "one[b].o"]


def test_a_definition_that_is_used_twice_by_an_alias_is_not_one_matrix(read):
    plan = read(HEAD + "tasks: {t: {matrix: &m {v: [a, b]}, run: x}, u: {matrix: *m, run: x, needs: [t]}}\n")

    assert needs(plan)["u[a]"] == ("t[a]", "t[b]")


def test_lanes_take_tasks_with_a_matrix(read):
    plan = read(
        HEAD
        + "execution: {one: {mode: foreground, tasks: [t]}, two: {mode: background, tasks: [u]}}\n"
        + "tasks: {t: {matrix: {v: [a, b]}, run: x}, u: {run: x, needs: [t]}}\ngates: {G: {of: [t], checks: [{run: x}]}}\n"
    )

    assert [track.items for phase in plan.phases for track in phase.tracks] == [
        ("t[a]", "t[b]", "G"),
        ("u",),
    ]


# ---- a changed plan ------------------------------------------------------------------------------


def test_a_value_that_is_added_changes_no_other_copy(read):
    text = (
        "vars: {w: x}\ntasks: {t: {matrix: {v: [%s]}, run: [x, '{{ matrix.v }}']}, u: {run: x, needs: [t]}}\n"
    )
    before, after = (definition_of(read(HEAD + text % values)) for values in ("a, a b", "c, a, a b"))

    assert changes(before, after) == {"t[c]": "it is new", "u": "needs changed"}


def test_a_value_that_a_task_reads_is_part_of_what_it_is(read):
    text = "tasks: {t: {matrix: {v: [%s]}, run: [x, '{{ matrix.v }}']}}\n"
    (one,), (other,) = (definition_of(read(HEAD + text % v)).values() for v in ("a", "'a'"))

    assert one == other
    assert one["matrix value 'v'"] == "a"


# ---- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "no values": (
        "tasks: {t: {matrix: {}, run: x}, u: {matrix: [a], run: x}, v: {matrix: {a: []}, run: x}, w: {matrix: {a: b}, run: x}}",
        [
            "2:21: matrix: there are no values: write {name: [value, …]}",
            "2:46: matrix: expected a mapping, found a list: write {NAME: [value, …]}",
            "2:76: matrix: 'a' is an empty list: nothing would be made; write a value, or leave it out",
            "2:106: matrix: 'a': expected a list of values, found the text 'b': write [a, b]",
        ],
    ),
    "values twice": (
        "tasks: {t: {matrix: {a: [1, x, '1'], b: [~, [1]]}, run: x, needs: [t]}, u: {run: x, needs: [t]}}",
        [
            "2:32: matrix: 'a': '1' is here twice: first in line 2",
            "2:42: matrix: 'b': expected a text, a number, true or false, found nothing",
            "2:68: needs: task 't[x-x]' needs itself",
        ],
    ),
    "words that come later": (
        "tasks: {t: {matrix: {include: [{a: 1}], exclude: [{a: 1}]}, run: x}, u: {matrix: {a: t.o}, run: x}, v: {matrix: {a: 't[x].*'}, run: x}}",
        [
            "2:22: matrix: 'include' in a matrix is not supported yet: write the combinations as values of the lists",
            "2:41: matrix: 'exclude' in a matrix is not supported yet: leave them out with lists that hold only what is wanted, or with two tasks",
            "2:86: matrix: 'a' over what a task makes (t.o) is not supported yet: write the values as a list",
            "2:117: matrix: 'a' over what a task makes (t[x].*) is not supported yet: write the values as a list",
        ],
    ),
    "names": (
        "tracks: {t: {matrix: {os: [1, 2]}, tasks: {a: {matrix: {os: [1], 'b c': [1]}, run: x}}}}\nmatrix: {a: [1]}",
        [
            "2:57: matrix: 'os' is in the matrix of the group already: choose another name",
            "2:66: matrix: 'b c' cannot be a name in a matrix: letters, digits and _ only",
            "3:1: unknown key 'matrix' in the plan: write it on a task, a track or a phase",
        ],
    ),
    "a fault of every copy is said once": (
        "tasks: {t: {matrix: {a: [1, 2, 3]}, run: [x, '{{ matrix.b }}'], outputs: {o: same.md}, needs: [u], inputs: {i: t.o}}, v: {run: x, cwd: '{{ matrix.a }}', needs: ['t[{{ vars.x }}]', 't[4]', 't[1']}}",
        [
            "2:46: template: no 'b' in matrix (there: 'a')",
            "2:96: needs: unknown id 'u' (there are: 'v', 't')",
            "2:112: input 'i': task 't[1]' would read its own output",
            "2:136: cwd: template: there is no 'matrix' here: write one on the task, its track or its phase",
            "2:162: needs: unknown id 't[{{ vars.x }}]': ids are no templates; tasks that go together by a matrix stand in a track or phase with that matrix",
            "2:181: needs: unknown id 't[4]'; did you mean 't[1]'?",
            "2:189: needs: unknown id 't[1'; did you mean 't[1]'?",
        ],
    ),
    "copies that write one file": (
        "tasks: {t: {matrix: {a: [1, 2, 3]}, run: x, outputs: {o: same.md}}}",
        [
            "2:9: tasks 't[1]' and 't[2]' can run at once and both may write 'same.md': order them with 'needs', "
            "or let both take a counter of 1 from limits.resources"
        ],
    ),
    "agents and critics that read what is not there": (
        "agents: {w: {kind: command, run: [x, '{{ matrix.a }}', '{{ matrix.b }}']}}\n"
        "critics: {c: {agent: w, prompt: 'See {{ matrix.c }}.', criteria: {k: 1}}}\n"
        "tasks: {t: {matrix: {a: [1, 2]}, agent: w, outputs: {o: {from: stdout}}}, u: {matrix: {a: [1], b: [1], c: [1]}, agent: w, outputs: {o: {from: stdout}}},"
        " v: {run: x, gate: {critics: [c]}}}",
        [
            "4:41: agent 'w' reads matrix.b, which task 't[1]' does not have: write it in the 'matrix' of the task, track or phase",
            "4:183: agent 'w' reads matrix.a, which gate 'G-v' does not have: write it in the 'matrix' of the task, track or phase",
            "4:183: agent 'w' reads matrix.b, which gate 'G-v' does not have: write it in the 'matrix' of the task, track or phase",
            "4:183: critic 'c' reads matrix.c, which gate 'G-v' does not have: write it in the 'matrix' of the task, track or phase",
        ],
    ),
    "ids that are taken in the file": (
        "tasks: {t: {matrix: {a: [1]}, run: x, gate: {id: G, checks: [{run: x}]}}, u: {run: x, gate: {id: G, checks: [{run: x}]}}}",
        ["2:87: gate 'G': the id is taken by gate 'G' in line 2"],
    ),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_a_wrong_matrix_is_told_what_to_write_instead(rule, problems):
    text, expected = REFUSED[rule]

    assert problems(HEAD + text + "\n") == expected


def _many(*counts):
    return ", ".join(f"k{place}: [{', '.join(map(str, range(count)))}]" for place, count in enumerate(counts))


@pytest.mark.parametrize(
    "text",
    [
        f"tasks: {{t: {{matrix: {{{_many(100, 100, 11)}}}, run: x}}}}",
        f"tracks: {{a: {{matrix: {{{_many(100, 100, 6)}}}, tasks: {{t: {{matrix: {{z: [1, 2]}}, run: x}}}}}}}}",
        f"phases: {{a: {{matrix: {{{_many(1000, 1000, 1000)}}}, gates: {{G: {{of: [b], checks: [{{run: x}}]}}}}}}, b: {{tasks: {{t: {{run: x}}}}}}}}",
    ],
)
def test_copies_count_before_any_is_made(text, problems):
    (found,) = problems(HEAD + text + "\n")

    assert found.endswith("more than 100000 tasks, with the copies of each matrix: split the plan")


def test_a_short_file_cannot_stand_for_endless_edges(problems):
    text = f"tasks: {{t: {{matrix: {{{_many(40, 40)}}}, run: x}}, u: {{matrix: {{{_many(40, 40)}}}, run: x, needs: [t]}}}}"

    (found,) = problems(HEAD + text + "\n")

    assert found.partition(": needs: ")[2] == (
        "the copies of this plan make more than 1000000 edges: let one gate or task stand between the many that are "
        "needed and the many that need them"
    )


# ---- people --------------------------------------------------------------------------------------


def test_each_copy_asks_with_its_own_values_and_leaves_out_what_comes_after_itself(read):
    plan = read(
        HEAD
        + """tracks:
  t:
    matrix: {os: [linux, mac]}
    tasks:
      ask: {ask: "What of {{ matrix.os }}?", outputs: {said: {from: answer}}}
      build:
        run: x
        gate:
          id: G
          kind: human
          question: "Ship {{ matrix.os }}?"
          options: [{id: yes, label: "ship {{ matrix.os }}", then: pass}, {id: no, then: {skip: [send]}}]
      send: {needs: [build], run: x}
"""
    )
    gate = plan.gates["G[mac]"]

    assert plan.tasks["ask[linux]"].ask == "What of linux?"
    assert gate.question == "Ship mac?"
    assert gate.options[0].label == "ship mac"
    assert gate.options[1].skip == ("send[mac]",)


def test_an_answer_from_outside_of_a_matrix_leaves_out_all_copies(read):
    plan = read(
        HEAD
        + "tasks:\n  a: {run: x, gate: {id: G, kind: human, question: Go?, options: [{id: no, then: {skip: [b]}}]}}\n"
        + "  b: {matrix: {os: [linux, mac]}, needs: [a], run: x}\n"
    )

    assert plan.gates["G"].options[0].skip == ("b[linux]", "b[mac]")


def test_a_fault_that_every_copy_has_is_said_once_however_many_there_are(read):
    values = ", ".join(map(str, range(200)))

    with pytest.raises(PlanError) as caught:
        read(
            HEAD + f"tasks: {{build: {{run: x}}, t: {{matrix: {{a: [{values}]}}, run: x, needs: [buid]}}}}\n"
        )

    (problem,) = caught.value.problems
    assert problem.message == "needs: unknown id 'buid'; did you mean 'build'?"
