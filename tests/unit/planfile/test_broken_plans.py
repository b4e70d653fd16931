"""Every broken plan gets exactly these messages, at these places. The name of a case is the rule it breaks."""

from __future__ import annotations

import pytest

CASES = {
    "empty file": (
        "",
        [
            "1:1: the file is empty: a plan begins with 'orchharness: 1' and has 'tasks'",
        ],
    ),
    "only a comment": (
        "# nothing\n",
        [
            "1:1: the file is empty: a plan begins with 'orchharness: 1' and has 'tasks'",
        ],
    ),
    "a list at the top": (
        """\
- a
- b
""",
        [
            "1:1: a plan is a mapping that begins with 'orchharness: 1', found a list",
        ],
    ),
    "a text at the top": (
        "hello\n",
        [
            "1:1: a plan is a mapping that begins with 'orchharness: 1', found the text 'hello'",
        ],
    ),
    "not YAML": (
        """\
orchharness: 1
tasks: {a: [}
""",
        [
            "2:13: not YAML: a value is missing just before this: a comma too many, a bracket left open, or a ' #' that begins a comment",
        ],
    ),
    "a tab for indentation": (
        "orchharness: 1\ntasks:\n\ta: {run: x}\n",
        [
            "3:1: not YAML: a tab cannot indent: use spaces",
        ],
    ),
    "two documents": (
        """\
orchharness: 1
tasks: {a: {run: x}}
---
tasks: {}
""",
        [
            "3:1: a second document begins here: a file is one plan",
        ],
    ),
    "a key twice": (
        """\
orchharness: 1
tasks:
  a: {run: x}
  b: {run: y}
  a: {run: z}
""",
        [
            "5:3: the key 'a' is here twice: first in line 3",
        ],
    ),
    "a tag": (
        """\
orchharness: 1
tasks: {a: {run: !!python/object:os.system x}}
""",
        [
            "2:18: tags are not allowed (here 'tag:yaml.org,2002:python/object:os.system'): quote a value that begins with !",
        ],
    ),
    "a merge key": (
        """\
orchharness: 1
tasks:
  a: &a {run: x}
  b: {<<: *a}
""",
        [
            "4:7: merge keys (<<) are not allowed: write the keys out, or use 'defaults' or 'agents'",
        ],
    ),
    "an alias to nothing": (
        """\
orchharness: 1
tasks: {a: *b}
""",
        [
            "2:12: the alias 'b' has no anchor before it",
        ],
    ),
    "an alias inside of itself": (
        """\
orchharness: 1
tasks: &t {a: *t}
""",
        [
            "2:15: the alias 't' stands inside of what it names",
        ],
    ),
    "a key that is a list": (
        """\
orchharness: 1
tasks: {[a]: {run: x}}
""",
        [
            "2:9: a key must be a word, not a list or a mapping (quote a value that begins with { or [)",
        ],
    ),
    "a NUL escape": (
        'orchharness: 1\ntasks: {a: {run: "x\\0y"}}\n',
        [
            "2:18: this text holds a NUL character: remove the \\0",
        ],
    ),
    "a control character": (
        "orchharness: 1\ntasks: {a: {run: x\x07}}\n",
        [
            "2:19: the character U+0007 is not allowed in YAML: remove it",
        ],
    ),
    "no version": (
        "tasks: {a: {run: x}}\n",
        [
            "1:1: the language version is missing: write 'orchharness: 1' first",
        ],
    ),
    "another version": (
        """\
orchharness: 2
tasks: {a: {run: x}}
""",
        [
            "1:14: orchharness: this version understands 1 (a number, without quotes), found the number 2: write 'orchharness: 1'",
        ],
    ),
    "no tasks": (
        "orchharness: 1\n",
        [
            "1:1: the plan has no tasks: write 'tasks: {the-id: {run: …}}'",
        ],
    ),
    "tasks is nothing": (
        """\
orchharness: 1
tasks:
""",
        [
            "2:7: tasks: expected a mapping, found nothing: write {the-id: …}",
        ],
    ),
    "tasks as a list of ids": (
        """\
orchharness: 1
tasks:
  - id: a
    run: x
""",
        [
            "3:3: tasks: expected a mapping, found a list: write `a: {…}` instead of `- id: a`",
        ],
    ),
    "unknown key with a near one": (
        """\
orchharness: 1
tasks: {a: {run: x, nedes: [b]}, b: {run: y}}
""",
        [
            "2:21: unknown key 'nedes' in a task; did you mean 'needs'?",
        ],
    ),
    "foreign words": (
        """\
orchharness: 1
jobs: {}
tasks:
  a: {command: x, depends_on: [b], name: A, if: c, status: done, id: a}
  b: {run: y, requires: [a]}
""",
        [
            "2:1: unknown key 'jobs' in the plan: write 'tasks'",
            "4:7: unknown key 'command' in a task: write 'run'",
            "4:19: unknown key 'depends_on' in a task: write 'needs'",
            "4:36: unknown key 'name' in a task: write 'title'",
            "4:45: unknown key 'if' in a task: write 'when'",
            "4:52: unknown key 'status' in a task: a plan holds no state: leave it out, the run keeps it",
            "4:66: unknown key 'id' in a task: the id is the key of the mapping: leave 'id' out",
            "5:15: unknown key 'requires' in a task: write 'needs'",
        ],
    ),
    "include in the plan": (
        """\
orchharness: 1
include: [x]
tasks:
  a: {run: x}
""",
        [
            "2:1: unknown key 'include' in the plan: write it on a track or phase: {include: fragment.yaml, with: {NAME: value}}",
        ],
    ),
    "a task that does nothing": (
        """\
orchharness: 1
tasks: {a: {title: A}}
""",
        [
            "2:9: task 'a' does nothing: write 'run: the command' or 'agent: NAME'",
        ],
    ),
    "run and agent": (
        """\
orchharness: 1
agents: {w: {run: x}}
tasks: {a: {run: x, agent: w}}
""",
        [
            "3:21: task 'a' has 'run' and 'agent': write one of them",
        ],
    ),
    "a task that is a text": (
        """\
orchharness: 1
tasks: {a: ruff check}
""",
        [
            "2:12: a task: expected a mapping, found the text 'ruff check': write {run: ruff check}",
        ],
    ),
    "unknown agent": (
        """\
orchharness: 1
agents: {writer: {run: x}}
tasks: {a: {agent: writter, outputs: {o: o.md}}}
""",
        [
            "3:20: unknown agent 'writter'; did you mean 'writer'? (in 'agents': 'writer')",
        ],
    ),
    "unknown kind": (
        """\
orchharness: 1
agents: {w: {kind: clade}}
tasks: {a: {agent: w}}
""",
        [
            "2:20: agent 'w': unknown kind 'clade'; did you mean 'claude'? (installed: 'claude', 'command', 'plain', 'slurm')",
        ],
    ),
    "an agent without kind": (
        """\
orchharness: 1
agents: {w: {model: x}}
tasks: {a: {agent: w}}
""",
        [
            "2:10: agent 'w': 'kind' is missing: write one of 'claude', 'command', 'plain', 'slurm'",
        ],
    ),
    "unknown option of a kind": (
        """\
orchharness: 1
agents: {w: {kind: claude, modle: x}}
tasks: {a: {agent: w}}
""",
        [
            "2:28: agent 'w' of kind 'claude' has no option 'modle'; did you mean 'model'? (it has: 'model', 'turns')",
        ],
    ),
    "wrong option of a kind": (
        """\
orchharness: 1
agents:
  w:
    kind: claude
    model: [x]
    turns: many
tasks: {a: {agent: w}}
""",
        [
            "5:12: agent 'w' of kind 'claude': option 'model': Input should be a valid string",
            "6:12: agent 'w' of kind 'claude': option 'turns': Input should be a valid integer, unable to parse string as an integer",
        ],
    ),
    "missing option of a kind": (
        """\
orchharness: 1
agents: {w: {kind: slurm}}
tasks: {a: {agent: w}}
""",
        [
            "2:10: agent 'w' of kind 'slurm' needs the option 'partition'",
        ],
    ),
    "option of a kind without options": (
        """\
orchharness: 1
agents: {w: {kind: plain, run: x, colour: red}}
tasks: {a: {agent: w}}
""",
        [
            "2:35: agent 'w' of kind 'plain' has no option 'colour' (it has: none)",
        ],
    ),
    "option of a command": (
        """\
orchharness: 1
agents: {w: {kind: command, run: x, model: y}}
tasks: {a: {agent: w}}
""",
        [
            "2:37: unknown key 'model' in an agent of kind 'command': a command has no options: name another kind",
        ],
    ),
    "no id": (
        """\
orchharness: 1
tasks: {1st: {run: x}, a b: {run: x}, ok: {run: x}}
""",
        [
            "2:9: task: '1st' is no id: a letter, then letters, digits, _ and -, at most 64 in all",
            "2:24: task: 'a b' is no id: a letter, then letters, digits, _ and -, at most 64 in all",
        ],
    ),
    "ids that differ in case only": (
        """\
orchharness: 1
phases: {Build: {tasks: {build: {run: x}}}}
""",
        [
            "2:26: task 'build': the id is taken by phase 'Build' in line 2 (upper and lower case are the same)",
        ],
    ),
    "an id of a gate that is taken": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c]}}, G-a: {run: y}}
