"""A look at a plan's agents before anything is spawned: who cannot work is told while nothing was paid for.

Rules that hold here:
  * Each agent that the chosen items use is looked at once, through the plugin of its kind; all of them at once.
  * A plugin that raises, hangs or answers nonsense is a fault of its agent, told by the plugin's name.
  * What of options and environment is known only later (`inputs`, `outputs`) stays as the plan has it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.core.acts import Preflight, PreflightRequest
from orchharness.core.plan import Task
from orchharness.errors import NotReadyError, OrchError, PluginError
from orchharness.record import field, record
from orchharness.run.directory import RunDirectory
from orchharness.run.evidence import with_secrets
from orchharness.run.parts import Parts, asked_from_caller, known_to

if TYPE_CHECKING:
    from orchharness.core.plan import Agent, Critic, Gate, Plan
    from orchharness.plugins import PluginHost
    from orchharness.redact import Redactor
    from orchharness.run.surroundings import Surroundings

LIMIT = 30.0  # seconds for a plugin's answer
_TEXTS = ("missing", "fault", "version")
_SAID = (*_TEXTS, "warnings")


@record
class Ahead:
    """What was seen. `versions`: agent -> version of what it works with."""

    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def look_ahead(plan: Plan, selected: Iterable[str], where: Surroundings, redactor: Redactor) -> Ahead:
    """What the plugins say of the agents that these items use, without what is hidden.

    Raises:
        NotReadyError: agents cannot work; the message has all of them, in order of name.
    """
    users = {
        name: user
        for name, user in _users(plan, selected)
        if where.host.looks_ahead(plan.agents[name].kind) is not None
    }
    if not users:
        return Ahead()
    asked = [_request(plan, plan.agents[name], users[name], where) for name in sorted(users)]
    answers = _ask_all(where.host, asked)
    found = {n: Preflight(**{t: redactor.json(getattr(f, t)) for t in _SAID}) for n, f in answers.items()}
    lacking = [_about(plan.agents[n], f.missing) for n, f in found.items() if f.missing]
    faults = [_about(plan.agents[n], f.fault) for n, f in found.items() if f.fault]
    warnings = tuple(_about(plan.agents[n], w) for n, f in found.items() for w in f.warnings)
    if where.strict:
        faults += [f"{warning} (--orch-strict)" for warning in warnings]
    if lacking or faults:
        raise NotReadyError("\n".join([*lacking, *faults]), missing=not faults)
    return Ahead(versions={n: f.version for n, f in found.items() if f.version}, warnings=warnings)


def _users(plan: Plan, selected: Iterable[str]) -> Iterator[tuple[str, tuple[Task | Critic, Task | Gate]]]:
    """Agents, and who uses each first: the task or critic, and the item whose matrix and values it sees."""
    known: set[str] = set()
    for item in selected:
        for used, seen in _workers(plan, item):
            if used.agent is not None and used.agent not in known:
                known.add(used.agent)
                yield used.agent, (used, seen)


def _workers(plan: Plan, item: str) -> Iterator[tuple[Task | Critic, Task | Gate]]:
    if item in plan.tasks:
        yield plan.tasks[item], plan.tasks[item]
        return
    gate = plan.gates[item]
    if gate.mender is not None:
        yield gate.mender, gate.mender
    for name in gate.critics:
        yield plan.critics[name], gate


def _request(
    plan: Plan, agent: Agent, user: tuple[Task | Critic, Task | Gate], where: Surroundings
) -> PreflightRequest:
    used, seen = user
    workspace = where.root if plan.copy is None else Path(plan.copy)
    parts = Parts(
        plan=plan, directory=RunDirectory(where.home), root=where.root, workspace=workspace, home=where.home
    )
    values = known_to(seen)
    env = _known_now(parts, used.env, values)
    cwd = _known_now(parts, used.cwd, values) if isinstance(used, Task) else ""
    return PreflightRequest(
        agent=agent.id,
        kind=agent.kind,
        cwd=str(workspace / cwd),
        options=_known_now(parts, agent.options, values | parts.file_of(agent)),
        env=_filled(env, asked_from_caller(used.env)),
    )


def _known_now(parts: Parts, value: Any, values: Mapping[str, Any]) -> Any:
    """The value with every text rendered that can be by now."""
    if isinstance(value, str):
        try:
            return parts.render(value, values)
        except OrchError:
            return value
    if isinstance(value, Mapping):
        return {name: _known_now(parts, part, values) for name, part in value.items()}
    return [_known_now(parts, part, values) for part in value] if isinstance(value, list | tuple) else value


def _filled(env: Mapping[str, str], secret: Mapping[str, str]) -> dict[str, str]:
    """The environment with the caller's values; what the caller does not have is left out, its act will say so."""
    filled = {name: value for name, value in env.items() if name not in secret}
    for name, written in secret.items():
        try:
            filled |= with_secrets({name: env[name]}, {name: written})
        except OrchError:
            continue
    return filled


# ---- asking ------------------------------------------------------------------------------------


def _ask_all(host: PluginHost, asked: list[PreflightRequest]) -> dict[str, Preflight]:
    """The answers by agent, in the order of asking."""
    answers: dict[str, Preflight] = {}
    threads = [
        threading.Thread(target=_ask, args=(host, r, answers), daemon=True, name=f"preflight {r.agent}")
        for r in asked
    ]
    until = time.monotonic() + LIMIT
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    # A plugin that comes back too late must not change what was found.
    return {
        r.agent: answers.get(r.agent) or _blamed(host, r, f"did not return in {LIMIT:g} s") for r in asked
    }


def _ask(host: PluginHost, request: PreflightRequest, answers: dict[str, Preflight]) -> None:
    try:
        found = host.preflight(request)
        wrong = _wrong(found)
        answers[request.agent] = _blamed(host, request, wrong) if wrong else found
    except PluginError as error:  # names the plugin itself
        answers[request.agent] = Preflight(fault=str(error))
    except BaseException as error:  # noqa: BLE001 - pytest's own `fail` and `skip` are no Exceptions
        answers[request.agent] = _blamed(host, request, f"{type(error).__name__}: {error}")


def _blamed(host: PluginHost, request: PreflightRequest, what: str) -> Preflight:
    plugin = host.looks_ahead(request.kind)
    return Preflight(fault=f"plugin {plugin!r}: orchharness_preflight: {what}")


def _wrong(found: Preflight) -> str:
    """What is wrong with the types of the answer; empty when nothing is."""
    for name in _TEXTS:
        value: Any = getattr(found, name)
        if not isinstance(value, str):
            return f"its {name!r} is {value!r:.80}, not a text"
    warnings: Any = found.warnings
    if not isinstance(warnings, list | tuple) or not all(isinstance(w, str) for w in warnings):
        return f"its 'warnings' are {warnings!r:.80}, not a list of texts"
    return ""


def _about(agent: Agent, what: str) -> str:
    return f"{agent.place}: agent {agent.id!r} of kind {agent.kind!r}: {what}"
