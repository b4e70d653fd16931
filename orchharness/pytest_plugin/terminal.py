"""What orchharness adds to pytest's terminal: refinements as they happen, and a summary per plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchharness.report.text import line

if TYPE_CHECKING:
    import pytest

    from orchharness.core.status import Transition
    from orchharness.run.drive import PlanRun

_MARKUP = {"passed": {"green": True}, "paused": {"yellow": True}, "interrupted": {"yellow": True}}


class Terminal:
    """Writes lines beside pytest's own, never into the middle of one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._runs: list[PlanRun] = []
        self._notes: list[str] = []

    @property
    def _reporter(self) -> Any:
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def _line(self, text: str, **markup: bool) -> None:
        reporter = self._reporter
        if reporter is not None and self._config.get_verbosity() >= 0:
            reporter.write_line(text, **markup)

    def pulled_in(self, plan: str, added: Sequence[str], chosen: int) -> None:
        """Items were added because the chosen ones need them."""
        names = ", ".join(added[:8]) + (f" and {len(added) - 8} more" if len(added) > 8 else "")
        self._notes.append(f"{plan}: {chosen} chosen, pulled in what they need: {names}")

    def note(self, text: str) -> None:
        """Say something before the first run begins."""
        self._notes.append(text)

    def take_notes(self) -> list[str]:
        """What was to be said, in a process that cannot say it."""
        notes, self._notes = self._notes, []
        return notes

    def began(self, run: PlanRun) -> None:
        """A run has a directory now."""
        self._runs.append(run)
        for note in self._notes:
            self._line(note)
        self._notes.clear()
        if run.directory is not None and self._config.get_verbosity() >= 1:
            self._line(f"{run.plan.id}: run directory {run.directory.root}")

    def moved(self, transition: Transition) -> None:
        """An item changed its state; what is no report of pytest's gets a line."""
        t = transition
        if t.state == "refining":
            self._line(f"REFINE {t.item} {line(t.reason)}, iteration {t.iteration + 1}", yellow=True)
        elif t.state == "paused":
            self._line(f"PAUSED {t.item} {line(t.reason)}", yellow=True)
        elif t.state == "waived":
            self._line(f"WAIVED {t.item} {line(t.reason)}", yellow=True)
        elif t.state == "ready" and t.was == "running":
            self._line(f"RETRY {t.item} {line(t.reason)}", yellow=True)

    def stopping(self, reason: str, running: Sequence[str]) -> None:
        """The session is being stopped while acts run."""
        names = ", ".join(sorted(a.partition(".")[0] for a in running)) or "nothing"
        self._line(f"{reason}: stopping; running: {names}")

    def summary(self, reporter: Any) -> None:
        """One paragraph per plan; the report's path is its last line."""
        for run in self._runs:
            state = run.end_state or "unfinished"
            reporter.write_sep("=", f"plan {run.plan.id}: {state}", **_MARKUP.get(state, {"red": True}))
            for text in run.summary_lines():
                reporter.write_line(text)
            for warning in dict.fromkeys(run.warnings):
                reporter.write_line(f"warning: {line(warning, 500)}", yellow=True)
            if run.broken is not None:
                reporter.write_line(
                    f"the run could not be recorded any more: {line(run.broken, 500)}", red=True
                )
            elif run.directory is not None:
                shown = run.directory.report if run.directory.report.exists() else run.directory.root
                reporter.write_line(f"report: {shown}")
