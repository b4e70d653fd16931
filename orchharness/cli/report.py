"""`orchharness report`: write the report of a run again, from its journal and its folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchharness.cli.project import chosen_run, project_of
from orchharness.errors import OrchError
from orchharness.run.past import read_earlier

if TYPE_CHECKING:
    from orchharness.core.plan import Plan
    from orchharness.plugins import PluginHost
    from orchharness.run.past import Earlier


def report(asked: argparse.Namespace) -> int:
    """Write it, and print where it is.

    Raises:
        UsageError: there is no such run.
        OrchError: the run or its plan cannot be read, or the file not be written.
    """
    directory = chosen_run(project_of(asked), asked.run)
    earlier = read_earlier(directory)
    from orchharness.cli.ending import host_of

    host, notes = host_of(earlier)
    for note in notes:
        sys.stderr.write(f"orchharness: {note}\n")
    plan = _plan(earlier, host)
    target = directory.report if asked.output is None else _target(asked.output)
    from orchharness.cli.alive import orchestrator_of
    from orchharness.run.reporting import REFRESH, render_now

    goes_on = asked.output is None and orchestrator_of(directory) is not None
    fault = render_now(
        plan, directory.journal, target, plan.warnings, refresh=REFRESH if goes_on else 0, host=host
    )
    if fault:
        msg = f"the report cannot be written: {fault}"
        raise OrchError(msg)
    sys.stdout.write(f"{target}\n")
    return 0


def _plan(earlier: Earlier, host: PluginHost) -> Plan:
    """The plan as the run froze it.

    Raises:
        OrchError: it cannot be read any more.
    """
    from orchharness.cli.closing import frozen_plan

    try:
        return frozen_plan(earlier, host)
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = f"the plan of run {earlier.directory.run_id} cannot be read: {error}"
        raise OrchError(msg) from None


def _target(text: str) -> Path:
    target = Path(text)
    if target.is_dir() or not target.parent.is_dir():
        msg = f"-o {text!r}: name a file in a folder that exists, like report.html"
        raise OrchError(msg)
    return target