""",
        [
            "3:44: task 'G-a': the id is taken by gate 'G-a' in line 3",
        ],
    ),
    "needs itself": (
        """\
orchharness: 1
tasks: {a: {run: x, needs: [a]}}
""",
        [
            "2:29: needs: task 'a' needs itself",
        ],
    ),
    "needs an unknown id": (
        """\
orchharness: 1
tasks: {lint: {run: x}, test: {run: x, needs: [lnt]}}
""",
        [
            "2:48: needs: unknown id 'lnt'; did you mean 'lint'?",
        ],
    ),
    "a cycle": (
        """\
orchharness: 1
tasks:
  a: {run: x, needs: [c]}
  b: {run: x, needs: [a]}
  c: {run: x, needs: [b]}
  d: {run: x, needs: [c]}
""",
        [
            "3:3: cycle: a → b → c → a (each waits for the one before it): take one of these needs out",
        ],
    ),
    "a cycle through a gate": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks:
  a: {run: x, needs: [b], gate: {critics: [c]}}
  b: {run: x, needs: [a]}
""",
        [
            "4:3: cycle: a → G-a → b → a (each waits for the one before it): take one of these needs out; or make 'b' a critic of 'G-a', if it judges what 'a' makes",
        ],
    ),
    "a cycle through a track": (
        """\
orchharness: 1
tracks:
  t: {tasks: {a: {run: x, needs: [b]}}}
  u: {tasks: {b: {run: x, needs: [t]}}}
""",
        [
            "3:15: cycle: a → track tasks/t → b → a (each waits for the one before it): take one of these needs out",
        ],
    ),
    "needs its own gate": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, needs: [G-a], gate: {critics: [c]}}}
