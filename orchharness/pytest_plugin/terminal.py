"""What orchharness adds to pytest's terminal: refinements as they happen, and a summary per plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchharness.core.outages import PARKED
from orchharness.report.text import line

if TYPE_CHECKING:
    import pytest

    from orchharness.core.status import Transition
    from orchharness.pytest_plugin.showing import Showing
    from orchharness.run.drive import PlanRun

_MARKUP = {"passed": {"green": True}, "paused": {"yellow": True}, "interrupted": {"yellow": True}}


class Terminal:
    """Writes lines beside pytest's own, never into the middle of one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.runs: list[PlanRun] = []  # those that were begun
        self._notes: list[str] = []
        self.showing: Showing | None = None  # the live view, while plans run

    @property
    def _reporter(self) -> Any:
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def _line(self, text: str, *, least: int = 0, **markup: bool) -> None:
        """Write a line of its own, also when pytest is in the middle of one; not below that verbosity."""
        reporter, verbosity = self._reporter, self._config.get_verbosity()
        if reporter is None or verbosity < least:
            return
        reporter.ensure_newline()
        writer = self._config.get_terminal_writer()
        if writer.width_of_current_line:
            writer.line()
        if verbosity < 0:
            writer.line(text, **markup)
        else:
            # pytest begins every line of progress with a newline: one of ours as well would leave an empty line.
            reporter.write(text, flush=True, **markup)
            reporter.currentfspath = -2

    def pulled_in(self, plan: str, added: Sequence[str], chosen: int) -> None:
        """Items were added because the chosen ones need them."""
        self._notes.append(f"{plan}: {chosen} chosen, pulled in what they need: {_names(added)}")
        reporter = self._reporter
        if reporter is None or "deselected" not in reporter.stats:
            return
        names = {f"{plan}::{i}" for i in added}
        kept = [i for i in reporter.stats.pop("deselected") if _short(i.nodeid) not in names]
        if kept:
            reporter.stats["deselected"] = kept

    def left_out(self, plan: str, reasons: Mapping[str, str]) -> None:
        """Chosen items that a skip mark excludes."""
        for reason in dict.fromkeys(reasons.values()):
            names = [i for i, why in reasons.items() if why == reason]
            self._notes.append(f"{plan}: left out {_names(names)}: {line(reason)}")

    def take_notes(self) -> Sequence[str]:
        """What there is to say once everything is collected; said once."""
        notes, self._notes = self._notes, []
        quiet = self._config.get_verbosity() < 0 and self._config.option.collectonly
        return [] if quiet else notes

    def began(self, run: PlanRun) -> None:
        """A run has a directory now."""
        self.runs.append(run)
        if run.directory is not None:
            self._line(f"{run.plan.id}: run directory {run.directory.root}", least=1)
        if run.replayed:
            self._line(f"{run.plan.id}: {run.replayed}", yellow=True)
        if run.going_on_with:
            self._line(f"{run.plan.id}: {run.going_on_with}")
        for item, reason in run.reasons.items():
            self._line(f"  {item} {line(reason)}")
        if self.showing is not None and run.directory is not None:
            self.showing.follow(run.directory)

    def note(self, text: str, *, yellow: bool = True) -> None:
        """Something happened that is about no item."""
        self._line(text, yellow=yellow)

    def moved(self, transition: Transition) -> None:
        """An item changed its state; what is no report of pytest's gets a line."""
        t = transition
        if t.state == "refining":
            self._line(f"REFINE {t.item} {line(t.reason)}, iteration {t.iteration + 1}", yellow=True)
        elif t.state == "paused":
            self._line(f"PAUSED {t.item} {line(t.reason)}", yellow=True)
        elif t.state == "waived":
            self._line(f"WAIVED {t.item} {line(t.reason)}", yellow=True)
        elif t.state == "ready" and t.was == "running" and not t.reason.startswith(PARKED):
            self._line(f"RETRY {t.item} {line(t.reason)}", yellow=True)

    def stopping(self, reason: str, running: Sequence[str], *, cancel: bool = True) -> None:
        """The session is being stopped while acts run."""
        names = ", ".join(sorted({re.split(r"\.i[0-9]+\.", a, maxsplit=1)[0] for a in running})) or "nothing"
        doing = "ending what runs" if cancel else "nothing new starts, still running"
        self._line(f"{reason}: {doing}: {names}", least=-1, yellow=True)

    def summary(self, reporter: Any) -> None:
        """One paragraph per plan; the path of its report, or of its folder, is the last line."""
        for run in self.runs:
            state = run.end_state or "unfinished"
            told = f"{state}, {run.replayed}" if run.replayed else state
            reporter.write_sep("=", f"plan {run.plan.id}: {told}", **_MARKUP.get(state, {"red": True}))
            for text in run.summary_lines():
                reporter.write_line(text)
            for warning in dict.fromkeys(run.warnings):
                reporter.write_line(f"warning: {line(warning, 500)}", yellow=True)
            if run.broken is not None:
                reporter.write_line(
                    f"the run could not be recorded any more: {line(run.broken, 500)}", red=True
                )
            elif run.directory is not None and run.directory.report.exists():
                reporter.write_line(f"report: {run.directory.report}")
            elif run.directory is not None:  # it was left before its end, or could not be rendered
                reporter.write_line(f"run directory: {run.directory.root}")


def _names(items: Sequence[str]) -> str:
    return ", ".join(items[:8]) + (f" and {len(items) - 8} more" if len(items) > 8 else "")  # noqa: PLR2004


def _short(nodeid: str) -> str:
    """The node id without its track."""
    file, *rest = nodeid.split("::")
    return f"{file}::{rest[-1]}" if rest else file
