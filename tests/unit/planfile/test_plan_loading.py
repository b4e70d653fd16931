"""What a plan that is right becomes."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from orchharness.core.plan import (
    CheckKind,
    Combine,
    Command,
    Edge,
    Input,
    Mode,
    Must,
    OnExhausted,
    Output,
    OutputKind,
    Refine,
    Source,
    TriggerRule,
    Workspace,
)
from orchharness.planfile import read_plan

DATA = Path(__file__).parents[2] / "data/plans"
ONE = "orchharness: 1\n"

TWO_COMMANDS = """\
orchharness: 1
tasks:
  lint:  {run: [ruff, check, .]}
  types: {run: [mypy, src]}            # independent of lint, so they run at the same time
"""

WRITER = """\
orchharness: 1
agents: {writer: {kind: claude, model: sonnet}}
critics: {editor: {agent: writer, prompt: rubrics/guide.md, criteria: {clarity: 0.5, accuracy: 0.5}}}
tracks:
  docs: {tasks: {guide: {agent: writer, prompt: "Write {{ outputs.text }} for {{ vars.audience }}.", outputs: {text: docs/guide.md}, gate: {critics: [editor]}}}}
  code: {tasks: {build: {run: make}}}
vars: {audience: developers}
"""

EXECUTION = """\
orchharness: 1
critics:
  ps-critic: {run: judge, mode: background, criteria: {all: 1}}
tasks:
  TASK-419: {run: x}
  EN-027: {run: x, gate: {critics: [ps-critic]}}
  EN-028: {run: x, needs: [EN-027]}
  EN-029: {run: x, needs: [EN-028]}
  EN-030: {run: x, needs: [EN-029]}
  TASK-420: {run: x}
  TASK-421: {run: x}
  TASK-422: {run: x, needs: [EN-027]}
  TASK-423: {run: x, mode: foreground}
  TASK-424: {run: x, needs: [TASK-420, TASK-421, TASK-422, TASK-423]}
gates:
  G-FIRST: {of: [TASK-419], critics: [ps-critic]}
  G-B: {of: [track_b], critics: [ps-critic]}
execution:
  phase_0:
    mode: foreground
    tasks: [TASK-419]
    rationale: "Blocking gate - must know result before any parallel work"

  track_a:
    mode: background
    agents: [EN-027, EN-028, EN-029, EN-030]
    rationale: "Enable parallelism with Track B"

  track_b:
    mode: background
    agents: [TASK-420, TASK-421, TASK-422, TASK-423, TASK-424]
    rationale: "Enable parallelism with Track A"

  ps_critic:
    mode: foreground
    rationale: "Quick evaluation, simpler iterative refinement"

  orchestrator_protocol:
    spawn: "Use Task tool with run_in_background: true"
    track: "Store output_file paths for each agent"
    poll: "Use TaskOutput or Read to check completion"
    update: "Update YAML after each completion, before spawning dependents"