""",
        [
            "3:29: needs: task 'a' needs its own gate 'G-a', which judges it",
        ],
    ),
    "needs its own track": (
        """\
orchharness: 1
tracks: {t: {tasks: {a: {run: x, needs: [t]}, b: {run: x}}}}
""",
        [
            "2:42: needs: task 'a' needs track 't', which it is part of: name the items it waits for",
        ],
    ),
    "needs a later phase": (
        """\
orchharness: 1
phases: {one: {tasks: {a: {run: x, needs: [two, b]}}}, two: {tasks: {b: {run: x}}}}
""",
        [
            "2:44: needs: task 'a' of phase 'one' needs phase 'two' (a later phase): phases run in order, so this would wait for ever; move one of them",
            "2:49: needs: task 'a' of phase 'one' needs task 'b' of the later phase 'two': phases run in order, so this would wait for ever; move one of them",
        ],
    ),
    "a track of several phases": (
        """\
orchharness: 1
phases:
  p: {tracks: {t: {tasks: {a: {run: x}}}}}
  q: {tracks: {t: {tasks: {b: {run: x}}}}}
  r: {tasks: {c: {run: x, needs: [t]}}}
""",
        [
            "5:35: needs: 't' is a track of several phases: write 'p/t' or 'q/t'",
        ],
    ),
    "tasks beside phases": (
        """\
orchharness: 1
tasks: {b: {run: x}}
phases: {p: {tasks: {a: {run: x}}}}
""",
        [
            "2:1: 'tasks' beside 'phases': write it inside of a phase",
        ],
    ),
    "an empty track": (
        """\
orchharness: 1
tracks: {t: {mode: background}, u: {tasks: {a: {run: x}}}}
""",
        [
            "2:10: track 't' has no tasks: write 'tasks: {the-id: {run: …}}'",
        ],
    ),
    "an unknown mode": (
        """\
orchharness: 1
tracks: {t: {mode: backgroud, tasks: {a: {run: x}}}}
""",
        [
            "2:20: mode: 'backgroud' is not one of 'foreground', 'background'; did you mean 'background'?",
        ],
    ),
    "unknown output": (
        """\
orchharness: 1
tasks:
  a: {run: x, outputs: {text: a.md}}
  b: {run: y, inputs: {t: a.txet, u: a, v: nobody.x, w: a.evaluation}}
""",
        [
            "4:27: input 't': task 'a' has no output 'txet'; did you mean 'text'? (it has: 'text')",
            "4:38: input 'u': say which output: 'a.NAME' (task 'a' has: 'text')",
            "4:44: input 'v': unknown id 'nobody' in 'nobody.x' (write './nobody.x' for a file)",
            "4:57: input 'w': task 'a' has no output 'evaluation' (it has: 'text')",
        ],
    ),
    "own output": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {t: a.md}, inputs: {i: a.t}}}
""",
        [
            "2:53: input 'i': task 'a' would read its own output",
        ],
    ),
    "gathering one's own track": (
        """\
orchharness: 1
tracks: {t: {tasks: {a: {run: x, outputs: {o: o.md}}, b: {run: x, inputs: {i: t.*}}}}}
""",
        [
            "2:79: input 'i': task 'b' is part of track 't': name the outputs it reads",
        ],
    ),
    "input of a gate": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c]}}, b: {run: x, inputs: {i: G-a.score, j: G-a.*}}}
