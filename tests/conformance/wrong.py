"""What the plugins that break a rule are written with."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from orchharness import (
    Finished,
    Handle,
    Kind,
    LocalProcess,
    Lost,
    OrchError,
    Preflight,
    Running,
    Unknown,
    hookimpl,
)

STARTED = {}


class Loose(subprocess.Popen):
    """Nobody waits for it, and Python is not to warn of that in some later test."""

    def __del__(self):
        pass


def words(request):
    return (request.options["program"], *request.options["args"], request.prompt or "")


def start(request, **more):
    """As somebody would write it who does not know LocalProcess."""
    given = {"args": words(request), "cwd": request.cwd, "env": {**os.environ, **request.env}}
    logs = [Path(request.folder, f"{name}.log") for name in ("stdout", "stderr")]
    with logs[0].open("ab") as out, logs[1].open("ab") as err:
        process = Loose(**{**given, "stdin": subprocess.DEVNULL, "stdout": out, "stderr": err, **more})
    STARTED[process.pid] = process
    return Handle(kind=request.kind, data={"pid": process.pid, "folder": request.folder, "key": request.key})


__all__ = [
    "STARTED",
    "Finished",
    "Handle",
    "Kind",
    "LocalProcess",
    "Lost",
    "OrchError",
    "Path",
    "Preflight",
    "Running",
    "Unknown",
    "contextlib",
    "hookimpl",
    "json",
    "os",
    "replace",
    "signal",
    "start",
    "subprocess",
    "sys",
    "time",
    "words",
]
