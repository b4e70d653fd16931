"""What `explain` finds out, as values. Times are seconds, or, where no task has an estimate, counts of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from orchharness.core.plan import EMPTY
from orchharness.record import record


class Unit(StrEnum):
    """What lengths are measured in."""

    SECONDS = "seconds"
    TASKS = "tasks"


class Counsel(StrEnum):
    """What is advised for a group of tasks."""

    PARALLEL = "PARALLEL"
    HYBRID = "HYBRID"
    SEQUENTIAL = "SEQUENTIAL"
    NOT_WORTH_IT = "NOT WORTH IT"


class Danger(StrEnum):
    """Kinds of hazards."""

    SHARED_WRITES = "shared writes"
    ORDER_ONLY = "order only"
    WAITS_FOR_MORE = "waits for more than it reads"
    GATES_ON_PATH = "gates on the critical path"
    ONE_TASK = "one task bounds everything"
    HELD_BACK = "counters or foreground tasks hold it back"
    LIMIT = "acts at once"


@record
class Wave:
    """Tasks whose longest way from the beginning has as many tasks: nothing in the graph keeps them apart."""

    number: int
    tasks: tuple[str, ...]


@record
class Width:
    """The expected length with that many agents."""

    agents: int
    length: float
    speedup: float


@record
class Advice:
    """What is advised for a track, or (`track` is None) for all tracks of a phase together."""

    phase: str
    track: str | None
    counsel: Counsel
    tasks: int
    why: tuple[str, ...]
    sequential: float
    shortest: float  # no number of agents is faster
    copies: int = 1  # of the track, by a matrix, for which this holds

    @property
    def name(self) -> str:
        """The group, for people."""
        more = "" if self.copies == 1 else f" and {self.copies - 1:,} more like it"
        return f"phase {self.phase}" if self.track is None else f"track {self.track}{more}"


@record
class Hazard:
    """Something that costs time or goes wrong easily."""

    kind: Danger
    items: tuple[str, ...]
    text: str


@record
class Spawn:
    """Acts of one kind: how many in the first round, and at most when every gate uses up its iterations."""

    role: str  # task, critic, checks
    name: str  # agent, critic; empty for plain commands
    kind: str
    first: int
    most: int
    options: Mapping[str, Any] = field(default=EMPTY)  # as the plan has them
    command: tuple[str, ...] = ()


@record
class Limit:
    """A budget against what is known. Scopes are `run`, `track:PHASE/TRACK`, `task:ID`; acts are those of tasks and critics.

    `least_seconds`: so long the first round takes at least; None: unknown.
    """

    scope: str
    budget: Mapping[str, float]  # unit -> limit; `wall` in seconds
    first: int
    most: int
    least_seconds: float | None


@record
class Explanation:
    """All of it."""

    plan: str
    title: str | None
    tasks: int
    gates: int
    unit: Unit
    known: float  # the sum of the estimates that there are
    without_estimate: tuple[str, ...]
    assumed: float  # what a task without an estimate counts as
    sequential: float
    waves: tuple[Wave, ...]
    critical_path: tuple[str, ...]  # tasks and gates, in order
    critical_length: float
    longest_chain: int  # tasks, one after another
    shortest: float  # with as many agents as there are tasks
    useful_width: int
    width_is_exact: bool  # False: the plan is so large that fewer might do
    widths: tuple[Width, ...]
    parallel: int  # limits.parallel
    advice: tuple[Advice, ...]
    hazards: tuple[Hazard, ...]
    spawns: tuple[Spawn, ...]
    first_acts: int
    most_acts: int
    limits: tuple[Limit, ...] = ()
    replayed: bool = False  # what was recorded is replayed and not spawned: the plan says so
