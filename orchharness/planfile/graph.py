"""The graph of a plan while it is checked: cycles, and whether one item is always over before another starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_MAX_CYCLES = 10


class Graph:
    """Nodes with what each waits for. Groups are nodes that wait for their items."""

    def __init__(self, waits_for: Mapping[str, tuple[str, ...]]) -> None:
        self._waits_for = waits_for
        self._place: dict[str, int] = {}
        self._rest = self._sort()

    def cycles(self) -> Iterator[list[str]]:
        """One cycle after the other, each as the nodes on it: every node is waited for by the next."""
        rest = set(self._rest)
        found = 0
        for start in self._rest:
            path: list[str] = []
            seen: dict[str, int] = {}
            node: str | None = start if start in rest else None
            # What waits for a cycle leads to it; what led to one that was taken out before leads nowhere.
            while node is not None and node not in seen:
                seen[node] = len(path)
                path.append(node)
                node = next((other for other in self._waits_for[node] if other in rest), None)
            rest.difference_update(path)
            if node is not None and found < _MAX_CYCLES:
                found += 1
                yield path[seen[node] :][::-1]

    def is_before(self, first: str, second: str) -> bool:
        """Whether `second` waits for `first`, directly or not."""
        limit = self._place[first]
        pending, seen = [second], {second}
        while pending:
            for other in self._waits_for[pending.pop()]:
                if other == first:
                    return True
                if other not in seen and self._place.get(other, -1) > limit:
                    seen.add(other)
                    pending.append(other)
        return False

    def place(self, node: str) -> int:
        """Its place in an order in which everything comes after what it waits for."""
        return self._place[node]

    def _sort(self) -> list[str]:
        """Order the nodes; the ones left are on cycles, or behind one."""
        missing = {node: len(set(needs)) for node, needs in self._waits_for.items()}
        behind: dict[str, list[str]] = {node: [] for node in self._waits_for}
        for node, needs in self._waits_for.items():
            for need in set(needs):
                behind[need].append(node)
        ready = [node for node, count in missing.items() if not count]
        for node in ready:
            self._place[node] = len(self._place)
            for later in behind[node]:
                missing[later] -= 1
                if not missing[later]:
                    ready.append(later)
        return [node for node in self._waits_for if node not in self._place]
