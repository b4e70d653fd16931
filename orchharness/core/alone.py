"""What runs alone, a foreground task and its gate while it is undecided, and its work that is ready.

In the journal of a resumed run a judgement that ended its gate may have come back to be tried again, when something
else began to run alone. What began last is alone first; the other one is *suspended*, and alone again after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchharness.core.scheduling import Ticket


class Alone:
    """`items` are what is alone now; none, where nothing is."""

    def __init__(self) -> None:
        self.items: frozenset[str] = frozenset()
        self._ready: list[Ticket] = []  # of these items; there is little of it
        self._suspended: list[tuple[frozenset[str], list[Ticket]]] = []

    def begin(self, items: frozenset[str]) -> None:
        """These items are alone, until one of them ends."""
        if self.items & items:
            return
        if self.items:
            self._suspended.append((self.items, self._ready))
        self.items, self._ready = items, next((own for held, own in self._suspended if held & items), [])
        self._suspended = [entry for entry in self._suspended if not entry[0] & items]

    def offer(self, ticket: Ticket) -> bool:
        """Take the ticket in, if it is of what is or will be alone."""
        own = self._ready if ticket.item in self.items else self._suspended_of(ticket.item)
        if own is None:
            return False
        heapq.heappush(own, ticket)
        return True

    def take(self, is_valid: Callable[[Ticket], bool], bars: Callable[[str], bool]) -> Ticket | None:
        """The next work of what is alone whose engine is not barred."""
        held: list[Ticket] = []
        found = None
        while self._ready and found is None:
            ticket = heapq.heappop(self._ready)
            if bars(ticket.engine):
                held.append(ticket)
            elif is_valid(ticket):
                found = ticket
        for ticket in held:
            heapq.heappush(self._ready, ticket)
        return found

    def end(self, item: str) -> Iterable[Ticket]:
        """The item is alone no more, if it was; the tickets that are like all others again."""
        if item in self.items:
            own, self.items, self._ready = self._ready, frozenset(), []
            if self._suspended:
                self.items, self._ready = self._suspended.pop()
            return own
        if not self._suspended:
            return ()
        own = self._suspended_of(item) or []
        self._suspended = [entry for entry in self._suspended if item not in entry[0]]
        return own

    def _suspended_of(self, item: str) -> list[Ticket] | None:
        return next((own for items, own in self._suspended if item in items), None)
