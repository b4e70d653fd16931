"""`refine`: who works on a gate's findings, with which session, and a mender of the gate's own."""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from typing import Final

from orchharness.core.plan import Agent, Output, OutputKind, Refine, Session, Task, Workspace, mender_of
from orchharness.planfile.agents import COMMAND, known_agent
from orchharness.planfile.commands import read_command
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft
from orchharness.planfile.files import read_prompt
from orchharness.planfile.nodes import Mapping, Node, Sequence
from orchharness.planfile.outputs import read_writes
from orchharness.planfile.paths import may_meet
from orchharness.planfile.problems import FieldError
from orchharness.planfile.schema import MENDER
from orchharness.planfile.settings import read_environment, read_retry
from orchharness.planfile.shapes import Fields
from orchharness.planfile.templates import Scope
from orchharness.planfile.values import text_of
from orchharness.record import record

_EXPECTED: Final = "blamed, all, resume, fresh, or a mender: {agent, prompt, writes}"
_NOT_WORD: Final = re.compile(r"[^A-Za-z0-9]")


@record
class Refining:
    """What `refine` says."""

    who: Refine = Refine.BLAMED
    session: Session = Session.RESUME
    mender: Task | None = None


def read_refine(
    context: Context, gate: GateDraft, node: Node | None, agents: AbstractMapping[str, Agent]
) -> Refining:
    """Who works on the findings: one word or mender, and one word for the session. What is wrong is noted."""
    found: dict[str, Refine | Session | Task] = {}
    for item in () if node is None else node.items if isinstance(node, Sequence) else (node,):
        try:
            said = _mender(context, gate, item, agents) if isinstance(item, Mapping) else _word(item)
        except FieldError as error:
            context.problems.add(error.node, f"refine: {error.message}")
            continue
        key = "session" if isinstance(said, Session) else "who"
        if key in found:
            what = "which session it is" if key == "session" else "who works on the findings"
            context.problems.add(item, f"refine: this says a second time {what}: write one")
        found[key] = said
    who, session = found.get("who"), found.get("session")
    return Refining(
        who=who if isinstance(who, Refine) else Refine.BLAMED,
        session=session if isinstance(session, Session) else Session.RESUME,
        mender=who if isinstance(who, Task) else None,
    )


def _word(node: Node) -> Refine | Session:
    word = text_of(node, _EXPECTED).text
    if word in tuple(Session):
        return Session(word)
    if word not in tuple(Refine):
        raise FieldError(node, f"{word!r} is not {_EXPECTED}")
    return Refine(word)


def _mender(context: Context, gate: GateDraft, node: Mapping, agents: AbstractMapping[str, Agent]) -> Task:
    fields = MENDER.read(node, context.problems)
    agent = _agent(context, gate, fields, agents)
    writes, outputs = _what_it_mends(context, gate, fields)
    scope = Scope(inputs=(), outputs=_names(gate, outputs))
    command = read_command(context, fields, scope)
    _warn(context, gate, fields, agent)
    defaults = context.defaults
    return Task(
        id=mender_of(gate.id),
        phase=gate.phase.id,
        track=gate.track,
        order=gate.order,
        line=node.line,
        kind=agent.kind if agent else COMMAND,
        agent=agent.id if agent else None,
        command=agent.command if agent else command,
        options=agent.options if agent else {},
        prompt=read_prompt(context, fields.get("prompt"), scope),
        outputs=outputs,
        writes=writes,
        env=_environment(context, fields, scope),
        timeout=fields.get("timeout", defaults.timeout),
        idle_timeout=fields.get("idle_timeout", defaults.idle_timeout),
        retry=read_retry(fields, defaults.retry, context.problems),
        matrix=context.templates.matrix,
        scope=context.scope,
    )


def _agent(
    context: Context, gate: GateDraft, fields: Fields, agents: AbstractMapping[str, Agent]
) -> Agent | None:
    who = f"the mender of gate {gate.id!r}"
    if "run" in fields and "agent" in fields:
        raise FieldError(fields.key("agent"), f"{who} has 'run' and 'agent': write one of them")
    if "agent" in fields:
        name = known_agent(context, fields.at("agent"), agents)
        return agents[name] if name is not None else None
    if "run" not in fields and not fields.broken:
        raise FieldError(fields.node, f"{who} does nothing: write 'agent: NAME' or 'run: the command'")
    return None


def _what_it_mends(
    context: Context, gate: GateDraft, fields: Fields
) -> tuple[tuple[str, ...], tuple[Output, ...]]:
    """What it may write, by default all files that the gate judges; and those of them that it may write."""
    for member in gate.members:
        workspace = member.fields.get("workspace", Workspace.SHARED)
        if workspace != Workspace.SHARED:
            what = f"a mender of task {member.id!r}, which has a workspace of its own, is not supported yet"
            raise FieldError(fields.node, f"{what}: leave 'workspace: {workspace}' out")
    judged = [(m.id, o) for m in gate.members for o in m.outputs if o.kind is OutputKind.FILE]
    writes = read_writes(context, fields) or tuple(dict.fromkeys(o.path for _, o in judged))
    outputs = tuple(
        Output(
            name=f"{task}.{o.name}",
            kind=OutputKind.FILE,
            path=o.path,
            schema=o.schema,
            min_bytes=o.min_bytes,
        )
        for task, o in judged
        if any(may_meet(o.path, pattern) for pattern in writes)
    )
    if not outputs and gate.members:
        node = fields.at("writes")
        files = ", ".join(repr(o.path) for _, o in judged) or "no file at all"
        what = f"the mender of gate {gate.id!r} may write nothing that the gate judges"
        raise FieldError(node, f"{what} (that is {files}): name it under 'writes'")
    return writes, outputs


def _names(gate: GateDraft, outputs: tuple[Output, ...]) -> list[str]:
    """`outputs.TASK_name`, and `outputs.name` of a gate over one task."""
    names = [_NOT_WORD.sub("_", output.name) for output in outputs]
    return names + [o.name.rpartition(".")[2] for o in outputs if len(gate.members) == 1]


def _environment(context: Context, fields: Fields, scope: Scope) -> dict[str, str]:
    values = read_environment(context, fields)
    for text in values.values():
        context.templates.check(text, fields.at("env"), scope)
    return values


def _warn(context: Context, gate: GateDraft, fields: Fields, agent: Agent | None) -> None:
    if agent is not None and agent.is_model and "prompt" not in fields:
        what = f"the mender of gate {gate.id!r} gives the model {agent.id!r} no prompt"
        context.problems.warn(fields.node, what)
