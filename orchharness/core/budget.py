"""What a run spends, and which of the plan's budgets are reached: of the run, of tracks, of tasks.

Rules that hold here:
  * Times and figures come with events, so replaying a journal gives the same sums. A budget that is reached stays so.
  * Everything that the run was charged for counts, also what a later session does not use. What was taken over from
    another run costs nothing.
  * A figure that a model does not give is unknown, never nothing. Other kinds cost what they say, else nothing.
  * A spawn is an act of a task or critic. The engine's own checks and people's answers are none, so a budget of
    spawns does not stop them; every other budget does.
  * Wall time of the run is that of its sessions; of a track or task, the time in which any of its acts runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from orchharness.core.events import (
    Event,
    JudgementFinished,
    JudgementStarted,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskStarted,
)
from orchharness.core.gating import CHECKS
from orchharness.core.plan import Budget
from orchharness.core.spent import Spent, amount, named
from orchharness.core.terms import RUN, Terms
from orchharness.record import field, record

SPAWNS = "/spawns"  # of a scope: what only acts that count as spawns draw on
_LARGE = 10**15  # a figure beyond it is not believed

Started = TaskStarted | JudgementStarted
Finished = TaskFinished | JudgementFinished


@record(kw_only=False, frozen=False)
class _Purse:
    """The sums of one scope. `since`: when the clock of it was started; None: it stands."""

    scope: str
    limit: Budget
    usd: Decimal = Decimal(0)
    tokens: int = 0
    spawns: int = 0
    seconds: float = 0.0
    running: int = 0
    since: float = 0.0
    unknown: dict[str, int] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)  # unit that is reached -> in words

    def enter(self, at: float) -> None:
        if not self.running:
            self.since = at
        self.running += 1

    def leave(self, at: float) -> None:
        self.running -= 1
        if not self.running:
            self.seconds += max(0.0, at - self.since)

    def wall(self, now: float) -> float:
        return self.seconds + (max(0.0, now - self.since) if self.running else 0.0)

    def moment(self) -> float | None:
        """When its wall time is used up, if its clock runs."""
        if self.limit.wall is None or not self.running:
            return None
        return self.since + max(0.0, self.limit.wall - self.seconds)

    def charge(self, usage: Mapping[str, Any], *, plain: bool) -> None:
        usd, read, written = (_figure(usage.get(n)) for n in ("usd", "input_tokens", "output_tokens"))
        self.usd += usd or 0
        self.tokens += int((read or 0) + (written or 0))
        for unit, given in (("usd", (usd,)), ("tokens", (read, written))):
            if None in given and not plain and getattr(self.limit, unit) is not None:
                self.unknown[unit] = self.unknown.get(unit, 0) + 1

    def check(self, now: float) -> None:
        """Note what is used up."""
        limit, moment = self.limit, self.moment()
        if moment is not None and now >= moment:
            self.over.setdefault("wall", amount("wall", max(self.wall(now), limit.wall or 0.0), limit.wall))
        for unit, spent in (
            ("usd", self.usd), ("tokens", self.tokens), ("spawns", self.spawns), ("wall", self.seconds)
        ):  # fmt: skip
            most = getattr(limit, unit)
            if most is not None and spent >= most:
                self.over.setdefault(unit, "")

    @property
    def reached(self) -> str:
        """What is used up, in words; units that only the sums know are told as they stand."""
        if not self.over:
            return ""
        told = (
            self.over[unit]
            or amount(
                unit, self.seconds if unit == "wall" else getattr(self, unit), getattr(self.limit, unit)
            )
            for unit in self.limit.units  # in their order, whichever was reached first
            if unit in self.over
        )
        return f"{named(self.scope)} reached: {', '.join(told)}"


class Budgets:
    """All budgets of a run. Nothing counts before the record that begins the session (`RunStarted`, `RunResumed`)."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._purses = {name: _Purse(name, limit) for name, limit in terms.limits.items()}
        self._open: dict[str, tuple[str, str | None]] = {}  # act that runs and counts -> item, critic
        self._issued: set[str] = set()
        self._ticking: dict[str, _Purse] = {}  # those with a wall time whose clock runs
        self._closed: dict[str, str] = {}  # account -> why nothing draws on it any more
        self._fresh: list[tuple[str, str]] = []
        self._last = 0.0
        self.awake = False

    # ---- what can be asked -----------------------------------------------------------------------

    def accounts(self, item: str, critic: str | None) -> tuple[str, ...]:
        """What such an act of the item draws on."""
        names = [p.scope for p in self._purses_of(item)]
        counted = [f"{name}{SPAWNS}" for name in names if self._terms.limits[name].spawns is not None]
        return (*names, *(counted if self._is_spawn(item, critic) else ()))

    def spent(self, now: float) -> tuple[Spent, ...]:
        """How all stand, the run's first."""
        return tuple(
            Spent(
                scope=p.scope,
                limit=p.limit,
                usd=p.usd,
                tokens=p.tokens,
                wall=p.wall(now),
                spawns=p.spawns,
                unknown=dict(p.unknown),
                reached=p.reached,
            )
            for p in self._purses.values()
        )

    def over_at(self) -> float | None:
        """When the wall time of the run is used up."""
        purse = self._purses.get(RUN)
        return purse.moment() if purse is not None else None

    def take_closed(self) -> list[tuple[str, str]]:
        """The accounts that were closed since the last call, and why."""
        found, self._fresh = self._fresh, []
        return found

    # ---- what happens ----------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Time has gone by."""
        if self.awake:
            for purse in list(self._ticking.values()):
                self._check(purse, now)

    def issue(self, act: str, item: str, critic: str | None) -> None:
        """The act was given out to be started: it counts from now on."""
        self._issued.add(act)
        self._count(item, critic)

    def note(self, event: Event) -> None:
        """Count what happened."""
        match event:
            case RunStarted() | RunResumed():
                self._begin(event)
            case TaskStarted() | JudgementStarted() if self.awake and not event.adopted:
                self._started(event)
            case TaskFinished() | JudgementFinished() if self.awake and event.act in self._open:
                self._finished(event)
            case _:
                pass
        self._last = event.at
        self.look(event.at)

    def sleep(self) -> None:
        """The session is over: its clock stands, and so do those of acts that may go on unseen."""
        self.awake = False
        for purse in self._purses.values():
            if purse.running:
                purse.running = 1
                purse.leave(self._last)
        for found in (self._ticking, self._closed, self._fresh):
            found.clear()  # whatever was reached: the next session may be allowed more

    def _begin(self, event: RunStarted | RunResumed) -> None:
        if self.awake:
            self.sleep()
        self.awake, self._last = True, event.at
        for act in event.dropped if isinstance(event, RunResumed) else ():
            if act in self._open:  # nobody will hear what it cost
                item, critic = self._open.pop(act)
                for purse in self._purses_of(item):
                    purse.charge({}, plain=self._is_plain(item, critic))
        if RUN in self._purses:
            self._enter(self._purses[RUN], event.at)
        for item, _ in self._open.values():
            for purse in self._purses_of(item):
                if purse.scope != RUN:
                    self._enter(purse, event.at)
        for purse in self._purses.values():
            purse.over.clear()
            self._check(purse, event.at)

    def _started(self, event: Started) -> None:
        item, critic = _who(event)
        if event.act in self._issued:
            self._issued.discard(event.act)
        else:
            self._count(item, critic)
        self._open[event.act] = (item, critic)
        for purse in self._purses_of(item):
            if purse.scope != RUN:
                self._enter(purse, event.at)

    def _finished(self, event: Finished) -> None:
        item, critic = self._open.pop(event.act)
        for purse in self._purses_of(item):
            purse.charge(event.usage, plain=self._is_plain(item, critic))
            if purse.scope != RUN:
                self._check(purse, event.at)  # before its clock stands: what is reached stays reached
                purse.leave(event.at)
                if not purse.running:
                    self._ticking.pop(purse.scope, None)
            self._check(purse, event.at)

    def _count(self, item: str, critic: str | None) -> None:
        if self._is_spawn(item, critic):
            for purse in self._purses_of(item):
                purse.spawns += 1
                self._check(purse, self._last)

    def _enter(self, purse: _Purse, at: float) -> None:
        purse.enter(at)
        if purse.limit.wall is not None:
            self._ticking[purse.scope] = purse

    def _check(self, purse: _Purse, now: float) -> None:
        purse.check(now)
        for unit in purse.over:
            account = f"{purse.scope}{SPAWNS}" if unit == "spawns" else purse.scope
            if account not in self._closed:
                self._closed[account] = purse.reached
                self._fresh.append((account, purse.reached))

    def _purses_of(self, item: str) -> list[_Purse]:
        names = (RUN, *self._terms.scopes.get(item, ()))
        return [self._purses[name] for name in names if name in self._purses]

    def _is_spawn(self, item: str, critic: str | None) -> bool:
        return critic != CHECKS and (critic is not None or item not in self._terms.people)

    def _is_plain(self, item: str, critic: str | None) -> bool:
        name = item if critic is None else f"{item}/{critic}"
        return not self._is_spawn(item, critic) or name in self._terms.plain


def tally(terms: Terms, events: Iterable[Event]) -> Budgets:
    """The sums of a journal whose last session may still go on."""
    found = Budgets(terms)
    for event in events:
        found.note(event)
    return found


def _who(event: Started) -> tuple[str, str | None]:
    return (event.task, None) if isinstance(event, TaskStarted) else (event.gate, event.critic)


def _figure(value: Any) -> Decimal | None:
    """The number as it was written; None when it is none, or not to be believed."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGE:
        return None
    return Decimal(str(value))