""",
        [
            "3:68: input 'i': gate 'G-a' has only 'G-a.evaluation', not 'score'",
            "3:82: input 'j': gate 'G-a' has only 'G-a.evaluation'",
        ],
    ),
    "two inputs with one variable": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {o: o.md, p: p.md}}, b: {run: x, inputs: {a-b: a.o, a_b: a.p, 1c: a.o}}}
""",
        [
            "2:82: inputs 'a-b' and 'a_b' would both be ORCH_INPUT_A_B: rename one",
            "2:92: '1c' is no name of an input: a letter, then letters, digits, _ and -",
        ],
    ),
    "input file that is an output": (
        """\
orchharness: 1
tasks: {guide: {run: x, outputs: {text: docs/guide.md}}, b: {run: x, inputs: {i: ./docs/guide.md}}}
""",
        [
            "2:82: input 'i': 'docs/guide.md' is output 'text' of task 'guide': write 'guide.text', which names the edge",
        ],
    ),
    "input file that is written meanwhile": (
        """\
orchharness: 1
tasks: {a: {run: x, writes: [docs/**]}, b: {run: x, inputs: {i: {path: docs/*.md}}}}
""",
        [
            "2:65: input 'i': task 'a' may write 'docs/*.md' at the same time: let this task need it, or read one of its outputs",
        ],
    ),
    "input file that nobody makes": (
        """\
orchharness: 1
tasks: {b: {run: x, inputs: {i: {path: docs/*.md}}}}
""",
        [
            "2:33: input 'i': 'docs/*.md' matches nothing in the workspace, and no task writes it",
        ],
    ),
    "outputs outside of the workspace": (
        "orchharness: 1\ntasks: {a: {run: x, outputs: {a: /etc/x, b: ../x, c: ~/x, d: docs/, e: '', f: ., g: run:../x, h: 'run:*.md', i: a\\b, j: x**/y}}}\n",
        [
            "2:34: output 'a': '/etc/x' is not relative: paths are relative to the workspace, and written with /",
            "2:45: output 'b': '../x' leaves the workspace",
            "2:54: output 'c': '~/x' is not relative: paths are relative to the workspace, and written with /",
            "2:62: output 'd': 'docs/' is a folder: name a file, or a glob such as 'docs/**'",
            "2:72: output 'e': the path is empty",
            "2:79: output 'f': '.' is the workspace itself: name a file, or a glob such as '**'",
            "2:85: output 'g': '../x' leaves the workspace",
            "2:98: output 'h': 'run:*.md': a file of the run has a plain name, without wildcards",
            "2:113: output 'i': 'a\\\\b' is not relative: paths are relative to the workspace, and written with /",
            "2:121: output 'j': 'x**/y': ** stands alone between slashes, as in docs/**/*.md",
        ],
    ),
    "odd outputs": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {a: {}, b: {from: answer}, c: {path: x, from: stdout}, d: [x], e: {from: stdout, must: exist}, f: {path: f.md, min_bytes: -1, must: chang}}}}
""",
        [
            "2:34: output 'a': write a path, 'path: …', or 'from: stdout' or 'from: answer' (one of them)",
            "2:48: output 'b': a command has no answer: write {from: stdout}",
            "2:60: output 'c': write a path, 'path: …', or 'from: stdout' or 'from: answer' (one of them)",
            "2:88: output 'd': expected a path, found a list",
            "2:111: output 'e': 'must' is for files: leave it out",
            "2:152: min_bytes: -1 is out of range: at least 0, at most 1000000000",
            "2:162: must: 'chang' is not one of 'change', 'written', 'exist'; did you mean 'change'?",
        ],
    ),
    "schema that is not there": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {a: {path: a.json, schema: nothing.json}}}}
""",
        [
            "2:57: output 'a': there is no file 'nothing.json' beside the plan (paths here are relative to the plan file)",
        ],
    ),
    "empty and odd commands": (
        'orchharness: 1\ntasks: {a: {run: []}, b: {run: \'\'}, c: {run: "x \'y"}, d: {run: "a\\nb"}, e: {run: [x], shell: true}, f: {shell: true}, g: {run: {x: y}}, h: {run: [[x]]}}\n',
        [
            "2:18: run: the command is empty",
            "2:32: run: the command is empty",
            "2:46: run: cannot be split into words (No closing quotation): write a list of words",
            "2:64: run: two or more lines: write 'shell: true' beside it, or one command as a list of words",
            "2:82: run: with 'shell: true' expected one text, found a list",
            "2:105: 'shell' without 'run': write 'run: \"the command\"' beside it",
            "2:128: run: expected a command: a list of words, or a text, found a mapping",
            "2:147: run: expected a word, found a list (a list is the words of one command: for more write more tasks, or lines with 'shell: true')",
        ],
    ),
    "shell text with inputs": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {o: o.md}}, b: {run: 'cat {{ inputs.i }} {{ findings }} {{ outputs.p }}', shell: true, inputs: {i: a.o}, outputs: {p: p.md}}}
""",
        [
            '2:51: run: a shell text takes no findings: use "$ORCH_FINDINGS" from the environment',
            '2:51: run: a shell text takes no inputs: use "$ORCH_INPUT_<NAME>" from the environment',
            '2:51: run: a shell text takes no outputs: use "$ORCH_OUTPUT_<NAME>" from the environment',
        ],
    ),
    "templates with unknown names": (
        """\
orchharness: 1
vars: {who: you}
tasks: {a: {run: [echo, '{{ var.who }}', '{{ vars.hwo }}', '{{ inputs.x }}', '{{ matrix.os }}'], prompt: 'Hi {{ vars.who | loud }}', env: {A: '{{ outputs.o }}'}}}
""",
        [
            "3:25: template: unknown name 'var'; did you mean 'vars'? (known here: vars, plan_dir, root, inputs, outputs, iteration, findings)",
            "3:42: template: no 'hwo' in vars; did you mean 'who'? (there: 'who')",
            "3:60: template: no 'x' in inputs (there: none)",
            "3:78: template: there is no 'matrix' here: write one on the task, its track or its phase",
            "3:106: template: no filter is named 'loud'",
            "3:139: template: no 'o' in outputs (there: none)",
        ],
    ),
    "templates that do not parse": (
        """\
