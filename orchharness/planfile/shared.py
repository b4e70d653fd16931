"""Agents and critics are written once and used by many: what they read of a matrix, whoever uses them must have."""

from __future__ import annotations

from typing import Any, Final

from orchharness.core.definition import templates_in
from orchharness.core.plan import Agent, Critic
from orchharness.planfile.context import Context
from orchharness.planfile.matrix import Copies, seen_in, values_of
from orchharness.planfile.nodes import Node, fragment_of
from orchharness.planfile.templates import TemplateError, Use, uses_of

_ALL: Final = ""  # the matrix as a whole


def check_matrix(context: Context, used: Agent | Critic, copies: Copies, who: str, node: Node) -> None:
    """Note what the agent or critic reads of a matrix and its user does not have."""
    reads = _read_by(context, used)
    known = values_of(seen_in(copies, fragment_of(node)))
    for name in sorted(reads - known.keys()):
        if name == _ALL and known:
            continue
        what = f"{'critic' if isinstance(used, Critic) else 'agent'} {used.id!r} reads matrix{name and '.'}{name}"
        context.problems.add(
            node, f"{what}, which {who} does not have: write it in the 'matrix' of the task, track or phase"
        )


def _read_by(context: Context, used: Agent | Critic) -> frozenset[str]:
    found = context.matrix_reads.get(id(used))
    if found is None:
        found = context.matrix_reads[id(used)] = frozenset(
            use.member or _ALL
            for text in templates_in((used.command, used.options, *_of_critic(used)))
            if "matrix" in text
            for use in _uses(text)
            if use.name == "matrix"
        )
        # Getting a member reads the name, too.
        if found - {_ALL}:
            found = context.matrix_reads[id(used)] = found - {_ALL}
    return found


def _of_critic(used: Agent | Critic) -> tuple[Any, ...]:
    return (used.prompt, used.env) if isinstance(used, Critic) else ()


def _uses(text: str) -> frozenset[Use]:
    try:
        return uses_of(text)
    except TemplateError:
        return frozenset()  # noted where it stands
