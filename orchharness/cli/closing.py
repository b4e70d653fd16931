"""The last records of a run that is ended from outside, and its views.

The plan that the session froze is read again, and the journal replayed, so that the transitions are those of the
orchestrator. Where that cannot be done (a plugin or a file is gone), items are marked by hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchharness.cli.picture import picture_of
from orchharness.core import events as ev
from orchharness.core.acts import Outcome
from orchharness.core.past import Started, item_of, replay
from orchharness.core.status import GateState, TaskState
from orchharness.errors import OrchError
from orchharness.journal import Journal, StateFile
from orchharness.run.hidden import redactor_of
from orchharness.run.scrub import scrub

if TYPE_CHECKING:
    from orchharness.core.orchestrator import Orchestrator
    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost
    from orchharness.run.past import Earlier

REASON = "orchharness cancel"
CANCELLED = "cancelled"
Then = Sequence[Mapping[str, Any]]


def close_run(earlier: Earlier, host: PluginHost, ended: Sequence[tuple[Started, float | None]]) -> list[str]:
    """Journal that these acts were ended (each with when it was spawned), and the run; what there is to say of it.

    Raises:
        JournalError: it cannot be written.
    """
    known = _replayed(earlier, host)
    said = []
    if known is None:
        said.append(
            "the plan cannot be read as it was: the state file and the report show the run as it was before"
        )
    with Journal.reopen(earlier.directory.journal).journal as journal:
        now = time.time()
        for event in _events(ended, now):
            then = [t.to_record() for t in known.apply(event)] if known else _by_hand(earlier, event)
            journal.append(ev.to_record(event), then=then, mono=time.monotonic())
    redactor = redactor_of(earlier.header.get("hidden", ()))  # as far as the values are in this environment
    for begun, _ in ended:
        said += scrub(str(earlier.directory.act(begun.act)), redactor)
    if known is not None:
        said += _write_views(earlier, known, now, host)
    return said


def _events(ended: Sequence[tuple[Started, float | None]], now: float) -> Iterator[ev.Event]:
    yield ev.StopRequested(at=now, reason=REASON, cancel=True, interrupted=False)
    for begun, since in ended:
        began = since or begun.at
        common: dict[str, Any] = {
            "at": now,
            "act": begun.act,
            "outcome": Outcome.CANCELLED,
            "started": began,
            "seconds": max(0.0, now - began),
            "detail": f"ended by {REASON}",
        }
        if isinstance(begun, ev.TaskStarted):
            yield ev.TaskFinished(task=begun.task, **common)
        else:
            yield ev.JudgementFinished(gate=begun.gate, critic=begun.critic, **common)
    yield ev.RunFinished(at=now, state=CANCELLED, reason=REASON)


def _replayed(earlier: Earlier, host: PluginHost) -> Orchestrator | None:
    """The run as its journal tells it; None when its plan cannot be read any more."""
    try:
        plan = frozen_plan(earlier, host)
        return replay(plan, [ev.from_record(entry) for entry in earlier.records])
    except (OrchError, OSError, KeyError, TypeError):
        return None


def frozen_plan(earlier: Earlier, host: PluginHost) -> Plan:
    """The plan that the last session froze.

    Raises:
        OrchError: it cannot be read, or a file or plugin that it needs is gone.
        OSError: the run has no plan.
        KeyError: its journal does not say where the plan is from.
    """
    header = earlier.header
    root, plan_file = Path(header["root"]), Path(header["plan_file"])
    text = (earlier.session / "plan.yaml").read_bytes()
    try:
        return _read_as(earlier, host, text, root)
    except (
        OrchError
    ):  # a path that is a variable's default is relative to the plan, one that was given is not
        return _read_as(earlier, host, text, plan_file.parent)


def _read_as(earlier: Earlier, host: PluginHost, text: bytes, cwd: Path) -> Plan:
    from orchharness.planfile import read_plan

    header = earlier.header
    return read_plan(
        Path(header["plan_file"]),
        root=Path(header["root"]),
        kinds=host.kinds,
        critic_kinds=host.critic_kinds,
        variables=header.get("vars", {}),
        cwd=cwd,
        text=text,
    )


def _by_hand(earlier: Earlier, event: ev.Event) -> Then:
    """What the event changes for certain: the task is cancelled, the gate may be asked again."""
    if not isinstance(event, ev.TaskFinished | ev.JudgementFinished):
        return ()
    item = picture_of(earlier.records).items.get(item_of(event))
    if item is None or item.state not in {TaskState.RUNNING, GateState.JUDGING}:
        return ()
    state = str(TaskState.CANCELLED) if isinstance(event, ev.TaskFinished) else str(GateState.READY)
    moved = {"item": item.id, "was": item.state, "state": state, "reason": event.detail}
    return ({**moved, "iteration": item.iteration} if item.iteration else moved,)


def _write_views(earlier: Earlier, run: Orchestrator, now: float, host: PluginHost) -> Iterator[str]:
    """The state file and the report, as the orchestrator would have written them."""
    from orchharness.run.reporting import ReportHelper

    directory = earlier.directory
    view = StateFile(directory.state, run.plan, directory.run_id)
    view.update(map(run.status, run.selected), CANCELLED, now)
    view.flush(now, force=True)
    problem = view.error or ReportHelper().write(
        run.plan, directory.journal, directory.report, run.plan.warnings, host
    )
    if problem:
        yield f"the run is recorded, but not all of its views: {problem}"
