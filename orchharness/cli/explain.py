"""`orchharness explain`: what a plan will do, before anything is spent."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orchharness.cli import UsageError
from orchharness.cli.plans import Reader
from orchharness.errors import PlanError
from orchharness.planfile import no_garbage


def explain(asked: argparse.Namespace) -> int:
    """Print it; 1 when the plan is wrong, and what is.

    Raises:
        UsageError: it is a folder.
    """
    if Path(asked.plan).is_dir():
        msg = f"{asked.plan!r} is a folder: name one plan, or write 'pytest {asked.plan} --orch-explain'"
        raise UsageError(msg)
    reader = Reader(asked, [asked.plan])
    try:
        plan = reader.read(reader.paths[0])
    except PlanError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    from orchharness.explain import explain as explained
    from orchharness.explain import render

    with no_garbage():
        sys.stdout.write(render(plan, explained(plan), asked.shape or "text"))
    return 0
