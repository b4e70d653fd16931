"""Whether gates can ever be decided: scores that reach their thresholds, and check inputs that are there in time."""

from __future__ import annotations

from collections.abc import Mapping

from orchharness.core.plan import Critic, Gate
from orchharness.planfile.context import Context
from orchharness.planfile.graph import Graph
from orchharness.planfile.names import Names


def check_thresholds(
    context: Context, gates: Mapping[str, Gate], names: Names, critics: Mapping[str, Critic]
) -> None:
    """Note thresholds that no score can reach: nobody gives one."""
    for gate in gates.values():
        fields = names.gates[gate.id].fields
        if "threshold" not in fields or gate.of_gates or any(critics[c].criteria for c in gate.critics):
            continue
        if not gate.critics:
            what = f"gate {gate.id!r}: checks hold or do not, its threshold says nothing without critics"
            context.problems.warn(fields.key("threshold"), what)
            continue
        what = f"gate {gate.id!r} has a threshold that cannot be reached: critics without 'criteria' give no score"
        context.problems.add(fields.key("threshold"), f"{what}; give one of them 'criteria', or leave it out")


def check_sources(context: Context, gates: Mapping[str, Gate], graph: Graph, names: Names) -> None:
    """Note inputs of checks that are not released yet when the gate judges."""
    for gate in gates.values():
        items = dict.fromkeys(source.item for check in gate.checks for source in check.sources)
        for item in items:
            if item in gate.of or item == gate.id or graph.is_before(item, gate.id):
                continue
            judged = names.gates[gate.id].fields.at("checks")
            if graph.is_before(gate.id, item):
                what = (
                    f"{item!r} stands between {_members(gate)} and gate {gate.id!r}: it waits for the gate, and a check "
                    f"of the gate reads it; make it a critic of {gate.id!r}, or a check"
                )
            else:
                what = (
                    f"a check of gate {gate.id!r} reads {item!r}, which the gate does not wait for: "
                    f"let {_members(gate)} need it, or write the gate under 'gates' with 'needs: [{item}]'"
                )
            context.problems.add(judged, what)


def _members(gate: Gate) -> str:
    return " and ".join(repr(member) for member in gate.of[:3]) + (" …" if len(gate.of) > 3 else "")
