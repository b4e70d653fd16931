"""The workers of a session with plans, and the one collection that all of them must have."""

from __future__ import annotations

from collections.abc import Container, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from orchharness.pytest_plugin.worker import PARKED

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


class Roster:
    """Who is there, who has collected, who can be given work. `wanted` is how many begin the session."""

    def __init__(self, config: pytest.Config, wanted: int) -> None:
        self._config = config
        self._wanted = wanted
        self._nodes: dict[WorkerController, bool] = {}  # whether it has told its collection
        self._gone: set[WorkerController] = set()
        self.collection: list[str] = []  # without the parked item

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers."""
        return list(self._nodes)

    @property
    def complete(self) -> bool:
        """Whether as many have collected as begin the session."""
        return sum(self._nodes.values()) >= self._wanted

    def add(self, node: WorkerController) -> None:
        """A worker is ready; it collects next."""
        self._nodes[node] = False

    def lose(self, node: WorkerController) -> None:
        """A worker could not be reached; xdist will say that it is down."""
        self._gone.add(node)

    def remove(self, node: WorkerController) -> None:
        """A worker is no more.

        Raises:
            KeyError: it was not there, which xdist expects of one that died early.
        """
        del self._nodes[node]
        self._gone.discard(node)

    def free(self, busy: Container[WorkerController]) -> list[WorkerController]:
        """The workers that can be given work."""
        return [n for n in self.reachable() if self._nodes[n] and n not in busy]

    def reachable(self) -> list[WorkerController]:
        """The workers that can be told something."""
        return [n for n in self._nodes if n not in self._gone and not n.shutting_down]

    # ---- what they collected -----------------------------------------------------------------

    def refuse(self) -> None:
        """Refuse a session that would not begin without xdist either.

        Raises:
            Interrupted: collection failed.
        """
        failed = self._session.testsfailed
        if failed and not self._config.getvalue("continue_on_collection_errors"):
            raise pytest.Session.Interrupted(f"{failed} error{'s' if failed > 1 else ''} during collection")

    def first(self, node: WorkerController, told: Sequence[str]) -> None:
        """The first collection: all others must be the same.

        Raises:
            UsageError: items would be run on every worker, or under other names.
        """
        how = self._config.getvalue("dist")
        if how in {"each", "loadgroup"}:
            msg = f"plans cannot be run with --dist {how}: write --dist load, or leave --dist out"
            raise pytest.UsageError(msg)
        self.collection = list(told[:-1])
        self._accept(node, told)

    def another(self, node: WorkerController, told: Sequence[str]) -> str:
        """A further collection; empty, or what is different about it: that worker is not used."""
        if is_parked(told) and list(told[:-1]) == self.collection:
            self._accept(node, told)
            return ""
        node.shutdown()
        del self._nodes[node]
        mine = list(told[:-1] if is_parked(told) else told)
        at = next((i for i, (a, b) in enumerate(zip(mine, self.collection, strict=False)) if a != b), None)
        at = min(len(mine), len(self.collection)) if at is None else at
        shown = [repr(ids[at]) if at < len(ids) else "nothing" for ids in (mine, self.collection)]
        return f"worker {node.gateway.id} collected {shown[0]} where the first worker collected {shown[1]} (item {at + 1})"

    def _accept(self, node: WorkerController, told: Sequence[str]) -> None:
        self._nodes[node] = True
        # xdist has counted the parked item, and goes on counting what is in its list
        if isinstance(told, MutableSequence):
            told.pop()
        self._session.testscollected = len(self.collection)

    @property
    def _session(self) -> Any:
        return self._config.pluginmanager.get_plugin("session")


def is_parked(told: Sequence[str]) -> bool:
    """Whether a worker has plan items: only then it ends its collection with the parked item."""
    return bool(told) and told[-1].endswith(f"::{PARKED}")