"""


def feat(read, **options):
    folder = DATA / "feat-005"
    path = folder / "feat-005.plan.yaml"
    return read(path.read_bytes(), str(path), root=folder, **options)


def test_the_smallest_plan_is_one_phase_with_one_track(read, project):
    plan = read(TWO_COMMANDS, "ci.plan.yaml")

    assert plan.id == "ci"
    assert plan.path == str(project / "ci.plan.yaml")
    assert plan.digest == hashlib.sha256(TWO_COMMANDS.encode()).hexdigest()
    assert list(plan.tasks) == ["lint", "types"]
    assert plan.tasks["lint"].command == Command(argv=("ruff", "check", "."))
    assert plan.tasks["lint"].kind == "command"
    assert plan.tasks["lint"].needs == ()
    assert [(t.order, t.line) for t in plan.tasks.values()] == [(0, 3), (1, 4)]
    assert plan.groups == {"phase:tasks": ("lint", "types"), "track:tasks/tasks": ("lint", "types")}
    assert (plan.parallel, plan.copy, plan.warnings) == (3, None, ())


def test_an_agent_with_a_gate_and_a_rubric(read, project):
    plan = read(WRITER)
    guide, gate, editor = plan.tasks["guide"], plan.gates["G-guide"], plan.critics["editor"]

    assert (guide.kind, guide.agent, guide.options) == ("claude", "writer", {"model": "sonnet", "turns": 10})
    assert guide.prompt == "Write {{ outputs.text }} for {{ vars.audience }}."
    assert guide.outputs == (
        Output(name="text", kind=OutputKind.FILE, path="docs/guide.md", must=Must.CHANGE),
    )
    assert guide.writes == ("docs/guide.md",)
    assert (guide.gate, gate.owner, gate.of, gate.needs) == ("G-guide", "guide", ("guide",), ("guide",))
    assert (editor.kind, editor.agent, editor.prompt) == ("agent", "writer", "Judge {{ vars.audience }}.\n")
    assert editor.criteria == {"clarity": Decimal("0.5"), "accuracy": Decimal("0.5")}
    assert plan.definitions == (str(project / "rubrics/guide.md"),)
    assert plan.vars == {"audience": "developers"}
    assert [(t.id, t.items) for t in plan.phases[0].tracks] == [
        ("docs", ("guide", "G-guide")),
        ("code", ("build",)),
    ]
    assert plan.warnings == (
        "x.plan.yaml:5:134: critic 'editor' of gate 'G-guide' is the agent 'writer' itself, which does task 'guide'",
    )


def test_feat_005_has_the_graph_it_declares(read):
    plan = feat(read)

    assert {task.id: task.needs for task in plan.tasks.values()} == {
        "TASK-419": (),
        "EN-027": ("G-PHASE0", "phase:phase_0"),
        "EN-028": ("G-027", "TASK-420", "phase:phase_0"),
        "EN-029": ("G-028", "phase:phase_0"),
        "EN-030": ("G-029", "phase:phase_0"),
        "TASK-420": ("phase:phase_0",),
        "TASK-421": ("phase:phase_0",),
        "TASK-422": ("G-027", "phase:phase_0"),
        "TASK-423": ("phase:phase_0",),
        "TASK-424": ("TASK-420", "TASK-421", "TASK-422", "TASK-423", "phase:phase_0"),
    }
    assert {gate.id: gate.needs for gate in plan.gates.values()} == {
        "G-PHASE0": ("TASK-419",),
        "G-027": ("EN-027", "phase:phase_0"),
        "G-028": ("EN-028", "phase:phase_0"),
        "G-029": ("EN-029", "phase:phase_0"),
        "G-030": ("EN-030", "phase:phase_0"),
        "G-031": ("TASK-420", "TASK-421", "TASK-422", "TASK-423", "TASK-424", "phase:phase_0"),
        "G-FINAL": ("G-027", "G-028", "G-029", "G-030", "G-031", "phase:build"),
    }
    assert sum(task.estimate for task in plan.tasks.values()) == 67 * 3600
    assert plan.edges == (
        Edge(id="CP-1", source="TASK-419", targets=("EN-027",)),
        Edge(id="CP-2", source="EN-027", targets=("TASK-422",), artifacts=("definitions",)),
        Edge(id="CP-3", source="TASK-420", targets=("EN-028",), artifacts=("cli",)),
    )
    assert plan.tasks["TASK-422"].inputs == (
        Input(name="definitions", sources=(Source(item="EN-027", output="definitions"),)),
    )
    assert plan.warnings == ()


def test_feat_005_has_the_gates_it_declares(read):
    plan = feat(read)
    first, final = plan.gates["G-PHASE0"], plan.gates["G-FINAL"]

    assert (first.critics, first.max_iterations, first.on_exhausted) == ((), 1, OnExhausted.ASK)
    assert first.checks[0].kind is CheckKind.RUN
    assert first.checks[0].inputs == (str(DATA / "feat-005/checks/model_param.py"),)
    assert first.checks[0].timeout == 12 * 3600
    assert (final.of, final.of_gates) == ((), ("G-027", "G-028", "G-029", "G-030", "G-031"))
    assert (final.aggregate, final.threshold, final.critics) == (Combine.MEAN, Decimal("0.95"), ())
    assert (final.phase, final.track, final.order) == ("final", "final", 16)
    assert {gate.id: gate.threshold for gate in plan.gates.values() if gate.id.startswith("G-0")} == {
        "G-027": Decimal("0.90"),
        "G-028": Decimal("0.90"),
        "G-029": Decimal("0.90"),
        "G-030": Decimal("0.95"),
        "G-031": Decimal("0.90"),
    }
    assert plan.critics["ps-critic"].inputs == (str(DATA / "feat-005/feat_005/judge.py"),)
    assert plan.critics["ps-critic"].mode is Mode.FOREGROUND


def test_feat_005_has_the_phases_and_modes_it_declares(read):
    plan = feat(read)

    assert [(phase.id, phase.mode, len(phase.items)) for phase in plan.phases] == [
        ("phase_0", "foreground", 2),
        ("build", "background", 14),
        ("final", "background", 1),
    ]
    assert {task.id: task.mode for task in plan.tasks.values() if task.mode is Mode.FOREGROUND} == {
        "TASK-419": Mode.FOREGROUND
    }
    assert plan.groups["track:build/track_b"] == (
        "TASK-420",
        "TASK-421",
        "TASK-422",
        "TASK-423",
        "TASK-424",
        "G-031",
    )
    assert plan.groups["track:final/final"] == ("G-FINAL",)
    assert plan.copy == str(DATA / "feat-005/feat_005/skill")
    assert plan.definitions == (str(DATA / "feat-005/prompts/task-419.md"),)


def test_every_item_is_in_the_track_it_names_and_order_is_the_plans(read):
    plan = feat(read)
    tracks = {(track.phase, track.id): track.items for phase in plan.phases for track in phase.tracks}
    items = [*plan.tasks.values(), *plan.gates.values()]

    assert all(item.id in tracks[item.phase, item.track] for item in items)
    assert [i.id for i in sorted(items, key=lambda i: i.order)] == [
        i for phase in plan.phases for i in phase.items
    ]


def test_the_execution_block_is_accepted_verbatim(read):
    plan = read(EXECUTION)

    assert [(p.id, p.mode, [t.id for t in p.tracks]) for p in plan.phases] == [
        ("phase_0", "foreground", ["phase_0"]),
        ("track_a-and-track_b", "background", ["track_a", "track_b", "track_a-and-track_b"]),
    ]
    assert plan.tasks["TASK-419"].mode is Mode.FOREGROUND
    assert plan.tasks["EN-027"].mode is Mode.BACKGROUND
    assert plan.tasks["TASK-423"].mode is Mode.FOREGROUND
    assert plan.critics["ps-critic"].mode is Mode.FOREGROUND
    assert plan.protocol["spawn"] == "Use Task tool with run_in_background: true"
    assert plan.phases[0].rationale == "Blocking gate - must know result before any parallel work"
    assert plan.phases[1].tracks[0].rationale == "Enable parallelism with Track B"
    assert plan.gates["G-FIRST"].phase == "phase_0"
    assert plan.gates["G-B"].phase == "track_a-and-track_b"
    assert plan.tasks["EN-027"].needs == ("phase:phase_0",)


def test_lanes_in_the_foreground_stand_alone_and_many_names_are_shortened(read):
    lanes = "".join(f"  a-rather-long-name-of-a-lane-{n}: {{tasks: [t{n}]}}\n" for n in range(4))
    tasks = "".join(f"  t{n}: {{run: x}}\n" for n in range(6))
    block = f"{lanes}  one: {{mode: foreground, tasks: [t4]}}\n  last: {{tasks: [t5]}}\n"
    plan = read(f"{ONE}tasks:\n{tasks}execution:\n{block}")

    assert [phase.id for phase in plan.phases] == ["a-rather-long-name-of-a-lane-0-and-3-more", "one", "last"]


@pytest.mark.parametrize(("limits", "seconds"), [("", 21_600.0), ("limits: {outage: 90s}\n", 90.0)])
def test_a_rate_limit_is_waited_for_as_long_as_the_plan_says(read, limits, seconds):
    plan = read(f"{ONE}{limits}tasks: {{a: {{run: x}}}}\n")

    assert plan.outage == seconds


def test_a_task_with_everything(read, project):
    plan = read("""\
