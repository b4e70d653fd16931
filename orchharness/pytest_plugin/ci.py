"""What a CI system is told of a session's plans: annotations in its log, and a summary in Markdown.

Rules that hold here:
  * Told once, at the end of the session, in whatever way that came: passed, failed, paused, interrupted, plans wrong.
  * Of a session inside of an act (an agent that runs pytest, say) the CI system hears by itself nothing.
  * What cannot be written is said, and changes no result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io import TerminalWriter

from orchharness.pytest_plugin import PLANS, is_plan, is_worker

if TYPE_CHECKING:
    from orchharness.pytest_plugin.telling_ci import Told

_INSIDE = "ORCH_ACT_"  # how the names of variables begin that every act has


def register(config: pytest.Config, environ: Mapping[str, str]) -> None:
    """Watch the session where somebody will hear of it; else nothing.

    Raises:
        UsageError: `--orch-summary` names a file in a folder that is not there.
    """
    wanted = config.option.orch_summary
    target = None if wanted is None else _target(config, wanted)
    inside = any(name.startswith(_INSIDE) for name in environ)
    step = None if inside else environ.get("GITHUB_STEP_SUMMARY") or None
    annotate = not inside and environ.get("GITHUB_ACTIONS") == "true"
    if is_worker(config) or not (target or step or annotate):
        return
    config.pluginmanager.register(CI(config, target, step, annotate=annotate), "orchharness-ci")


def _target(config: pytest.Config, wanted: str) -> Path:
    target = config.invocation_params.dir / wanted
    if not wanted or target.is_dir() or not target.parent.is_dir():
        msg = f"--orch-summary {wanted!r}: name a file in a folder that exists, like summary.md"
        raise pytest.UsageError(msg)
    return target


class CI:
    """Collects what went wrong while the session goes on, and tells it at its end."""

    def __init__(
        self, config: pytest.Config, target: Path | None, step: str | None, *, annotate: bool
    ) -> None:
        self._config = config
        self._target = target
        self._step = None if step and target and _same(step, target) else step
        self._annotate = annotate
        self._uncollected: dict[Path, str] = {}
        self._failed: list[pytest.TestReport] = []
        self._over = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep plans that cannot be read."""
        file = report.nodeid.partition("::")[0]
        if report.failed and is_plan(self._config, os.path.basename(file)):  # noqa: PTH119
            self._uncollected[self._path(file)] = str(report.longrepr)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep items that failed, also those of which it was allowed."""
        if not (report.failed or hasattr(report, "wasxfail")):
            return
        if is_plan(self._config, os.path.basename(report.location[0])):  # noqa: PTH119
            self._failed.append(report)

    def _path(self, file: str) -> Path:
        return Path(os.path.normpath(self._config.rootpath / file))

    # ---- the end -----------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell it, on lines of their own."""
        for text in self._tell():
            terminalreporter.write_line(text)

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        """Tell it where pytest has no terminal, or ended without a summary of its own."""
        lines = self._tell()
        if lines:
            writer = TerminalWriter(sys.stdout)
            for text in lines:
                writer.line(text)
            writer.flush()

    def _tell(self) -> list[str]:
        """Write the summary; the lines for the log. Nothing when that is done, or when nothing was to be run."""
        option = self._config.option
        idle = option.collectonly or option.orch_explain
        if self._over or idle or getattr(option, "setuponly", 0) or getattr(option, "setupplan", 0):
            return []
        self._over = True
        if PLANS not in self._config.stash and not self._uncollected:
            return self._write("No plans were run.\n") if self._target is not None else []
        told = self._told()
        return [*self._write(told.summary()), *(told.annotations() if self._annotate else [])]

    def _told(self) -> Told:
        from orchharness.pytest_plugin.telling_ci import Told

        failed = [(self._path(report.location[0]), report) for report in self._failed]
        return Told(self._config, self._uncollected, failed)

    def _write(self, text: str) -> list[str]:
        """Write the summary where it is wanted; what went wrong."""
        faults = []
        for path, mode in ((self._target, "w"), (self._step, "a")):
            if path is None:
                continue
            try:
                with open(path, mode, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    file.write(_fitting(text, file.tell()))
            except OSError as error:
                faults.append(f"warning: the summary could not be written: {error}")
        return faults


def _fitting(text: str, there: int) -> str:
    """The text after what stands there; beyond its limit GitHub would show nothing of either."""
    from orchharness.report.markdown import LIMIT, bounded

    if not there or there + len(text.encode(errors="replace")) <= LIMIT:
        return f"\n{text}" if there else text
    return "\n" + bounded(text.rstrip("\n").split("\n\n"), LIMIT - there - 1)


def _same(one: str, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