orchharness: 1
tasks: {a: {run: ['{{ vars. }}'], prompt: '{% if %}', cwd: '{{ plan_dir }}'}}
""",
        [
            "2:19: template: expected name or number",
            "2:43: template: Expected an expression, got 'end of statement block'",
            "2:60: cwd: template: paths and thresholds see only vars.NAME and matrix.NAME, not 'plan_dir'",
        ],
    ),
    "templates in paths": (
        """\
orchharness: 1
vars: {d: docs}
tasks: {a: {run: x, outputs: {a: '{{ vars.e }}/x', b: '{{ plan_dir }}/x', c: '{{ 9**9**9 }}', d: '{{ vars.d | center(99999999) }}', e: '{% for i in range(9) %}x{% endfor %}', f: '{{ vars.d }}'}}}
""",
        [
            "3:34: output 'a': template: no 'e' in vars (there: 'd')",
            "3:55: output 'b': template: paths and thresholds see only vars.NAME and matrix.NAME, not 'plan_dir'",
            "3:78: output 'c': template: paths and thresholds know only names, comparisons and simple filters",
            "3:98: output 'd': template: paths do not know the filter 'center', only 'capitalize', 'd', 'default', 'lower', 'replace', 'string', 'title', 'trim', 'upper'",
            "3:136: output 'e': template: paths and thresholds know only names, comparisons and simple filters",
        ],
    ),
    "variables": (
        """\
orchharness: 1
vars: {a: , b: {choices: [x, y]}, c: {default: z, choices: [x]}, d-e: 1, f: [x], g: {defualt: 1}}
tasks: {t: {run: x}}
""",
        [
            "2:8: variable 'a': there is no value: give it with --orch-var a=VALUE",
            "2:13: variable 'b': there is no value: give it with --orch-var b=VALUE",
            "2:48: variable 'c': 'z' is not one of 'x'",
            "2:66: 'd-e' cannot be a variable's name: letters, digits and _ only",
            "2:77: variable 'f': expected text, found a list",
            "2:86: unknown key 'defualt' in a variable; did you mean 'default'?",
        ],
    ),
    "prompts": (
        """\
orchharness: 1
tasks: {a: {run: x, prompt: {file: nothing.md}}, b: {run: x, prompt: prompts/b.md}, c: {run: x, prompt: {}}, d: {run: x, prompt: ''}, e: {run: x, prompt: {file: binary.md}}}
""",
        [
            "2:36: there is no file 'nothing.md' beside the plan (paths here are relative to the plan file)",
            "2:70: prompt: 'prompts/b.md' looks like a file, but there is none of that name beside the plan",
            "2:105: prompt: write the text, or {file: path}",
            "2:130: prompt: the text is empty",
            "2:162: 'binary.md' is not UTF-8 text (byte 0)",
        ],
    ),
    "durations": (
        """\
orchharness: 1
tasks: {a: {run: x, timeout: 30}, b: {run: x, timeout: 30 minutes}, c: {run: x, timeout: 0s}, d: {run: x, timeout: -5s}, e: {run: x, timeout: [1s], idle_timeout: 99999d, estimate: P}}
""",
        [
            "2:30: timeout: 30: say the unit, e.g. 30s or 30m",
            "2:56: timeout: '30 minutes' is no duration: write it like 90s, 30m, 2h, 1d, 1h30m or PT30M; did you mean '30m'?",
            "2:90: timeout: '0s' is out of range: more than nothing, at most 3650d",
            "2:116: timeout: '-5s' is no duration: write it like 90s, 30m, 2h, 1d, 1h30m or PT30M",
            "2:143: timeout: expected a duration, found a list",
            "2:163: idle_timeout: '99999d' is out of range: more than nothing, at most 3650d",
            "2:181: estimate: 'P' is no duration: write it like 90s, 30m, 2h, 1d, 1h30m or PT30M, or a range like 2h..5h",
        ],
    ),
    "limits": (
        """\
orchharness: 1
limits: {parallel: many, resources: {gpu: 0, 'a b': 1}}
tasks: {a: {run: x}}
""",
        [
            "2:20: parallel: expected a whole number, found the text 'many'",
            "2:43: 'gpu': 0 is out of range: at least 1, at most 1000000000",
        ],
    ),
    "outage": (
        """\
orchharness: 1
limits: {outage: 6, rate_limit: 6h}
tasks: {a: {run: x}}
""",
        [
            "2:18: outage: 6: say the unit, e.g. 6s or 6m",
            "2:21: unknown key 'rate_limit' in limits: write 'outage'",
        ],
    ),
    "resources": (
        """\
orchharness: 1
limits: {resources: {gpu: 1}}
tasks: {a: {run: x, resources: {gpu: 2}}, b: {run: x, resources: {gup: 1}}, c: {run: x, resources: [gpu]}}
""",
        [
            "3:32: resources: 'a' takes 2 of 'gpu', but there are only 1: it would wait for ever",
            "3:66: resources: unknown counter 'gup'; did you mean 'gpu'? (in limits.resources: 'gpu')",
            "3:100: resources: expected a mapping, found a list",
        ],
    ),
    "retry": (
        """\
