"""From a decided item to pytest's reports: one case per item, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr

from orchharness.core.status import FAILURES, ItemStatus
from orchharness.errors import NotReadyError, OrchError
from orchharness.pytest_plugin.properties import properties_of
from orchharness.record import record
from orchharness.report.harmless import guarded
from orchharness.report.text import clean
from orchharness.run.summary import allowed_text, parked_text

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter

    from orchharness.core.orchestrator import Orchestrator
    from orchharness.run.drive import PlanRun

_MOST_FINDINGS = 20


@record
class Target:
    """Where pytest shows an item."""

    item_id: str
    nodeid: str
    path: Path
    location: tuple[str, int | None, str]
    keywords: dict[str, Any]


class ItemRepr(TerminalRepr):
    """The text of a failure, with its first line for the short summary."""

    def __init__(self, target: Target, text: str) -> None:
        self.text = text
        line = (target.location[1] or 0) + 1
        self.reprcrash = ReprFileLocation(target.location[0], line, text.partition("\n")[0])

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write the text; a CI system that reads along finds no command in it."""
        for line in guarded(self.text).splitlines():
            tw.line(line)

    def __str__(self) -> str:
        return self.text


def reports_of(target: Target, run: PlanRun, *, ended: bool) -> Iterable[pytest.TestReport]:
    """The setup, call and teardown reports of the item as it stands.

    `ended`: the run is over, so an item that still waits does so for a person.
    """
    status = run.run.status(target.item_id)
    used = run.usage.get(target.item_id)
    seconds = used.seconds if used is not None else 0.0
    allowed = status.state in FAILURES and run.run.plan.may_fail(status.id)
    properties = properties_of(status, run, allowed=allowed)

    def report(when: str, outcome: str, longrepr: Any = None, duration: float = 0.0) -> pytest.TestReport:
        start = status.started or 0.0
        return pytest.TestReport(
            target.nodeid,
            target.location,
            target.keywords,
            outcome,  # type: ignore[arg-type]
            longrepr,
            when,  # type: ignore[arg-type]
            duration=duration,
            start=start,
            stop=start + duration,
            user_properties=properties,
        )

    state = status.state
    if allowed:
        # As an expected failure: pytest shows it, and neither its exit status nor -x knows it.
        failure = report("call", "skipped", ItemRepr(target, failure_text(status, run)), seconds)
        failure.wasxfail = allowed_text(status)
        yield report("setup", "passed")
        yield failure
    elif state in {"passed", "waived"}:
        yield report("setup", "passed")
        yield report("call", "passed", duration=seconds)
    elif state == "skipped" or state == "paused" or (ended and state in {"waiting", "ready", "refining"}):
        line = (target.location[1] or 0) + 1
        reason = clean(status.reason) if state == "skipped" else _waits_for(status, run.run)
        yield report("setup", "skipped", (str(target.path), line, f"Skipped: {guarded(reason)}"))
    elif state == "error":
        yield report("setup", "failed", ItemRepr(target, failure_text(status, run)), seconds)
    else:
        yield report("setup", "passed")
        yield report("call", "failed", ItemRepr(target, failure_text(status, run)), seconds)
    yield report("teardown", "passed")


def _waits_for(status: ItemStatus, run: Orchestrator) -> str:
    if status.state == "paused":
        return f"paused: {clean(status.reason)}"
    asking, parked = [q.item for q in run.questions], run.parked
    if status.id in asking:
        return f"paused: {clean(status.reason) or 'waits for a person'}"
    if status.id in parked:
        return f"paused: {clean(parked[status.id])}"
    waits = f"waits for {', '.join(asking)}" if asking else ""
    return f"paused: {'; '.join(filter(None, (waits, parked_text(run))))}"


def failure_text(status: ItemStatus, run: PlanRun) -> str:
    """Why the item is not green, for people: the reason, the findings, where the log is."""
    reason = clean(status.reason) or status.state
    lines = [f"{status.id} {status.state}: {reason}" if status.state == "lost" else reason]
    gate = run.run.gates.get(status.id)
    if gate is not None:
        scores = run.scores.get(status.id, [])
        if len(scores) > 1:
            lines.append(f"scores: {' → '.join(scores)} (threshold {status.threshold})")
        findings = gate.verdict.findings if gate.verdict else ()
        lines += [_finding(f) for f in findings[:_MOST_FINDINGS]]
        if len(findings) > _MOST_FINDINGS:
            lines.append(f"… and {len(findings) - _MOST_FINDINGS} more findings in the report")
    lines += [f"warning: {clean(w)}" for w in status.warnings]
    if status.act and run.directory is not None:
        lines.append(f"logs: {run.directory.act(status.act)}")
    return "\n".join(lines)


def _finding(finding: Any) -> str:
    where = f"{clean(str(finding['where']))}: " if finding.get("where") else ""
    fix = f" → {clean(str(finding['fix']))}" if finding.get("fix") else ""
    return f"  {finding['severity']}: {where}{clean(finding['what'])}{fix}"


def emit(
    config: pytest.Config, target: Target, run: PlanRun, *, ended: bool = False, hook: Any = None
) -> None:
    """Tell pytest about the item: one logstart, its reports, one logfinish.

    `hook` is the item's own relay where there is an item: conftests of other folders are not asked.
    """
    hook = hook or config.hook
    hook.pytest_runtest_logstart(nodeid=target.nodeid, location=target.location)
    for report in reports_of(target, run, ended=ended):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=target.nodeid, location=target.location)


def late_texts(run: PlanRun) -> dict[str, str]:
    """Gate -> what became of its inputs after it had been decided."""
    return {
        g: f"gate inputs changed after {g} was decided: {', '.join(paths)}" for g, paths in run.late.items()
    }


def emit_late(config: pytest.Config, target: Target, text: str) -> None:
    """Tell pytest that something was wrong with an item that is reported already: an error at its teardown."""
    report = pytest.TestReport(
        target.nodeid, target.location, target.keywords, "failed", ItemRepr(target, text), "teardown"
    )
    config.hook.pytest_runtest_logreport(report=report)


def emit_refused(config: pytest.Config, targets: Sequence[Target], error: OrchError) -> None:
    """Tell pytest that a run could not be started: its first item is an error, the others were not run.

    Where agents cannot work every item is an error, or a skip where that is asked for.
    """
    hook, text = config.hook, clean(str(error))
    no_agents = isinstance(error, NotReadyError)
    skips = isinstance(error, NotReadyError) and error.missing and config.option.orch_skip_missing
    told = " ".join(text.split()) if skips else "the run could not be started"
    for number, target in enumerate(targets):
        hook.pytest_runtest_logstart(nodeid=target.nodeid, location=target.location)
        fails = not skips and (no_agents or not number)
        outcome: Any = "failed" if fails else "skipped"
        line = (target.location[1] or 0) + 1
        why: Any = ItemRepr(target, text) if fails else (str(target.path), line, f"Skipped: {told}")
        for report in (
            pytest.TestReport(target.nodeid, target.location, target.keywords, outcome, why, "setup"),
            pytest.TestReport(target.nodeid, target.location, target.keywords, "passed", None, "teardown"),
        ):
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=target.nodeid, location=target.location)
