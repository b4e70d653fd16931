"""`include`: what a fragment becomes in the plan, what its names and templates mean, and what is refused."""

from __future__ import annotations

import pytest

from orchharness.core.definition import changes, definition_of
from orchharness.errors import PlanError

PART = """\
orchharness: 1
vars:
  target:
  level: {default: strict, choices: [strict, lenient]}
  source: {default: own.o}
  after: {default: own}
agents: {w: {kind: command, run: [x, "{{ vars.target }}", "{{ plan_dir }}"]}}
critics: {c: {run: [python, "{{ plan_dir }}/judge.py"], criteria: {k: 1}}}
tasks:
  own: {run: [x, "{{ vars.level }}"], outputs: {o: {from: stdout}}}
  check:
    agent: w
    prompt: {file: prompt.md}
    needs: ["{{ vars.after }}"]
    inputs: {s: "{{ vars.source }}", mine: own.o}
    outputs: {out: "{{ vars.target }}.txt"}
    gate: {critics: [c]}
  last: {needs: [G-check], run: x}
"""
PLAN = """\
orchharness: 1
agents: {w: {kind: plain}, other: {kind: plain}}
tracks:
  src: {tasks: {make: {run: x, outputs: {o: {from: stdout}}}}}
  py: {include: parts/part.yaml, with: {target: src, source: make.o, after: make}}
  js: {include: parts/part.yaml, needs: [py], with: {target: web, level: lenient}, gate: {checks: [{run: x}]}}
  end: {tasks: {e: {run: x, needs: [py, js-last], inputs: {o: py-check.out, e: js-G-check.evaluation}}}}
"""


@pytest.fixture
def parts(project):
    """A folder for fragments, with files beside them."""
    folder = project / "parts"
    folder.mkdir()
    (folder / "part.yaml").write_text(PART)
    (folder / "prompt.md").write_text("Look at {{ vars.target }}.\n")
    (folder / "judge.py").write_text("")
    return folder


def needs(plan):
    return {task.id: task.needs for task in plan.tasks.values()}


def sources(plan, task):
    return {i.name: [f"{s.item}.{s.output}" for s in i.sources] for i in plan.tasks[task].inputs}


# ---- what it becomes -----------------------------------------------------------------------------


def test_ids_of_a_fragment_begin_with_the_name_of_what_includes_it(read, parts):
    plan = read(PLAN)

    assert [*plan.tasks] == ["make", "py-own", "py-check", "py-last", "js-own", "js-check", "js-last", "e"]
    assert [*plan.gates] == ["py-G-check", "js-G-check", "G-js"]
    assert [track.id for track in plan.phases[0].tracks] == ["src", "py", "js", "end"]


def test_names_in_a_fragment_are_its_own_and_what_is_handed_over_is_the_includers(read, parts):
    plan = read(PLAN)

    assert needs(plan)["py-check"] == ("make", "py-own")
    assert sources(plan, "py-check") == {"s": ["make.o"], "mine": ["py-own.o"]}
    assert needs(plan)["py-last"] == ("py-G-check",)
    assert sources(plan, "e") == {"o": ["py-check.out"], "e": ["js-G-check.None"]}


def test_a_default_names_what_is_in_the_fragment_when_nothing_is_handed_over(read, parts):
    plan = read(PLAN.replace("level: lenient", "level: lenient, source: js-own.o, after: js-own"))

    assert sources(plan, "js-check")["s"] == ["js-own.o"]


def test_agents_and_critics_of_the_fragment_come_before_the_plans(read, parts):
    plan = read(PLAN)

    assert plan.tasks["py-check"].agent == "py-w"
    assert plan.gates["js-G-check"].critics == ("js-c",)
    (parts / "part.yaml").write_text(PART.replace("agent: w", "agent: other"))
    assert read(PLAN).tasks["py-check"].agent == "other"


def test_templates_and_paths_are_those_of_the_fragment(read, parts):
    plan = read(PLAN)

    task = plan.tasks["js-check"]
    assert task.prompt == "Look at {{ vars.target }}.\n"
    assert (task.scope.vars["target"], task.scope.folder) == ("web", str(parts))
    assert [o.path for o in task.outputs] == ["web.txt"]
    assert plan.agents["js-w"].scope == task.scope
    assert plan.agents["w"].scope is None
    assert plan.tasks["make"].scope is None


def test_fragments_and_what_they_name_define_the_plan(read, parts):
    plan = read(PLAN)

    assert plan.fragments == (str(parts / "part.yaml"),)
    assert set(plan.definitions) == {str(parts / "part.yaml"), str(parts / "prompt.md")}
    assert plan.critics["py-c"].inputs == (str(parts / "judge.py"),)


