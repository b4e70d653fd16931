"""What tasks and judgements have in common when they are prepared: places, environment, templates."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from orchharness import private
from orchharness.core.plan import Command, OutputKind, Scope, Task, Workspace, is_template
from orchharness.record import record
from orchharness.run.directory import passed_over
from orchharness.run.hidden import redactor_of
from orchharness.run.worktrees import NOWHERE, Base, place_of

if TYPE_CHECKING:
    from orchharness.core.plan import Agent, Critic, Gate, Plan
    from orchharness.run.directory import RunDirectory

_NOT_WORD = re.compile(r"[^A-Za-z0-9]")


def word_of(name: str) -> str:
    """The name as one word: everything but letters and digits a `_`."""
    return _NOT_WORD.sub("_", name)


def env_name(prefix: str, name: str) -> str:
    """The environment variable of an input or output, in upper case."""
    return prefix + word_of(name).upper()


def origin(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded of an artifact that was read."""
    return {k: entry[k] for k in ("path", "sha256", "item", "output") if k in entry}


def as_paths(found: Mapping[str, Any]) -> dict[str, Any]:
    """Names and paths as templates see them."""
    if not found:
        return {}
    from orchharness.workspace.templates import Paths

    return {name: Paths(list(paths)) for name, paths in found.items()}


def asked_from_caller(env: Mapping[str, str]) -> dict[str, str]:
    """The entries that hold `${NAME}` of the caller's environment: their values are never stored."""
    return {name: value for name, value in env.items() if "${" in value}


def known_to(item: Task | Gate) -> dict[str, Any]:
    """What templates of the item see that others do not."""
    found: dict[str, Any] = {"matrix": dict(item.matrix)}
    return found if item.scope is None else found | _of(item.scope)


def _of(scope: Scope) -> dict[str, Any]:
    return {"vars": dict(scope.vars), "plan_dir": scope.folder}


def host_of(plan: Plan, gate: Gate) -> Task | None:
    """The task with a workspace of its own in which the gate's checks run; None: they run in the shared one."""
    owner = plan.tasks[gate.of[0]] if len(gate.of) == 1 else None
    return owner if owner is not None and owner.workspace is not Workspace.SHARED else None


def write_json(path: Path, value: Any) -> str:
    """Write a new file of the act."""
    return write_text(path, json.dumps(value, indent=1, default=dict))


def write_text(path: Path, text: str) -> str:
    """Write a new file of the act."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    return str(path)


@record
class Parts:
    """`root` is the project root, `workspace` where the plan's tasks work, `home` the folder of all runs.

    `base` is where worktrees begin.
    """

    plan: Plan
    directory: RunDirectory
    root: Path
    workspace: Path
    home: Path
    base: Base = NOWHERE
    hidden: tuple[str, ...] = ()  # the caller's variables whose values nothing that is kept may hold

    def new_folder(self, act: str) -> Path:
        """The act's folder, made exclusively: an act is prepared once."""
        folder = self.directory.act(act)
        folder.mkdir(mode=0o700)
        return folder

    def workspace_of(self, task: Task) -> Path:
        """Where the task works."""
        match task.workspace:
            case Workspace.SHARED:
                return self.workspace
            case Workspace.SCRATCH:
                folder = self.directory.scratch(task.id)
                private.folders(folder)
                return folder
            case Workspace.WORKTREE:  # made by whoever works there
                return place_of(self.directory, self.base, task.id)
            case _ as never:
                assert_never(never)

    def workspace_of_gate(self, gate: Gate) -> Path:
        """Where the gate's checks run."""
        owner = host_of(self.plan, gate)
        return self.workspace if owner is None else self.workspace_of(owner)

    def skipped(self, workspace: Path) -> str:
        """The folder that globs of the workspace pass over: runs that are kept inside it, this one and others."""
        return str(passed_over(workspace, self.home, self.directory.root))

    def env(self, folder: Path, *, iteration: int, attempt: int, task: str | None = None) -> dict[str, str]:
        """What every act finds in its environment."""
        env = {
            "ORCH_PLAN": self.plan.id,
            "ORCH_PLAN_DIR": str(Path(self.plan.path).parent),
            "ORCH_RUN": self.directory.run_id,
            "ORCH_ITERATION": str(iteration),
            "ORCH_ATTEMPT": str(attempt),
            "ORCH_TASK_DIR": str(folder),
            "ORCH_RESULT": str(folder / "agent-result.json"),
        }
        return env if task is None else env | {"ORCH_TASK": task}

    def output_paths(self, task: Task, workspace: Path) -> dict[str, str]:
        """Output -> its absolute path (a glob stays a glob)."""
        found = {}
        for output in task.outputs:
            if output.kind is OutputKind.FILE:
                found[output.name] = os.path.normpath(workspace / output.path)
            elif output.kind is OutputKind.RUN:
                folder = self.directory.files(task.id)
                private.folders(folder)
                found[output.name] = str(folder / output.path)
        return found

    def argv(self, command: Command | None, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The command's words, rendered one by one; `python` in first place is the running interpreter."""
        if command is None:
            return ()
        words = tuple(self.render(w, values) for w in command.argv)
        return (sys.executable, *words[1:]) if words[0] == "python" and not command.shell else words

    def rendered_prompt(self, text: str, values: Mapping[str, Any]) -> str:
        """The prompt. What an artifact brought into it of the values that are hidden goes no further.

        Raises:
            OrchError: it cannot be rendered.
        """
        return redactor_of(self.hidden).known(self.render(text, values))

    def render(self, text: str, values: Mapping[str, Any]) -> str:
        """The text with its template parts filled in.

        Raises:
            OrchError: it cannot be rendered.
        """
        if not is_template(text):
            return text
        from orchharness.workspace.templates import render

        known = {
            "vars": dict(self.plan.vars),
            "plan_dir": str(Path(self.plan.path).parent),
            "root": str(self.root),
        }
        return render(text, {**known, **values})

    def file_of(self, used: Agent | Critic) -> dict[str, Any]:
        """What templates of an agent or critic see: the values of the file in which it stands."""
        return _of(used.scope or Scope(vars=self.plan.vars, folder=str(Path(self.plan.path).parent)))

    def render_map(self, texts: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
        """Every text of the mapping rendered."""
        return {n: self.render(t, values) for n, t in texts.items()}

    def render_any(self, value: Any, values: Mapping[str, Any]) -> Any:
        """Every text in the value rendered."""
        if isinstance(value, str):
            return self.render(value, values)
        if isinstance(value, Mapping):
            return {k: self.render_any(v, values) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.render_any(v, values) for v in value]
        return value