orchharness: 1
limits: {resources: {gpu: 2}}
vars: {where: out, flag: {default: "1"}}
tasks:
  first: {run: x, outputs: {text: a.md, log: {from: stdout}}}
  all:
    title: All of it
    rationale: Because.
    description: People read this.
    x-note: {anything: [at, all]}
    run: tool --to "{{ vars.where }}/it here" {{ inputs.text }}
    needs: first
    inputs:
      text: first.text
      both: [first.text, first.log]
      every: first.*
      code: ./src/a.py
      tests: {path: "tests/*.py"}
    outputs:
      report: {path: "{{ vars.where }}/r.md", must: written, min_bytes: 10}
      shown: {path: README.md, must: exist}
      answer: {from: stdout}
      kept: run:kept/r.json
    writes: [notes/, "{{ vars.where }}/**"]
    env: {LEVEL: 3, EMPTY: "", TOKEN: "${TOKEN}"}
    cwd: src/
    timeout: 1h30m
    idle_timeout: PT90S
    retry: {attempts: 3, backoff: 10s, on: [lost, exit]}
    trigger_rule: all_done
    resources: {gpu: 2}
    mode: foreground
    estimate: 1d
    tags: [slow, docs]
    marks: [slow, nightly]
""")
    task = plan.tasks["all"]

    assert task.command == Command(argv=("tool", "--to", "{{ vars.where }}/it here", "{{ inputs.text }}"))
    assert task.needs == ("first",)
    assert task.inputs == (
        Input(name="text", sources=(Source(item="first", output="text"),)),
        Input(
            name="both",
            sources=(Source(item="first", output="text"), Source(item="first", output="log")),
            gathered=True,
        ),
        Input(
            name="every",
            sources=(Source(item="first", output="text"), Source(item="first", output="log")),
            gathered=True,
        ),
        Input(name="code", files="src/a.py"),
        Input(name="tests", files="tests/*.py"),
    )
    assert task.outputs == (
        Output(name="report", kind=OutputKind.FILE, path="out/r.md", min_bytes=10),
        Output(name="shown", kind=OutputKind.FILE, path="README.md", must=Must.EXIST),
        Output(name="answer", kind=OutputKind.STDOUT),
        Output(name="kept", kind=OutputKind.RUN, path="kept/r.json"),
    )
    assert task.writes == ("notes/**", "out/**", "out/r.md")
    assert task.env == {"LEVEL": "3", "EMPTY": "", "TOKEN": "${TOKEN}"}
    assert (task.cwd, task.timeout, task.idle_timeout, task.estimate) == ("src", 5400, 90, 86400)
    assert (task.retry.attempts, task.retry.backoff, task.retry.on) == (3, 10, {"lost", "exit"})
    assert (task.trigger_rule, task.mode) == (TriggerRule.ALL_DONE, Mode.FOREGROUND)
    assert (task.resources, task.tags) == ({"gpu": 2}, ("slow", "docs", "nightly"))
    assert (task.title, task.rationale) == ("All of it", "Because.")
    assert plan.vars == {"where": "out", "flag": "1"}
    assert plan.warnings == ("x.plan.yaml:27:14: task 'all': the timeout is below the estimate",)


def test_a_gate_with_everything(read, project):
    plan = read("""\
