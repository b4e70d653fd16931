"""Every hook of orchharness, in one file. Project name and entry-point group: `orchharness`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from orchharness.core.acts import (
        CriticRequest,
        Evaluation,
        Handle,
        Kind,
        PollResult,
        Preflight,
        PreflightRequest,
        SpawnRequest,
    )
    from orchharness.core.events import Event
    from orchharness.core.orchestrator import RunView
    from orchharness.core.section import Section
    from orchharness.report.view import ReportView

PROJECT = "orchharness"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def orchharness_agent_kinds() -> Sequence[Kind]:  # type: ignore[empty-body]
    """Offer kinds of agents and critics to plans.

    When: once per session, when the first plan is read; in every process that reads plans or executes acts.
    Result: the kinds; each belongs to the plugin that offered it, and its acts go to that plugin alone.
        A kind offered twice is an error.
    Raising: ends the session with the plugin's name; no plan is run.

    Returns:
        The kinds this plugin offers; `Kind.options` gives the pydantic model of a kind's options.

    Example:
        @hookimpl
        def orchharness_agent_kinds():
            return [Kind(name="aider", options=lambda: AiderOptions, is_model=True)]
    """


@hookspec
def orchharness_preflight(request: PreflightRequest) -> Preflight:  # type: ignore[empty-body]
    """Say whether an agent of a plan can work, before anything is spawned.

    When: once per agent that the chosen items of a plan use, when its run is about to begin; in the orchestrator's
        process, in a thread of its own, several at once. Not when plans are only listed, checked, explained or
        simulated. Only the plugin that offered `request.kind` is called; one without this hook is not asked.
    Result: `missing` (no client; how to install it) and `fault` (it cannot do what is asked) keep the whole plan
        from being run, `warnings` are shown once, `version` is recorded with the run. All of them may be empty.
    Raising: is a fault, reported with the plugin's name; so is no answer within 30 s.

    Args:
        request: The agent as the plan means it: its name, options and environment, rendered.

    Returns:
        What the look found.

    Example:
        @hookimpl
        def orchharness_preflight(request):
            if shutil.which("aider", path=request.env.get("PATH")) is None:
                return Preflight(missing="'aider' is not on the PATH; install it with: pip install aider-chat")
            return Preflight(version=version_of("aider"))
    """


@hookspec
def orchharness_spawn(request: SpawnRequest) -> Handle:  # type: ignore[empty-body]
    """Start the act, in the background, and say how to find it again.

    When: once per act, after the instruction was journalled; in the process that executes the act (the session
        itself, or an xdist worker). Only the plugin that offered `request.kind` is called.
    Result: the handle, stored in the act's folder. Must be idempotent by `request.key`: asked twice, the same
        handle is returned and nothing is started again.
    Raising: the act ends with outcome `error` and the message.

    Args:
        request: What to run, where, with which prompt, inputs and environment.

    Returns:
        A handle of JSON types that `orchharness_poll` understands in any process.

    Example:
        @hookimpl
        def orchharness_spawn(request):
            argv = ("aider", "--message", request.prompt or "")
            return LocalProcess.spawn(request, argv)
    """


@hookspec
def orchharness_poll(handle: Handle) -> PollResult:  # type: ignore[empty-body]
    """Say how the act is doing, without waiting.

    When: again and again until the act is over, in the process that executes it, or in another one after a
        crash. Handles of local processes are asked when they end, others with growing pauses of up to 1 s.
    Result: `Queued`, `Running`, `Unknown` (no answer now; nothing is lost), `Finished` or `Lost`.
    Raising: counts as `Unknown` with the message; an unreachable engine is never a failed task.

    Args:
        handle: What `orchharness_spawn` returned, possibly read back from disk.

    Returns:
        The state of the act.

    Example:
        @hookimpl
        def orchharness_poll(handle):
            return LocalProcess.poll(handle)
    """


@hookspec
def orchharness_cancel(handle: Handle) -> bool:  # type: ignore[empty-body]
    """End the act and everything it started.

    When: on timeout, stop or interrupt; in the process that executes the act or in the orchestrator. May be
        asked again until it says True.
    Result: True when nothing of the act is left.
    Raising: reported by name; the act ends with outcome `error`.

    Args:
        handle: What `orchharness_spawn` returned.

    Returns:
        Whether the whole tree is gone.

    Example:
        @hookimpl
        def orchharness_cancel(handle):
            return LocalProcess.cancel(handle)
    """


@hookspec
def orchharness_critic(request: CriticRequest) -> Evaluation:  # type: ignore[empty-body]
    """Judge the artifacts.

    When: once per judgement, in a process of its own, which is the act: it may block, crash or be timed out.
        Only the plugin that offered `request.kind` is called.
    Result: the evaluation as the critic means it. The engine checks it and computes the score.
    Raising: the judgement is an `error` (tried again by the critic's `retry`), never a score.

    Args:
        request: The artifacts' read-only copies, the criteria, the critic's own options.

    Returns:
        Scores and findings.

    Example:
        @hookimpl
        def orchharness_critic(request):
            text = Path(request.artifacts["EN-029.playbook"][0]).read_text()
            return Evaluation(criteria={"clarity": {"score": 1.0 if "TBD" not in text else 0.0}})
    """


@hookspec
def orchharness_update(event: Event, run: RunView) -> None:
    """Watch the run.

    When: in the orchestrator's process, after each record of the journal, in order, at most once per event,
        before anything that depends on it is spawned.
    Result: ignored.
    Raising: reported as a `HookFailed` record and a warning; the run goes on.

    Args:
        event: What happened.
        run: An immutable view of the run after it.

    Returns:
        Nothing.

    Example:
        @hookimpl
        def orchharness_update(event, run):
            print(type(event).__name__, run.counts)
    """


@hookspec
def orchharness_report_section(view: ReportView) -> Section | None:
    """Add a section to the report of a run.

    When: once for each plan, when its run is over and its report is written, and in `orchharness report`; not for
        the reports that are written while a run goes on. In a process of its own: what `orchharness_update` was told
        is not in its memory.
    Result: the section, shown behind the report's own; None for nothing. It holds plain values and no HTML: the
        report cleans, bounds and escapes them, whoever wrote them.
    Raising: told in the report, in place of the section; the rest of it is written.

    Args:
        view: What the report shows: `view.plan`, `view.run`, `view.state`, and tuples of rows such as `view.tasks`,
            `view.gates` and `view.artifacts`.

    Returns:
        A `Section` of `Text`, `Verbatim` and `Table` parts, or None.

    Example:
        @hookimpl
        def orchharness_report_section(view):
            rows = tuple((task.id, task.time) for task in view.tasks)
            return Section("Times", (Table(("Task", "Time"), rows),))
    """


HOOKS: Iterable[str] = (
    "orchharness_agent_kinds",
    "orchharness_preflight",
    "orchharness_spawn",
    "orchharness_poll",
    "orchharness_cancel",
    "orchharness_critic",
    "orchharness_update",
    "orchharness_report_section",
)