orchharness: 1
tasks: {a: {run: x, retry: 3}, b: {run: x, retry: {attempts: 0, backoff: 5, on: [exit, quality]}}}
""",
        [
            "2:28: retry: expected a mapping, found the number 3: write {attempts: 3}",
            "2:62: attempts: 0 is out of range: at least 1, at most 1000",
            "2:74: backoff: 5: say the unit, e.g. 5s or 5m",
            "2:88: on: 'quality' is not one of 'exit', 'timeout', 'idle', 'lost'",
        ],
    ),
    "environment": (
        """\
orchharness: 1
tasks: {a: {run: x, env: {ORCH_X: 1, 'a b': 1, C: '${no good}', D: [x], E: }}, b: {run: x, env: [A=1]}}
""",
        [
            "2:27: env: 'ORCH_X': names that begin with ORCH_ are set by orchharness, choose another",
            "2:38: env: 'a b' cannot be the name of an environment variable: letters, digits and _ only",
            "2:51: env: '${no good}': write ${NAME} for a variable of the caller's environment",
            "2:68: env: expected text, found a list",
            "2:76: env: expected text, found nothing",
            "2:97: env: expected a mapping, found a list: write {NAME: value}",
        ],
    ),
    "gates without judges": (
        """\
orchharness: 1
defaults: {gate: {critics: [c]}}
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: []}}, b: {run: x, gate: {checks: [], critics: []}}, c: {run: x, gate: true}}
""",
        [
            "4:21: gate 'G-a' has neither 'checks' nor 'critics': nobody judges",
            "4:55: gate 'G-b' has neither 'checks' nor 'critics': nobody judges",
        ],
    ),
    "gate true without defaults": (
        """\
orchharness: 1
tasks: {a: {run: x, gate: true}}
""",
        [
            "2:21: gate 'G-a' has neither 'checks' nor 'critics': nobody judges",
        ],
    ),
    "thresholds": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c], threshold: 92}}, b: {run: x, gate: {critics: [c], threshold: high}}, d: {run: x, gate: {critics: [c], threshold: -1}}, e: {run: x, gate: {critics: [c], threshold: 1.01}}}
""",
        [
            "3:53: threshold: 92 is not from 0 to 1: did you mean 0.92?",
            "3:103: threshold: expected a number from 0 to 1, found 'high'",
            "3:155: threshold: -1 is not from 0 to 1",
            "3:205: threshold: 1.01 is not from 0 to 1",
        ],
    ),
    "keys of gates": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [d], of: [a], combine: max, block_on: minor, min_iterations: 4, max_iterations: 3, on_exhausted: giveup, refine: some, timeout: 3s}}}
""",
        [
            "3:38: unknown critic 'd' (in 'critics': 'c')",
            "3:42: gate 'G-a' hangs on 'a': leave 'of' out, or write it under 'gates'",
            "3:60: combine: 'max' is not one of 'all', 'mean', 'min', 'median'",
            "3:75: block_on: 'minor' is not one of 'critical', 'major'",
            "3:98: gate 'G-a': min_iterations 4 is more than max_iterations 3",
            "3:134: on_exhausted: 'giveup' is not one of 'fail', 'ask', 'accept'",
            "3:150: refine: 'some' is not blamed, all, resume, fresh, or a mender: {agent, prompt, writes}",
            "3:156: unknown key 'timeout' in a gate: write it on the critic or the check",
        ],
    ),
    "gate as a text": (
        """\
orchharness: 1
tasks: {a: {run: x, gate: critic}}
""",
        [
            "2:27: gate: expected true or a mapping, found the text 'critic': write {critics: [critic]}",
        ],
    ),
    "stand-alone gates": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c]}}}
gates: {G1: {critics: [c]}, G2: {of: [], critics: [c]}, G3: {of: [a, G-a], critics: [c]}, G4: {of: [nobody], critics: [c]}, G5: {of: [a], aggregate: mean, critics: [c]}}
""",
        [
            "4:9: gate 'G1' stands alone: write 'of: [tasks, tracks, phases or gates]'",
            "4:29: gate 'G2' stands alone: write 'of: [tasks, tracks, phases or gates]'",
            "4:66: 'of' names gates and tasks: a gate is over the one or the other",
            "4:76: 'critics' on a gate over gates: it only aggregates their scores; leave it out",
            "4:101: of: unknown id 'nobody' (there are: 'a', 'G-a', 'G1', 'G2', 'G3', 'G4', 'G5')",
            "4:139: 'aggregate' is for gates over gates: write 'combine' for several critics",
        ],
    ),
    "gates over gates": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c]}}}
gates: {G: {of: [G-a], critics: [c], max_iterations: 2, refine: all}}
""",
        [
            "4:24: 'critics' on a gate over gates: it only aggregates their scores; leave it out",
            "4:54: more than one iteration of a gate over gates is not supported yet: write 1",
            "4:57: 'refine' on a gate over gates: it only aggregates their scores; leave it out",
        ],
    ),
    "gates over gates without a score": (
        """\
orchharness: 1
critics: {c: {run: x}}
tasks: {a: {run: x, gate: {critics: [c]}}}
gates: {G: {of: [G-a]}}
""",
        [
            "4:17: gate 'G-a' has no score to aggregate: it has no critic with criteria",
        ],
    ),
    "a gate over a later phase": (
        """\
