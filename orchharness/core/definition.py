"""What a plan defines, as JSON: so that a later session can say what was changed, item by item.

Only what a result depends on counts. Titles, estimates, limits of time, places in the file and the order of the
plan change nothing that was done; thresholds and iterations are applied to the stored evaluations again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchharness.core.plan import Critic, Gate, Plan, Task, Workspace, is_template

Definition = Mapping[str, Mapping[str, Any]]

_TASK = (
    "kind",
    "command",
    "options",
    "prompt",
    "ask",
    "inputs",
    "outputs",
    "writes",
    "env",
    "cwd",
)
QUESTION = "the question"  # no critic can have that name
_CRITIC = ("kind", "command", "prompt", "options", "criteria", "env", "after")
_WORDS = {
    "command": "command",
    "kind": "agent kind",
    "scratch": "workspace",
    "worktree": "workspace",
    "of": "members",
}


def definition_of(plan: Plan) -> dict[str, dict[str, Any]]:
    """Item -> field -> value. Critics stand as `GATE/critic`, a gate's checks as `GATE/checks`, its question as `GATE/the question`."""
    found: dict[str, dict[str, Any]] = {}
    for task in plan.tasks.values():
        found[task.id] = _with_variables(_seen_by(plan, task), _task(task), task.matrix)
    for gate in plan.gates.values():
        if gate.options:
            found[f"{gate.id}/{QUESTION}"] = {"question": gate.question, "options": plain(gate.options)}
        found[gate.id] = {"of": sorted((*gate.of, *gate.of_gates))}
        if gate.mender is not None:
            mender = gate.mender
            found[mender.id] = _with_variables(_seen_by(plan, mender), _task(mender), mender.matrix)
        if gate.checks:
            found[f"{gate.id}/checks"] = _with_variables(_seen_by(plan, gate), _checks(gate), gate.matrix)
        for name in gate.critics:
            critic = plan.critics[name]
            seen = _seen_by(plan, critic)
            found[f"{gate.id}/{name}"] = _with_variables(seen, _critic(plan, critic), gate.matrix)
    return found


def changes(before: Definition, after: Definition) -> dict[str, str]:
    """Entry of a definition -> what about it is another: `prompt changed`."""
    found = {}
    for entry, fields in after.items():
        was = before.get(entry)
        if was is None:
            found[entry] = "it is new"
        elif was != fields:
            names = [n for n in {**was, **fields} if was.get(n) != fields.get(n)]
            found[entry] = f"{', '.join(dict.fromkeys(_WORDS.get(n, n) for n in names))} changed"
    return found


def _task(task: Task) -> dict[str, Any]:
    found = {name: value for name in _TASK if (value := plain(getattr(task, name)))}
    if task.workspace is not Workspace.SHARED:
        found[str(task.workspace)] = True
    found["needs"] = sorted(task.needs)
    found["trigger_rule"] = str(task.trigger_rule)
    if task.when:
        found["when"] = [c.text for c in task.when]
    return found


def _checks(gate: Gate) -> dict[str, Any]:
    return {
        "checks": [
            {
                n: value
                for n in ("kind", "command", "options", "inputs", "sources")
                if (value := plain(getattr(c, n)))
            }
            for c in gate.checks
        ]
    }


def _critic(plan: Plan, critic: Critic) -> dict[str, Any]:
    found = {name: value for name in _CRITIC if (value := plain(getattr(critic, name)))}
    if critic.agent is not None:
        agent = plan.agents[critic.agent]
        found["agent"] = [agent.kind, plain(agent.command), plain(agent.options)]
    return found


def _seen_by(plan: Plan, item: Task | Gate | Critic) -> Mapping[str, str]:
    """The variables of the file in which it stands, and those of its agent's file."""
    agent = None if isinstance(item, Gate) or item.agent is None else plan.agents.get(item.agent)
    if item.scope is None and (agent is None or agent.scope is None):
        return plan.vars
    scopes = [used.scope for used in (agent, item) if used is not None]
    return {n: v for scope in scopes for n, v in (plan.vars if scope is None else scope.vars).items()}


def _with_variables(
    variables: Mapping[str, str], fields: dict[str, Any], matrix: Mapping[str, str]
) -> dict[str, Any]:
    """The fields, and the values of the variables and of the matrix that their templates name."""
    if variables or matrix:
        text = " ".join([*_templates(fields), *fields.get("when", ())])
        for what, values in (("variable", variables), ("matrix value", matrix)) if text else ():
            for name, value in values.items():
                if re.search(rf"\b{re.escape(name)}\b", text):
                    fields[f"{what} {name!r}"] = value
    return fields


def templates_in(value: Any) -> list[str]:
    """The texts in it that are rendered later."""
    return _templates(plain(value))


def _templates(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if is_template(value) else []
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for v in values for text in _templates(v)]


def plain(value: Any) -> Any:
    """The value as JSON that compares equal after it was written and read."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    fields = getattr(type(value), "__dataclass_fields__", None)
    return {n: plain(getattr(value, n)) for n in fields} if fields is not None else str(value)
