"""`agents` and `critics`: who works and who judges. Options of plugin kinds are checked by the kind's own model."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Mapping as AbstractMapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from orchharness.core.acts import Kind
from orchharness.core.plan import Agent, Critic, Mode
from orchharness.planfile.commands import read_command
from orchharness.planfile.context import Context
from orchharness.planfile.files import definition, read_rubric
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence, fragment_of
from orchharness.planfile.options import model_fields, validate_options
from orchharness.planfile.order import AFTER_SCOPE, check_order
from orchharness.planfile.problems import FieldError, listed
from orchharness.planfile.schema import AGENT, CRITIC
from orchharness.planfile.settings import read_environment, read_retry
from orchharness.planfile.shapes import Fields, instead
from orchharness.planfile.templates import ANY_SCOPE
from orchharness.planfile.values import check_id, mapping_of, ratio, text_of

COMMAND: Final = "command"
AGENT_KIND: Final = "agent"


class _Split(NamedTuple):
    """A mapping taken apart: the language's own keys, and the options of its kind."""

    own: Fields
    options: dict[str, Any]


def read_agents(context: Context, plan: Fields) -> dict[str, Agent]:
    """The agents by name. A wrong one is noted, and there all the same, so that its name is known."""
    agents: dict[str, Agent] = {}
    for name, (key, node) in plan.get("agents", {}).items():
        agents[name] = Agent(id=name, kind=COMMAND)
        try:
            if node is not None:
                own = mapping_of(node, instead("{kind: VALUE}", node))
                agents[name] = _agent(context.at(key), key, own)
        except FieldError as error:
            context.problems.add(error.node, f"agent {name!r}: {error.message}")
    return agents


def read_critics(context: Context, plan: Fields, agents: AbstractMapping[str, Agent]) -> dict[str, Critic]:
    """The critics by name. A wrong one is noted, and there all the same, so that its name is known."""
    critics: dict[str, Critic] = {}
    named: dict[str, tuple[Scalar, Node | None]] = plan.get("critics", {})
    for name, (key, node) in named.items():
        critics[name] = Critic(id=name, kind=COMMAND)
        try:
            if node is not None:
                own = mapping_of(node, instead("{run: VALUE}", node))
                critics[name] = _critic(context.at(key), key, own, agents, named)
        except FieldError as error:
            context.problems.add(error.node, f"critic {name!r}: {error.message}")
    check_order(context, named, critics)
    return critics


def _agent(context: Context, key: Scalar, node: Mapping) -> Agent:
    kind = _kind(context, key, node, context.kinds)
    if kind is None:
        fields = AGENT.read(node, context.problems)
        command = read_command(context, fields)
        if "run" not in fields:
            raise FieldError(key, "kind 'command' needs 'run': the command")
        return Agent(
            id=key.text,
            kind=COMMAND,
            command=command,
            scope=context.scope,
            place=context.problems.place(key),
        )
    split = _split(context, key, node, kind, {"run", "shell"})
    return Agent(
        id=key.text,
        kind=kind.name,
        command=read_command(context, split.own),
        options=split.options,
        is_model=kind.is_model,
        scope=context.scope,
        place=context.problems.place(key),
    )


def _critic(
    context: Context,
    key: Scalar,
    node: Mapping,
    agents: AbstractMapping[str, Agent],
    named: Container[str],
) -> Critic:
    written = node.value("kind")
    kind = AGENT_KIND if "agent" in node.entries else COMMAND
    if written is not None:
        kind = text_of(written, "the name of a kind").text
    options: dict[str, Any] = {}
    is_model = False
    if kind in {COMMAND, AGENT_KIND}:
        fields = CRITIC.read(node, context.problems)
        _check_who_judges(key, fields, kind)
    else:
        plugin = _kind(context, key, node, context.critic_kinds)
        assert plugin is not None
        fields, options = _split(context, key, node, plugin, set(CRITIC.keys))
        is_model = plugin.is_model
    rubric = read_rubric(context, fields.get("prompt"), AFTER_SCOPE if "after" in fields else ANY_SCOPE)
    return Critic(
        id=key.text,
        kind=kind,
        command=read_command(context, fields),
        agent=_agent_name(context, fields, agents),
        prompt=rubric.text,
        options=options,
        criteria=_criteria(context, key, fields),
        inputs=tuple(dict.fromkeys([*rubric.files, *_inputs(context, fields)])),
        env=_environment(context, fields),
        after=tuple(dict.fromkeys(context.known(w, named) or w.text for w in fields.get("after", ()))),
        mode=Mode(fields.get("mode", Mode.FOREGROUND)),
        timeout=fields.get("timeout", context.defaults.timeout),
        idle_timeout=fields.get("idle_timeout", context.defaults.idle_timeout),
        retry=read_retry(fields, context.defaults.retry, context.problems),
        scope=context.scope,
        is_model=is_model,
    )


