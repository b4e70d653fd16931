"""A plan, as read and checked: immutable values that say what is to be done.

Nothing here knows YAML, files or time. `planfile` makes these values and has resolved every name,
so that a `Plan` that exists is one that can run: ids are known, there is no cycle, weights add up.
Text that is still a template (it holds `{{`, `{%` or `{#`) is rendered when the act is prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from orchharness.record import record

LANGUAGE_VERSION = 1
MENDER = "mender"
OUTAGE = 21_600.0  # seconds: 6 h


class _Empty(Mapping[str, Any]):
    """The mapping without entries: immutable and hashable, so that dataclasses take it as a default."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return other is self or (isinstance(other, Mapping) and not other)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


EMPTY: Mapping[str, Any] = _Empty()


class Mode(StrEnum):
    """Whether the orchestrator waits (`foreground`) or goes on spawning (`background`)."""

    FOREGROUND = "foreground"
    BACKGROUND = "background"


class Must(StrEnum):
    """What counts as evidence that an output was produced by the act."""

    CHANGE = "change"  # created, or its bytes are other bytes
    WRITTEN = "written"  # created, changed, or at least rewritten
    EXIST = "exist"  # there at the end; says nothing about who made it, and is no write


class Workspace(StrEnum):
    """Where a task works."""

    SHARED = "shared"  # the plan's workspace
    SCRATCH = "scratch"  # an empty folder of its own
    WORKTREE = "worktree"  # a git worktree of its own, of the repository that holds the project root


class OutputKind(StrEnum):
    """Where an output is found."""

    FILE = "file"  # path or glob, relative to the workspace
    RUN = "run"  # `run:name`: a file of the run, outside the workspace
    STDOUT = "stdout"  # the act's standard output
    ANSWER = "answer"  # the agent's final text


class TriggerRule(StrEnum):
    """When the needs of a task allow it to start."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    NONE_FAILED = "none_failed"  # what was skipped without a failure behind it does not count
    ONE_SUCCESS = "one_success"  # all are over, and at least one passed


class Recovery(StrEnum):
    """What a resumed run does with an act that was running and cannot be found."""

    RERUN = "rerun"
    ASK = "ask"
    FAIL = "fail"


class Then(StrEnum):
    """What it does that a person chooses an option."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    RETRY = "retry"  # the work is done again, with as many iterations as the gate has
    SKIP = "skip"  # as `pass`, and some of what comes after is left out
    PAUSE = "pause"  # nothing: it is asked again


class Refine(StrEnum):
    """Which members of a gate work on its findings."""

    BLAMED = "blamed"
    ALL = "all"


class Session(StrEnum):
    """Whether an agent that works on findings goes on with the session it had."""

    RESUME = "resume"
    FRESH = "fresh"


class OnExhausted(StrEnum):
    """What a gate does when its iterations are used up."""

    FAIL = "fail"
    ASK = "ask"
    ACCEPT = "accept"


class Combine(StrEnum):
    """How the scores of several critics become the gate's."""

    ALL = "all"
    MEAN = "mean"
    MIN = "min"
    MEDIAN = "median"


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class CheckKind(StrEnum):
    """The deterministic checks of a gate."""

    RUN = "run"
    FILE = "file"
    JSON = "json"
    PYTEST = "pytest"


@record
class Budget:
    """What may be spent. None: as much as it takes. `tokens` are those read and written, `wall` is in seconds."""

    usd: Decimal | None = None
    tokens: int | None = None
    wall: float | None = None
    spawns: int | None = None

    @property
    def units(self) -> tuple[str, ...]:
        """What of it is limited."""
        return tuple(n for n in ("usd", "tokens", "wall", "spawns") if getattr(self, n) is not None)

    def to_record(self) -> dict[str, Any]:
        """The limits as JSON; dollars as text, so that they stay exact."""
        return {n: str(getattr(self, n)) if n == "usd" else getattr(self, n) for n in self.units}

    @classmethod
    def from_record(cls, data: Mapping[str, Any]) -> Budget:
        """The budget that a JSON object stands for."""
        usd = data.get("usd")
        return cls(
            usd=None if usd is None else Decimal(usd),
            tokens=data.get("tokens"),
            wall=data.get("wall"),
            spawns=data.get("spawns"),
        )


@record
class Command:
    """What to execute: words (templates, each rendered to exactly one argument), or one shell text."""

    argv: tuple[str, ...]
    shell: bool = False


@record
class Retry:
    """Faults of execution are tried again: `attempts` in all, `backoff` seconds before the second, doubling."""

    attempts: int = 1
    backoff: float = 0.0
    on: frozenset[str] = frozenset({"exit", "timeout", "idle", "lost"})


@record
class Scope:
    """What the templates of a fragment see instead of the plan's variables and folder."""

    vars: Mapping[str, str]
    folder: str  # absolute: of the fragment's file


@record
class Output:
    """An artifact a task must produce. `path` is a workspace path or glob, or the name after `run:`."""

    name: str
    kind: OutputKind
    path: str = ""
    must: Must = Must.WRITTEN
    schema: str | None = None  # absolute path of a JSON Schema
    min_bytes: int = 1