def test_a_value_that_changes_changes_the_tasks_that_read_it(read, parts):
    before = definition_of(read(PLAN))
    after = definition_of(read(PLAN.replace("level: lenient", "level: strict")))

    assert changes(before, after) == {"js-own": "variable 'level' changed"}


NESTED = {
    "outer.yaml": """\
orchharness: 1
vars: {lang: , src: }
tracks:
  sub: {include: deep/inner.yaml, with: {who: "to {{ vars.lang }}", src: "{{ vars.src }}"}}
  own: {needs: [sub], tasks: {o: {run: [x, "{{ vars.lang }}"], inputs: {t: sub-all.t}}}, gate: {checks: [{run: x}]}}
gates: {G: {of: [sub, own], checks: [{run: [x, "{{ vars.lang }}"]}]}}
""",
    "deep/inner.yaml": """\
orchharness: 1
vars: {who: , src: }
tasks:
  say: {matrix: {n: [1, 2]}, run: [x, "{{ vars.who }}", "{{ matrix.n }}"], inputs: {s: "{{ vars.src }}"}, outputs: {o: {from: stdout}}}
  all: {inputs: {x: say.o, one: "say[2].o"}, run: x, outputs: {t: {from: stdout}}}
""",
}
PHASES = """\
orchharness: 1
phases:
  a: {tasks: {seed: {run: x, outputs: {o: {from: stdout}}}}}
  b: {matrix: {lang: [py, js]}, include: outer.yaml, with: {lang: "{{ matrix.lang }}", src: seed.o}}
  c: {tasks: {z: {run: x, inputs: {one: "b-sub-all[py].t", all: b-sub-all.t}, needs: [b-G, b-o]}}}
"""


@pytest.fixture
def nested(project):
    (project / "deep").mkdir()
    for name, text in NESTED.items():
        (project / name).write_text(text)


def test_a_phase_takes_tracks_tasks_and_gates_and_fragments_include_others(read, nested):
    plan = read(PHASES)

    every = ["b-sub-say[py-1]", "b-sub-say[py-2]", "b-sub-all[py]", "b-o[py]"]
    assert [*plan.tasks][1:5] == every
    assert plan.gates["b-G[py]"].of == tuple(every)
    assert [*plan.gates] == ["b-G-own[py]", "b-G-own[js]", "b-G[py]", "b-G[js]"]
    assert [track.id for track in plan.phases[1].tracks][:2] == ["b-sub[py]", "b-own[py]"]


def test_what_is_handed_on_is_looked_for_further_out(read, nested):
    plan = read(PHASES)

    assert sources(plan, "b-sub-say[js-2]") == {"s": ["seed.o"]}
    assert sources(plan, "b-sub-all[js]") == {
        "x": ["b-sub-say[js-1].o", "b-sub-say[js-2].o"],
        "one": ["b-sub-say[js-2].o"],
    }


def test_values_may_come_from_the_matrix_of_what_includes(read, nested):
    plan = read(PHASES)

    said = plan.tasks["b-sub-say[js-2]"]
    assert said.scope.vars["who"] == "to js"
    assert said.matrix == {"n": "2"}  # the matrix of the phase stands in another file
    assert plan.gates["b-G[py]"].scope.vars["lang"] == "py"


# ---- what is refused -----------------------------------------------------------------------------

