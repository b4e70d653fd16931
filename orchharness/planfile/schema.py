"""Which keys exist where: the language as tables, from which reading (and a JSON Schema) follows.

Keys of the language that this version does not carry out stand under `later`: they are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from orchharness.core.acts import Outcome
from orchharness.core.plan import (
    Combine,
    Mode,
    Must,
    OnExhausted,
    OutputKind,
    Recovery,
    Severity,
    TriggerRule,
    Workspace,
)
from orchharness.planfile.durations import Duration, Estimate
from orchharness.planfile.shapes import Either, Named, Table
from orchharness.planfile.values import (
    Boolean,
    Choice,
    Count,
    Counters,
    Identifier,
    Money,
    Raw,
    Shape,
    Text,
    Words,
)

_Keys = Mapping[str, Shape]


def _words(options: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(option.value for option in options)


_MODE: Final = Choice(_words(Mode))
_TRIGGER_RULE: Final = Choice(_words(TriggerRule))
_WHEN: Final = Text()
_LABELS: Final[_Keys] = {"tags": Words("tags"), "marks": Words("marks")}
_RUN: Final[_Keys] = {"run": Raw("a command: a list of words, or one text", "command"), "shell": Boolean()}
_PROMPT: Final = Raw("text, or {file: …}", "prompt")
_VARIABLES: Final = Named(
    "variable", Raw("a default, or {default, choices, required}", "variable"), ids=False
)
_MATRIX: Final = Raw("name: [values]", "matrix")
_ENV: Final = Raw("NAME: value", "env")

RETRY_ON: Final = _words((Outcome.EXIT, Outcome.TIMEOUT, Outcome.IDLE, Outcome.LOST))
RETRY: Final = Table(
    what="retry",
    write="{attempts: VALUE}",
    hints=dict.fromkeys(("max", "max_attempts", "times", "count", "limit", "max_retries"), "write 'attempts'")
    | dict.fromkeys(("delay", "wait", "interval", "sleep"), "write 'backoff'"),
    keys={
        "attempts": Count(1, 1_000),
        "backoff": Duration(),
        "on": Words("faults", RETRY_ON),
    },
)
_EXECUTION: Final[_Keys] = {"timeout": Duration(), "idle_timeout": Duration(), "retry": RETRY}

BUDGET: Final = Table(
    what="budget",
    write="{usd: VALUE}",
    keys={
        "usd": Money(),
        "tokens": Count(1, 1_000_000_000_000),
        "wall": Duration(),
        "spawns": Count(1),
    },
    hints={
        **dict.fromkeys(("cost", "dollars", "money", "dollar", "max_cost", "max_usd"), "write 'usd'"),
        **dict.fromkeys(("eur", "gbp"), "write 'usd': what agents report is in US dollars"),
        **dict.fromkeys(("time", "timeout", "duration", "hours", "max_time"), "write 'wall'"),
        **dict.fromkeys(("acts", "agents", "runs", "calls", "max_acts", "turns"), "write 'spawns'"),
        **dict.fromkeys(
            ("input_tokens", "output_tokens", "max_tokens"), "write 'tokens': those read and written together"
        ),
    },
)

PROMPT_FILE: Final = Table(
    what="a prompt",
    keys={"file": Raw("a path beside the plan", "text")},
    hints={"path": "write 'file'", "text": "write the text itself, without a mapping"},
)
WORKSPACE: Final = Table(what="workspace", keys={"copy": Raw("a folder", "text")}, write="{copy: VALUE}")
VARIABLE: Final = Table(
    what="a variable",
    keys={"default": Raw("text", "scalar"), "choices": Words("texts"), "required": Boolean()},
)

OUTPUT: Final = Table(
    what="an output",
    keys={
        "path": Raw("a path or glob in the workspace, or run:name", "path"),
        "from": Choice(_words((OutputKind.STDOUT, OutputKind.ANSWER))),
        "must": Choice(_words(Must)),
        "schema": Raw("a JSON Schema file", "text"),
        "min_bytes": Count(0),
    },
    hints={
        "file": "write 'path'",
        "required": "leave it out: every output must be there at the end",
        "type": "leave it out: 'schema' says what must be in it",
    },
)
INPUT: Final = Table(
    what="an input",
    keys={"path": Raw("a path or glob in the workspace", "path")},
    hints={"file": "write 'path'"}
    | dict.fromkeys(("from", "task", "output"), "write TASK.output as plain text, without a mapping"),
)

CHECK_KEYS: Final[_Keys] = {
    "run": _RUN["run"],
    "shell": _RUN["shell"],
    "file": Raw("a path, or {path, min_bytes, contains, matches}", "file check"),
    "json": Raw("a path, or {path, schema, expr}", "json check"),
    "pytest": Raw("paths, or {paths, min}", "pytest check"),
    "inputs": Words("files"),
    "timeout": Duration(),
}
_INSIDE: Final = "stands inside of the check: {{{0}: {{path: …, {1}: …}}}}"
CHECK: Final = Table(
    what="a check",
    keys=CHECK_KEYS,
    hints={
        "min_bytes": _INSIDE.format("file", "min_bytes"),
        "contains": _INSIDE.format("file", "contains"),
        "matches": _INSIDE.format("file", "matches"),
        "schema": _INSIDE.format("json", "schema"),
        "expr": _INSIDE.format("json", "expr"),
        "path": "write {file: {path: …}} or {json: {path: …}}",
        "min": "stands inside of the check: {pytest: {paths: […], min: 0.9}}",
    },
)
FILE_CHECK: Final = Table(
    what="a file check",
    keys={"path": Raw("a path", "path"), "min_bytes": Count(0), "contains": Text(), "matches": Text()},
)
JSON_CHECK: Final = Table(
    what="a json check",
    keys={"path": Raw("a path", "path"), "schema": Raw("a JSON Schema file", "text"), "expr": Text()},
)
PYTEST_CHECK: Final = Table(
    what="a pytest check", keys={"paths": Words("paths"), "min": Raw("a number from 0 to 1", "ratio")}
)

PLATEAU: Final = Table(
    what="plateau", keys={"gain": Raw("a number from 0 to 1", "ratio"), "rounds": Count(1, 1_000)}
)

MENDER: Final = Table(
    what="a mender",
    keys={
        **_RUN,
        **_EXECUTION,
        "agent": Raw("the name of an agent", "text"),
        "prompt": _PROMPT,
        "writes": Words("paths"),
        "env": _ENV,
    },
    hints={
        "outputs": "write 'writes': what it writes are outputs of the tasks that the gate judges",
        "inputs": "it finds the findings and the outputs of the tasks that the gate judges",
        "session": "write a list: refine: [{…}, fresh]",
    },
)

_GATE_KEYS: Final[_Keys] = {
    "checks": Raw("a list of checks", "checks"),
    "critics": Words("critics"),
    "threshold": Raw("a number from 0 to 1", "ratio"),
    "combine": Choice(_words(Combine)),
    "block_on": Choice(_words((Severity.CRITICAL, Severity.MAJOR))),
    "samples": Count(1, 100),
    "confirm_on_fail": Count(0, 100),
    "min_iterations": Count(1, 1_000),
    "max_iterations": Count(1, 1_000),
    "plateau": Raw("{gain: 0.02, rounds: 2}, or off", "plateau"),
    "refine": Raw("blamed, all, resume, fresh, or {agent, prompt, writes}", "refine"),
    "on_exhausted": Choice(_words(OnExhausted)),
}
SKIP: Final = Table(what="then", keys={"skip": Words("tasks, gates, tracks or phases")})
OPTION: Final = Table(
    what="an option",
    keys={
        "id": Identifier(),
        "label": Text(),
        "then": Raw("pass, fail, retry, pause or {skip: [ids]}", "then"),
    },
    hints={"skip": "stands inside of 'then': {then: {skip: [ids]}}"},
)
_GATE_HINTS: Final = {
    "mode": "write it on the critic",
    "timeout": "write it on the critic or the check",
    "retry": "write it on the critic",
    "criteria": "write them on the critic",
    "iterations": "write 'max_iterations'",
    "on_fail": "write 'on_exhausted'",
    "on_failure": "write 'on_exhausted'",
    "retries": "write 'max_iterations'",
    "max_retries": "write 'max_iterations'",
    "attempts": "write 'max_iterations'",
    "depends_on": "write 'of' for what it judges",
    "allow_failure": "write it on the task: it counts for the task's own gate, too",
    "budget": "write it on the task, whose budget its own gate's critics draw on, or on the track",
}
DEFAULT_GATE: Final = Table(
    what="defaults.gate",
    keys=_GATE_KEYS,
    hints={
        **_GATE_HINTS,
        **dict.fromkeys(("id", "kind", "question", "options"), "write it on the gate"),
    },
)
GATE: Final = Table(
    what="a gate",
    write="{critics: LIST}",
    keys={
        **_GATE_KEYS,
        **_LABELS,
        "id": Identifier(),
        "kind": Choice(("human",)),
        "question": Raw("a question", "text"),
        "options": Raw("a list of {id, label, then}", "options"),
        "of": Words("tasks, tracks, phases or gates"),
        "aggregate": Choice(_words((Combine.MEAN, Combine.MIN))),
        "needs": Words("ids"),
        "rationale": Text(),
    },
    hints=_GATE_HINTS,
)

_ONE: Final = "a task is one 'run': write several tasks with 'needs', or several lines with 'shell: true'"
TASK: Final = Table(
    what="a task",
    write="{run: VALUE}",
    keys={
        **_RUN,
        **_LABELS,
        **_EXECUTION,
        "ask": Raw("a question", "text"),
        "agent": Raw("the name of an agent", "text"),
        "prompt": _PROMPT,
        "needs": Words("ids"),
        "inputs": Named(
            "input",
            Raw("TASK.output, a list of them, or {path: …}", "input"),
            ids=False,
            write="{NAME: VALUE}",
        ),
        "outputs": Named(
            "output", Raw("a path, run:name, or a mapping", "output"), ids=False, write="{NAME: FIRST}"
        ),
        "writes": Words("paths"),
        "env": _ENV,
        "cwd": Raw("a folder of the workspace", "path"),
        "workspace": Choice(_words(Workspace)),
        "trigger_rule": _TRIGGER_RULE,
        "when": _WHEN,
        "allow_failure": Boolean(),
        "recovery": Choice(_words(Recovery)),
        "resources": Counters(),
        "budget": BUDGET,
        "mode": _MODE,
        "gate": Either(GATE),
        "estimate": Estimate(),
        "rationale": Text(),
        "matrix": _MATRIX,
    },
    hints={
        "sequence": "write it on the track",
        "kind": "a kind belongs to an agent: write it under 'agents' and name that agent here",
        "model": "options belong to an agent: write it under 'agents' and name that agent here",
        "gates": "write 'gate': one gate per task",
        "checks": "write it inside of 'gate'",
        "critics": "write it inside of 'gate'",
        "threshold": "write it inside of 'gate'",
        "max_iterations": "write it inside of 'gate'",
        "output": "write 'outputs: {NAME: path}'",
        "input": "write 'inputs: {NAME: TASK.output}'",
        "files": "write 'inputs' or 'outputs'",
        "tasks": "a task has no tasks: write a track",
        "steps": _ONE,
        "commands": _ONE,
    },
)

# Keys of a task that say something about a process: one that asks a person has none.
NOT_ASKING: Final = frozenset(
    {
        *("run", "shell", "agent", "prompt", "writes", "env", "cwd", "workspace", "timeout", "idle_timeout"),
        *("retry", "recovery", "resources", "mode", "allow_failure", "estimate", "budget"),
    }
)

_GROUP_KEYS: Final[_Keys] = {
    "mode": _MODE,
    "rationale": Text(),
    "sequence": Boolean(),
    "needs": Words("ids"),
    "resources": Counters(),
    "trigger_rule": _TRIGGER_RULE,
    "when": _WHEN,
    "gate": Either(GATE),
    "matrix": _MATRIX,
    "include": Raw("the path of a fragment", "fragment"),
    "with": Named("variable of the fragment", Raw("text", "text"), ids=False),
}
_OF_TASKS: Final = ("run", "agent", "prompt", "inputs", "outputs", "env", "timeout", "retry")
_ON_TASKS: Final = "write it on the tasks"
TASKS: Final = Named("task", TASK)
GATES: Final = Named("gate", GATE)
TRACK: Final = Table(
    what="a track",
    keys={**_GROUP_KEYS, "budget": BUDGET, "tasks": TASKS},
    entries="a task? write it under 'tasks'",
    hints={
        "allow_failure": _ON_TASKS,
        "gates": "write 'gate' here, or 'gates' in the phase",
        "tracks": "a track has no tracks",
        "agents": "write 'tasks'",
        **dict.fromkeys(_OF_TASKS, "it belongs to a task: write it under 'tasks'"),
    },
)
TRACKS: Final = Named("track", TRACK)
PHASE: Final = Table(
    what="a phase",
    keys={**_GROUP_KEYS, "tracks": TRACKS, "tasks": TASKS, "gates": GATES},
    entries="a task? write it under 'tasks'",
    hints={
        "allow_failure": _ON_TASKS,
        "budget": "write it on its tracks or tasks, or under 'limits' for the whole run",
        "phases": "a phase has no phases: write tracks",
        "agents": "write 'tasks'",
        **dict.fromkeys(_OF_TASKS, "it belongs to a task: write it under 'tasks'"),
    },
)

_COMMAND_AGENT: Final[_Keys] = {**_RUN, "kind": Raw("the name of a kind", "text")}
AGENT: Final = Table(
    what="an agent of kind 'command'",
    keys=_COMMAND_AGENT,
    hints={
        "budget": "write it on a task, a track or under 'limits'",
        "model": "a command has no options: name another kind",
        "prompt": "write it on the task",
        "type": "write 'kind'",
    },
)
CRITIC: Final = Table(
    what="a critic",
    keys={
        **_COMMAND_AGENT,
        **_EXECUTION,
        "agent": Raw("the name of an agent", "text"),
        "prompt": _PROMPT,
        "criteria": Raw("criterion: weight", "criteria"),
        "mode": _MODE,
        "env": _ENV,
        "inputs": Words("files"),
        "after": Words("critics"),
    },
    hints={
        "budget": "write it on the task or the track that it judges for",
        "threshold": "write it on the gate",
        "model": "options belong to an agent: write it under 'agents' and name that agent here",
        "checks": "write it on the gate",
        "weights": "write 'criteria: {NAME: weight}'",
    },
)
CROSS: Final = Table(
    what="a cross_pollination edge",
    keys={
        "from": Raw("a task or gate", "text"),
        "to": Words("tasks"),
        "artifacts": Words("outputs"),
        "rationale": Text(),
    },
    later=frozenset({"when"}),
    hints={"outputs": "write 'artifacts'"},
)

_IN_THE_PLAN: Final = "a fragment has none: write it in the plan"
FRAGMENT: Final = Table(
    what="a fragment",
    keys={
        "orchharness": Raw("1", "version"),
        "vars": _VARIABLES,
        # These take their places in the plan, and are read there.
        "agents": Raw("{kind, …options}"),
        "critics": Raw("{run} or {agent, prompt}"),
        "tasks": Raw("the-id: {run: …}"),
        "tracks": Raw("the-id: {tasks: …}"),
        "gates": Raw("the-id: {of: […]}"),
        "rationale": Text(),
    },
    hints={
        **dict.fromkeys(("plan", "workspace", "replay", "limits", "defaults", "execution"), _IN_THE_PLAN),
        "phases": "a fragment has none: include one for each phase",
        "cross_pollination": "write 'inputs' on the tasks",
        **dict.fromkeys(("gate", "matrix", "needs", "sequence"), "write it beside 'include'"),
        "with": "write 'vars' here, and 'with' beside 'include'",
    },
)

LANE: Final = Table(
    what="a lane of 'execution'",
    keys={"mode": _MODE, "tasks": Words("tasks"), "agents": Words("tasks"), "rationale": Text()},
)

PLAN: Final = Table(
    what="the plan",
    keys={
        "orchharness": Raw("1", "version"),
        "plan": Identifier(),
        "vars": _VARIABLES,
        "workspace": WORKSPACE,
        "replay": Boolean(),
        "limits": Table(
            what="limits",
            keys={
                "parallel": Count(1, 10_000),
                "resources": Counters(),
                "budget": BUDGET,
                "outage": Duration(),
            },
            hints={
                **dict.fromkeys(("patience", "rate_limit", "max_outage", "retry_after"), "write 'outage'"),
                "max_parallel": "write 'parallel'",
                "timeout": "write it under 'defaults'",
                **dict.fromkeys(("usd", "tokens", "wall", "spawns"), "write it inside of 'budget'"),
            },
        ),
        "defaults": Table(
            what="defaults",
            keys={**_EXECUTION, "gate": DEFAULT_GATE},
            hints={"threshold": "write it inside of 'gate'", "critics": "write it inside of 'gate'"},
        ),
        "agents": Named("agent", Raw("{kind, …options}", "agent")),
        "critics": Named("critic", Raw("{run} or {agent, prompt}", "critic")),
        "phases": Named("phase", PHASE),
        "tracks": TRACKS,
        "tasks": TASKS,
        "gates": GATES,
        "cross_pollination": Named("edge", CROSS),
        "execution": Raw("lanes: {mode, tasks, rationale}", "lanes"),
        "rationale": Text(),
    },
    entries="a task? write it under 'tasks'",
    hints={
        "include": "write it on a track or phase: {include: fragment.yaml, with: {NAME: value}}",
        "id": "write 'plan'",
        "name": "write 'plan' for the id, 'title' for people",
        "version": "write 'orchharness: 1'",
        "gate": "write it on a task, a track or a phase, or under 'gates'",
        "mode": "write it on a phase, a track or a task",
        "budget": "write it under 'limits'",
        "parallel": "write it under 'limits'",
        "resources": "write it under 'limits'",
        "timeout": "write it under 'defaults'",
        "env": _ON_TASKS,
        "sequence": "write it on a track, or on a phase with 'tasks'",
        "matrix": "write it on a task, a track or a phase",
        "trigger_rule": _ON_TASKS,
    },
)
