"""One task, once everything it names is known."""

from __future__ import annotations

from typing import Final

from orchharness.core.plan import Agent, Recovery, Task, TriggerRule, Workspace, is_template
from orchharness.planfile.agents import COMMAND, known_agent
from orchharness.planfile.checks import scope_of
from orchharness.planfile.commands import read_command
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import TaskDraft
from orchharness.planfile.files import read_prompt
from orchharness.planfile.gates import read_tags, title_of
from orchharness.planfile.groups import inherited, resources_of
from orchharness.planfile.nodes import Node
from orchharness.planfile.paths import workspace_path
from orchharness.planfile.people import read_ask
from orchharness.planfile.problems import FieldError
from orchharness.planfile.settings import read_budget, read_environment, read_retry
from orchharness.planfile.shapes import Fields
from orchharness.planfile.shared import check_matrix
from orchharness.planfile.templates import Scope, TemplateError, Use, uses_of

_NO_ARTIFACTS: Final = Scope(inputs=(), outputs=())


def find_agent(context: Context, task: TaskDraft, agents: dict[str, Agent]) -> None:
    """Fill in who does the task; note when that is nobody, or two."""
    fields = task.fields
    if "ask" in fields:
        return
    if "run" in fields and "agent" in fields:
        context.problems.add(
            fields.key("agent"), f"task {task.id!r} has 'run' and 'agent': write one of them"
        )
    elif "agent" in fields:
        name = known_agent(context, fields.at("agent"), agents)
        if name is not None:
            task.agent = agents[name]
    elif not ("run" in fields or "shell" in fields or fields.broken):
        context.problems.add(
            task.key, f"task {task.id!r} does nothing: write 'run: the command' or 'agent: NAME'"
        )


def build_task(context: Context, draft: TaskDraft) -> Task:
    """The task itself; what is wrong with it is noted."""
    fields = draft.fields
    agent = draft.agent
    scope = scope_of([draft]) if draft.inputs or draft.outputs else _NO_ARTIFACTS
    command = read_command(context, fields, scope) if "run" in fields or "shell" in fields else None
    if agent is not None:
        check_matrix(context, agent, draft.copies, f"task {draft.id!r}", fields.at("agent"))
        _check_agents_command(context, draft, agent, scope)
    defaults, estimate = context.defaults, fields.get("estimate")
    task = Task(
        id=draft.id,
        phase=draft.phase.id,
        track=draft.track.id,
        order=draft.order,
        line=draft.key.line,
        mode=draft.mode,
        kind=agent.kind if agent else COMMAND,
        agent=agent.id if agent else None,
        command=agent.command if agent else command,
        options=agent.options if agent else {},
        prompt=read_prompt(context, fields.get("prompt"), scope),
        ask=read_ask(context, draft),
        needs=tuple(draft.needs),
        inputs=tuple(draft.inputs),
        outputs=draft.outputs,
        writes=draft.writes,
        env=_environment(context, draft, scope),
        cwd=_folder(context, fields.get("cwd")),
        workspace=_workspace(context, fields),
        timeout=fields.get("timeout", defaults.timeout),
        idle_timeout=fields.get("idle_timeout", defaults.idle_timeout),
        retry=read_retry(fields, defaults.retry, context.problems),
        recovery=Recovery(fields.get("recovery", Recovery.RERUN)),
        trigger_rule=TriggerRule(inherited(draft, "trigger_rule", TriggerRule.ALL_SUCCESS)),
        when=tuple(draft.when),
        allow_failure=fields.get("allow_failure", False),
        gate=draft.gate.id if draft.gate else None,
        resources=resources_of(context, draft),
        budget=read_budget(fields, context.problems) if "budget" in fields else None,
        estimate=(estimate.low + estimate.high) / 2 if estimate else None,
        spread=tuple(estimate) if estimate and estimate.low < estimate.high else None,
        title=title_of(context, fields, draft.base, draft.copies),
        base=draft.base,
        matrix=context.templates.matrix,
        scope=context.scope,
        rationale=fields.get("rationale"),
        tags=read_tags(fields),
    )
    _warn(context, draft, task)
    return task


def _check_agents_command(context: Context, draft: TaskDraft, agent: Agent, scope: Scope) -> None:
    """An agent's command may read inputs and outputs that not every task has."""
    for word in agent.command.argv if agent.command is not None else ():
        for use in _uses(word):
            fault = context.templates.fault(use, scope) if use.name in {"inputs", "outputs"} else ""
            if fault:
                what = f"agent {agent.id!r} reads {use.name}.{use.member}, which task {draft.id!r} does not declare"
                context.problems.add(draft.fields.at("agent"), what)


def _uses(word: str) -> list[Use]:
    try:
        return sorted(uses_of(word), key=str) if is_template(word) else []
    except TemplateError:
        return []  # noted where the agent is read


def _environment(context: Context, draft: TaskDraft, scope: Scope) -> dict[str, str]:
    if "env" not in draft.fields:
        return {}
    values = read_environment(context, draft.fields)
    for text in values.values():
        context.templates.check(text, draft.fields.at("env"), scope)
    return values


def _workspace(context: Context, fields: Fields) -> Workspace:
    workspace = Workspace(fields.get("workspace", Workspace.SHARED))
    if workspace is Workspace.WORKTREE:
        if context.copied:
            what = "a worktree is one of the project's repository, but this plan works in a copy of a folder"
            instead = "leave it out here, or the plan's 'workspace: {copy: …}'"
        elif any((folder / ".git").exists() for folder in (context.root, *context.root.parents)):
            return workspace
        else:
            what = f"a worktree needs a git repository, and there is none at {str(context.root)!r} or above"
            instead = "run the plan in one, or write 'scratch'"
        context.problems.add(fields.at("workspace"), f"workspace: {what}: {instead}")
    return workspace


def _folder(context: Context, node: Node | None) -> str:
    if node is None:
        return ""
    try:
        return workspace_path(context.templates.render(node, "a folder"), node, folder=True)
    except FieldError as error:
        context.problems.add(error.node, f"cwd: {error.message}")
        return ""


def _warn(context: Context, draft: TaskDraft, task: Task) -> None:
    problems, fields = context.problems, draft.fields
    if draft.agent is not None and not draft.outputs:
        problems.warn(
            draft.key, f"task {task.id!r} has an agent but no outputs: nothing proves that it did its work"
        )
    if draft.agent is not None and draft.agent.is_model and "prompt" not in fields:
        problems.warn(draft.key, f"task {task.id!r} gives the model {draft.agent.id!r} no prompt")
    most = task.spread[1] if task.spread else task.estimate
    if task.timeout is not None and most is not None and task.timeout < most:
        node = fields.at("timeout") if "timeout" in fields else fields.at("estimate")
        problems.warn(node, f"task {task.id!r}: the timeout is below the estimate")
