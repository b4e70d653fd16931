"""How a gate refines: who works on its findings, and when it is not worth going on."""

from __future__ import annotations

from orchharness.core.plan import Plateau
from orchharness.planfile.context import Context
from orchharness.planfile.drafts import GateDraft
from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError
from orchharness.planfile.schema import PLATEAU
from orchharness.planfile.values import mapping_of, ratio

_OFF = "off"
_PLATEAU = "write {gain: 0.02, rounds: 2}, or off"


def read_plateau(context: Context, node: Node | None) -> Plateau | None:
    """When the score is flat; None: that is not looked at. What is wrong is noted."""
    if node is None or (isinstance(node, Scalar) and node.text == _OFF):
        return None
    try:
        fields = PLATEAU.read(mapping_of(node), context.problems)
        gain = fields.get("gain")
        if gain is not None:
            return Plateau(
                gain=ratio(context.templates.render(gain, "a number"), gain), rounds=fields.get("rounds", 2)
            )
        if "gain" not in fields:
            context.problems.add(node, f"plateau: 'gain' is missing: {_PLATEAU}")
    except FieldError as error:
        context.problems.add(error.node, f"plateau: {error.message}: {_PLATEAU}")
    return None


def warn_of_plateau(context: Context, gate: GateDraft, plateau: Plateau | None, most: int) -> None:
    """Warn of a plateau that cannot be seen before the iterations are used up."""
    if plateau is not None and "plateau" in gate.fields and plateau.rounds + 1 >= most:
        what = f"{plateau.rounds} rounds" if plateau.rounds > 1 else "1 round"
        context.problems.warn(
            gate.fields.at("plateau"),
            f"gate {gate.id!r}: a plateau of {what} is seen after iteration {plateau.rounds + 1}, "
            f"and max_iterations is {most}: write at least {plateau.rounds + 2}, or fewer rounds",
        )