orchharness: 1
critics:
  one: {run: judge, criteria: {a: 0.1, b: 0.2, c: 0.7}, timeout: 1m, env: {X: y}, inputs: [rubrics/guide.md]}
  two: {kind: rubric, sharp: true, prompt: Be sharp., mode: background}
tasks:
  a:
    run: x
    needs: [b]
    outputs: {o: src/a.py}
    gate:
      id: G-1
      title: All of it
      checks:
        - {run: "python tests/judge.py src/a.py", timeout: 5s}
        - {file: {path: src/a.py, min_bytes: 1, contains: def, matches: "^def"}}
        - {file: "{{ outputs.o }}"}
        - {json: {path: run:v.json, expr: "data.verdict == 'ok'"}}
        - {pytest: {paths: tests, min: 0.9}, inputs: [rubrics/guide.md]}
        - {run: [diff], inputs: [b.o]}
      critics: [one, two]
      threshold: .95
      combine: median
      block_on: critical
      min_iterations: 2
      max_iterations: 5
      refine: all
      on_exhausted: accept
      tags: [slow]
  b: {run: x, outputs: {o: b.md}}
""")
    gate = plan.gates["G-1"]

    assert (gate.threshold, gate.combine, gate.block_on) == (Decimal("0.95"), Combine.MEDIAN, "critical")
    assert (gate.min_iterations, gate.max_iterations) == (2, 5)
    assert (gate.refine, gate.on_exhausted) == (Refine.ALL, OnExhausted.ACCEPT)
    assert (gate.title, gate.tags, gate.line, gate.critics) == ("All of it", ("slow",), 10, ("one", "two"))
    assert [check.name for check in gate.checks] == [
        "run python judge.py a.py",
        "file src/a.py",
        "file {{ outputs.o }}",
        "json run:v.json",
        "pytest tests",
        "run diff",
    ]
    assert gate.checks[0].inputs == (str(project / "tests/judge.py"),)
    assert gate.checks[0].timeout == 5
    assert gate.checks[1].options == {
        "path": "src/a.py",
        "min_bytes": 1,
        "contains": "def",
        "matches": "^def",
    }
    assert gate.checks[4].options == {"paths": ["tests"], "min": 0.9}
    assert gate.checks[4].inputs == (str(project / "rubrics/guide.md"),)
    assert gate.checks[5].sources == (Source(item="b", output="o"),)
    assert plan.critics["one"].criteria == {"a": Decimal("0.1"), "b": Decimal("0.2"), "c": Decimal("0.7")}
    assert plan.critics["one"].timeout == 60
    assert (plan.critics["two"].kind, plan.critics["two"].options) == ("rubric", {"sharp": True})
    assert (plan.critics["two"].prompt, plan.critics["two"].mode) == ("Be sharp.", Mode.BACKGROUND)


def test_a_need_on_a_group_is_a_need_on_its_node(read):
    plan = read(
        "orchharness: 1\n"
        "tracks:\n"
        "  t: {tasks: {a: {run: x}}, gate: {checks: [{run: y}]}}\n"
        "  u: {tasks: {b: {run: x, needs: [t]}, c: {run: x, needs: [tasks/t]}, d: {run: x, needs: [G-t]}}}\n"
    )

    assert plan.tasks["b"].needs == ("track:tasks/t",)
    assert plan.tasks["c"].needs == ("track:tasks/t",)
    assert plan.tasks["d"].needs == ("G-t",)
    assert plan.groups["track:tasks/t"] == ("a", "G-t")
    assert plan.gates["G-t"].of == ("a",)


def test_what_comes_in_a_later_phase_waits_for_the_phase_before_only(read):
    plan = read(
        "orchharness: 1\nphases:\n" + "".join(f"  p{n}: {{tasks: {{t{n}: {{run: x}}}}}}\n" for n in range(3))
    )

    assert [task.needs for task in plan.tasks.values()] == [(), ("phase:p0",), ("phase:p1",)]


def test_a_gate_over_a_phase_waits_for_the_gates_of_its_tasks(read):
    plan = read("""\
