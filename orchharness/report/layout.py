"""Places for a drawn graph, from igraph: layers after Sugiyama, with few crossings and edges led round the nodes.

igraph is an optional package (`orchharness[graph]`). Only numbers cross: nodes are counted, and lie at whole layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Where a node or a bend of an edge lies: its layer, from 0, and its place across the layers."""

    layer: float
    across: float


class Layout(NamedTuple):
    """The places of the nodes, and for each edge the places it goes through, its ends left out."""

    nodes: tuple[Place, ...]
    bends: tuple[tuple[Place, ...], ...]


def layout(count: int, edges: Sequence[tuple[int, int]]) -> Layout | None:
    """Places for `count` nodes without cycles; None when igraph cannot be imported."""
    try:
        import igraph
    except (
        ImportError,
        RuntimeError,
    ):  # RuntimeError: it refuses a second import, after `sys.modules` forgot it
        return None
    graph = igraph.Graph(n=count, edges=list(edges), directed=True)
    placed = graph.layout_sugiyama(hgap=1, vgap=1)
    routes = getattr(placed, "edge_routing", None) or [()] * len(edges)
    return Layout(
        nodes=tuple(Place(y, x) for x, y in placed.coords),
        bends=tuple(tuple(Place(y, x) for x, y in route) for route in routes),
    )
