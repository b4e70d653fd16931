"""How a gate refines: who works on its findings, and when it is not worth going on."""

from __future__ import annotations

from orchharness.core.plan import Plateau
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft
from orchharness.planfile.nodes import Mapping, Node, Scalar
from orchharness.planfile.problems import FieldError
from orchharness.planfile.schema import PLATEAU
from orchharness.planfile.values import describe, ratio

_OFF = "off"
_PLATEAU = "write {gain: 0.02, rounds: 2}, or off"


def read_plateau(context: Context, node: Node | None) -> Plateau | None:
    """When the score is flat; None: that is not looked at. What is wrong is noted."""
    if node is None or (isinstance(node, Scalar) and node.text == _OFF):
        return None
    try:
        return _plateau(context, node)
    except FieldError as error:
        context.problems.add(error.node, f"plateau: {error.message}")
        return None


def _plateau(context: Context, node: Node) -> Plateau | None:
    if not isinstance(node, Mapping):
        raise FieldError(node, f"expected a mapping, found {describe(node)}: {_PLATEAU}")
    fields = PLATEAU.read(node, context.problems)
    if "gain" not in fields:
        raise FieldError(node, f"'gain' is missing: {_PLATEAU}")
    gain = fields.get("gain")
    return Plateau(
        gain=ratio(context.templates.render(gain, "a number"), gain), rounds=fields.get("rounds", 2)
    )


def warn_of_plateau(context: Context, gate: GateDraft, plateau: Plateau | None, most: int) -> None:
    """Warn of a plateau that cannot be seen before the iterations are used up."""
    if plateau is not None and "plateau" in gate.fields and plateau.rounds + 1 >= most:
        what = f"{plateau.rounds} rounds" if plateau.rounds > 1 else "1 round"
        context.problems.warn(
            gate.fields.at("plateau"),
            f"gate {gate.id!r}: a plateau of {what} is seen after iteration {plateau.rounds + 1}, "
            f"and max_iterations is {most}: write at least {plateau.rounds + 2}, or fewer rounds",
        )