orchharness: 1
defaults: {gate: {checks: [{run: x}], threshold: 0.8}}
phases:
  p:
    tasks: {a: {run: x, gate: true}, b: {run: x}}
    tracks: {t: {tasks: {c: {run: x}}}}
    gate: {on_exhausted: ask}
    gates: {G-ALONE: {of: [p, t], needs: [b]}}
""")

    assert plan.gates["G-p"].of == ("a", "b", "c")
    assert plan.gates["G-p"].needs == ("G-a", "b", "c")
    assert (plan.gates["G-p"].threshold, plan.gates["G-p"].on_exhausted) == (Decimal("0.8"), OnExhausted.ASK)
    assert plan.gates["G-ALONE"].needs == ("G-a", "b", "c")
    assert plan.phases[0].items == ("a", "G-a", "b", "c", "G-p", "G-ALONE")
    assert [track.items for track in plan.phases[0].tracks] == [("a", "G-a", "b", "G-p", "G-ALONE"), ("c",)]


def test_an_evaluation_is_an_input(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, gate: {checks: [{run: y}]}}
  b: {run: x, inputs: {said: G-a.evaluation}}
  c: {run: x}
cross_pollination: {CP: {from: G-a, to: [c], artifacts: [evaluation]}}
""")

    assert plan.tasks["b"].inputs == (Input(name="said", sources=(Source(item="G-a", output=None),)),)
    assert plan.tasks["b"].needs == ("G-a",)
    assert plan.tasks["c"].inputs == (Input(name="evaluation", sources=(Source(item="G-a", output=None),)),)


def test_cross_pollination_adds_no_input_that_is_there_already(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, outputs: {o: o.md}}
  b: {run: x, inputs: {mine: a.o}}
  c: {run: x, inputs: {o: ./src/a.py}}
