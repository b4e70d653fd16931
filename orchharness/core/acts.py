"""What crosses a hook: requests, handles, poll answers, evaluations. All are JSON values in dataclass form.

An *act* is one spawn: a task's iteration, or one critic's judgement. Each has a folder of its own, a `key`
(a nonce that the journal holds) and is executed in the same way whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Literal

from orchharness.core.plan import EMPTY
from orchharness.record import record

API_VERSION = 1


class Outcome(StrEnum):
    """How an act ended. Only `success` can pass a task; only `success` carries an evaluation."""

    SUCCESS = "success"  # ended well, and every output is there
    EXIT = "exit"  # ended with failure
    TIMEOUT = "timeout"  # took longer than its `timeout`, and was ended
    IDLE = "idle"  # no sign of life for `idle_timeout`
    LOST = "lost"  # cannot be found, and left no result
    CANCELLED = "cancelled"  # ended by a person, an interrupt or a stop
    EVIDENCE = "evidence"  # ended with success, but an output is missing, empty, not written, or does not fit
    ERROR = "error"  # could not be started or judged at all
    LIMITED = (
        "limited"  # its engine takes no work now (429, overloaded): no fault of the act, asked again later
    )
    REFUSED = "refused"  # its engine does not know the caller (401): asking again is of no use


@record
class Kind:
    """One kind of agent or critic a plugin offers.

    `options` returns the pydantic model of the kind's options; it is called only when a plan uses the kind,
    so that pydantic is not imported before. None: the kind has no options of its own.
    """

    name: str
    role: Literal["agent", "critic"] = "agent"
    options: Callable[[], type[Any]] | None = None
    is_model: bool = False  # a language model: its outputs must change by default


@record
class SpawnRequest:
    """Everything a spawn plugin needs; templates are rendered. Paths are absolute. JSON types only.

    `env` is what is added to the caller's environment. `argv` is set for a `run`; with `shell` it is one text.
    """

    key: str
    act: str  # name of the act, e.g. `EN-027.i2.a1`
    kind: str
    folder: str  # the act's own folder
    cwd: str
    argv: tuple[str, ...] = ()
    shell: bool = False
    prompt: str | None = None
    env: Mapping[str, str] = field(default=EMPTY)
    options: Mapping[str, Any] = field(default=EMPTY)
    findings: str | None = None  # path of the findings, from iteration 2 on
    session: str | None = None
    timeout: float | None = None
    api: int = API_VERSION


@record
class PreflightRequest:
    """One agent of a plan, before anything is spawned: can it work as the plan asks?

    `env` is what is added to the caller's environment, `cwd` is where its first task works.
    """

    agent: str  # its name in the plan
    kind: str
    cwd: str
    options: Mapping[str, Any] = field(default=EMPTY)
    env: Mapping[str, str] = field(default=EMPTY)
    api: int = API_VERSION


@record
class Preflight:
    """What a look before the first spawn found.

    `missing`: the client is not installed, and how to install it. `fault`: it is there and cannot do what is asked.
    """

    missing: str = ""
    fault: str = ""
    warnings: tuple[str, ...] = ()
    version: str = ""


@record
class Handle:
    """How to find a spawned act again, from any process. `data` holds JSON types."""

    kind: str
    data: Mapping[str, Any]
    api: int = API_VERSION


@record(kw_only=False)
class Queued:
    """Accepted by its engine, not running yet."""


@record(kw_only=False)
class Running:
    """Alive. `life` is any value that changes when the act shows a sign of life beyond its output."""

    life: str = ""


@record(kw_only=False)
class Unknown:
    """The engine gives no answer now: ask again later, nothing is lost."""

    reason: str = ""


@record
class Finished:
    """Over. `ok` is the agent's own word for success: it can make the task fail, never pass.

    `trouble` says that not the agent but its engine is why it is not ok: it takes no work now (`retry_after` seconds,
    where it names a time), or does not know the caller.
    """

    ok: bool
    exit: int | None = None
    detail: str = ""
    answer: str | None = None
    summary: str | None = None
    session: str | None = None
    usage: Mapping[str, Any] = field(default=EMPTY)
    trouble: Literal["", "limited", "refused"] = ""
    retry_after: float | None = None


@record(kw_only=False)
class Lost:
    """Gone without an exit status."""

    reason: str = ""


PollResult = Queued | Running | Unknown | Finished | Lost


@record
class CriticRequest:
    """What a critic judges and how. Everything in `folder` is the act's own; `artifacts` are read-only copies.

    `artifacts` maps `TASK.output` to the paths of the copies below `folder`. `evaluations` are those of the critics that
    this one comes after: critic -> {"score", "judgements"}; others wrote them, so they are data.
    """

    key: str
    act: str
    gate: str
    critic: str
    kind: str
    iteration: int
    folder: str
    cwd: str
    workspace: str
    argv: tuple[str, ...] = ()
    shell: bool = False
    prompt: str | None = None
    agent: Mapping[str, Any] = field(default=EMPTY)  # kind, argv, options of the agent that judges
    checks: tuple[Mapping[str, Any], ...] = ()
    criteria: tuple[str, ...] = ()
    artifacts: Mapping[str, tuple[str, ...]] = field(default=EMPTY)
    evaluations: Mapping[str, Any] = field(default=EMPTY)
    env: Mapping[str, str] = field(default=EMPTY)
    options: Mapping[str, Any] = field(default=EMPTY)
    timeout: float | None = None
    api: int = API_VERSION


@record
class Evaluation:
    """What a critic answers, as it said it; the gate checks and computes.

    `criteria`: name -> {"score": 0..1, "why": text}. `findings`: {"severity", "task", "where", "what", "fix"}.
    `passed` is used by critics that only hold or do not hold (checks): None for those that score.
    """

    criteria: Mapping[str, Any] = field(default=EMPTY)
    findings: tuple[Mapping[str, Any], ...] = ()
    passed: bool | None = None
    total: Any = None  # a total the critic states itself: a note, compared, never used