orchharness: 1
critics: {c: {run: x}}
phases: {p: {tasks: {a: {run: x}}, gates: {G: {of: [b], critics: [c]}}}, q: {tasks: {b: {run: x}}}}
""",
        [
            "3:53: of: gate 'G' of phase 'p' needs task 'b' of the later phase 'q': phases run in order, so this would wait for ever; move one of them",
        ],
    ),
    "checks": (
        """\
orchharness: 1
tasks: {a: {run: x, gate: {checks: [lint, {run: x, file: y}, {}, {file: {contains: x}}, {file: x.md, contains: y}, {json: /etc/x}, {pytest: []}, {pytest: {paths: tests, min: 90}}, {file: {path: x, matches: '['}}, {run: x, inputs: [nothing.md, a.o]}]}}}
""",
        [
            "2:37: a check is a mapping: write {run: lint}",
            "2:43: a check has one of run, file, json, pytest; found run and file",
            "2:62: a check has one of run, file, json, pytest; found none",
            "2:73: file: 'path' is missing",
            "2:102: unknown key 'contains' in a check: stands inside of the check: {file: {path: …, contains: …}}",
            "2:123: json: '/etc/x' is not relative: paths are relative to the workspace, and written with /",
            "2:141: pytest: write the paths of the tests: {pytest: {paths: [tests]}}",
            "2:175: pytest: 90 is not from 0 to 1: did you mean 0.9?",
            "2:207: file: matches: not a regular expression: unterminated character set at position 0",
            "2:232: inputs: there is no file 'nothing.md' beside the plan (paths here are relative to the plan file)",
            "2:244: inputs: task 'a' has no output 'o' (it has: none)",
        ],
    ),
    "checks that are no list": (
        """\
orchharness: 1
tasks: {a: {run: x, gate: {checks: {run: x}}}}
""",
        [
            "2:36: checks: expected a list, found a mapping: write `- run: …` items",
        ],
    ),
    "a check with unknown outputs": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {o: o.md}, gate: {checks: [{run: ['{{ outputs.p }}']}, {file: '{{ outputs.q }}'}]}}}
""",
        [
            "2:64: template: no 'p' in outputs (there: 'o')",
            "2:92: template: no 'q' in outputs (there: 'o')",
        ],
    ),
    "critics": (
        """\
orchharness: 1
agents: {w: {kind: claude}}
critics: {a: {}, b: {agent: w}, c: {agent: x, prompt: p}, d: {run: x, prompt: p}, e: {kind: jury}, f: {run: x, criteria: {p: 0.5, q: 0.4}}, g: {run: x, criteria: {p: 50}}, h: {run: x, threshold: 1}, i: {kind: rubric, sharp: maybe}, j: {run: x, inputs: [nothing.md]}}
tasks: {a: {run: x}}
""",
        [
            "3:11: critic 'a': nobody judges: write 'run', or 'agent' with 'prompt'",
            "3:18: critic 'b': 'prompt' is missing: an agent that judges needs 'agent' and 'prompt'",
            "3:44: unknown agent 'x' (in 'agents': 'w')",
            "3:71: critic 'd': 'run' and 'prompt': write 'run', or 'agent' with 'prompt'",
            "3:93: critic 'e': unknown kind 'jury' (installed: 'command', 'rubric')",
            "3:112: critic 'f': the weights of its criteria sum to 0.9, not to 1",
            "3:167: criterion 'p': 50 is not from 0 to 1: did you mean 0.5?",
            "3:185: unknown key 'threshold' in a critic: write it on the gate",
            "3:225: critic 'i' of kind 'rubric': option 'sharp': Input should be a valid boolean, unable to interpret input",
            "3:254: inputs: there is no file 'nothing.md' beside the plan (paths here are relative to the plan file)",
        ],
    ),
    "cross-pollination": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {o: o.md}}, b: {run: x}}
tracks: {t: {tasks: {c: {run: x}}}}
cross_pollination: {A: {from: a, to: b, artifacts: [p]}, B: {from: nobody, to: b}, C: {from: t, to: b}, D: {from: a, to: [t]}, E: {from: a}, F: {from: a, to: a}, G: {from: a, to: b, when: x}}
""",
        [
            "4:53: A: task 'a' has no output 'p' (it has: 'o')",
            "4:68: B: unknown id 'nobody' (there are: 'a', 'b', 'c')",
            "4:94: C: from: track 't' is a group: name the task or gate it comes from",
            "4:123: D: to: track 't' is no task: name the tasks it goes to",
            "4:128: E: 'to' is missing: write {from: TASK, to: TASK, artifacts: [outputs]}",
            "4:159: F: task 'a' needs itself",
            "4:183: 'when' in a cross_pollination edge is not supported yet: leave it out",
        ],
    ),
    "writes at once": (
        """\
orchharness: 1
tasks:
  a: {run: x, writes: [SKILL.md]}
  b: {run: x, outputs: {s: SKILL.md}}
  c: {run: x, needs: [b], writes: ['*.md']}
""",
        [
            "4:3: tasks 'a' and 'b' can run at once and both may write 'SKILL.md': order them with 'needs', or let both take a counter of 1 from limits.resources",
            "5:3: tasks 'a' and 'c' can run at once and may write 'SKILL.md' and '*.md', which can be the same file: order them with 'needs', or let both take a counter of 1 from limits.resources",
        ],
    ),
    "globs that meet": (
        """\
