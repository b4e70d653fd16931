"""`orchharness decide RUN GATE OPTION`: answer what a run asks a person."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from orchharness.cli import UsageError
from orchharness.cli.alive import orchestrator_of
from orchharness.cli.project import chosen_run, project_of
from orchharness.cli.standing import Standing
from orchharness.errors import OrchError
from orchharness.report.text import line
from orchharness.run import questions


def decide(asked: argparse.Namespace) -> int:
    """Write the answer for the orchestrator to take.

    Raises:
        UsageError: nobody says who decides.
        OrchError: the run does not ask that, or the answer cannot be written.
    """
    run = chosen_run(project_of(asked), asked.run)
    choice = sys.stdin.read().rstrip("\n") if asked.choice == "-" else asked.choice
    by = asked.by or _user()
    import time

    one = Standing(run, time.time())
    if one.replayed and one.pid is None:
        msg = (
            f"run {run.run_id} was replayed from a recording and is over, so no answer reaches it; "
            f"a replay is answered while it runs: {one.replay_command(Path.cwd())}"
        )
        raise OrchError(msg)
    try:
        question = questions.decide(run, asked.item, choice, by=by, note=asked.note)
    except OSError as error:
        msg = f"the decision cannot be written: {error}"
        raise OrchError(msg) from None
    said = choice if question["options"] else "answered"
    sys.stdout.write(f"{asked.item}: {line(said)}, by {line(by)}\n")
    if orchestrator_of(run) is not None:
        sys.stdout.write("the run is at work, and takes it at once\n")
        return 0
    resume = one.resume_command(Path.cwd())
    if resume:
        sys.stdout.write(f"goes on with: {resume}\n")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        msg = "who decides? write --by NAME"
        raise UsageError(msg) from None