PROBLEMS = {
    "a fault in a fragment names both places": (
        {
            "part.yaml": "orchharness: 1\nvars: {t: x}\ntasks: {a: {run: [x, '{{ vars.u }}'], needs: [b, seed], foo: 1}}\n"
        },
        "tracks: {p: {include: part.yaml}, q: {tasks: {seed: {run: x}}}}",
        [
            "part.yaml:3:22: template: no 'u' in vars (there: 't') (included at x.plan.yaml:2:23)",
            "part.yaml:3:47: needs: unknown id 'b' in this fragment; what is outside is handed over: write '{{ vars.NAME }}' here, and 'with' beside the include (included at x.plan.yaml:2:23)",
            "part.yaml:3:50: needs: unknown id 'seed' in this fragment; what is outside is handed over: write '{{ vars.NAME }}' here, and 'with' beside the include (included at x.plan.yaml:2:23)",
            "part.yaml:3:57: unknown key 'foo' in a task (known there: run, shell, tags, marks, timeout, idle_timeout, retry, ask, agent, prompt, needs, inputs, outputs, writes, env, cwd, workspace, trigger_rule, when, allow_failure, recovery, resources, budget, mode, gate, estimate, rationale, matrix, title, description) (included at x.plan.yaml:2:23)",
        ],
    ),
    "a fault of the fragment itself is said once": (
        {"part.yaml": "orchharness: 1\ntasks: {a: {run: x, needs: [a]}}\n"},
        "tracks: {p: {include: part.yaml}, q: {include: part.yaml}, r: {matrix: {x: [1, 2]}, include: part.yaml}}",
        ["part.yaml:2:29: needs: task 'p-a' needs itself (included at x.plan.yaml:2:23)"],
    ),
    "variables": (
        {
            "part.yaml": "orchharness: 1\nvars: {need: , pick: {default: a, choices: [a, b]}}\ntasks: {a: {run: x}}\n"
        },
        "tracks: {p: {include: part.yaml, with: {pick: c, more: 1}}, q: {include: part.yaml, with: {need: '{{ vars.x }}', pick: '{{ matrix.m }}'}}, r: {with: {a: b}, tasks: {t: {run: x}}}}",
        [
            "x.plan.yaml:2:23: part.yaml needs the variable 'need' (line 2 there): write 'with: {need: …}'",
            "x.plan.yaml:2:47: variable 'pick': 'c' is not one of 'a', 'b'",
            "x.plan.yaml:2:50: with: part.yaml has no variable 'more' (it has: 'need', 'pick')",
            "x.plan.yaml:2:98: variable 'need': template: no 'x' in vars (there: none)",
            "x.plan.yaml:2:120: variable 'pick': template: there is no 'matrix' here: write one on the task, its track or its phase (agents and critics of a fragment see none: they are made once)",
            "x.plan.yaml:2:144: 'with' without 'include': write the file, too",
        ],
    ),
    "what a fragment does not hold": (
        {
            "part.yaml": "orchharness: 1\nlimits: {parallel: 1}\nphases: {}\ngate: true\ncross_pollination: {}\ngates: {G: {of: [a]}}\ntasks: {a: {run: x}}\n",
            "none.yaml": "orchharness: 1\nvars: {a: b}\n",
            "list.yaml": "- a\n",
            "torn.yaml": "tasks: {a: {run: x}\n",
            "twice.yaml": "orchharness: 1\ntasks: {a: {run: x}, a: {run: x}}\n",
        },
        "tracks:\n"
        + "".join(
            f"  t{n}: {{include: {name}.yaml}}\n"
            for n, name in enumerate(["part", "none", "list", "torn", "twice"])
        ),
        [
            "x.plan.yaml:5:17: include: a fragment is a mapping with 'tasks', found a list in list.yaml",
            "none.yaml:1:1: the fragment has no tasks: write 'tasks: {the-id: {run: …}}' (included at x.plan.yaml:4:17)",
            "part.yaml:2:1: unknown key 'limits' in a fragment: a fragment has none: write it in the plan (included at x.plan.yaml:3:17)",
            "part.yaml:3:1: unknown key 'phases' in a fragment: a fragment has none: include one for each phase (included at x.plan.yaml:3:17)",
            "part.yaml:4:1: unknown key 'gate' in a fragment: write it beside 'include' (included at x.plan.yaml:3:17)",
            "part.yaml:5:1: unknown key 'cross_pollination' in a fragment: write 'inputs' on the tasks (included at x.plan.yaml:3:17)",
            "part.yaml:6:1: 'gates' in a fragment that a track includes: include it in a phase (included at x.plan.yaml:3:17)",
            "torn.yaml:1:8: not YAML: the '{' that opens here is never closed (included at x.plan.yaml:6:17)",
            "twice.yaml:2:22: the key 'a' is here twice: first in line 2 (included at x.plan.yaml:7:17)",
        ],
    ),
    "paths": (
        {"part.yaml": "orchharness: 1\ntasks: {a: {run: x, prompt: {file: none.md}}}\n"},
        "tracks:\n  a: {include: /etc/passwd}\n  b: {include: '{{ vars.x }}'}\n  c: {include: none.yaml}\n  d: {include: x.plan.yaml}\n"
        "  e: {include: [x]}\n  f: {include: part.yaml, tasks: {a: {run: x}}}\n  g: {include: part.yaml}\n  h: {include: binary.md}\ninclude: part.yaml",
        [
            "x.plan.yaml:3:16: include: '/etc/passwd' is absolute: write a path relative to this file",
            "x.plan.yaml:4:16: include: '{{ vars.x }}' is a template: write a path relative to this file",
            "x.plan.yaml:5:16: include: 'none.yaml' cannot be read: No such file or directory (relative to this file)",
            "x.plan.yaml:6:16: include: 'x.plan.yaml' is the name of a plan, which pytest would run: name it fragment.yaml or the like",
            "x.plan.yaml:7:16: expected the path of a fragment, found a list",
            "x.plan.yaml:8:27: 'tasks' beside 'include': write one of them",
            "x.plan.yaml:10:16: include: 'binary.md' cannot be read: it is no UTF-8 text (relative to this file)",
            "x.plan.yaml:11:1: unknown key 'include' in the plan: write it on a track or phase: {include: fragment.yaml, with: {NAME: value}}",
            "part.yaml:2:36: there is no file 'none.md' beside the fragment (paths here are relative to the fragment file) (included at x.plan.yaml:9:16)",
        ],
    ),
    "fragments that include each other": (
        {
            "one.yaml": "orchharness: 1\ntracks: {t: {include: two.yaml}}\n",
            "two.yaml": "orchharness: 1\ntasks: {a: {run: x}}\ntracks: {t: {include: one.yaml}}\n",
            "self.yaml": "orchharness: 1\ntracks: {t: {include: ./self.yaml}}\n",
        },
        "phases: {p: {include: one.yaml}, q: {include: self.yaml}}",
        [
            "self.yaml:2:23: include: self.yaml → self.yaml would never end: take one of these includes out (included at x.plan.yaml:2:47)",
            "two.yaml:3:1: 'tracks' in a fragment that a track includes: include it in a phase (included at one.yaml:2:23, included at x.plan.yaml:2:23)",
        ],
    ),
    "ids that are too long or taken": (
        {"part.yaml": f"orchharness: 1\ntasks: {{{'a' * 63}: {{run: x}}, b: {{run: x}}}}\n"},
        "tracks: {p: {include: part.yaml}, q: {tasks: {p-b: {run: x}}}}",
        [
            "x.plan.yaml:2:47: task 'p-b': the id is taken by task 'p-b' in line 2",
            f"part.yaml:2:9: task: 'p-{'a' * 55}…' is no id: a letter, then letters, digits, _ and -, at most 64 in all (included at x.plan.yaml:2:23)",
        ],
    ),
}