@record
class Source:
    """Where one input comes from: an output of a task, or (`output` is None) the evaluation of a gate."""

    item: str
    output: str | None


@record
class Input:
    """An input of a task: released artifacts (`sources`), or plain files of the workspace (`files`)."""

    name: str
    sources: tuple[Source, ...] = ()
    gathered: bool = False  # written as a list or a group: always several paths
    files: str | None = None  # workspace path or glob: no edge


@record
class Condition:
    """A `when`: an expression, and the items and inputs of the task that it reads."""

    text: str
    items: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default=EMPTY)  # id as it is written -> the item, where that is another
    scope: Scope | None = None  # of the fragment it is from; None: of the plan itself


@record
class Task:
    """One piece of work for one agent.

    `needs` holds nodes of the graph: task ids, gate ids and `group_node(...)` names. A task with a gate
    of its own never stands in `needs`: its gate does. Times are seconds.
    """

    id: str
    phase: str
    track: str
    order: int  # place in the plan, from 0, over tasks and gates
    line: int  # where it stands in the plan file
    mode: Mode = Mode.BACKGROUND
    kind: str = "command"  # the agent kind that runs it
    agent: str | None = None  # the name in `agents`, None for a plain `run`
    command: Command | None = None
    options: Mapping[str, Any] = field(default=EMPTY)  # the kind's own options
    prompt: str | None = None
    ask: str | None = None  # the question to a person whose answer is the output; then it has no command
    needs: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    writes: tuple[str, ...] = ()  # workspace paths or globs it may change, outputs included
    env: Mapping[str, str] = field(default=EMPTY)
    cwd: str = ""  # relative to its workspace
    workspace: Workspace = Workspace.SHARED
    timeout: float | None = None
    idle_timeout: float | None = None
    retry: Retry = Retry()
    recovery: Recovery = Recovery.RERUN
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    when: tuple[Condition, ...] = ()  # its phase's, its track's, its own: all must hold
    allow_failure: bool = False  # its failure, or that of its own gate, is shown and blocks nobody
    gate: str | None = None
    resources: Mapping[str, int] = field(default=EMPTY)
    budget: Budget | None = None  # of all its acts, those of its own gate included
    estimate: float | None = None  # of a range the middle
    spread: tuple[float, float] | None = None  # the range: at least, at most
    base: str = ""  # its id in the plan file: of `ID[a]`, a copy that a matrix makes, it is `ID`
    matrix: Mapping[str, str] = field(default=EMPTY)  # what this copy is made with
    scope: Scope | None = None  # of the fragment it is from; None: of the plan itself
    title: str | None = None
    rationale: str | None = None
    tags: tuple[str, ...] = ()


@record
class Check:
    """One deterministic check. `options` holds the keys of its kind as written.

    `inputs` are absolute paths of files (gate inputs); `needs_inputs` are artifacts of earlier tasks.
    """

    kind: CheckKind
    name: str  # for people: "run python check.py", "file report.md"
    command: Command | None = None
    options: Mapping[str, Any] = field(default=EMPTY)
    inputs: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    timeout: float | None = None


@record
class Critic:
    """Who judges. `criteria` maps a criterion to its weight (they sum to exactly 1), or is empty: findings only."""

    id: str
    kind: str  # critic kind: `command`, `agent`, or one that a plugin declared
    command: Command | None = None
    agent: str | None = None  # name in `Plan.agents`, for kind `agent`
    prompt: str | None = None
    options: Mapping[str, Any] = field(default=EMPTY)
    criteria: Mapping[str, Decimal] = field(default=EMPTY)
    inputs: tuple[str, ...] = ()  # absolute paths of further files it uses: gate inputs
    env: Mapping[str, str] = field(default=EMPTY)
    after: tuple[str, ...] = ()  # the critics of its gate whose evaluations it reads
    mode: Mode = Mode.FOREGROUND
    timeout: float | None = None
    idle_timeout: float | None = None
    retry: Retry = Retry()
    scope: Scope | None = None
    is_model: bool = False  # of itself; its agent may be one, too


@record
class Option:
    """One of the answers that a person may choose. `skip` holds items that come after the gate."""

    id: str
    label: str
    then: Then
    skip: tuple[str, ...] = ()


@record
class Plateau:
    """Refining stops when the score rose by less than `gain` in each of the last `rounds`."""

    gain: Decimal
    rounds: int = 2


