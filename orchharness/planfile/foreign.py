"""Words of other tools, and what to write here: looked up only where a word was refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from orchharness.planfile.near import nearest, plain_of

SYNONYMS: Final[Mapping[str, str]] = {
    "blocking": "foreground",
    "sync": "foreground",
    "serial": "foreground",
    "sequential": "foreground",
    "parallel": "background",
    "async": "background",
    "concurrent": "background",
    "non_blocking": "background",
    "average": "mean",
    "avg": "mean",
    "minimum": "min",
    "lowest": "min",
    "blocker": "critical",
    "error": "critical",
    "warning": "major",
    "abort": "fail",
    "stop": "fail",
    "pause": "ask",
    "human": "ask",
    "continue": "accept",
    "ignore": "accept",
    "pass": "accept",
    "retry": "rerun",
    "restart": "rerun",
    "always": "all_done",
    "any_success": "one_success",
    "all_passed": "all_success",
    "success": "all_success",
    "modified": "change",
    "updated": "change",
    "created": "written",
    "exists": "exist",
}
"""Words of other tools for one of some words, and the word here. Looked up only where one did not fit."""

FOREIGN: Final[Mapping[str, str]] = {
    "depends_on": "write 'needs'",
    "depends": "write 'needs'",
    "dependson": "write 'needs'",
    "prerequisites": "write 'needs'",
    "upstream": "write 'needs'",
    "wait_for": "write 'needs'",
    "dependencies": "write 'needs'",
    "requires": "write 'needs'",
    "after": "write 'needs'",
    "if": "write 'when'",
    "name": "write 'title'",
    "steps": "write 'tasks'",
    "jobs": "write 'tasks'",
    "stages": "write 'phases'",
    "command": "write 'run'",
    "cmd": "write 'run'",
    "script": "write 'run'",
    "entrypoint": "write 'run'",
    "args": "write them into 'run', a list of words",
    "on_failure": "write 'allow_failure: true', or 'trigger_rule' on the task that follows",
    "on_error": "write 'allow_failure: true', or 'trigger_rule' on the task that follows",
    "always_run": "write 'trigger_rule: all_done'",
    "always": "write 'trigger_rule: all_done'",
    "secrets": "write 'env: {NAME: ${NAME}}' on the task: values of the caller's environment are never stored",
    "on": "leave it out: a plan runs when pytest runs it",
    "triggers": "leave it out: a plan runs when pytest runs it",
    "provider": "write 'kind'",
    "uses": "write 'run' or 'agent'",
    "image": "write 'run': a command that starts the container",
    **dict.fromkeys(("strategy", "for_each", "foreach", "parametrize"), "write 'matrix: {NAME: [values]}'"),
    "runs_on": "leave it out: plans run where pytest runs",
    "instructions": "write 'prompt'",
    "description_file": "write 'prompt: {file: …}'",
    "goal": "write 'prompt'",
    "expected_output": "write 'outputs: {NAME: path}'",
    "produces": "write 'outputs: {NAME: path}'",
    "consumes": "write 'inputs: {NAME: TASK.output}'",
    "env_vars": "write 'env'",
    "cwd_path": "write 'cwd'",
    "working_dir": "write 'cwd'",
    "workdir": "write 'cwd'",
    "label": "write 'title'",
    "summary": "write 'title' or 'description'",
    "labels": "write 'tags'",
    "groups": "write 'tracks'",
    "lanes": "write 'tracks'",
    "nodes": "write 'tasks'",
    "edges": "write 'needs' or 'inputs' on the tasks",
    "services": "write 'tasks'",
    "workflow": "write 'plan' for its id, and its parts at the top level",
    "quality_gate": "write 'gate'",
    "reviewers": "write 'critics'",
    "judges": "write 'critics'",
    "judge": "write 'critics'",
    "score": "write 'threshold'",
    "min_score": "write 'threshold'",
    "pass_threshold": "write 'threshold'",
    "max_retries": "write 'retry: {attempts: N}'",
    "timeout_minutes": "write 'timeout: 30m'",
    "timeout_seconds": "write 'timeout: 90s'",
    "concurrency": "write 'limits: {parallel: N}'",
    "max_parallel": "write 'limits: {parallel: N}'",
    "id": "the id is the key of the mapping: leave 'id' out",
    "status": "a plan holds no state: leave it out, the run keeps it",
    "state": "a plan holds no state: leave it out, the run keeps it",
    "environment": "write 'env'",
    "working_directory": "write 'cwd'",
    "continue_on_error": "write 'allow_failure: true'",
    "retries": "write 'retry: {attempts: N}'",
    "parallelism": "write 'limits: {parallel: N}'",
    "artifacts": "write 'outputs'",
    "variables": "write 'vars'",
    "version": "write 'orchharness: 1'",
}
"""Words of other tools, and what to write here; without regard to case, `_` and `-`."""

_PLAIN: Final = {plain_of(word): hint for word, hint in FOREIGN.items()}
_FORMATS: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset({"jobs", "on"}), "a GitHub workflow (its jobs are 'tasks' here, 'needs' is the same)"),
    (frozenset({"services"}), "a compose file"),
    (frozenset({"apiVersion", "kind"}), "a Kubernetes manifest"),
    (frozenset({"stages"}), "a GitLab pipeline (its jobs are 'tasks' here, its stages 'phases')"),
    (
        frozenset({"nodes", "edges"}),
        "a graph of nodes (those are 'tasks' here, an edge is 'needs' or 'inputs')",
    ),
    (
        frozenset({"workflow", "agents"}),
        "a conductor workflow (its agents are 'tasks' here, its routes 'needs')",
    ),
    (frozenset({"workflow"}), "the state of a run: a plan holds none"),
)
_PARTS: Final = ("tasks", "tracks", "phases", "execution")


def foreign_word(key: str) -> str | None:
    """What to write instead of a key that is a word of another tool."""
    return _PLAIN.get(plain_of(key))


def foreign_format(keys: Collection[str]) -> str | None:
    """`, but …` (or nothing) for a file that has none of a plan's parts; None for what is meant as a plan."""
    if "orchharness" in keys or any(nearest(key, ("orchharness", *_PARTS)) for key in keys):
        return None
    return next((f", but {what}" for marks, what in _FORMATS if marks <= set(keys)), "")