@pytest.mark.parametrize("rule", PROBLEMS)
def test_a_wrong_include_is_told_what_to_write_instead(rule, project, read):
    files, text, expected = PROBLEMS[rule]
    for name, content in files.items():
        (project / name).write_text(content)

    with pytest.raises(PlanError) as raised:
        read("orchharness: 1\n" + text + "\n")

    found = sorted(f"{p.location}: {p.message}".replace(f"{project}/", "") for p in raised.value.problems)
    assert found == sorted(expected)


def test_the_line_that_is_shown_is_the_fragments(project, read):
    (project / "part.yaml").write_text("orchharness: 1\ntasks: {a: {run: x, foo: 1}}\n")

    with pytest.raises(PlanError, match=r"\n    tasks: \{a: \{run: x, foo: 1\}\}"):
        read("orchharness: 1\ntracks: {p: {include: part.yaml}}\n")


def test_includes_are_bounded(project, read):
    (project / "part.yaml").write_text("orchharness: 1\ntasks: {a: {run: x}}\n")
    tracks = "".join(f"  t{n}: {{include: part.yaml}}\n" for n in range(1_001))

    with pytest.raises(PlanError, match="include: more than 1000 in one plan: split the plan"):
        read("orchharness: 1\ntracks:\n" + tracks)


def test_questions_of_a_fragment_are_asked_with_its_own_values(read, project):
    (project / "part.yaml").write_text(
        """orchharness: 1
vars: {who: }
tasks:
  work: {run: x, gate: {kind: human, question: "Is {{ vars.who }} right?", options: [
    {id: no, label: "without {{ vars.who }}", then: {skip: [after]}}]}}
  after: {needs: [work], run: x}
"""
    )
    gate = read("orchharness: 1\ntracks: {t: {include: part.yaml, with: {who: Ann}}}\n").gates["t-G-work"]

    assert gate.question == "Is Ann right?"
    assert gate.options[0].label == "without Ann"
    assert gate.options[0].skip == ("t-after",)


def test_what_follows_from_a_refused_text_of_a_fragment_is_not_said_as_well(read, project):
    (project / "part.yaml").write_text("orchharness: 1\ntasks: {a: {run: !!str x}}\n")

    with pytest.raises(PlanError) as caught:
        read("orchharness: 1\ntracks: {t: {include: part.yaml}}\n")

    (problem,) = caught.value.problems
    assert str(problem.location) == "part.yaml:2:18"
    assert "included at" in problem.message