cross_pollination: {CP: {from: a, to: [b, c], artifacts: [o]}}
""")

    assert [known.name for known in plan.tasks["b"].inputs] == ["mine"]
    assert [known.files for known in plan.tasks["c"].inputs] == ["src/a.py"]
    assert plan.tasks["c"].needs == ("a",)


def test_variables_given_on_the_command_line_win(read, project, tmp_path):
    (project / "elsewhere/skill").mkdir(parents=True)
    text = "orchharness: 1\nvars: {skill: {required: true}}\nworkspace: {copy: '{{ vars.skill }}'}\ntasks: {a: {run: x}}\n"
    plan = read(text, variables={"skill": "skill"}, cwd=project / "elsewhere")

    assert plan.copy == str(project / "elsewhere/skill")
    assert plan.vars == {"skill": "skill"}


def test_variables_that_are_wrong_on_the_command_line(problems):
    text = "orchharness: 1\nvars: {level: {default: a, choices: [a, b]}}\ntasks: {a: {run: x}}\n"

    assert problems(text, variables={"level": "c", "levle": "a"}) == [
        "--orch-var levle: the plan has no variable 'levle'; did you mean 'level'? (it has: 'level')",
        "variable 'level': 'c' is not one of 'a', 'b'",
    ]


@pytest.mark.parametrize(
    ("name", "plan_id"),
    [
        ("feat-005.plan.yaml", "feat-005"),
        ("2024.plan.yaml", "plan-2024"),
        ("my plan.plan.yml", "my-plan"),
        ("a.yaml", "a"),
    ],
)
def test_the_id_of_a_plan_is_made_of_its_files_name(read, name, plan_id):
    assert read(TWO_COMMANDS, name).id == plan_id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("make", ["make"]),
        ("echo 'a b' c", ["echo", "a b", "c"]),
        ("echo {{ vars.a }}", ["echo", "{{ vars.a }}"]),
        ("echo --to={{ vars.a | default('x y') }}/b", ["echo", "--to={{ vars.a | default('x y') }}/b"]),
        ("echo '{{ vars.a }} b' {% if iteration > 1 %}-v{% endif %}", None),
    ],
)
def test_a_command_is_split_before_it_is_rendered(read, text, words):
    plan = read(f"orchharness: 1\nvars: {{a: 1}}\ntasks:\n  t:\n    run: >-\n      {text}\n")

    assert plan.tasks["t"].command is not None
    if words:
        assert list(plan.tasks["t"].command.argv) == words
    else:
        assert list(plan.tasks["t"].command.argv) == [
            "echo",
            "{{ vars.a }} b",
            "{% if iteration > 1 %}-v{% endif %}",
        ]


def test_a_shell_text_stays_one_text(read):
    plan = read("orchharness: 1\ntasks: {t: {run: 'cat $ORCH_INPUT_A | wc', shell: true}}\n")

    assert plan.tasks["t"].command == Command(argv=("cat $ORCH_INPUT_A | wc",), shell=True)


def test_only_true_and_false_are_booleans(read):
    plan = read(
        "orchharness: 1\ntasks: {on: {run: [echo, on, no, yes, 1:30, 0x1F, 1.0, true]}, off: {run: x, title: 5}}\n"
    )

    assert plan.tasks["on"].command.argv == ("echo", "on", "no", "yes", "1:30", "0x1F", "1.0", "true")
    assert plan.tasks["off"].title == "5"


def test_an_agent_that_takes_its_command_from_the_plan(read):
    plan = read(
        "orchharness: 1\nagents: {w: {kind: plain, run: [tool, '{{ inputs.x }}']}}\ntasks: {a: {run: y}}\n"
    )

    assert plan.agents["w"].command == Command(argv=("tool", "{{ inputs.x }}"))


def test_an_agents_command_may_read_only_what_its_task_declares(problems):
    text = "orchharness: 1\nagents: {w: {run: [tool, '{{ inputs.x }}']}}\ntasks: {a: {agent: w}}\n"

    assert problems(text) == ["3:20: agent 'w' reads inputs.x, which task 'a' does not declare"]


def test_writes_are_kept_apart_by_order_counters_phases_and_the_foreground(read):
    plan = read("""\
