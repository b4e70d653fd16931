"""`matrix`: a task, track or phase that is written once and made once for every combination of its values.

A combination is a `Copy`; what stands inside of several matrices has one of each, the outermost first. The suffix of
an id is made of the values alone, never of their places, so that a value that is added changes no other id.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from math import prod

from orchharness.core.plan import EMPTY
from orchharness.planfile.nodes import Fragment, Mapping, Node, Sequence, fragment_of
from orchharness.record import record


@record
class Copy:
    """One combination of a matrix. `owner` is the key of the task, track or phase on which the matrix stands."""

    owner: Node
    values: dict[str, str]
    suffix: str

    def is_of(self, other: Copy) -> bool:
        """Whether both are the same combination of the same matrix."""
        return self.owner is other.owner and self.values == other.values


Copies = tuple[Copy, ...]


def values_of(copies: Copies) -> AbstractMapping[str, str]:
    """What templates see as `matrix`."""
    if not copies:
        return EMPTY
    return {name: value for copy in copies for name, value in copy.values.items()}


def seen_in(copies: Copies, fragment: Fragment | None) -> Copies:
    """Those whose values can be read in that file: a matrix is seen in the file in which it stands."""
    return tuple(copy for copy in copies if fragment_of(copy.owner) is fragment)


def near(one: Copies, other: Copies) -> bool:
    """Whether both stand in the same copy of every matrix that they share."""
    return all(a.values == b.values for a in one for b in other if a.owner is b.owner)


def beyond(copies: Copies, other: Copies) -> Copies:
    """Those of the first that stand on a matrix which the other is not inside of."""
    owners = {id(copy.owner) for copy in other}
    return tuple(copy for copy in copies if id(copy.owner) not in owners)


def joined(copies: Copies) -> str:
    """The suffix of all of them, without brackets."""
    return "-".join(copy.suffix for copy in copies)


def titled(title: str, copies: Copies) -> str:
    """The title with the values, in full."""
    values = ", ".join(f"{name}: {value}" for name, value in values_of(copies).items())
    return f"{title} ({values})" if copies else title


def copies_in(node: Node) -> int:
    """How many copies the matrix of a task or group makes of it, told from the tree alone."""
    matrix = node.value("matrix") if isinstance(node, Mapping) else None
    if not isinstance(matrix, Mapping):
        return 1
    return prod(len(v.items) for _, v in matrix.entries.values() if isinstance(v, Sequence) and v.items)
