"""Which of the ready work may start now: order, resources, foreground, tracks held by a critic.

Work that is stopped by the same things stands in one *lane*: same track, same resources. Only the head of a lane
is looked at; a lane that may not start is parked at what stops it, and comes back when that is free. So each
offer and each take costs O(log n) whatever else waits, and giving something back costs O(lanes parked there).
A ticket that is withdrawn stays where it is and is dropped when it comes to the head.
A ticket that draws on an account (a budget) is *parked* for good when that account is closed. One whose account is
*barred* (an agent that was refused) is handed back: its work fails. An engine that takes no work stops its lanes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from orchharness.core.alone import Alone
from orchharness.core.outages import Outages
from orchharness.core.plan import EMPTY, Retry

_MAX_DOUBLINGS = 32  # beyond that it is for ever anyway, and later no float

Track = tuple[str, str]


class Ticket(NamedTuple):
    """A place in the queue: judgements and refinement first, then the longest rest of the plan, then plan order.

    A tuple, because queues compare it as it is: the first five fields decide, no two tickets have them all.
    """

    rank: int
    tail: float  # negated: longest first
    order: int
    name: str  # item, or `gate/judgement`: of one name the last ticket counts
    turn: int  # which ticket this is, over all names
    item: str
    critic: str | None = None
    sample: int = 1
    track: Track = ("", "")
    foreground: bool = False
    resources: Mapping[str, int] = EMPTY
    draws: tuple[str, ...] = ()  # accounts
    engine: str = ""  # see `outages`


def backoff(retry: Retry, attempt: int) -> float:
    """Seconds to wait after that attempt before the next one: doubling each time."""
    return retry.backoff * float(2 ** min(attempt - 1, _MAX_DOUBLINGS))


class _Lane(NamedTuple):
    track: Track | None  # None: work that no critic's hold on its track stops
    resources: tuple[tuple[str, int], ...]
    foreground: bool
    engine: str


class _Engine(NamedTuple):
    """An obstacle: never equal to a track or a resource."""

    name: str


_Obstacle = str | Track | _Engine


class Scheduler:
    """Holds what is ready, and gives out what may start."""

    def __init__(self, resources: Mapping[str, int], outages: Outages) -> None:
        self._free = dict(resources)
        self._outages = outages
        self._held: dict[str, Mapping[str, int]] = {}
        self._live: dict[str, int] = {}  # name -> turn of the ticket that counts
        self._lanes: defaultdict[_Lane, list[Ticket]] = defaultdict(list)
        self._heads: dict[bool, list[tuple[Ticket, _Lane]]] = {True: [], False: []}  # foreground, background
        self._listed: dict[_Lane, Ticket] = {}  # the one entry of a lane among the heads that counts
        self._parked: dict[_Obstacle, list[_Lane]] = {}
        self._shut: set[_Lane] = set()
        self._delayed: list[tuple[float, Ticket]] = []
        self._track_holds: defaultdict[Track, int] = defaultdict(int)
        self._holders: dict[str, Track] = {}
        # act -> its item, and its ticket if it holds a track
        self._running: dict[str, tuple[str, Ticket | None]] = {}
        self._alone = Alone()
        # account -> name -> live ticket
        self._drawing: defaultdict[str, dict[str, Ticket]] = defaultdict(dict)
        self._closed: dict[str, str] = {}  # account -> why
        self._newly_parked: list[Ticket] = []
        self._barred: dict[str, str] = {}  # account -> why
        self._newly_barred: list[tuple[Ticket, str]] = []
        self.parked: dict[str, str] = {}  # name of a ticket that no time brings back -> why

    @property
    def running(self) -> int:
        """How many acts run, or were given out to be started."""
        return len(self._running)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing can be given out, now or later."""
        return not self._running and not self._live

    def _valid(self, ticket: Ticket) -> bool:
        return self._live.get(ticket.name) == ticket.turn

    def waits(self, name: str) -> bool:
        """Whether a ticket of that name waits to be taken."""
        return name in self._live or name in self.parked

    def withdraw(self, name: str) -> None:
        """Void the ticket of that name, if there is one."""
        self._live.pop(name, None)
        self.parked.pop(name, None)

    def close(self, account: str, why: str) -> None:
        """Nothing that draws on the account is given out any more; `why` is for people."""
        self._closed[account] = why
        for name, ticket in self._drawing.pop(account, {}).items():
            if self._valid(ticket):
                del self._live[name]
                self._park(ticket, why)

    def _park(self, ticket: Ticket, why: str) -> None:
        self.parked[ticket.name] = why
        self._newly_parked.append(ticket)

    def take_parked(self) -> list[Ticket]:
        """The tickets that were parked since the last call and still are."""
        found, self._newly_parked = self._newly_parked, []
        return [ticket for ticket in found if ticket.name in self.parked]

    def bar(self, account: str, why: str) -> None:
        """What draws on the account is handed back, now and later; `why` is for people."""
        self._barred[account] = why
        for name, ticket in self._drawing.pop(account, {}).items():
            if self._valid(ticket):
                del self._live[name]
                self._newly_barred.append((ticket, why))

    def admit(self, account: str) -> None:
        """What draws on the account is handed back no longer."""
        self._barred.pop(account, None)

    def take_barred(self) -> list[tuple[Ticket, str]]:
        """The tickets that were handed back since the last call, and why."""
        found, self._newly_barred = self._newly_barred, []
        return found

    def waits_for(self, account: str) -> bool:
        """Whether work that draws on the account waits to be taken."""
        drawing = self._drawing.get(account, {})
        while drawing:
            name, ticket = next(iter(drawing.items()))
            if self._valid(ticket):
                return True
            del drawing[name]
        return False

    def offer(self, ticket: Ticket, not_before: float | None = None) -> None:
        """The ticket's work is ready (from that time on); an earlier ticket of the name is void."""
        for account in ticket.draws:
            if account in self._barred:
                self._live.pop(ticket.name, None)
                self._newly_barred.append((ticket, self._barred[account]))
                return
            if account in self._closed:
                self._park(ticket, self._closed[account])
                return
            self._drawing[account][ticket.name] = ticket
        self._live[ticket.name] = ticket.turn
        if not_before is None:
            self._enlist(ticket)
        else:
            heapq.heappush(self._delayed, (not_before, ticket))

    def wake(self, now: float) -> None:
        """Bring in the work whose delay is over."""
        while self._delayed and (self._delayed[0][0] <= now or not self._valid(self._delayed[0][1])):
            ticket = heapq.heappop(self._delayed)[1]
            if self._valid(ticket):
                self._enlist(ticket)

    def wake_at(self) -> float | None:
        """When delayed work becomes ready, if any is delayed."""
        while self._delayed and not self._valid(self._delayed[0][1]):
            heapq.heappop(self._delayed)
        return self._delayed[0][0] if self._delayed else None

    def take(self) -> Ticket | None:
        """The next work that may start now, or None. The caller must start it (`started`) before it asks again."""
        if self._alone.items:
            if any(item not in self._alone.items for item, _ in self._running.values()):
                return None  # a resumed run may find others at work: it is alone when they are through
            return self._alone.take(self._valid, self._outages.bars)
        lane = self._first_lane(foreground=True)
        if lane is not None and self._running:
            return None  # drain: nothing new starts beside work that waits to run alone
        if lane is None:
            lane = self._first_lane(foreground=False)
        return self._pop(lane) if lane is not None else None

    def _enlist(self, ticket: Ticket) -> None:
        if self._alone.offer(ticket):
            return
        taken = not ticket.resources or ticket.item in self._held
        wanted = () if taken else tuple(sorted(ticket.resources.items()))
        track = ticket.track if ticket.critic is None else None
        lane = _Lane(track, wanted, ticket.foreground, ticket.engine)
        heapq.heappush(self._lanes[lane], ticket)
        if lane not in self._shut:
            self._list(lane)

    def _list(self, lane: _Lane) -> None:
        """Let the heads show the lane's first ticket."""
        tickets = self._lanes[lane]
        while tickets and not self._valid(tickets[0]):
            heapq.heappop(tickets)
        if not tickets:
            del self._lanes[lane]
            self._listed.pop(lane, None)
        elif self._listed.get(lane) is not tickets[0]:
            self._listed[lane] = tickets[0]
            heapq.heappush(self._heads[lane.foreground], (tickets[0], lane))

    def _first_lane(self, *, foreground: bool) -> _Lane | None:
        heads = self._heads[foreground]
        while heads:
            ticket, lane = heads[0]
            if self._listed.get(lane) is not ticket:
                heapq.heappop(heads)
            elif not self._valid(ticket):
                self._list(lane)
            else:
                obstacle = self._obstacle(lane)
                if obstacle is None:
                    return lane
                heapq.heappop(heads)
                del self._listed[lane]
                self._shut.add(lane)
                self._parked.setdefault(obstacle, []).append(lane)
        return None

    def _obstacle(self, lane: _Lane) -> _Obstacle | None:
        if self._outages.bars(lane.engine):
            return _Engine(lane.engine)
        if lane.track is not None and self._track_holds.get(lane.track):
            return lane.track
        return next((n for n, k in lane.resources if self._free.get(n, 0) < k), None)

    def _pop(self, lane: _Lane) -> Ticket:
        ticket = heapq.heappop(self._lanes[lane])
        self._list(lane)
        return ticket

    def look_again(self, engine: str) -> None:
        """The engine may take work again."""
        self._reopen(_Engine(engine))

    def _reopen(self, obstacle: _Obstacle) -> None:
        for lane in self._parked.pop(obstacle, ()):
            self._shut.discard(lane)
            self._list(lane)

    def started(self, ticket: Ticket, act: str, *, hold_track: bool) -> None:
        """The work runs as that act; its ticket is used up, its resources are taken."""
        self.withdraw(ticket.name)
        for account in ticket.draws:
            self._drawing[account].pop(ticket.name, None)
        self._running[act] = (ticket.item, ticket if hold_track else None)
        if hold_track:
            self._track_holds[ticket.track] += 1
        if ticket.resources and ticket.item not in self._held:
            self._held[ticket.item] = ticket.resources
            for name, count in ticket.resources.items():
                self._free[name] -= count

    def ended(self, act: str) -> None:
        """The act is over; a track it held is free again."""
        _, ticket = self._running.pop(act)
        if ticket is not None:
            self._let_go(ticket.track)

    def hold(self, holder: str, track: Track) -> None:
        """Let no task of the track start until the holder lets go of it; once is enough."""
        if holder not in self._holders:
            self._holders[holder] = track
            self._track_holds[track] += 1

    def let_go(self, holder: str) -> None:
        """The holder holds no track any more."""
        track = self._holders.pop(holder, None)
        if track is not None:
            self._let_go(track)

    def _let_go(self, track: Track) -> None:
        self._track_holds[track] -= 1
        if not self._track_holds[track]:
            self._reopen(track)

    def release(self, item: str) -> None:
        """The item's resources are free again, and so is everybody else if it ran alone."""
        held = self._held.pop(item, EMPTY)
        for name, count in held.items():
            self._free[name] += count
        for name in held:
            self._reopen(name)
        for ticket in self._alone.end(item):
            if self._valid(ticket):
                self._enlist(ticket)

    def run_alone(self, items: frozenset[str]) -> None:
        """Give out nothing but the work of these items (a foreground task and its gate) until one is released."""
        self._alone.begin(items)
