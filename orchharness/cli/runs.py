"""`orchharness runs`: the runs of the project, or of all projects, newest first."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime

from orchharness.cli.project import all_homes, nothing_there, project_of, runs_in
from orchharness.cli.standing import Standing
from orchharness.cli.table import table
from orchharness.report.text import duration, line


def runs(asked: argparse.Namespace) -> int:
    """List them; that there are none is no failure."""
    project = project_of(asked)
    now = time.time()
    found = [Standing(run, now) for run in runs_in(all_homes() if asked.all else project.homes)]
    if asked.json:
        import json

        sys.stdout.write(json.dumps([one.to_record() for one in found], indent=1) + "\n")
    elif found:
        head = [
            "RUN",
            "PLAN",
            "STATE",
            "BEGAN",
            "TOOK",
            "TASKS",
            "GATES",
            *(["PROJECT"] if asked.all else []),
            "",
        ]
        rows = [_row(one, with_project=asked.all) for one in found]
        sys.stdout.write(table([head, *rows]))
    elif asked.all:
        sys.stderr.write("no runs of any project\n")
    else:
        sys.stderr.write(f"{nothing_there(project)}\n")
    return 0


def _row(one: Standing, *, with_project: bool) -> list[str]:
    tasks, gates = one.passed("task"), one.passed("gate")
    began, seconds = one.picture.began, one.seconds
    return [
        one.directory.run_id,
        line(one.plan),
        one.state,
        "" if began is None else began_at(began),
        "" if seconds is None else duration(seconds),
        f"{tasks[0]}/{tasks[1]}" if tasks[1] else "",
        f"{gates[0]}/{gates[1]}" if gates[1] else "",
        *([line(one.picture.header.get("root", ""))] if with_project else []),
        line(one.damage, 300) or one.situation,
    ]


def began_at(at: float) -> str:
    """A moment on the clock of who reads it."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "?"