@record
class Gate:
    """Turns artifacts into a verdict. Either `of` (tasks) or `of_gates` is not empty, never both.

    Only a gate that asks a person (`human`) may have neither: it may ask about anything.
    """

    id: str
    phase: str
    track: str
    order: int
    line: int
    owner: str | None = None  # the task whose own gate this is
    of: tuple[str, ...] = ()
    of_gates: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # nodes that must be over before it judges, `of` and earlier phases included
    aggregate: Combine | None = None  # mean or min, only with `of_gates`
    checks: tuple[Check, ...] = ()
    critics: tuple[str, ...] = ()
    threshold: Decimal = Decimal("0.90")
    combine: Combine = Combine.ALL
    block_on: Severity | None = None
    samples: int = 1  # how often each critic judges
    confirm_on_fail: int = 0  # how many more judgements a failing one needs before it is believed
    min_iterations: int = 1
    max_iterations: int = 3
    plateau: Plateau | None = None
    refine: Refine = Refine.BLAMED
    mender: Task | None = None  # who works on the findings in place of the members; `mender_of(id)` is its id
    session: Session = Session.RESUME
    on_exhausted: OnExhausted = OnExhausted.FAIL
    human: bool = False  # nobody judges but a person
    question: str | None = None
    options: tuple[Option, ...] = ()  # what a person may choose, where one is asked
    base: str = ""  # its id in the plan file, as a task's
    matrix: Mapping[str, str] = field(default=EMPTY)
    scope: Scope | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()


@record
class Track:
    """Tasks and gates that belong together; `items` in plan order."""

    id: str
    phase: str
    mode: Mode
    items: tuple[str, ...]
    base: str = ""  # its id in the plan file, as a task's
    budget: Budget | None = None
    title: str | None = None
    rationale: str | None = None


@record
class Phase:
    """Tracks that may run at once; `items` are all its tasks and gates in plan order."""

    id: str
    mode: Mode
    tracks: tuple[Track, ...]
    items: tuple[str, ...]
    title: str | None = None
    rationale: str | None = None


@record
class Agent:
    """A named agent: a kind and its options, for tasks and for critics of kind `agent`."""

    id: str
    kind: str
    command: Command | None = None
    options: Mapping[str, Any] = field(default=EMPTY)
    is_model: bool = False
    scope: Scope | None = None
    place: str = field(default="", compare=False)  # where it stands, for people: `a.plan.yaml:3`


@record
class Edge:
    """A named cross-pollination edge."""

    id: str
    source: str
    targets: tuple[str, ...]
    artifacts: tuple[str, ...] = ()  # empty: order only


@record
class Plan:
    """The whole plan. Mappings keep plan order. Paths are absolute."""

    id: str
    path: str  # the plan file
    digest: str  # SHA-256 of its bytes
    phases: tuple[Phase, ...]
    tasks: Mapping[str, Task]
    gates: Mapping[str, Gate]
    critics: Mapping[str, Critic] = field(default=EMPTY)
    agents: Mapping[str, Agent] = field(default=EMPTY)
    groups: Mapping[str, tuple[str, ...]] = field(default=EMPTY)  # group node -> its items
    edges: tuple[Edge, ...] = ()
    vars: Mapping[str, str] = field(default=EMPTY)
    copy: str | None = None  # the folder every task shares a fresh copy of; None: the project root
    replay: bool = False  # its recording is run, unless it is asked to record again
    parallel: int = 3
    resources: Mapping[str, int] = field(default=EMPTY)
    budget: Budget | None = None
    outage: float = OUTAGE  # seconds that one agent kind may take no work before what waits for it fails
    definitions: tuple[
        str, ...
    ] = ()  # absolute paths of files that define the plan (prompts, rubrics, schemas)
    fragments: tuple[str, ...] = ()  # those of them that the plan includes
    title: str | None = None
    description: str | None = None
    protocol: Mapping[str, Any] = field(default=EMPTY)  # `orchestrator_protocol`, shown, never executed
    warnings: tuple[str, ...] = ()

    def item(self, item_id: str) -> Task | Gate:
        """The task or gate of that id.

        Raises:
            KeyError: there is none.
        """
        return self.tasks.get(item_id) or self.gates[item_id]

    def worker(self, worker_id: str) -> Task:
        """The task of that id, or the mender of a gate.

        Raises:
            KeyError: there is none.
        """
        gate = gate_of(worker_id)
        mender = self.gates[gate].mender if gate != worker_id else None
        return mender or self.tasks[worker_id]

    def may_fail(self, item_id: str) -> bool:
        """Whether the plan allows the task to fail, or the task whose own gate it is.

        Raises:
            KeyError: there is no such task or gate.
        """
        task = self.tasks.get(item_id) or self.tasks.get(self.gates[item_id].owner or "")
        return task is not None and task.allow_failure


def mender_of(gate: str) -> str:
    """The id of a gate's mender. Never a valid id of a task, so never confused."""
    return f"{gate}.{MENDER}"


def gate_of(mender: str) -> str:
    """The gate of a mender; of anything else its own id."""
    return mender.removesuffix(f".{MENDER}")  # a task's id may hold a dot: `T[3.11]`


def group_node(kind: str, name: str) -> str:
    """The graph's name of a group: `phase:build`, or `track:build/track_a`. Never a valid id, so never confused."""
    return f"{kind}:{name}"


def is_template(text: str) -> bool:
    """Whether rendering could change the text."""
    return "{{" in text or "{%" in text or "{#" in text


def reads_of(task: Task) -> tuple[str, ...]:
    """The items whose artifacts or evaluations the task reads, in order, without repeats."""
    return tuple(dict.fromkeys(s.item for i in task.inputs for s in i.sources))
