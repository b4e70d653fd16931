"""What the orchestrator keeps about each item while it runs, and which transitions exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, NamedTuple

from orchharness.core.acts import Outcome
from orchharness.core.gating import CHECKS, Judged, Verdict, as_text
from orchharness.core.plan import EMPTY, Gate, Task
from orchharness.core.status import SUCCESS, GateState, ItemStatus, TaskState
from orchharness.record import record

T, G = TaskState, GateState
_ENDED = {G.PASSED, G.FAILED, G.WAIVED, G.PAUSED}
TRANSITIONS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "task": {
        # Failed: nobody can tell whether its `when` holds.
        T.WAITING: frozenset({T.READY, T.SKIPPED, T.FAILED}),
        # Skipped: what it needs failed after all. Lost: so says a person who was asked about its act.
        # Failed: its agent was refused, or took no work for too long, so that its act was not started.
        T.READY: frozenset({T.RUNNING, T.SKIPPED, T.LOST, T.FAILED}),
        T.RUNNING: frozenset({T.READY, T.PASSED, T.FAILED, T.CANCELLED, T.LOST}),  # ready: tried again
        T.PASSED: frozenset({T.READY}),  # refined
    },
    "gate": {
        G.WAITING: frozenset({G.READY, G.SKIPPED, G.ERROR}),
        G.READY: frozenset({G.JUDGING, G.PAUSED, G.ERROR}),  # paused: only a person judges
        G.JUDGING: frozenset({G.READY, G.REFINING, G.ERROR, *_ENDED}),  # ready: stopped in the middle
        G.REFINING: frozenset({G.REFINING, G.READY, G.ERROR, *_ENDED}),  # refining again: no new work
        # What it judged was replaced, for a wider gate: it judges again. Or what judges was tampered with.
        G.PASSED: frozenset({G.READY, G.ERROR}),
        G.WAIVED: frozenset({G.READY, G.ERROR}),
        # A person decides, or is asked again.
        G.PAUSED: frozenset({G.READY, G.REFINING, G.ERROR, *_ENDED}),
    },
    "gate over gates": {
        G.WAITING: frozenset({G.SKIPPED, G.ERROR, *_ENDED}),
        # One of its gates judged again: the score is computed again.
        G.PASSED: frozenset({G.ERROR, *_ENDED}),
        G.WAIVED: frozenset({G.ERROR, *_ENDED}),
        G.PAUSED: frozenset({G.ERROR, *_ENDED}),
    },
}


class Seat(NamedTuple):
    """One judgement that a gate asks for: the critic, and which of its judgements of the iteration it is."""

    critic: str
    sample: int = 1

    @property
    def name(self) -> str:
        """What the acts are called after: of the first one the critic's own name."""
        return self.critic if self.sample == 1 else f"{self.critic}.s{self.sample}"


@record
class Findings:
    """What a gate tells the tasks it refines."""

    gate: str
    iteration: int
    score: str | None
    threshold: str
    findings: tuple[Mapping[str, Any], ...]

    def to_record(self) -> dict[str, Any]:
        """The JSON an agent finds in `ORCH_FINDINGS`."""
        return {
            "gate": self.gate,
            "iteration": self.iteration,
            "score": self.score,
            "threshold": self.threshold,
            "findings": [dict(f) for f in self.findings],
        }


@record(kw_only=False, frozen=False)
class TaskRecord:
    """A task during a run."""

    task: Task
    state: str = TaskState.WAITING
    reason: str = ""
    iteration: int = 0
    attempt: int = 0
    excused: int = 0  # attempts that no longer count against the policy for retries
    goes_on_from: str = ""  # the act that was limited, whose work the next one goes on with
    act: str | None = None
    started: float | None = None
    ended: float | None = None
    outputs: Mapping[str, Any] = EMPTY  # of the last act that passed
    released: Mapping[str, Any] = EMPTY  # what others may read: its own gate let these bytes through
    inputs: Mapping[str, Any] = EMPTY  # what the last act read
    changed: bool = True
    session: str | None = None
    findings: Findings | None = None
    running: bool = False  # of a mender: an act of it runs
    refined_by: str | None = None  # the gate whose findings the next act works on
    asked: int = 0  # questions to a person so far
    question: str = ""  # the name of the one that waits for its answer
    answer: str | None = None  # what a person said, where that is the task's output
    warnings: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    kind = "task"

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def at_work(self) -> bool:
        """Whether an act of it runs, or is about to be tried again."""
        return self.state == TaskState.RUNNING or (self.state == TaskState.READY and self.attempt > 0)

    @property
    def next_iteration(self) -> int:
        """The iteration of its next act; an attempt that failed is tried again in the same one."""
        return self.iteration if self.attempt else self.iteration + 1

    def note_end(self, act: str, outcome: Outcome) -> None:
        """Note whether the next act goes on with the work of one that was limited.

        An act of which nobody knows how it would have ended changes nothing about that.
        """
        if outcome is Outcome.LIMITED:
            self.goes_on_from = act
        elif outcome not in {Outcome.CANCELLED, Outcome.LOST}:
            self.goes_on_from = ""

    def status(self) -> ItemStatus:
        """What the state file says."""
        return ItemStatus(
            id=self.task.id,
            type="task",
            phase=self.task.phase,
            track=self.task.track,
            state=str(self.state),
            reason=self.reason,
            iteration=self.iteration,
            attempt=self.attempt,
            started=self.started,
            ended=self.ended,
            act=self.act,
            question=self.question,
            outputs=self.outputs,
            warnings=tuple(self.warnings),
        )


