"""Events: facts about a run, in the past tense. The journal holds these and nothing else decides.

Every event is a frozen dataclass of JSON types; `at` is the engine's wall clock in seconds since the epoch,
passed in, never read here. `to_record`/`from_record` are inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any

from orchharness.core.acts import Outcome
from orchharness.core.plan import EMPTY
from orchharness.errors import JournalError
from orchharness.record import record


@record
class RunStarted:
    """The first record. `selected` are the items this run is about; `header` holds versions, plugins, paths, vars."""

    at: float
    run: str
    plan: str
    digest: str
    selected: tuple[str, ...]
    header: Mapping[str, Any] = field(default=EMPTY)
    went_on: Mapping[str, int] = field(default=EMPTY)  # see `RunResumed`


@record
class RunResumed:
    """A later orchestrator goes on with the run, perhaps with an edited plan.

    What stands before it counts as far as it fits: see `core.resuming`. `dropped`: act -> why its result is not used.
    `again`: acts whose failure was the end of their item, and no longer is. `moved`: act of a later iteration -> the
    act in whose place it counts, since the verdicts between them do not. `went_on`: last judgement of a gate -> the
    iteration up to which the gate had work done from there, though by the plan as it is now it would have ended before.
    Of the run as a whole `header` says again `run`, `began` and `traceparent`, and with `ended` whether the session
    before said how it ended.
    """

    at: float
    digest: str
    selected: tuple[str, ...]
    dropped: Mapping[str, str] = field(default=EMPTY)
    again: tuple[str, ...] = ()
    moved: Mapping[str, str] = field(default=EMPTY)
    went_on: Mapping[str, int] = field(default=EMPTY)
    header: Mapping[str, Any] = field(default=EMPTY)


@record
class TaskStarted:
    """An act for a task is about to be spawned (journalled before it is). `adopted`: another run did that."""

    at: float
    task: str
    iteration: int
    attempt: int
    act: str
    key: str
    adopted: bool = False


@record
class TaskFinished:
    """An act of a task is over, and its evidence was looked at.

    `outputs`: name -> list of {"path", "sha256", "size", "how"}; `how` is created, changed, rewritten or existed.
    `changed`: whether anything the task may write has other bytes than before the act.
    `again`: whatever the policy for retries says, it is tried again: the run was resumed.
    `excused`: the same, and it was no attempt: it was lost while no orchestrator lived. Other attempts stay used.
    `asks`: a person is asked whether it is tried again.
    `retry_after`: of one that ended `limited`, the seconds after which its engine takes work again, where it said so.
    """

    at: float
    task: str
    act: str
    outcome: Outcome
    started: float
    seconds: float
    detail: str = ""
    exit: int | None = None
    outputs: Mapping[str, Any] = field(default=EMPTY)
    changed: bool = True
    inputs: Mapping[str, Any] = field(default=EMPTY)  # name -> list of {"path", "sha256", "item"}
    summary: str | None = None
    session: str | None = None
    usage: Mapping[str, Any] = field(default=EMPTY)
    again: bool = False
    excused: bool = False
    asks: bool = False
    retry_after: float | None = None


@record
class JudgementStarted:
    """A critic's act is about to be spawned. `critic` is `checks` for the gate's deterministic checks.

    `sample`: which of the critic's judgements of the iteration it is.
    `adopted`: as in `TaskStarted`.
    """

    at: float
    gate: str
    critic: str
    iteration: int
    attempt: int
    act: str
    key: str
    sample: int = 1
    adopted: bool = False


@record
class JudgementFinished:
    """A critic's act is over. `evaluation` is what it answered, as it was said; empty unless the outcome is success.

    `artifacts`: `TASK.output` -> list of {"path", "sha256"}: what was judged. `again`: as in `TaskFinished`.
    """

    at: float
    gate: str
    critic: str
    act: str
    outcome: Outcome
    started: float
    seconds: float
    detail: str = ""
    evaluation: Mapping[str, Any] = field(default=EMPTY)
    artifacts: Mapping[str, Any] = field(default=EMPTY)
    usage: Mapping[str, Any] = field(default=EMPTY)
    again: bool = False
    retry_after: float | None = None


ANSWER = "answer"  # the option of a decision that is words


@record
class DecisionTaken:
    """A person answered a question that a gate or a task asks; the orchestrator took the answer.

    `question` is the question's name, unique in the run as those of acts are; `number` counts the item's questions.
    `option`: what was chosen; of a task that asks for words it is `answer`, and they are the `note`.
    `decided`: when the person said so. `artifacts`: what a gate asked about, as in `JudgementFinished`.
    """

    at: float
    item: str
    question: str
    number: int
    option: str
    by: str
    note: str = ""
    decided: float = 0.0
    artifacts: Mapping[str, Any] = field(default=EMPTY)

    @property
    def act(self) -> str:
        """Its name among acts: what a person does counts, is dropped and is replayed like any of them."""
        return self.question


@record
class ConditionEvaluated:
    """It was told whether the `when` of a task holds, once its trigger rule let it go on.

    `name` is unique in the run as those of acts are. `expression`: the one that does not hold, or cannot be evaluated,
    with `error` saying why. `read`: what it looked at: item -> [state, score], `inputs.NAME` -> origins of artifacts.
    """

    at: float
    task: str
    name: str
    holds: bool
    expression: str = ""
    error: str = ""
    read: Mapping[str, Any] = field(default=EMPTY)

    @property
    def act(self) -> str:
        """Its name among acts: it counts, is dropped and is replayed like any of them."""
        return self.name


@record
class GateInputsChanged:
    """Files that judge are not what they were when the run started: no verdict of these gates can be believed."""

    at: float
    gates: tuple[str, ...]
    paths: tuple[str, ...]


@record
class PatienceEnded:
    """An engine took no work for as long as the plan waits for one: what waits for it fails.

    `engine`: see `core.outages`. `reason`: what it fails with. A session that resumes the run waits anew.
    """

    at: float
    engine: str
    reason: str


@record
class StopRequested:
    """Nothing new starts from here on. `reason` is for people: `Ctrl-C`, `-x`, a full disk."""

    at: float
    reason: str
    cancel: bool  # running acts are ended too
    interrupted: bool  # the run ends as `interrupted` (a person or signal), else as what its items say


@record
class HookFailed:
    """A hook that only watches raised; the run goes on."""

    at: float
    hook: str
    plugin: str
    error: str


@record
class RunFinished:
    """The last record."""

    at: float
    state: str
    reason: str = ""


ActEvent = (
    TaskStarted | TaskFinished | JudgementStarted | JudgementFinished | DecisionTaken | ConditionEvaluated
)
Event = (
    RunStarted
    | RunResumed
    | TaskStarted
    | TaskFinished
    | JudgementStarted
    | JudgementFinished
    | DecisionTaken
    | ConditionEvaluated
    | GateInputsChanged
    | PatienceEnded
    | StopRequested
    | HookFailed
    | RunFinished
)

_TYPES: dict[str, type[Any]] = {
    t.__name__: t
    for t in (
        RunStarted,
        RunResumed,
        TaskStarted,
        TaskFinished,
        JudgementStarted,
        JudgementFinished,
        DecisionTaken,
        ConditionEvaluated,
        GateInputsChanged,
        PatienceEnded,
        StopRequested,
        HookFailed,
        RunFinished,
    )
}
_FIELDS = {name: tuple((f.name, f.default) for f in fields(t)) for name, t in _TYPES.items()}
_MAPPINGS = {f.name for t in _TYPES.values() for f in fields(t) if str(f.type).startswith("Mapping")}
_TUPLES = {"selected", "gates", "paths", "again"}


def to_record(event: Event) -> dict[str, Any]:
    """The event as a JSON object: `event` holds its type, defaults are left out."""
    name = type(event).__name__
    record: dict[str, Any] = {"event": name}
    for key, default in _FIELDS[name]:
        value = getattr(event, key)
        if value is default or value is EMPTY or value == default:
            continue
        record[key] = dict(value) if key in _MAPPINGS else value
    return record


def from_record(record: Mapping[str, Any]) -> Event:
    """The event a record stands for; unknown keys are ignored, so that a newer minor version can be read.

    Raises:
        JournalError: the record is of no known type, or lacks a field.
    """
    kind = _TYPES.get(str(record.get("event")))
    if kind is None:
        msg = f"unknown event {record.get('event')!r}"
        raise JournalError(msg)
    try:
        values = {key: record[key] for key, _ in _FIELDS[kind.__name__] if key in record}
        for key in _TUPLES & values.keys():
            values[key] = values[key] if isinstance(values[key], bool) else tuple(values[key])
        if "outcome" in values:
            values["outcome"] = Outcome(values["outcome"])
        return kind(**values)  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        msg = f"record of {kind.__name__}: {error}"
        raise JournalError(msg) from None
