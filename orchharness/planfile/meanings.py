"""What each key means, in a line, and what counts when it is not written: what an editor shows beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ANYWHERE: Final[Mapping[str, str]] = {
    "title": "a name for people",
    "description": "words for people",
    "rationale": "why it is so, for people",
    "tags": "words to choose by, with -m",
    "marks": "words to choose by, with -m",
    "run": "the command: a list of words, or a text that is split as a shell would, without a shell",
    "shell": "true: `run` is one text for a shell",
    "env": "extra environment; ${NAME} stands for a variable of the caller's, whose value is never stored",
    "prompt": "what the agent is told: a text, or {file: a path beside the plan}",
    "timeout": "how long it may take, from the spawn: 90s, 30m, 2h",
    "idle_timeout": "how long it may give no sign of life: 90s, 30m, 2h",
    "retry": "how often faults of execution are tried again; never quality",
    "mode": "foreground: nothing else is spawned meanwhile; background: it runs beside others",
    "needs": "ids of tasks, gates, tracks or phases that must be over and passed before it starts",
    "resources": "counters of limits.resources that it takes, all at once",
    "budget": "what may be spent; when it is reached nothing new starts, and a raised one lets the run go on",
    "trigger_rule": "what must have become of what it needs",
    "when": "an expression that must hold, else it is skipped: status('ID') == 'passed', vars.NAME == 'x'",
    "sequence": "true: each task needs the one before it in the file",
    "gate": "what judges the outcome: a mapping, or true for defaults.gate",
    "tasks": "the work: id → task; the order of the file means nothing",
    "tracks": "side by side: id → track",
    "gates": "gates that stand on their own: id → gate with `of`",
    "matrix": "copies, one for every combination: {os: [linux, mac]}; templates read {{ matrix.os }}",
    "include": "a file beside this one with tasks of its own, a fragment",
    "with": "values for the variables of the fragment",
    "inputs": "files that define the judgement, or artifacts as TASK.output",
    "kind": "which plugin runs it",
    "critics": "names from the plan's critics",
    "checks": "what must hold, run first: commands, files, JSON, tests",
    "threshold": "the least score that passes, from 0 to 1",
    "combine": "how the scores of several critics become one",
    "block_on": "a finding of this severity fails the gate whatever the score",
    "min_iterations": "the least number of times that the work is done and judged",
    "max_iterations": "the greatest number of times that the work is done and judged",
    "refine": "who works on the findings: blamed (whom they name), all, or a mender {agent, prompt, writes}; and in which session: resume, fresh",
    "samples": "how often each critic judges; the median counts",
    "confirm_on_fail": "how many more judgements a failing score needs before it is believed",
    "plateau": "stop refining when the score rose by less than `gain` in each of the last `rounds`; or off",
    "on_exhausted": "when the iterations are used up: fail, ask a person, or accept with the score on record",
    "path": "a path or glob, relative to the workspace, written with /",
}
_THERE: Final[Mapping[str, Mapping[str, str]]] = {
    "the plan": {
        "orchharness": "the version of the language: 1",
        "plan": "the plan's id; default: the name of the file",
        "vars": "values that --orch-var NAME=VALUE gives",
        "replay": "true: what was recorded is run, not the agents, until --orch-record says otherwise",
        "workspace": "the tasks work in a fresh copy of a folder; default: in the project's root",
        "limits": "how many acts run at once, what may be spent, and counters that tasks take from",
        "defaults": "what counts where a task, gate or critic says nothing",
        "agents": "who works: name → kind with its options",
        "critics": "who judges: name → a command, or an agent with a prompt",
        "phases": "one after another: id → phase",
        "cross_pollination": "edges with a name, that carry artifacts between tracks",
        "execution": "lanes beside a flat `tasks` map, instead of phases and tracks",
    },
    "a fragment": {
        "orchharness": "the version of the language: 1",
        "vars": "values that stand under `with` where it is included; one without a default must be given",
        "agents": "who works in it: name → kind with its options",
        "critics": "who judges in it: name → a command, or an agent with a prompt",
    },
    "a variable": {
        "default": "its value when none is given",
        "choices": "the values that it may have",
        "required": "false: nothing at all is a value, too",
    },
    "workspace": {"copy": "the folder to copy, relative to the plan file"},
    "limits": {
        "parallel": "how many acts run at once",
        "resources": "counters that tasks take from: {gpu: 1}",
        "outage": "how long an agent kind may take no work (rate limit) before what waits for it fails",
    },
    "budget": {
        "usd": "US dollars, as far as the agents report them",
        "tokens": "tokens read and written, as far as the agents report them",
        "wall": "time: of the run that of its sessions, else that in which any act of it runs: 90s, 30m, 8h",
        "spawns": "acts of tasks and critics, retries and refinements included",
    },
    "retry": {
        "attempts": "how often it is tried in all",
        "backoff": "how long to wait before the second attempt; doubled before each further one",
        "on": "which faults: exit, timeout, idle, lost",
    },
    "a task": {
        "agent": "the name of one of the plan's agents",
        "ask": "a question to a person, whose answer is the output",
        "inputs": "name → TASK.output, a list of them, or {path: files of the workspace}",
        "outputs": "name → what it must write: a path, a glob, run:NAME, {from: stdout}, {from: answer}",
        "writes": "paths that it may change; default: its outputs",
        "cwd": "the folder of the workspace in which it runs",
        "workspace": "shared: the plan's workspace; scratch: an empty folder of its own; worktree: a git worktree of its own",
        "allow_failure": "true: its failure is shown, and makes nothing red",
        "recovery": "what a resumed run does with an act that was running and cannot be found",
        "estimate": "how long it will take, for people and for `explain`: 30m, 2h, 8h..12h",
    },
    "a gate": {
        "id": "its id; default: G- and the id of what it hangs on",
        "of": "what it judges: tasks, tracks, phases; or gates, whose scores it aggregates",
        "aggregate": "how the scores of several gates become one",
        "kind": "human: only a person judges",
        "question": "what a person is asked",
        "options": "what a person may choose",
    },
    "plateau": {"gain": "the least rise of the score", "rounds": "how many rounds in a row"},
    "a mender": {
        "agent": "the name of the agent that mends",
        "writes": "the outputs that it may change; default: those of all tasks that the gate judges",
    },
    "an option": {
        "id": "what is typed to choose it",
        "label": "what it means, for people",
        "then": "pass, fail, retry (do the work again), pause (ask again), or {skip: [ids]}",
    },
    "then": {"skip": "tasks, gates, tracks or phases after the gate that are left out"},
    "an output": {
        "path": "a path or glob in the workspace, or run:NAME, a file of the run",
        "from": "stdout: what the act printed; answer: the agent's final text",
        "must": "what counts as done: change (new bytes), written, exist",
        "schema": "a JSON Schema file beside the plan, that it must fit",
        "min_bytes": "its least size in bytes",
    },
    "a check": {
        "run": "a command that must exit with 0",
        "file": "a file that must be there: a path, or {path, min_bytes, contains, matches}",
        "json": "a JSON file: a path, or {path, schema, expr}",
        "pytest": "tests that must pass, at least one: paths, or {paths, min}",
    },
    "a file check": {
        "min_bytes": "its least size in bytes",
        "contains": "a text that must be in it",
        "matches": "a regular expression that must match somewhere in it",
    },
    "a json check": {
        "schema": "a JSON Schema file beside the plan, that it must fit",
        "expr": "an expression over its content that must be true",
    },
    "a pytest check": {
        "paths": "files or folders of tests",
        "min": "the least share that passes, from 0 to 1; without it all must",
    },
    "a critic": {
        "agent": "the name of the agent that judges; with `prompt`",
        "after": "critics of the same gate whose evaluations it reads",
        "criteria": "criterion → weight; the weights sum to 1. Without any it gives findings only",
    },
    "a cross_pollination edge": {
        "from": "the task or gate it comes from",
        "to": "the tasks it goes to",
        "artifacts": "the outputs that it carries",
    },
    "a prompt": {"file": "a path beside the plan"},
    "a lane of 'execution'": {"tasks": "ids of its tasks", "agents": "ids of its tasks"},
}

_GATE: Final[Mapping[str, Any]] = {
    "threshold": 0.9,
    "combine": "all",
    "samples": 1,
    "confirm_on_fail": 0,
    "min_iterations": 1,
    "max_iterations": 3,
    "plateau": "off",
    "refine": "blamed",
    "on_exhausted": "fail",
}
_GROUP: Final[Mapping[str, Any]] = {"mode": "background", "sequence": False}
_COMMAND: Final[Mapping[str, Any]] = {"shell": False}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "the plan": {"replay": False},
    "limits": {"parallel": 3, "outage": "6h"},
    "retry": {"attempts": 1, "on": ["exit", "timeout", "idle", "lost"]},
    "a track": _GROUP,
    "a phase": _GROUP,
    "a task": {
        **_COMMAND,
        "mode": "background",
        "workspace": "shared",
        "trigger_rule": "all_success",
        "allow_failure": False,
        "recovery": "rerun",
        "cwd": ".",
    },
    "an output": {"min_bytes": 1},
    "a check": _COMMAND,
    "a mender": _COMMAND,
    "an agent of kind 'command'": {**_COMMAND, "kind": "command"},
    "a critic": {**_COMMAND, "mode": "foreground"},
    "a gate": {**_GATE, "aggregate": "mean"},
    "defaults.gate": _GATE,
    "plateau": {"rounds": 2},
}


def default(what: str, key: str) -> Any:
    """What counts when the key is not written there; None where nothing does, or it depends on other keys."""
    return _DEFAULTS.get(what, {}).get(key)


def meaning(what: str, key: str) -> str:
    """What the key means there; nothing where nobody has said."""
    return _THERE.get(what, {}).get(key) or _ANYWHERE.get(key, "")