orchharness: 1
tracks:
  t: {tasks: {a: {run: x, outputs: {o: 'docs/*.md'}}}}
  u: {tasks: {b: {run: x, writes: ['docs/**']}, c: {run: x, writes: [src/]}}}
""",
        [
            "4:15: tasks 'a' and 'b' can run at once and may write 'docs/*.md' and 'docs/**', which can be the same file: order them with 'needs', or let both take a counter of 1 from limits.resources",
        ],
    ),
    "one file of the run twice": (
        """\
orchharness: 1
tasks: {a: {run: x, outputs: {o: run:v.json}}, b: {run: x, outputs: {o: run:v.json}}}
""",
        [
            "2:48: tasks 'a' and 'b' can run at once and both may write 'run:v.json': order them with 'needs', or let both take a counter of 1 from limits.resources",
        ],
    ),
    "a counter that does not keep them apart": (
        """\
orchharness: 1
limits: {resources: {ed: 2}}
tasks: {a: {run: x, writes: [f], resources: {ed: 1}}, b: {run: x, writes: [f], resources: {ed: 1}}}
""",
        [
            "3:55: tasks 'a' and 'b' can run at once and both may write 'f': order them with 'needs', or let both take a counter of 1 from limits.resources",
        ],
    ),
    "a task that may write its judge": (
        """\
orchharness: 1
tasks: {a: {run: x, writes: ['tests/**', src/a.py], outputs: {o: src/a.py}, gate: {checks: [{run: [python, tests/judge.py, src/a.py]}]}}}
""",
        [
            "2:77: task 'a' may write 'tests/judge.py', which a check of its gate 'G-a' uses: take the file out of its 'writes', or keep what judges outside of what it may write",
        ],
    ),
    "a copy that is not there": (
        """\
orchharness: 1
workspace: {copy: nowhere}
tasks: {a: {run: x}}
""",
        [
            "2:19: copy: there is no folder 'nowhere' (relative to the plan file)",
        ],
    ),
    "execution": (
        """\
orchharness: 1
tasks: {a: {run: x}, b: {run: x}, c: {run: x}}
execution:
  one: {mode: foreground, tasks: [a, x]}
  two: {mode: background, agents: [b, a]}
  ps_critic: {mode: foreground}
  three: {mode: sideways, tasks: []}
""",
        [
            "2:35: no lane of 'execution' names task 'c'",
            "4:38: lane 'one' names 'x', which is no task",
            "5:39: task 'a' is named twice: by lane 'one' in line 4, too",
            "6:3: lane 'ps_critic' names no 'tasks' or 'agents', and no critic has that id",
            "7:3: lane 'three' names no 'tasks' or 'agents', and no critic has that id",
            "7:17: mode: 'sideways' is not one of 'foreground', 'background'",
        ],
    ),
    "execution beside phases": (
        """\
orchharness: 1
phases: {p: {tasks: {a: {run: x}}}}
execution: {l: {tasks: [a]}}
""",
        [
            "2:1: 'phases' beside 'execution': write a flat 'tasks' map, or leave 'execution' out",
        ],
    ),
    "wrong types": (
        """\
orchharness: 1
plan: [x]
title: {a: b}
limits: 3
defaults: []
agents: [a]
critics: x
vars: 1
workspace: here
cross_pollination: [a]
execution: x
tasks: {a: {run: x, needs: {b: c}, tags: {x: y}, inputs: [x], outputs: x, writes: {a: b}, mode: [x], shell: maybe, gate: [x], workspace: true}}
""",
        [
            "2:7: plan: expected text, found a list",
            "3:8: title: expected text, found a mapping",
            "4:9: limits: expected a mapping, found the number 3",
            "5:11: defaults: expected a mapping, found a list",
            "6:9: agents: expected a mapping, found a list: write {the-id: …}",
            "7:10: critics: expected a mapping, found the text 'x': write {the-id: …}",
            "8:7: vars: expected a mapping, found the number 1: write {NAME: …}",
            "9:12: workspace: expected a mapping, found the text 'here': write {copy: here}",
            "10:20: cross_pollination: expected a mapping, found a list: write {the-id: …}",
            "11:12: execution: expected a mapping, found the text 'x'",
            "12:28: needs: expected a list of ids, found a mapping: write [b]",
            "12:42: tags: expected a list of tags, found a mapping: write [x]",
            "12:58: inputs: expected a mapping, found a list: write {NAME: [x]}",
            "12:72: outputs: expected a mapping, found the text 'x': write {NAME: x}",
            "12:83: writes: expected a list of paths, found a mapping: write [a]",
            "12:97: mode: expected one of 'foreground', 'background', found a list",
            "12:109: shell: expected true or false, found the text 'maybe'",
            "12:122: gate: a gate: expected a mapping, found a list: write {critics: [x]}",
            "12:138: workspace: 'true' is not one of 'shared', 'scratch', 'worktree'",
        ],
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_broken_plan_is_told_what_to_write_instead(rule, problems):
    text, expected = CASES[rule]

    assert problems(text) == expected