def _kind(context: Context, key: Scalar, node: Mapping, kinds: AbstractMapping[str, Kind]) -> Kind | None:
    """The kind of an agent or critic; None for `command`, which is the language's own."""
    written = node.value("kind")
    if written is None:
        if "run" in node.entries:
            return None
        raise FieldError(key, f"'kind' is missing: write one of {listed(sorted({COMMAND, *kinds}))}")
    name = text_of(written, "the name of a kind").text
    if name == COMMAND:
        return None
    if name not in kinds:
        guess = context.problems.guess(name, kinds)
        raise FieldError(
            written, f"unknown kind {name!r}{guess} (installed: {listed(sorted({COMMAND, *kinds}))})"
        )
    return kinds[name]


def _split(context: Context, key: Scalar, node: Mapping, kind: Kind, own_keys: set[str]) -> _Split:
    """Keys that the kind's model has are its options; of the others, `own_keys` are the language's."""
    model = kind.options() if kind.options else None
    known = model_fields(model) if model is not None else frozenset[str]()
    own, options = Mapping(node.line, node.column), Mapping(node.line, node.column)
    for name, entry in node.entries.items():
        mine = name == "kind" or name.startswith("x-") or name in own_keys or name in {"title", "description"}
        (own if mine and (name not in known or name == "kind") else options).entries[name] = entry
    fields = CRITIC.read(own, context.problems)
    who = f"{kind.role} {key.text!r} of kind {kind.name!r}"
    return _Split(fields, validate_options(model, options, who, key, context.problems))


def _check_who_judges(key: Scalar, fields: Fields, kind: str) -> None:
    if kind == COMMAND:
        for other in ("agent", "prompt"):
            if other in fields:
                raise FieldError(
                    fields.key(other), f"'run' and {other!r}: write 'run', or 'agent' with 'prompt'"
                )
        if "run" not in fields:
            raise FieldError(key, "nobody judges: write 'run', or 'agent' with 'prompt'")
        return
    if "run" in fields:
        raise FieldError(fields.key("run"), "'agent' and 'run': write 'run', or 'agent' with 'prompt'")
    for needed in ("agent", "prompt"):
        if needed not in fields:
            raise FieldError(key, f"{needed!r} is missing: an agent that judges needs 'agent' and 'prompt'")


def _agent_name(context: Context, fields: Fields, agents: AbstractMapping[str, Agent]) -> str | None:
    node: Node | None = fields.get("agent")
    if node is None:
        return None
    return known_agent(context, node, agents)


def known_agent(context: Context, node: Node, agents: AbstractMapping[str, Agent]) -> str | None:
    """The name of an agent; None when there is no such agent (noted)."""
    try:
        text_of(node, "the name of an agent")
    except FieldError as error:
        context.problems.add(error.node, f"agent: {error.message}: write it under 'agents' and name it here")
        return None
    try:
        name = context.templates.render(node)
        found = context.known(text_of(node), agents) if fragment_of(node) else name
    except FieldError as error:
        context.problems.add(error.node, f"agent: {error.message}")
        return None
    if found not in agents and "agents" in context.unread:
        return None
    if found not in agents:
        guess = context.problems.guess(name, agents)
        context.problems.add(node, f"unknown agent {name!r}{guess} (in 'agents': {listed(agents)})")
        return None
    return found


def _criteria(context: Context, key: Scalar, fields: Fields) -> dict[str, Decimal]:
    node = fields.get("criteria")
    if node is None:
        return {}
    weights: dict[str, Decimal] = {}
    failed = False  # then the names are kept all the same, so that no gate is told that it has no score
    try:
        entries = mapping_of(node, _weights_for(node)).entries
    except FieldError as error:
        raise FieldError(error.node, f"criteria: {error.message}") from None
    for name, (criterion, value) in entries.items():
        try:
            check_id(criterion)
            weights[name] = ratio(context.templates.render(value, "a weight"), value)
        except FieldError as error:
            failed, weights[name] = True, Decimal(0)
            context.problems.add(error.node, f"criterion {name!r}: {error.message}")
    total = sum(weights.values(), Decimal(0))
    if not failed and weights and total != 1:
        what = f"critic {key.text!r}: the weights of its criteria sum to {total}, not to 1"
        context.problems.add(fields.key("criteria"), what)
    return weights


def _weights_for(node: Node) -> str:
    """What to write instead of a list of criteria."""
    names = [i.text for i in node.items if isinstance(i, Scalar)] if isinstance(node, Sequence) else []
    weight = f"{1 / len(names):.2g}" if len(names) in {1, 2, 4, 5, 10} else "WEIGHT"
    return f": write {{{', '.join(f'{name}: {weight}' for name in names or ['NAME'])}}}"


def _inputs(context: Context, fields: Fields) -> tuple[str, ...]:
    found: list[str] = []
    for word in fields.get("inputs", ()):
        try:
            found.append(definition(context, word))
        except FieldError as error:
            context.problems.add(error.node, f"inputs: {error.message}")
    return tuple(found)


def _environment(context: Context, fields: Fields) -> dict[str, str]:
    values = read_environment(context, fields)
    for text in values.values():
        context.templates.check(text, fields.at("env"))
    return values
