"""Engines that take no work for a while: rate limits, overload, outages.

Rules that hold here:
  * What is told apart is an *engine*: an agent kind. What a program of kind `command` or `python` calls only the plan
    knows, so there each agent is an engine of its own.
  * An act that ends `limited` shuts its engine until the time that the answer names; where it names none for 30 s,
    doubled with every further pause up to 15 min.
  * What was started before the pause and comes back limited as well belongs to the same burst: it may make the pause
    longer, and never doubles anything.
  * After the pause one act goes first. The others follow when it ended with an answer, or has run for a minute.
  * Pauses, and the time in which one goes first, add up until the engine has answered, or the run is resumed. When they are
    as long as the plan's patience, what waits fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from orchharness.core.acts import Outcome
from orchharness.core.gating import CHECKS, headline
from orchharness.core.plan import Plan, gate_of
from orchharness.core.spent import span
from orchharness.record import record

PARKED = "parked: "  # how the reason of an item begins that waits for its engine
_OWN_PROGRAMS = {"command", "python"}
_FIRST, _LONGEST = 30.0, 900.0  # seconds of a pause, where the answer names none
_SHORTEST, _DAY = 1.0, 86_400.0  # of one that is named: below it we would hammer, beyond it nobody means it
_DOUBLINGS = 5
_TRIAL = 60.0  # seconds after which an act that went first counts as taken
_ANSWERS = {Outcome.SUCCESS, Outcome.EXIT, Outcome.EVIDENCE, Outcome.REFUSED}


class Who(NamedTuple):
    """Who does an act: its engine, and its agent where it has a name. Empty: nobody who could be limited or refused."""

    engine: str = ""
    agent: str = ""


class _Stage(Enum):
    SHUT = auto()
    TRIAL = auto()  # one act goes first
    OPEN = auto()  # it was not heard of yet, but has run for long enough
    GONE = auto()  # the plan's patience is over


@record(kw_only=False, frozen=False)
class _Outage:
    since: float  # when the pause began
    until: float
    detail: str
    counts_from: float
    stage: _Stage = _Stage.SHUT
    waited: float = 0.0  # seconds of pauses since the engine last answered, without this one
    doublings: int = 0
    probe: str = ""  # the act that goes first
    probed: float = 0.0

    def deadline(self, patience: float) -> float:
        return self.counts_from + max(0.0, patience - self.waited)


@record
class Outage:
    """An engine that takes no work. `until`: when one act is tried; `since`: when this pause began."""

    engine: str
    since: float
    until: float
    detail: str = ""

    @property
    def text(self) -> str:
        """`claude takes no work until 14:05:00 UTC (rate limit)`."""
        said = headline(self.detail) if self.detail.strip() else ""
        return f"{self.engine} takes no work until {_clock(self)} (rate limit{': ' if said else ''}{said})"


def _clock(outage: Outage) -> str:
    """The time of day; a long time also as such, since it may be that of another day."""
    minutes, seconds = divmod(int(outage.until % _DAY), 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02} UTC"
    long = outage.until - outage.since
    return text if long < _DAY / 2 else f"{text}, in {span(long)}"


def who_works(plan: Plan, worker: str, critic: str | None = None) -> Who:
    """Who does the acts of a task, of a gate's mender, or of one of a gate's critics."""
    if critic == CHECKS:
        return Who()
    if critic is None:
        task = plan.tasks.get(worker) or plan.worker(worker)
        return Who() if task.ask is not None else _who(task.kind, task.agent)
    judge = plan.critics[critic]
    if judge.agent is not None:
        return _who(plan.agents[judge.agent].kind, judge.agent)
    return Who(f"critic {critic!r}" if judge.kind in _OWN_PROGRAMS else judge.kind)


def _who(kind: str, agent: str | None) -> Who:
    own = kind in _OWN_PROGRAMS and agent is not None
    return Who(f"agent {agent!r}" if own else kind, agent or "")


class Outages:
    """Which engines take no work. Times are seconds since the epoch; `patience` in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._running: dict[str, tuple[str, float]] = {}  # act -> its engine, when it was started
        self._known: dict[str, _Outage] = {}

    # ---- what can be asked -----------------------------------------------------------------------

    def bars(self, engine: str) -> bool:
        """Whether nothing of the engine may be started now."""
        found = self._known.get(engine)
        if found is None or found.stage is _Stage.OPEN:
            return False
        return found.stage is not _Stage.TRIAL or bool(found.probe)

    def now_shut(self) -> Iterator[Outage]:
        """The engines that take no work, also those that one act is tried with."""
        for engine, found in self._known.items():
            if found.stage in {_Stage.SHUT, _Stage.TRIAL}:
                yield self._told(engine, found)

    def given_up(self, engine: str) -> bool:
        """Whether nobody waits for the engine any more."""
        found = self._known.get(engine)
        return found is not None and found.stage is _Stage.GONE

    def words(self, engine: str) -> str:
        """The reason of an item that waits for the engine."""
        found = self._known.get(engine)
        return f"{PARKED}{self._told(engine, found).text}" if found is not None else ""

    def wake_at(self, waited_for: Callable[[str], bool]) -> float | None:
        """When the next engine may be tried, is given up, or counts as open again; of those that work waits for."""
        due = []
        for engine, found in self._known.items():
            if found.stage is _Stage.SHUT and waited_for(engine):
                due.append(min(found.until, found.deadline(self._patience)))
            elif found.stage is _Stage.TRIAL and found.probe and waited_for(engine):
                due.append(found.probed + _TRIAL)
        return min(due, default=None)

    def exhausted(self, now: float, waited_for: Callable[[str], bool]) -> list[tuple[str, str]]:
        """Engines that are waited for no longer, and why."""
        found = []
        for engine, outage in self._known.items():
            over = outage.stage is _Stage.SHUT and now >= outage.deadline(self._patience)
            if over and waited_for(engine):
                said = f": {headline(outage.detail)}" if outage.detail.strip() else ""
                found.append((engine, f"rate limit for {span(self._patience)}{said}"))
        return found

    # ---- what happens ----------------------------------------------------------------------------

    def wake(self, now: float) -> list[str]:
        """Time has gone by; the engines of which something may be started now."""
        found: list[str] = []
        if not self._known:
            return found
        for engine, outage in self._known.items():
            if outage.stage is _Stage.SHUT and now >= outage.until:
                outage.stage, outage.probe = _Stage.TRIAL, ""
                outage.waited += max(0.0, outage.until - outage.counts_from)
                found.append(engine)
            elif outage.stage is _Stage.TRIAL and outage.probe and now >= outage.probed + _TRIAL:
                outage.stage, outage.waited = _Stage.OPEN, outage.waited + _TRIAL
                found.append(engine)
        return found

    def given(self, act: str, engine: str, at: float) -> None:
        """The act was given out to be started; `at` is infinite until it was."""
        self._running[act] = (engine, at)
        found = self._known.get(engine)
        if found is not None and found.stage is _Stage.TRIAL and not found.probe:
            found.probe, found.probed = act, at

    def begun(self, act: str, at: float) -> None:
        """The act was started; one that nobody gave out is passed over."""
        if act in self._running:
            engine = self._running[act][0]
            self._running[act] = (engine, at)
            found = self._known.get(engine)
            if found is not None and found.probe == act:
                found.probed = at

    def ended(self, act: str, outcome: Outcome, at: float, retry_after: float | None, detail: str) -> str:
        """The act is over; the engine of which something may be started again by that, if any."""
        engine, started = self._running.pop(act, ("", 0.0))
        found = self._known.get(engine)
        if outcome is Outcome.LIMITED and engine:
            self._limited(engine, started, at, retry_after, detail)
            return ""
        if found is None:
            return ""
        if outcome in _ANSWERS:
            return self._answered(engine, found, started, at)
        if found.probe == act:  # it tells nothing: another one goes first
            found.probe = ""
            return engine
        return ""

    def resumed(self, at: float) -> None:
        """A session goes on with the run: pauses stay as long as they are, the patience counts anew."""
        for found in self._known.values():
            found.waited, found.counts_from = 0.0, at

    def give_up(self, engine: str) -> bool:
        """Wait for the engine no longer; False: nobody did."""
        found = self._known.get(engine)
        if found is None:
            return False
        found.stage = _Stage.GONE
        return True

    def _limited(
        self, engine: str, started: float, at: float, retry_after: float | None, detail: str
    ) -> None:
        found = self._known.get(engine)
        if found is None:
            self._known[engine] = _Outage(at, at + _pause(0, retry_after), detail, at)
            return
        if found.stage is _Stage.GONE:
            return
        found.detail = detail
        if started > found.since or found.stage is _Stage.OPEN:
            if found.stage is _Stage.TRIAL and found.probe:
                found.waited += max(0.0, at - found.probed)  # the others waited for it
            found.doublings, found.since, found.probe = found.doublings + 1, at, ""
            found.until = at
        found.until = max(found.until, at + _pause(found.doublings, retry_after))
        if found.stage is not _Stage.SHUT:
            found.stage, found.counts_from = _Stage.SHUT, at

    def _answered(self, engine: str, found: _Outage, started: float, at: float) -> str:
        if started > found.since or found.stage in {_Stage.OPEN, _Stage.GONE}:
            del self._known[engine]
            return engine
        # It was at work before the pause: the time that was named stands, but the engine is alive.
        found.doublings, found.waited, found.counts_from = 0, 0.0, at
        return ""

    @staticmethod
    def _told(engine: str, found: _Outage) -> Outage:
        return Outage(engine=engine, since=found.since, until=found.until, detail=found.detail)


def _pause(doublings: int, named: float | None) -> float:
    if named is not None:
        return min(max(named, _SHORTEST), _DAY)
    return min(_FIRST * float(2 ** min(doublings, _DOUBLINGS)), _LONGEST)


def refusal(agent: str, detail: str, worker: str) -> str:
    """What the other acts of an agent fail with that was refused."""
    said = headline(detail) if detail.strip() else "no reason was given"
    return f"not started: agent {agent!r} was refused: {said}, see {gate_of(worker)}"