orchharness: 1
limits: {resources: {ed: 1}}
phases:
  p:
    tasks:
      a: {run: x, writes: [f]}
      b: {run: x, writes: [f], needs: [a]}
      c: {run: x, writes: [g/**], resources: {ed: 1}}
      d: {run: x, writes: [g/x], resources: {ed: 1}}
      e: {run: x, writes: ["*"], mode: foreground}
      h: {run: x, writes: [f], workspace: scratch}
  q: {tasks: {i: {run: x, writes: [f, g]}}}
""")

    assert len(plan.tasks) == 7


def test_a_worktree_needs_a_repository_at_the_root_or_above(problems, read, project):
    text = "orchharness: 1\ntasks:\n  a: {run: x, workspace: worktree}\n"
    without = problems(text)
    (project / ".git").write_text("gitdir: elsewhere\n")
    plan = read(text, root=project / "src")

    assert without == [
        "3:26: workspace: a worktree needs a git repository, and there is none at '<root>' or above: "
        "run the plan in one, or write 'scratch'"
    ]
    assert plan.tasks["a"].workspace is Workspace.WORKTREE


def test_there_is_no_mender_in_a_worktree_yet(problems, project):
    (project / ".git").mkdir()
    task = "{run: x, workspace: worktree, outputs: {o: f}, gate: {checks: [{run: x}], refine: {run: x}}}"

    assert problems(f"orchharness: 1\ntasks: {{a: {task}}}\n") == [
        "2:94: refine: a mender of task 'a', which has a workspace of its own, is not supported yet: "
        "leave 'workspace: worktree' out"
    ]


def test_a_plan_that_works_in_a_copy_has_no_worktrees(problems, project):
    (project / ".git").mkdir()

    assert problems("""\
orchharness: 1
workspace: {copy: src}
tasks:
  a: {run: x, workspace: worktree}
""") == [
        "4:26: workspace: a worktree is one of the project's repository, but this plan works in a copy of a folder: "
        "leave it out here, or the plan's 'workspace: {copy: …}'"
    ]


def test_who_works_in_a_worktree_writes_and_reads_nothing_of_the_others(read, problems, project):
    (project / ".git").mkdir()
    (project / "f").write_text("")
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, outputs: {o: f}, workspace: worktree}
  b: {run: x, outputs: {o: f}, workspace: worktree}
  c: {run: x, outputs: {o: f}}
  d: {run: x, inputs: {i: {path: f}}, workspace: worktree}
""")

    assert len(plan.tasks) == 4
    assert problems(
        "orchharness: 1\ntasks:\n  d: {run: x, inputs: {i: {path: g}}, workspace: worktree}\n"
    ) == ["3:27: input 'i': 'g' matches nothing in the workspace, and no task writes it"]


def test_what_a_worktree_task_puts_out_is_judged_there_and_is_no_input_of_its_gate(read, problems, project):
    (project / ".git").mkdir()
    (project / "f.py").write_text("")
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, outputs: {o: f.py}, workspace: worktree, gate: {checks: [{run: [python, f.py]}]}}
  b: {run: x, gate: {checks: [{run: [python, f.py]}]}}
""")

    assert plan.gates["G-a"].checks[0].inputs == ()
    assert plan.gates["G-b"].checks[0].inputs == (str(project / "f.py"),)
    assert problems("""\
orchharness: 1
tasks:
  a: {run: x, writes: [f.py], workspace: worktree, gate: {checks: [{run: [python, f.py]}]}}
""") == [
        "3:52: task 'a' may write 'f.py', which a check of its gate 'G-a' uses: take the file out of its 'writes', "
        "or keep what judges outside of what it may write"
    ]


def test_an_input_file_that_an_earlier_task_may_write_needs_no_edge_by_name(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, writes: [new/**]}
  b: {run: x, needs: [a], inputs: {i: {path: new/*.md}}}
""")

    assert plan.tasks["b"].inputs == (Input(name="i", files="new/*.md"),)


def test_the_jinja_of_a_path_is_rendered_when_the_plan_is_read(read):
    plan = read("""\
orchharness: 1
vars: {items: Docs, t: 0.8}
tasks:
  a:
    run: x
    outputs: {o: "{{ vars.items | lower }}/{{ 'x' if vars.t == '1' else 'y' }}.md", p: "{{ vars.items }}/p.md"}
    gate: {checks: [{run: y}], threshold: "{{ vars.t }}"}
""")

    assert [output.path for output in plan.tasks["a"].outputs] == ["docs/y.md", "Docs/p.md"]
    assert plan.gates["G-a"].threshold == Decimal("0.8")


def test_a_plan_is_read_from_its_file(project):
    (project / "ci.plan.yaml").write_text("\ufeff" + TWO_COMMANDS, encoding="utf-8")
    plan = read_plan(project / "ci.plan.yaml", root=project, kinds={}, critic_kinds={})

    assert list(plan.tasks) == ["lint", "types"]


def test_all_outputs_of_a_track_are_one_input(read):
    plan = read("""\
orchharness: 1
phases:
  p: {tracks: {t: {tasks: {a: {run: x, outputs: {o: o.md}}}}, u: {tasks: {b: {run: x, outputs: {o: p.md}}}}}}
  q: {tracks: {t: {tasks: {c: {run: x, inputs: {one: p/t.*, all: p.*, own: u.*}}}}}}
""")
    a, b = Source(item="a", output="o"), Source(item="b", output="o")

    assert plan.tasks["c"].inputs == (
        Input(name="one", sources=(a,), gathered=True),
        Input(name="all", sources=(a, b), gathered=True),
        Input(name="own", sources=(b,), gathered=True),
    )


def test_a_schema_needs_the_package_that_checks_it(problems, project, monkeypatch):
    (project / "s.json").write_text("{}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = "orchharness: 1\ntasks: {a: {run: x, outputs: {o: {path: o.json, schema: s.json}}}}\n"

    assert problems(text) == [
        "2:57: output 'o': a schema needs the package jsonschema: pip install 'orchharness[schema]'"
    ]


def test_a_schema_is_kept_by_its_absolute_path(read, project):
    pytest.importorskip("jsonschema")
    (project / "s.json").write_text("{}")
    plan = read("orchharness: 1\ntasks: {a: {run: x, outputs: {o: {path: o.json, schema: s.json}}}}\n")

    assert plan.tasks["a"].outputs[0].schema == str(project / "s.json")
    assert plan.definitions == (str(project / "s.json"),)


def test_a_definition_is_relative_to_the_plan_or_to_where_its_variable_was_typed(read, problems, project):
    text = "orchharness: 1\nvars: {p: rubrics/guide.md, audience: x}\ntasks: {a: {run: x, prompt: {file: '{{ vars.p }}'}}}\n"

    assert read(text).tasks["a"].prompt == "Judge {{ vars.audience }}.\n"
    assert read(text, variables={"p": "guide.md"}, cwd=project / "rubrics").definitions == (
        str(project / "rubrics/guide.md"),
    )
    assert problems(text.replace("rubrics/guide.md", "/etc/passwd")) == [
        "3:36: '/etc/passwd' is absolute: write it relative to the plan file"
    ]


def test_a_problem_in_a_prompt_names_its_file(problems, project):
    (project / "rubrics/bad.md").write_text("Line one\n{{ vars.nobody }}\n")

    assert problems("orchharness: 1\ntasks: {a: {run: x, prompt: rubrics/bad.md}}\n") == [
        "2:29: rubrics/bad.md: template: no 'nobody' in vars (there: none)"
    ]


def test_a_task_may_not_write_what_its_critic_uses(problems):
    text = """\
orchharness: 1
critics: {c: {run: [python, tests/judge.py]}}
tasks: {a: {run: x, writes: ["tests/**"], gate: {critics: [c]}}, b: {run: x, needs: [a]}}
"""

    assert problems(text) == [
        "3:43: task 'a' may write 'tests/judge.py', which critic 'c' of its gate 'G-a' uses: "
        "take the file out of its 'writes', or keep what judges outside of what it may write"
    ]


def test_warnings_have_a_place_and_are_no_problems(read):
    plan = read("orchharness: 1\nagents: {w: {kind: claude}}\ntasks: {a: {agent: w}}\n")

    assert plan.warnings == (
        "x.plan.yaml:3:9: task 'a' gives the model 'w' no prompt",
        "x.plan.yaml:3:9: task 'a' has an agent but no outputs: nothing proves that it did its work",
    )


def test_an_output_that_is_there_already_and_that_nobody_writes_proves_nothing(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, outputs: {o: {path: src/a.py, must: exist}, p: {path: src/b.py, must: exist}}}
  b: {run: x, outputs: {o: {path: tests/judge.py, must: exist}}}
  c: {run: x, needs: [b], writes: ["tests/**"]}
""")

    assert plan.warnings == (
        "x.plan.yaml:3:28: output 'o': 'src/a.py' is there already and no task writes it, so it proves nothing",
    )


def test_a_threshold_without_critics_is_warned_of_for_it_says_nothing(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: x, gate: {checks: [{run: "true"}], threshold: 0.95}}
""")

    assert plan.warnings == (
        "x.plan.yaml:3:47: gate 'G-a': checks hold or do not, its threshold says nothing without critics",
    )


def test_a_command_in_quotes_may_hold_what_a_shell_would_take(read):
    plan = read("""\
orchharness: 1
tasks:
  a: {run: "echo 'a && b' \\"x; y\\" -DX='a > b' '$HOME' {{ outputs.o }}", outputs: {o: o.md}}
  b: {run: [test, a, ">", b]}
  c: {run: "make && make > log; echo $HOME", shell: true}
""")

    assert plan.tasks["a"].command.argv == (
        "echo", "a && b", "x; y", "-DX=a > b", "$HOME", "{{ outputs.o }}",
    )  # fmt: skip
    assert plan.tasks["b"].command.argv == ("test", "a", ">", "b")


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("make && make test", "&&"),
        ("make | tee log", "|"),
        ("make > log", ">"),
        ("make 2>&1", "2>&1"),
        ("make >log", ">log"),
        ("cd src; make", "src;"),
        ("echo $HOME", "$HOME"),
        ("echo $(date)", "$(date)"),
        ("cat < in.txt", "<"),
        ("make &", "&"),
    ],
)
def test_what_only_a_shell_understands_is_refused_where_there_is_none(problems, command, word):
    found = problems(f"orchharness: 1\ntasks:\n  a:\n    run: {command!r}\n")

    assert found == [
        f"4:10: run: {word!r} is for a shell, and there is none: write 'shell: true' beside it, or a list of words"
    ]


def test_checks_that_run_where_the_work_is_not_are_warned_of(read, project):
    (project / ".git").mkdir()
    made = read("""\
orchharness: 1
tracks:
  t:
    tasks:
      a: {run: x, outputs: {o: f}, workspace: worktree}
      b: {run: x, outputs: {o: f}, workspace: scratch}
      c: {run: x, outputs: {o: g}}
    gate: {checks: [{run: [test, -s, f]}]}
  reads:
    tasks:
      d: {run: x, outputs: {o: h}, workspace: worktree}
      e: {run: x, outputs: {o: h}, workspace: worktree}
    gate: {checks: [{run: [test, -s, h], inputs: [d.o, e.o]}]}
  alone:
    tasks:
      f: {run: x, outputs: {o: i}, workspace: worktree}
    gate: {checks: [{run: [test, -s, i]}]}
""")

    (warning,) = made.warnings
    assert (
        "the checks of gate 'G-t' run in the plan's workspace, but 'a', 'b' have workspaces of their own, so their files are not there: "
        in warning
    )
