"""Criteria with weights, in the forms people write them."""

from __future__ import annotations

from decimal import Decimal

from orchharness.importing import values
from orchharness.importing.ids import id_from
from orchharness.importing.notes import Source, shown
from orchharness.planfile.nodes import Mapping, Node, Scalar, Sequence

_NAMES = ("name", "dimension", "criterion", "id", "title")


def read_criteria(source: Source, node: Node | None, who: str) -> dict[str, Decimal]:
    """Criterion → weight; nothing where there are no weights. Weights that do not sum to 1 (or 100) are noted."""
    found = _weights(source, node)
    if not found:
        return {}
    total = sum(found.values(), Decimal(0))
    if total == 100:
        found = {name: weight / 100 for name, weight in found.items()}
    elif total != 1:
        said = f"the weights of the criteria of {shown(who)} sum to {values.plain(total)}, not to 1"
        source.notes.contradict(said, node)
        return {}
    return found


def _weights(source: Source, node: Node | None) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    rows: list[tuple[str | None, Node | None]] = []
    if isinstance(node, Sequence):
        bodies = [item for item in node.items if isinstance(item, Mapping)]
        rows = [(values.text(source.value(b, *_NAMES)), source.value(b, "weight")) for b in bodies]
    elif isinstance(node, Mapping):
        for name, (_, value) in node.entries.items():
            weight = source.value(value, "weight") if isinstance(value, Mapping) else value
            if isinstance(weight, Scalar) and values.number(weight) is not None:
                rows.append((name, weight))
                source.key(node, name)
    for said, weight in rows:
        number = values.number(weight)
        if said and number is not None:
            base = id_from(said, "criterion")
            wanted, again = base, 2
            while wanted in found:
                wanted, again = f"{base[:60]}-{again}", again + 1
            found[wanted] = number
    return found
