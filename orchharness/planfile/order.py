"""The order among critics: whose evaluations a critic reads (`after`)."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from typing import Final

from orchharness.core.plan import Critic
from orchharness.planfile.context import Context
from orchharness.planfile.graph import Graph
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence
from orchharness.planfile.problems import listed
from orchharness.planfile.templates import NAMES, Scope

AFTER_SCOPE: Final = Scope(names=(*NAMES, "evaluations"))  # what the prompt of such a critic may read


def check_order(
    context: Context, written: AbstractMapping[str, tuple[Scalar, Node | None]], critics: dict[str, Critic]
) -> None:
    """Note critics after which one comes that do not exist, and those that wait for each other."""
    if not any(critic.after for critic in critics.values()):
        return
    for name, (key, node) in written.items():
        for word in _words(node):
            if context.at(key).known(word, critics) is None:
                guess = context.problems.guess(word.text, critics)
                what = f"unknown critic {word.text!r}{guess} (in 'critics': {listed(critics)})"
                context.problems.add(word, f"critic {name!r}: after: {what}")
    graph = Graph({c.id: tuple(a for a in c.after if a in critics) for c in critics.values()})
    places = list(written)
    for cycle in graph.cycles():
        first = min(range(len(cycle)), key=lambda n: places.index(cycle[n]))
        turned = [*cycle[first:], *cycle[:first]]
        way = " → ".join([*turned, turned[0]])
        node = written[turned[0]][1]
        at = node.value("after") if isinstance(node, Mapping) else None
        what = (
            f"critics wait for each other: {way} (each comes after the one before it): take one 'after' out"
        )
        context.problems.add(at, what)


def check_beside(
    context: Context,
    gate: str,
    named: AbstractSequence[Scalar],
    judging: AbstractMapping[str, None],
    critics: AbstractMapping[str, Critic],
) -> None:
    """Note critics of a gate that read the evaluations of others which do not judge there."""
    for word in named:
        name = context.known(word, critics)
        for other in critics[name].after if name is not None else ():
            if other in critics and other not in judging:
                context.problems.add(
                    word,
                    f"critic {word.text!r} comes after {other!r}, which does not judge for gate {gate!r}: "
                    f"name {other!r} in its 'critics', too",
                )


def _words(node: Node | None) -> list[Scalar]:
    at = node.value("after") if isinstance(node, Mapping) else None
    items = at.items if isinstance(at, Sequence) else [at]
    return [item for item in items if isinstance(item, Scalar)]
