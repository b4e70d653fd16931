"""`orchharness cancel`: end a run. Its orchestrator does it where there is one; else it is done here."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from orchharness.agents import proc
from orchharness.cli import UsageError
from orchharness.cli.alive import Life, orchestrator_of, runs_driven_by
from orchharness.cli.project import Project, chosen_run, names_of, nothing_there, plan_of, project_of, runs_in
from orchharness.cli.standing import Standing
from orchharness.errors import OrchError
from orchharness.run.directory import RunDirectory

_LOOK = 0.2  # seconds between two looks whether the run was let go of


def cancel(asked: argparse.Namespace) -> int:
    """End the run that is meant; that there is nothing to end is no failure.

    Raises:
        UsageError: it cannot be told which one is meant.
        OrchError: something of it could not be ended.
    """
    project = project_of(asked)
    directory = _at_work(project) if asked.run is None else chosen_run(project, asked.run)
    if directory is None:
        _say("nothing to cancel: no run of this project is at work")
        return 0
    pid = orchestrator_of(directory)
    if pid is not None:
        _stop(directory, pid, asked.timeout)
        one = Standing(directory, time.time())
        if one.finished and not one.alive:
            _say(_told(one))
            return 0
        _say("its orchestrator ended without ending the run")
    from orchharness.cli.ending import end_run

    end_run(directory, Path.cwd(), _say)
    return 0


def _at_work(project: Project) -> RunDirectory | None:
    """The one run that is at work; None when none is.

    Raises:
        UsageError: more than one is, or there are no runs at all.
    """
    runs = runs_in(project.homes)
    if not runs:
        raise UsageError(nothing_there(project))
    now = time.time()
    found = [run for run in runs if _is_at_work(Standing(run, now))]
    if len(found) > 1:
        msg = f"more than one run is at work, say which one to end: {names_of(found)}"
        raise UsageError(msg)
    return found[0] if found else None


def _is_at_work(one: Standing) -> bool:
    """Whether it has an orchestrator, or agents that may be alive."""
    return one.pid is not None or any(a.life in {Life.ALIVE, Life.UNSEEN} for a in one.agents.values())


def _stop(directory: RunDirectory, pid: int, patience: float) -> None:
    """Ask the orchestrator to end its session, and wait until it let go of the run.

    Raises:
        OrchError: it is not ours to ask, or it did not in that time.
    """
    _refuse_others(directory, pid)
    for run in runs_driven_by(pid):
        if run.root != directory.root:
            _say(f"plan {plan_of(run)} (run {run.run_id}) is of the same session and ends with it")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if (
            orchestrator_of(directory) != pid
        ):  # from here on the descriptor means this process and no later one
            return
        # A stopped process takes it only when it goes on.
        for number in (signal.SIGTERM, signal.SIGCONT):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
        until, watch = time.monotonic() + patience, select.poll()
        watch.register(process, select.POLLIN)
        while not watch.poll(_LOOK * 1000):
            if time.monotonic() > until:
                break
        else:
            return
    finally:
        os.close(process)
    if orchestrator_of(directory) == pid:
        msg = (
            f"the orchestrator (pid {pid}) of run {directory.run_id} was asked to stop and did not in {patience:g} s; "
            f"ask again with more time: --timeout {max(60, 2 * patience):.0f}s"
        )
        raise OrchError(msg)


def _refuse_others(directory: RunDirectory, pid: int) -> None:
    """Refuse to send a signal to a process that cannot be known.

    Raises:
        OrchError: it cannot.
    """
    found = proc.look(pid) if pid and proc.supported() else None
    if found is None or not hasattr(os, "pidfd_open"):
        msg = (
            f"run {directory.run_id} has an orchestrator that cannot be seen from here: stop it where it runs"
        )
        raise OrchError(msg)
    owner = Path(f"/proc/{pid}").stat().st_uid
    if os.geteuid() not in {0, owner}:
        msg = f"the orchestrator (pid {pid}) of run {directory.run_id} belongs to another user ({owner})"
        raise OrchError(msg)


def _told(one: Standing) -> str:
    ended = [act.item for act in one.picture.acts.values() if act.outcome == "cancelled"]
    running = f"; was running and was ended: {', '.join(dict.fromkeys(ended))}" if ended else ""
    resume = one.resume_command(Path.cwd())
    further = f"\ngoes on with: {resume}" if resume and one.state != "passed" else ""
    return f"run {one.directory.run_id} is {one.state}: its orchestrator ended it{running}{further}"


def _say(text: str) -> None:
    with suppress(BrokenPipeError):  # that nobody listens must not leave a run half ended
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