@record(kw_only=False, frozen=False)
class Refinement:
    """One round of work on a gate's findings."""

    pending: dict[str, set[str]] = field(default_factory=dict)  # refined task -> refined tasks it waits for
    sent: set[str] = field(default_factory=set)  # those at work, or judged by their own gates
    fresh: bool = False  # something changed
    mending: bool = False  # the gate's mender is asked, or works
    doom: tuple[GateState, str] | None = None  # how the gate ends once nobody works for it any more
    parked: bool = False  # all are through, but other gates judge the new bytes first


@record(kw_only=False, frozen=False)
class GateRecord:
    """A gate during a run. `iteration` counts produce-and-judge; `since` is where the present allowance began."""

    gate: Gate
    state: str = GateState.WAITING
    reason: str = ""
    iteration: int = 0
    since: int = 0
    idle_iterations: int = 0  # no new work, in a row
    trend: list[Decimal | None] = field(default_factory=list)  # the score of each iteration of the allowance
    open: dict[Seat, int] = field(default_factory=dict)  # judgement -> attempt, not answered yet
    excused: dict[Seat, int] = field(default_factory=dict)  # judgement -> attempts that no longer count
    acts: dict[str, Seat] = field(default_factory=dict)  # act -> judgement, running
    judged: dict[Seat, Judged] = field(default_factory=dict)
    verdict: Verdict | None = None
    score: Decimal | None = None
    evaluations: dict[Seat, Any] = field(default_factory=dict)  # as they were said in this iteration
    decided: Mapping[str, Any] | None = None  # the evaluation as it was when the gate was decided
    refinement: Refinement = field(default_factory=Refinement)
    limited: str = ""  # why a judgement waits that was asked for: its engine takes no work
    turn: int = 0  # which opening this is, over all gates; 0: it is not at work
    queued: bool = False  # could judge, but another gate is at work on the same tasks
    stale: bool = False  # what it judged was replaced since
    bereft: bool = False  # a member was lost in refinement: there is nothing to judge again
    sender: str | None = None  # the wider gate for whose refinement it judges again
    asked: int = 0  # questions to a person so far
    question: str = ""  # the name of the one that waits for its answer
    asked_on: tuple[int, ...] = ()  # iterations of the gates it stands over, when it asked
    decision: Mapping[str, Any] = EMPTY  # who let it through or stopped it: {"by", "at", "option", "note"}
    started: float | None = None
    ended: float | None = None
    act: str | None = None
    warnings: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The gate's id."""
        return self.gate.id

    @property
    def kind(self) -> str:
        """Which transitions it has."""
        return "gate over gates" if self.gate.of_gates else "gate"

    @property
    def has_score(self) -> bool:
        """Whether it has a score to reach."""
        return bool(self.gate.critics or self.gate.of_gates) and not self.gate.human

    @property
    def answered(self) -> list[Seat]:
        """The judgements that were given in this iteration, whenever they came: checks, then critics in their order."""
        order = {name: place for place, name in enumerate((CHECKS, *self.gate.critics))}
        return sorted(self.judged, key=lambda seat: (order[seat.critic], seat.sample))

    @property
    def can_reopen(self) -> bool:
        """Whether it has a verdict that a later one may replace."""
        return self.state in SUCCESS or self.state == GateState.PAUSED

    @property
    def score_text(self) -> str | None:
        """The score as people read it."""
        return None if self.score is None else as_text(self.score)

    def status(self) -> ItemStatus:
        """What the state file says."""
        return ItemStatus(
            id=self.gate.id,
            type="gate",
            phase=self.gate.phase,
            track=self.gate.track,
            state=str(self.state),
            reason=self.reason,
            iteration=self.iteration,
            score=self.score_text,
            threshold=as_text(self.gate.threshold) if self.has_score else None,
            question=self.question,
            decision=self.decision,
            started=self.started,
            ended=self.ended,
            act=self.act,
            warnings=tuple(self.warnings),
        )


Record = TaskRecord | GateRecord
