"""From a session that is over to what a CI system is told of it. Imported only where one listens."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.errors import Location, OrchError, PlanError, Problem
from orchharness.journal import read_journal
from orchharness.pytest_plugin.plans import plans_of
from orchharness.pytest_plugin.reports import late_texts
from orchharness.pytest_plugin.scan import plan_texts
from orchharness.report.annotations import Annotation, commands
from orchharness.report.history import read
from orchharness.report.markdown import PlanSummary, Refusal, summary
from orchharness.report.text import line, moment
from orchharness.run.summary import parked_text, stop_lines

if TYPE_CHECKING:
    import pytest

    from orchharness.core.status import ItemStatus
    from orchharness.pytest_plugin.plans import Plans
    from orchharness.run.drive import PlanRun

_WRONG, _STOPPED, _ERROR, _GATE, _TASK = range(5)  # worst first
_PLACED = re.compile(r"(?P<path>.+?):(?P<line>[0-9]+):[0-9]+: (?P<text>.*)", re.DOTALL)


class Told:
    """What is told. `uncollected`: plan file -> why it cannot be read; `failed`: plan file, report."""

    def __init__(
        self,
        config: pytest.Config,
        uncollected: Mapping[Path, str],
        failed: Sequence[tuple[Path, pytest.TestReport]],
    ) -> None:
        self._root = config.rootpath
        self._folders = (
            config.invocation_params.dir,
            config.rootpath,
        )  # in the order in which plans are named
        self._repository = _repository(config.rootpath)
        self._plans = _plans(config)
        self._known = dict(self._plans.known) if self._plans is not None else {}
        self._runs = dict(self._begun())
        self._wrong = {path: self._problems(path, text) for path, text in uncollected.items()}
        self._failed = failed
        # With workers nothing is read here when a plan is wrong.
        self._scanned = (
            [Path(p) for p in plan_texts(config)] if config.pluginmanager.hasplugin("dsession") else []
        )

    def _begun(self) -> Iterator[tuple[Path, PlanRun]]:
        for run in self._plans.terminal.runs if self._plans is not None else ():
            path = next((path for path, plan in self._known.items() if plan is run.plan), None)
            if path is not None:
                yield Path(os.path.normpath(path)), run

    def _problems(self, path: Path, text: str) -> list[Problem]:
        """What is wrong in the plan. Workers tell it as text alone, so the plan is read once more."""
        try:
            if self._plans is not None:
                self._plans.read(path)
        except PlanError as error:
            return list(error.problems)
        except (OrchError, OSError):
            pass
        return [Problem(Location(self._shown(path)), text)]

    # ---- annotations -------------------------------------------------------------------------

    def annotations(self) -> list[str]:
        """The workflow commands, a line each."""
        found = list(self._errors())
        for path, run in self._runs.items():
            found += self._warnings(path, run)
        return commands(found)

    def _errors(self) -> Iterator[Annotation]:
        for path, problems in self._wrong.items():
            for p in problems:
                where, title = self._file(p.location.path) or path, f"{path.name} is wrong"
                yield self._at("error", where, p.location.line, title, p.message, _WRONG)
        for path, run in self._runs.items():
            stop = _stop_of(run)
            if stop:
                title = f"plan {run.plan.id}: {run.end_state or 'unfinished'}"
                yield self._at("error", path, 0, title, "\n".join(stop), _STOPPED)
        for path, report in self._failed:
            yield self._item(path, report)

    def _item(self, path: Path, report: pytest.TestReport) -> Annotation:
        item, run = report.location[2], self._runs.get(path)
        known = None if run is None else run.plan.tasks.get(item) or run.plan.gates.get(item)
        # The line of an item from a fragment is the fragment's.
        place = 0 if known is not None and known.scope is not None else (report.location[1] or 0) + 1
        said = dict(report.user_properties)
        state = str(said.get("state") or "error") if report.when != "teardown" else "error"
        text = str(report.longrepr)
        if hasattr(report, "wasxfail"):
            return self._at("warning", path, place, f"{item} {state}, which the plan allows", text, _TASK)
        if run is None:
            return self._at("error", path, 0, f"{path.name} cannot be started", text, _WRONG)
        gate = item in run.plan.gates
        rank = _ERROR if state != "failed" else _GATE if gate else _TASK
        return self._at("error", path, place, f"{item} {state}", text, rank)

    def _warnings(self, path: Path, run: PlanRun) -> Iterator[Annotation]:
        for asked in run.run.questions:
            title = f"{asked.item} waits for a person"
            yield self._at("warning", path, self._line(run, asked.item), title, asked.text, _STOPPED)
        parked = parked_text(run.run)
        if parked:
            yield self._at("warning", path, 0, f"plan {run.plan.id}: {run.end_state}", parked, _STOPPED)
        for item in run.run.selected:
            status = run.run.status(item)
            if status.state == "waived":
                yield self._at(
                    "warning", path, self._line(run, item), f"{item} waived", _waiver(status), _GATE
                )
        for text in dict.fromkeys(run.warnings):
            found = _PLACED.fullmatch(text)
            where = self._file(found["path"]) if found is not None else None
            if found is not None and where is not None:
                title = f"plan {run.plan.id}"
                yield self._at("warning", where, int(found["line"]), title, found["text"], _TASK)
            else:
                yield self._at("warning", path, 0, f"plan {run.plan.id}", text, _TASK)

    def _file(self, shown: str) -> Path | None:
        """The plan or fragment that people know by that name."""
        return next((folder / shown for folder in self._folders if (folder / shown).is_file()), None)

    def _line(self, run: PlanRun, item: str) -> int:
        known = run.plan.item(item)
        return known.line if known.scope is None else 0

    def _at(self, level: str, path: Path, place: int, title: str, message: str, rank: int) -> Annotation:
        file = os.path.relpath(os.path.realpath(path), self._repository)
        outside = file.startswith("..")
        return Annotation(
            level="error" if level == "error" else "warning",
            title=title,
            message=message,
            file="" if outside else file,
            line=place,
            rank=rank,
        )

    # ---- the summary -------------------------------------------------------------------------

    def summary(self) -> str:
        """The Markdown of the session."""
        return summary([_summary_of(run) for run in self._runs.values()], list(self._refused()))

    def _refused(self) -> Iterator[Refusal]:
        known = set(self._runs) | set(self._wrong)
        for path, problems in self._wrong.items():
            yield Refusal(
                plan=self._shown(path), reasons=tuple(f"{p.location}: {p.message}" for p in problems)
            )
        for path, report in self._failed:
            if path not in known:
                known.add(path)
                yield Refusal(plan=self._shown(path), reasons=(str(report.longrepr),))
        for path in [*self._known, *self._scanned]:
            if Path(os.path.normpath(path)) not in known:
                known.add(Path(os.path.normpath(path)))
                yield Refusal(plan=self._shown(path), reasons=("nothing of it was run in this session",))

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self._root)


def _summary_of(run: PlanRun) -> PlanSummary:
    records: Sequence[Mapping[str, object]] = ()
    notes = _notes(run)
    if run.directory is not None:
        try:
            records = read_journal(run.directory.journal).records
        except (OrchError, OSError) as error:
            notes.append(f"the journal cannot be read: {error}")
    return PlanSummary(
        plan=run.plan,
        history=read(run.plan, records, now=time.time()),
        questions=tuple((asked.item, asked.text) for asked in run.run.questions),
        warnings=tuple(dict.fromkeys(run.warnings)),
        notes=tuple(notes),
    )


def _notes(run: PlanRun) -> list[str]:
    """What is wrong with the run as a whole."""
    return [*late_texts(run).values(), *_stop_of(run), *filter(None, [parked_text(run.run)])]


def _stop_of(run: PlanRun) -> list[str]:
    """Why it did not go to its end, and what that left undone."""
    if run.broken is not None:
        return [f"the run could not be recorded any more: {run.broken}"]
    return stop_lines(run.run)


def _waiver(status: ItemStatus) -> str:
    said = status.decision
    if not said:
        return status.reason
    note = f": {said['note']}" if said["note"] else ""
    return f"{line(said['option'])} by {line(said['by'])} on {moment(said['at'])}{note}"


def _plans(config: pytest.Config) -> Plans | None:
    try:
        return plans_of(config)
    except OrchError:  # with a conftest that is refused no plan can be read; each says so
        return None


def _repository(start: Path) -> str:
    """The root of the repository, to which GitHub takes paths as relative; without one, the checkout's folder."""
    real = Path(os.path.realpath(start))
    for folder in (real, *real.parents):
        if (folder / ".git").exists():
            return str(folder)
    return os.path.realpath(os.environ.get("GITHUB_WORKSPACE") or real)
